//! The showcase: one server that speaks HTTP, WebSocket and server-sent events to a page of its own.
//!
//! ```sh
//! cargo run --release --example showcase -- --listen 127.0.0.1:8080
//! cargo run --release --example showcase -- --listen 127.0.0.1:8081 --broker redis://127.0.0.1    # and more of them
//! ```
//!
//! With `--broker` several of them share the chat's lines by a Redis, and a page that comes back to another one gets what it
//! missed. Each has its own figures and its own presence, and its page says which server it is.
//!
//! If it listens at all addresses (`0.0.0.0`), its page shows the one at which other machines reach it. A container can't know that
//! one: give it with `--public ADDR`.
//!
//! Each connection has a [`Visitor`], and what the browser asks for makes it one of three: it fetches files and posts
//! the form, it chats, or it watches the charts. A fourth kind is the server's own: connections that it opens to itself,
//! for something to do ([`load`]). The chat is lines of text, whose parts a tab separates.
//!
//! | From the page | What it means | | From the server | What it means |
//! | --- | --- | --- | --- | --- |
//! | `name NAME` | enters the chat, comes back, or renames | | `you`, name | this is your name |
//! | `say TEXT` | says something | | `mine`, key, text | you said this |
//! | `echo` | comes back as it is | | `said`, key, name, text | somebody else did |
//! | `load NUMBER` | messages a second from now on | | `load`, number | messages a second now |
//! | `drop` | drop this connection | | `came`, `left`, name | somebody came or left |
//! | | | | `named`, name, name | somebody was renamed |
//! | | | | `here`, number | clients in the chat |
//! | | | | `network`, URL | others reach this page here |
//!
//! The event stream has the figures of the charts ([`figures`]), and what is said in the chat once more: it has a history,
//! so a page whose connections were lost gets what it missed, and knows each line by its key: the server's number and its own.

#[path = "showcase/addresses.rs"]
mod addresses;
#[path = "showcase/figures.rs"]
mod figures;
#[path = "showcase/load.rs"]
mod load;

use figures::{FEED, Past, Recorder};
use jackfield::{
    BrokerEvent, Client, Connection, Disconnect, Event, EventStream, Exchange, Limits, Message, Observer,
    Peer, Reactor, Reply, Request, Server, Setup, Time, TimerId, Upgrade, WebSocket, last_event_id,
};
use load::{Level, Load};
use options::Options;
use std::collections::HashMap;
use std::error::Error;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

const ROOM: &str = "room";
const NAME_CHARS_MAX: usize = 24;
const LINE_CHARS_MAX: usize = 500;
/// A visitor who comes back sooner was not away: the others are not told.
const AWAY_AFTER: Duration = Duration::from_secs(8);
/// The most visitors that are remembered as away. If there are more, their leaving is reported at once.
const AWAY_MAX: usize = 1000;

/// The timer with which a chat updates its presence.
const TICK: TimerId = TimerId(0);
const TICK_AFTER: Duration = Duration::from_secs(1);

const LATE: Duration = Duration::from_secs(1);
const FORMS_MAX: usize = 1024;

const TEXT: &str = "text/plain; charset=utf-8";
/// Path, content type and content of all files of the page.
const FILES: [(&str, &str, &str); 9] = [
    ("/", "text/html; charset=utf-8", include_str!("showcase/page.html")),
    ("/page.css", "text/css; charset=utf-8", include_str!("showcase/page.css")),
    ("/page.js", "text/javascript; charset=utf-8", include_str!("showcase/page.js")),
    ("/favicon.svg", "image/svg+xml", include_str!("showcase/favicon.svg")),
    ("/showcase.rs", TEXT, include_str!("showcase.rs")),
    ("/figures.rs", TEXT, include_str!("showcase/figures.rs")),
    ("/load.rs", TEXT, include_str!("showcase/load.rs")),
    ("/addresses.rs", TEXT, include_str!("showcase/addresses.rs")),
    ("/guide.md", TEXT, GUIDE),
];
/// The chapters of the guide, one after another.
const GUIDE: &str = concat!(
    "# First server\n\n",
    include_str!("../crates/jackfield/guide/first_server.md"),
    "\n# Callbacks\n\n",
    include_str!("../crates/jackfield/guide/callbacks.md"),
    "\n# Sending\n\n",
    include_str!("../crates/jackfield/guide/sending.md"),
    "\n# Topics and resume\n\n",
    include_str!("../crates/jackfield/guide/topics.md"),
    "\n# HTTP\n\n",
    include_str!("../crates/jackfield/guide/http.md"),
    "\n# Own protocols\n\n",
    include_str!("../crates/jackfield/guide/own_protocols.md"),
    "\n# TLS\n\n",
    include_str!("../crates/jackfield/guide/tls.md"),
    "\n# Limits and attacks\n\n",
    include_str!("../crates/jackfield/guide/limits_and_attacks.md"),
    "\n# Testing\n\n",
    include_str!("../crates/jackfield/guide/testing.md"),
    "\n# Deployment\n\n",
    include_str!("../crates/jackfield/guide/deployment.md"),
);
/// The page loads everything from this server only, and no page may frame it.
const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// One for each connection.
struct Visitor {
    shared: Arc<Shared>,
    role: Role,
}

