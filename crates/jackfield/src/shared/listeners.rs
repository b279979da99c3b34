//! The listeners of a server: their names, their addresses, and their states.

use crate::config::{AddressRules, ListenerSettings};
use jackfield_reactor::{Addr, ListenOptions};
use std::ops::RangeFull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// What a listener does: see [`Handle::listeners`](crate::Handle::listeners).
#[doc(alias = "ListenStates")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListenerState {
    /// It accepts connections, or does as soon as the server serves.
    Listening,
    /// It accepts no connections. New connections wait in its backlog, as many as that holds.
    Paused,
    /// Its socket is closed, and the system refuses new connections; but a socket that was passed to this process stays open, and
    /// new connections wait. So is one that could not be bound
    /// ([`ServerBuilder::allow_partial_bind`](crate::ServerBuilder::allow_partial_bind)); it can't be resumed.
    Stopped,
}

/// A listener as it is at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListenerInfo {
    /// Its number, in the order in which listeners were given.
    pub number: usize,
    /// Its name: [`Listener::name`](crate::Listener::name).
    pub name: Option<Arc<str>>,
    /// Its addresses, as they were when the server was bound.
    pub addrs: Vec<Addr>,
    /// Its state. While the server shuts down and when it has ended, all are stopped; no report of the observer says so for
    /// each.
    pub state: ListenerState,
    /// How many open connections it has accepted.
    pub connections: usize,
    /// How many connections may wait there: the value of [`Listener::backlog`](crate::Listener::backlog), or less if the
    /// system allows less (known only on Linux).
    pub backlog: u32,
}

/// Which listeners are meant: one by its number, one by its name, or all (`..`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhichListener<'n> {
    /// The listener with this number, in the order of `listen`.
    Number(usize),
    /// The listener with this name.
    Named(&'n str),
    /// All of them.
    All,
}

impl From<usize> for WhichListener<'_> {
    fn from(number: usize) -> Self {
        Self::Number(number)
    }
}

impl<'n> From<&'n str> for WhichListener<'n> {
    fn from(name: &'n str) -> Self {
        Self::Named(name)
    }
}

impl From<RangeFull> for WhichListener<'_> {
    fn from(_: RangeFull) -> Self {
        Self::All
    }
}

/// The listeners of a server, and the sockets that each has.
#[derive(Default)]
pub(crate) struct Listeners {
    sockets: Box<[ListeningSocket]>,
    places: Box<[Place]>,
    /// The address rules of each socket.
    rules: Box<[Option<Arc<AddressRules>>]>,
    /// The system's limit on a backlog, read when the listeners were opened.
    backlog_max: u32,
}

/// A listening socket.
pub(crate) struct ListeningSocket {
    /// The number of its listener.
    pub(crate) listener: usize,
    /// What is needed to listen there again; `None` if that is impossible.
    pub(crate) at: Option<(Addr, ListenOptions)>,
}

struct Place {
    name: Option<Arc<str>>,
    connections: AtomicUsize,
    state: AtomicU8,
}

impl Listeners {
    /// `names`: of all listeners, with and without a socket. `at`: for each socket, what is needed to listen there again.
    pub(crate) fn new(
        names: Vec<Option<Arc<str>>>,
        settings: &[ListenerSettings],
        at: Vec<Option<(Addr, ListenOptions)>>,
    ) -> Self {
        let sockets: Box<[_]> = settings
            .iter()
            .zip(at)
            .map(|(settings, at)| ListeningSocket { listener: settings.number, at })
            .collect();
        let state = |number| match has_socket(&sockets, number) {
            true => ListenerState::Listening,
            false => ListenerState::Stopped,
        };
        let place = |(number, name)| Place {
            name,
            connections: AtomicUsize::new(0),
            state: AtomicU8::new(state(number) as u8),
        };
        let rules = settings.iter().map(|settings| settings.rules.clone()).collect();
        // Not read if there is no socket, as in tests.
        let backlog_max = if sockets.iter().any(|socket| socket.at.is_some()) { backlog_max() } else { 0 };
        let places = names.into_iter().enumerate().map(place).collect();
        Self { sockets, places, rules, backlog_max }
    }

