//! The publications that a topic keeps, independent of its subscribers.

use crate::sync::{AtomicBool, Mutex, MutexGuard, Ordering, PoisonError};
use crate::topics::brokered::{Brokered, Outcome, SendOutcome};
use crate::topics::overflow::{Overflow, Policy};
use crate::topics::position::{MessageOrigin, Position, ReadPosition};
use jackfield_reactor::planted::planted;
use jackfield_reactor::{ConnectionId, Time};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// How much of its publications a topic keeps, so that a subscriber that was away gets the messages that it missed: see
/// [`Handle::declare_topic`](crate::Handle::declare_topic).
///
/// ```
/// use jackfield::{History, Server};
/// use std::time::Duration;
///
/// let server = Server::bind("127.0.0.1:0")?;
/// let history = History::new(1_000).max_bytes(1 << 20).max_age(Duration::from_secs(3600));
/// assert!(server.handle().declare_topic("news", history));
/// # Ok::<(), jackfield::Error>(())
/// ```
///
/// A topic may have policies and keep nothing: [`History::none`].
///
/// Histories are not charged to [`Limits::memory_bytes_max`](crate::Limits::memory_bytes_max): each declared topic
/// takes up to [`History::max_bytes`], and some bytes for each publication in addition to its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct History {
    events_max: usize,
    bytes_max: usize,
    age_max: Duration,
    is_numbered: bool,
    policy: Policy,
}

impl History {
    /// Keeps nothing: for a topic that only has policies ([`History::overflow`], [`History::max_backlog`]). Messages to it are
    /// published as if it were not declared. Other options have no effect.
    ///
    /// ```
    /// use jackfield::{Handle, History, Overflow};
    ///
    /// fn declare(handle: &Handle) {
    ///     let policies = History::none().overflow(Overflow::NewestPerKey).max_backlog(128 << 10);
    ///     handle.declare_topic("cursors", policies);
    /// }
    /// ```
    pub fn none() -> Self {
        Self { events_max: 0, ..Self::new(1) }
    }

    /// Keeps the last `events` publications (at least one), at most 16 MiB, without an age limit.
    pub fn new(events: usize) -> Self {
        Self {
            events_max: events.max(1),
            bytes_max: 16 << 20,
            age_max: Duration::ZERO,
            is_numbered: false,
            policy: Policy::default(),
        }
    }

    /// The most bytes of all payloads together. The newest publication is kept whatever its size.
    pub fn max_bytes(self, bytes: usize) -> Self {
        Self { bytes_max: bytes, ..self }
    }

    /// The longest time for which a publication is kept; disabled by zero. It begins when the publication is published, or
    /// when the broker hands it in: a server that is restarted loads old ones as if they were new.
    pub fn max_age(self, age: Duration) -> Self {
        Self { age_max: age, ..self }
    }

    /// WebSockets get each publication with its id, so that they can resume from it as event streams do
    /// ([`Connection::subscribe_from`](crate::Connection::subscribe_from)): a text or an event as a JSON object with `id`,
    /// `event` if it has a name, and `data` as a text; bytes as a binary message with the id and a line feed before them. A gap
    /// comes as `{"id":"..","event":"resync","data":"{\"missed\":3}"}`. Raw and line connections get the same bytes. Default: they
    /// get publications without ids.
    ///
    /// ```
    /// use jackfield::{History, Server};
    ///
    /// # fn main() -> jackfield::Result<()> {
    /// let server = Server::bind("127.0.0.1:0")?;
    /// server.handle().declare_topic("prices", History::new(1000).numbered());
    /// // A page that keeps `JSON.parse(message.data).id` comes back with it.
    /// server.handle().publish("prices", "17.50");
    /// # Ok(())
    /// # }
    /// ```
    pub fn numbered(self) -> Self {
        Self { is_numbered: true, ..self }
    }

