//! How much of a body that another thread sends may be on its way.

use jackfield_reactor::Limits;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The bounds of a window, from the limits of its connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WindowSize {
    /// Above this number of bytes the connection counts as congested.
    high: usize,
    /// No part is let in while as many bytes are on their way. Together with what the reactor does not count, which is
    /// below high water, that is the cap of an outbox.
    most: usize,
}

/// The window of one body: bytes that were let in and are on their way. They are in the mailbox, or in the outbox of a
/// congested connection.
#[derive(Debug)]
pub(crate) struct SendWindow {
    size: WindowSize,
    state: Mutex<State>,
    has_room: Condvar,
}

#[derive(Debug, Default)]
struct State {
    bytes: usize,
    /// A thread waits for room. Otherwise nobody is woken, which would be a system call.
    is_awaited: bool,
}

/// The place of a part in its window, until it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    window: Arc<SendWindow>,
    bytes: usize,
}

/// Bytes that are counted for a part in addition to its own: those of its chunk, and some so that many small parts do not
/// fill the mailbox.
const PART_BYTES: usize = 32;

impl WindowSize {
    pub(crate) fn of(limits: &Limits) -> Self {
        let (high, cap) = (limits.outbox_bytes_high, limits.outbox_bytes_max);
        Self { high, most: cap.saturating_sub(high).max(1) }
    }
}

impl SendWindow {
    pub(crate) fn new(size: WindowSize) -> Self {
        Self { size, state: Mutex::default(), has_room: Condvar::new() }
    }

    /// Lets in a part of this length, whatever its length is, and tells whether the connection counts as congested now.
    /// `None`: there is no room.
    pub(crate) fn let_in(self: &Arc<Self>, len: usize) -> Option<(Permit, bool)> {
        let bytes = len + PART_BYTES;
        let mut state = self.lock();
        if state.bytes >= self.size.most {
            return None;
        }
        state.bytes += bytes;
        Some((Permit { window: self.clone(), bytes }, state.bytes > self.size.high))
    }

    /// Waits until there is room, at most this long. False: there is none.
    pub(crate) fn wait(&self, most: Duration) -> bool {
        let until = Instant::now().checked_add(most);
        let mut state = self.lock();
        while state.bytes >= self.size.most {
            let left = until.map_or(most, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return false;
            }
            state.is_awaited = true;
            state = self.has_room.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn leave(&self, bytes: usize) {
        let mut state = self.lock();
        state.bytes -= bytes;
        if state.bytes < self.size.most && std::mem::take(&mut state.is_awaited) {
            self.has_room.notify_all();
        }
    }

    /// A panic can't leave it inconsistent.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Adds a later part of the same body.
    pub(crate) fn join(&mut self, mut later: Self) {
        if Arc::ptr_eq(&self.window, &later.window) {
            self.bytes += std::mem::take(&mut later.bytes);
        } else {
            *self = later;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.window.leave(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn window(high: usize, most: usize) -> Arc<SendWindow> {
        Arc::new(SendWindow::new(WindowSize { high, most }))
    }

    #[test]
    fn parts_are_let_in_until_the_window_is_full() {
        let window = window(100, 200);
        let (first, is_congested) = window.let_in(60).expect("it is empty");
        assert!(!is_congested);
        let (second, is_congested) = window.let_in(5000).expect("a part may be longer than the window");
        assert!(is_congested);
        assert!(window.let_in(0).is_none() && !window.wait(Duration::ZERO));
        drop(first);
        assert!(window.let_in(0).is_none());
        drop(second);
        assert!(window.wait(Duration::ZERO));
        assert!(window.let_in(0).is_some_and(|(_, is_congested)| !is_congested));
        assert_eq!(window.lock().bytes, 0);
    }

    #[test]
    fn joined_parts_leave_together() {
        let (window, other) = (window(0, 1000), window(0, 1000));
        let mut held = window.let_in(10).expect("there is room").0;
        held.join(window.let_in(20).expect("there is room").0);
        assert_eq!(window.lock().bytes, 30 + 2 * PART_BYTES);
        // Those of an earlier body have left.
        held.join(other.let_in(7).expect("there is room").0);
        assert_eq!((window.lock().bytes, other.lock().bytes), (0, 7 + PART_BYTES));
        drop(held);
        assert_eq!(other.lock().bytes, 0);
    }

    #[test]
    fn a_thread_that_waits_is_woken() {
        let window = window(0, 1);
        let held = window.let_in(0).expect("there is room").0;
        let waiting = window.clone();
        let other = thread::spawn(move || waiting.wait(Duration::MAX));
        while !window.lock().is_awaited {
            thread::yield_now();
        }
        drop(held);
        assert!(other.join().expect("it returns"));
    }
}
