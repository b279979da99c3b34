//! Group O of docs/features.md: watching a server.

mod support;

use jackfield::test::{TestOptions, TestServer, listener};
use jackfield::{AccessLog, Client, Exchange, Finished, Observer, Request, Server};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::real::{Live, wait_until};
use support::{get, real, statuses, text};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        text(&self.0.lock().unwrap())
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Page;

impl Client for Page {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        match request.path() {
            "/missing" => exchange.not_found(),
            "/none" => {
                let mut exchange = exchange;
                exchange.abort();
            }
            _ => exchange.ok("text/plain", "hello"),
        }
    }
}

/// What is written for these requests, each on a connection of its own, and the bytes of each answer.
fn logged(log: impl FnOnce(Lines) -> AccessLog, requests: &[&str]) -> Vec<(String, usize)> {
    let lines = Lines::default();
    let options = TestOptions { access_log: Some(log(lines.clone())), ..TestOptions::default() };
    let mut server = TestServer::with_options(options, |_peer| Page);
    let mut sizes = Vec::new();
    for request in requests {
        let far = server.connect();
        far.send(request.as_bytes());
        server.run();
        sizes.push(far.take().len());
        server.advance(Duration::from_millis(700));
    }
    drop(server);
    let text = lines.text();
    assert!(text.ends_with('\n'), "{text:?}");
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), requests.len(), "{lines:?}");
    lines.into_iter().zip(sizes).collect()
}

#[test]
fn o6_the_common_form_has_a_line_for_each_exchange() {
    let requests = [
        &*get("/a?token=x"),
        "HEAD /missing HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /\"q\\\" HTTP/1.0\r\n\r\n",
        &get("/none"),
        "PUT http://h/b?c=\"d HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
    ];
    let check = |logged: Vec<(String, usize)>, queries: [&str; 2]| {
        let expected = [
            (0, format!("GET /a{} HTTP/1.1\" 200", queries[0])),
            (0, "HEAD /missing HTTP/1.1\" 404".into()),
            (1, "GET /\\x22q\\x5C\\x22 HTTP/1.0\" 200".into()),
            (2, "GET /none HTTP/1.1\" 0".into()),
            (2, format!("PUT /b{} HTTP/1.1\" 200", queries[1])),
        ];
        for ((line, bytes), (second, asked)) in logged.iter().zip(expected) {
            let whole = format!("127.0.0.1 - - [01/Jan/2026:00:00:0{second} +0000] \"{asked} {bytes}");
            assert_eq!(*line, whole);
        }
    };
    check(logged(AccessLog::common, &requests), ["", ""]);
    let queries = logged(|lines| AccessLog::common(lines).queries(true), &requests);
    check(queries, ["?token=***", "?c=\\x22d"]);
}

#[test]
fn o6_the_json_form_can_be_read() {
    let requests = [&*get("/a\"\\?b=\"&secret=x"), &get("/none")];
    let lines = logged(|lines| AccessLog::json(lines).queries(true), &requests);
    let first: serde_json::Value = serde_json::from_str(&lines[0].0).unwrap();
    let peer = first["peer"].as_str().unwrap();
    assert!(peer.starts_with("127.0.0.1:"), "{peer}");
    let expected = serde_json::json!({
        "time": "2026-01-01T00:00:00Z", "peer": peer, "listener": 0, "method": "GET", "path": "/a\"\\",
        "query": "b=\"&secret=***", "version": "1.1", "status": 200, "bytes_in": requests[0].len(),
        "bytes_out": lines[0].1, "ms": 0, "complete": true,
    });
    assert_eq!(first, expected);
    assert!(lines[1].0.ends_with("\"complete\":false}"), "{}", lines[1].0);
}