    /// The policy for members that read too slowly, unless their connection has a stricter one. Default: the policy of
    /// the connection.
    ///
    /// ```
    /// use jackfield::{Handle, History, Overflow, Publication};
    /// use std::time::Duration;
    ///
    /// fn declare(handle: &Handle) {
    ///     handle.declare_topic("prices", History::new(1000).overflow(Overflow::NewestPerKey));
    /// }
    ///
    /// fn tell(handle: &Handle, share: &str, price: f64) {
    ///     let price = Publication::from(price.to_string());
    ///     handle.publish("prices", price.key(share).ttl(Duration::from_secs(5)));
    /// }
    /// ```
    pub fn overflow(self, overflow: Overflow) -> Self {
        Self { policy: Policy { overflow: Some(overflow), ..self.policy }, ..self }
    }

    /// The most bytes that may wait for a member. Above that it gets no more messages of this topic, and its policy is applied;
    /// in the queue of that policy at most this many bytes of this topic wait, beside those of others. The value counts as at least
    /// `outbox_bytes_high` and at most `outbox_bytes_max`. Messages to this member alone are still bounded by `outbox_bytes_max`.
    /// Default: `outbox_bytes_max`.
    pub fn max_backlog(self, bytes: usize) -> Self {
        Self { policy: Policy { backlog_max: Some(bytes), ..self.policy }, ..self }
    }

    /// Whether [`History::numbered`] was asked for.
    #[must_use]
    pub fn is_numbered(&self) -> bool {
        self.is_numbered
    }

    /// How many publications it keeps at most.
    #[must_use]
    pub fn events_max(&self) -> usize {
        self.events_max
    }

    /// How many bytes of payloads it keeps at most.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }
}

/// The history of one topic: the publications of all reactors in one order. `T` is a publication.
#[derive(Debug)]
pub(crate) struct TopicLog<T> {
    pub(crate) name: Arc<str>,
    pub(crate) history: History,
    kept: Mutex<Kept<T>>,
    /// Reactors that were notified of new messages and have not looked at them yet.
    notified: Box<[AtomicBool]>,
    /// A message of the broker could not be read, and that was logged.
    has_unreadable: AtomicBool,
}

#[derive(Debug)]
struct Kept<T> {
    entries: VecDeque<Entry<T>>,
    bytes: usize,
    /// The position of the newest, kept or not.
    head: Position,
    /// The latest time that a reactor gave, because other threads have no clock.
    now: Time,
    /// The state of a topic that goes through a broker.
    brokered: Option<Brokered<T>>,
}

#[derive(Debug)]
struct Entry<T> {
    /// `None`: nothing to deliver, because the message came twice.
    item: Option<T>,
    bytes: usize,
    /// `None`: it came from a thread without a clock, and no reactor has looked at the history since.
    at: Option<Time>,
    but: ConnectionId,
    origin: MessageOrigin,
}

/// A publication that was read from the history.
#[derive(Debug)]
pub(crate) struct Logged<T> {
    /// The position of a client that has got it.
    pub(crate) place: ReadPosition,
    pub(crate) item: T,
    /// Its publisher, if the publisher does not get it.
    pub(crate) but: ConnectionId,
    /// True if `place` also names messages without a position, so that it differs from the message's own id.
    pub(crate) is_ahead: bool,
}

/// The publications after a place.
#[derive(Debug)]
pub(crate) struct Portion<T> {
    /// Some publications after the place are not kept any more.
    pub(crate) lost: Option<Lost>,
    /// The place after which all publications are here.
    pub(crate) from: ReadPosition,
    pub(crate) items: Vec<Logged<T>>,
    /// The position of a client that has got all of them.
    pub(crate) to: ReadPosition,
    /// How many entries were visited.
    pub(crate) visits: usize,
}

/// How many publications are not kept any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    Count(u64),
    /// Another history has begun.
    Unknown,
}

/// The origin of publications of a topic without a broker. It differs from every real origin.
const NOBODY: MessageOrigin = MessageOrigin { node: 0, sequence: u64::MAX };

impl<T: Clone> TopicLog<T> {
    fn new(name: Arc<str>, kept: Kept<T>, history: History, reactors: usize) -> Self {
        let notified = (0..reactors).map(|_| AtomicBool::new(false)).collect();
        Self { name, history, kept: Mutex::new(kept), notified, has_unreadable: AtomicBool::new(false) }
    }