    /// Listeners in memory: each has one socket.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn in_memory(settings: &[ListenerSettings]) -> Self {
        let names = settings.iter().map(|listener| listener.name.clone()).collect();
        Self::new(names, settings, vec![None; settings.len()])
    }

    /// The address rules of a socket, if it has any.
    pub(crate) fn rules(&self, socket: usize) -> Option<&AddressRules> {
        self.rules.get(socket)?.as_deref()
    }

    pub(crate) fn sockets(&self) -> &[ListeningSocket] {
        &self.sockets
    }

    /// The count of connections of this socket's listener. Outgoing connections have no listener.
    pub(crate) fn connections(&self, socket: usize) -> Option<&AtomicUsize> {
        Some(&self.places.get(self.sockets.get(socket)?.listener)?.connections)
    }

    pub(crate) fn state(&self, number: usize) -> ListenerState {
        match self.places.get(number).map(|place| place.state.load(Ordering::SeqCst)) {
            Some(state) if state == ListenerState::Paused as u8 => ListenerState::Paused,
            Some(state) if state == ListenerState::Stopped as u8 => ListenerState::Stopped,
            _ => ListenerState::Listening,
        }
    }

    /// The state of the listener of a socket.
    pub(crate) fn state_at(&self, socket: usize) -> ListenerState {
        self.state(self.sockets.get(socket).map_or(0, |socket| socket.listener))
    }

    /// True if this changes the state. A listener without a socket stays stopped.
    pub(crate) fn set_state(&self, number: usize, state: ListenerState) -> bool {
        let place = self.places.get(number).filter(|_| has_socket(&self.sockets, number));
        place.is_some_and(|place| place.state.swap(state as u8, Ordering::SeqCst) != state as u8)
    }

    /// The same, if it is in another state now that it may leave. False: it is not, or has no socket.
    pub(crate) fn change_state(&self, number: usize, from: ListenerState, to: ListenerState) -> bool {
        let place = self.places.get(number).filter(|_| has_socket(&self.sockets, number));
        let changed = |place: &Place| {
            place.state.compare_exchange(from as u8, to as u8, Ordering::SeqCst, Ordering::SeqCst).is_ok()
        };
        place.is_some_and(changed)
    }

    /// The numbers of the listeners that are meant; empty if there are none.
    pub(crate) fn find(&self, which: WhichListener<'_>) -> Vec<usize> {
        let is_meant = |number: &usize| match which {
            WhichListener::All => true,
            WhichListener::Number(meant) => *number == meant,
            WhichListener::Named(meant) => self.places[*number].name.as_deref() == Some(meant),
        };
        (0..self.places.len()).filter(is_meant).collect()
    }

    pub(crate) fn infos(&self) -> Vec<ListenerInfo> {
        let info = |(number, place): (usize, &Place)| {
            let of_it = self.sockets.iter().filter(|socket| socket.listener == number);
            let at: Vec<_> = of_it.filter_map(|socket| socket.at.as_ref()).collect();
            let backlog = at.first().map_or(0, |(_, options)| options.backlog);
            ListenerInfo {
                number,
                name: place.name.clone(),
                addrs: at.iter().map(|(addr, _)| addr.clone()).collect(),
                state: self.state(number),
                connections: place.connections.load(Ordering::Relaxed),
                backlog: backlog.min(self.backlog_max),
            }
        };
        self.places.iter().enumerate().map(info).collect()
    }
}

fn has_socket(sockets: &[ListeningSocket], listener: usize) -> bool {
    sockets.iter().any(|socket| socket.listener == listener)
}

/// The system's limit on a backlog, if it can be read.
pub(crate) fn backlog_max() -> u32 {
    let text = std::fs::read_to_string("/proc/sys/net/core/somaxconn").ok();
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fault: a pause looked first and changed the state then, so it undid what another thread did in between.
    #[test]
    fn only_a_listener_that_listens_is_paused() {
        let state = AtomicU8::new(ListenerState::Listening as u8);
        let listeners = Listeners {
            sockets: [ListeningSocket { listener: 0, at: None }].into(),
            places: [Place { name: None, connections: AtomicUsize::new(0), state }].into(),
            ..Listeners::default()
        };
        let pause = || listeners.change_state(0, ListenerState::Listening, ListenerState::Paused);
        assert!(listeners.set_state(0, ListenerState::Stopped));
        assert!(!pause() && listeners.state(0) == ListenerState::Stopped);
        assert!(listeners.set_state(0, ListenerState::Listening));
        assert!(pause() && listeners.state(0) == ListenerState::Paused && !pause());
    }
}
