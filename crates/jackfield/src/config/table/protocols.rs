//! The limits of HTTP and of WebSocket.

use crate::config::limits::Limits;
use crate::config::table::{LimitRow, row};

impl Limits {
    pub(super) fn http_rows(&self) -> Vec<LimitRow> {
        let http = &self.http;
        vec![
            row("http.head_bytes_max", "bytes", http.head_bytes_max as u64, "431 and close"),
            row("http.headers_max", "headers", http.headers_max as u64, "431 and close"),
            row("http.target_bytes_max", "bytes", http.target_bytes_max as u64, "414 and close"),
            row("http.chunk_line_bytes_max", "bytes", http.chunk_line_bytes_max as u64, "400 and close"),
            row(
                "http.chunk_extension_bytes_max",
                "bytes",
                http.chunk_extension_bytes_max as u64,
                "400 and close",
            ),
            row("http.trailer_bytes_max", "bytes", http.trailer_bytes_max as u64, "431 and close"),
            row(
                "http.drain_bytes_max",
                "bytes",
                http.drain_bytes_max,
                "the connection is closed after the answer if a longer body is unread",
            ),
        ]
    }

    pub(super) fn websocket_rows(&self) -> Vec<LimitRow> {
        let websocket = &self.websocket;
        vec![
            row(
                "websocket.message_bytes_max",
                "bytes",
                websocket.message_bytes_max as u64,
                "1009 and close, as soon as the frame's header says so, or a compressed message has become longer",
            ),
            row(
                "websocket.frame_in_place_bytes_max",
                "bytes",
                websocket.frame_in_place_bytes_max as u64,
                "a longer frame that is not complete moves to a separate buffer",
            ),
            row(
                "websocket.stream_above",
                "bytes",
                websocket.stream_above as u64,
                "a longer message comes in parts; a longer compressed message gets 1009",
            ),
            row(
                "websocket.fragments_max",
                "fragments",
                u64::from(websocket.fragments_max),
                "1008 and close; disabled by zero",
            ),
            row(
                "websocket.accept_unmasked",
                "0 or 1",
                u64::from(websocket.accept_unmasked),
                "0: a client's frame without a mask gets 1002; 1: it is accepted, for tests",
            ),
        ]
    }

    #[cfg(feature = "deflate")]
    pub(super) fn deflate_rows(&self) -> Vec<LimitRow> {
        let deflate = &self.deflate;
        vec![
            row(
                "deflate.mode",
                "0 to 2",
                deflate.mode as u64,
                "0: no compression; 1: one compressor for a reactor; 2: one for a connection",
            ),
            row(
                "deflate.message_bytes_min",
                "bytes",
                deflate.message_bytes_min as u64,
                "a shorter message is not compressed",
            ),
            row(
                "deflate.window_bits_max",
                "bits",
                deflate.window_bits_max.into(),
                "the compressor's window has 2 to the power of this bytes",
            ),
            row("deflate.level", "1 to 9", deflate.level.into(), "higher: smaller messages, more work"),
            row(
                "deflate.memory_bytes_max",
                "bytes",
                deflate.memory_bytes_max as u64,
                "for dedicated compressors: when it is used up, a connection gets none",
            ),
        ]
    }
}
