//! O1: logs. A process has one logger, so it has a file of its own. It keeps the lines of each test apart, by thread.

mod support;
#[path = "support/tls.rs"]
mod tls;

use jackfield::test::{TestOptions, TestServer};
use jackfield::{
    BrokerEvent, Client, Drain, Exchange, Files, Limits, Listener, LogCrate, Observer, Outgoing, Raw,
    Request, Server,
};
use std::cell::RefCell;
use std::io::Write;
use std::time::Duration;
use support::get;

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct Lines;

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let field = |key: &str| record.key_values().get(key.into()).map(|value| format!("{key}={value} "));
        let fields: String =
            ["connection", "listener", "reactor", "bytes"].into_iter().filter_map(field).collect();
        let line = format!("{} {} {fields}{}", record.level(), record.target(), record.args());
        LINES.with_borrow_mut(|lines| lines.push(line));
    }

    fn flush(&self) {}
}

/// What was logged on this thread by this.
fn logged(act: impl FnOnce()) -> Vec<String> {
    // Another test may have set it.
    let _ = log::set_logger(&Lines);
    log::set_max_level(log::LevelFilter::Trace);
    LINES.take();
    act();
    LINES.take()
}

/// The one line that was logged on this thread by this.
fn line(act: impl FnOnce()) -> String {
    let lines = logged(act);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.concat()
}

struct Clumsy;

impl Client for Clumsy {
    fn on_request(&mut self, _exchange: Exchange<'_>, request: &Request<'_>) {
        assert!(request.path() != "/panic", "a mishap");
    }

    /// It keeps all that it is sent.
    fn on_data(&mut self, _raw: &mut Raw<'_>, _data: &mut [u8]) -> usize {
        0
    }
}

fn ask(server: &mut TestServer, path: &str) {
    let far = server.connect();
    far.send(get(path).as_bytes());
    server.run();
}

#[test]
fn o1_logs_have_a_level_a_target_and_the_connection() {
    let mut server = TestServer::new(|_peer| Clumsy);
    let lines = logged(|| ask(&mut server, "/panic?token=secret"));
    let panicked = &lines[0];
    assert!(panicked.starts_with("ERROR jackfield::client connection=r0-0.0 r0-0.0: "), "{panicked}");
    assert!(panicked.ends_with(": a callback panicked: a mishap"), "{panicked}");
    let forgotten = logged(|| ask(&mut server, "/?token=secret"));
    let all = [lines, forgotten].concat();
    assert!(all.iter().all(|line| line.contains(" jackfield::") && !line.contains("secret")), "{all:?}");
}

/// What concerns a listener, a reactor or an amount of memory names it in a key-value, and each area has its target.
#[test]
fn o1_each_area_has_its_target_and_its_key_values() {
    let mut limits = Limits::default().with(|limits| limits.outgoing_max = 0);
    limits.reactor.wire_memory_bytes_max = 1000;
    let identity = tls::Identity::new();
    let tls = Some(identity.server_config());
    let mut server =
        TestServer::with_options(TestOptions { limits, ..TestOptions::default() }, |_peer| Clumsy);
    let mut secure = TestServer::with_options(TestOptions { tls, ..TestOptions::default() }, |_peer| Clumsy);
    let handle = server.handle();
    let paused = line(|| handle.pause_listening(0).unwrap());
    assert_eq!(paused, "INFO jackfield::accept listener=0 listener 0 is Paused");
    let overloaded = line(|| {
        for _ in 0..11 {
            server.report_lag(Duration::from_millis(10));
            server.advance(Duration::from_millis(10));
        }
    });
    let begin = "WARN jackfield::overload reactor=0 reactor 0 is overloaded: ";
    assert!(overloaded.starts_with(begin), "{overloaded}");
    server.advance(Duration::from_secs(1));
    let evicted = logged(|| {
        let far = server.connect_to(jackfield::test::listener::RAW);
        far.send(&[b'x'; 5000]);
        server.run();
    });
    let evicted = evicted.iter().find(|line| line.contains(" jackfield::memory ")).expect("it is evicted");
    assert!(evicted.starts_with("WARN jackfield::memory connection=r0-0."), "{evicted}");
    let bytes = evicted.split("bytes=").nth(1).and_then(|rest| rest.split(' ').next()).expect("a number");
    assert!(bytes.parse::<usize>().expect("a number") > 1000, "{evicted}");
    assert!(evicted.ends_with(&format!(" evicted, because its buffers hold {bytes} bytes")), "{evicted}");
    let failed = line(|| ask(&mut secure, "/"));
    assert!(failed.starts_with("DEBUG jackfield::tls connection=r0-0.0 r0-0.0 from "), "{failed}");
    let refused = line(|| {
        handle.connect(Outgoing::tcp("127.0.0.1:1")).unwrap();
        server.run();
    });
    assert!(refused.starts_with("WARN jackfield::connect "), "{refused}");
    let ended = logged(|| {
        handle.shutdown(Drain::now());
        server.run();
    });
    let begin = "DEBUG jackfield::server the server was ";
    assert!(ended.len() == 2 && ended.iter().all(|line| line.starts_with(begin)), "{ended:?}");
    assert!(ended[1].ends_with(" Draining and is Stopped"), "{ended:?}");
    let reached = line(|| Silent.on_broker(BrokerEvent::Up));
    assert_eq!(reached, "INFO jackfield::broker the broker can be reached");
    let served = line(|| LogCrate.write_all(b"a line of the access log\n").unwrap());
    assert_eq!(served, "INFO jackfield::access a line of the access log");
}

struct Folder(Files);

impl Client for Folder {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        self.0.answer(exchange, request);
    }
}

#[test]
fn o1_a_file_that_can_not_be_read_on_is_logged() {
    let path = std::env::temp_dir().join(format!("jackfield-log-{}", std::process::id()));
    std::fs::write(&path, vec![7; 3 << 20]).unwrap();
    let files = Files::file(&path).unwrap();
    let mut server = TestServer::new(move |_peer| Folder(files.clone()));
    let far = server.connect();
    far.set_room(Some(100_000));
    far.send(get("/").as_bytes());
    server.run();
    std::fs::write(&path, "short").unwrap();
    let broken = line(|| {
        far.set_room(None);
        server.run();
    });
    std::fs::remove_file(&path).unwrap();
    let begin = "DEBUG jackfield::offload connection=r0-0.0 r0-0.0: the rest of a body can't be read: ";
    assert!(broken.starts_with(begin), "{broken}");
}

/// An observer that observes nothing: what happens is logged.
struct Silent;

impl Observer for Silent {}

#[test]
fn l5_a_backlog_that_the_system_does_not_allow_is_logged() {
    let bind = |backlog| {
        logged(|| drop(Server::bind(Listener::tcp("127.0.0.1:0").backlog(backlog)).expect("a free port")))
    };
    let about_backlog =
        |lines: Vec<String>| lines.into_iter().filter(|line| line.contains("backlog")).collect::<Vec<_>>();
    assert_eq!(about_backlog(bind(7)), [""; 0]);
    let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn");
    if let Some(most) = most.ok().and_then(|most| most.trim().parse::<u32>().ok()) {
        let told = format!(
            "WARN jackfield::accept `127.0.0.1:0`: the system allows a backlog of {most} connections, not {}: \
             see `somaxconn`",
            u32::MAX
        );
        assert_eq!(about_backlog(bind(u32::MAX)), [told]);
    }
}