/// What a connection has become.
enum Role {
    /// It fetches files and posts the form.
    Browser,
    /// It is a WebSocket.
    Chatter(Chatter),
    /// It is the client end of one of the server's own connections.
    Load(Load),
}

/// What the connections of all reactors share.
struct Shared {
    /// Distinguishes this server from others that use the same Redis.
    node: String,
    /// It shares the chat with other servers.
    is_shared: bool,
    guests: AtomicU64,
    /// The number of chat lines so far.
    lines: AtomicU64,
    forms: SyncSender<Form>,
    past: Past,
    level: Level,
    /// How many connections each visitor has in the chat.
    present: Mutex<HashMap<String, usize>>,
    /// Visitors who have left and may come back, and since when.
    away: Mutex<Vec<(String, Time)>>,
    /// The address of the page for other machines in the network.
    network: Option<String>,
}

impl Client for Visitor {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        match (request.method(), request.path()) {
            ("POST", "/late") => self.shared.defer(exchange, request.body()),
            ("GET", "/figures") => self.shared.watch(&mut exchange.events(), request),
            ("GET" | "HEAD", path) => send_file(exchange, path),
            _ => exchange.not_found(),
        }
    }

    fn on_upgrade(&mut self, upgrade: Upgrade<'_>, request: &Request<'_>) {
        match request.path() {
            "/chat" => upgrade.accept(),
            _ => upgrade.reject(404),
        }
    }

    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        if socket.peer().is_outgoing() {
            self.role = Role::Load(Load::open(socket));
        } else {
            self.role = Role::Chatter(Chatter::default());
            socket.set_timer(TICK, TICK_AFTER);
        }
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        match (&mut self.role, message) {
            (Role::Chatter(chatter), Message::Text(line)) => chatter.on_line(socket, line, &self.shared),
            (Role::Load(load), _) => load.on_message(),
            _ => socket.close_with(1003, "only lines of text are taken here"),
        }
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, _timer: TimerId) {
        match &mut self.role {
            Role::Browser => {}
            Role::Chatter(chatter) => {
                connection.set_timer(TICK, TICK_AFTER);
                chatter.tell_presence(connection);
            }
            Role::Load(load) => load.on_timer(connection, &self.shared.level),
        }
    }

    fn on_disconnect(&mut self, connection: &mut Connection<'_>, _end: &Disconnect) {
        if let Role::Chatter(Chatter { name: Some(name), .. }) = &self.role {
            if self.shared.leaves(name) && !self.shared.is_away(name, connection.now()) {
                connection.publish(ROOM, format!("left\t{name}"));
            }
        }
    }
}

/// A visitor in the chat.
#[derive(Default)]
struct Chatter {
    /// `None` until the page has sent the visitor's name.
    name: Option<String>,
    /// The last number of visitors that was sent to it.
    told: usize,
}

