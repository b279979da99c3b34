//! A peer for your own protocol.

use super::{Peer, PeerConnection, excerpt};
use crate::config::Speaks;
use std::collections::VecDeque;

/// Sends pieces of bytes and expects an answer to each, in order.
///
/// For lines and for plain bytes: what comes is compared as one stream.
#[derive(Debug)]
pub struct Bytes {
    listener: usize,
    pieces: VecDeque<(Vec<u8>, Vec<u8>)>,
    expected: VecDeque<u8>,
    /// Pieces are sent before earlier ones are answered, up to this many bytes.
    ahead: usize,
}

impl Bytes {
    /// A peer of the listener with this index. It sends the first element of each pair and expects the second.
    #[must_use]
    pub fn new(listener: usize, pieces: Vec<(Vec<u8>, Vec<u8>)>) -> Self {
        Self { listener, pieces: pieces.into(), expected: VecDeque::new(), ahead: 1000 }
    }

    /// Sends these lines to [`listener::LINES`](crate::test::listener::LINES) and expects each one back.
    #[must_use]
    pub fn lines<S: Into<String>>(lines: impl IntoIterator<Item = S>) -> Self {
        let pieces = lines.into_iter().map(|line| {
            let line = line.into() + "\n";
            (line.clone().into_bytes(), line.into_bytes())
        });
        Self::new(Speaks::Lines as usize, pieces.collect())
    }

    fn go_on(&mut self, line: &mut PeerConnection<'_>) {
        while self.expected.len() <= self.ahead {
            let Some((said, expected)) = self.pieces.pop_front() else { return };
            line.say(&said);
            self.expected.extend(expected);
        }
    }
}

impl Peer for Bytes {
    fn listener(&self) -> usize {
        self.listener
    }

    fn on_connect(&mut self, line: &mut PeerConnection<'_>) {
        self.go_on(line);
    }

    fn on_bytes(&mut self, line: &mut PeerConnection<'_>, bytes: &mut Vec<u8>) {
        let count = bytes.len().min(self.expected.len());
        let expected: Vec<u8> = self.expected.drain(..count).collect();
        if bytes[..count] != expected {
            line.wrong(format!("{} came for {}", excerpt(bytes), excerpt(&expected)));
        } else if count < bytes.len() {
            line.wrong(format!("{} came behind all that was expected", excerpt(&bytes[count..])));
        }
        bytes.clear();
        self.go_on(line);
    }

    fn is_done(&self) -> bool {
        self.has_said_all() && self.expected.is_empty()
    }

    fn has_said_all(&self) -> bool {
        self.pieces.is_empty()
    }

    fn outlives_half_close(&self) -> bool {
        true
    }

    fn waits_for(&self) -> String {
        format!("{} bytes, and {} pieces are not said", self.expected.len(), self.pieces.len())
    }
}
