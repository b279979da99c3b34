//! Limits of a header.

/// Limits of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of a header of version 2, with its first 16. A longer one is [`Error::TooLong`](super::Error::TooLong),
    /// as soon as its length is known. Default 552: these 16, and the 536 that the specification expects a receiver to
    /// accept.
    ///
    /// A header of version 1 is bounded by [`V1_BYTES_MAX`].
    pub header_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { header_bytes_max: 552 }
    }
}

/// Bytes of the longest header of version 1, with its CR LF (section 2.1).
pub const V1_BYTES_MAX: usize = 107;
