//! The stream below TLS, with bytes that were read or written before there was a session.

use super::records::Records;
use crate::stream::Stream;
use crate::stream::outcome::Received;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read, Write};

/// The stream below TLS.
#[derive(Debug)]
pub(super) struct Below {
    pub(super) stream: Stream,
    /// Bytes that were read before there was a session: they are its first. They are at most one read and the carry, and they
    /// are used at the next read.
    early: VecDeque<u8>,
    /// Plain text that was written before or instead of a session, and that the kernel has not taken. It goes out
    /// before the bytes of the session.
    before: Vec<u8>,
    plain: Plain,
    /// The last read of the stream was short, so it is probably empty.
    was_last_read_short: bool,
    /// What rustls keeps of the bytes that it was given.
    pub(super) records: Records,
    /// What is charged in the account of the reactor.
    pub(super) charged: u32,
}

/// The answer to a peer that does not speak TLS.
#[derive(Clone, Copy, Debug)]
enum Plain {
    /// No special answer: an alert, as for any malformed record.
    Nothing,
    /// This text, if the first byte is not that of a handshake.
    Answer(&'static [u8]),
    /// The answer was sent. No record may follow.
    Said,
}

impl Below {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            early: VecDeque::new(),
            before: Vec::new(),
            plain: Plain::Nothing,
            was_last_read_short: false,
            records: Records::new(),
            charged: 0,
        }
    }

    /// Sets the answer to a peer whose first byte is not that of a handshake.
    pub(super) fn set_plain_answer(&mut self, answer: &'static [u8]) {
        self.plain = Plain::Answer(answer);
    }

    /// Adds bytes that were read from the stream already. They come before those that are still in it.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first() {
            self.look_at_first(*first);
        }
        self.early.extend(bytes);
    }

    /// Writes plain text before anything of the session.
    pub(super) fn queue_plaintext(&mut self, bytes: &[u8]) {
        self.before.extend_from_slice(bytes);
    }

    /// Writes an alert in plain text. No record may follow.
    pub(super) fn alert(&mut self, alert: &[u8]) {
        self.queue_plaintext(alert);
        self.plain = Plain::Said;
    }

    /// The last output was sent in plain text.
    pub(super) fn has_ended_in_plaintext(&self) -> bool {
        matches!(self.plain, Plain::Said)
    }

    /// The plain text that the kernel has not taken, in bytes.
    pub(super) fn waiting(&self) -> usize {
        self.before.len()
    }

    /// Bytes on the heap that were read before there was a session.
    pub(super) fn early_bytes(&self) -> usize {
        self.early.capacity()
    }

    /// True if a read since [`Below::begin_reads`] was short, so that another one would find nothing.
    pub(super) fn was_last_read_short(&self) -> bool {
        self.was_last_read_short
    }

    /// Begins a series of reads: the stream may have bytes.
    pub(super) fn begin_reads(&mut self) {
        self.was_last_read_short = false;
    }

    /// Checks the first byte of the peer.
    fn look_at_first(&mut self, byte: u8) {
        let Plain::Answer(answer) = self.plain else { return };
        if byte == RECORD_OF_HANDSHAKE {
            self.plain = Plain::Nothing;
        } else {
            self.alert(answer);
        }
    }

    /// Writes the plain text that waits. `Ok(false)`: the kernel did not take all of it.
    pub(super) fn write_pending(&mut self) -> io::Result<bool> {
        while !self.before.is_empty() {
            match self.stream.write(&self.before) {
                Ok(count) => drop(self.before.drain(..count)),
                Err(error) => return not_taken(error),
            }
        }
        Ok(true)
    }
}

/// The bytes that were read already, or else those of the stream. Checks the very first byte.
impl Read for Below {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if !self.early.is_empty() {
            let count = self.early.read(room)?;
            if self.early.is_empty() {
                self.early = VecDeque::new();
            }
            self.records.add(&room[..count]);
            return Ok(count);
        }
        let Received { count, drained } = self.stream.receive(room)?;
        self.was_last_read_short = drained;
        if let Some(first) = room[..count].first() {
            self.look_at_first(*first);
        }
        self.records.add(&room[..count]);
        Ok(count)
    }
}

/// The stream as a writer for rustls.
pub(super) struct Bare<'a>(pub(super) &'a mut Stream);

impl Write for Bare<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `Ok(false)`: the kernel takes nothing for now.
#[cold]
pub(super) fn not_taken(error: io::Error) -> io::Result<bool> {
    if error.kind() == ErrorKind::WouldBlock { Ok(false) } else { Err(error) }
}

/// The error for a peer whose first byte is not that of a handshake.
pub(super) const NOT_TLS: &str = "the peer does not speak TLS";

/// The record of a fatal alert (RFC 8446, sections 5.1, 6 and 6.2).
pub(super) const fn fatal_alert(description: u8) -> [u8; 7] {
    [21, 3, 3, 0, 2, 2, description]
}

/// The alert `decode_error`.
pub(super) const DECODE_ERROR: u8 = 50;

/// The first byte of every TLS connection (RFC 8446, section 5.1).
const RECORD_OF_HANDSHAKE: u8 = 0x16;
