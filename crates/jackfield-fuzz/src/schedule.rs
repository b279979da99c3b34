//! The server that is simulated: an echo, a chat, crowds, event streams, lines, bytes, and HTTP in all its ways, with the peers
//! that know what it owes them.

use crate::aged;
use crate::calls::{self, Speaker};
use crate::cluster::{self, Cluster};
use crate::crowd;
use crate::deflate;
use crate::held::{self, Held};
use crate::identity::{identity, seed_tls};
use crate::listeners;
use crate::mail::{Floods, Letter, Mail};
use crate::order::Order;
use crate::perishable::{self, Beside};
use crate::random_client::{self, RandomClient};
use crate::starttls;
use jackfield::sim::peer::{Ask, Bytes, Events, Garbage, Heard, Http, PeerMessage, Silent, WebSocket};
use jackfield::sim::{Options, Outside, Random, Sim};
use jackfield::test::listener;
use jackfield::{
    Bandwidth, BodyPlan, Client, Connection, ConnectionId, Disconnect, Exchange, Heartbeat, LateUpgrade,
    Limits, Message, OnRateExceeded, Peer, Rate, Raw, Reply, Request, TimerId, Upgrade, WebSocket as Socket,
};
use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// What is owed from outside, shared by all clients.
#[derive(Default)]
struct Owed {
    replies: Vec<(Reply, String)>,
    /// With whether they are refused in the end.
    upgrades: Vec<(LateUpgrade, bool)>,
    /// Nobody gives these.
    forgotten: Vec<Reply>,
    /// Members of the room, by reactor.
    members: [usize; 2],
    crowd: crowd::Shared,
    calls: calls::Shared,
    floods: Floods,
    mail: Mail,
    market: perishable::Shared,
    random: random_client::Shared,
}

type Shared = Rc<RefCell<Owed>>;

/// One connection of the server.
struct Visitor {
    owed: Shared,
    me: Option<ConnectionId>,
    path: String,
    /// Parts of a stream, or events, that are still to be sent.
    left: usize,
    is_paused: bool,
    /// The reactor of the room that it is in.
    room: Option<usize>,
    body: Vec<u8>,
    posts: usize,
    /// The number of the latest value that was posted from outside.
    latest: usize,
    /// It speaks first, and to a listener of its own server.
    speaker: Option<Speaker>,
}

const TICK: TimerId = TimerId(1);
const RESUME: TimerId = TimerId(2);
/// Is set and cancelled, and never fires.
const NEVER: TimerId = TimerId(3);
/// Fires once.
const ALARM: TimerId = TimerId(4);
const MILLISECOND: Duration = Duration::from_millis(1);

impl Visitor {
    fn new(owed: Shared, peer: &Peer) -> Self {
        let speaker = peer.tag().and_then(|tag| owed.borrow().calls.borrow().speaker(tag));
        let path = peer.tag().map_or("", |tag| owed.borrow().calls.borrow().path(tag)).to_owned();
        let body = Vec::new();
        let (me, room, left, posts, latest, is_paused) = (None, None, 0, 0, 0, false);
        Self { owed, me, path, left, is_paused, room, body, posts, latest, speaker }
    }

    fn number(&self) -> usize {
        self.path.rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or_default()
    }

    fn awake(&self) {
        assert!(!self.is_paused, "something was read although it is paused");
    }

    /// A random client takes its place.
    fn replace(&self, connection: &mut Connection<'_>) {
        connection.cancel_timer(ALARM);
        let common = &self.owed.borrow().random;
        connection.replace(Box::new(RandomClient::new(common, connection.id(), self.latest)));
    }

    fn stream_on(&mut self, connection: &mut Connection<'_>) {
        if let Some(mut events) = connection.as_events() {
            for _ in 0..3.min(self.left) {
                self.left -= 1;
                events.send(format!("event {}", self.number() - self.left - 1));
            }
        } else if let Some(mut stream) = connection.as_response() {
            for _ in 0..2.min(self.left) {
                self.left -= 1;
                stream.write(&[b'0' + (self.left % 10) as u8; 100]);
            }
            if self.left == 0 {
                let _ = stream.finish();
                return;
            }
        }
        if self.left > 0 {
            connection.set_timer(TICK, MILLISECOND * 5);
        }
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        if let Some(reactor) = self.room {
            self.owed.borrow_mut().members[reactor] -= 1;
        }
        if let Some(id) = self.me {
            self.owed.borrow().crowd.borrow_mut().leave(id);
        }
    }
}

