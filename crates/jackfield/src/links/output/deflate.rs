//! Messages that are compressed on their way to one connection.

use crate::links::Links;
use crate::links::compression::OwnDeflater;
use crate::message::{Prepared, Sent};
use jackfield_proto::websocket::{FrameHeader, Message, encode_masked_with_header};
use jackfield_reactor::{ConnectionId, Wires};
use std::sync::Arc;

impl Links {
    /// Sends a message compressed, with a mask if this side is the client. `None`: send it uncompressed.
    pub(super) fn send_deflated(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        message: Message<'_>,
        mask: Option<[u8; 4]>,
    ) -> Option<Sent> {
        let compression = self.link(id).protocol.compression();
        if !compression.is_on() || message.len() < self.compressors.message_bytes_min() {
            return None;
        }
        // Asked before, because a message that the compressor has seen must be sent: later ones may refer to it.
        if let Err(sent) = self.may_send(wires, id) {
            return Some(sent);
        }
        if compression.has_own() {
            return self.send_by_own(wires, id, message, mask);
        }
        let mut compressors = std::mem::take(&mut self.compressors);
        let compressed = compressors.compress(message, compression.window_bits());
        let sent = compressed.map(|(header, payload)| self.send_compressed(wires, id, header, payload, mask));
        compressors.trim();
        self.compressors = compressors;
        self.charge_tables(wires);
        sent
    }

    /// The compressed form of a prepared message for this connection. `None`: send it uncompressed.
    pub(super) fn deflated<'p>(&mut self, id: ConnectionId, prepared: &'p Prepared) -> Option<&'p Arc<[u8]>> {
        let compression = self.link(id).protocol.compression();
        let window_bits = self.compressors.window_bits()?;
        if !compression.has_window(window_bits) || !self.is_long(prepared.len()) {
            return None;
        }
        let shared = self.compressors.shared_frame_of(prepared)?;
        self.pass_by_own(id);
        Some(shared)
    }

    /// Whether a message of this length is compressed, if compression was agreed on.
    pub(super) fn is_long(&self, bytes: usize) -> bool {
        bytes >= self.compressors.message_bytes_min()
    }

    /// Notes that a connection gets a compressed message that its own compressor has not made.
    pub(super) fn pass_by_own(&mut self, id: ConnectionId) {
        let extra = self.link(id).extra.as_mut();
        if let Some(own) = extra.and_then(|extra| extra.deflater.as_mut()) {
            own.note_other_deflater();
        }
    }

    fn send_by_own(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        message: Message<'_>,
        mask: Option<[u8; 4]>,
    ) -> Option<Sent> {
        let mut own = self.take_own(id)?;
        let compressed = own.compress(message);
        let sent = compressed.map(|(header, payload)| {
            self.metrics.compressed.add(1);
            self.send_compressed(wires, id, header, payload, mask)
        });
        own.trim();
        self.link(id).extra().deflater = Some(own);
        self.charge(wires, id);
        sent
    }

    fn send_compressed(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        header: FrameHeader,
        payload: &[u8],
        mask: Option<[u8; 4]>,
    ) -> Sent {
        let Some(mask) = mask else { return self.send_bytes(wires, id, header.as_bytes(), payload) };
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        encode_masked_with_header(header, payload, mask, &mut scratch);
        let sent = self.send_bytes(wires, id, &[], &scratch);
        self.return_scratch(scratch);
        sent
    }

    fn take_own(&mut self, id: ConnectionId) -> Option<Box<OwnDeflater>> {
        let compression = self.link(id).protocol.compression();
        let own = self.link(id).extra().deflater.take();
        own.or_else(|| self.compressors.make_own(compression))
    }
}
