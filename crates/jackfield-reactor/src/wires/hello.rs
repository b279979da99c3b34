//! TLS whose configuration is chosen by the peer's ClientHello.

use super::Wires;
use crate::id::ConnectionId;
use crate::reason::Reason;
use crate::session::hello::{Hello, HelloAnswer};
use crate::session::tls::Tls;
use crate::wire::flags::{Flags, ReadStop};
use crate::wire::life::Phase;
use rustls::AlertDescription;
use rustls::server::{Accepted, ClientHello};
use std::io;

impl Wires {
    /// The ClientHello of the connection, from [`Service::on_hello`](crate::Service::on_hello) until [`Wires::take_hello`].
    pub fn hello(&self, id: ConnectionId) -> Option<ClientHello<'_>> {
        self.wire(id)?.session.hello()?.client_hello()
    }

    /// Takes the ClientHello, so that a TLS session can be made from it, also on another thread. [`Wires::answer_hello`] gives
    /// the session back. Until then the connection is not read, and its handshake deadline goes on.
    pub fn take_hello(&mut self, id: ConnectionId) -> Option<Box<Accepted>> {
        self.wire_mut(id)?.session.hello_mut()?.take()
    }

    /// Continues the handshake with this session; or, if the answer is an error, sends its alert and closes the connection
    /// with [`Reason::Tls`]. Does nothing if the connection is gone or [`Wires::take_hello`] was not called.
    pub fn answer_hello(&mut self, id: ConnectionId, answer: HelloAnswer) {
        let Some(wire) = self.waiting(id) else { return };
        if wire.session.hello().is_some_and(Hello::is_taken) {
            let is_secured = wire.session.answer_hello(answer);
            self.go_on(id, is_secured);
        }
    }

    /// Sends this alert (RFC 8446 section 6.2) and closes the connection with [`Reason::Tls`]. [`Wires::tls_fault`] then
    /// has `why`.
    pub fn refuse_hello(&mut self, id: ConnectionId, alert: AlertDescription, why: &'static str) {
        if let Some(hello) = self.waiting(id).and_then(|wire| wire.session.hello_mut()) {
            hello.refuse_for(alert, why);
            self.go_on(id, false);
        }
    }

    /// The host name that the peer asked for with TLS (SNI, RFC 6066 section 3), once its ClientHello was read.
    pub fn server_name(&self, id: ConnectionId) -> Option<&str> {
        let session = &self.wire(id)?.session;
        session.hello().map_or_else(|| session.tls()?.server_name(), Hello::server_name)
    }

    /// The TLS error that ended the connection, if there was one. Ask for it in
    /// [`Service::on_close`](crate::Service::on_close).
    pub fn tls_fault(&self, id: ConnectionId) -> Option<&io::Error> {
        let session = &self.wire(id)?.session;
        session.hello().map_or_else(|| session.tls().and_then(Tls::fault), Hello::fault)
    }

    fn waiting(&mut self, id: ConnectionId) -> Option<&mut crate::wire::Wire> {
        self.wire_mut(id).filter(|wire| wire.phase == Phase::Handshake)
    }

    /// Writes the answer, and reads the wire on. Within the wire's own event both happen anyway.
    fn go_on(&mut self, id: ConnectionId, is_secured: bool) {
        let Some(wire) = self.wire_mut(id) else { return };
        wire.flags.remove(ReadStop::ANSWER);
        // Bytes after the invalid ones are read and dropped, because a close with unread bytes would be a reset.
        wire.flags.insert(Flags::UNREAD);
        let written = wire.session.write_pending();
        self.charge_session(id);
        match written {
            Err(error) => self.abort(id, Reason::of_error(&error)),
            Ok(_) if !is_secured => self.close(id, Reason::Tls),
            Ok(_) if id == self.current => {}
            Ok(_) => self.read_soon(id),
        }
    }
}
