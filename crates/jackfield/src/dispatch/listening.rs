//! Pauses, stops and resumes listeners, as the handle asks.

use crate::client::ClientFactory;
use crate::config::WhenFull;
use crate::dispatch::Dispatcher;
use crate::shared::{ListenerState, RefuseReason, ServerState};
use jackfield_reactor::{Addr, Incoming, ListenOptions, Listener, Wires};
use std::io;
use std::sync::atomic::Ordering;

impl<F: ClientFactory> Dispatcher<F> {
    /// Whether the next connection at a socket may be accepted.
    pub(super) fn may_accept_at(&self, wires: &Wires, socket: usize) -> bool {
        let is_held = self.held.iter().any(|incoming| incoming.peer.listener == socket);
        let most = self.waits(socket).then(|| self.most(socket));
        !is_held && self.links.handle.may_accept(wires.reactor(), socket, most)
    }

    /// Whether new connections at a socket wait while there is no room for them.
    pub(super) fn waits(&self, socket: usize) -> bool {
        let listener = self.settings.listeners.get(socket);
        listener.is_some_and(|listener| listener.limits.when_full == WhenFull::Wait)
    }

    /// Keeps a connection that was accepted for a place which another reactor took first, until there is room again.
    #[cold]
    pub(super) fn hold(&mut self, wires: &Wires, incoming: Incoming) {
        let (here, socket) = (wires.reactor(), incoming.peer.listener);
        self.held.push(incoming);
        if self.links.handle.may_accept(here, socket, Some(self.most(socket))) {
            self.links.handle.ask_for_look(here);
        }
    }

    /// Takes the connections that are held, refuses those whose listener was stopped, and holds those again for which there is
    /// still no room.
    pub(super) fn place_held(&mut self, wires: &mut Wires) {
        for incoming in std::mem::take(&mut self.held) {
            let (handle, socket) = (&self.links.handle, incoming.peer.listener);
            let is_stopped = handle.shared().listeners.state_at(socket) == ListenerState::Stopped;
            if handle.state() >= ServerState::Draining || is_stopped {
                handle.uncount_address(&incoming.peer);
                self.report_refused(&self.peer_of(&incoming, wires.reactor()), RefuseReason::Shutdown);
            } else if handle.may_accept(wires.reactor(), socket, Some(self.most(socket))) {
                self.place(wires, incoming);
            } else {
                // Asked first: a count that fails tells the others of room, and they would try too, in turns without an end.
                self.held.push(incoming);
            }
        }
    }

    /// Closes the sockets of stopped listeners, and opens those of resumed ones again. Resumed listeners that were only
    /// paused accept again. A socket that was passed to this process is never closed: who passed it holds it too, so its peers
    /// would not be refused, and it could not be opened again.
    #[cold]
    pub(super) fn look_at_listeners(&mut self, wires: &mut Wires) {
        if let Some(remote) = self.links.handle.remote(wires.reactor()) {
            remote.is_to_look.store(false, Ordering::SeqCst);
        }
        self.place_held(wires);
        if self.links.is_shutting_down() {
            return;
        }
        let handle = self.links.handle.clone();
        for (socket, number) in
            handle.shared().listeners.sockets().iter().map(|socket| socket.listener).enumerate()
        {
            let is_stopped = handle.shared().listeners.state(number) == ListenerState::Stopped;
            let closed = self.closed_sockets.iter().position(|closed| *closed == socket);
            match closed {
                None if is_stopped && !self.settings.listeners[socket].is_adopted => {
                    wires.close_listener(socket);
                    self.closed_sockets.push(socket);
                }
                Some(at) if !is_stopped => {
                    self.closed_sockets.swap_remove(at);
                    self.reopen(wires, socket, number);
                }
                _ => {}
            }
        }
        wires.accept_again();
    }

    /// Accepts in place of the first reactor, or ends that. It may not have closed a stopped listener yet, so those are closed here
    /// again: who keeps a socket open keeps its address.
    pub(super) fn stand_in(&self, wires: &mut Wires, stands_in: bool) {
        wires.stand_in(stands_in);
        if stands_in {
            self.closed_sockets.iter().for_each(|socket| wires.close_listener(*socket));
        }
    }

    /// A reactor that only accepts in place of another leaves this to it.
    fn reopen(&mut self, wires: &mut Wires, socket: usize, number: usize) {
        let is_own = self.settings.listeners.get(socket).is_some_and(|listener| listener.each_reactor);
        if wires.reactor() != 0 && !is_own {
            return;
        }
        let handle = &self.links.handle;
        let at = handle.shared().listeners.sockets()[socket].at.as_ref();
        let open = || {
            at.map_or_else(|| Err(io::ErrorKind::Unsupported.into()), |(addr, options)| bind(addr, options))
        };
        if let Err(error) = wires.reopen_listener(socket, open) {
            self.closed_sockets.push(socket);
            self.settings.observer.on_accept_error(number, &error);
            handle.give_up_listening(number);
        }
    }
}

fn bind(addr: &Addr, options: &ListenOptions) -> io::Result<Listener> {
    match addr {
        Addr::Ip(addr) => Listener::bind(*addr, options),
        #[cfg(unix)]
        Addr::Unix(Some(path)) => Listener::bind_unix(path, options),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}
