//! A client that notes each of its events, and does what a test tells it.

use jackfield::test::TestOptions;
use jackfield::{
    BodyPlan, Client, Connection, ConnectionId, Control, Disconnect, Exchange, FailedHandshake, FrameAction,
    FrameHead, Handle, HeartbeatAction, Limit, Message, Observer, Peer, Pressure, Raw, Reason, RefuseReason,
    Request, TimerId, Upgrade, WebSocket,
};
use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What happened, in order, on all connections that share it.
#[derive(Clone, Default)]
pub struct Log(Arc<Inside>);

#[derive(Default)]
struct Inside {
    events: Mutex<Vec<String>>,
    /// What the requests had besides, one after the other.
    requests: Mutex<Vec<String>>,
    is_in_callback: AtomicBool,
}

/// A callback is running.
pub struct Running(Arc<Inside>);

impl Log {
    pub fn note(&self, event: impl Into<String>) {
        self.lock().push(event.into());
    }

    /// What has happened. Parts of one body are one event, for how they are cut is no matter.
    pub fn events(&self) -> Vec<String> {
        let mut events: Vec<String> = Vec::new();
        for event in self.lock().iter() {
            match (events.last_mut(), event.strip_prefix("body ")) {
                (Some(last), Some(part)) if last.starts_with("body ") => last.push_str(part),
                _ => events.push(event.clone()),
            }
        }
        events
    }

    /// Notes the rest of what can be seen of a request. It is no event, so that tests of events need not say it.
    fn see(&self, at: &str, request: &Request<'_>) {
        let line = |(name, value): (&str, &[u8])| format!("{name}: {}", value.escape_ascii());
        let fields: Vec<_> = request.headers().map(line).collect();
        let trailers: Vec<_> = request.trailers().map(line).collect();
        let (version, has_body) = (request.version(), request.has_body());
        let keeps = request.keep_alive();
        self.requests().push(format!(
            "{at}: {version:?}, has a body: {has_body}, stays: {keeps}, {fields:?}, trailers {trailers:?}"
        ));
    }