    /// Adds a publication of `bytes` bytes, which `make` makes for its position. For a topic without a broker.
    pub(crate) fn append(
        &self,
        now: Option<Time>,
        bytes: usize,
        but: ConnectionId,
        make: impl FnOnce(Position) -> T,
    ) {
        let mut kept = self.lock(now);
        let position = Position { offset: kept.head.offset + 1, ..kept.head };
        kept.push(position, Entry { item: Some(make(position)), bytes, at: now, but, origin: NOBODY });
        kept.trim(&self.history);
    }

    /// Sends a publication to the broker, from which it comes back with its position. `None`: the topic has no broker.
    pub(crate) fn send_out(
        &self,
        item: &T,
        bytes: usize,
        but: ConnectionId,
        send: impl FnOnce(MessageOrigin) -> bool,
    ) -> Option<SendOutcome> {
        Some(self.lock(None).brokered.as_mut()?.send_out(item, bytes, but, send))
    }

    /// Takes a message from the broker. An offset of zero only begins a new epoch. A message that `read` can't read counts as
    /// lost. False: it is not new.
    pub(crate) fn take_in(
        &self,
        position: Position,
        origin: MessageOrigin,
        read: impl FnOnce() -> Option<(T, usize)>,
        with_position: impl FnOnce(T, Position) -> T,
    ) -> bool {
        let mut kept = self.lock(None);
        if position <= kept.head {
            return false;
        }
        let before = Position { offset: position.offset.saturating_sub(1), ..position };
        if kept.head != before && !planted(72) {
            // The messages in the gap are missing, so earlier messages are dropped.
            kept.begin_at(before);
        }
        let Some(brokered) = kept.brokered.as_mut().filter(|_| position.offset > 0) else { return true };
        let (item, bytes, but) = match brokered.take_in(origin) {
            Outcome::Own(own) => (Some(own.item), own.bytes, own.but),
            Outcome::New(but) => {
                let Some((item, bytes)) = read() else {
                    kept.restart(position);
                    return true;
                };
                (Some(item), bytes, but)
            }
            Outcome::Twice => (None, 0, ConnectionId::NONE),
        };
        let item = item.map(|item| with_position(item, position));
        kept.push(position, Entry { item, bytes, at: None, but, origin });
        kept.trim(&self.history);
        true
    }

    /// A message of the broker can't be read. False: that was so before.
    pub(crate) fn mark_unreadable(&self) -> bool {
        !self.has_unreadable.swap(true, Ordering::AcqRel)
    }

    /// All messages up to this position were delivered: from now on publications go through the broker.
    pub(crate) fn set_live(&self, head: Position) {
        let mut kept = self.lock(None);
        if head > kept.head {
            kept.begin_at(head);
        }
        // What came in behind it meanwhile is new, also a later epoch.
        let offset = if head.epoch == kept.head.epoch { head.offset } else { 0 };
        if let Some(brokered) = &mut kept.brokered {
            brokered.set_live(offset);
        }
    }

    /// The broker can't be reached. False: that was known.
    pub(crate) fn mark_down(&self) -> bool {
        self.lock(None).brokered.as_mut().is_some_and(Brokered::mark_down)
    }

    /// Whether the broker refuses to read or write this topic, until it is live again.
    pub(crate) fn set_refused(&self, is_refused: bool) {
        if let Some(brokered) = &mut self.lock(None).brokered {
            brokered.is_refused = is_refused;
        }
    }

    /// One more follower. The first one starts reading, at `from`, the position that was reached before.
    pub(crate) fn follow(&self, read: impl FnOnce(Option<Position>) -> bool) {
        let mut kept = self.lock(None);
        let head = kept.head;
        if let Some(brokered) = &mut kept.brokered {
            brokered.follow(head, || read(Some(head).filter(|head| head.epoch > 0)));
        }
    }

    /// One follower less. After the last one reading stops.
    pub(crate) fn unfollow(&self, stop: impl FnOnce()) {
        if let Some(brokered) = &mut self.lock(None).brokered {
            brokered.unfollow(stop);
        }
    }

    /// The position of a client that gets only new messages. `None`: not known before the broker has reported it.
    pub(crate) fn newcomer_position(&self) -> Option<ReadPosition> {
        let kept = self.lock(None);
        match &kept.brokered {
            Some(brokered) => brokered.newcomer_place(kept.head),
            None => Some(ReadPosition { position: kept.head, ahead: MessageOrigin::default() }),
        }
    }

