//! Control frames: answers to Pings, and floods.

use crate::disconnect::{Limit, Reason};
use crate::links::Links;
use crate::links::protocol::Protocol;
use jackfield_proto::websocket::{Opcode, encode_frame, encode_masked};
use jackfield_reactor::{ConnectionId, Wires};

/// The highest count.
const CONTROLS_MAX: u16 = u16::MAX - 1;

impl Links {
    /// Counts a Ping or Pong. True if there are too many: then the connection ends.
    #[inline(never)]
    pub(crate) fn count_control_frame(&mut self, wires: &mut Wires, id: ConnectionId) -> bool {
        let (now, most) = (wires.now().0 as u32, self.limits_of(id).control_frames);
        let Protocol::WebSocket(socket) = &mut self.link(id).protocol else { return false };
        if now.wrapping_sub(socket.controls_since) >= 1000 {
            (socket.controls, socket.controls_since) = (0, now);
        }
        socket.controls = socket.controls.saturating_add(1);
        let most = u16::try_from(most).unwrap_or(u16::MAX).min(CONTROLS_MAX);
        let is_flood = most > 0 && socket.controls > most;
        if is_flood {
            self.close(wires, id, Reason::Limit(Limit::ControlFrames));
        }
        is_flood
    }

    /// Sends a Ping, unless the outbox is full.
    pub(crate) fn ping(&mut self, wires: &mut Wires, id: ConnectionId, payload: &[u8]) {
        let mask = self.mask_for(id);
        if Self::has_no_room(wires, id) {
            return;
        }
        let Some(outbox) = wires.outbox(id) else { return };
        if let Protocol::WebSocket(socket) = &mut self.link(id).protocol {
            socket.ping(payload, mask, outbox.tail());
        }
    }

    /// Answers a Ping at once. A peer that does not read gets only the newest Pong, when it reads again.
    #[inline(never)]
    pub(crate) fn pong(&mut self, wires: &mut Wires, id: ConnectionId, payload: &[u8]) {
        let is_high = wires.is_above_high_water(id);
        // Bytes that the reactor has not tried to write yet do not show a slow peer, and no drain would follow them.
        let congested = wires.is_congested(id) || (is_high && wires.flush_early(id));
        let mask = self.mask_for(id);
        let Some(outbox) = wires.outbox(id) else { return };
        let Protocol::WebSocket(machine) = &mut self.link(id).protocol else { return };
        match mask {
            _ if congested => {
                machine.queue_pong(payload);
                self.charge(wires, id);
            }
            None => encode_frame(Opcode::Pong, true, payload, outbox.tail()),
            Some(mask) => encode_masked(Opcode::Pong, true, payload, mask, outbox.tail()),
        }
    }
}
