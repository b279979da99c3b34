//! Group O of docs/features.md: watching a server.

use crate::support;
use jackfield::test::{TestOptions, TestServer, listener};
use jackfield::{
    AccessLog, Client, Exchange, Finished, Limits, Listener, Observer, Request, Server, WhenFull,
};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::probe::Probe;
use support::real::{Live, wait_until};
use support::{Lab, get, real, statuses, text};

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
            (2, "GET /none HTTP/1.1\" 000".into()),
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

/// The fault: behind a proxy, each line had the proxy's address.
#[test]
fn o6_a_client_behind_a_trusted_proxy_is_logged_with_its_own_address() {
    let ask = |lines: &str| format!("GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
    let post = "POST / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 203.0.113.8\r\nContent-Length: 40000\r\n\r\n";
    for (trusted, request, begin) in [
        (true, ask("X-Forwarded-For: 203.0.113.7\r\n"), "203.0.113.7 - - "),
        (true, ask("X-Forwarded-For: 2001:db8::7\r\n"), "2001:db8::7 - - "),
        (true, [post, &"x".repeat(40_000)].concat(), "203.0.113.8 - - "),
        (true, ask(""), "127.0.0.1 - - "),
        (false, ask("X-Forwarded-For: 203.0.113.7\r\n"), "127.0.0.1 - - "),
    ] {
        let lines = Lines::default();
        let listener = move |listener: Listener| match trusted {
            true => listener.trusted_proxies(["127.0.0.0/8"]),
            false => listener,
        };
        let options = TestOptions {
            access_log: Some(AccessLog::common(lines.clone())),
            listener: Box::new(listener),
            ..TestOptions::default()
        };
        let mut server = TestServer::with_options(options, |_peer| Page);
        let far = server.connect();
        far.send(request.as_bytes());
        server.run();
        drop(server);
        assert!(lines.text().starts_with(begin), "{trusted} {begin}: {}", lines.text());
    }
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

/// All listeners, or only those that were asked for, by their numbers, which a name with two addresses does not change.
#[test]
fn o6_each_listener_is_recorded_or_not() {
    check_recorded(|log| log, &["/0", "/1", "/2"]);
    check_recorded(|log| log.listener(2), &["/2"]);
}

/// Which paths are written, of three that are the numbers of their listeners.
#[track_caller]
fn check_recorded(choose: fn(AccessLog) -> AccessLog, expected: &[&str]) {
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
        .access_log(choose(AccessLog::common(log.clone())))
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
    wait_until(|| log.text().lines().count() >= expected.len() && !observed.text().is_empty());
    drop(live);
    assert_eq!(observed.text(), "/1 at 1\n");
    let log = log.text();
    let mut paths: Vec<&str> = log.lines().map(|line| line.split(' ').nth(6).unwrap()).collect();
    paths.sort_unstable();
    assert_eq!(paths, expected, "{log}");
}

/// A write that fails loses its lines, and the server goes on.
#[test]
fn o6_a_log_that_cant_be_written_blocks_no_connection() {
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
    let dropped = server.handle().metrics().access_log_dropped;
    let shown = format!("\njackfield_access_log_lines_dropped_total {dropped}\n");
    assert!(server.handle().metrics().prometheus().to_string().contains(&shown));
    drop(stuck);
    drop(server);
    assert_eq!(lines.text().lines().count() as u64 + dropped, 1000, "each line is written or counted");
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
    // One in the target, and three fields, which are written twice.
    assert_eq!(shown.matches("***").count(), 7, "{shown}");
}

/// The value of a metric in the text, which has exactly one.
#[track_caller]
fn value(text: &str, metric: &str) -> f64 {
    let mut values = text.lines().filter_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
    let value = values.next().unwrap_or_else(|| panic!("{metric} is in\n{text}"));
    assert_eq!(values.next(), None);
    value.parse().unwrap()
}

/// The text is what Prometheus can read: each metric with one help, one type, then its samples; counters end in `_total`,
/// times are in seconds and sizes in bytes, a help is a sentence, and the buckets of a histogram grow up to its count.
#[track_caller]
fn check_exposition(text: &str) {
    let mut names = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let (name, help) = line.strip_prefix("# HELP ").unwrap().split_once(' ').unwrap();
        assert!(is_sentence(help), "{help}");
        let kind = lines.next().unwrap().strip_prefix(&format!("# TYPE {name} ")).unwrap();
        assert!(!names.contains(&name) && name.starts_with("jackfield_"), "{name}");
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
        let units = [
            ("Bytes", "_bytes"),
            ("Time", "_seconds"),
            ("How long", "_seconds"),
            ("The longest", "_seconds"),
        ];
        let unit = units.into_iter().find(|(about, _)| help.starts_with(about)).map(|(_, unit)| unit);
        let named = name.trim_end_matches("_total");
        assert!(unit.is_none_or(|unit| named.ends_with(unit)), "{name}: {help}");
        names.push(name);
        let mut below = 0.0;
        while let Some(sample) = lines.next_if(|line| !line.starts_with('#')) {
            let (series, value) = sample.rsplit_once(' ').unwrap();
            let value: f64 = value.parse().unwrap();
            let (base, labels) = series.split_once('{').unwrap_or((series, "}"));
            assert!(labels.ends_with('}') && base.starts_with(name), "{sample}");
            if base.ends_with("_bucket") || base.ends_with("_count") {
                assert!(value >= below, "{sample}");
                below = value;
            } else {
                assert!(base == name || kind == "histogram", "{sample}");
            }
        }
    }
    assert!(names.len() > 20);
}

/// Whether it is one: it begins with an upper case letter or a number, ends with a full stop, and has no name of the code in it.
fn is_sentence(help: &str) -> bool {
    let is_name = |word: &str| word.contains(['_', '`']) || word.chars().skip(1).any(char::is_uppercase);
    let words = || help.split([' ', ',', '.']);
    help.starts_with(|first: char| first.is_uppercase() || first.is_ascii_digit())
        && help.ends_with('.')
        && !words().any(|word| is_name(word) && word != "WebSocket")
}

fn statused(paths: [&str; 2]) -> TestServer {
    let status_paths = Some(paths.map(str::to_owned));
    TestServer::with_options(TestOptions { status_paths, ..TestOptions::default() }, |_peer| Page)
}

fn ask(server: &mut TestServer, request: &str) -> String {
    let far = server.connect();
    far.send(request.as_bytes());
    server.run();
    text(&far.take())
}

#[test]
fn o4_metrics_and_health_are_served_before_any_client_is_asked() {
    let mut server = statused(["/m", "/h"]);
    ask(&mut server, &get("/missing"));
    let answer = ask(&mut server, &get("/m?all"));
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.contains("\r\nCache-Control: no-store\r\n"),
        "{answer}"
    );
    assert!(answer.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{answer}");
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    check_exposition(body);
    assert_eq!(value(body, "jackfield_http_requests_total"), 2.0);
    assert_eq!(value(body, "jackfield_connections"), 2.0);
    assert_eq!(value(body, "jackfield_connection_ends_total{reason=\"peer\"}"), 0.0);
    // The histogram of the turns has the buckets of the metrics, in seconds.
    assert!(body.contains("\n# TYPE jackfield_turn_seconds histogram\n"));
    for (bound, _) in server.handle().metrics().turn_times() {
        let bound = bound.map_or("+Inf".into(), |bound| bound.as_secs_f64().to_string());
        value(body, &format!("jackfield_turn_seconds_bucket{{le=\"{bound}\"}}"));
    }
    assert!(value(body, "jackfield_turn_seconds_sum") >= 0.0);
    let count = value(body, "jackfield_turn_seconds_count");
    assert_eq!(value(body, "jackfield_turn_seconds_bucket{le=\"+Inf\"}"), count);
    assert!(count <= value(body, "jackfield_turns_total"));
    for (request, status) in [
        (get("/h"), 200),
        (get("/h").replace("GET", "HEAD"), 200),
        (get("/h").replace("GET", "DELETE"), 405),
        ("POST /m HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc".into(), 405),
        (get("/h/"), 200),
        (get("/missing"), 404),
    ] {
        let answer = ask(&mut server, &request);
        assert_eq!(statuses(answer.as_bytes()), [status], "{request}");
        assert_eq!(answer.ends_with("\r\n\r\nrunning\n"), request.contains("GET /h "), "{answer}");
    }
}

#[test]
fn o4_every_http_listener_has_the_status_paths() {
    let status_paths = Some(["/metrics", "/health"].map(str::to_owned));
    let listeners = vec![Listener::tcp("a"), Listener::tcp("b")];
    let options = TestOptions { status_paths, listeners, ..TestOptions::default() };
    let mut server = TestServer::with_options(options, |_peer| Page);
    for listener in 0..2 {
        let far = server.connect_to(listener);
        for (path, said) in [("/metrics", "\njackfield_connections "), ("/health", "\r\n\r\nrunning\n")] {
            far.send(get(path).as_bytes());
            server.run();
            let answer = text(&far.take());
            assert!(
                answer.starts_with("HTTP/1.1 200 ") && answer.contains(said),
                "{listener} {path}: {answer}"
            );
        }
    }
}

#[test]
fn o4_by_default_nothing_is_served_but_what_the_client_serves() {
    let live = Live::serve(Server::builder().listen("127.0.0.1:0"), |_peer| Page);
    let mut stream = live.connect();
    for path in ["/metrics", "/health"] {
        let answer = real::ask(&mut stream, get(path));
        assert!(answer.ends_with("\r\n\r\nhello"), "{path}: {answer}");
    }
    assert_eq!(live.handle.listeners().len(), 1);
}

/// A request that has come before the shutdown is answered after it.
#[test]
fn o4_health_says_that_the_server_drains() {
    let mut server = statused(["/metrics", "/health"]);
    let far = server.connect();
    far.send(get("/health").as_bytes());
    server.handle().shutdown(jackfield::Drain::default());
    server.run();
    let answer = text(&far.take());
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.ends_with("draining\n"), "{answer}");
}