/// Only those of the listeners that were asked for, by their numbers, which a name with two addresses does not change.
#[test]
fn o6_each_listener_is_recorded_or_not() {
    struct Second(Lines);
    impl Observer for Second {
        fn wants_finished(&self, listener: usize) -> bool {
            listener == 1
        }

        fn on_finished(&self, finished: &Finished<'_>) {
            writeln!(self.0.clone(), "{} at {}", finished.path, finished.listener).unwrap();
        }
    }
    let (log, observed) = (Lines::default(), Lines::default());
    let builder = Server::builder()
        .listen("localhost:0")
        .listen("127.0.0.1:0")
        .listen("127.0.0.1:0")
        .access_log(AccessLog::common(log.clone()).listener(2))
        .observer(Second(observed.clone()));
    let live = Live::serve(builder, |_peer| Page);
    for (number, addr) in live.addrs.iter().rev().take(3).enumerate() {
        let mut stream = real::connect(*addr);
        stream
            .write_all(
                get(&format!("/{}", 2 - number))
                    .replace("Host: h", "Host: h\r\nConnection: close")
                    .as_bytes(),
            )
            .unwrap();
        assert!(real::read_to_end(&mut stream).ends_with("hello"));
    }
    wait_until(|| !log.text().is_empty() && !observed.text().is_empty());
    drop(live);
    assert_eq!(observed.text(), "/1 at 1\n");
    let log = log.text();
    assert!(log.contains("\"GET /2 HTTP/1.1\"") && log.lines().count() == 1, "{log}");
}

/// A write that fails loses its lines, and the server goes on.
#[test]
fn o6_a_log_that_cant_be_written_holds_nobody_up() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let options = TestOptions { access_log: Some(AccessLog::common(Full)), ..TestOptions::default() };
    let mut server = TestServer::with_options(options, |_peer| Page);
    let far = server.connect_to(listener::HTTP);
    for _ in 0..3 {
        far.send(get("/").as_bytes());
        server.run();
        assert_eq!(statuses(&far.take()), [200]);
    }
}

/// While nothing is written, lines gather up to a bound; the others are dropped.
#[test]
fn o6_lines_that_wait_are_bounded() {
    /// Writes nothing before it may.
    struct Stuck(Arc<Mutex<()>>, Lines);
    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _may = self.0.lock().unwrap();
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (gate, lines) = (Arc::new(Mutex::new(())), Lines::default());
    let log = AccessLog::common(Stuck(gate.clone(), lines.clone()));
    let options = TestOptions { access_log: Some(log), ..TestOptions::default() };
    let mut server = TestServer::with_options(options, |_peer| Page);
    let far = server.connect();
    let long = get(&format!("/{}", "x".repeat(4000)));
    let stuck = gate.lock().unwrap();
    for _ in 0..1000 {
        far.send(long.as_bytes());
        server.run();
        assert_eq!(statuses(&far.take()), [200]);
    }
    drop(stuck);
    drop(server);
    // A buffer that is being written, and one that fills: each with the end of its last line.
    let bytes = lines.0.lock().unwrap().len();
    assert!(bytes > 1 << 20 && bytes < (2 << 20) + 2 * long.len(), "{bytes}");
}

/// Authorization, cookies, and what speaks of a secret in a query.
#[test]
fn o2_a_request_is_shown_without_its_secrets() {
    #[derive(Clone)]
    struct Shows(Lines);
    impl Client for Shows {
        fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
            write!(self.0, "{request:?} {:?}", request.headers()).unwrap();
            exchange.ok("", "");
        }
    }
    let lines = Lines::default();
    let shows = Shows(lines.clone());
    let mut server = TestServer::new(move |_peer| shows.clone());
    let far = server.connect();
    far.send(
        b"GET /a?b=seen&access_token=hidden HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer hidden\r\n\
          cookie: a=hidden\r\nX-Api-Key: hidden\r\nX: seen\r\n\r\n",
    );
    server.run();
    let shown = lines.text();
    assert_eq!((shown.matches("hidden").count(), shown.matches("seen").count()), (0, 3), "{shown}");
}
