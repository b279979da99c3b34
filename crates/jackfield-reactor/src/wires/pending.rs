//! The bytes of a broadcast that are not in the outboxes yet.

use crate::id::ConnectionId;
use crate::planted::planted;
use std::cell::OnceCell;
use std::ops::Range;

/// The output of a broadcast to many wires.
#[derive(Debug, Default)]
pub(crate) struct Broadcast {
    pub(super) to: Vec<ConnectionId>,
    /// Members that get nothing of it, in the same order.
    pub(super) left_out: Vec<ConnectionId>,
    /// Those that get it, sorted. Made when it is first asked for, because most broadcasts end without that.
    receivers: OnceCell<Vec<ConnectionId>>,
    pub(super) bytes: Vec<u8>,
    /// Which bytes are not for which wire.
    pub(super) but: Vec<(ConnectionId, Range<usize>)>,
    /// More messages may join: nothing has happened for which each wire must be checked again.
    pub(super) accepts_more: bool,
    /// Above this the water marks of the outboxes must be checked again.
    pub(super) bytes_max: usize,
}

impl Broadcast {
    #[inline(always)]
    pub(super) fn has_bytes(&self) -> bool {
        !self.bytes.is_empty()
    }

    #[inline(always)]
    pub(super) fn accepts_more(&self) -> bool {
        self.accepts_more
    }

    /// Begins with these connections.
    pub(super) fn set_members(&mut self, to: Vec<ConnectionId>, left_out: Vec<ConnectionId>) {
        (self.to, self.left_out) = (to, left_out);
        self.receivers.take();
    }

    /// Ends, and returns the list of its connections.
    pub(super) fn take_members(&mut self) -> Vec<ConnectionId> {
        self.receivers.take();
        std::mem::take(&mut self.to)
    }

    /// The number of collected bytes for a wire. `visits` gets the number of connections that were looked at for that.
    pub(super) fn owed(&self, id: ConnectionId, visits: impl FnOnce(usize)) -> usize {
        if !self.has_bytes() {
            return 0;
        }
        let receivers = self.receivers.get_or_init(|| {
            visits(self.to.len());
            self.sorted_receivers()
        });
        if receivers.binary_search(&id).is_err() {
            return 0;
        }
        let spared: usize = self.but.iter().filter(|(but, _)| *but == id).map(|(_, range)| range.len()).sum();
        self.bytes.len() - spared
    }

    #[cold]
    fn sorted_receivers(&self) -> Vec<ConnectionId> {
        let mut left_out = self.left_out.iter().peekable();
        let gets_it = |id: &&ConnectionId| left_out.next_if(|next| next == id).is_none();
        let mut receivers: Vec<_> = self.to.iter().filter(gets_it).copied().collect();
        receivers.sort_unstable();
        receivers
    }

    /// Appends the collected bytes for a wire to its outbox.
    pub(super) fn append_bytes_for(&self, id: ConnectionId, out: &mut Vec<u8>) {
        let mut from = 0;
        for (_, range) in self.but.iter().filter(|(but, _)| *but == id && !planted(44)) {
            out.extend_from_slice(&self.bytes[from..range.start]);
            from = range.end;
        }
        out.extend_from_slice(&self.bytes[from..]);
    }
}