impl Client for Visitor {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        self.me = Some(connection.id());
        connection.set_timer(NEVER, MILLISECOND * 3);
        assert!(connection.cancel_timer(NEVER));
        connection.set_timer(ALARM, Duration::from_secs(3));
        if let (Some(speaker), Some(mut raw)) = (&mut self.speaker, connection.as_raw()) {
            speaker.begin(&mut raw);
        }
        calls::begin_next(connection, &self.owed.borrow().calls);
    }

    fn on_disconnect(&mut self, connection: &mut Connection<'_>, _end: &Disconnect) {
        if connection.peer().is_outgoing() {
            calls::begin_next(connection, &self.owed.borrow().calls);
        }
    }

    fn on_request(&mut self, mut exchange: Exchange<'_>, request: &Request<'_>) {
        self.awake();
        self.path = request.path().to_owned();
        if self.path.starts_with(random_client::PATH) {
            self.replace(&mut exchange);
        }
        let number = self.number();
        match self.path.split('/').nth(1) {
            Some("large") => exchange.ok("text/plain", vec![b'l'; number]),
            Some("lent") => {
                let body = vec![b'l'; number];
                exchange.ok("text/plain", &body[..]);
            }
            Some("late") => self.owed.borrow_mut().replies.push((exchange.defer(), self.path.clone())),
            Some("never") => self.owed.borrow_mut().forgotten.push(exchange.defer()),
            Some("body") => {
                let body = if self.body.is_empty() { request.body() } else { &self.body };
                exchange.ok("text/plain", body);
                self.body.clear();
            }
            Some("last") => {
                exchange.close_after();
                exchange.ok("text/plain", self.path.as_str());
            }
            Some("stream") => {
                self.left = number;
                let mut stream = exchange.stream(200, "text/plain");
                self.stream_on(&mut stream);
            }
            Some("topic") => cluster::enter(&mut exchange.events(), &self.path),
            Some("aged") => aged::enter(&mut exchange.events()),
            Some("perishable") => perishable::enter(&mut exchange.events(), &self.owed.borrow().market),
            Some("crowd") => crowd::enter(&mut exchange.events(), &self.owed.borrow().crowd),
            Some("events") => {
                self.left = number;
                let mut events = exchange.events();
                self.stream_on(&mut events);
            }
            _ => exchange.ok("text/plain", self.path.as_str()),
        }
    }

    fn on_head(&mut self, _connection: &mut Connection<'_>, request: &Request<'_>) -> BodyPlan {
        self.awake();
        if request.path().ends_with("/parts") { BodyPlan::Stream } else { BodyPlan::Collect }
    }

    fn on_body(&mut self, _connection: &mut Connection<'_>, part: &[u8]) {
        self.awake();
        self.body.extend_from_slice(part);
    }

    fn on_upgrade(&mut self, mut upgrade: Upgrade<'_>, request: &Request<'_>) {
        self.path = request.path().to_owned();
        match request.path() {
            random_client::PATH => {
                self.replace(&mut upgrade);
                upgrade.accept();
            }
            "/late" => self.owed.borrow_mut().upgrades.push((upgrade.defer(), false)),
            "/late/no" => self.owed.borrow_mut().upgrades.push((upgrade.defer(), true)),
            _ => upgrade.accept(),
        }
    }

    fn on_open(&mut self, socket: &mut Socket<'_>) {
        if self.path == random_client::PATH {
            self.replace(socket);
        }
        if self.path == crowd::PATH {
            crowd::enter(socket, &self.owed.borrow().crowd);
        }
        if self.path == perishable::PATH {
            perishable::enter(socket, &self.owed.borrow().market);
        }
        if self.path == "/chat" || self.path == deflate::PATH {
            socket.subscribe("room");
            self.room = Some(socket.id().reactor());
            self.owed.borrow_mut().members[socket.id().reactor()] += 1;
        }
    }

    fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        self.awake();
        if let (crowd::PATH | crowd::STAGE, Message::Text(text)) = (self.path.as_str(), message) {
            return crowd::answer(socket, &self.owed.borrow().crowd, text);
        }
        if self.path == "/chat" {
            let published = socket.publish_to_all("room", message);
            let members = self.owed.borrow().members;
            let (here, others) = (members[socket.id().reactor()], members[1 - socket.id().reactor()]);
            // Those that are closing have left it before they are over.
            let (all, is_passed_on) = (socket.subscribers("room"), published.reactors + published.full > 0);
            assert!(
                if is_passed_on { others > 0 } else { all <= here },
                "{published:?}, {all} subscribe, {here} members are here, and {others} elsewhere"
            );
            assert!(published.full == 0 || self.owed.borrow().floods.mailbox_max.is_some(), "{published:?}");
            return;
        }
        socket.send(message);
        if message.len() % 11 == 5 {
            socket.set_rate(Rate::new(10 + message.len() as u32 % 20, 0));
        }
        if message.len() % 7 == 3 {
            self.is_paused = true;
            socket.pause_read();
            socket.set_timer(RESUME, MILLISECOND * 10);
        }
    }

    fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        self.awake();
        if data.starts_with(random_client::WORD.as_bytes()) {
            self.replace(raw);
            return random_client::WORD.len();
        }
        // Four bytes at a time: what is left is carried.
        let whole = data.len() / 4 * 4;
        raw.send(&data[..whole]);
        whole
    }

    fn on_line(&mut self, raw: &mut Raw<'_>, line: &[u8]) {
        self.awake();
        if let Some(speaker) = &mut self.speaker {
            return speaker.hear(raw, line);
        }
        if let Some(text) = std::str::from_utf8(line).ok().and_then(|line| line.strip_prefix(crowd::WORD)) {
            crowd::enter(raw, &self.owed.borrow().crowd);
            return crowd::answer(raw, &self.owed.borrow().crowd, text);
        }
        if line == random_client::WORD.as_bytes() {
            return self.replace(raw);
        }
        if line == held::WORD.as_bytes() {
            self.is_paused = true;
            return raw.pause_read();
        }
        if starttls::begin(raw, line) {
            return;
        }
        raw.send(line);
        raw.send("\n");
        if line.len() % 7 == 3 {
            self.is_paused = true;
            raw.pause_read();
            raw.set_timer(RESUME, MILLISECOND * 10);
        }
    }

    fn on_secure(&mut self, raw: &mut Raw<'_>) {
        starttls::greet(raw);
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, timer: TimerId) {
        match timer {
            TICK => self.stream_on(connection),
            RESUME => {
                self.is_paused = false;
                connection.resume_read();
            }
            NEVER => panic!("a timer fires that was cancelled"),
            _ => {}
        }
    }

    fn on_drain(&mut self, connection: &mut Connection<'_>) {
        if self.path == perishable::PATH {
            perishable::drained(connection, &self.owed.borrow().market);
        }
    }

    fn on_post(&mut self, connection: &mut Connection<'_>, value: Box<dyn Any + Send>) {
        let value = match value.downcast::<Beside>() {
            Ok(beside) => return perishable::note(connection, &self.owed.borrow().market, &beside),
            Err(value) => value,
        };
        let Ok(letter) = value.downcast::<Letter>() else { panic!("a value that nobody posted") };
        assert_eq!(Some(letter.to), self.me, "a letter for another");
        letter.check(&mut self.latest);
        self.posts += 1;
        if self.posts % 3 == 1 {
            // While a batch of values is delivered: it is one of the next batch.
            let posted = connection.handle().post(connection.id(), Letter::to_oneself(connection.id()));
            assert!(posted.is_ok() || self.owed.borrow().floods.mailbox_max.is_some());
        }
    }
}

