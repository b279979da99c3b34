//! A topic whose messages may wait in a queue of the server for peers that read slowly, some of them with a time to live or a key. A
//! message may be missing only if its time to live had passed, or if a newer one with its key had come, before it could be sent;
//! whatever is missing was counted. One whose time to live has passed does not come any more.
//!
//! When a message leaves the queue only the server knows. So a member is sent a *mark* with the time when its connection has drained:
//! what comes behind a mark has left the queue later.

use jackfield::proto::sse::DecodedEvent;
use jackfield::sim::peer::{Events, Heard, Peer, PeerConnection, WebSocket};
use jackfield::sim::{Outside, Random, Sim};
use jackfield::{Connection, ConnectionId, History, Limits, Message, Overflow, Publication, Time};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// Where its members come in.
pub(crate) const PATH: &str = "/perishable";
const TOPIC: &str = "perishable";
/// The longest padding of a message, in bytes.
const PAD_MAX: usize = 3000;
/// The longest time to live, in milliseconds.
const TTL_MAX: usize = 4000;

/// What was published, and to whom.
#[derive(Default)]
pub(crate) struct Market {
    goods: Vec<Good>,
    /// How many there will be. The last one has neither a time to live nor a key.
    total: usize,
    /// The policy of each connection; `None`: the topic has it.
    own_policy: Option<Overflow>,
    members: Vec<Member>,
}

/// Shared by the clients and the peers of one simulation.
pub(crate) type Shared = Rc<RefCell<Market>>;

#[derive(Clone, Copy, Debug, Default)]
struct Good {
    ttl: Option<Duration>,
    key: Option<usize>,
}

struct Member {
    id: ConnectionId,
    /// The first message that it must get.
    first: usize,
    /// From that on: when each was published on its reactor.
    times: Vec<Span>,
    marks: usize,
    /// How many marks it may get before the next message is published. Each drain takes a message out of the queue, if one is there.
    marks_left: usize,
}

/// Something happened not before and not after these times, as far as they are known.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    earliest: Option<Time>,
    latest: Option<Time>,
}

/// A value that is posted to a member before a message is published, and behind it.
pub(crate) struct Beside {
    good: usize,
    is_behind: bool,
}

/// Nearly always nobody. Then the backlog has room for all messages.
pub(crate) fn limits(seed: u64, limits: &mut Limits) -> bool {
    let are_there = chance(seed).chance(80);
    if are_there {
        limits.reactor.outbox_bytes_max = Limits::default().reactor.outbox_bytes_max;
    }
    are_there
}

/// By chance of its own: a seed without it is what it was before there was a topic like this.
fn chance(seed: u64) -> Random {
    Random::new(seed ^ 0x771d)
}

pub(crate) fn add(sim: &mut Sim, seed: u64, market: &Shared) {
    let mut random = chance(seed).fork();
    let policy = if random.chance(500) { Overflow::DropOldest } else { Overflow::NewestPerKey };
    market.borrow_mut().total = random.between(5, 40);
    if random.chance(500) {
        sim.handle().declare_topic(TOPIC, History::none().overflow(policy));
    } else {
        market.borrow_mut().own_policy = Some(policy);
    }
    let (all, of_events) = (random.between(1, 6), random.below(3) * 500);
    for _ in 0..all {
        let ears = Rc::new(RefCell::new(Ears::new(market, policy)));
        if random.chance(of_events as u16) {
            let own = ears.clone();
            let judge = move |_: usize, event: &DecodedEvent<'_>| own.borrow_mut().hear(event.data);
            sim.add(Buyer { peer: Events::endless(PATH, judge), ears });
        } else {
            let own = ears.clone();
            let peer = WebSocket::new(PATH, Vec::new()).hearing(move |message| judge(&own, message));
            sim.add(Buyer { peer, ears });
        }
    }
    let market = market.clone();
    sim.outside(move |outside| act_outside(outside, &mut market.borrow_mut()));
}

/// Messages are published now and then, several at a time.
fn act_outside(outside: &mut Outside<'_>, market: &mut Market) {
    let calm = outside.is_calm();
    if !calm && !outside.random().chance(150) {
        return;
    }
    let left = market.total - market.goods.len();
    let count = if calm { left } else { left.min(1 + outside.random().size(12)) };
    (0..count).for_each(|_| publish(outside, market));
}

fn publish(outside: &mut Outside<'_>, market: &mut Market) {
    let number = market.goods.len();
    let is_last = number + 1 == market.total;
    let good = if is_last { Good::default() } else { Good::new(outside.random()) };
    let text = format!("good {number} {}", "g".repeat(outside.random().size(PAD_MAX)));
    outside.note(&text);
    market.goods.push(good);
    market.post(outside, number, false);
    outside.handle().publish(TOPIC, good.publication(&text));
    market.post(outside, number, true);
}

