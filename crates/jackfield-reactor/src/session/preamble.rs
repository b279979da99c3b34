//! Bytes before the session, such as the header in which a proxy tells the address of its client.
//!
//! The reactor knows no protocol, so a function that is passed in reads them.

use crate::planted::planted;
use crate::reason::Reason;
use crate::stream::Stream;
use crate::stream::addr::Addr;
use crate::stream::outcome::ReadOutcome;

/// Parses the first bytes of a connection. Each call gets all bytes that have come so far, until the result is not
/// [`PreambleRead::Incomplete`].
pub type PreambleParser = fn(&[u8]) -> PreambleRead;

/// The result of a [`PreambleParser`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreambleRead {
    /// More bytes are needed.
    Incomplete,
    /// The bytes are no preamble: the connection is reset with [`Reason::Preamble`].
    Invalid,
    /// The preamble is complete. The bytes after it belong to the session.
    Done {
        /// The length of the preamble in bytes. If fewer bytes have come, or it was complete before the last bytes came,
        /// the preamble is invalid.
        bytes: usize,
        /// The addresses that the proxy told.
        proxied: Option<Proxied>,
    },
}

/// The addresses of the connection for which a proxy speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxied {
    /// The client's address.
    pub source: Addr,
    /// The address that the client connected to.
    pub destination: Addr,
}

/// Reads a preamble.
#[derive(Debug)]
pub(crate) struct PreambleReader {
    parse: PreambleParser,
    /// The bytes that have come, until it is complete.
    bytes: Vec<u8>,
    bytes_max: usize,
    pub(super) is_done: bool,
    pub(super) proxied: Option<Proxied>,
}

impl PreambleReader {
    pub(super) fn new(parse: PreambleParser, bytes_max: usize) -> Self {
        Self { parse, bytes: Vec::new(), bytes_max, is_done: false, proxied: None }
    }

    /// Reads until the preamble is complete. Then returns the bytes after it, and whether the stream is known to be
    /// empty; otherwise the outcome of the read.
    pub(super) fn read(
        &mut self,
        stream: &mut Stream,
        room: &mut [u8],
    ) -> Result<(Vec<u8>, bool), ReadOutcome> {
        loop {
            let outcome = stream.read(room);
            let ReadOutcome::Bytes { count, drained } = outcome else { return Err(outcome) };
            self.bytes.extend_from_slice(&room[..count]);
            match (self.parse)(&self.bytes) {
                // The peer's end may follow without a further event, so read again.
                PreambleRead::Incomplete if self.bytes.len() < self.bytes_max => {}
                // It was not complete before the last read, so the bytes after it came with that read.
                PreambleRead::Done { bytes, proxied } if self.bytes.len().saturating_sub(count) <= bytes => {
                    let Some(rest) = self.bytes.get(bytes..) else { break };
                    let rest = if planted(65) { Vec::new() } else { rest.to_vec() };
                    (self.is_done, self.proxied, self.bytes) = (true, proxied, Vec::new());
                    return Ok((rest, drained));
                }
                _ => break,
            }
        }
        Err(ReadOutcome::Refused(Reason::Preamble))
    }
}
