//! Faults of the edges of HTTP, lines and logs: what is counted, and what goes on after a failure.

use crate::support;
use jackfield::test::{TestOptions, TestServer, listener};
use jackfield::{AccessLog, Limits, OnRateExceeded, Rate};
use std::io::{self, Write};
use std::sync::mpsc::{self, Sender};
use support::probe::Probe;
use support::{Lab, get, real, text};

/// The fault: a line that was too long was reported and dropped, and was no message for the rate.
#[test]
fn lines_that_are_too_long_are_counted_by_the_rate() {
    let long = "x".repeat(100);
    let line = format!("{long}\n");
    for parts in [vec![&*line], vec![&*long, "\n"]] {
        let mut limits = Limits::default();
        limits.line_bytes_max = 64;
        limits.rate = Rate::new(10, 0).on_exceeded(OnRateExceeded::Close);
        let mut lab = Lab::with_limits(limits, || Probe { on_line_limit: |_, _| {}, ..Probe::default() });
        let far = lab.connect_to(listener::LINES);
        for _ in 0..10 {
            for part in &parts {
                lab.say(&far, part);
            }
        }
        assert!(!far.has_server_finished(), "ten are allowed: {:?}", lab.log.events());
        lab.say(&far, &line);
        far.finish();
        lab.run();
        assert_eq!(lab.log.count("line limit"), 10);
        assert!(lab.log.has("disconnect Limit(Rate)"), "{:?}", lab.log.events());
    }
}

/// A sink that panics at its first write. It passes on what it gets.
struct Clumsy(Sender<String>, bool);

impl Write for Clumsy {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let _ = self.0.send(text(lines));
        assert!(std::mem::replace(&mut self.1, true), "the first write");
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The fault: the thread that writes was over, and all later lines were dropped.
#[test]
fn an_access_log_goes_on_after_a_panic_of_its_sink() {
    let (sender, written) = mpsc::channel();
    let log = AccessLog::common(Clumsy(sender, false));
    let options = TestOptions { access_log: Some(log), ..TestOptions::default() };
    let mut lab = Lab::with_options(options, Probe::default);
    let far = lab.connect();
    for path in ["/first", "/second"] {
        lab.say(&far, get(path));
        let lines = written.recv_timeout(real::LONG).expect("it is written");
        assert!(lines.contains(path), "{lines}");
    }
}

/// The fault: a test with an access log of a listener that is not there passed and wrote nothing.
#[test]
#[should_panic(expected = "listener 3: there are 3")]
fn in_a_test_too_an_access_log_of_a_missing_listener_is_refused() {
    let access_log = Some(AccessLog::common(io::sink()).listener(2).listener(3));
    TestServer::with_options(TestOptions { access_log, ..TestOptions::default() }, |_peer| Probe::default());
}
