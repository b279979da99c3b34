//! The backlogs of the in-memory driver: new connections that wait at its listeners.

use super::rotation::{Came, Rotation};
use crate::turn::service::{Incoming, Service};
use crate::wires::Wires;
use std::collections::VecDeque;

/// New connections that wait, by listener, and whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    rotation: Rotation,
    listeners: Vec<VecDeque<Incoming>>,
    /// Listeners that are closed.
    closed: Vec<usize>,
    /// The listeners are closed for ever.
    pub(super) is_shut: bool,
}

impl Backlog {
    /// A new connection waits for the turn of its listener. At closed listeners it is refused: its stream is dropped.
    pub(super) fn add(&mut self, incoming: Incoming) {
        let listener = incoming.peer.listener;
        if !self.is_shut && !self.is_closed(listener) {
            self.push(incoming);
            self.rotation.add(listener);
        }
    }

    /// A new connection that the service does not want now.
    pub(super) fn add_unwanted(&mut self, incoming: Incoming) {
        let listener = incoming.peer.listener;
        if !self.is_shut && !self.is_closed(listener) {
            self.push(incoming);
            self.rotation.put_off(listener);
        }
    }

    fn push(&mut self, incoming: Incoming) {
        let listener = incoming.peer.listener;
        if self.listeners.len() <= listener {
            self.listeners.resize_with(listener + 1, VecDeque::new);
        }
        self.listeners[listener].push_back(incoming);
    }

    /// How many connections wait at this listener.
    pub(super) fn waiting_at(&self, listener: usize) -> usize {
        self.listeners.get(listener).map_or(0, VecDeque::len)
    }

    /// True if a listener is to have a turn.
    pub(super) fn has_turns(&self) -> bool {
        !self.rotation.is_empty()
    }

    /// The service may want connections again.
    pub(super) fn retry(&mut self) {
        self.rotation.retry();
    }

    /// The listener is closed, and drops the connections that wait there.
    pub(super) fn close(&mut self, listener: usize) {
        self.rotation.remove(listener);
        if !self.is_closed(listener) {
            self.closed.push(listener);
        }
        if let Some(waiting) = self.listeners.get_mut(listener) {
            waiting.clear();
        }
    }

    /// The listener that was closed accepts connections again.
    pub(super) fn reopen(&mut self, listener: usize) {
        self.closed.retain(|closed| *closed != listener);
    }

    /// True if this listener is closed, and was not reopened.
    pub(super) fn is_closed(&self, listener: usize) -> bool {
        self.closed.contains(&listener)
    }

    /// All listeners are closed for ever.
    pub(super) fn shut(&mut self) {
        *self = Self { is_shut: true, ..Self::default() };
    }

    /// Accepts as many waiting connections as one turn may.
    pub(super) fn accept<S: Service + ?Sized>(&mut self, wires: &mut Wires, service: &mut S) {
        let Self { rotation, listeners, .. } = self;
        rotation.accept(wires, service, |listener, wires, service| {
            let Some(waiting) = listeners.get_mut(listener).filter(|waiting| !waiting.is_empty()) else {
                return Came::Nothing;
            };
            if !service.may_accept(wires, listener) {
                return Came::Unwanted;
            }
            // A panic of the service loses this one, and leaves the others in the backlog.
            if let Some(incoming) = waiting.pop_front() {
                service.on_accept(wires, incoming);
            }
            Came::One
        });
    }
}