    /// How many publications without a position a client at `to` has got, and one at `from` has not.
    pub(crate) fn count_ahead(&self, from: &ReadPosition, to: &ReadPosition) -> u64 {
        let kept = self.lock(None);
        let ahead = |brokered: &Brokered<T>| brokered.ahead_of(from.ahead, Some(to.ahead)).count();
        kept.brokered.as_ref().map_or(0, |brokered| ahead(brokered) as u64)
    }

    /// The position of clients that came before it was known: the newest one when the broker reported it, or the one at which the
    /// first of them came if the broker can't be reached before that. `None`: it is still expected from the broker.
    pub(crate) fn awaited_position(&self) -> Option<ReadPosition> {
        let kept = self.lock(None);
        match &kept.brokered {
            Some(brokered) => brokered.awaited_place(kept.head),
            None => {
                let position = Position { offset: 0, ..kept.head };
                Some(ReadPosition { position, ahead: MessageOrigin::default() })
            }
        }
    }

    /// Whether the position is expected from the broker.
    pub(crate) fn is_awaited(&self) -> bool {
        self.lock(None).brokered.as_ref().is_some_and(Brokered::is_awaited)
    }

    /// The position that this id names. `None`: it is not an id of this history, or it is in the future.
    pub(crate) fn locate(&self, id: &str, now: Time) -> Option<ReadPosition> {
        let place: ReadPosition = id.parse().ok()?;
        let kept = self.lock(Some(now));
        if place.position.epoch != kept.head.epoch || place.position > kept.head {
            return None;
        }
        match &kept.brokered {
            Some(brokered) => Some(ReadPosition { ahead: brokered.locate(place.ahead)?, ..place }),
            None => Some(place).filter(|place| place.ahead.sequence == 0),
        }
    }

    /// Asks the broker for all that it has, if this id may name a message that other nodes have and this one does not have
    /// yet. False: it can't.
    pub(crate) fn ask_broker_for(&self, id: &str, read: impl FnOnce(Position)) -> bool {
        let Ok(place) = id.parse::<ReadPosition>() else { return false };
        let mut kept = self.lock(None);
        let head = kept.head;
        let Some(brokered) = kept.brokered.as_mut().filter(|_| place.position.epoch == head.epoch) else {
            return false;
        };
        let is_own = place.ahead.node == brokered.node && place.ahead.sequence > 0;
        !is_own && brokered.ask_broker(|| read(head))
    }

    /// The publications after a place, up to another place, at most `most` of them.
    pub(crate) fn read(
        &self,
        after: &ReadPosition,
        up_to: Option<&ReadPosition>,
        most: usize,
        now: Time,
    ) -> Portion<T> {
        self.lock(Some(now)).read(after, up_to, most)
    }

    /// Marks that a reactor is notified. False: it was notified before and has not looked yet.
    pub(crate) fn mark_notified(&self, reactor: usize) -> bool {
        self.notified.get(reactor).is_some_and(|notified| !notified.swap(true, Ordering::AcqRel))
    }

    /// A reactor is about to read the new messages.
    pub(crate) fn clear_notified(&self, reactor: usize) {
        if let Some(notified) = self.notified.get(reactor) {
            notified.swap(false, Ordering::AcqRel);
        }
    }

    /// Whether messages are dropped when they are too old.
    pub(crate) fn is_timed(&self) -> bool {
        !self.history.age_max.is_zero()
    }

    /// The age of messages from threads without a clock begins at this time, if it has not begun.
    pub(crate) fn stamp(&self, now: Time) {
        if self.is_timed() {
            drop(self.lock(Some(now)));
        }
    }

    /// Locks the history. Every access with a time first gives it to messages that have none, and drops those that are too
    /// old.
    fn lock(&self, now: Option<Time>) -> MutexGuard<'_, Kept<T>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(now) = now {
            kept.now = kept.now.max(now);
            kept.stamp();
            kept.trim(&self.history);
        }
        kept
    }
}

