//! What the way through Redis costs, beside bare loops with the same crate: messages a second from one server, and the time
//! from a publish on one server to its delivery on another. Both kinds run in turns, and what counts is their ratio.
//! `cargo run --profile fast -p jackfield-benches --bin bench-redis`.

use jackfield::{Client, Exchange, Handle, History, Request, Server};
use jackfield_redis::Redis;
use redis::{Cmd, Connection, Value};
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const ROUNDS: usize = 9;
const ROUND: Duration = Duration::from_millis(700);
/// Messages in one pipeline, as the server has them.
const PIPELINE: usize = 512;
const KEPT: usize = 10_000;
const SIZES: [usize; 2] = [100, 1000];
const LATENCIES: usize = 1000;
const TOPIC: &str = "t";
const KEY: &str = "jackfield:topic:t";

/// Entries of a stream: the id of each, with its fields.
type Entries = Vec<(String, Vec<(String, Vec<u8>)>)>;
type Outcome<T> = Result<T, Box<dyn Error>>;

/// A Redis that ends with this.
struct Instance {
    child: Child,
    url: String,
}

impl Instance {
    fn start() -> Outcome<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string();
        let options = ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        let child = Command::new("redis-server").args(options).stdout(Stdio::null()).spawn()?;
        let instance = Self { child, url: format!("redis://127.0.0.1:{port}") };
        while instance.connect().is_err() {
            thread::sleep(Duration::from_millis(10));
        }
        Ok(instance)
    }

    fn connect(&self) -> redis::RedisResult<Connection> {
        redis::Client::open(&*self.url)?.get_connection()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // If it has ended by itself, both fail.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Reader;

impl Client for Reader {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        exchange.events().subscribe(TOPIC);
    }
}

/// A server with one reactor, on a thread of its own.
fn server(url: &str) -> Outcome<(Handle, SocketAddr)> {
    let builder = Server::builder().listen("127.0.0.1:0").reactors(1);
    let server = builder.broker(Redis::new(url)?.queue_limits(4 * PIPELINE, 64 << 20)).bind()?;
    let (handle, addr) = (server.handle(), server.local_addr());
    handle.declare_topic(TOPIC, History::new(KEPT));
    thread::spawn(move || server.serve(|_peer| Reader));
    Ok((handle, addr))
}

/// The id of the newest entry: its epoch, and how many the epoch has had.
fn newest(connection: &mut Connection) -> Outcome<(String, u64)> {
    let newest: Entries =
        redis::cmd("XREVRANGE").arg(KEY).arg("+").arg("-").arg("COUNT").arg(1).query(connection)?;
    let (epoch, offset) = newest.first().and_then(|(id, _)| id.split_once('-')).ok_or("no entry")?;
    Ok((epoch.into(), offset.parse()?))
}

/// Messages a second that Redis has taken during this time.
fn rate(connection: &mut Connection, mut go_on: impl FnMut() -> Outcome<()>) -> Outcome<f64> {
    let ((_, before), begin) = (newest(connection)?, Instant::now());
    while begin.elapsed() < ROUND {
        go_on()?;
    }
    Ok((newest(connection)?.1 - before) as f64 / begin.elapsed().as_secs_f64())
}

fn xadd(id: &str, message: &[u8]) -> Cmd {
    let mut command = redis::cmd("XADD");
    command.arg(KEY).arg("NOMKSTREAM").arg("MAXLEN").arg("~").arg(KEPT).arg(id).arg("m").arg(message);
    command
}

/// The middle, with the least and the most.
fn median(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    (values[values.len() / 2], values[0], values[values.len() - 1])
}

fn throughput(redis: &Instance, handle: &Handle, size: usize) -> Outcome<()> {
    let mut look = redis.connect()?;
    let mut bare = redis.connect()?;
    let (id, message) = (format!("{}-*", newest(&mut look)?.0), "x".repeat(size));
    let (mut theirs, mut ours, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let alone = rate(&mut look, || {
            let mut pipeline = redis::pipe();
            for _ in 0..PIPELINE {
                pipeline.add_command(xadd(&id, message.as_bytes()));
            }
            Ok(pipeline.query::<Value>(&mut bare).map(drop)?)
        })?;
        let served = rate(&mut look, || {
            // When the queue is full, others have the processor until it is not.
            if handle.publish(TOPIC, &*message).full > 0 {
                thread::sleep(Duration::from_micros(200));
            }
            Ok(())
        })?;
        theirs.push(alone);
        ours.push(served);
        ratios.push(served / alone);
    }
    let ((ours, ..), (theirs, ..), (ratio, least, most)) = (median(ours), median(theirs), median(ratios));
    println!(
        "messages of {size} B: {ours:.0} a second, bare {theirs:.0}, ratio {ratio:.2} ({least:.2} to {most:.2})"
    );
    Ok(())
}