/// A server for this seed, with its peers, ready to run: one of the schedules of `jackfield sim`, and of the tests.
///
/// ```
/// use jackfield::sim::options_of;
///
/// jackfield_fuzz::bad_day(7, options_of(7, false)).try_run()?;
/// # Ok::<(), jackfield::sim::Violation>(())
/// ```
#[must_use]
pub fn bad_day(seed: u64, options: Options) -> Sim {
    bad_day_with(seed, options, |_limits| {})
}

/// Whether that seed's day is one with TLS, if the options do not say so: every fourth is.
fn has_tls(seed: u64) -> bool {
    seed % 4 == 3
}

/// Whether on that seed's day all come by way of proxies: on two of sixteen, one of them with TLS.
fn has_proxies(seed: u64) -> bool {
    matches!(seed % 16, 6 | 7)
}

/// The same with limits that are changed.
#[must_use]
pub fn bad_day_with(seed: u64, mut options: Options, change: impl Fn(&mut Limits)) -> Sim {
    let floods = Floods::of(seed);
    let mut doors = Random::new(seed ^ 0xd005);
    set_up(seed, &mut options, floods, &mut doors);
    be_idle_soon(seed, &mut options);
    let deflates = deflate::limits(seed, &mut options.limits);
    let perishes = floods.mailbox_max.is_none() && perishable::limits(seed, &mut options.limits);
    change(&mut options.limits);
    let (calls, tls) = (calls::limits(seed, &mut options.limits), options.tls.clone());
    let cluster = if floods.mailbox_max.is_none() { Cluster::of(seed, &mut options) } else { None };
    if options.tls.is_some() {
        ask_for_hosts(seed, &mut options);
    }
    let day = Day::new(floods, &options);
    let owed = Shared::default();
    owed.borrow_mut().floods = floods;
    let shared = owed.clone();
    let visitor = move |peer: &Peer| -> Box<dyn Client> { Box::new(Visitor::new(shared.clone(), peer)) };
    let mut sim = Sim::new(seed, options, visitor);
    day.add_usual(&mut sim, &mut doors);
    day.add_rare(&mut sim, seed);
    listeners::add(&mut sim, seed, day.listeners);
    match cluster {
        Some(cluster) => cluster.add(&mut sim, seed),
        None => aged::add(&mut sim, seed),
    }
    if deflates {
        deflate::add(&mut sim, seed, floods.mailbox_max.is_some());
    }
    if perishes {
        perishable::add(&mut sim, seed, &owed.borrow().market);
    }
    random_client::add(&mut sim, seed, &owed.borrow().random);
    let mut random = Random::new(seed ^ 0x4e1d);
    if random.chance(100) {
        sim.add(Held::new(&mut random));
    }
    if calls {
        calls::add(&mut sim, seed, tls.as_ref(), &owed.borrow().calls);
        calls::add_random(&mut sim, seed, tls.as_ref(), &owed.borrow().calls, &owed.borrow().random);
    }
    if calls && deflates {
        let has_gaps = floods.mailbox_max.is_some();
        calls::add_deflating(&mut sim, seed, tls.as_ref(), has_gaps, &owed.borrow().calls);
    }
    if tls.is_none() {
        starttls::add(&mut sim, seed);
    }
    sim.outside(move |outside| act_outside(outside, &owed));
    sim
}