impl<T: Clone> Kept<T> {
    fn read(&self, after: &ReadPosition, up_to: Option<&ReadPosition>, most: usize) -> Portion<T> {
        if let Some(brokered) = self.brokered.as_ref().filter(|brokered| brokered.is_loading()) {
            let mut portion = Portion { lost: None, from: *after, items: Vec::new(), to: *after, visits: 0 };
            portion.add_ahead(brokered, up_to, most);
            return portion;
        }
        let (mut from, mut lost, first) = (*after, None, self.first());
        if from.position.epoch != self.head.epoch {
            lost = Some(Lost::Unknown);
            let newest = self.head.offset;
            let known = self.brokered.as_ref().map_or(0, |brokered| brokered.live_from_or(newest));
            from.position = Position { offset: known.max(first - 1), ..self.head };
        } else if from.position.offset + 1 < first {
            lost = Some(Lost::Count(first - 1 - from.position.offset));
            from.position.offset = first - 1;
        }
        if let Some(ahead) = self.brokered.as_ref().and_then(|brokered| brokered.doubtful_up_to(from.ahead)) {
            (lost, from.ahead) = (Some(Lost::Unknown), ahead);
        }
        let last = up_to.map_or(self.head, |place| place.position.min(self.head)).offset;
        let (mut to, mut items, mut visits) = (from, Vec::new(), 0);
        let skipped = usize::try_from(from.position.offset + 1 - first).unwrap_or(usize::MAX);
        for entry in self.entries.iter().skip(skipped) {
            if to.position.offset >= last || visits == most {
                break;
            }
            visits += 1;
            to.position.offset += 1;
            let is_past = to.is_past(entry.origin);
            to.pass(entry.origin);
            if let Some(item) = entry.item.as_ref().filter(|_| !is_past) {
                let is_ahead = to.ahead.sequence > 0;
                items.push(Logged { place: to, item: item.clone(), but: entry.but, is_ahead });
            }
        }
        let mut portion = Portion { lost, from, items, to, visits };
        if let Some(brokered) = self.brokered.as_ref().filter(|_| to.position == self.head) {
            portion.to.ahead = brokered.remaining_ahead(to.ahead);
            portion.add_ahead(brokered, up_to, most);
        }
        portion
    }
}

impl<T: Clone> Portion<T> {
    /// Adds the messages of this node that are delivered before they have a position.
    fn add_ahead(&mut self, brokered: &Brokered<T>, up_to: Option<&ReadPosition>, most: usize) {
        for own in brokered.ahead_of(self.to.ahead, up_to.map(|place| place.ahead)) {
            if self.visits == most {
                break;
            }
            self.visits += 1;
            self.to.ahead = MessageOrigin { node: brokered.node, sequence: own.sequence };
            self.items.push(Logged { place: self.to, item: own.item.clone(), but: own.but, is_ahead: true });
        }
    }
}

impl<T: Clone> Kept<T> {
    fn new(epoch: u64, brokered: Option<Brokered<T>>) -> Self {
        let head = Position { epoch, offset: 0 };
        Self { entries: VecDeque::new(), bytes: 0, head, now: Time(0), brokered }
    }

    /// The offset of the oldest publication that is kept, or of the next one if none is.
    fn first(&self) -> u64 {
        self.head.offset + 1 - self.entries.len() as u64
    }

    /// What the broker had up to this position is missing: drops all publications, and continues after it.
    fn begin_at(&mut self, head: Position) {
        let is_new = head.epoch != self.head.epoch;
        if let Some(brokered) = &mut self.brokered {
            if is_new {
                brokered.begin_epoch();
            }
            if head.offset > if is_new { 0 } else { self.head.offset } {
                brokered.skip();
            }
        }
        self.restart(head);
    }

    /// Drops all publications, and continues after this position.
    fn restart(&mut self, head: Position) {
        self.entries.clear();
        self.bytes = 0;
        self.head = head;
    }

    fn push(&mut self, position: Position, entry: Entry<T>) {
        self.head = position;
        self.bytes += entry.bytes;
        let at = if planted(93) { Some(self.now) } else { entry.at };
        self.entries.push_back(Entry { at, ..entry });
    }

    /// Only the newest have no time.
    fn stamp(&mut self) {
        for entry in self.entries.iter_mut().rev().take_while(|entry| entry.at.is_none()) {
            entry.at = Some(self.now);
        }
    }

