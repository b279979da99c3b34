//! The queue from the server to the thread: publications, with a bound, and topics to be read.

use jackfield::{Position, QueueFull, SharedTopic};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) enum Item {
    Publish(SharedTopic, Vec<u8>),
    Follow(SharedTopic, Option<Position>),
    Unfollow(Arc<str>),
    /// Redis has refused to read the followed topics: each must be opened again.
    Reopen,
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
    /// Publications that Redis has not taken, also those that the thread holds, and their bytes.
    messages: usize,
    bytes: usize,
    is_stopped: bool,
    is_broken: bool,
}

/// The content of the queue.
pub(crate) struct Taken {
    pub(crate) items: VecDeque<Item>,
    pub(crate) is_stopped: bool,
    /// The other connection to Redis is gone.
    pub(crate) is_broken: bool,
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
        state.items.push_back(item);
        let is_first = state.items.len() == 1;
        drop(state);
        if is_first {
            self.changed.notify_one();
        }
    }

    /// Redis has taken this number of publications, which hold this number of bytes.
    pub(crate) fn done(&self, messages: usize, bytes: usize) {
        let mut state = self.lock();
        state.messages -= messages;
        state.bytes -= bytes;
    }

    pub(crate) fn stop(&self) {
        self.lock().is_stopped = true;
        self.changed.notify_one();
    }

    /// The other connection is gone.
    pub(crate) fn set_broken(&self) {
        self.lock().is_broken = true;
        self.changed.notify_one();
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
        let is_idle = |state: &mut State| state.items.is_empty() && !state.is_stopped && !state.is_broken;
        let waited = self.changed.wait_timeout_while(self.lock(), patience, is_idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let items = std::mem::take(&mut state.items);
        Taken { items, is_stopped: state.is_stopped, is_broken: std::mem::take(&mut state.is_broken) }
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
