//! Where the records of a peer end (RFC 8446 section 5.1): rustls keeps the bytes of an unfinished one, and does not tell how
//! many these are.

/// The bytes of a peer that rustls keeps.
#[derive(Debug)]
pub(super) struct Records {
    /// Bytes of the last record, if it is not complete.
    unfinished: usize,
    /// The header of that record, as far as it has come.
    header: [u8; HEADER_BYTES],
    /// During the handshake: all bytes since this side last answered. A message may have several records, which are kept until it
    /// is complete.
    unanswered: Option<usize>,
    /// After the handshake: bytes that rustls was given since it last returned plain ones, at most as many as it keeps. They may belong to
    /// such a message too. Those that were given together with the last plain ones are not counted.
    dataless: usize,
}

const HEADER_BYTES: usize = 5;

impl Records {
    /// Of a handshake that begins.
    pub(super) fn new() -> Self {
        Self { unfinished: 0, header: [0; HEADER_BYTES], unanswered: Some(0), dataless: 0 }
    }

    /// The number of bytes that are kept; during the handshake, and if complete records are kept, an upper bound.
    pub(super) fn kept(&self) -> usize {
        self.unanswered.unwrap_or(self.unfinished.max(self.dataless))
    }

    /// The handshake is over: what came before is kept no longer, but for an unfinished record.
    pub(super) fn end_handshake(&mut self) {
        self.unanswered = None;
    }

    /// rustls has returned plain bytes, so no message is unfinished.
    pub(super) fn end_dataless(&mut self) {
        self.dataless = 0;
    }

    /// rustls was given so many bytes after the handshake, and has returned no plain ones.
    pub(super) fn add_dataless(&mut self, count: usize) {
        self.dataless = (self.dataless + count).min(INPUT_BYTES_MAX);
    }

    /// This side has answered, so all complete messages were used.
    pub(super) fn answer(&mut self) {
        self.unanswered = self.unanswered.and(Some(self.unfinished));
    }

    /// Adds the next bytes of the peer.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        if let Some(unanswered) = &mut self.unanswered {
            *unanswered += bytes.len();
        }
        let mut rest = if self.unfinished == 0 { bytes } else { self.complete(bytes) };
        while let Some(after) = rest.first_chunk().and_then(|header| rest.get(record_bytes(*header)..)) {
            rest = after;
        }
        if !rest.is_empty() {
            let known = rest.len().min(HEADER_BYTES);
            self.header[..known].copy_from_slice(&rest[..known]);
            self.unfinished = rest.len();
        }
    }

    /// Adds bytes to the unfinished record. Returns those after it, if it is complete now.
    fn complete<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let missing = HEADER_BYTES.saturating_sub(self.unfinished);
        let (of_header, rest) = bytes.split_at(missing.min(bytes.len()));
        if missing > 0 {
            self.header[HEADER_BYTES - missing..][..of_header.len()].copy_from_slice(of_header);
            self.unfinished += of_header.len();
            if of_header.len() < missing {
                return &[];
            }
        }
        let missing = record_bytes(self.header) - self.unfinished;
        if rest.len() < missing {
            self.unfinished += rest.len();
            return &[];
        }
        self.unfinished = 0;
        &rest[missing..]
    }
}

/// The length of a record with its header.
fn record_bytes([_, _, _, high, low]: [u8; HEADER_BYTES]) -> usize {
    HEADER_BYTES + usize::from(u16::from_be_bytes([high, low]))
}

/// Bytes of the input buffer of rustls beyond its first, which each session has. Its vector doubles until it has this length.
pub(super) fn input_bytes(length: usize) -> usize {
    length.min(INPUT_BYTES_MAX).next_power_of_two().saturating_sub(READ_BYTES)
}

/// The longest input buffer of rustls: a longer message breaks TLS.
const INPUT_BYTES_MAX: usize = 64 << 10;

/// The most bytes of one read of rustls, and the first length of its input buffer.
pub(super) const READ_BYTES: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// However the bytes are split, the same is left of the last record.
        #[test]
        fn the_rest_of_a_record_is_found(lengths in prop::collection::vec(0..70_usize, 0..9), cut: usize, splits: Vec<u8>) {
            let mut bytes = Vec::new();
            let mut ends = vec![0];
            for length in lengths {
                bytes.extend([22, 3, 3, 0, length as u8]);
                bytes.resize(bytes.len() + length, 7);
                ends.push(bytes.len());
            }
            bytes.truncate(cut % (bytes.len() + 1));
            let last = ends.iter().rfind(|end| **end <= bytes.len()).unwrap();
            let (mut records, mut rest) = (Records::new(), &bytes[..]);
            for split in splits.into_iter().map(usize::from).chain([usize::MAX]) {
                let (some, others) = rest.split_at((split % 16).min(rest.len()));
                records.add(if split == usize::MAX { rest } else { some });
                rest = others;
            }
            prop_assert_eq!(records.kept(), bytes.len());
            records.answer();
            prop_assert_eq!(records.kept(), bytes.len() - last);
            records.end_handshake();
            prop_assert_eq!(records.kept(), bytes.len() - last);
        }
    }
}
