//! The room for the plain bytes of one read, whose end serves for encrypted bytes meanwhile.

use std::io;
use std::ops::Range;

/// The room for the plain bytes of one read. Its end takes what one read of the stream gives, because rustls takes only
/// 4 KiB from a stream at once: a full record would cost five system calls. Decrypted bytes never reach encrypted ones:
/// there are fewer of them, and what rustls has of an unfinished record fits between both.
pub(super) struct DecryptBuffer<'a> {
    bytes: &'a mut [u8],
    /// Plain bytes at its front.
    count: usize,
    /// Where the encrypted bytes are that rustls does not have yet.
    ahead: Range<usize>,
}

impl<'a> DecryptBuffer<'a> {
    pub(super) fn new(bytes: &'a mut [u8]) -> Self {
        let end = bytes.len();
        Self { bytes, count: 0, ahead: end..end }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The number of plain bytes.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn is_full(&self) -> bool {
        self.count == self.bytes.len()
    }

    /// True if rustls has all that was read.
    pub(super) fn has_none_ahead(&self) -> bool {
        self.ahead.is_empty()
    }

    /// Adds plain bytes.
    pub(super) fn add(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<usize> {
        let count = read(&mut self.bytes[self.count..self.ahead.start])?;
        self.count += count;
        Ok(count)
    }

    /// How many encrypted bytes it has room for, with the plain bytes that can come of them.
    pub(super) fn space(&self) -> usize {
        (self.bytes.len() - self.count).saturating_sub(RECORD_BYTES_MAX)
    }

    /// Reads that many encrypted bytes at most, [`DecryptBuffer::space`] of them or fewer.
    pub(super) fn read_ahead(
        &mut self,
        bytes_max: usize,
        read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<()> {
        let begin = self.bytes.len() - bytes_max;
        let count = read(&mut self.bytes[begin..])?;
        self.ahead = begin..begin + count;
        Ok(())
    }

    /// Gives rustls encrypted bytes.
    pub(super) fn feed_ahead(
        &mut self,
        take: impl FnOnce(&mut &[u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let count = take(&mut &self.bytes[self.ahead.clone()])?;
        self.ahead.start += count;
        if self.ahead.is_empty() {
            let end = self.bytes.len();
            self.ahead = end..end;
        }
        Ok(count)
    }
}

/// The most that rustls has of an unfinished record: 16 KiB, what a cipher may add, and the header (RFC 5246 section 6.2.3).
const RECORD_BYTES_MAX: usize = (16 << 10) + (2 << 10) + 5;