impl Chatter {
    fn on_line(&mut self, socket: &mut WebSocket<'_>, line: &str, shared: &Shared) {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb {
            "name" => self.rename(socket, rest, shared),
            "say" => self.say(socket, rest, shared),
            "echo" => {
                socket.send(line);
            }
            "load" if shared.level.set(rest) => {
                socket.publish_to_all(ROOM, format!("load\t{rest}"));
            }
            "drop" => socket.abort(),
            _ => socket.close_with(1008, "this line has no meaning here"),
        }
    }

    fn rename(&mut self, socket: &mut WebSocket<'_>, wish: &str, shared: &Shared) {
        let name = match clean(wish, NAME_CHARS_MAX) {
            wish if wish.is_empty() => shared.next_guest(),
            wish => wish,
        };
        socket.send(format!("you\t{name}"));
        let is_first = shared.comes(&name);
        match &self.name {
            Some(old) => {
                shared.leaves(old);
                if *old != name {
                    socket.publish(ROOM, format!("named\t{old}\t{name}"));
                }
            }
            None => self.enter(socket, &name, is_first, shared),
        }
        self.name = Some(name);
        self.tell_presence(socket);
    }

    fn enter(&self, socket: &mut WebSocket<'_>, name: &str, is_first: bool, shared: &Shared) {
        socket.subscribe(ROOM);
        socket.send(format!("load\t{}", shared.level.get()));
        if let Some(network) = &shared.network {
            socket.send(format!("network\thttp://{network}/"));
        }
        if is_first && !shared.is_back(name) {
            socket.publish(ROOM, format!("came\t{name}"));
        }
    }

    fn say(&self, socket: &mut WebSocket<'_>, text: &str, shared: &Shared) {
        let text = clean(text, LINE_CHARS_MAX);
        let Some(name) = self.name.as_ref().filter(|_| !text.is_empty()) else { return };
        let key = format!("{}-{}", shared.node, shared.lines.fetch_add(1, Ordering::Relaxed) + 1);
        socket.send(format!("mine\t{key}\t{text}"));
        socket.publish(ROOM, format!("said\t{key}\t{name}\t{text}"));
        socket.publish(FEED, Event::data(format!("{key}\t{name}\t{text}")).event("said"));
    }

    /// The number is looked up and not published: two numbers that two reactors publish at the same time could arrive
    /// in either order, and the older one would stay on the page.
    fn tell_presence(&mut self, connection: &mut Connection<'_>) {
        let here = connection.subscribers(ROOM);
        if here != self.told {
            self.told = here;
            connection.send_to(connection.id(), format!("here\t{here}"));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A form that another thread answers.
struct Form {
    text: String,
    reply: Reply,
    due: Instant,
}

impl Shared {
    fn next_guest(&self) -> String {
        format!("guest-{}", self.guests.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Begins a stream: with the figures of the last minute, or, if it comes back, with what it has missed.
    fn watch(&self, events: &mut EventStream<'_>, request: &Request<'_>) {
        // A browser that loses the stream reconnects by itself, after this many milliseconds.
        events.send(Event::empty().retry(1000));
        let shares = if self.is_shared { "shared" } else { "alone" };
        events.send(Event::data(format!("{}\t{shares}", self.node)).event("node"));
        let by_browser = last_event_id(request);
        match by_browser.or_else(|| request.query()?.strip_prefix("after=")) {
            Some(id) => {
                // Older figures were missed.
                events.send(Event::data(events.now().0.to_string()).event("back"));
                events.subscribe_from(FEED, id);
            }
            None => {
                events.subscribe(FEED);
                events.send(Event::data(self.past.all()).event("past"));
            }
        }
    }

    /// Notes that a connection has this name. True for the first one: a page that was opened twice, or that comes back before its old
    /// connection is found dead, is the same visitor.
    fn comes(&self, name: &str) -> bool {
        let mut present = lock(&self.present);
        let count = present.entry(name.to_owned()).or_default();
        *count += 1;
        *count == 1
    }

    /// Notes that a connection has this name no more. True for the last one.
    fn leaves(&self, name: &str) -> bool {
        let mut present = lock(&self.present);
        let Some(count) = present.get_mut(name) else { return true };
        *count -= 1;
        let is_last = *count == 0;
        if is_last {
            present.remove(name);
        }
        is_last
    }

    /// Notes that a visitor has left. The others are told only after a while. False if too many are away.
    fn is_away(&self, name: &str, now: Time) -> bool {
        let mut away = lock(&self.away);
        let has_room = away.len() < AWAY_MAX;
        if has_room {
            away.push((name.to_owned(), now));
        }
        has_room
    }

    /// Whether a visitor of this name has just left.
    fn is_back(&self, name: &str) -> bool {
        let mut away = lock(&self.away);
        let place = away.iter().position(|(left, _)| left == name);
        place.map(|place| away.remove(place)).is_some()
    }

    /// Reports the visitors who did not come back.
    fn tell_who_left(&self, reactor: &mut Reactor<'_>) {
        let now = reactor.now();
        let gone: Vec<String> = {
            let mut away = lock(&self.away);
            let waiting = away.partition_point(|(_, since)| now.since(*since) >= AWAY_AFTER);
            away.drain(..waiting).map(|(name, _)| name).collect()
        };
        for name in gone {
            reactor.publish(ROOM, format!("left\t{name}"));
        }
    }

    /// Gives a form to the thread that answers it. The reactor goes on at once.
    fn defer(&self, exchange: Exchange<'_>, body: &[u8]) {
        let text = clean(&String::from_utf8_lossy(body), LINE_CHARS_MAX);
        let form = Form { text, reply: exchange.defer(), due: Instant::now() + LATE };
        if let Err(TrySendError::Full(form) | TrySendError::Disconnected(form)) = self.forms.try_send(form) {
            form.reply.respond(503, TEXT, "Too many forms are waiting. Try again later.");
        }
    }
}

/// The thread that answers forms, until no sender is left.
///
/// All forms wait equally long, so the first one is due first, and none waits for another.
fn answer_forms(forms: Receiver<Form>) {
    for Form { text, reply, due } in forms {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let backwards: String = text.chars().rev().collect();
        reply.respond(200, TEXT, format!("{} characters; backwards: {backwards}", text.chars().count()));
    }
}

fn send_file(exchange: Exchange<'_>, path: &str) {
    let Some((_, content_type, content)) = FILES.iter().find(|(name, ..)| *name == path) else {
        return exchange.not_found();
    };
    let response = exchange.response(200).header("Cache-Control", "no-cache");
    let response =
        response.header("Content-Security-Policy", POLICY).header("X-Content-Type-Options", "nosniff");
    if let Err(error) = response.body(content_type, *content) {
        eprintln!("{path} could not be sent: {error}");
    }
}

/// A visitor's text without separators and line ends, cut to a length.
fn clean(text: &str, chars_max: usize) -> String {
    let text: String = text.trim().chars().filter(|c| !c.is_control()).take(chars_max).collect();
    text.trim_end().to_owned()
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::read("showcase [--listen ADDR] [--public ADDR] [--broker URL]");
    let addr = options.value("--listen").unwrap_or("127.0.0.1:8080");
    let limits = |limits: &mut Limits| {
        limits.websocket.message_bytes_max = 4 << 10;
        limits.body_bytes_max = 4 << 10;
    };
    let mut builder = Server::builder().listen(addr).limits(limits).shutdown_on_signals();
    if let Some(url) = options.value("--broker") {
        builder = builder.broker(options::broker(url)).observer(BrokerTold);
    }
    let server = builder.bind().unwrap_or_else(options::fail);
    let addr = server.local_addr();
    let found = || addresses::in_the_network(addr, addresses::own).map(|network| network.to_string());
    let network = options.value("--public").map(str::to_owned).or_else(found);
    println!("listening on {addr}");
    println!("open http://{}/ in two tabs", addresses::reached(addr));
    if let Some(network) = &network {
        println!("from other machines: http://{network}/");
    }
    if options.value("--broker").is_none() {
        println!("this server is alone; with `--broker URL` several servers share the chat through Redis");
    }

    server.handle().declare_topic(FEED, figures::history());
    let (forms, waiting) = sync_channel(FORMS_MAX);
    let answerer = thread::Builder::new().name("late".into()).spawn(move || answer_forms(waiting))?;
    let shared = Arc::new(Shared {
        node: format!("{:x}", RandomState::new().build_hasher().finish()),
        is_shared: options.has("--broker"),
        guests: AtomicU64::new(0),
        lines: AtomicU64::new(0),
        forms,
        past: Past::default(),
        level: Level::new(),
        present: Mutex::default(),
        away: Mutex::default(),
        network,
    });
    let served = server.serve_with(move |setup| reactor(setup, addr, shared.clone()));
    // The server was the last sender of forms, so the thread ends too.
    if answerer.join().is_err() {
        eprintln!("the thread that answers forms panicked");
    }
    Ok(served?)
}

/// Prints the state of the connection to the Redis.
struct BrokerTold;

impl Observer for BrokerTold {
    fn on_broker(&self, event: BrokerEvent<'_>) {
        match event {
            BrokerEvent::Up => println!("the Redis is there"),
            BrokerEvent::Down { why } => println!("no Redis: {why}. Pages of this server get its own lines"),
            event => println!("{event:?}"),
        }
    }
}

/// Sets up a reactor: the first one takes the figures, and begins the server's own load.
fn reactor(setup: &mut Setup, addr: SocketAddr, shared: Arc<Shared>) -> impl FnMut(&Peer) -> Visitor + use<> {
    if setup.reactor() == 0 {
        Load::begin(setup, addr);
        let (shared, mut recorder) = (shared.clone(), Recorder::default());
        setup.every(figures::TICK, move |reactor| {
            recorder.tick(reactor, &shared.past, &shared.node);
            shared.tell_who_left(reactor);
        });
    }
    move |_peer| Visitor { shared: shared.clone(), role: Role::Browser }
}
