//! The bytes of a broadcast that are not in the outboxes yet.

use crate::id::ConnectionId;
use crate::planted::planted;
use std::ops::Range;

/// The output of a broadcast to many wires.
#[derive(Debug, Default)]
pub(crate) struct Broadcast {
    pub(super) to: Vec<ConnectionId>,
    /// Members that get nothing of it, in the same order.
    pub(super) left_out: Vec<ConnectionId>,
    pub(super) bytes: Vec<u8>,
    /// Which bytes are not for which wire.
    pub(super) but: Vec<(ConnectionId, Range<usize>)>,
    /// More messages may join: nothing has happened for which each wire must be checked again.
    pub(super) goes_on: bool,
    /// Above this the water marks of the outboxes must be checked again.
    pub(super) bytes_max: usize,
}

impl Broadcast {
    #[inline(always)]
    pub(super) fn has_bytes(&self) -> bool {
        !self.bytes.is_empty()
    }

    #[inline(always)]
    pub(super) fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// The number of collected bytes for a wire.
    pub(super) fn owed(&self, id: ConnectionId) -> usize {
        if !self.has_bytes() || !self.to.contains(&id) || self.left_out.contains(&id) {
            return 0;
        }
        let spared: usize = self.but.iter().filter(|(but, _)| *but == id).map(|(_, range)| range.len()).sum();
        self.bytes.len() - spared
    }

    /// Appends the collected bytes for a wire to its outbox.
    pub(super) fn copy(&self, id: ConnectionId, out: &mut Vec<u8>) {
        let mut from = 0;
        for (_, range) in self.but.iter().filter(|(but, _)| *but == id && !planted(44)) {
            out.extend_from_slice(&self.bytes[from..range.start]);
            from = range.end;
        }
        out.extend_from_slice(&self.bytes[from..]);
    }
}
