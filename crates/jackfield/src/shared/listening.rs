//! Pauses, stops and resumes listeners; decides whether the next connection may be accepted.

use crate::shared::command::Command;
use crate::shared::handle::Handle;
use crate::shared::listeners::{ListenerInfo, ListenerState, WhichListener};
use crate::shared::state::{Busy, ServerState};
use jackfield_reactor::planted::planted;
use std::sync::atomic::Ordering;

impl Handle {
    /// All listeners, as they are at this moment.
    ///
    /// ```
    /// use jackfield::{Listener, ListenerState, Server};
    ///
    /// let server = Server::builder().listen(Listener::tcp("127.0.0.1:0").name("admin")).bind()?;
    /// let listeners = server.handle().listeners();
    /// assert_eq!(listeners[0].name.as_deref(), Some("admin"));
    /// assert_eq!(listeners[0].state, ListenerState::Listening);
    /// # Ok::<(), jackfield::Error>(())
    /// ```
    #[doc(alias = "getListenerInfo")]
    #[must_use]
    pub fn listeners(&self) -> Vec<ListenerInfo> {
        let mut listeners = self.shared().listeners.infos();
        if self.state() >= ServerState::Draining {
            listeners.iter_mut().for_each(|listener| listener.state = ListenerState::Stopped);
        }
        listeners
    }

    /// Accepts no connections there until [`Handle::resume_listening`]: new connections wait in the backlog of the system,
    /// and open connections stay. A connection that is just being accepted may still come in. A stopped listener stays
    /// stopped.
    ///
    /// ```
    /// # use jackfield::{Busy, Handle};
    /// fn lunch_break(handle: &Handle) -> Result<(), Busy> {
    ///     handle.pause_listening("public")
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Busy::Unknown`]: there is no such listener. [`Busy::Stopped`]: the server shuts down, or has ended.
    #[doc(alias = "Pause")]
    pub fn pause_listening<'n>(&self, which: impl Into<WhichListener<'n>>) -> Result<(), Busy> {
        for number in self.find_listeners(which.into())? {
            // In one step, because another thread may stop it.
            if self.shared().listeners.change_state(number, ListenerState::Listening, ListenerState::Paused) {
                self.shared().changes.on_listener(number, ListenerState::Paused);
            }
        }
        Ok(())
    }

    /// Closes the sockets of a listener, or of all (`..`): the system refuses new connections, also those in the backlog,
    /// and open connections stay. [`Handle::resume_listening`] listens again. A socket that was passed to this process
    /// ([`Listener::from_std`](crate::Listener::from_std), [`Listener::from_env`](crate::Listener::from_env)) is not closed,
    /// because others may hold it too: new connections wait in its backlog, as in a pause.
    ///
    /// # Errors
    /// [`Busy::Unknown`]: there is no such listener. [`Busy::Stopped`]: the server shuts down, or has ended.
    #[doc(alias = "StopListening")]
    #[doc(alias = "stopListener")]
    #[doc(alias = "stopListenerNoWait")]
    pub fn stop_listening<'n>(&self, which: impl Into<WhichListener<'n>>) -> Result<(), Busy> {
        self.change_listeners(which.into(), ListenerState::Stopped)
    }

    /// Resumes a paused listener, and opens a stopped one again, at the same addresses. If another program has taken one of
    /// them meanwhile, [`Observer::on_accept_error`](crate::Observer::on_accept_error) gets the error, and the listener is
    /// stopped.
    ///
    /// # Errors
    /// [`Busy::Unknown`], or [`Busy::Stopped`] while the server shuts down and when it has ended.
    #[doc(alias = "StartListening")]
    #[doc(alias = "Resume")]
    pub fn resume_listening<'n>(&self, which: impl Into<WhichListener<'n>>) -> Result<(), Busy> {
        self.change_listeners(which.into(), ListenerState::Listening)
    }

    fn change_listeners(&self, which: WhichListener<'_>, state: ListenerState) -> Result<(), Busy> {
        for number in self.find_listeners(which)? {
            self.set_listener(number, state);
        }
        if !planted(113) {
            self.ask_all_for_look();
        }
        Ok(())
    }

    /// A socket of a listener can't be opened again: the listener is stopped, and its other sockets are closed.
    pub(crate) fn give_up_listening(&self, number: usize) {
        self.set_listener(number, ListenerState::Stopped);
        self.ask_all_for_look();
    }

    /// A shutdown has closed all listeners, for good.
    fn find_listeners(&self, which: WhichListener<'_>) -> Result<Vec<usize>, Busy> {
        if self.state() >= ServerState::Draining {
            return Err(Busy::Stopped);
        }
        let found = self.shared().listeners.find(which);
        if found.is_empty() { Err(Busy::Unknown) } else { Ok(found) }
    }

    fn set_listener(&self, number: usize, state: ListenerState) {
        if self.shared().listeners.set_state(number, state) {
            self.shared().changes.on_listener(number, state);
        }
    }

    fn ask_all_for_look(&self) {
        (0..self.reactors()).for_each(|reactor| self.ask_for_look(reactor));
    }

    /// Makes a reactor look at the state of its listeners, with one command until it has looked.
    pub(crate) fn ask_for_look(&self, reactor: usize) {
        let Some(remote) = self.remote(reactor) else { return };
        if !remote.is_to_look.swap(true, Ordering::SeqCst) {
            // A reactor that has ended has no listeners.
            let _ = remote.post_reserved(Command::LookAtListeners);
        }
    }

    /// Whether the next connection at a socket may be accepted by this reactor. `most`: how many the server and the listener
    /// may have, if the others are to wait; the reactor is then woken when there is room again.
    pub(crate) fn may_accept(&self, reactor: usize, socket: usize, most: Option<(usize, usize)>) -> bool {
        let shared = self.shared();
        if shared.listeners.state_at(socket) != ListenerState::Listening {
            return false;
        }
        let Some(most) = most else { return true };
        if self.has_room(socket, most) {
            return true;
        }
        if let Some(remote) = self.remote(reactor).filter(|_| !planted(112)) {
            remote.waits_for_room.store(true, Ordering::SeqCst);
        }
        shared.waits_for_room.store(true, Ordering::SeqCst);
        // A connection may have ended before this reactor was marked as waiting, so check again. If it accepts now, it is
        // later woken for nothing.
        self.has_room(socket, most)
    }

    /// True if the listener of this socket has fewer connections than that.
    pub(crate) fn has_room_at(&self, socket: usize, most: usize) -> bool {
        self.has_room(socket, (usize::MAX, most))
    }

    fn has_room(&self, socket: usize, (most, most_of_listener): (usize, usize)) -> bool {
        let shared = self.shared();
        let of_listener = shared.listeners.connections(socket);
        shared.connections.load(Ordering::SeqCst) < most
            && of_listener.is_none_or(|count| count.load(Ordering::SeqCst) < most_of_listener)
    }

    /// There is room: wakes the reactors that wait for it.
    pub(crate) fn tell_of_room(&self) {
        let shared = self.shared();
        if !shared.waits_for_room.load(Ordering::SeqCst)
            || !shared.waits_for_room.swap(false, Ordering::SeqCst)
        {
            return;
        }
        for reactor in 0..self.reactors() {
            if shared.remotes[reactor].waits_for_room.swap(false, Ordering::SeqCst) {
                self.ask_for_look(reactor);
            }
        }
    }
}
