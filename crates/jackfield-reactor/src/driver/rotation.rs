//! Whose turn it is at the listeners.

use crate::planted::planted;
use crate::turn::service::Service;
use crate::wires::Wires;
use std::collections::VecDeque;

/// Which listeners have waiting connections, and which of them is next.
#[derive(Debug, Default)]
pub(super) struct Rotation {
    /// Listeners that may have new connections without a further event, in the order of their turns.
    waiting: VecDeque<usize>,
    /// Listeners that may have new connections which the service does not want now.
    unwanted: Vec<usize>,
}

/// What came of the turn of a listener.
pub(super) enum Came {
    /// A connection, or an error in place of it.
    One,
    /// Nothing: none waits there.
    Nothing,
    /// Nothing: it pauses after a failed accept.
    Later,
    /// Nothing: the service does not want the next connection.
    Unwanted,
}

impl Rotation {
    /// A connection has come to this listener.
    pub(super) fn add(&mut self, listener: usize) {
        if !self.waiting.contains(&listener) && !self.unwanted.contains(&listener) {
            self.waiting.push_back(listener);
        }
    }

    /// A connection has come to this listener which the service does not want now.
    pub(super) fn put_off(&mut self, listener: usize) {
        if !self.waiting.contains(&listener) && !self.unwanted.contains(&listener) {
            self.unwanted.push(listener);
        }
    }

    /// The listener is closed.
    pub(super) fn remove(&mut self, listener: usize) {
        self.waiting.retain(|waiting| *waiting != listener);
        self.unwanted.retain(|unwanted| *unwanted != listener);
    }

    /// The service may want connections again.
    pub(super) fn retry(&mut self) {
        self.waiting.extend(self.unwanted.drain(..));
    }

    /// All listeners are closed.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.unwanted.clear();
    }

    /// True if no listener is to have a turn.
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The listeners that are to have turns.
    pub(super) fn waiting(&self) -> impl Iterator<Item = usize> + '_ {
        self.waiting.iter().copied()
    }

    /// Accepts as many waiting connections as one turn of the reactor may: one at each listener in turn, so that many at one
    /// listener do not hold up the others. The next turn continues with the next listener.
    pub(super) fn accept<S: Service + ?Sized>(
        &mut self,
        wires: &mut Wires,
        service: &mut S,
        mut accept_at: impl FnMut(usize, &mut Wires, &mut S) -> Came,
    ) {
        let (mut budget, mut resting) = (wires.limits.accepts_per_turn, 0);
        while budget > 0 && wires.listening && resting < self.waiting.len() {
            // It stays at the front until it is done, so that a panic of the service loses none.
            let Some(&listener) = self.waiting.front() else { return };
            wires.stats.visits.add(1);
            let came = accept_at(listener, wires, service);
            self.waiting.pop_front();
            match came {
                Came::One => {
                    (budget, resting) = (budget - 1, 0);
                    if planted(102) {
                        self.waiting.push_front(listener);
                    } else {
                        self.waiting.push_back(listener);
                    }
                }
                Came::Later => {
                    resting += 1;
                    self.waiting.push_back(listener);
                }
                Came::Unwanted => self.unwanted.push(listener),
                Came::Nothing => {}
            }
        }
    }
}
