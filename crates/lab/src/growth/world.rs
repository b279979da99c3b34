//! A server in memory that is its own peer: it measures the cost of an event without a kernel, for any number of
//! connections.
//!
//! It runs as a process of its own, so that its memory can be measured, with one server for each thread. The peers'
//! ends of the connections are in the same process: reading and writing at these ends is not timed, but a counter of
//! instructions counts it. Their memory is known from a run with only these ends.

use super::args::World;
use crate::base::cores;
use crate::compare::rows::HOST;
use jackfield::reactor::Pipe;
use jackfield::test::{FarEnd, TestServer};
use jackfield_cli::base::proc;
use jackfield_cli::serve::Builtin;
use jackfield_proto::websocket::{Opcode, encode_masked, encode_request};
use serde_json::{Value, json};
use std::io;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

/// Events that become ready together, as a busy reactor finds them.
const BATCH: usize = 64;
/// The distance from one active connection to the next, so that the next is far away in memory.
const STRIDE: usize = 7_919;

/// Plays this number of events, and prints their costs as JSON.
///
/// # Errors
/// No thread can be started.
pub(crate) fn run(args: &World) -> io::Result<Value> {
    if args.only_ends {
        return Ok(json!({ "bytes": only_ends(args) }));
    }
    let start = Arc::new(Barrier::new(args.threads));
    let threads: Vec<_> = (0..args.threads)
        .map(|number| {
            let (args, start) = (args.clone(), start.clone());
            thread::Builder::new().spawn(move || play(&args, number, &start))
        })
        .collect::<io::Result<_>>()?;
    let runs =
        threads.into_iter().map(|thread| thread.join().map_err(|_| io::Error::other("a thread failed")));
    let runs: Vec<Run> = runs.collect::<io::Result<_>>()?;
    let sum = |of: fn(&Run) -> Duration| runs.iter().map(of).sum::<Duration>();
    Ok(json!({
        "events": args.events * args.threads,
        "server_ns": nanos(sum(|run| run.served)),
        "cpu_ns": nanos(sum(|run| run.cpu)),
        "elapsed_ns": runs.iter().map(|run| nanos(run.elapsed)).max(),
        "bytes": runs.iter().map(|run| run.bytes).sum::<u64>(),
    }))
}

/// The result of one thread.
struct Run {
    /// The time of the server's turns.
    served: Duration,
    elapsed: Duration,
    /// The thread's processor time, peers' ends included.
    cpu: Duration,
    /// The growth of this process's memory while the connections were opened.
    bytes: u64,
}

fn play(args: &World, number: usize, start: &Barrier) -> Run {
    // If that is refused, the system chooses the cores.
    let _ = args.cores.get(number).map(|core| cores::pin(*core));
    let words = Words::new(args.ws);
    let before = memory();
    let mut server = TestServer::new(|_peer| Builtin::default());
    let mut ends: Vec<FarEnd> = Vec::with_capacity(args.connections);
    for _ in 0..args.connections.max(1) {
        ends.push(server.connect());
    }
    for some in ends.chunks(BATCH) {
        for words in words.first() {
            say(&mut server, some, words);
        }
    }
    let bytes = memory().saturating_sub(before);
    start.wait();
    let (begin, cpu) = (Instant::now(), proc::thread_cpu());
    let (mut served, mut at, mut left) = (Duration::ZERO, 0, args.events);
    while left > 0 {
        let count = BATCH.min(left).min(ends.len());
        let some: Vec<FarEnd> = (0..count)
            .map(|_| {
                at = (at + STRIDE) % ends.len();
                ends[at].clone()
            })
            .collect();
        served += say(&mut server, &some, &words.event);
        left -= count;
    }
    Run { served, elapsed: begin.elapsed(), cpu: proc::thread_cpu().saturating_sub(cpu), bytes }
}

/// Sends `words` from these peers, and gives the server's time for it.
fn say(server: &mut TestServer, ends: &[FarEnd], words: &[u8]) -> Duration {
    ends.iter().for_each(|far| far.send(words));
    let begin = Instant::now();
    server.run();
    let served = begin.elapsed();
    for far in ends {
        assert!(!far.take().is_empty(), "the server answers");
    }
    served
}

/// The input of connections.
struct Words {
    upgrade: Option<Vec<u8>>,
    event: Vec<u8>,
}

impl Words {
    fn new(ws: bool) -> Self {
        let (mut upgrade, mut event) = (Vec::new(), Vec::new());
        if !ws {
            return Self {
                upgrade: None,
                event: format!("GET /plaintext HTTP/1.1\r\nHost: {HOST}\r\n\r\n").into(),
            };
        }
        let encoded = encode_request("/", HOST, [7; 16], &[], &[], &mut upgrade);
        debug_assert!(encoded.is_ok(), "path and host are constant and valid");
        encode_masked(Opcode::Binary, true, &[b'x'; 20], [1, 2, 3, 4], &mut event);
        Self { upgrade: Some(upgrade), event }
    }

    /// The input of a connection before it is measured.
    fn first(&self) -> impl Iterator<Item = &[u8]> {
        self.upgrade.iter().map(Vec::as_slice).chain([&*self.event])
    }
}

/// The memory of the peers' ends alone, without the pointer in the server's own tables.
fn only_ends(args: &World) -> u64 {
    let words = Words::new(args.ws);
    let longest = words.first().max_by_key(|words| words.len()).unwrap_or_default();
    let before = memory();
    let ends: Vec<(Pipe, FarEnd)> = (0..args.connections)
        .map(|_| {
            let (near, far) = Pipe::pair();
            far.send(longest);
            (near, far)
        })
        .collect();
    let grown = memory().saturating_sub(before);
    grown.saturating_sub((ends.len() * size_of::<Pipe>()) as u64)
}

fn memory() -> u64 {
    proc::own_memory(std::process::id()).unwrap_or_default()
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
