//! How much a proxy may say.

/// How much a proxy may say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a header of version 2, its first 16 included. Beyond it: [`Error::TooLong`](super::Error::TooLong), as soon
    /// as the length is there. Default 552: the 536 that the specification expects of a receiver, and the 16.
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
