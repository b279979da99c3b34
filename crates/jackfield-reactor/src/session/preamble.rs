//! Bytes that come before the session, such as the header in which a proxy says for whom it speaks.
//!
//! The reactor knows no protocol: the bytes are read by a function that is handed in.

use crate::planted::planted;
use crate::reason::Reason;
use crate::stream::Stream;
use crate::stream::addr::Addr;
use crate::stream::outcome::ReadOutcome;

/// Reads the first bytes of a connection. It is shown all of them that have come, again and again, until it is done.
pub type PreambleParser = fn(&[u8]) -> PreambleRead;

/// What the first bytes of a connection say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreambleRead {
    /// More of them are needed.
    Incomplete,
    /// They are no preamble: the connection is reset with [`Reason::Preamble`].
    Invalid,
    /// The preamble takes this many bytes; those behind it are the session's.
    Done {
        /// Its length in bytes. If it is more than there are, the preamble counts as invalid.
        bytes: usize,
        /// What it said of where the connection comes from.
        proxied: Option<Proxied>,
    },
}

/// For which connection a proxy speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxied {
    /// Where that connection comes from.
    pub source: Addr,
    /// Where it went to.
    pub destination: Addr,
}

/// Reads a preamble.
#[derive(Debug)]
pub(crate) struct PreambleReader {
    parse: PreambleParser,
    /// All of it that has come, while it is not whole.
    bytes: Vec<u8>,
    bytes_max: usize,
    pub(super) is_done: bool,
    pub(super) proxied: Option<Proxied>,
}

impl PreambleReader {
    pub(super) fn new(parse: PreambleParser, bytes_max: usize) -> Self {
        Self { parse, bytes: Vec::new(), bytes_max, is_done: false, proxied: None }
    }

    /// Reads until the preamble is whole: then what came behind it, and whether the stream is known to be empty.
    /// Otherwise what is to be said of the connection.
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
                // The peer's end may be behind it, of which no other edge tells.
                PreambleRead::Incomplete if self.bytes.len() < self.bytes_max => {}
                // It was not whole before the last read, so that what is behind it came with that.
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
