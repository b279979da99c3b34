//! What a topic keeps of what was published, whoever is subscribed.

use crate::sync::{AtomicBool, Mutex, MutexGuard, Ordering, PoisonError};
use crate::topics::position::Position;
use jackfield_reactor::{ConnectionId, Time};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// How much of what is published a topic keeps, so that a subscriber who was away gets what it has missed: see
/// [`Handle::declare_topic`](crate::Handle::declare_topic).
///
/// Histories are not charged to [`Limits::memory_bytes_max`](crate::Limits::memory_bytes_max): they take up to
/// [`History::max_bytes`] for each topic that is declared, and what each publication takes besides its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct History {
    events_max: usize,
    bytes_max: usize,
    age_max: Duration,
}

impl History {
    /// Keeps the last `events` publications (at least one), at most 16 MiB, without an age limit.
    pub fn new(events: usize) -> Self {
        Self { events_max: events.max(1), bytes_max: 16 << 20, age_max: Duration::ZERO }
    }

    /// The most bytes of all payloads together. The newest publication is kept whatever its size.
    pub fn max_bytes(self, bytes: usize) -> Self {
        Self { bytes_max: bytes, ..self }
    }

    /// The longest time one is kept; disabled by zero.
    pub fn max_age(self, age: Duration) -> Self {
        Self { age_max: age, ..self }
    }
}

/// The history of one topic, with what all reactors have published in one order. `T` is a publication.
#[derive(Debug)]
pub(crate) struct Log<T> {
    pub(crate) name: Arc<str>,
    epoch: u64,
    history: History,
    kept: Mutex<Kept<T>>,
    /// Reactors that know of something new which they have not looked at yet.
    notified: Box<[AtomicBool]>,
}

#[derive(Debug)]
struct Kept<T> {
    entries: VecDeque<Entry<T>>,
    bytes: usize,
    /// The offset of the newest, kept or not.
    head: u64,
    /// The latest time that a reactor has named: threads without a reactor have no clock.
    now: Time,
}

#[derive(Debug)]
struct Entry<T> {
    item: T,
    bytes: usize,
    at: Time,
    but: ConnectionId,
}

/// A publication out of the history.
#[derive(Debug)]
pub(crate) struct Logged<T> {
    pub(crate) offset: u64,
    pub(crate) item: T,
    /// Its publisher, if that is not to hear it.
    pub(crate) but: ConnectionId,
}

/// What was found behind an offset.
#[derive(Debug)]
pub(crate) struct Found<T> {
    /// So many are not kept any more, before those that are.
    pub(crate) lost: u64,
    pub(crate) items: Vec<Logged<T>>,
}

impl<T: Clone> Log<T> {
    fn new(name: Arc<str>, epoch: u64, history: History, reactors: usize) -> Self {
        let kept = Kept { entries: VecDeque::new(), bytes: 0, head: 0, now: Time(0) };
        let notified = (0..reactors).map(|_| AtomicBool::new(false)).collect();
        Self { name, epoch, history, kept: Mutex::new(kept), notified }
    }

    /// Adds a publication of so many bytes, which is made for its position.
    pub(crate) fn append(
        &self,
        now: Option<Time>,
        bytes: usize,
        but: ConnectionId,
        make: impl FnOnce(Position) -> T,
    ) {
        let mut kept = self.lock(now);
        kept.head += 1;
        let item = make(Position { epoch: self.epoch, offset: kept.head });
        let at = kept.now;
        kept.entries.push_back(Entry { item, bytes, at, but });
        kept.bytes += bytes;
        kept.trim(&self.history);
    }

    /// The position of this offset.
    pub(crate) fn position(&self, offset: u64) -> Position {
        Position { epoch: self.epoch, offset }
    }

    /// The offset of the newest publication; zero if there was none.
    pub(crate) fn head(&self) -> u64 {
        self.lock(None).head
    }

    /// The offset that this id names. `None` if it is no id of this history, or names what is still to come.
    pub(crate) fn locate(&self, id: &str, now: Time) -> Option<u64> {
        let position: Position = id.parse().ok()?;
        let is_of_here = position.epoch == self.epoch && position.offset <= self.lock(Some(now)).head;
        is_of_here.then_some(position.offset)
    }

    /// The publications behind this offset up to another, but no more than so many.
    pub(crate) fn read(&self, after: u64, up_to: u64, most: usize, now: Time) -> Found<T> {
        let kept = self.lock(Some(now));
        let (first, last) = (kept.first().max(after + 1), up_to.min(kept.head));
        let lost = first - (after + 1);
        let count = usize::try_from((last + 1).saturating_sub(first)).unwrap_or(usize::MAX).min(most);
        let skipped = usize::try_from(first - kept.first()).unwrap_or(usize::MAX);
        let entries = kept.entries.iter().skip(skipped).take(count);
        let items = entries.zip(first..).map(|(entry, offset)| Logged {
            offset,
            item: entry.item.clone(),
            but: entry.but,
        });
        Found { lost, items: items.collect() }
    }

