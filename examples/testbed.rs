//! The server for conformance suites and load generators. All limits and timeouts have their defaults, except those
//! that such suites exceed on purpose: see `bind`.
//!
//! ```sh
//! cargo run --release --example testbed -- --listen 127.0.0.1:9001 --tls 127.0.0.1:9002 --cert C.pem --key K.pem
//! ```
//!
//! `--listen ADDR` (may be repeated), `--reactors N`, `--max-message BYTES`, `--tls ADDR --cert FILE --key FILE`,
//! `--cert NAME=CERT.pem,KEY.pem` for those who ask for this host (may be repeated; SIGHUP reads all of them again), `--proxy`
//! (every connection comes from this machine and begins with a header of the PROXY protocol),
//! `--broadcast`, `--no-deflate`, `--broker URL` (a Redis, by which several of them share their topics).
//! It prints `listening on ADDR` for each listener, in the order in which they were given.

use jackfield::proto::websocket::is_valid_close_code;
use jackfield::{
    Client, Deflate, Event, EventStream, Exchange, History, Host, Limits, Listener, Message, Reply, Request,
    Server, ServerBuilder, Upgrade, WebSocket, last_event_id,
};
use options::Options;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

/// Chosen when a client offers it.
const SUBPROTOCOL: &str = "echo.test";
/// The topic of the streams at `/feed`.
const FEED: &str = "feed";
/// The topic of all WebSockets, with `--broadcast`.
const EVERYBODY: &str = "everybody";
/// The history of both topics, with `--broker`.
const HISTORY_EVENTS: usize = 10_000;
const MAX_MESSAGE_BYTES: usize = 16 << 20;
const BIG_BYTES: usize = 8 << 20;
const LONG_EVENT_BYTES: usize = 65_536;
/// What `/publish` sends: 56 times `x`.
const NEWS: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

/// One for each connection. All are alike.
#[derive(Clone)]
struct Testbed {
    /// Shared by all answers: a slow reader costs a reference.
    big: Arc<[u8]>,
    clock: Sender<Late>,
    is_broadcast: bool,
}

/// The command in a WebSocket message.
enum Wish<'m> {
    Close(u16, &'m str),
    Echo,
}

impl Client for Testbed {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        match (request.path(), request.method()) {
            ("/", "GET" | "HEAD") => exchange.ok("text/html", "OK"),
            ("/echo", _) => exchange.ok("text/plain", fields(request)),
            ("/cookie", _) => exchange.ok("text/plain", cookies(request)),
            ("/plaintext", _) => exchange.ok("text/plain", "Hello, World!"),
            ("/json", _) => exchange.ok("application/json", r#"{"message":"Hello, World!"}"#),
            ("/big", _) => exchange.ok("application/octet-stream", self.big.clone()),
            ("/late", _) => self.answer_late(exchange, request),
            ("/work", _) => work(exchange, request),
            ("/panic", _) => panic!("/panic was asked for"),
            ("/feed", _) => feed(exchange, request),
            ("/publish", _) => publish(exchange),
            ("/sse", _) => sse(exchange, request),
            _ => exchange.ok("application/octet-stream", request.body()),
        }
    }

    fn on_upgrade(&mut self, mut upgrade: Upgrade<'_>, _request: &Request<'_>) {
        // Nothing is chosen where it is not offered.
        upgrade.choose(SUBPROTOCOL);
        upgrade.accept();
    }

    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        if self.is_broadcast {
            socket.subscribe(EVERYBODY);
        }
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        match wish(message) {
            // A code that must not be sent (RFC 6455 section 7.4) makes the order a message like any other.
            Wish::Close(code, reason) if is_valid_close_code(code) => socket.close_with(code, reason),
            _ if self.is_broadcast => {
                socket.publish_to_all(EVERYBODY, message);
            }
            _ => {
                socket.send(message);
            }
        }
    }
}

impl Testbed {
    fn new(is_broadcast: bool) -> Self {
        let (clock, orders) = mpsc::channel();
        thread::spawn(move || keep_time(&orders));
        Self { big: vec![b'b'; BIG_BYTES].into(), clock, is_broadcast }
    }

    /// `/late?ms=N`: the timer thread answers.
    fn answer_late(&self, exchange: Exchange<'_>, request: &Request<'_>) {
        let ms = number(request, "ms=");
        let due = ms.and_then(|ms| Instant::now().checked_add(Duration::from_millis(ms)));
        let Some(due) = due else { return exchange.error(400) };
        // If the thread is gone, the reply comes back in the error, and is a 500 when that is dropped.
        let _ = self.clock.send(Late { due, reply: exchange.defer() });
    }
}

/// The number behind this name in the query.
fn number(request: &Request<'_>, name: &str) -> Option<u64> {
    request.query()?.split('&').find_map(|pair| pair.strip_prefix(name)?.parse().ok())
}

