//! What the tests share: a Redis of their own, servers that use it, and a cable that can be pulled.

// Each test binary uses its own part of this.
#![allow(dead_code, unreachable_pub)]

#[path = "../../../jackfield/tests/support/reader.rs"]
pub mod reader;
#[path = "../../../jackfield/tests/common/skip.rs"]
pub(crate) mod skip;
#[path = "../../../jackfield/tests/support/socket.rs"]
pub mod socket;

use jackfield::test::{FarEnd, TestOptions, TestServer};
use jackfield::{
    BrokerEvent, Client, Exchange, Handle, History, Message, Observer, Published, Request, Subscribed,
    WebSocket,
};
use jackfield_redis::Redis;
use reader::{Reader, Seen, Streamer};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{env, fs, process, thread};

/// How often is looked before a test has failed, and what is slept in between.
const LOOKS_MAX: u32 = 60_000;
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// A Redis of the test's own, at a socket in a folder of its own, with its append-only file. There is no port that another
/// could take while it is killed.
pub struct Instance {
    child: Option<Child>,
    folder: PathBuf,
    options: Vec<String>,
}

impl Instance {
    /// `None`, and the reason is printed: there is no Redis on this machine.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    pub fn start_with(options: &[&str]) -> Option<Self> {
        skip::has_redis().then(|| Self::try_start_with(options).expect("it stays"))
    }

    /// `None`: it has ended at once, for example because its port is taken.
    pub fn try_start_with(options: &[&str]) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("jackfield-redis-{}-{number}", process::id()));
        // An earlier process of the same number may have left it.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut instance = Self { child: None, folder, options };
        instance.try_begin().then_some(instance)
    }

    /// The time, in milliseconds, by its clock, and how many commands it has carried out.
    pub fn clock_and_commands(&self) -> (u64, u64) {
        let time: Vec<u64> = redis::from_redis_value(&self.ask(&["TIME"])).unwrap();
        let stats: String = redis::from_redis_value(&self.ask(&["INFO", "stats"])).unwrap();
        let mut fields = stats.lines().filter_map(|line| line.strip_prefix("total_commands_processed:"));
        (time[0] * 1000 + time[1] / 1000, fields.next().unwrap().trim().parse().unwrap())
    }

    /// How many commands it has refused with this word.
    pub fn refusals(&self, word: &str) -> u64 {
        let stats: String = redis::from_redis_value(&self.ask(&["INFO", "errorstats"])).unwrap();
        let begin = format!("errorstat_{word}:count=");
        let count = stats.lines().find_map(|line| line.strip_prefix(&*begin));
        count.map_or(0, |count| count.trim().parse().unwrap())
    }

    /// Starts it, with what its folder has.
    pub fn begin(&mut self) {
        assert!(self.try_begin(), "it ends at once");
    }

    fn try_begin(&mut self) -> bool {
        let _ = fs::remove_file(self.socket());
        let fixed = ["--port", "0", "--bind", "127.0.0.1", "--unixsocket", "socket", "--dir", "."];
        let kept = ["--appendonly", "yes", "--save", ""];
        // Otherwise it may lose what it has acknowledged when it is killed: it puts off its writes while the disk is busy.
        let safe = ["--appendfsync", "always"];
        let child = Command::new("redis-server")
            .args(fixed)
            .args(kept)
            .args(safe)
            .args(&self.options)
            .current_dir(&self.folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let mut has_ended = false;
        wait(|| {
            has_ended = self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_some());
            has_ended || self.try_ask(&["PING"]).is_some()
        });
        !has_ended
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    /// As `kill -9` does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// It is started again, and has forgotten everything.
    pub fn begin_empty(&mut self) {
        fs::remove_dir_all(&self.folder).unwrap();
        fs::create_dir_all(&self.folder).unwrap();
        self.begin();
    }

    pub fn address(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Gives it a command, past all servers.
    pub fn ask(&self, command: &[&str]) -> redis::Value {
        self.connection().and_then(|mut connection| query(command, &mut connection)).unwrap()
    }

    /// Puts what `DUMP` has given in the place of a key.
    pub fn restore(&self, key: &str, dump: &[u8]) {
        let mut connection = self.connection().unwrap();
        redis::cmd("RESTORE").arg(key).arg(0).arg(dump).arg("REPLACE").exec(&mut connection).unwrap();
    }

    /// The same, if it is there and says yes. A password that is asked for is an answer too.
    fn try_ask(&self, command: &[&str]) -> Option<()> {
        match self.connection().and_then(|mut connection| query(command, &mut connection)) {
            Ok(_) => Some(()),
            Err(error) => (error.code() == Some("NOAUTH")).then_some(()),
        }
    }

    fn connection(&self) -> redis::RedisResult<redis::Connection> {
        redis::Client::open(self.address())?.get_connection()
    }
}

fn query(command: &[&str], connection: &mut redis::Connection) -> redis::RedisResult<redis::Value> {
    let mut built = redis::Cmd::new();
    built.arg(command);
    built.query(connection)
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Waits until something holds.
#[track_caller]
pub fn wait(holds: impl FnMut() -> bool) {
    assert!(comes(holds), "it does not come to it");
}

/// Waits until something holds, or for so long that it will not.
fn comes(mut holds: impl FnMut() -> bool) -> bool {
    (0..LOOKS_MAX).any(|_| {
        let is_there = holds();
        if !is_there {
            thread::sleep(LOOK_EVERY);
        }
        is_there
    })
}

/// What the observer was told of the broker, the first word of each.
#[derive(Clone, Default)]
pub struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub fn has(&self, begin: &str) -> bool {
        self.count(begin) > 0
    }

    pub fn count(&self, begin: &str) -> usize {
        self.all().iter().filter(|told| told.starts_with(begin)).count()
    }
}

impl Observer for Told {
    fn on_broker(&self, event: BrokerEvent<'_>) {
        self.0.lock().unwrap().push(format!("{event:?}"));
    }
}

/// Streams topics as [`Streamer`] does. A WebSocket says from where on it is a member of the topic `t`.
struct Member;

impl Client for Member {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        Streamer.on_request(exchange, request);
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        let Message::Text(last) = message else { panic!("{message:?}") };
        assert_eq!(socket.subscribe_from("t", last), Subscribed::New);
    }
}

