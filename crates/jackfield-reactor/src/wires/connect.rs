//! Outgoing connections: from a list of addresses to the first one that answers.

use super::dial::Dial;
use super::timers::SHORTEST;
use super::{WATCHED, Wires};
use crate::id::ConnectionId;
use crate::planted::planted;
use crate::reason::{Reason, Timeout};
use crate::session::Session;
use crate::session::connecting::{Above, Connecting};
use crate::stream::Stream;
use crate::stream::addr::Addr;
use crate::stream::options::SocketOptions;
use crate::stream::pipe::Pipe;
use crate::stream::shortage::kind_of;
use crate::wire::flags::{Flags, ReadStop};
use crate::wire::life::Phase;
use crate::wire::peer::Peer;
use crate::wire::timer_key;
use std::io::{self, ErrorKind};
use std::time::Duration;

impl Wires {
    /// Begins an outgoing connection and returns its id. [`Wires::dial`] gives it the addresses. If it is established
    /// within `within`, with the protocol `above`, [`Service::on_established`](crate::Service::on_established) comes.
    /// Otherwise [`Service::on_close`](crate::Service::on_close) comes. `listener` becomes [`Peer::listener`].
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`] if [`Wires::is_full`].
    pub fn connect(
        &mut self,
        above: Above,
        options: SocketOptions,
        listener: usize,
        within: Duration,
    ) -> io::Result<ConnectionId> {
        let connecting = Connecting::new(above, options, self.now.after(within));
        let deadline = connecting.deadline();
        let session = Session::Connecting(Box::new(connecting));
        let id = self.insert(session, Peer::new(Addr::Unix(None), listener))?;
        if !planted(90) {
            self.arm(id, timer_key::HANDSHAKE, deadline.0);
        }
        Ok(id)
    }

    /// Tries these addresses one after the other for a connection that [`Wires::connect`] has begun, until one answers. The
    /// time that is left is divided equally among them. If none answers, the connection ends with
    /// [`Reason::Connect`](crate::Reason::Connect) and the error of the last one, or with
    /// [`Timeout::Handshake`](crate::Timeout::Handshake) if its time is over. If all of them fail at once, it ends a
    /// millisecond later, as after [`Wires::give_up`].
    pub fn dial(&mut self, id: ConnectionId, addrs: impl IntoIterator<Item = Addr>) {
        if let Some(connecting) = self.connecting(id) {
            connecting.add(addrs.into_iter().take(if planted(82) { 1 } else { usize::MAX }));
            if let Err(failure) = self.dial_next(id) {
                self.end_soon(id, failure);
            }
        }
    }

    /// Ends a connection that [`Wires::connect`] has begun, with [`Reason::Connect`](crate::Reason::Connect): there is no
    /// address for it. It ends a millisecond later: a service that begins another one whenever one ends must not keep the
    /// reactor from its other work.
    pub fn give_up(&mut self, id: ConnectionId, why: ErrorKind) {
        self.end_soon(id, Reason::Connect(why));
    }

    fn end_soon(&mut self, id: ConnectionId, why: Reason) {
        if let Some(connecting) = self.connecting(id) {
            connecting.over = Some(why);
            self.arm(id, timer_key::HANDSHAKE, self.now.after(SHORTEST).0);
        }
    }

    pub(crate) fn is_connecting(&self, id: ConnectionId) -> bool {
        self.wire(id).is_some_and(|wire| matches!(wire.session, Session::Connecting(_)))
    }

    /// `None` also if it has been ended, although its stream is there until the turn settles.
    fn connecting(&mut self, id: ConnectionId) -> Option<&mut Connecting> {
        let wire = self.wire_mut(id).filter(|wire| wire.phase == Phase::Handshake)?;
        match &mut wire.session {
            Session::Connecting(connecting) => Some(connecting),
            _ => None,
        }
    }

    /// The address that is being tried has failed.
    pub(crate) fn dial_failed(&mut self, id: ConnectionId, why: ErrorKind) {
        if let Some(connecting) = self.connecting(id) {
            connecting.note_failure(why);
            if let Err(failure) = self.dial_next(id) {
                self.abort(id, failure);
            }
        }
    }

    /// Tries the next address.
    ///
    /// # Errors
    /// There is none that could be tried: why the last one has failed.
    fn dial_next(&mut self, id: ConnectionId) -> Result<(), Reason> {
        let now = self.now;
        loop {
            let Some(connecting) = self.connecting(id) else { return Ok(()) };
            let Some((addr, until)) = connecting.next(now) else { return Err(connecting.failure()) };
            let options = connecting.options;
            let opened = self.open(id, &addr, &options);
            self.set_peer_addr(id, addr);
            let Some(connecting) = self.connecting(id) else { return Ok(()) };
            match opened {
                Ok(stream) => {
                    connecting.stream = stream;
                    self.arm(id, timer_key::HANDSHAKE, until.0);
                    return Ok(());
                }
                Err(error) => connecting.note_failure(kind_of(&error)),
            }
        }
    }

    /// Begins to connect a stream. An event reports when it is connected.
    fn open(&mut self, id: ConnectionId, addr: &Addr, options: &SocketOptions) -> io::Result<Stream> {
        let Some(registry) = &self.registry else {
            let (near, far) = Pipe::dialled();
            near.enlist(id, &self.ready);
            self.dials.push(Dial { id, addr: addr.clone(), far });
            return Ok(Stream::Memory(near));
        };
        let mut stream = Stream::connect(addr, options)?;
        if let Some(source) = stream.source() {
            registry.register(source, id.token(), WATCHED)?;
        }
        Ok(stream)
    }

    /// The stream of a wire is connected: begins the session above it. False: that failed.
    pub(crate) fn begin_above(&mut self, id: ConnectionId) -> bool {
        let now = self.now;
        let Some(wire) = self.wire_mut(id) else { return false };
        let session = std::mem::replace(&mut wire.session, Session::Plain(Stream::Closed));
        let Session::Connecting(connecting) = session else {
            wire.session = session;
            return false;
        };
        let deadline = connecting.deadline();
        let (stream, above) = connecting.into_parts();
        match Session::of_client(stream, above) {
            Ok(session) => {
                if session.encrypts() {
                    wire.flags.insert(Flags::ENCRYPTS);
                }
                (wire.session, wire.last_received) = (session, now);
                self.arm(id, timer_key::HANDSHAKE, deadline.0);
                self.read_soon(id);
                true
            }
            Err(reason) => {
                self.abort(id, reason);
                false
            }
        }
    }

    /// The deadline of a handshake or of an address has passed. For an address, the next one is tried.
    pub(crate) fn on_handshake_due(&mut self, id: ConnectionId) {
        if planted(87) && self.wire(id).is_some_and(|wire| wire.has(ReadStop::ANSWER)) {
            return;
        }
        let failure =
            if self.awaits_preamble(id) { Reason::Preamble } else { Reason::Timeout(Timeout::Handshake) };
        if let Some(why) = self.connecting(id).and_then(|connecting| connecting.over) {
            return self.abort(id, why);
        }
        match self.connecting(id) {
            Some(connecting) if connecting.has_more() => self.dial_failed(id, ErrorKind::TimedOut),
            Some(_) if planted(83) => {}
            _ => self.abort(id, failure),
        }
    }
}
