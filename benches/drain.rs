//! A drain of many connections: how long it takes until the last one is gone, and how long its turns are. `drain.sh` starts it.
//!
//! The clients are in another process, this one again, for each may have a limited number of descriptors.

use jackfield::{Client, Drain, Metrics, Server};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

struct Idle;

impl Client for Idle {}

fn main() -> jackfield::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [addr, count] => connect(addr, count.parse().expect("a number of connections")),
        _ => {
            let few = drained(2000)?;
            let many = drained(16_000)?;
            println!("8 times as many take {:.1} times as long", many.as_secs_f64() / few.as_secs_f64());
        }
    }
    Ok(())
}

/// Opens this number of connections, reports that, and closes each when the server has.
fn connect(addr: &str, count: usize) {
    let streams: Vec<TcpStream> =
        (0..count).map(|_| TcpStream::connect(addr).expect("a connection")).collect();
    println!("connected");
    for mut stream in streams {
        assert_eq!(stream.read(&mut [0]).expect("an end"), 0);
    }
}

/// How long the drain of this number of connections takes, until the server has ended.
fn drained(count: usize) -> jackfield::Result<Duration> {
    let server = Server::builder().listen("127.0.0.1:0").reactors(1).bind()?;
    let (addr, handle) = (server.local_addr(), server.handle());
    let serves = thread::spawn(move || server.serve(|_peer| Idle));
    let this = std::env::current_exe().expect("a path");
    let mut clients = Command::new(this);
    clients.args([addr.to_string(), count.to_string()]).stdout(Stdio::piped());
    let mut clients = clients.spawn().expect("the clients");
    let mut said = String::new();
    let output = clients.stdout.take().expect("it is piped");
    BufReader::new(output).read_line(&mut said).expect("they connect");
    while handle.count() < count {
        thread::sleep(Duration::from_millis(1));
    }
    let before = handle.metrics();
    let begin = Instant::now();
    handle.shutdown(Drain::default());
    let served = serves.join().expect("the server does not panic");
    let passed = begin.elapsed();
    let longest = longest(&before, &handle.metrics());
    println!("{count} connections are drained in {passed:.1?}; its longest turn takes at most {longest:.1?}");
    clients.wait().expect("the clients end");
    served.map(|()| passed)
}

/// The bound of the longest turn between the two.
fn longest(before: &Metrics, after: &Metrics) -> Duration {
    let all = |metrics: &Metrics| metrics.turn_times().last().map_or(0, |(_, turns)| turns);
    let timed = all(after) - all(before);
    let mut below = before.turn_times().zip(after.turn_times());
    let bound = below.find(|((_, before), (_, after))| after - before == timed);
    bound.and_then(|(_, (bound, _))| bound).unwrap_or(Duration::from_nanos(after.turn_ns_max))
}