impl Good {
    fn new(random: &mut Random) -> Self {
        let ttl = random.chance(600).then(|| Duration::from_millis(random.size(TTL_MAX) as u64));
        Self { ttl, key: random.chance(400).then(|| random.below(3)) }
    }

    fn publication<'m>(&self, text: &'m str) -> Publication<'m> {
        let publication = Publication::from(text);
        let publication = self.ttl.into_iter().fold(publication, Publication::ttl);
        self.key.into_iter().fold(publication, |publication, key| publication.key(&key.to_string()))
    }
}

impl Market {
    /// All members get a value on the same way as the message, which is published next or was published just now.
    fn post(&self, outside: &Outside<'_>, good: usize, is_behind: bool) {
        for member in &self.members {
            // A client that has left gets none.
            let _ = outside.handle().post(member.id, Beside { good, is_behind });
        }
    }

    fn member(&mut self, id: ConnectionId) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.id == id)
    }
}

/// Somebody is there who is to get what is published from now on.
pub(crate) fn enter(connection: &mut Connection<'_>, market: &RefCell<Market>) {
    let mut market = market.borrow_mut();
    let (number, first) = (market.members.len(), market.goods.len());
    if let Some(policy) = market.own_policy {
        connection.set_overflow(policy);
    }
    say(connection, format!("hello {number}").into());
    connection.subscribe(TOPIC);
    let id = connection.id();
    market.members.push(Member { id, first, times: Vec::new(), marks: 0, marks_left: 0 });
}

/// A message was published on the reactor of this member after that, or before it.
pub(crate) fn note(connection: &mut Connection<'_>, market: &RefCell<Market>, beside: &Beside) {
    let mut market = market.borrow_mut();
    let total = market.total;
    let Some(member) = market.member(connection.id()) else { return };
    let Some(number) = beside.good.checked_sub(member.first) else { return };
    member.times.resize(member.times.len().max(number + 1), Span::default());
    let now = Some(connection.now());
    if !beside.is_behind {
        member.times[number].earliest = now;
        return;
    }
    member.times[number].latest = now;
    member.marks_left = member.first + member.times.len() + 2;
    if beside.good + 1 == total {
        member.mark(connection);
    }
}

/// The connection has drained, and what left the queue is in its outbox.
pub(crate) fn drained(connection: &mut Connection<'_>, market: &RefCell<Market>) {
    if let Some(member) = market.borrow_mut().member(connection.id()) {
        member.mark(connection);
    }
}

impl Member {
    /// With a time to live, which has no effect: a message to one connection does not go through the queue.
    fn mark(&mut self, connection: &mut Connection<'_>) {
        let Some(left) = self.marks_left.checked_sub(1) else { return };
        self.marks_left = left;
        let text = format!("mark {} {} {}", self.marks, connection.now().0, connection.dropped_messages());
        self.marks += 1;
        say(connection, Publication::from(text).ttl(Duration::ZERO));
    }
}

fn say(connection: &mut Connection<'_>, publication: Publication<'_>) {
    if let Some(mut socket) = connection.as_websocket() {
        socket.send(publication);
    } else if let Some(mut events) = connection.as_events() {
        events.send(publication);
    }
}

/// What a member has heard so far.
struct Ears {
    market: Shared,
    keeps_newest: bool,
    /// Its number.
    member: Option<usize>,
    /// The message that comes next.
    next: usize,
    /// Messages from before it was a member.
    early: usize,
    /// Messages that have not come, since the last mark and in all.
    skipped: Vec<usize>,
    missing: usize,
    marks: usize,
    /// The time of the last mark.
    time: Time,
    is_over: bool,
}

impl Ears {
    fn new(market: &Shared, policy: Overflow) -> Self {
        Self {
            market: market.clone(),
            keeps_newest: policy == Overflow::NewestPerKey,
            member: None,
            next: 0,
            early: 0,
            skipped: Vec::new(),
            missing: 0,
            marks: 0,
            time: Time(0),
            is_over: false,
        }
    }

    fn hear(&mut self, text: &str) -> Result<(), String> {
        let market = self.market.clone();
        let market = &*market.borrow();
        match text.split_once(' ').unwrap_or_default() {
            ("hello", rest) => {
                let [own] = numbers(rest)?;
                let member = market.members.get(own).ok_or("nobody has come in")?;
                (self.member, self.next) = (Some(own), member.first);
                self.is_over = member.first == market.total;
                Ok(())
            }
            ("mark", rest) => self.mark(market, numbers(rest)?),
            ("good", rest) => self.get(market, numbers(rest)?),
            _ => Err(format!("nobody says {text}")),
        }
    }

