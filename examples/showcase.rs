//! The showcase: one server that speaks HTTP, WebSocket and server-sent events to a page of its own.
//!
//! ```sh
//! cargo run --release --example showcase -- --listen 127.0.0.1:8080
//! ```
//!
//! Each connection has a [`Visitor`], and what the browser asks for makes it one of three: it fetches files and posts
//! the form, it chats, or it watches the charts. The chat is lines of text, whose parts a tab separates.
//!
//! | From the page | What it means | | From the server | What it means |
//! | --- | --- | --- | --- | --- |
//! | `name NAME` | enters the chat, or renames | | `you`, name | this is your name |
//! | `say TEXT` | says something | | `mine`, text | you said this |
//! | `echo ANY` | comes back as it is | | `said`, name, text | somebody else did |
//! | `drop` | drop this connection | | `came`, `left`, name | somebody came or left |
//! | | | | `named`, name, name | somebody was renamed |
//! | | | | `here`, number | so many are in the chat |

use jackfield::{
    Client, Connection, Disconnect, Event, EventStream, Exchange, Limits, Message, Metrics, Reply, Request,
    Server, Time, TimerId, Upgrade, WebSocket,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

const ROOM: &str = "room";
const NAME_CHARS_MAX: usize = 24;
const LINE_CHARS_MAX: usize = 500;

/// Each connection has at most one timer: its charts go on with it, or its chat looks who is there.
const TICK: TimerId = TimerId(0);
const TICK_AFTER: Duration = Duration::from_secs(1);
/// Rates need two looks at the counters. The second comes soon, so that the charts do not begin empty.
const FIRST_TICK_AFTER: Duration = Duration::from_millis(250);

const LATE: Duration = Duration::from_secs(1);
const FORMS_MAX: usize = 1024;

const TEXT: &str = "text/plain; charset=utf-8";
/// Path, content type and content of all that the page is made of.
const FILES: [(&str, &str, &str); 4] = [
    ("/", "text/html; charset=utf-8", include_str!("showcase/page.html")),
    ("/page.css", "text/css; charset=utf-8", include_str!("showcase/page.css")),
    ("/page.js", "text/javascript; charset=utf-8", include_str!("showcase/page.js")),
    ("/favicon.svg", "image/svg+xml", include_str!("showcase/favicon.svg")),
];
/// The page takes what it needs from this server and from nowhere else, and no page may frame it.
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
    /// It is an event stream.
    Watcher(Box<Watcher>),
}

/// What the connections of all reactors share.
struct Shared {
    guests: AtomicU64,
    forms: SyncSender<Form>,
}

impl Client for Visitor {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        match (request.method(), request.path()) {
            ("POST", "/late") => self.shared.defer(exchange, request.body()),
            ("GET", "/figures") => {
                let watcher = Watcher::begin(&mut exchange.events());
                self.role = Role::Watcher(Box::new(watcher));
            }
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
        self.role = Role::Chatter(Chatter::default());
        socket.set_timer(TICK, TICK_AFTER);
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        match (&mut self.role, message) {
            (Role::Chatter(chatter), Message::Text(line)) => chatter.on_line(socket, line, &self.shared),
            _ => socket.close_with(1003, "only lines of text are taken here"),
        }
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, timer: TimerId) {
        connection.set_timer(timer, TICK_AFTER);
        match &mut self.role {
            Role::Browser => {}
            Role::Chatter(chatter) => chatter.tell_presence(connection),
            Role::Watcher(watcher) => watcher.push(connection),
        }
    }

    fn on_disconnect(&mut self, connection: &mut Connection<'_>, _end: &Disconnect) {
        if let Role::Chatter(Chatter { name: Some(name), .. }) = &self.role {
            connection.publish(ROOM, format!("left\t{name}"));
        }
    }
}

/// Somebody in the chat.
#[derive(Default)]
struct Chatter {
    /// None until the page's first line says how its visitor wants to be called.
    name: Option<String>,
    /// How many were here when it was last told.
    told: usize,
}

