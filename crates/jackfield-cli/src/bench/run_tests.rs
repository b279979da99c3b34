//! Whole runs in which a fault would stop a thread of this program for ever.

use super::plan::{Plan, Play};
use super::raw::Raw;
use super::run::run;
use super::server::Server;
use crate::base::progress::Progress;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// More than the kernel keeps for a connection, so that some of it waits in this program.
const BLOCK_BYTES: usize = 16 << 20;

/// Answers with a byte, ends its side, and reads on slowly.
fn end_early(mut stream: TcpStream) {
    let mut room = [0; 4096];
    let heard = stream.read(&mut room);
    let said = stream.write_all(b"x").and_then(|()| stream.shutdown(Shutdown::Write));
    if matches!((heard, said), (Ok(1..), Ok(()))) {
        while matches!(stream.read(&mut room), Ok(1..)) {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// The fault: a connection that had closed and still had bytes to send was offered what was due again and again, without an end.
#[test]
fn a_connection_that_is_closing_gets_no_operation() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let addr = listener.local_addr().expect("it has an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || end_early(stream));
        }
    });
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || {
        let plan = Plan {
            rate: Some(5.0),
            pipeline: 8,
            size: BLOCK_BYTES,
            timeout: Duration::from_millis(500),
            ..Plan::new(Play::Raw, Duration::from_secs(1))
        };
        let server = Server::running(addr, "a", std::process::id());
        let stop = AtomicBool::new(false);
        let outcome = run(|| Raw::new(plan.size), &plan, &server, &stop, Progress::new());
        // Nobody waits for it any more if the test has failed.
        let _ = sender.send(outcome.is_ok());
    });
    assert_eq!(ended.recv_timeout(Duration::from_secs(300)), Ok(true), "it ends");
}