    fn trim(&mut self, history: &History) {
        while self.is_too_much(history) {
            let oldest = self.entries.pop_front();
            self.bytes -= oldest.map_or(0, |oldest| oldest.bytes);
        }
    }

    fn is_too_much(&self, history: &History) -> bool {
        let Some(oldest) = self.entries.front() else { return false };
        let age = oldest.at.map_or(Duration::ZERO, |at| self.now.since(at));
        let is_too_old = !history.age_max.is_zero() && age > history.age_max;
        let is_over = self.entries.len() > history.events_max || self.bytes > history.bytes_max;
        is_too_old || (is_over && self.entries.len() > 1)
    }
}

/// The topics that keep a history.
#[derive(Debug)]
pub(crate) struct TopicLogs<T> {
    /// Set with the first history, so that a server without histories takes no lock.
    is_any: AtomicBool,
    logs: Mutex<HashMap<Arc<str>, Arc<TopicLog<T>>>>,
    /// The policies of topics that are declared without a history.
    policies: Mutex<HashMap<Arc<str>, Policy>>,
}

/// What gives the positions of a history.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PositionSource {
    /// This server, with this epoch.
    Own(u64),
    /// A broker, for which this server is the node with this number.
    Broker(u64),
}

impl<T: Clone> TopicLogs<T> {
    pub(crate) fn new() -> Self {
        Self {
            is_any: AtomicBool::new(false),
            logs: Mutex::new(HashMap::new()),
            policies: Mutex::new(HashMap::new()),
        }
    }

    /// Adds a history. False: the topic has one already.
    pub(crate) fn declare(
        &self,
        topic: &str,
        order: PositionSource,
        history: History,
        reactors: usize,
    ) -> bool {
        let mut logs = self.lock();
        let mut policies = self.policies.lock().unwrap_or_else(PoisonError::into_inner);
        if logs.contains_key(topic) || policies.contains_key(topic) {
            return false;
        }
        let name: Arc<str> = topic.into();
        if history.events_max == 0 {
            policies.insert(name, history.policy);
            return true;
        }
        let kept = match order {
            PositionSource::Own(epoch) => Kept::new(epoch, None),
            PositionSource::Broker(node) => Kept::new(0, Some(Brokered::new(node))),
        };
        logs.insert(name.clone(), Arc::new(TopicLog::new(name, kept, history, reactors)));
        self.is_any.store(true, Ordering::Release);
        true
    }

    pub(crate) fn find(&self, topic: &str) -> Option<Arc<TopicLog<T>>> {
        if !self.is_any.load(Ordering::Acquire) {
            return None;
        }
        self.lock().get(topic).cloned()
    }

    /// The policy of a declared topic for slow members.
    pub(crate) fn policy_of(&self, topic: &str) -> Policy {
        if let Some(log) = self.lock().get(topic) {
            return log.history.policy;
        }
        self.policies.lock().unwrap_or_else(PoisonError::into_inner).get(topic).copied().unwrap_or_default()
    }

