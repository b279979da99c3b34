//! Decompression.

use std::fmt;

use flate2::{Decompress, FlushDecompress, Status};

/// Decompresses messages.
#[derive(Debug)]
pub struct Inflater {
    inner: Decompress,
    /// Whether a message may refer to those before.
    takeover: bool,
}

impl Inflater {
    /// About how many bytes each takes on the heap, with its window of 32 KiB.
    pub const HEAP_BYTES: usize = 47 << 10;

    /// With `takeover` it serves one peer, whose messages may refer to earlier ones. Without, it serves any number of peers.
    /// It accepts windows of all sizes.
    #[must_use]
    pub fn new(takeover: bool) -> Self {
        Self { inner: Decompress::new(false), takeover }
    }

    /// Decompresses the payload of a message into `out`, whose old content is dropped. `out` grows with the result, to at
    /// most one byte more than `bytes_max`.
    ///
    /// # Errors
    ///
    /// The message is longer than `bytes_max`, or the compressed data is invalid. The content of `out` is then undefined, and
    /// with takeover no further message can be decompressed.
    pub fn inflate(
        &mut self,
        payload: &[u8],
        out: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Result<(), InflateError> {
        out.clear();
        let mut ends = 0;
        let inflated = [payload, EMPTY_BLOCK_TAIL]
            .into_iter()
            .try_for_each(|input| self.feed(input, out, bytes_max, &mut ends));
        // A stream that its sender has ended leaves nothing to refer to.
        if !self.takeover || ends > 0 {
            self.inner.reset(false);
        }
        inflated
    }

    /// Bytes on the heap that it holds, about.
    #[must_use]
    pub const fn heap_bytes(&self) -> usize {
        Self::HEAP_BYTES
    }
    /// Decompresses some of a message, and counts the streams that end in it, after each of which another begins:
    /// senders may end one with a message (RFC 7692, section 7.2.3.4).
    fn feed(
        &mut self,
        mut input: &[u8],
        out: &mut Vec<u8>,
        bytes_max: usize,
        ends: &mut u32,
    ) -> Result<(), InflateError> {
        while !input.is_empty() || out.len() == out.capacity() {
            make_room(out, bytes_max);
            let (taken, length) = (self.inner.total_in(), out.len());
            let status = self.inner.decompress_vec(input, out, FlushDecompress::Sync);
            let taken = (self.inner.total_in() - taken) as usize;
            if out.len() > bytes_max {
                return Err(InflateError::TooLong);
            }
            input = &input[taken..];
            match status {
                Ok(Status::StreamEnd) if *ends < ENDS_MAX => {
                    self.inner.reset(false);
                    *ends += 1;
                }
                Ok(Status::StreamEnd) | Err(_) => return Err(InflateError::Corrupt),
                // No more comes out, although there is room.
                Ok(_) if taken == 0 && out.len() == length => break,
                Ok(_) => {}
            }
        }
        Ok(())
    }
}

/// Makes room for more, if there is none: half as much again, but no more than one byte beyond the limit, which is enough
/// to see that it is passed.
fn make_room(out: &mut Vec<u8>, bytes_max: usize) {
    if out.len() == out.capacity() {
        let beyond = bytes_max.saturating_add(1).saturating_sub(out.len());
        out.reserve_exact((out.len() / 2).max(ROOM_BYTES_MIN).min(beyond));
    }
}

/// Why a message was not decompressed. It is an error of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InflateError {
    /// It is longer than the limit.
    TooLong,
    /// The compressed data is invalid.
    Corrupt,
}

impl fmt::Display for InflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "a message is longer than the limit when it is decompressed",
            Self::Corrupt => "a compressed message cannot be decompressed",
        })
    }
}

impl std::error::Error for InflateError {}

/// The end of an empty block, after its first byte.
pub(super) const EMPTY_BLOCK_TAIL: &[u8] = &[0, 0, 0xff, 0xff];
const ROOM_BYTES_MIN: usize = 1 << 10;
/// Streams that may end in one message: each costs a reset, and takes no more than two bytes.
const ENDS_MAX: u32 = 16;
