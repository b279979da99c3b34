//! Peers without a purpose: one sends garbage, one sends nothing.

use super::{Peer, PeerConnection};
use crate::config::Speaks;

/// Sends random bytes, to an HTTP listener perhaps after a valid beginning.
#[derive(Debug, Default)]
pub struct Garbage {
    listener: usize,
    done: bool,
}

/// Sends nothing.
#[derive(Debug, Default)]
pub struct Silent {
    listener: usize,
}

const BEGINNINGS: [&str; 6] = [
    "",
    "GET / HTTP/1.1\r\nHost: sim\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: sim\r\nTransfer-Encoding: chunked\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: sim\r\nContent-Length: 100\r\n\r\n",
    "GET /echo HTTP/1.1\r\nHost: sim\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "GET /\r\n x: folded\r\n\r\n",
];

impl Garbage {
    /// Connects to the listener with this index.
    #[must_use]
    pub fn new(listener: usize) -> Self {
        Self { listener, done: false }
    }
}

impl Silent {
    /// Connects to the listener with this index.
    #[must_use]
    pub fn new(listener: usize) -> Self {
        Self { listener }
    }
}

impl Peer for Garbage {
    fn listener(&self) -> usize {
        self.listener
    }

    fn on_connect(&mut self, line: &mut PeerConnection<'_>) {
        if self.listener == Speaks::Http as usize {
            let beginning = line.random().pick(&BEGINNINGS).copied().unwrap_or_default();
            line.say(beginning.as_bytes());
        }
        let count = line.random().size(2000);
        let nonsense = line.random().bytes(count);
        line.say(&nonsense);
        self.done = true;
    }

    fn on_bytes(&mut self, _line: &mut PeerConnection<'_>, bytes: &mut Vec<u8>) {
        bytes.clear();
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn is_fair(&self) -> bool {
        false
    }

    /// It may have begun a request that is answered late.
    fn may_fall_silent(&self) -> bool {
        false
    }
}

impl Peer for Silent {
    fn listener(&self) -> usize {
        self.listener
    }

    fn on_connect(&mut self, _line: &mut PeerConnection<'_>) {}

    fn on_bytes(&mut self, _line: &mut PeerConnection<'_>, bytes: &mut Vec<u8>) {
        bytes.clear();
    }

    fn is_done(&self) -> bool {
        true
    }
}
