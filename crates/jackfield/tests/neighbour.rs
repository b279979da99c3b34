//! Overload is what the server's own work brings about: a server with little to do that others keep from the processor
//! refuses nobody, however long its turns are. It stands in a file of its own, so that no other test is one of the neighbours.
//!
//! ```sh
//! JACKFIELD_PLANTED=62 cargo test -p jackfield --features planted-bugs --test neighbour
//! ```
//!
//! must fail: with this bug the time of other threads counts.

#![cfg(target_os = "linux")]

mod support;

use jackfield::{Client, Exchange, Request, Server};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use support::get;
use support::real::{self, Live};

/// What a request takes of the processor, and how many of a client's are answered in one turn. Together they are an eighth of
/// what would be overload, and beside so many neighbours they take twice as long as that.
const WORK: Duration = Duration::from_millis(3);
const REQUESTS_PER_TURN: usize = 2;
const LAG_TARGET: Duration = Duration::from_millis(50);
const NEIGHBOURS_PER_PROCESSOR: usize = 16;

/// Requests that a client has under way. So the server never waits for it, which would be the end of an overload.
const AHEAD: usize = 32;

/// After this many answers the processors have been shared for long.
const ANSWERS_FIRST: usize = 80;

/// Works for a request if it is asked to.
struct Worker;

impl Client for Worker {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        if request.path() == "/work" {
            real::work(WORK);
        }
        exchange.ok("text/plain", "~");
    }
}

/// Threads that keep every processor busy, several for each, until this is dropped.
struct Neighbours {
    stop: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Neighbours {
    fn new() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let count = NEIGHBOURS_PER_PROCESSOR * thread::available_parallelism().map_or(2, usize::from);
        let busy = |stop: Arc<AtomicBool>| move || while !stop.load(Ordering::Relaxed) {};
        let threads = (0..count).map(|_| thread::spawn(busy(stop.clone()))).collect();
        Self { stop, threads }
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().expect("it does nothing"));
    }
}

#[test]
fn b7_no_connection_is_refused_because_of_other_processes() {
    #[cfg(feature = "planted-bugs")]
    if let Some(bug) = std::env::var("JACKFIELD_PLANTED").ok().and_then(|number| number.parse().ok()) {
        jackfield::reactor::planted::select(bug);
    }
    let server = Server::builder().listen("127.0.0.1:0").reactors(1);
    let server = server.limits(|limits| {
        limits.lag_target = LAG_TARGET;
        limits.events_per_turn = REQUESTS_PER_TURN;
    });
    let server = server.bind().unwrap();
    let live = Live::run(server, |server| server.serve(|_peer| Worker));
    let neighbours = Neighbours::new();
    let (done, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            // One turn after the other is long, though the server works for a part of it only.
            let (mut stream, mut bytes, mut answers) = (live.connect(), [0; 1000], AHEAD);
            while !done.load(Ordering::Relaxed) {
                stream.write_all(get("/work").repeat(answers).as_bytes()).unwrap();
                let count = real::read_some(&mut stream, &mut bytes).unwrap();
                assert_ne!(count, 0);
                answers = bytes[..count].iter().filter(|byte| **byte == b'~').count();
                answered.fetch_add(answers, Ordering::Relaxed);
            }
        });
        real::wait_until(|| answered.load(Ordering::Relaxed) >= ANSWERS_FIRST);
        for _ in 0..4 {
            // More at once than an overloaded server lets in.
            let mut streams: Vec<TcpStream> = (0..20).map(|_| live.connect()).collect();
            for stream in &mut streams {
                // A connection that is refused gets an answer, and is reset.
                let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
            }
            streams.iter_mut().for_each(|stream| drop(stream.read_to_end(&mut Vec::new())));
        }
        done.store(true, Ordering::Relaxed);
    });
    let metrics = live.handle.metrics();
    assert_eq!((metrics.refused_overload, metrics.opened), (0, 81));
    drop(neighbours);
}