/// `/work?us=N`: keeps the processor busy for so long, as a server may that has something to compute.
fn work(exchange: Exchange<'_>, request: &Request<'_>) {
    let begin = Instant::now();
    let span = Duration::from_micros(number(request, "us=").unwrap_or_default());
    while begin.elapsed() < span {
        std::hint::spin_loop();
    }
    exchange.ok("text/plain", "done");
}

/// `/echo`: what was asked, field by field.
fn fields(request: &Request<'_>) -> Vec<u8> {
    let mut lines = Vec::new();
    for (name, value) in request.headers() {
        // A value need not be UTF-8, so it is passed on as it came.
        for part in [name.as_bytes(), b": ", value, b"\n"] {
            lines.extend_from_slice(part);
        }
    }
    lines
}

/// `/cookie`: the pairs of all Cookie fields (RFC 6265 section 5.4).
fn cookies(request: &Request<'_>) -> Vec<u8> {
    let values = request.header_all("Cookie").flat_map(|value| value.split(|&byte| byte == b';'));
    let pairs = values.map(<[u8]>::trim_ascii).filter(|pair| pair.contains(&b'='));
    pairs.flat_map(|pair| [pair, b"\n"].concat()).collect()
}

/// `/feed`: says `hi`, and then whatever is published.
fn feed(exchange: Exchange<'_>, request: &Request<'_>) {
    let mut events = exchange.events();
    events.send(Event::comment("hi"));
    events.subscribe_from(FEED, last_event_id(request).unwrap_or_default());
}

/// `/publish`: one event for each stream at `/feed`, on whatever reactor.
fn publish(mut exchange: Exchange<'_>) {
    exchange.publish_to_all(FEED, NEWS);
    exchange.ok("text/plain", "published");
}

/// `/sse`: everything that is hard to get right in an event stream.
fn sse(exchange: Exchange<'_>, request: &Request<'_>) {
    let resumed = request.header("Last-Event-ID").map(String::from_utf8_lossy);
    match resumed.as_deref() {
        None => send_each(exchange.events(), &hard_events()),
        // The status that tells a browser not to come back.
        Some("done") => exchange.respond(204, "", ""),
        Some(id) => send_each(exchange.events(), &[Event::data(id).event("resumed").id("done")]),
    }
}

fn send_each(mut events: EventStream<'_>, all: &[Event<'_>]) {
    for event in all {
        events.send(event);
    }
    events.close();
}

fn hard_events() -> [Event<'static>; 11] {
    static LONG: LazyLock<String> = LazyLock::new(|| "k".repeat(LONG_EVENT_BYTES));
    [
        Event::comment("first").retry(50),
        Event::data("hello"),
        Event::data("line1\nline2\n"),
        Event::data("x: y").event("custom").id("7"),
        Event::data(" leading space"),
        Event::data(""),
        Event::data("žluťoučký 🐎"),
        Event::comment("between two events"),
        Event::data("a\r\nb\rc"),
        Event::data(&**LONG),
        Event::data("bye").id("42"),
    ]
}

