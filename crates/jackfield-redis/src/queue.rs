//! The queue from the server to the thread: publications, with a bound, and topics to be read.

use jackfield::{Position, QueueFull, SharedTopic};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) enum Item {
    Publish(SharedTopic, Vec<u8>),
    Follow(SharedTopic, Option<Position>),
    Unfollow(Arc<str>),
    /// Redis has refused to read these topics together, for this reason. It does not say which of them.
    Refused(Vec<Arc<str>>, String),
    /// Redis has let the followed topics be read. Comes once for each connection, and once after each refusal.
    Readable,
}

pub(crate) struct Queue {
    bound: Load,
    state: Mutex<State>,
    /// Signals a change.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    /// Of each topic only the last [`Item::Follow`] or [`Item::Unfollow`] counts. So topics that come and go while Redis is
    /// away take no more places than there are topics.
    reads: BTreeMap<Arc<str>, Item>,
    topics: BTreeMap<Arc<str>, Topic>,
    /// What waits of all topics that Redis takes, and of all that it refuses.
    sums: [Load; 2],
    is_stopped: bool,
    is_broken: bool,
    /// The thread has ended.
    is_over: bool,
    /// Nobody waits for the thread any more.
    is_given_up: bool,
}

/// Publications that Redis has not taken, also those that the thread holds: their number and their bytes.
#[derive(Clone, Copy, Default)]
struct Load {
    messages: usize,
    bytes: usize,
}

#[derive(Default)]
struct Topic {
    load: Load,
    is_refused: bool,
}

/// The content of the queue.
pub(crate) struct Taken {
    pub(crate) items: Vec<Item>,
    pub(crate) is_stopped: bool,
    /// The other connection to Redis is gone.
    pub(crate) is_broken: bool,
    /// Nobody waits for what is left to do.
    pub(crate) is_given_up: bool,
}

impl Queue {
    pub(crate) fn new(messages_max: usize, bytes_max: usize) -> Self {
        let bound = Load { messages: messages_max, bytes: bytes_max };
        Self { bound, state: Mutex::default(), changed: Condvar::new() }
    }

    pub(crate) fn publish(&self, topic: &SharedTopic, message: Vec<u8>) -> Result<(), QueueFull> {
        let mut state = self.lock();
        if state.is_stopped || !state.has_room(&topic.name, self.bound) {
            return Err(QueueFull);
        }
        let load = Load { messages: 1, bytes: message.len() };
        state.change(&topic.name, |waiting| waiting.add(load));
        self.put(state, Item::Publish(topic.clone(), message));
        Ok(())
    }

    pub(crate) fn push(&self, item: Item) {
        self.put(self.lock(), item);
    }

    /// Wakes the thread only for the first item, because it checks the queue before it waits. The lock is released first, so
    /// that the thread need not wait for it.
    fn put(&self, mut state: MutexGuard<'_, State>, item: Item) {
        let is_first = state.is_empty();
        match &item {
            Item::Follow(SharedTopic { name, .. }, _) | Item::Unfollow(name) => {
                state.reads.insert(name.clone(), item);
            }
            Item::Publish(..) | Item::Refused(..) | Item::Readable => state.items.push_back(item),
        }
        drop(state);
        if is_first {
            // The thread that reads may wait here too, for something else.
            self.changed.notify_all();
        }
    }

    /// Redis has taken this number of publications of a topic, which hold this number of bytes.
    pub(crate) fn uncount_taken(&self, topic: &Arc<str>, messages: usize, bytes: usize) {
        self.lock().change(topic, |waiting| waiting.subtract(Load { messages, bytes }));
    }

    /// Redis refuses what is written to a topic, or takes it again.
    pub(crate) fn set_refused(&self, topic: &Arc<str>, is_refused: bool) {
        let mut state = self.lock();
        let topic = state.topics.entry(topic.clone()).or_default();
        let was_refused = std::mem::replace(&mut topic.is_refused, is_refused);
        let load = topic.load;
        state.sums[usize::from(was_refused)].subtract(load);
        state.sums[usize::from(is_refused)].add(load);
    }

    pub(crate) fn stop(&self) {
        self.lock().is_stopped = true;
        self.changed.notify_all();
    }

    /// The thread ends.
    pub(crate) fn set_over(&self) {
        self.lock().is_over = true;
        self.changed.notify_all();
    }