    /// A reactor is going to be notified. False: it was, and has not looked yet.
    pub(crate) fn notify(&self, reactor: usize) -> bool {
        self.notified.get(reactor).is_some_and(|notified| !notified.swap(true, Ordering::AcqRel))
    }

    /// A reactor is going to look at what is new.
    pub(crate) fn clear_notified(&self, reactor: usize) {
        if let Some(notified) = self.notified.get(reactor) {
            notified.swap(false, Ordering::AcqRel);
        }
    }

    /// Whatever looks at it, what is too old has gone.
    fn lock(&self, now: Option<Time>) -> MutexGuard<'_, Kept<T>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(now) = now {
            kept.now = kept.now.max(now);
            kept.trim(&self.history);
        }
        kept
    }
}

impl<T> Kept<T> {
    /// The offset of the oldest that is kept, or of the next to come.
    fn first(&self) -> u64 {
        self.head + 1 - self.entries.len() as u64
    }

    fn trim(&mut self, history: &History) {
        while self.is_too_much(history) {
            let oldest = self.entries.pop_front();
            self.bytes -= oldest.map_or(0, |oldest| oldest.bytes);
        }
    }

    fn is_too_much(&self, history: &History) -> bool {
        let Some(oldest) = self.entries.front() else { return false };
        let is_too_old = !history.age_max.is_zero() && self.now.since(oldest.at) > history.age_max;
        let is_over = self.entries.len() > history.events_max || self.bytes > history.bytes_max;
        is_too_old || (is_over && self.entries.len() > 1)
    }
}

/// The topics that keep a history.
#[derive(Debug)]
pub(crate) struct Logs<T> {
    /// Set with the first: a server without any locks nothing for them.
    is_any: AtomicBool,
    logs: Mutex<HashMap<Arc<str>, Arc<Log<T>>>>,
}

impl<T: Clone> Logs<T> {
    pub(crate) fn new() -> Self {
        Self { is_any: AtomicBool::new(false), logs: Mutex::new(HashMap::new()) }
    }

    /// Adds one. False: there is one already.
    pub(crate) fn declare(&self, topic: &str, epoch: u64, history: History, reactors: usize) -> bool {
        let mut logs = self.lock();
        if logs.contains_key(topic) {
            return false;
        }
        let name: Arc<str> = topic.into();
        logs.insert(name.clone(), Arc::new(Log::new(name, epoch, history, reactors)));
        self.is_any.store(true, Ordering::Release);
        true
    }

    pub(crate) fn find(&self, topic: &str) -> Option<Arc<Log<T>>> {
        if !self.is_any.load(Ordering::Acquire) {
            return None;
        }
        self.lock().get(topic).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Log<T>>>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::model;

    fn log(history: History) -> Log<u64> {
        Log::new("t".into(), 0xe, history, 1)
    }

    /// Publishes so many of 10 bytes, one a millisecond; what is kept then.
    #[track_caller]
    fn check(history: History, count: u64, kept: std::ops::RangeInclusive<u64>) {
        model(move || {
            let log = log(history);
            for number in 1..=count {
                log.append(Some(Time(number)), 10, ConnectionId::NONE, |position| position.offset);
            }
            let found = log.read(0, u64::MAX, usize::MAX, Time(count));
            assert_eq!((found.lost, log.head()), (kept.start() - 1, count));
            let items = found.items.iter().map(|published| (published.offset, published.item));
            assert!(items.eq(kept.clone().map(|number| (number, number))), "{:?}", found.items);
        });
    }

    #[test]
    fn it_keeps_no_more_than_it_may() {
        check(History::new(10), 3, 1..=3);
        check(History::new(10), 10, 1..=10);
        check(History::new(10), 25, 16..=25);
        check(History::new(0), 25, 25..=25);
        check(History::new(100).max_bytes(35), 25, 23..=25);
        // The newest is kept whatever its size, and nothing that is too old.
        check(History::new(100).max_bytes(5), 25, 25..=25);
        check(History::new(100).max_age(Duration::from_millis(4)), 25, 21..=25);
    }

    #[test]
    fn what_is_too_old_goes_though_nothing_comes() {
        model(|| {
            let log = log(History::new(100).max_age(Duration::from_secs(1)));
            log.append(Some(Time(0)), 1, ConnectionId::NONE, |position| position.offset);
            assert_eq!(log.read(0, 1, 9, Time(1000)).lost, 0);
            assert_eq!(log.read(0, 1, 9, Time(1001)).lost, 1);
            assert_eq!(log.read(1, 1, 9, Time(1001)).lost, 0);
        });
    }

    #[test]
    fn only_an_id_of_its_own_names_a_place_in_it() {
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
                ("5", None),
                ("", None),
            ] {
                assert_eq!(log.locate(id, Time(0)), found, "{id}");
            }
            let found = log.read(2, 4, 1, Time(0));
            assert_eq!((found.lost, found.items.len(), found.items[0].offset), (0, 1, 3));
            assert_eq!(log.read(5, 9, 9, Time(0)).items.len(), 0);
        });
    }
}