    /// What was seen of the requests: version, whether they have a body, fields and trailers.
    pub fn requests(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has happened since this was last asked.
    pub fn take(&self) -> Vec<String> {
        let events = self.events();
        self.lock().clear();
        events
    }

    pub fn count(&self, begin: &str) -> usize {
        self.lock().iter().filter(|event| event.starts_with(begin)).count()
    }

    pub fn has(&self, begin: &str) -> bool {
        self.count(begin) > 0
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a callback, and that no other is running.
    fn enter(&self, event: impl Into<String>) -> Running {
        let event = event.into();
        assert!(
            !self.0.is_in_callback.swap(true, Ordering::AcqRel),
            "{event} came inside of another callback"
        );
        self.note(event);
        Running(self.0.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.is_in_callback.store(false, Ordering::Release);
    }
}

/// A client that notes each of its events, and then does what its fields say. Only for servers of one reactor: its log
/// takes two callbacks at once for a fault.
pub struct Probe {
    pub log: Log,
    pub gone: Gone,
    /// Any number that a test wants to keep.
    pub count: usize,
    pub on_connect: fn(&mut Probe, &mut Connection<'_>),
    pub on_request: fn(&mut Probe, Exchange<'_>, &Request<'_>),
    pub on_upgrade: fn(&mut Probe, Upgrade<'_>, &Request<'_>),
    pub on_open: fn(&mut Probe, &mut WebSocket<'_>),
    pub on_message: fn(&mut Probe, &mut WebSocket<'_>, Message<'_>),
    pub on_message_part: fn(&mut Probe, &mut WebSocket<'_>, Message<'_>, bool),
    pub on_data: fn(&mut Probe, &mut Raw<'_>, &mut [u8]) -> usize,
    pub on_drain: fn(&mut Probe, &mut Connection<'_>),
    pub on_sent: fn(&mut Probe, &mut Connection<'_>, u64),
    pub on_timer: fn(&mut Probe, &mut Connection<'_>, TimerId),
    pub on_disconnect: fn(&mut Probe, &mut Connection<'_>, &Disconnect),
    pub on_line: fn(&mut Probe, &mut Raw<'_>, &[u8]),
    pub on_line_limit: fn(&mut Probe, &mut Raw<'_>),
    pub on_peer_closed: fn(&mut Probe, &mut Raw<'_>, &[u8]),
    pub on_goodbye: fn(&mut Probe, &mut Raw<'_>, Reason),
    pub on_post: fn(&mut Probe, &mut Connection<'_>, Box<dyn Any + Send>),
    pub on_control: fn(&mut Probe, &mut WebSocket<'_>, Control<'_>),
    pub wants_frames: bool,
    pub on_frame: fn(&mut Probe, &mut WebSocket<'_>, &FrameHead) -> FrameAction,
    pub on_heartbeat: fn(&mut Probe, &mut WebSocket<'_>) -> HeartbeatAction,
    pub on_head: fn(&mut Probe, &mut Connection<'_>, &Request<'_>) -> BodyPlan,
    pub on_body: fn(&mut Probe, &mut Connection<'_>, &[u8]),
}

impl Default for Probe {
    /// Answers requests with what it saw of them, begins event streams at `/events`, and says messages, data and lines
    /// back.
    fn default() -> Self {
        Self {
            log: Log::default(),
            gone: Gone::default(),
            count: 0,
            on_connect: |_, _| {},
            on_request: |_, exchange, request| {
                if request.path() == "/events" {
                    exchange.events();
                } else {
                    let body = String::from_utf8_lossy(request.body());
                    exchange.ok("text/plain", format!("{} {} {body}", request.method(), request.target()));
                }
            },
            on_upgrade: |_, upgrade, _| upgrade.accept(),
            on_open: |_, _| {},
            on_message: |_, socket, message| {
                socket.send(message);
            },
            on_message_part: |_, _, _, _| {},
            on_data: |_, raw, data| {
                raw.send(&*data);
                data.len()
            },
            on_drain: |_, _| {},
            on_sent: |_, _, _| {},
            on_timer: |_, _, _| {},
            on_disconnect: |_, _, _| {},
            on_line: |_, raw, line| {
                raw.send([line, b"\n"].concat());
            },
            on_line_limit: |_, raw| raw.abort(),
            on_peer_closed: |_, raw, _| raw.close(),
            on_goodbye: |_, _, _| {},
            on_post: |_, _, _| {},
            on_control: |_, _, _| {},
            wants_frames: false,
            on_frame: |_, _, _| FrameAction::Continue,
            on_heartbeat: |_, _| HeartbeatAction::Ping,
            on_head: |_, _, _| BodyPlan::Collect,
            on_body: |_, _, _| {},
        }
    }
}

fn shown(bytes: &[u8]) -> String {
    if bytes.len() > 40 { format!("{} bytes", bytes.len()) } else { bytes.escape_ascii().to_string() }
}

impl Client for Probe {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        let _running = self.log.enter("connect");
        (self.on_connect)(self, connection);
    }

    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        let (method, target, body) = (request.method(), request.target(), shown(request.body()));
        let _running = self.log.enter(format!("request {method} {target} {body}"));
        self.log.see("request", request);
        (self.on_request)(self, exchange, request);
    }

    fn on_upgrade(&mut self, upgrade: Upgrade<'_>, request: &Request<'_>) {
        let _running = self.log.enter(format!("upgrade {}", request.target()));
        self.log.see("upgrade", request);
        (self.on_upgrade)(self, upgrade, request);
    }

    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        let _running = self.log.enter("open");
        (self.on_open)(self, socket);
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        let kind = if matches!(message, Message::Text(_)) { "text" } else { "binary" };
        let _running = self.log.enter(format!("{kind} {}", shown(message.as_bytes())));
        (self.on_message)(self, socket, message);
    }

    fn on_message_part(&mut self, socket: &mut WebSocket<'_>, part: Message<'_>, is_last: bool) {
        let _running = self.log.enter(format!("part {} {is_last}", shown(part.as_bytes())));
        (self.on_message_part)(self, socket, part, is_last);
    }

    fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        let _running = self.log.enter(format!("data {}", shown(data)));
        (self.on_data)(self, raw, data)
    }

    fn on_drain(&mut self, connection: &mut Connection<'_>) {
        let _running = self.log.enter("drain");
        (self.on_drain)(self, connection);
    }

    fn on_sent(&mut self, connection: &mut Connection<'_>, tag: u64) {
        let _running = self.log.enter(format!("sent {tag}"));
        (self.on_sent)(self, connection, tag);
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, timer: TimerId) {
        let _running = self.log.enter(format!("timer {} at {}", timer.0, connection.now().0));
        (self.on_timer)(self, connection, timer);
    }

    fn on_disconnect(&mut self, connection: &mut Connection<'_>, end: &Disconnect) {
        let _running = self.log.enter(format!("disconnect {:?}", end.reason));
        (self.on_disconnect)(self, connection, end);
    }

    fn on_line(&mut self, raw: &mut Raw<'_>, line: &[u8]) {
        let _running = self.log.enter(format!("line {}", shown(line)));
        (self.on_line)(self, raw, line);
    }

    fn on_line_limit(&mut self, raw: &mut Raw<'_>) {
        let _running = self.log.enter("line limit");
        (self.on_line_limit)(self, raw);
    }

    fn on_peer_closed(&mut self, raw: &mut Raw<'_>, rest: &[u8]) {
        let _running = self.log.enter(format!("peer closed {}", shown(rest)));
        (self.on_peer_closed)(self, raw, rest);
    }

    fn on_goodbye(&mut self, raw: &mut Raw<'_>, why: Reason) {
        let _running = self.log.enter(format!("goodbye {why:?}"));
        (self.on_goodbye)(self, raw, why);
    }

    fn on_post(&mut self, connection: &mut Connection<'_>, value: Box<dyn Any + Send>) {
        let _running = self.log.enter("post");
        (self.on_post)(self, connection, value);
    }

    fn on_control(&mut self, socket: &mut WebSocket<'_>, control: Control<'_>) {
        let event = match control {
            Control::Ping(payload) => format!("ping {}", shown(payload)),
            Control::Pong(payload) => format!("pong {}", shown(payload)),
        };
        let _running = self.log.enter(event);
        (self.on_control)(self, socket, control);
    }

    fn wants_frames(&self) -> bool {
        self.wants_frames
    }

    fn on_frame(&mut self, socket: &mut WebSocket<'_>, head: &FrameHead) -> FrameAction {
        let (opcode, bytes) = (head.opcode(), head.payload_bytes());
        let event = format!("frame {opcode} of {bytes}, {} {}", head.is_final(), head.reserved());
        let _running = self.log.enter(event);
        (self.on_frame)(self, socket, head)
    }

    /// Parts of one payload are one event, as those of a body are.
    fn on_frame_part(&mut self, _socket: &mut WebSocket<'_>, part: &[u8], is_last: bool) {
        let _running = self.log.enter(format!("body {}", part.escape_ascii()));
        if is_last {
            self.log.note("taken");
        }
    }

    fn on_heartbeat(&mut self, socket: &mut WebSocket<'_>) -> HeartbeatAction {
        let _running = self.log.enter("heartbeat");
        (self.on_heartbeat)(self, socket)
    }

    fn on_head(&mut self, connection: &mut Connection<'_>, request: &Request<'_>) -> BodyPlan {
        let _running = self.log.enter(format!("head {} {}", request.method(), request.target()));
        self.log.see("head", request);
        (self.on_head)(self, connection, request)
    }

    fn on_body(&mut self, connection: &mut Connection<'_>, part: &[u8]) {
        let _running = self.log.enter(format!("body {}", part.escape_ascii()));
        (self.on_body)(self, connection, part);
    }
}

impl Probe {
    /// The same probe, writing to this log.
    pub fn noted_in(self, log: &Log) -> Self {
        Self { log: log.clone(), gone: Gone(Some(log.clone()), None), ..self }
    }

    /// The same probe, which says to another log whether its life was in order.
    pub fn followed_by(mut self, all: &Log) -> Self {
        self.gone.1 = Some(all.clone());
        self
    }
}

/// Notes when the client is dropped, and, for a log of many, that its life was in order.
#[derive(Default)]
pub struct Gone(Option<Log>, Option<Log>);

impl Drop for Gone {
    fn drop(&mut self) {
        if let Some(all) = &self.1 {
            let events = self.0.as_ref().map(Log::events).unwrap_or_default();
            let ends = events.iter().filter(|event| event.starts_with("disconnect")).count();
            let is_in_order = events.first().is_some_and(|event| event == "connect")
                && events.last().is_some_and(|event| event.starts_with("disconnect"));
            all.note(if ends == 1 && is_in_order { "end".into() } else { format!("disorder {events:?}") });
        }
        for log in [&self.0, &self.1].into_iter().flatten() {
            log.note("drop");
        }
    }
}

/// Notes what happens to the server as a whole.
#[derive(Clone, Default)]
pub struct Watcher {
    pub log: Log,
}

impl Observer for Watcher {
    fn on_started(&self, handle: &Handle) {
        self.log.note(format!("started {:?}", handle.state()));
    }

    fn on_stopped(&self) {
        self.log.note("stopped");
    }

    fn on_refused(&self, _peer: &Peer, why: RefuseReason) {
        self.log.note(format!("refused {why:?}"));
    }

    fn on_tls_error(&self, failed: &FailedHandshake) {
        self.log.note(format!("tls error {:?}", failed.reason));
    }

    fn on_panic(&self, _id: ConnectionId, payload: &(dyn Any + Send)) {
        let text = payload.downcast_ref::<&str>().copied().unwrap_or("no text");
        self.log.note(format!("panic {text}"));
    }

    fn on_dropped(&self, _id: ConnectionId) {
        self.log.note("dropped");
    }

    fn on_pressure(&self, pressure: Pressure, _budget_bytes: usize) {
        self.log.note(format!("pressure {pressure:?}"));
    }

    fn on_evicted(&self, _id: ConnectionId, _bytes: usize) {
        self.log.note("evicted");
    }

    fn on_throttled(&self, _id: ConnectionId, why: Limit) {
        self.log.note(format!("throttled {why:?}"));
    }
}

/// Options with an observer, and the log of what that observes.
pub fn observed() -> (TestOptions, Log) {
    let watcher = Watcher::default();
    let log = watcher.log.clone();
    (TestOptions { observer: Arc::new(watcher), ..TestOptions::default() }, log)
}
