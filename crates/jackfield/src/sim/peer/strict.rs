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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Random;
    use jackfield_proto::websocket::Message;
    use jackfield_proto::websocket::deflate::{Deflater, Options};

    /// 600 bytes that can't be compressed, as often as this.
    fn payload(own: &mut Deflater, times: usize) -> Vec<u8> {
        let bytes = Random::new(1).bytes(600).repeat(times);
        let compressed = own.compress(Message::Binary(&bytes));
        compressed.map(|(_, payload)| payload.to_vec()).expect("it is compressed")
    }

    #[test]
    fn what_lies_before_the_window_can_t_be_referred_to() {
        let far = payload(&mut Deflater::new(&Options::default(), 15, false), 2);
        let near = payload(&mut Deflater::new(&Options::default(), 9, true), 2);
        for (bits, takes_far) in [(9, false), (10, true), (15, true)] {
            let mut strict = Strict::new(bits, false);
            assert_eq!((strict.takes(&near), strict.takes(&far)), (true, takes_far), "{bits}");
        }
    }

    #[test]
    fn without_takeover_each_message_stands_by_itself() {
        for (takes_over, takes_second) in [(true, true), (false, false)] {
            let (mut own, mut strict) =
                (Deflater::new(&Options::default(), 15, true), Strict::new(15, takes_over));
            let [first, second] = [(); 2].map(|()| payload(&mut own, 1));
            assert_eq!((strict.takes(&first), strict.takes(&second)), (true, takes_second));
        }
    }
}