/// Reads an event stream up to the data of its next event.
fn next_data(stream: &mut BufReader<TcpStream>) -> Outcome<String> {
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err("the stream has ended".into());
        }
        if let Some(data) = line.strip_prefix("data: ") {
            return Ok(data.trim_end().to_owned());
        }
    }
}

/// A thread that waits in `XREAD`, and tells when an entry has come.
fn bare_reader(redis: &Instance, key: &'static str) -> Outcome<mpsc::Receiver<Instant>> {
    let (sender, receiver) = mpsc::channel();
    let mut connection = redis.connect()?;
    thread::spawn(move || {
        let mut last = "$".to_owned();
        let mut read = || -> Outcome<()> {
            let answer: Vec<(String, Entries)> = redis::cmd("XREAD")
                .arg("BLOCK")
                .arg(0)
                .arg("STREAMS")
                .arg(key)
                .arg(&last)
                .query(&mut connection)?;
            sender.send(Instant::now())?;
            last.clone_from(&answer[0].1.last().ok_or("no entry")?.0);
            Ok(())
        };
        // It ends with the Redis.
        while read().is_ok() {}
    });
    Ok(receiver)
}

/// A chain with the same threads and the same socket as a server has between a publish and its peer, but for the reactor, and
/// without any code of a server: a thread that adds for others, and one that waits in `XREAD` and writes to a socket.
fn bare_chain(redis: &Instance) -> Outcome<(mpsc::Sender<()>, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    let mut far = listener.accept()?.0;
    far.set_nodelay(true)?;
    let (adds, orders) = mpsc::channel::<()>();
    let mut connection = redis.connect()?;
    // Both end with the process.
    thread::spawn(move || orders.iter().all(|()| add_bare("chain", &mut connection).is_ok()));
    let entries = bare_reader(redis, "chain")?;
    thread::spawn(move || entries.iter().all(|_| far.write_all(b"x").is_ok()));
    Ok((adds, near))
}

fn add_bare(key: &str, connection: &mut Connection) -> redis::RedisResult<()> {
    let mut command = redis::cmd("XADD");
    command.arg(key).arg("MAXLEN").arg("~").arg(KEPT).arg("*").arg("m").arg("x").exec(connection)
}

fn latency(redis: &Instance, a: &Handle, b: SocketAddr) -> Outcome<()> {
    let mut stream = TcpStream::connect(b)?;
    stream.set_nodelay(true)?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")?;
    let mut stream = BufReader::new(stream);
    // Until it is followed, nothing comes.
    let (follows, begun) = mpsc::channel();
    let publisher = a.clone();
    thread::spawn(move || {
        while begun.recv_timeout(Duration::from_millis(50)).is_err() {
            publisher.publish(TOPIC, "begin");
        }
        publisher.publish(TOPIC, "ready");
    });
    next_data(&mut stream)?;
    follows.send(())?;
    while next_data(&mut stream)? != "ready" {}
    let (reader, mut bare) = (bare_reader(redis, "bare")?, redis.connect()?);
    let (adds, mut chain) = bare_chain(redis)?;
    thread::sleep(Duration::from_millis(100));
    let (mut theirs, mut ours, mut chains) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..LATENCIES {
        thread::sleep(Duration::from_millis(2));
        let begin = Instant::now();
        add_bare("bare", &mut bare)?;
        theirs.push((reader.recv()? - begin).as_secs_f64() * 1e6);
        thread::sleep(Duration::from_millis(2));
        let begin = Instant::now();
        a.publish(TOPIC, "x");
        next_data(&mut stream)?;
        ours.push(begin.elapsed().as_secs_f64() * 1e6);
        thread::sleep(Duration::from_millis(2));
        let begin = Instant::now();
        adds.send(())?;
        chain.read_exact(&mut [0])?;
        chains.push(begin.elapsed().as_secs_f64() * 1e6);
    }
    let ((ours, ..), (theirs, ..), (chains, ..)) = (median(ours), median(theirs), median(chains));
    println!(
        "from publish to delivery on another server: {ours:.0} µs, bare {theirs:.0} µs, ratio {:.2}; \
         a bare chain of the same threads {chains:.0} µs, ratio {:.2}",
        ours / theirs,
        ours / chains
    );
    Ok(())
}

fn main() -> Outcome<()> {
    let redis = Instance::start()?;
    let (a, _) = server(&redis.url)?;
    let (_, b) = server(&redis.url)?;
    // The stream is there when the first has arrived.
    a.publish(TOPIC, "first");
    let mut look = redis.connect()?;
    while newest(&mut look).is_err() {
        thread::sleep(Duration::from_millis(10));
    }
    for size in SIZES {
        throughput(&redis, &a, size)?;
    }
    latency(&redis, &a, b)
}