/// A WebSocket that is a member of the topic `t`, whose history is numbered.
pub struct Socket {
    far: FarEnd,
    has_head: bool,
}

impl Socket {
    pub fn connect(site: &mut Site, last: &str) -> Self {
        let far = site.server.connect();
        far.send(socket::UPGRADE.as_bytes());
        far.send(&socket::text(last));
        site.server.run();
        Self { far, has_head: false }
    }

    /// What has come since.
    pub fn take(&mut self, site: &mut Site) -> Vec<Seen> {
        site.server.run();
        let mut bytes = self.far.take();
        if !std::mem::replace(&mut self.has_head, true) {
            let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
            bytes.drain(..head + 4);
        }
        socket::texts(&bytes).iter().map(|json| seen_of(json)).collect()
    }

    pub fn reset(self) {
        self.far.reset();
    }
}

/// Out of the JSON object of a numbered message, whose values have nothing that is escaped.
fn seen_of(json: &str) -> Seen {
    let field = |name: &str| {
        let begin = format!("\"{name}\":\"");
        let rest = json.split_once(&*begin).map_or("", |(_, rest)| rest);
        rest.split('"').next().unwrap_or_default().to_owned()
    };
    Seen { name: field("event"), data: field("data"), id: field("id") }
}

/// A server whose clients stream topics.
pub struct Site {
    pub server: TestServer,
    pub told: Told,
}

impl Site {
    /// With the topic `t`.
    pub fn new(redis: Redis, history: History) -> Self {
        let told = Told::default();
        let options = TestOptions {
            broker: Some(Arc::new(redis)),
            observer: Arc::new(told.clone()),
            ..TestOptions::default()
        };
        let server = TestServer::with_options(options, |_peer| Member);
        assert!(server.handle().declare_topic("t", history));
        Self { server, told }
    }

    /// One that Redis has answered. A Redis that waits for a busy disk is not taken for one that is gone.
    pub fn live(instance: &Instance, history: History) -> Self {
        Self::live_at(&instance.address(), history)
    }

    /// The same with this address.
    pub fn live_at(address: &str, history: History) -> Self {
        let redis = Redis::new(address).unwrap().timeout(Duration::from_secs(60));
        Self::connected(redis, history)
    }

    /// One that has reached its Redis.
    pub fn connected(redis: Redis, history: History) -> Self {
        let site = Self::new(redis, history);
        wait(|| site.told.has("Up"));
        site
    }

    pub fn handle(&self) -> Handle {
        self.server.handle()
    }

    pub fn publish(&mut self, text: &str) -> Published {
        let published = self.handle().publish("t", text);
        self.server.run();
        published
    }

    pub fn read(&mut self, last: &str) -> Reader {
        Reader::connect(&mut self.server, "t", last)
    }

    /// A reader of whom Redis knows: it has got this first message.
    pub fn read_from(&mut self, first: &str) -> Reader {
        let mut reader = self.read("");
        wait(|| {
            self.publish(first);
            !self.take(&mut reader).is_empty()
        });
        // More of them may be on their way, and a short queue may be full of them.
        wait(|| self.publish("ready").full == 0);
        self.take_until(&mut reader, "ready");
        reader
    }

    pub fn take(&mut self, reader: &mut Reader) -> Vec<Seen> {
        self.server.run();
        reader.take()
    }

