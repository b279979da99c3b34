//! Options for the compression of WebSocket messages.

use jackfield_proto::websocket::deflate::{Options, WINDOW_BITS_MAX};

/// Whether WebSocket messages are compressed (permessage-deflate, RFC 7692), and how: [`Limits::deflate`].
///
/// ```
/// use jackfield::{Deflate, Server};
///
/// let server = Server::builder().listen("127.0.0.1:0").limits(|limits| limits.deflate = Deflate::shared()).bind()?;
/// # Ok::<(), jackfield::Error>(())
/// ```
///
/// Do not compress a message that has a secret together with text that an attacker chooses: its length can reveal the
/// secret, as in CRIME and BREACH. Send such messages on a listener without compression.
///
/// [`Limits::deflate`]: crate::Limits::deflate
#[doc(alias = "compression")]
#[doc(alias = "perMessageDeflate")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deflate {
    /// Whether peers may ask for compression, and which connections share a compressor. Each listener may have its own
    /// mode; the server's mode is what an [`Outgoing::websocket`](crate::Outgoing::websocket) offers. Default:
    /// disabled.
    pub mode: DeflateMode,
    /// The shortest message that is compressed, in bytes; shorter ones gain nothing. Default: 256.
    pub message_bytes_min: usize,
    /// The largest window for messages that are sent, as a power of two, 9 to 15. Smaller windows save memory and
    /// compress less. Default: 15, which is 32 KiB.
    pub window_bits_max: u8,
    /// The effort, from 1 (fast) to 9 (smallest result). Default: 1.
    pub level: u8,
    /// Bytes that all dedicated compressors and decompressors may take; each reactor has an equal part. If no memory is
    /// left for a connection's own compressor, each of its messages is compressed by itself. This memory is part of
    /// `memory_bytes_max`. Default: 64 MiB, which is enough for some 150 connections.
    pub memory_bytes_max: usize,
}

/// Which connections share a compressor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeflateMode {
    /// Nothing is compressed, and no offer is accepted.
    #[default]
    Disabled,
    /// All connections of a reactor share one compressor and one decompressor, some 430 KiB together. Each message is
    /// compressed by itself (no context takeover), and a published message only once.
    Shared,
    /// Each connection has its own compressor, from its first long message on, and its own decompressor, from the peer's
    /// first compressed message on, so that a message may refer to earlier ones (context takeover): some 370 KiB and 47
    /// KiB. A published message is compressed by itself, once, and the connection's own compressor starts again after it.
    Dedicated,
}

impl Deflate {
    /// No compression.
    #[must_use]
    pub fn disabled() -> Self {
        Self::with_mode(DeflateMode::Disabled)
    }

    /// With one compressor for all connections of a reactor.
    #[must_use]
    pub fn shared() -> Self {
        Self::with_mode(DeflateMode::Shared)
    }

    /// With a compressor for each connection, as long as there is memory for it.
    #[must_use]
    pub fn dedicated() -> Self {
        Self::with_mode(DeflateMode::Dedicated)
    }

    fn with_mode(mode: DeflateMode) -> Self {
        Self {
            mode,
            message_bytes_min: 256,
            window_bits_max: WINDOW_BITS_MAX,
            level: 1,
            memory_bytes_max: 64 << 20,
        }
    }

    /// The same options in the form of the protocol crate.
    pub(crate) fn options(&self) -> Options {
        let takeover = self.mode == DeflateMode::Dedicated;
        Options {
            server_context_takeover: takeover,
            client_context_takeover: takeover,
            window_bits_max: self.window_bits_max,
            level: self.level,
            message_bytes_min: self.message_bytes_min,
        }
    }
}

impl Default for Deflate {
    /// Disabled.
    fn default() -> Self {
        Self::disabled()
    }
}
