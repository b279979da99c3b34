//! The compressors of a reactor, and of one connection.

use crate::config::{Agreed, Limits, Offering};
use crate::links::agreed::AgreedCompression;
use crate::links::protocol::WebSocketState;
use crate::message::{Content, Prepared};
use crate::shared::{ReactorMetrics, Settings};
use jackfield_proto::http1::Fields;
use jackfield_proto::websocket::deflate::{Deflater, Inflater, Offered, Options, SharedDeflaters};
use jackfield_proto::websocket::{FrameHeader, Message};
use jackfield_reactor::planted::planted;
use std::iter;
use std::sync::Arc;

/// A connection's own compressor.
#[derive(Debug)]
pub(crate) struct OwnDeflater {
    deflater: Deflater,
    /// The peer got a compressed message of another compressor since the last one of this.
    is_passed: bool,
}

impl OwnDeflater {
    /// Compresses a message. The result must be sent, because later messages may refer to it.
    pub(crate) fn compress(&mut self, message: Message<'_>) -> Option<(FrameHeader, &[u8])> {
        if std::mem::take(&mut self.is_passed) {
            self.deflater.reset_window();
        }
        self.deflater.compress(message)
    }

    pub(crate) fn note_other_deflater(&mut self) {
        self.is_passed = !planted(68);
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.deflater.heap_bytes()
    }

    pub(crate) fn trim(&mut self) {
        self.deflater.trim(BUFFER_BYTES_KEPT);
    }
}

/// The compressors of a reactor; by default none.
#[derive(Debug, Default)]
pub(crate) struct Compressors(Option<Box<Shared>>);

#[derive(Debug)]
struct Shared {
    options: Options,
    deflaters: SharedDeflaters,
    /// A peer has agreed on compression, so the shared decompressor may be in use.
    inflates: bool,
    /// How much of `own_bytes_max` was promised.
    own_bytes: usize,
    own_bytes_max: usize,
    metrics: Arc<ReactorMetrics>,
}

impl Compressors {
    /// The compressors of one of `reactors` reactors. None, if no listener compresses.
    pub(crate) fn new(settings: &Settings, reactors: usize, metrics: &Arc<ReactorMetrics>) -> Self {
        if !settings.listeners.iter().any(|listener| listener.limits.compresses()) {
            return Self::default();
        }
        let deflate = &settings.limits.deflate;
        let options = deflate.options();
        Self(Some(Box::new(Shared {
            deflaters: SharedDeflaters::new(options.clone()),
            options,
            inflates: false,
            own_bytes: 0,
            own_bytes_max: deflate.memory_bytes_max / reactors.max(1),
            metrics: metrics.clone(),
        })))
    }

    /// The shortest message that is compressed.
    pub(crate) fn message_bytes_min(&self) -> usize {
        self.0.as_ref().map_or(usize::MAX, |shared| shared.options.message_bytes_min)
    }

    /// Agrees with a peer on compression, sets up its machine, and adds the header line to the answer. Without memory
    /// for dedicated compressors there is no context takeover.
    pub(crate) fn agree(&mut self, agreed: Option<Agreed>, socket: &mut WebSocketState, fields: &mut Fields) {
        let (Some(wanted), Some(shared)) = (agreed, &mut self.0) else { return };
        let bytes = shared.own_bytes + AgreedCompression::of(&wanted).reserved_bytes();
        let agreed = if bytes <= shared.own_bytes_max { wanted } else { wanted.without_takeover() };
        // Only this function writes this line.
        let promised = if planted(69) { wanted } else { agreed };
        if fields.push("Sec-WebSocket-Extensions", promised.to_string()).is_err() {
            return;
        }
        socket.accept_deflate(&agreed);
        socket.compression = AgreedCompression::of(&agreed);
        shared.own_bytes += socket.compression.reserved_bytes();
        shared.inflates = true;
    }

    /// The offer to a server at which a WebSocket is opened. Without memory for dedicated compressors it offers no
    /// context takeover.
    pub(crate) fn offer(&self, limits: &Limits) -> Offering {
        let Some(shared) = self.0.as_ref().filter(|_| limits.compresses()) else {
            return Offering::default();
        };
        let options = limits.deflate.options();
        let offered = Offered::new(&options);
        let wanted = shared.own_bytes + AgreedCompression::of_client(&offered.most()).reserved_bytes();
        if wanted <= shared.own_bytes_max {
            return Offering(Some(offered));
        }
        let by_themselves =
            Options { server_context_takeover: false, client_context_takeover: false, ..options };
        Offering(Some(Offered::new(&by_themselves)))
    }