/// The options of a day, and how long its peers must be able to wait with them.
fn set_up(seed: u64, options: &mut Options, floods: Floods, doors: &mut Random) {
    options.message_bytes_max = 30_000;
    seed_tls(seed);
    if options.tls.is_none() && has_tls(seed) {
        options.tls = Some(identity().tls.clone());
    }
    options.proxy |= has_proxies(seed);
    options.limits = limits(&mut Random::new(seed ^ 0xabcd));
    if seed % 2 == 1 {
        options.reserved = ["/tag/", crowd::PATH].map(Into::into).into();
    }
    // By chance of its own: a seed without it is what it was before there was a limit.
    let mut bandwidth = Random::new(seed ^ 0xba4d);
    if bandwidth.chance(60) {
        let [bytes_in, bytes_out] = [(); 2].map(|()| bandwidth.between(500, 30_000) as u32);
        options.limits.bandwidth = Bandwidth::new(bytes_in, bytes_out);
    }
    if options.limits.rate != Rate::default() || options.limits.bandwidth != Bandwidth::default() {
        // Whoever may say little in a second needs many.
        options.patience = Duration::from_secs(600);
    }
    if options.limits.bandwidth != Bandwidth::default() {
        // A full backlog leaves with 500 bytes in each of them.
        options.patience = Duration::from_secs(3000);
    }
    if options.limits.memory_bytes_max < 1 << 20 {
        // Whoever waits for memory waits for so long, and is then looked at once a second.
        options.patience += options.limits.reactor.memory_wait + Duration::from_secs(1);
    }
    options.limits.mailbox_max = floods.mailbox_max.unwrap_or(options.limits.mailbox_max);
    if doors.chance(100) {
        options.listeners = (0..doors.between(2, 9)).map(|_| doors.between(1, 4)).collect();
    }
    listeners::set_up(seed, options);
}

