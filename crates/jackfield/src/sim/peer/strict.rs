//! A decompressor with no more memory than was agreed on.

use flate2::{Decompress, FlushDecompress};

/// Decompresses messages that may not refer to what is outside of their window. The usual decompressor has the largest window, and
/// so does not notice that.
#[derive(Debug)]
pub(super) struct Strict {
    inner: Decompress,
    /// Whether a message may refer to those before.
    takeover: bool,
}

/// The end of an empty block, which is not sent (RFC 7692, section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

impl Strict {
    /// With a window of this size, as a power of two, 9 to 15.
    pub(super) fn new(window_bits: u8, takeover: bool) -> Self {
        Self { inner: Decompress::new_with_window_bits(false, window_bits), takeover }
    }

    /// Whether this payload is a whole message that keeps to its window.
    pub(super) fn takes(&mut self, payload: &[u8]) -> bool {
        let bytes = [payload, &TAIL].concat();
        let (mut rest, mut out) = (&bytes[..], [0]);
        loop {
            let (before_in, before_out) = (self.inner.total_in(), self.inner.total_out());
            // One byte at a time, because all the room for output serves as a window too.
            if self.inner.decompress(rest, &mut out, FlushDecompress::Sync).is_err() {
                return false;
            }
            rest = &rest[(self.inner.total_in() - before_in) as usize..];
            if (self.inner.total_in(), self.inner.total_out()) == (before_in, before_out) {
                break;
            }
        }
        if !self.takeover {
            self.inner.reset(false);
        }
        rest.is_empty()
    }
}