impl Chatter {
    fn on_line(&mut self, socket: &mut WebSocket<'_>, line: &str, shared: &Shared) {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb {
            "name" => self.rename(socket, rest, shared),
            "say" => self.say(socket, rest),
            "echo" => {
                socket.send(line);
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
        match &self.name {
            Some(old) => socket.publish(ROOM, format!("named\t{old}\t{name}")),
            None => {
                socket.subscribe(ROOM);
                socket.publish(ROOM, format!("came\t{name}"))
            }
        };
        self.name = Some(name);
        self.tell_presence(socket);
    }

    fn say(&self, socket: &mut WebSocket<'_>, text: &str) {
        let text = clean(text, LINE_CHARS_MAX);
        let Some(name) = self.name.as_ref().filter(|_| !text.is_empty()) else { return };
        socket.send(format!("mine\t{text}"));
        socket.publish(ROOM, format!("said\t{name}\t{text}"));
    }

    /// The number is looked up, not published: two that were published by two reactors at once could arrive in either
    /// order, and the older one would stay on the page.
    fn tell_presence(&mut self, connection: &mut Connection<'_>) {
        let here = connection.subscribers(ROOM);
        if here != self.told {
            self.told = here;
            connection.send_to(connection.id(), format!("here\t{here}"));
        }
    }
}

/// Somebody who looks at the charts.
struct Watcher {
    before: Metrics,
    at: Time,
}

impl Watcher {
    fn begin(events: &mut EventStream<'_>) -> Self {
        // A browser that loses the stream comes back by itself, after so many milliseconds.
        events.send(Event::empty().retry(1000));
        events.set_timer(TICK, FIRST_TICK_AFTER);
        Self { before: events.handle().metrics(), at: events.now() }
    }

    fn push(&mut self, connection: &mut Connection<'_>) {
        let (handle, now) = (connection.handle(), connection.now());
        let (before, metrics) = (self.before, handle.metrics());
        let elapsed_ms = now.0.saturating_sub(self.at.0).max(1);
        let rate = |before: u64, now: u64| now.saturating_sub(before) * 1000 / elapsed_ms;
        let json = format!(
            r#"{{"connections":{},"messages":{},"bytes":{},"turn_ns":{}}}"#,
            handle.count(),
            rate(before.messages_in + before.messages_out, metrics.messages_in + metrics.messages_out),
            rate(before.bytes_in + before.bytes_out, metrics.bytes_in + metrics.bytes_out),
            metrics.turn_ns,
        );
        if let Some(mut events) = connection.as_events() {
            events.send(Event::data(&json).event("figures"));
        }
        (self.before, self.at) = (metrics, now);
    }
}

/// A form that is to be answered by another thread.
struct Form {
    text: String,
    reply: Reply,
    due: Instant,
}

impl Shared {
    fn next_guest(&self) -> String {
        format!("guest-{}", self.guests.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Hands a form over to the thread that answers it. The reactor goes on at once.
    fn defer(&self, exchange: Exchange<'_>, body: &[u8]) {
        let text = clean(&String::from_utf8_lossy(body), LINE_CHARS_MAX);
        let form = Form { text, reply: exchange.defer(), due: Instant::now() + LATE };
        if let Err(TrySendError::Full(form) | TrySendError::Disconnected(form)) = self.forms.try_send(form) {
            form.reply.respond(503, TEXT, "Too many forms are waiting. Try again later.");
        }
    }
}

/// The thread that answers forms, until there is nobody left who could hand one over.
///
/// All of them wait equally long, so whoever came first is due first, and nobody waits for another's second.
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

/// What a visitor wrote, without the characters that would end a line or a part of one, and not too much of it.
fn clean(text: &str, chars_max: usize) -> String {
    let text: String = text.trim().chars().filter(|c| !c.is_control()).take(chars_max).collect();
    text.trim_end().to_owned()
}

fn main() -> jackfield::Result<()> {
    let addr = options::addr("showcase [--listen ADDR]", "127.0.0.1:8080");
    let limits = |limits: &mut Limits| {
        limits.websocket.message_bytes_max = 4 << 10;
        limits.body_bytes_max = 4 << 10;
    };
    let server = Server::builder().listen(addr).limits(limits).shutdown_on_signals().bind()?;
    println!("listening on {}", server.local_addr());
    println!("open http://{}/ in two tabs", server.local_addr());

    let (forms, waiting) = sync_channel(FORMS_MAX);
    let answerer = thread::Builder::new().name("late".into()).spawn(move || answer_forms(waiting))?;
    let shared = Arc::new(Shared { guests: AtomicU64::new(0), forms });
    let served = server.serve(move |_peer| Visitor { shared: shared.clone(), role: Role::Browser });
    // With the server went all who could hand a form over, so this thread ends as well.
    if answerer.join().is_err() {
        eprintln!("the thread that answers forms panicked");
    }
    served
}