/// What the peers of a day must know of its options.
struct Day {
    floods: Floods,
    /// A limit may end connections that have done nothing wrong.
    may_be_cut_off: bool,
    half_closed: bool,
    lags: bool,
    backlogs: bool,
    /// Listeners that have little room.
    listeners: usize,
}

impl Day {
    fn new(floods: Floods, options: &Options) -> Self {
        let Limits { memory_bytes_max, reactor, rate, half_closed, .. } = &options.limits;
        let is_short_of_memory = *memory_bytes_max < 1 << 20 || reactor.wire_memory_bytes_max < 1 << 20;
        Self {
            floods,
            may_be_cut_off: is_short_of_memory || rate.on_exceeded == OnRateExceeded::Close,
            half_closed: *half_closed,
            lags: options.faults.lags > 0,
            backlogs: options.faults.backlogs,
            listeners: options.listeners.len(),
        }
    }

    /// Some peers of each kind, and more than there is room for.
    fn add_usual(&self, sim: &mut Sim, doors: &mut Random) {
        let Self { may_be_cut_off, half_closed, .. } = *self;
        let peers = sim.random().between(2, 7);
        for number in 0..peers {
            add(sim, number, may_be_cut_off, half_closed, self.floods);
        }
        for _ in 0..2 * self.listeners {
            // More than there is room for, at one listener or another.
            let peer = http(doors, may_be_cut_off, half_closed);
            sim.add(peer.at(listener::LINES + 1 + doors.below(self.listeners)));
        }
        if self.lags && sim.random().chance(300) {
            // More than an overloaded reactor lets in.
            for _ in 0..6 {
                let mut random = sim.random().fork();
                sim.add(http(&mut random, may_be_cut_off, half_closed));
            }
        }
    }

    /// By chance of their own: a seed without a crowd is what it was without crowds.
    fn add_rare(&self, sim: &mut Sim, seed: u64) {
        if self.backlogs {
            self.add_flood(sim, seed);
        }
        let mut random = Random::new(seed ^ 0xc0d);
        // What is published to other reactors is lost where mailboxes are full.
        if random.chance(200) && self.floods.mailbox_max.is_none() {
            crowd::add(sim, &mut random);
        }
        let mut random = Random::new(seed ^ 0x1eaf);
        if random.chance(200) {
            sim.add(leaver(&mut random));
        }
        let mut random = Random::new(seed ^ 0xc105e);
        if random.chance(100) {
            for _ in 0..random.between(1, 3) {
                sim.add(closer(&mut random, self.may_be_cut_off));
            }
        }
    }

    /// More connections at one listener than many turns accept, behind and before some at others.
    fn add_flood(&self, sim: &mut Sim, seed: u64) {
        let mut random = Random::new(seed ^ 0xf10d);
        let flooded = random.below(listener::LINES + 1 + self.listeners);
        for _ in 0..random.between(20, 40) {
            sim.add(Silent::new(flooded));
        }
        for other in 0..=listener::LINES + self.listeners {
            sim.add(Silent::new(other));
        }
    }
}

/// On some days HTTP connections are idle soon, and answers come later than that.
fn be_idle_soon(seed: u64, options: &mut Options) {
    let mut random = Random::new(seed ^ 0x1d1e);
    if random.chance(200) {
        options.limits.http_idle = Duration::from_millis(random.between(200, 3000) as u64);
    }
}

/// On half of the days with TLS peers ask for hosts, and have little time for their handshakes.
fn ask_for_hosts(seed: u64, options: &mut Options) {
    let mut random = Random::new(seed ^ 0x4051);
    if random.chance(500) {
        options.host = Some(identity().host.clone());
        let handshake = random.between(200, 3000);
        options.limits.reactor.handshake = Duration::from_millis(handshake as u64);
        // At the listeners with little room even less.
        options.listener_handshake = Some(Duration::from_millis(random.between(200, handshake) as u64));
    }
}