    /// All that comes up to this message, with it.
    #[track_caller]
    pub fn take_until(&mut self, reader: &mut Reader, last: &str) -> Vec<Seen> {
        let mut seen: Vec<Seen> = Vec::new();
        let is_there = comes(|| {
            seen.extend(self.take(reader));
            seen.iter().any(|seen| seen.data == last)
        });
        let texts = || seen.iter().map(|seen| &*seen.data).collect::<Vec<_>>();
        assert!(is_there, "{last:?} does not come, but {:?}", texts());
        seen
    }
}

/// A cable from a port to a Redis, which can be pulled and put in again.
pub struct Cable {
    port: u16,
    lines: Arc<Mutex<Lines>>,
}

/// How a transaction begins.
const TRANSACTION: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
/// A word of each command that adds a message to a topic.
const ADDITION: &[u8] = b"NOMKSTREAM";

#[derive(Default)]
struct Lines {
    is_out: bool,
    /// Connections that were asked for.
    attempts: u64,
    /// Nothing goes through any more on a connection once it sends a transaction.
    swallows_transactions: bool,
    /// Nothing comes back any more on a connection once it adds a message.
    loses_answers: bool,
    streams: Vec<TcpStream>,
}

impl Cable {
    pub fn to(redis: &Instance) -> Self {
        let socket = redis.socket();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let lines = Arc::new(Mutex::new(Lines::default()));
        let all = lines.clone();
        // It ends with the process of the test.
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let mut lines = all.lock().unwrap();
                lines.attempts += 1;
                let Some(far) = UnixStream::connect(&socket).ok().filter(|_| !lines.is_out) else {
                    continue;
                };
                // To read, to write and to end it is the same for each kind of stream.
                let far = TcpStream::from(OwnedFd::from(far));
                let (from, to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                let (lines_of_it, is_mute) = (all.clone(), Arc::new(AtomicBool::new(false)));
                let (mut is_swallowed, mutes) = (false, is_mute.clone());
                thread::spawn(move || {
                    carry(from, to, |bytes| {
                        let lines = lines_of_it.lock().unwrap();
                        is_swallowed |= lines.swallows_transactions && bytes.starts_with(TRANSACTION);
                        let adds = bytes.windows(ADDITION.len()).any(|word| word == ADDITION);
                        mutes.fetch_or(lines.loses_answers && adds, Ordering::SeqCst);
                        !is_swallowed
                    });
                });
                let (from, to) = (far.try_clone().unwrap(), near.try_clone().unwrap());
                thread::spawn(move || carry(from, to, |_| !is_mute.load(Ordering::SeqCst)));
                lines.streams.extend([near, far]);
            }
        });
        Self { port, lines }
    }

    pub fn pull(&self) {
        let mut lines = self.lines.lock().unwrap();
        (lines.is_out, lines.loses_answers) = (true, false);
        for stream in lines.streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub fn attempts(&self) -> u64 {
        self.lines.lock().unwrap().attempts
    }

    pub fn put_in(&self) {
        self.lines.lock().unwrap().is_out = false;
    }

    /// From now on Redis seems to hang after each transaction, but not after a single command.
    pub fn swallow_transactions(&self) {
        self.lines.lock().unwrap().swallows_transactions = true;
    }

    /// Redis takes the next message that is added, and what it answers from then on is lost, until the cable is pulled.
    pub fn lose_answers(&self) {
        self.lines.lock().unwrap().loses_answers = true;
    }

    pub fn address(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

/// Carries bytes in one direction, those that pass, until one of the two ends.
fn carry(mut from: TcpStream, mut to: TcpStream, mut passes: impl FnMut(&[u8]) -> bool) {
    let mut buffer = [0; 1 << 14];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let bytes = &buffer[..count];
        if passes(bytes) && to.write_all(bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// A Redis whose first answer goes on and on, a byte at a time.
pub struct Endless {
    pub address: String,
    /// The bytes that are still to come.
    left: Arc<AtomicU32>,
}

impl Endless {
    const BYTES: u32 = 2000;
    const EVERY: Duration = Duration::from_millis(10);

    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("redis://{}", listener.local_addr().unwrap());
        let left = Arc::new(AtomicU32::new(Self::BYTES));
        let count = left.clone();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.write_all(b"+");
            while count.fetch_sub(1, Ordering::Relaxed) > 1 && stream.write_all(b"x").is_ok() {
                thread::sleep(Self::EVERY);
            }
        });
        Self { address, left }
    }

    pub fn has_begun(&self) -> bool {
        self.left.load(Ordering::Relaxed) < Self::BYTES
    }

    pub fn goes_on(&self) -> bool {
        self.left.load(Ordering::Relaxed) > 0
    }
}

/// Bytes as they are shown in a failed assertion.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
