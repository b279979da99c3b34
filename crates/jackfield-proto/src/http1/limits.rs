//! Every limit of the HTTP/1.1 machines, with its unit and what happens beyond it.

/// The largest size of each part of a message; more is refused.
///
/// Each bounds memory or work that a peer can cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a head: start line, fields and the empty line, at most [`HEAD_BYTES_MAX`]. Beyond it: 431. Default
    /// 16 KiB.
    pub head_bytes_max: usize,
    /// Fields in a head, and fields in the trailer section after a chunked body; at most
    /// [`HEADERS_MAX`](super::HEADERS_MAX) each. Beyond it: 431. Default 100.
    pub headers_max: usize,
    /// Bytes of a request target. Beyond it: 414, as soon as it is seen. Default 8 KiB.
    pub target_bytes_max: usize,
    /// Bytes of one chunk's size line with its extensions. Beyond it: 400. Default 256.
    pub chunk_line_bytes_max: usize,
    /// Bytes of all chunk extensions of a body, because they cost work and are dropped. Beyond it: 400. Default 16 KiB.
    pub chunk_extension_bytes_max: usize,
    /// Bytes of the trailer section after a chunked body. Beyond it: 431. Default 8 KiB.
    pub trailer_bytes_max: usize,
    /// Bytes of an unwanted body that are read and dropped after the answer, so that the connection can serve
    /// the next request. Beyond it the connection closes. Default 64 KiB.
    pub drain_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes_max: 16 << 10,
            headers_max: super::HEADERS_MAX,
            target_bytes_max: 8 << 10,
            chunk_line_bytes_max: 256,
            chunk_extension_bytes_max: 16 << 10,
            trailer_bytes_max: 8 << 10,
            drain_bytes_max: 64 << 10,
        }
    }
}

impl Limits {
    /// Bytes of a head that are looked at.
    #[inline(always)]
    pub(crate) fn head_bytes(&self) -> usize {
        self.head_bytes_max.min(HEAD_BYTES_MAX)
    }

    /// Fields of a head, or of a trailer section, that are taken.
    pub(crate) fn headers(&self) -> usize {
        self.headers_max.min(super::HEADERS_MAX)
    }
}

/// The most bytes of a head, whatever the limits say: positions in a head have sixteen bits.
pub const HEAD_BYTES_MAX: usize = u16::MAX as usize;
/// The most bytes of a method. A longer one gets 501 (RFC 9112 section 3). No registered method has more than 17
/// (`UPDATEREDIRECTREF`).
pub const METHOD_BYTES_MAX: usize = 32;