    /// Replaces what was reserved for such a server: first by the most that it may agree to, then by what it agreed to.
    pub(crate) fn set_reserved(&mut self, agreed: Option<Agreed>, place: &mut Option<Agreed>) {
        let bytes = |agreed: Option<Agreed>| {
            agreed.map_or(0, |agreed| AgreedCompression::of_client(&agreed).reserved_bytes())
        };
        if let Some(shared) = &mut self.0 {
            shared.own_bytes = shared.own_bytes + bytes(agreed) - bytes(*place);
        }
        *place = agreed;
    }

    /// An outgoing WebSocket is open: its machine uses what was agreed on.
    pub(crate) fn begin_as_client(&mut self, agreed: Option<Agreed>, socket: &mut WebSocketState) {
        let (Some(agreed), Some(shared)) = (agreed, &mut self.0) else { return };
        socket.accept_deflate(&agreed);
        socket.compression = AgreedCompression::of_client(&agreed);
        shared.inflates = true;
    }

    /// A connection has ended.
    pub(crate) fn release_reserved(&mut self, compression: AgreedCompression) {
        if let Some(shared) = &mut self.0 {
            shared.own_bytes -= compression.reserved_bytes();
        }
    }

    /// Makes a connection's own compressor.
    pub(crate) fn make_own(&self, compression: AgreedCompression) -> Option<Box<OwnDeflater>> {
        let shared = self.0.as_ref().filter(|_| compression.has_own())?;
        let deflater = Deflater::new(&shared.options, compression.window_bits(), true);
        Some(Box::new(OwnDeflater { deflater, is_passed: false }))
    }

    /// Compresses a message without takeover, as a frame for a peer with this window.
    pub(crate) fn compress(&mut self, message: Message<'_>, window_bits: u8) -> Option<(FrameHeader, &[u8])> {
        let Shared { deflaters, metrics, .. } = self.0.as_deref_mut()?;
        let compressed = deflaters.for_window(window_bits).compress(message)?;
        metrics.compressed.add(1);
        Some(compressed)
    }

    /// The frame for all receivers, to be shared. `None`: it is not worth compressing.
    pub(crate) fn shared_frame(&mut self, content: Content<'_>) -> Option<Arc<[u8]>> {
        match content {
            Content::Prepared(prepared) => self.shared_frame_of(prepared).cloned(),
            Content::Message(_) | Content::Event(_) => self.make_frame(content.message()?),
        }
    }

    /// The same for a prepared message, which keeps the frame.
    pub(crate) fn shared_frame_of<'p>(&mut self, prepared: &'p Prepared) -> Option<&'p Arc<[u8]>> {
        let window_bits = self.window_bits()?;
        prepared.deflated(window_bits, |message| self.make_frame(message))
    }

    /// Appends the frame for all receivers. False, and nothing appended: it is not worth compressing.
    pub(crate) fn append(&mut self, content: Content<'_>, out: &mut Vec<u8>) -> bool {
        if let Content::Prepared(prepared) = content {
            let shared = self.shared_frame_of(prepared);
            out.extend_from_slice(shared.map_or(&[], |frame| frame));
            return shared.is_some();
        }
        let (Some(message), Some(window_bits)) = (content.message(), self.window_bits()) else {
            return false;
        };
        let Some((header, payload)) = self.compress(message, window_bits) else { return false };
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(payload);
        true
    }

    /// Frees buffers that have grown large.
    pub(crate) fn trim(&mut self) {
        if let Some(shared) = &mut self.0 {
            shared.deflaters.trim(BUFFER_BYTES_KEPT);
        }
    }

    /// Bytes of all compressors on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |shared| {
            shared.deflaters.heap_bytes() + if shared.inflates { Inflater::HEAP_BYTES } else { 0 }
        })
    }

    /// The window of the frames for all receivers, as a power of two: the largest. `None`: nothing is compressed.
    pub(crate) fn window_bits(&self) -> Option<u8> {
        self.0.as_ref().map(|shared| shared.options.window_bits_max)
    }

    fn make_frame(&mut self, message: Message<'_>) -> Option<Arc<[u8]>> {
        let window_bits = self.window_bits()?;
        let (header, payload) = self.compress(message, window_bits)?;
        let parts = [header.as_bytes(), payload];
        // Filled with zeros first, so that it is allocated once.
        let mut frame: Arc<[u8]> = iter::repeat_n(0, parts.iter().map(|part| part.len()).sum()).collect();
        if let Some(bytes) = Arc::get_mut(&mut frame) {
            let (head, body) = bytes.split_at_mut(parts[0].len());
            head.copy_from_slice(parts[0]);
            body.copy_from_slice(parts[1]);
        }
        Some(frame)
    }
}

/// A buffer of compressed messages that has grown above this is freed.
const BUFFER_BYTES_KEPT: usize = 64 << 10;
