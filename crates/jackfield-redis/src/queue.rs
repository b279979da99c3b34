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
    messages_max: usize,
    bytes_max: usize,
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
    /// Publications that Redis has not taken, also those that the thread holds, and their bytes.
    messages: usize,
    bytes: usize,
    is_stopped: bool,
    is_broken: bool,
    /// The thread has ended.
    is_over: bool,
    /// Nobody waits for the thread any more.
    is_given_up: bool,
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
        Self { messages_max, bytes_max, state: Mutex::default(), changed: Condvar::new() }
    }

    pub(crate) fn publish(&self, topic: &SharedTopic, message: Vec<u8>) -> Result<(), QueueFull> {
        let mut state = self.lock();
        if state.messages >= self.messages_max || state.bytes >= self.bytes_max || state.is_stopped {
            return Err(QueueFull);
        }
        state.messages += 1;
        state.bytes += message.len();
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

    /// Redis has taken this number of publications, which hold this number of bytes.
    pub(crate) fn uncount_taken(&self, messages: usize, bytes: usize) {
        let mut state = self.lock();
        state.messages -= messages;
        state.bytes -= bytes;
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield::History;

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
