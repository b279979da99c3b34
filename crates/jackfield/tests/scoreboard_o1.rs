//! O1: logs. A process has one logger, so it has a file of its own.

mod support;

use jackfield::test::TestServer;
use jackfield::{Client, Exchange, Request};
use std::sync::Mutex;
use support::get;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Lines;

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let field = |key: &str| record.key_values().get(key.into()).map(|value| format!("{key}={value} "));
        let fields: String = ["connection", "listener", "bytes"].into_iter().filter_map(field).collect();
        let line = format!("{} {} {fields}{}", record.level(), record.target(), record.args());
        LINES.lock().unwrap().push(line);
    }

    fn flush(&self) {}
}

struct Clumsy;

impl Client for Clumsy {
    fn on_request(&mut self, _exchange: Exchange<'_>, request: &Request<'_>) {
        assert!(request.path() != "/panic", "a mishap");
    }
}

#[test]
fn o1_logs_have_a_level_a_target_and_the_connection() {
    log::set_logger(&Lines).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let mut server = TestServer::new(|_peer| Clumsy);
    let far = server.connect();
    far.send(get("/panic?token=secret").as_bytes());
    server.run();
    let far = server.connect();
    far.send(get("/").as_bytes());
    server.run();
    let lines = LINES.lock().unwrap();
    let panicked = &lines[0];
    assert!(panicked.starts_with("ERROR jackfield::client connection=r0-0.0 r0-0.0: "), "{panicked}");
    assert!(panicked.ends_with(": a callback panicked: a mishap"), "{panicked}");
    assert!(lines.iter().all(|line| line.contains(" jackfield::") && !line.contains("secret")), "{lines:?}");
    drop(lines);

    // What concerns a listener names it.
    server.handle().pause_listening(0).unwrap();
    let lines = LINES.lock().unwrap();
    let paused = lines.last().expect("a line");
    assert_eq!(paused, "INFO jackfield::accept listener=0 listener 0 is Paused");
}
