//! Assigns new connections to reactors, and counts them.

use crate::guard::{discard, guard};
use crate::shared::command::Command;
use crate::shared::handle::Handle;
use jackfield_reactor::Peer;
use jackfield_reactor::planted::planted;
use std::sync::atomic::Ordering;

impl Handle {
    /// The reactor with the fewest connections; of several, this one first. Reactors that can take no connection now
    /// are skipped, if there are others.
    pub(crate) fn least_loaded(&self, here: usize) -> usize {
        let rank = |&reactor: &usize| {
            let remote = &self.shared().remotes[reactor];
            (remote.is_away(), remote.load.load(Ordering::Relaxed), reactor != here)
        };
        (0..self.shared().remotes.len()).min_by_key(rank).unwrap_or(here)
    }

    /// Counts a new connection for a reactor and for the listener of a socket. False, and not counted: the server or the listener
    /// is full.
    pub(crate) fn try_count(
        &self,
        reactor: usize,
        listener: usize,
        (most, most_of_listener): (usize, usize),
    ) -> bool {
        if let Some(remote) = self.remote(reactor) {
            remote.load.fetch_add(1, Ordering::Relaxed);
        }
        let shared = self.shared();
        let before = shared.connections.fetch_add(1, Ordering::Relaxed);
        let of_listener =
            shared.listeners.connections(listener).map(|count| count.fetch_add(1, Ordering::Relaxed));
        let has_room = before < most && of_listener.is_none_or(|before| before < most_of_listener);
        if !has_room {
            self.uncount(reactor, listener);
        }
        has_room
    }

    /// Uncounts a connection for its reactor, its listener and its address.
    pub(crate) fn uncount_peer(&self, reactor: usize, peer: &Peer) {
        self.uncount_address(peer);
        self.uncount(reactor, peer.listener);
    }

    /// Uncounts a connection for its reactor and its listener.
    pub(crate) fn uncount(&self, reactor: usize, listener: usize) {
        let shared = self.shared();
        // First, so that a thread that sees the lower count of the server also sees the lower count here.
        if let Some(remote) = self.remote(reactor) {
            remote.load.fetch_sub(1, Ordering::Relaxed);
        }
        shared.connections.fetch_sub(1, Ordering::SeqCst);
        if let Some(count) = shared.listeners.connections(if planted(60) { 0 } else { listener }) {
            count.fetch_sub(1, Ordering::SeqCst);
        }
        self.tell_of_room();
    }

    /// Counts an outgoing connection. False, and not counted: there are as many as allowed.
    pub(crate) fn try_count_outgoing(&self, reactor: usize, most: usize) -> bool {
        if self.shared().outgoing.fetch_add(1, Ordering::Relaxed) >= most {
            self.shared().outgoing.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        if let Some(remote) = self.remote(reactor) {
            remote.load.fetch_add(1, Ordering::Relaxed);
        }
        true
    }

    /// Uncounts an outgoing connection.
    pub(crate) fn uncount_outgoing(&self, reactor: usize) {
        self.shared().outgoing.fetch_sub(1, Ordering::Relaxed);
        if let Some(remote) = self.remote(reactor) {
            remote.load.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// A reactor has ended: it takes no more commands. Those that wait are dropped, and connections that were handed to
    /// it are uncounted.
    pub(crate) fn end_reactor(&self, reactor: usize) {
        let Some(remote) = self.remote(reactor) else { return };
        remote.close();
        remote.roster.end_all();
        let mut commands = Vec::new();
        remote.take(&mut commands, usize::MAX);
        for command in commands {
            if let Command::Adopt(incoming, _) = &command {
                self.uncount_peer(reactor, &incoming.peer);
            }
            // If dropping a value of the user's panics, the other commands are dropped all the same.
            if let Err(payload) = guard(|| drop(command)) {
                discard(payload);
                remote.metrics.panics.add(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Limits, ListenerSettings};
    use crate::shared::listeners::Listeners;
    use crate::shared::observer::{NoObserver, Observer};
    use crate::shared::offload::Pool;
    use crate::shared::remote::RemoteReactor;
    use jackfield_reactor::Incoming;
    use jackfield_reactor::MemoryDriver;
    use jackfield_reactor::Pipe;
    use jackfield_reactor::Stream;
    use std::net::SocketAddr;
    use std::sync::Arc;

    /// The connections were handed over by a reactor that did not know of the shutdown yet, and stayed counted for
    /// ever.
    #[test]
    fn connections_for_a_reactor_that_has_ended_are_no_longer_counted() {
        let drivers = [0, 1].map(|reactor| MemoryDriver::new(reactor, Default::default()));
        let limits = Limits::default();
        let remotes =
            drivers.each_ref().map(|driver| RemoteReactor::new(None, &limits, &driver.reactor.wires));
        let listeners = ListenerSettings::one_of_each(&limits, |listener| listener);
        let observer: Arc<dyn Observer> = Arc::new(NoObserver);
        let listeners = Listeners::in_memory(&listeners);
        let handle = Handle::new(remotes.into(), listeners, Box::new(observer), None, Pool::new("test", 1));
        for _ in 0..3 {
            let peer = Peer::new(SocketAddr::from(([127, 0, 0, 1], 1)), 0);
            let stream = Stream::Memory(Pipe::pair().0);
            assert!(handle.try_count(1, 0, (3, 3)));
            handle.post_reserved(1, Command::Adopt(Incoming { stream, peer }, false));
        }
        handle.post_reserved(1, Command::Pressure);
        handle.end_reactor(0);
        assert!(
            !handle.try_count(1, 0, (9, 3)) && !handle.try_count(1, 0, (3, 9)),
            "there is no room for a fourth"
        );
        assert_eq!(handle.count(), 3);
        handle.end_reactor(1);
        assert_eq!((handle.count(), handle.shared().remotes[1].load.load(Ordering::Relaxed)), (0, 0));
    }
}