/// Small ones often, so that every bound is met.
fn limits(random: &mut Random) -> Limits {
    let presets = [Limits::local, Limits::lan, Limits::internet];
    let preset = random.chance(100).then(|| presets[random.below(presets.len())]);
    let usual = Limits::default();
    let mut limits = preset.map_or_else(Limits::default, |preset| preset());
    // A peer that falls silent must be detected.
    (limits.http_idle, limits.raw_idle) = (usual.http_idle, usual.raw_idle);
    limits.websocket_idle = usual.websocket_idle;
    limits.body_interval_bytes_min = limits.body_interval_bytes_min.max(1);
    if random.chance(700) {
        limits.reactor.read_bytes = random.between(16, 4000);
        limits.reactor.outbox_bytes_high = random.between(50, 5000);
        limits.reactor.outbox_bytes_low = random.below(limits.reactor.outbox_bytes_high);
        limits.reactor.carry_bytes_first = random.size(200);
        limits.reactor.carry_bytes_max = 4000;
        limits.http.head_bytes_max = 2000;
        limits.websocket.frame_in_place_bytes_max = random.between(130, 3000);
        limits.line_bytes_max = 2000;
        limits.events_per_turn = random.between(1, 10);
    }
    if random.chance(300) {
        limits.reactor.outbox_bytes_max = limits.reactor.outbox_bytes_high + random.size(50_000);
    }
    limits.upgrade_wait = Duration::from_millis(random.between(10, 10_000) as u64);
    limits.heartbeat = Duration::from_secs(random.between(1, 30) as u64);
    if random.chance(150) {
        let (messages, bytes) = (random.between(1, 30) as u32, random.between(500, 30_000) as u32);
        let excess = if random.chance(200) { OnRateExceeded::Close } else { OnRateExceeded::Pause };
        limits.rate = Rate::new(messages, bytes).on_exceeded(excess);
    }
    if random.chance(80) {
        // As small as a few peers can fill it.
        limits.memory_bytes_max = random.between(1000, 60_000);
        limits.reactor.memory_wait = Duration::from_millis(random.between(1, 10_000) as u64);
    }
    if random.chance(50) {
        limits.reactor.wire_memory_bytes_max = random.between(1000, 30_000);
    }
    if random.chance(50) {
        limits.max_lifetime = Duration::from_millis(random.between(1, 20_000) as u64);
    }
    if random.chance(200) {
        // Each kind of work waits for further turns.
        limits.reactor.commands_per_turn = random.between(1, 3);
        limits.reactor.timers_per_turn = random.between(1, 3);
        limits.reactor.looks_per_turn = random.between(1, 3);
        limits.reactor.drains_per_turn = random.between(1, 3);
        limits.reactor.handshakes_per_turn = limits.reactor.drains_per_turn;
    }
    if random.chance(500) {
        // Overload comes soon, and lets few in.
        limits.lag_window = Duration::from_millis(random.between(1, 40) as u64);
        limits.reactor.accepts_per_turn = random.between(1, 3);
    }
    limits.half_closed = random.chance(500);
    // No longer than the simulation is patient.
    limits.answer_timeout = Duration::from_millis(random.between(1000, 2000) as u64);
    limits
}

fn add(sim: &mut Sim, number: usize, may_be_cut_off: bool, half_closed: bool, floods: Floods) {
    let mut random = sim.random().fork();
    match random.below(12) {
        0..=2 => sim.add(http(&mut random, may_be_cut_off, half_closed)),
        3 | 4 => sim.add(echo(&mut random)),
        5..=7 => sim.add(chat(&mut random, number, floods.mailbox_max.is_some())),
        8 => {
            let wanted = random.between(1, 20);
            let target = format!("/events/{}", wanted + random.below(3));
            sim.add(Events::new(target, wanted, |number, event| {
                let expected = format!("event {number}");
                if event.data == expected {
                    Ok(())
                } else {
                    Err(format!("{} came for {expected}", event.data))
                }
            }))
        }
        9 => sim.add(lines(&mut random)),
        10 => {
            let pieces = (0..random.between(1, 10)).map(|_| {
                let count = random.size(300) * 4;
                random.bytes(count)
            });
            sim.add(Bytes::new(listener::RAW, pieces.map(|piece| (piece.clone(), piece)).collect()))
        }
        _ if random.chance(300) => sim.add(Silent::new(random.below(3))),
        _ => sim.add(Garbage::new(random.below(3))),
    };
}

