//! What the server asks of the thread: publications, with a bound, and which topics are to be read.

use jackfield::{Position, QueueFull, SharedTopic};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) enum Item {
    Publish(SharedTopic, Vec<u8>),
    Follow(SharedTopic, Option<Position>),
    Unfollow(Arc<str>),
    /// Redis did not let the followed topics be read: each is to be opened again.
    Reopen,
}

pub(crate) struct Queue {
    messages_max: usize,
    bytes_max: usize,
    state: Mutex<State>,
    /// Something is new.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    /// Publications that Redis has not taken, those that the thread holds included, and their bytes.
    messages: usize,
    bytes: usize,
    is_stopped: bool,
    is_broken: bool,
}

/// What was found in the queue.
pub(crate) struct Taken {
    pub(crate) items: VecDeque<Item>,
    pub(crate) is_stopped: bool,
    /// The other connection with Redis is gone.
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

    /// The thread looks before it waits, so that it is woken by the first only; and without the lock, for which it would wait
    /// again.
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

    /// Both connections are new.
    pub(crate) fn mend(&self) {
        self.lock().is_broken = false;
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.lock().is_stopped
    }

    /// All that is there, which is waited for, but no longer than this.
    pub(crate) fn take(&self, patience: Duration) -> Taken {
        let is_idle = |state: &mut State| state.items.is_empty() && !state.is_stopped && !state.is_broken;
        let waited = self.changed.wait_timeout_while(self.lock(), patience, is_idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let items = std::mem::take(&mut state.items);
        Taken { items, is_stopped: state.is_stopped, is_broken: std::mem::take(&mut state.is_broken) }
    }

    /// Waits so long, unless it is stopped before.
    pub(crate) fn sleep(&self, span: Duration) {
        let waited = self.changed.wait_timeout_while(self.lock(), span, |state| !state.is_stopped);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
