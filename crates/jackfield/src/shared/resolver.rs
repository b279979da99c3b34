//! The source of the addresses of names.

use jackfield_reactor::ConnectionId;
use std::collections::VecDeque;
#[cfg(feature = "test-util")]
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The source of the addresses of names.
#[derive(Clone, Debug)]
pub(crate) enum Resolver {
    System,
    /// A table, for tests. Other names have no address.
    #[cfg(feature = "test-util")]
    Table(Vec<(String, Vec<SocketAddr>)>),
    /// A function, for simulations.
    #[cfg(feature = "sim")]
    Made(fn(&str) -> Vec<SocketAddr>),
}

/// Names that wait to be looked up, and the threads that do it. Threads end when no name waits.
#[derive(Debug, Default)]
pub(crate) struct LookUps(Mutex<State>);

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) waiting: VecDeque<(ConnectionId, String)>,
    pub(crate) threads: usize,
}

impl LookUps {
    /// The next name. `None`: the thread that asks ends.
    pub(crate) fn next(&self) -> Option<(ConnectionId, String)> {
        let mut state = self.lock();
        let next = state.waiting.pop_front();
        state.threads -= usize::from(next.is_none());
        next
    }

    /// A connection has ended: if its name still waits, it would hold up those behind it.
    pub(crate) fn forget(&self, id: ConnectionId) {
        self.lock().waiting.retain(|(waiting, _)| *waiting != id);
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