/// Sends some requests, one of which gets no answer, and leaves.
fn leaver(random: &mut Random) -> Http {
    let before = (0..random.below(3)).map(|_| Ask::get(format!("/tag/{}", random.below(100))));
    let mut asks: Vec<Ask> = before.collect();
    let owed = ["/never/0", "/stream/1000", "/never/1"];
    asks.push(Ask::get(owed[random.below(owed.len())]));
    asks.extend((0..random.below(3)).map(|_| Ask::get("/tag/0")));
    let depth = asks.len();
    Http::new(asks).pipelined(depth).leaving().expecting(|_, _, _| Ok(()))
}

/// Sends some requests that are answered at once; the last one asks the server to end the connection (`Connection: close`). With TLS its
/// close_notify comes behind that.
fn closer(random: &mut Random, may_be_cut_off: bool) -> Http {
    let asks = (0..random.between(1, 3)).map(|_| {
        let kind = ["large", "lent", "tag"][random.below(3)];
        Ask::get(format!("/{kind}/{}", 2 * random.below(5000)))
    });
    let asks: Vec<Ask> = asks.collect();
    Http::new(asks).pipelined(random.between(1, 3)).asking_for_end().expecting(check(may_be_cut_off))
}

fn http(random: &mut Random, may_be_cut_off: bool, half_closed: bool) -> Http {
    let asks = (0..random.between(1, 12)).map(|_| {
        let tag = random.below(10_000);
        match random.below(9) {
            0 => Ask::get(format!("/large/{tag}")),
            1 => Ask::get(format!("/lent/{}", tag * 2)),
            2 => Ask::get(format!("/late/{tag}")),
            3 => Ask::get(format!("/stream/{}", tag % 20)),
            4 => {
                let (count, parts) = (random.size(3000), random.chance(500));
                let target = if parts { "/body/parts" } else { "/body" };
                Ask { chunked: random.chance(500), ..Ask::post(target, random.bytes(count)) }
            }
            5 => Ask { method: "HEAD".into(), ..Ask::get(format!("/head/{tag}")) },
            6 if tag % 3 == 0 => Ask { upgrade: true, ..Ask::get("/late/no") },
            6 if tag % 5 == 0 => Ask::get(format!("/last/{tag}")),
            _ => Ask::get(format!("/tag/{tag}")),
        }
    });
    let asks: Vec<Ask> = asks.collect();
    let depth = random.between(1, 6);
    let comes_later = |ask: &Ask| ask.target.starts_with("/late") || ask.target.starts_with("/stream");
    let stays = !half_closed && asks.iter().any(comes_later);
    let peer = Http::new(asks);
    let peer = if stays { peer.staying() } else { peer };
    peer.pipelined(depth).expecting(check(may_be_cut_off))
}

fn check(may_be_cut_off: bool) -> impl FnMut(&Ask, u16, &[u8]) -> Result<(), String> {
    move |ask, status, body| match status {
        // It held too much memory, or said too much.
        413 | 429 | 503 if may_be_cut_off && body.is_empty() => Ok(()),
        _ => check_answer(ask, status, body),
    }
}

fn check_answer(ask: &Ask, status: u16, body: &[u8]) -> Result<(), String> {
    let number = ask.target.rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or(0);
    let is_right = match ask.target.split('/').nth(1) {
        _ if ask.method == "HEAD" => body.is_empty(),
        Some("large" | "lent") => body.len() == number && body.iter().all(|byte| *byte == b'l'),
        Some("stream") => {
            let expected = (0..number).rev().flat_map(|left| [b'0' + (left % 10) as u8; 100]);
            expected.eq(body.iter().copied())
        }
        Some("body") => ask.body.as_deref() == Some(body),
        _ if ask.target == "/late/no" => {
            return if matches!(status, 400 | 403 | 503) { Ok(()) } else { Err("yes".into()) };
        }
        _ => body == ask.target.as_bytes(),
    };
    match is_right && status == 200 {
        true => Ok(()),
        false => Err(format!("{} {} got {status} with {} bytes", ask.method, ask.target, body.len())),
    }
}