/// `close:CODE:REASON` asks for a Close; everything else for itself.
fn wish(message: Message<'_>) -> Wish<'_> {
    let Message::Text(text) = message else { return Wish::Echo };
    let order = text.strip_prefix("close:").and_then(|order| order.split_once(':'));
    match order.map(|(code, reason)| (code.parse(), reason)) {
        Some((Ok(code), reason)) => Wish::Close(code, reason),
        _ => Wish::Echo,
    }
}

/// An answer that is owed at a certain time.
struct Late {
    due: Instant,
    reply: Reply,
}

/// The timer thread: it sleeps until the first answer is due or another one is ordered. However many are outstanding,
/// an order costs O(log n).
fn keep_time(orders: &Receiver<Late>) {
    let mut waiting = BinaryHeap::new();
    loop {
        let now = Instant::now();
        while waiting.peek().is_some_and(|Reverse(late): &Reverse<Late>| late.due <= now) {
            if let Some(Reverse(late)) = waiting.pop() {
                late.reply.respond(200, "text/plain", "late");
            }
        }
        let order = match waiting.peek() {
            Some(Reverse(first)) => orders.recv_timeout(first.due - now),
            None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match order {
            Ok(late) => waiting.push(Reverse(late)),
            Err(RecvTimeoutError::Timeout) => {}
            // The server has ended, and with it everyone who waited.
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

impl Ord for Late {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.due.cmp(&other.due)
    }
}

impl PartialOrd for Late {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Late {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}

impl Eq for Late {}

const USAGE: &str = "testbed [--listen ADDR] [--tls ADDR] [--cert FILE] [--key FILE] [--proxy] [--reactors N] [--max-message BYTES] \
    [--broadcast] [--no-deflate] [--broker URL]";

/// What the command line says.
struct Settings {
    /// Addresses, and whether TLS is spoken there.
    listen: Vec<(String, bool)>,
    reactors: Option<usize>,
    max_message: Option<usize>,
    cert: Option<String>,
    key: Option<String>,
    /// Names, with files of a certificate and of its key.
    hosts: Vec<(String, String, String)>,
    is_proxied: bool,
    is_broadcast: bool,
    has_deflate: bool,
    broker: Option<String>,
}

impl Settings {
    fn read() -> Self {
        let options = Options::read(USAGE);
        let certs: Vec<_> =
            options.given().filter(|(name, _)| *name == "--cert").map(|(_, cert)| cert).collect();
        let listeners = options.given().filter(|(name, _)| matches!(*name, "--listen" | "--tls"));
        let mut listen: Vec<_> = listeners.map(|(name, addr)| (addr.to_owned(), name == "--tls")).collect();
        if listen.is_empty() {
            listen.push(("127.0.0.1:9001".into(), false));
        }
        if !options.has("--tls") && (options.has("--cert") || options.has("--key")) {
            options::fail::<()>("`--cert` and `--key` are for `--tls ADDR`: give that too");
        }
        Self {
            listen,
            reactors: options.number("--reactors"),
            max_message: options.number("--max-message"),
            cert: certs.iter().rfind(|cert| !cert.contains('=')).map(|cert| (*cert).into()),
            hosts: certs.iter().filter(|cert| cert.contains('=')).map(|cert| host(cert)).collect(),
            is_proxied: options.has("--proxy"),
            key: options.value("--key").map(Into::into),
            is_broadcast: options.has("--broadcast"),
            has_deflate: !options.has("--no-deflate"),
            broker: options.value("--broker").map(Into::into),
        }
    }

    fn listener(&self, addr: &str, is_tls: bool) -> Listener {
        let mut listener = Listener::tcp(addr);
        if self.is_proxied {
            listener = listener.proxy_required(["127.0.0.0/8", "::1"]);
        }
        if !is_tls {
            return listener;
        }
        listener = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => listener.tls(cert, key),
            (None, None) if !self.hosts.is_empty() => listener,
            _ => options::fail("`--tls` needs `--cert` and `--key`, or `--cert NAME=CERT.pem,KEY.pem`"),
        };
        let hosts = self.hosts.iter().map(|(name, cert, key)| Host::new(name).certificate(cert, key));
        hosts.fold(listener, Listener::host)
    }

    fn builder(&self) -> ServerBuilder {
        let message_bytes_max = self.max_message.unwrap_or(MAX_MESSAGE_BYTES);
        let deflate = if self.has_deflate { Deflate::shared() } else { Deflate::disabled() };
        let limits = move |limits: &mut Limits| {
            limits.websocket.message_bytes_max = message_bytes_max;
            // A buffer doubles as it grows.
            let buffer = message_bytes_max.saturating_mul(2);
            limits.reactor.wire_memory_bytes_max = limits.reactor.wire_memory_bytes_max.max(buffer);
            limits.memory_bytes_max = limits.memory_bytes_max.max(buffer);
            limits.deflate = deflate.clone();
            // Suites keep WebSockets idle for longer than a user would, and count every frame.
            limits.heartbeat = Duration::ZERO;
            limits.websocket_idle = Duration::ZERO;
        };
        let mut builder =
            Server::builder().limits(limits).any_origin().shutdown_on_signals().reload_tls_on_sighup();
        if let Some(reactors) = self.reactors {
            builder = builder.reactors(reactors);
        }
        if let Some(url) = &self.broker {
            builder = builder.broker(options::broker(url));
        }
        for (addr, is_tls) in &self.listen {
            builder = builder.listen(self.listener(addr, *is_tls));
        }
        builder
    }
}

/// `NAME=CERT,KEY`.
fn host(given: &str) -> (String, String, String) {
    let parts = given.split_once('=').and_then(|(name, pair)| Some((name, pair.split_once(',')?)));
    match parts {
        Some((name, (cert, key))) if ![name, cert, key].contains(&"") => {
            (name.into(), cert.into(), key.into())
        }
        _ => options::fail(format!("`--cert {given}`: not NAME=CERT.pem,KEY.pem")),
    }
}

fn main() -> jackfield::Result<()> {
    let settings = Settings::read();
    let server = settings.builder().bind().unwrap_or_else(options::fail);
    if settings.broker.is_some() {
        for topic in [FEED, EVERYBODY] {
            server.handle().declare_topic(topic, History::new(HISTORY_EVENTS));
        }
    }
    for addr in server.local_addrs() {
        println!("listening on {addr}");
    }
    if let Some((addr, (_, is_tls))) = server.local_addrs().iter().zip(&settings.listen).next() {
        println!("try: curl {}://{addr}/", if *is_tls { "-k https" } else { "http" });
    }
    let testbed = Testbed::new(settings.is_broadcast);
    server.serve(move |_peer| testbed.clone())
}