    fn get(&mut self, market: &Market, [number]: [usize; 1]) -> Result<(), String> {
        let member = self.member.and_then(|own| market.members.get(own)).ok_or("it came before the hello")?;
        let Some(place) = number.checked_sub(member.first) else {
            self.early += 1;
            return Ok(());
        };
        if number < self.next {
            return Err(format!("message {number} came where {} was to come", self.next));
        }
        let latest = member.times.get(place).and_then(|span| span.latest);
        let due = latest.zip(market.goods[number].ttl).map(|(latest, ttl)| latest.after(ttl));
        if let Some(due) = due.filter(|due| *due < self.time) {
            let time = self.time;
            return Err(format!("message {number} was to live until {due}, and was sent at {time} or later"));
        }
        self.skipped.extend(self.next..number);
        self.missing += number - self.next;
        self.next = number + 1;
        Ok(())
    }

    /// What was sent before this mark was sent at its time at the latest.
    fn mark(&mut self, market: &Market, [number, time, dropped]: [usize; 3]) -> Result<(), String> {
        let member = self.member.and_then(|own| market.members.get(own)).ok_or("it came before the hello")?;
        if number != self.marks {
            return Err(format!("mark {number} came where {} was to come", self.marks));
        }
        self.marks += 1;
        let time = Time(time as u64);
        for good in self.skipped.drain(..) {
            let is_explained = market.has_expired(member, good, time)
                || (self.keeps_newest && market.is_replaced(member, good, time));
            if !is_explained {
                let Good { ttl, key } = market.goods[good];
                let span = member.times[good - member.first];
                return Err(format!(
                    "message {good} is missing at {time}: its time to live is {ttl:?} from {span:?} on, and its key {key:?}"
                ));
            }
        }
        self.time = time;
        self.is_over = self.next == market.total;
        // Those from before it was a member may have been dropped too.
        let most = self.missing + member.first - self.early;
        if dropped < self.missing || (self.is_over && dropped > most) {
            return Err(format!(
                "{dropped} messages are counted as dropped, and {} are missing",
                self.missing
            ));
        }
        Ok(())
    }
}

impl Market {
    /// Whether the time to live of this message was over by then.
    fn has_expired(&self, member: &Member, good: usize, by: Time) -> bool {
        let earliest = member.earliest(good).zip(self.goods[good].ttl);
        earliest.is_some_and(|(earliest, ttl)| earliest.after(ttl) < by)
    }

    /// Whether a newer message with its key was published by then.
    fn is_replaced(&self, member: &Member, good: usize, by: Time) -> bool {
        let is_newer = |other: &usize| {
            self.goods[*other].key == self.goods[good].key
                && member.earliest(*other).is_some_and(|earliest| earliest <= by)
        };
        self.goods[good].key.is_some() && (good + 1..self.goods.len()).any(|other| is_newer(&other))
    }
}

impl Member {
    fn earliest(&self, good: usize) -> Option<Time> {
        self.times.get(good - self.first)?.earliest
    }
}

fn judge(ears: &RefCell<Ears>, message: &Message<'_>) -> Heard {
    let Message::Text(text) = message else { return Heard::Wrong("no text".into()) };
    match ears.borrow_mut().hear(text) {
        Ok(()) => Heard::Other,
        Err(text) => Heard::Wrong(text),
    }
}

/// The numbers at the beginning of a text.
fn numbers<const N: usize>(text: &str) -> Result<[usize; N], String> {
    let words = text.split(' ').map_while(|word| word.parse().ok()).take(N);
    words.collect::<Vec<_>>().try_into().map_err(|_| format!("too few numbers: {text}"))
}

/// A member: it stays until it has heard all.
struct Buyer<P> {
    peer: P,
    ears: Rc<RefCell<Ears>>,
}

impl<P: Peer> Peer for Buyer<P> {
    fn on_connect(&mut self, line: &mut PeerConnection<'_>) {
        self.peer.on_connect(line);
    }

    fn on_bytes(&mut self, line: &mut PeerConnection<'_>, bytes: &mut Vec<u8>) {
        self.peer.on_bytes(line, bytes);
    }

    fn on_end(&mut self, line: &mut PeerConnection<'_>, clean: bool) {
        self.peer.on_end(line, clean);
    }

    fn leave(&mut self, line: &mut PeerConnection<'_>) {
        self.peer.leave(line);
    }

    fn is_done(&self) -> bool {
        self.ears.borrow().is_over
    }

    fn has_said_all(&self) -> bool {
        false
    }

    fn may_fall_silent(&self) -> bool {
        self.peer.may_fall_silent()
    }

    fn expects_close(&self) -> bool {
        self.peer.expects_close()
    }

    fn waits_for(&self) -> String {
        let ears = self.ears.borrow();
        format!("message {} of {}, with {} marks", ears.next, ears.market.borrow().total, ears.marks)
    }
}