fn echo(random: &mut Random) -> WebSocket {
    let messages = (0..random.between(1, 12)).map(|_| {
        let is_large = random.chance(50);
        let count = random.size(if is_large { 30_000 } else { 700 });
        if random.chance(500) {
            PeerMessage::Text(random.text(count))
        } else {
            PeerMessage::Binary(random.bytes(count))
        }
    });
    let messages = messages.collect();
    let is_late = random.chance(200);
    let target = if is_late { "/late" } else { "/echo" };
    let peer =
        WebSocket::new(target, messages).ahead(random.between(1, 8)).hearing(|message| match message {
            Message::Text(text) if text.starts_with("outside") => Heard::Other,
            _ => Heard::Echo,
        });
    if is_late { peer.allow_refusal() } else { peer }
}

fn chat(random: &mut Random, number: usize, has_gaps: bool) -> WebSocket {
    let own = format!("peer {number} ");
    let messages = (0..random.between(1, 12)).map(|count| {
        let long = random.chance(100);
        let pad = random.size(if long { 5000 } else { 60 });
        PeerMessage::Text(format!("{own}{count} {}", "x".repeat(pad)))
    });
    let messages = messages.collect();
    let target = if random.chance(900) { "/chat" } else { "/echo" };
    let mut order = Order::new(has_gaps);
    WebSocket::new(target, messages).ahead(random.between(1, 8)).hearing(move |message| {
        let Message::Text(text) = message else { return Heard::Wrong("no text".into()) };
        if text.starts_with("outside") {
            return Heard::Other;
        }
        match order.check(text) {
            Err(text) => Heard::Wrong(text),
            Ok(()) if text.starts_with(&own) => Heard::Echo,
            Ok(()) => Heard::Other,
        }
    })
}

fn lines(random: &mut Random) -> Bytes {
    let lines = (0..random.between(1, 12)).map(|_| {
        let count = random.size(500);
        "l".repeat(count)
    });
    let lines: Vec<String> = lines.collect();
    Bytes::lines(lines)
}

fn act_outside(outside: &mut Outside<'_>, owed: &Shared) {
    let (calm, mut owed) = (outside.is_calm(), owed.borrow_mut());
    random_client::act_outside(outside, &owed.random);
    if !calm {
        crowd::act_outside(outside, &owed.crowd);
        calls::act_outside(outside, &owed.calls);
    }
    while !owed.replies.is_empty() && (calm || outside.random().chance(500)) {
        let index = outside.random().below(owed.replies.len());
        let (reply, path) = owed.replies.swap_remove(index);
        outside.note("an answer is given");
        reply.respond(200, "text/plain", path);
    }
    while !owed.upgrades.is_empty() && (calm || outside.random().chance(500)) {
        outside.note("an upgrade is decided on");
        match owed.upgrades.remove(0) {
            (upgrade, true) => upgrade.reject(403),
            (upgrade, false) => upgrade.accept(),
        }
    }
    let Some(id) = outside.any_connection().filter(|_| !calm) else { return };
    if owed.floods.are_there && outside.random().chance(15) {
        let letters = outside.random().size(200);
        owed.mail.flood(outside, id, letters);
    }
    let text = format!("outside to {id}");
    match outside.random().below(40) {
        0 | 1 => owed.mail.flood(outside, id, 1),
        2 => drop(outside.handle().publish("room", text.as_str())),
        3 => {
            let large = text + &"y".repeat(3000);
            for _ in 0..=outside.random().size(60) {
                outside.handle().publish("room", large.as_str());
            }
        }
        4 => outside.end(id, false),
        5 => outside.end(id, true),
        6 => {
            let after = Duration::from_secs(outside.random().below(10) as u64);
            let _ = outside.handle().set_heartbeat(Heartbeat::every(after));
        }
        _ => {}
    }
}