#[test]
fn o4_metrics_have_a_listener_of_their_own() {
    let builder = Server::builder().listen("127.0.0.1:0").listen(Listener::tcp("127.0.0.1:0").status());
    let live = Live::serve(builder, |peer| {
        assert_eq!(peer.listener(), 0, "no client is made for the others");
        Page
    });
    let mut stream = real::connect(live.addrs[1]);
    let requests = ["/health", "/metrics", "/"].map(get).concat();
    // One byte by itself, so that a head comes in pieces.
    stream.write_all(&requests.as_bytes()[..1]).unwrap();
    stream
        .write_all(
            requests[1..].replace("GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nConnection: close\r\n").as_bytes(),
        )
        .unwrap();
    let answers = real::read_to_end(&mut stream);
    assert_eq!(statuses(answers.as_bytes()), [200, 200, 404]);
    assert!(answers.contains("\njackfield_connections 1\n"), "{answers}");
    let mut stream = real::connect(live.addrs[1]);
    stream.write_all(b"nonsense\r\n\r\n").unwrap();
    assert_eq!(statuses(real::read_to_end(&mut stream).as_bytes()), [400]);
    let mut stream = real::connect(live.addrs[1]);
    stream.write_all(b"PUT /health HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n").unwrap();
    assert_eq!(statuses(&real::read_exactly(&mut stream, 12)), [405]);
    stream.write_all(b"123456789GET /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    assert!(real::read_to_end(&mut stream).ends_with("running\n"));
    wait_until(|| live.handle.count() == 0);
}

/// Each turn that was timed is in one place of the histogram.
#[test]
fn o5_times_of_turns_are_a_histogram() {
    let mut live = Live::serve(Server::builder().listen("127.0.0.1:0").reactors(1), |_peer| Page);
    let mut stream = real::connect(live.addr());
    for _ in 0..20 {
        real::ask(&mut stream, get("/missing"));
    }
    // Nothing is counted while it is read.
    live.handle.shutdown(jackfield::Drain::now());
    live.join().unwrap();
    let metrics = live.handle.metrics();
    let times: Vec<_> = metrics.turn_times().collect();
    assert!(times.is_sorted_by_key(|(_, below)| *below));
    assert!(times[..times.len() - 1].is_sorted_by_key(|(bound, _)| *bound));
    let (last, timed) = times[times.len() - 1];
    assert!(last.is_none() && timed > 0 && timed <= metrics.turns, "{times:?}");
    assert!(metrics.turn_ns_sum >= metrics.turn_ns_max && metrics.turn_ns_max >= metrics.turn_ns);
}

/// A status listener has its own places: it is served while the server is full, and never has more than its places.
#[test]
fn o4_a_status_listener_is_served_while_the_server_is_full() {
    for when_full in [WhenFull::Refuse, WhenFull::Wait, WhenFull::EvictIdle] {
        let limits =
            Limits::default().with(|limits| (limits.connections_max, limits.when_full) = (70, when_full));
        let listeners = vec![Listener::tcp("http"), Listener::tcp("status").status()];
        let options = TestOptions { limits, listeners, ..TestOptions::default() };
        let mut server = TestServer::with_options(options, |_peer| Page);
        let clients: Vec<_> = (0..70).map(|_| server.connect()).collect();
        server.run();
        assert_eq!(server.handle().count(), 70);
        let mut looking: Vec<_> = (0..64).map(|_| server.connect_to(1)).collect();
        for far in &looking {
            far.send(get("/health").as_bytes());
            server.run();
            assert_eq!(statuses(&far.take()), [200], "{when_full:?}");
        }
        // One more is too many, and takes no other connection's place.
        let one_more = server.connect_to(1);
        one_more.send(get("/health").as_bytes());
        server.run();
        let waits = when_full == WhenFull::Wait;
        assert_eq!(statuses(&one_more.take()), if waits { vec![] } else { vec![503] }, "{when_full:?}");
        assert!(clients.iter().all(|far| !far.has_server_finished() && !far.is_reset()), "{when_full:?}");
        looking.drain(..).for_each(|far| far.finish());
        server.run();
        assert_eq!(statuses(&one_more.take()), if waits { vec![200] } else { vec![] }, "{when_full:?}");
    }
}

/// The fault: a peer that sent a byte of its body now and then kept one of the few places of the listener.
#[test]
fn o4_a_status_listener_does_not_wait_for_a_slow_body() {
    let options = TestOptions { listeners: vec![Listener::tcp("status").status()], ..TestOptions::default() };
    let mut lab = Lab::with_options(options, Probe::default);
    let far = lab.connect();
    let asked = lab.ask(&far, "POST /health HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n");
    assert!(asked.starts_with("HTTP/1.1 405 "), "{asked}");
    for _ in 0..60 {
        lab.say(&far, "x");
        lab.advance(Duration::from_secs(1));
    }
    assert_eq!(lab.connections(), 0);
}
