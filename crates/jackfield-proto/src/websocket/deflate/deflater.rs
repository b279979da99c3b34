//! Compression.

use flate2::{Compress, Compression, FlushCompress};

use super::inflater::EMPTY_BLOCK_TAIL;
use super::options::{Options, clamp_window_bits};
use crate::websocket::encode::{self, frame_header};
use crate::websocket::{FrameHeader, Message, Opcode};

/// Compresses messages.
#[derive(Debug)]
pub struct Deflater {
    inner: Compress,
    /// Whether a message may refer to those before.
    takeover: bool,
    window_bits: u8,
    message_bytes_min: usize,
    /// A compressed message on its way into a frame.
    compressed: Vec<u8>,
}

impl Deflater {
    /// A deflater with a window of this size, as a power of two, 9 to 15. With `takeover` it serves one connection, and
    /// messages may refer to earlier ones. Without, it can serve all connections whose agreed window is at least this large.
    #[must_use]
    pub fn new(options: &Options, window_bits: u8, takeover: bool) -> Self {
        let window_bits = clamp_window_bits(window_bits);
        let level = Compression::new(u32::from(options.level.clamp(1, 9)));
        Self {
            inner: Compress::new_with_window_bits(level, false, window_bits),
            takeover,
            window_bits,
            message_bytes_min: options.message_bytes_min,
            compressed: Vec::new(),
        }
    }

    /// Appends a message as one frame, compressed if that is worth while: not if it is short, and not if it gets no shorter.
    /// Returns whether it was compressed. `mask` is the key that a client needs for each frame, and `None` for a server.
    ///
    /// With takeover, all messages that are not short must reach the peer, and in this order.
    pub fn encode(&mut self, message: Message<'_>, mask: Option<[u8; 4]>, out: &mut Vec<u8>) -> bool {
        let payload = message.as_bytes();
        let compressed = self.compress(message);
        let is_compressed = compressed.is_some();
        let (header, payload) =
            compressed.unwrap_or_else(|| (frame_header(opcode(message), true, payload.len()), payload));
        match mask {
            Some(key) => encode::encode_masked_with_header(header, payload, key, out),
            None => {
                out.extend_from_slice(header.as_bytes());
                out.extend_from_slice(payload);
            }
        }
        is_compressed
    }

    /// The frame of a message, compressed: a server's header and the payload after it. `None`: send the message
    /// uncompressed, because it is short or gets no shorter.
    ///
    /// With takeover, each compressed message must reach the peer, and in this order.
    pub fn compress(&mut self, message: Message<'_>) -> Option<(FrameHeader, &[u8])> {
        let payload = message.as_bytes();
        if payload.len() < self.message_bytes_min || !self.compress_payload(payload) {
            return None;
        }
        let header = frame_header(opcode(message), true, self.compressed.len()).compressed();
        Some((header, &self.compressed))
    }

    /// The next message refers to no earlier one. Call this when the peer got a compressed message from another deflater,
    /// because the peer's window then contains that message.
    pub fn reset_window(&mut self) {
        self.inner.reset();
    }

    /// Frees the buffer if its capacity is more than this number of bytes.
    pub fn trim(&mut self, bytes_max: usize) {
        if self.compressed.capacity() > bytes_max {
            self.compressed = Vec::new();
        }
    }

    /// Bytes on the heap that it holds, about.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        Self::heap_bytes_of(self.window_bits) + self.compressed.capacity()
    }

    /// About how many bytes a deflater with a window of this size takes on the heap before it has compressed anything.
    #[must_use]
    pub const fn heap_bytes_of(window_bits: u8) -> usize {
        STATE_BYTES + (WINDOW_FACTOR << window_bits)
    }

    /// Compresses a payload into the buffer. Says whether that is to be sent.
    fn compress_payload(&mut self, payload: &[u8]) -> bool {
        let (out, mut input) = (&mut self.compressed, payload);
        out.clear();
        loop {
            if out.len() == out.capacity() {
                out.reserve((input.len() / 2).max(ROOM_BYTES_MIN));
            }
            let taken = self.inner.total_in();
            // The state of a compressor is never wrong, so that there is no error.
            let compressed = self.inner.compress_vec(input, out, FlushCompress::Sync);
            debug_assert!(compressed.is_ok(), "{compressed:?}");
            input = &input[(self.inner.total_in() - taken) as usize..];
            // With room to spare, all has come out.
            if out.len() < out.capacity() {
                break;
            }
        }
        out.truncate(out.len().saturating_sub(EMPTY_BLOCK_TAIL.len()));
        if out.is_empty() {
            // An empty message, with nothing to flush (RFC 7692, section 7.2.3.6).
            out.push(0);
        }
        let is_shorter = self.compressed.len() < payload.len();
        // What goes out uncompressed does not enter the peer's window, so the next message must not refer to it.
        if !self.takeover || !is_shorter {
            self.inner.reset();
        }
        is_shorter
    }
}

fn opcode(message: Message<'_>) -> Opcode {
    if matches!(message, Message::Text(_)) { Opcode::Text } else { Opcode::Binary }
}

const ROOM_BYTES_MIN: usize = 256;
/// The memory of a compressor's state, for any window.
const STATE_BYTES: usize = 243 << 10;
/// And for each byte of the window: it is kept twice, with a chain of two bytes for each place in it.
const WINDOW_FACTOR: usize = 4;