    /// All histories, by name.
    pub(crate) fn all(&self) -> Vec<Arc<TopicLog<T>>> {
        let mut all: Vec<_> = self.lock().values().cloned().collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<TopicLog<T>>>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::model;

    fn log(history: History) -> TopicLog<u64> {
        TopicLog::new("t".into(), Kept::new(0xe, None), history, 1)
    }

    fn place(offset: u64) -> ReadPosition {
        ReadPosition { position: Position { epoch: 0xe, offset }, ahead: MessageOrigin::default() }
    }

    fn lost<T>(found: &Portion<T>) -> u64 {
        match found.lost {
            Some(Lost::Count(count)) => count,
            Some(Lost::Unknown) => u64::MAX,
            None => 0,
        }
    }

    /// Publishes `count` messages of 10 bytes, one a millisecond, and checks which are kept.
    #[track_caller]
    fn check(history: History, count: u64, kept: std::ops::RangeInclusive<u64>) {
        model(move || {
            let log = log(history);
            for number in 1..=count {
                log.append(Some(Time(number)), 10, ConnectionId::NONE, |position| position.offset);
            }
            let found = log.read(&place(0), None, usize::MAX, Time(count));
            assert_eq!((lost(&found), found.to), (kept.start() - 1, place(count)));
            let items = found.items.iter().map(|published| (published.place.position.offset, published.item));
            assert!(items.eq(kept.clone().map(|number| (number, number))), "{:?}", found.items);
        });
    }

    #[test]
    fn a_log_keeps_no_more_than_its_limits() {
        check(History::new(10), 3, 1..=3);
        check(History::new(10), 10, 1..=10);
        check(History::new(10), 25, 16..=25);
        check(History::new(0), 25, 25..=25);
        check(History::new(100).max_bytes(35), 25, 23..=25);
        // The newest is kept whatever its size. Nothing that is too old is kept.
        check(History::new(100).max_bytes(5), 25, 25..=25);
        check(History::new(100).max_age(Duration::from_millis(4)), 25, 21..=25);
    }

    #[test]
    fn old_messages_expire_without_new_ones() {
        model(|| {
            let log = log(History::new(100).max_age(Duration::from_secs(1)));
            log.append(Some(Time(0)), 1, ConnectionId::NONE, |position| position.offset);
            let lost_at = |after, now| lost(&log.read(&place(after), Some(&place(1)), 9, Time(now)));
            assert_eq!(lost_at(0, 1000), 0);
            assert_eq!(lost_at(0, 1001), 1);
            assert_eq!(lost_at(1, 1001), 0);
        });
    }

    /// Seed 740031 of the simulation: messages that lay in a gap were sent again as if they were new.
    #[test]
    fn own_messages_that_may_lie_in_a_gap_are_reported_and_not_sent_again() {
        model(|| {
            const NODE: u64 = 7;
            let kept = Kept::new(0, Some(Brokered::new(NODE)));
            let log = TopicLog::new("t".into(), kept, History::new(10), 1);
            let publish = |text: &'static str| {
                log.send_out(&text, 1, ConnectionId::NONE, |_| true);
            };
            let read = |after: &ReadPosition| {
                let found = log.read(after, None, 9, Time(0));
                let texts: Vec<_> = found.items.iter().map(|logged| logged.item).collect();
                (found.lost, texts, found.to)
            };
            log.follow(|_| false);
            ["1", "2"].into_iter().for_each(publish);
            // The broker has them, and has dropped them.
            log.set_live(place(2).position);
            let begins = log.newcomer_position().expect("it is live");
            log.mark_down();
            let (lost, texts, at) = read(&begins);
            assert_eq!((lost, texts, at.to_string()), (Some(Lost::Unknown), vec![], "e.2.7.2".into()));
            publish("3");
            let (lost, texts, at) = read(&at);
            assert_eq!((lost, texts, at.to_string()), (None, vec!["3"], "e.2.7.3".into()));
            // As soon as one of its own has come back it is known what has not.
            log.set_live(place(2).position);
            let take_in = |offset, sequence| {
                let origin = MessageOrigin { node: NODE, sequence };
                log.take_in(place(offset).position, origin, || None, |item, _| item);
            };
            take_in(3, 3);
            log.mark_down();
            publish("4");
            for (after, expected) in [(at, vec!["4"]), (begins, vec!["3", "4"])] {
                let (lost, texts, _) = read(&after);
                assert_eq!((lost, texts), (None, expected));
            }
        });
    }

    #[test]
    fn only_its_own_ids_name_a_place_in_a_history() {
        model(|| {
            let log = log(History::new(3));
            (0..5).for_each(|_| log.append(None, 1, ConnectionId::NONE, |position| position.offset));
            for (id, found) in [
                ("e.5", Some(5)),
                ("e.4", Some(4)),
                ("e.2", Some(2)),
                ("e.1", Some(1)),
                ("e.0", Some(0)),
                ("e.6", None),
                ("d.5", None),
                ("f.1", None),
                ("e.5.1.1", None),
                ("5", None),
                ("", None),
            ] {
                assert_eq!(log.locate(id, Time(0)), found.map(place), "{id}");
            }
            let found = log.read(&place(2), Some(&place(4)), 1, Time(0));
            assert_eq!((lost(&found), found.items.len(), found.items[0].place), (0, 1, place(3)));
            assert_eq!(log.read(&place(5), None, 9, Time(0)).items.len(), 0);
        });
    }
}
