//! The peers of the simulated server: those that connect to it, and those that it connects to. They are state machines on
//! the client side of [`jackfield_proto`].
//!
//! A peer decides what it sends, checks what comes, and knows when it is done. The network decides *how* its bytes travel:
//! in which pieces, how late, and whether they arrive.

mod bytes;
mod deflating;
mod events;
mod frames;
mod http;
mod lines;
mod relay;
mod rude;
mod strict;
mod websocket;
mod websocket_server;

pub use bytes::Bytes;
pub use deflating::Fault;
pub use events::Events;
pub use http::{Ask, Http};
pub use lines::Lines;
pub use relay::Relay;
pub use rude::{Garbage, Silent};
pub use websocket::{Heard, PeerMessage, WebSocket};
pub use websocket_server::WebSocketServer;

use super::{Random, Tls};
use crate::config::Speaks;
use crate::disconnect::Reason;

/// A peer of the simulated server.
///
/// The simulation calls the methods. Each peer has one connection.
pub trait Peer {
    /// The index of the listener that it connects to, as in [`listener`](crate::test::listener). Default: HTTP.
    fn listener(&self) -> usize {
        Speaks::Http as usize
    }

    /// The connection is established.
    fn on_connect(&mut self, line: &mut PeerConnection<'_>);

    /// Bytes have come. Those that it leaves in the vector come again, with the next bytes after them.
    fn on_bytes(&mut self, line: &mut PeerConnection<'_>, bytes: &mut Vec<u8>);

    /// True if the peer wants [`Peer::on_news`], although nothing has come. Default: `false`.
    fn has_news(&self) -> bool {
        false
    }

    /// Called while [`Peer::has_news`] is true, to send or do something. Default: does nothing.
    fn on_news(&mut self, line: &mut PeerConnection<'_>) {
        let _ = line;
    }

    /// The server has closed its side. `clean` is false if sent bytes may have been lost. Default: does nothing.
    fn on_end(&mut self, line: &mut PeerConnection<'_>, clean: bool) {
        let _ = (line, clean);
    }

    /// The peer is done and should leave, in good order for its protocol. Default: closes its side.
    fn leave(&mut self, line: &mut PeerConnection<'_>) {
        line.finish();
    }

    /// True once the peer has got everything that it expects. A peer for which this stays false is stuck.
    fn is_done(&self) -> bool;

    /// True once the peer has sent everything that it sends before it leaves. Default: [`Peer::is_done`].
    fn has_said_all(&self) -> bool {
        self.is_done()
    }

    /// True if the peer gets all its answers even if it closes its side as soon as it has sent everything. Default:
    /// `false`.
    fn outlives_half_close(&self) -> bool {
        false
    }

    /// True if the peer keeps to its protocol, so that the server finds no protocol error. Default: `true`.
    fn is_fair(&self) -> bool {
        true
    }

    /// True if the server has a reason to close the connection by itself. Default: `true`.
    fn expects_close(&self) -> bool {
        true
    }

    /// True if the server may end the connection for this reason, whatever the peer and the network do: because of limits or
    /// timers that its client sets, for example. Default: `false`.
    fn allows(&self, reason: Reason) -> bool {
        let _ = reason;
        false
    }

    /// True if the server ends the connection some time after the peer has sent its last byte. Default: `true`.
    fn may_fall_silent(&self) -> bool {
        true
    }

    /// True if the peer begins TLS on a connection in plain text, with [`PeerConnection::start_tls`]. Default: `false`.
    fn starts_tls(&self) -> bool {
        false
    }

    /// How many of the last bytes that the peer has said are requests without an answer. Once one of them has arrived the
    /// connection is not idle. Default: 0.
    fn unanswered_bytes(&self) -> usize {
        0
    }

    /// What the peer waits for, for the report of a peer that is stuck. Default: `something`.
    fn waits_for(&self) -> String {
        "something".into()
    }
}

/// What a peer can do in its methods: the connection as the peer has it.
pub struct PeerConnection<'a> {
    pub(super) said: &'a mut Saying,
    pub(super) random: &'a mut Random,
}

/// Bytes and acts of a peer that the network has not carried yet.
#[derive(Debug, Default)]
pub(super) struct Saying {
    pub(super) bytes: Vec<u8>,
    pub(super) finished: bool,
    pub(super) reset: bool,
    pub(super) wrong: Option<String>,
    pub(super) suspicion: Option<String>,
    /// The TLS that it has begun, and how many of the bytes are still to be sent in plain text.
    pub(super) tls: Option<(Tls, usize)>,
    /// It has become silent: nothing that it sends is carried any more.
    pub(super) silent: bool,
}

impl PeerConnection<'_> {
    /// Sends bytes.
    pub fn say(&mut self, bytes: &[u8]) {
        self.bytes().extend_from_slice(bytes);
    }

    /// The bytes to send: encoders append here.
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.said.bytes
    }

    /// Closes the peer's side after the bytes that were sent.
    pub fn finish(&mut self) {
        self.said.finished = true;
    }

    /// Begins TLS on a connection in plain text, as its client: all that the peer says from now on is encrypted. Bytes that it
    /// leaves in [`Peer::on_bytes`] in this call belong to TLS. The peer must have [`Peer::starts_tls`], and the simulation no
    /// [`Options::tls`](super::Options::tls).
    pub fn start_tls(&mut self, tls: &Tls) {
        self.said.tls = Some((tls.clone(), self.said.bytes.len()));
    }

    /// Resets the connection. Sent bytes that have not arrived are lost.
    pub fn reset(&mut self) {
        self.said.reset = true;
    }

    /// The peer's random numbers. It must use no others, so that the seed decides everything.
    pub fn random(&mut self) -> &mut Random {
        self.random
    }

    /// Reports that something wrong came: the simulation fails.
    pub fn wrong(&mut self, text: impl Into<String>) {
        self.said.wrong.get_or_insert(text.into());
    }

    /// Reports that something wrong came. The simulation fails unless the server says that the connection ended by a panic,
    /// a timeout, a limit or a shutdown.
    pub fn suspect(&mut self, text: impl Into<String>) {
        self.said.suspicion.get_or_insert(text.into());
    }
}

/// The beginning of some bytes, for a report.
fn excerpt(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(40)];
    format!("{} bytes {:?}", bytes.len(), String::from_utf8_lossy(cut))
}
