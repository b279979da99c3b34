//! Who connects to the simulated server, and to whom it connects: state machines on the client's roles of [`jackfield_proto`].
//!
//! A peer says what it wants to say, looks at what comes, and knows when its work is done. *How* its bytes travel (in
//! which pieces, how late, whether they arrive at all) is not its business but the network's.

mod bytes;
mod deflating;
mod events;
mod http;
mod lines;
mod relay;
mod rude;
mod websocket;
mod websocket_server;

pub use bytes::Bytes;
pub use deflating::Fault;
pub use events::Events;
pub use http::{Ask, Http};
pub use lines::Lines;
pub use relay::Relay;
pub use rude::{Garbage, Silent};
pub use websocket::{Heard, Said, WebSocket};
pub use websocket_server::WebSocketServer;

use super::Random;
use crate::config::Speaks;

/// A peer of the simulated server.
///
/// All methods are called by the simulation, in the order of one connection's life.
pub trait Peer {
    /// The listener that it connects to: one of [`listener`](crate::test::listener). Default: HTTP.
    fn listener(&self) -> usize {
        Speaks::Http as usize
    }

    /// Its connection is up.
    fn on_connect(&mut self, line: &mut Line<'_>);

    /// Bytes have come. What it leaves in the vector comes again, with more behind it.
    fn on_bytes(&mut self, line: &mut Line<'_>, bytes: &mut Vec<u8>);

    /// True if it has something to say or do although nothing has come. Default: never.
    fn has_news(&self) -> bool {
        false
    }

    /// Says or does that.
    fn on_news(&mut self, line: &mut Line<'_>) {
        let _ = line;
    }

    /// The server has ended its side. `clean`: in good order, so that nothing that it said may be cut short.
    fn on_end(&mut self, line: &mut Line<'_>, clean: bool) {
        let _ = (line, clean);
    }

    /// Its work is done, and it is asked to leave in the good order of what it speaks. Default: it ends its side.
    fn leave(&mut self, line: &mut Line<'_>) {
        line.finish();
    }

    /// True once it has got all that it came for. A peer that never has is stuck.
    fn is_done(&self) -> bool;

    /// True once it has said all that it will say before it leaves.
    fn has_said_all(&self) -> bool {
        self.is_done()
    }

    /// True if it gets all its answers even if it ends its side as soon as it has said everything.
    fn outlives_half_close(&self) -> bool {
        false
    }

    /// True if it keeps to its protocol, so that the server has nothing to complain of.
    fn is_fair(&self) -> bool {
        true
    }

    /// True if the server has reason to close the connection on its own.
    fn expects_close(&self) -> bool {
        true
    }

    /// True if the server ends the connection some time after the peer has said its last word.
    fn may_fall_silent(&self) -> bool {
        true
    }

    /// What it waits for, for the account of one that is stuck.
    fn waits_for(&self) -> String {
        "something".into()
    }
}

/// What a peer can do, in one of its methods.
pub struct Line<'a> {
    pub(super) said: &'a mut Saying,
    pub(super) random: &'a mut Random,
}

/// What a peer has said and done that the network has not carried yet.
#[derive(Debug, Default)]
pub(super) struct Saying {
    pub(super) bytes: Vec<u8>,
    pub(super) finished: bool,
    pub(super) reset: bool,
    pub(super) wrong: Option<String>,
    pub(super) suspicion: Option<String>,
    /// It has fallen silent: nothing that it says is carried any more.
    pub(super) silent: bool,
}

impl Line<'_> {
    /// Says so much.
    pub fn say(&mut self, bytes: &[u8]) {
        self.bytes().extend_from_slice(bytes);
    }

    /// Where encoders append what is to be said.
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.said.bytes
    }

    /// Ends its side behind what was said.
    pub fn finish(&mut self) {
        self.said.finished = true;
    }

    /// Breaks the connection, and with it what was said and did not arrive.
    pub fn reset(&mut self) {
        self.said.reset = true;
    }

    /// Chance. A peer takes it from here only, so that the seed decides.
    pub fn random(&mut self) -> &mut Random {
        self.random
    }

    /// What came is wrong, whatever has happened: the simulation fails.
    pub fn wrong(&mut self, text: impl Into<String>) {
        self.said.wrong.get_or_insert(text.into());
    }

    /// What came is wrong, unless the server reports that the connection ended by a panic, a timeout, a limit or a
    /// shutdown.
    pub fn suspect(&mut self, text: impl Into<String>) {
        self.said.suspicion.get_or_insert(text.into());
    }
}

/// The beginning of some bytes, for an account.
fn excerpt(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(40)];
    format!("{} bytes {:?}", bytes.len(), String::from_utf8_lossy(cut))
}
