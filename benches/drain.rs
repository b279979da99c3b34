//! A drain of many connections: how long it takes until the last one is gone, and how long its turns are. `drain.sh` starts it.
//! The exit code is 1 if a drain misses a goal.
//!
//! The clients are in another process, this one again, for each may have a limited number of descriptors.

use jackfield::{Client, Drain, Metrics, Server};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

struct Idle;

impl Client for Idle {}

/// What is drained.
struct Case {
    name: &'static str,
    is_websocket: bool,
    drain: fn() -> Drain,
}

const CASES: [Case; 3] = [
    Case { name: "HTTP", is_websocket: false, drain: Drain::default },
    Case { name: "HTTP, without a grace", is_websocket: false, drain: Drain::now },
    Case { name: "WebSockets", is_websocket: true, drain: Drain::default },
];
const CONNECTIONS: [usize; 2] = [2000, 16_000];
/// The goals: a drain of eight times as many takes at most eight times as long, and no turn of it longer than this.
const RATIO_MAX: f64 = 8.0;
const TURN_MAX: Duration = Duration::from_millis(5);

const OPENING: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
/// A Close frame with code 1001, masked with zeros.
const CLOSE: &[u8] = &[0x88, 0x82, 0, 0, 0, 0, 3, 0xe9];

fn main() -> jackfield::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [addr, count, is_websocket] = &arguments[..] {
        connect(addr, count.parse().expect("a number of connections"), is_websocket == "true");
        return Ok(ExitCode::SUCCESS);
    }
    let mut is_met = true;
    for case in CASES {
        is_met &= compare(&case)?;
    }
    Ok(if is_met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Drains few and many, and says whether both goals are met.
fn compare(case: &Case) -> jackfield::Result<bool> {
    let [few, many] = CONNECTIONS;
    let (short, calm) = drained(case, few)?;
    let (long, busy) = drained(case, many)?;
    let ratio = long.as_secs_f64() / short.as_secs_f64();
    let is_met = ratio <= RATIO_MAX && calm.max(busy) <= TURN_MAX;
    let verdict = if is_met { "met" } else { "missed" };
    println!("{}: {} times as many take {ratio:.1} times as long: {verdict}", case.name, many / few);
    Ok(is_met)
}

/// Opens this number of connections, reports that, and closes each when the server has.
fn connect(addr: &str, count: usize, is_websocket: bool) {
    let open = |_| {
        let mut stream = TcpStream::connect(addr).expect("a connection");
        if is_websocket {
            stream.write_all(OPENING).expect("it is sent");
            assert!(stream.read(&mut [0; 512]).expect("an answer") > 12);
        }
        stream
    };
    let streams: Vec<TcpStream> = (0..count).map(open).collect();
    println!("connected");
    for mut stream in streams {
        if is_websocket {
            assert!(stream.read(&mut [0; 64]).expect("a Close frame") > 0);
            stream.write_all(CLOSE).expect("it is sent");
        }
        // Without a grace it is a reset.
        assert!(matches!(stream.read(&mut [0]), Ok(0) | Err(_)), "nothing comes any more");
    }
}

/// How long the drain of this number of connections takes, until the server has ended, and its longest turn.
fn drained(case: &Case, count: usize) -> jackfield::Result<(Duration, Duration)> {
    let server = Server::builder().listen("127.0.0.1:0").websocket_paths(["/"]).reactors(1).bind()?;
    let (addr, handle) = (server.local_addr(), server.handle());
    let serves = thread::spawn(move || server.serve(|_peer| Idle));
    let this = std::env::current_exe().expect("a path");
    let mut clients = Command::new(this);
    let arguments = [addr.to_string(), count.to_string(), case.is_websocket.to_string()];
    let mut clients = clients.args(arguments).stdout(Stdio::piped()).spawn().expect("the clients");
    let mut said = String::new();
    let output = clients.stdout.take().expect("it is piped");
    BufReader::new(output).read_line(&mut said).expect("they connect");
    while handle.count() < count {
        thread::sleep(Duration::from_millis(1));
    }
    let before = handle.metrics();
    let begin = Instant::now();
    handle.shutdown((case.drain)());
    let served = serves.join().expect("the server does not panic");
    let passed = begin.elapsed();
    let longest = longest(&before, &handle.metrics());
    let name = case.name;
    println!(
        "{name}: {count} connections are drained in {passed:.1?}; its longest turn takes at most {longest:.1?}"
    );
    clients.wait().expect("the clients end");
    served.map(|()| (passed, longest))
}

/// The bound of the longest turn between the two.
fn longest(before: &Metrics, after: &Metrics) -> Duration {
    let all = |metrics: &Metrics| metrics.turn_times().last().map_or(0, |(_, turns)| turns);
    let timed = all(after) - all(before);
    let mut below = before.turn_times().zip(after.turn_times());
    let bound = below.find(|((_, before), (_, after))| after - before == timed);
    bound.and_then(|(_, (bound, _))| bound).unwrap_or(Duration::from_nanos(after.turn_ns_max))
}
