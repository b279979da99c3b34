//! Looks up the addresses of names on separate threads, because the system's call may block for long.

use crate::shared::command::Command;
use crate::shared::handle::Handle;
use jackfield_reactor::ConnectionId;
use std::net::{SocketAddr, ToSocketAddrs};
use std::thread;

/// The most threads, so that one slow name does not hold up the others.
const THREADS_MAX: usize = 4;

/// The most names that may wait; one more is not looked up.
const WAITING_MAX: usize = 1024;

impl Handle {
    /// Looks up a name with a port for a connection, and sends the result to its reactor. False: too many names wait
    /// already.
    pub(crate) fn resolve_name(&self, id: ConnectionId, name: &str) -> bool {
        let mut state = self.shared().look_ups.lock();
        if state.waiting.len() >= WAITING_MAX {
            return false;
        }
        if state.threads < THREADS_MAX {
            let handle = self.clone();
            let thread = thread::Builder::new().name("names".into()).spawn(move || handle.resolve_all());
            state.threads += usize::from(thread.is_ok());
        }
        if state.threads > 0 {
            state.waiting.push_back((id, name.to_owned()));
        }
        state.threads > 0
    }

    /// For the simulation: the addresses are known already, and a held job sends them to the reactor.
    #[cfg(feature = "sim")]
    pub(crate) fn resolve_held(&self, id: ConnectionId, found: Vec<SocketAddr>) {
        let handle = self.clone();
        let tell = move || drop(handle.post_reserved(id.reactor(), Command::Resolved(id, found)));
        self.shared().pool.submit_reserved(Box::new(tell));
    }

    fn resolve_all(&self) {
        while let Some((id, name)) = self.shared().look_ups.next() {
            let found = name.to_socket_addrs().map(distinct).unwrap_or_default();
            // A reactor that has ended needs no result.
            let _ = self.post_reserved(id.reactor(), Command::Resolved(id, found));
        }
    }
}

/// Each address once, in the order of the system.
fn distinct(all: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addrs = Vec::new();
    for addr in all {
        if !addrs.contains(&addr) {
            addrs.push(addr);
        }
    }
    addrs
}
