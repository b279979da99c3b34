//! Every bound of the HTTP/1.1 machines, with its unit and what happens beyond it.

/// The largest size of each part of a message; more is refused.
///
/// All of them bound memory or work that a peer can cause. The number of fields is never above
/// [`HEADERS_MAX`](super::HEADERS_MAX), because there are no more slots for them.
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
    /// Bytes of chunk extensions in a whole body, since they are paid for and dropped. Beyond it: 400.
    /// Default 16 KiB.
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
/// Bytes of a method. No registered one has more than 17 (`UPDATEREDIRECTREF`); beyond it: 501, as RFC 9112 section
/// 3 asks for methods longer than any that is known.
pub const METHOD_BYTES_MAX: usize = 32;