    /// Waits until the thread has ended, at most this long. False: it has not, and ends as soon as it can.
    pub(crate) fn await_end(&self, patience: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), patience, |state| !state.is_over);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.is_given_up = true;
        state.is_over
    }

    /// The other connection is gone.
    pub(crate) fn set_broken(&self) {
        self.lock().is_broken = true;
        self.changed.notify_all();
    }

    /// Both connections were made again.
    pub(crate) fn mend(&self) {
        self.lock().is_broken = false;
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.lock().is_stopped
    }

    /// Whether publications wait, and somebody waits for the thread.
    pub(crate) fn is_wanted(&self) -> bool {
        let state = self.lock();
        !state.is_given_up && state.sums.iter().any(|waiting| waiting.messages > 0)
    }

    /// Takes all items. Waits for the first one, at most this long.
    pub(crate) fn take(&self, patience: Duration) -> Taken {
        let is_idle = |state: &mut State| state.is_empty() && !state.is_stopped && !state.is_broken;
        let waited = self.changed.wait_timeout_while(self.lock(), patience, is_idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let (reads, others) = (std::mem::take(&mut state.reads), std::mem::take(&mut state.items));
        let items = reads.into_values().chain(others).collect();
        let is_broken = std::mem::take(&mut state.is_broken);
        Taken { items, is_stopped: state.is_stopped, is_broken, is_given_up: state.is_given_up }
    }

    /// Waits this long, or until it is stopped.
    pub(crate) fn sleep(&self, span: Duration) {
        let waited = self.changed.wait_timeout_while(self.lock(), span, |state| !state.is_stopped);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_empty(&self) -> bool {
        self.items.is_empty() && self.reads.is_empty()
    }

    /// Whether one more publication may wait. The topics that Redis refuses have half of the room together, so that the others go
    /// on. Those have at least half of it, also if more than the other half waits of topics that Redis did not refuse before.
    fn has_room(&self, topic: &str, bound: Load) -> bool {
        let half = Load { messages: bound.messages.div_ceil(2), bytes: bound.bytes.div_ceil(2) };
        let [others, refused] = self.sums;
        let mut all = others;
        all.add(refused);
        match self.topics.get(topic).is_some_and(|topic| topic.is_refused) {
            true => all.is_below(bound) && refused.is_below(half),
            false => all.is_below(bound) || others.is_below(half),
        }
    }

    /// Changes what waits of a topic.
    fn change(&mut self, topic: &Arc<str>, change: impl Fn(&mut Load)) {
        let topic = self.topics.entry(topic.clone()).or_default();
        change(&mut topic.load);
        change(&mut self.sums[usize::from(topic.is_refused)]);
    }
}

impl Load {
    fn add(&mut self, more: Self) {
        self.messages += more.messages;
        self.bytes += more.bytes;
    }

    fn subtract(&mut self, less: Self) {
        self.messages -= less.messages;
        self.bytes -= less.bytes;
    }

    fn is_below(self, bound: Self) -> bool {
        self.messages < bound.messages && self.bytes < bound.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield::History;

    /// One topic that Redis refused filled the queue, and what was published to the others was dropped.
    #[test]
    fn i331_topics_that_redis_refuses_leave_half_of_the_queue_to_the_others() {
        const BYTES: usize = 10;
        for (messages_max, bytes_max) in [(10, usize::MAX), (usize::MAX, 10 * BYTES)] {
            let queue = Queue::new(messages_max, bytes_max);
            let [a, b, c] = ["a", "b", "c"].map(|name| SharedTopic::new(name, History::new(1)));
            let fill = |topic: &SharedTopic| {
                (0..100).take_while(|_| queue.publish(topic, vec![0; BYTES]).is_ok()).count()
            };
            let take = |topic: &SharedTopic, count| queue.uncount_taken(&topic.name, count, count * BYTES);
            [&a, &b].into_iter().for_each(|topic| queue.set_refused(&topic.name, true));
            assert_eq!([&a, &b, &c].map(fill), [5, 0, 5], "those that are refused share one half");
            queue.set_refused(&a.name, false);
            assert_eq!([&a, &b, &c].map(fill), [0, 0, 0], "nothing has left the queue");
            take(&a, 5);
            take(&c, 5);
            assert_eq!(fill(&c), 10, "nothing of a refused topic waits");
            queue.set_refused(&c.name, true);
            assert_eq!(
                [&a, &b, &c].map(fill),
                [5, 0, 0],
                "the others have half of it, whatever waits from before"
            );
            take(&a, 5);
            take(&c, 10);
            [&b, &c].into_iter().for_each(|topic| queue.set_refused(&topic.name, false));
            assert_eq!([&a, &b, &c].map(fill), [10, 0, 0], "without a refusal there is one room for all");
        }
    }

    #[test]
    fn topics_that_come_and_go_while_redis_is_away_have_one_place_each() {
        let queue = Queue::new(10, 100);
        let topics = ["a", "b"].map(|name| SharedTopic::new(name, History::new(1)));
        let position = Position { epoch: 1, offset: 7 };
        for _ in 0..1000 {
            for topic in &topics {
                queue.push(Item::Follow(topic.clone(), None));
                queue.push(Item::Unfollow(topic.name.clone()));
            }
        }
        queue.push(Item::Follow(topics[0].clone(), Some(position)));
        let items = queue.take(Duration::ZERO).items;
        assert_eq!(items.len(), 2, "the last wish of each topic counts");
        let is_last = |item: &Item| match item {
            Item::Follow(topic, from) => &*topic.name == "a" && *from == Some(position),
            Item::Unfollow(name) => &**name == "b",
            _ => false,
        };
        assert!(items.iter().all(is_last));
    }
}
