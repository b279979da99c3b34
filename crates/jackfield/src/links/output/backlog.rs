//! Receivers that read too slowly, and their policy.

use crate::disconnect::{Limit, Reason};
use crate::links::Links;
use crate::message::{Overflow, Sent};
use jackfield_reactor::planted::planted;
use jackfield_reactor::{ConnectionId, Outbox, Wires};

impl Links {
    /// Above high water: written at once, unless that was tried before and the kernel would take nothing.
    #[cold]
    pub(crate) fn relieve(wires: &mut Wires, id: ConnectionId) -> bool {
        wires.is_congested(id) || wires.flush_early(id)
    }

    /// Whether no more is taken for a connection, even when what the kernel takes was written: a cork that was not
    /// tried to be written yet says nothing of its peer.
    #[cold]
    pub(crate) fn is_full(wires: &mut Wires, id: ConnectionId) -> bool {
        let cap = wires.limits().outbox_bytes_max;
        Self::relieve(wires, id);
        wires.outbox(id).is_some_and(|outbox| outbox.counted() >= cap && !planted(42))
    }

    /// Where something that is sent to one connection goes, whose backlog has reached the cap or which is gone.
    #[cold]
    pub(crate) fn outbox_at_cap<'w>(
        &mut self,
        wires: &'w mut Wires,
        id: ConnectionId,
    ) -> Result<&'w mut Outbox, Sent> {
        if wires.is_open(id) && Self::is_full(wires, id) {
            self.overflow(wires, id, false);
            return Err(Sent::Full);
        }
        wires.outbox(id).ok_or(Sent::Gone)
    }

    /// Whether one more message is taken for a connection.
    #[cfg(feature = "deflate")]
    pub(super) fn may_send(&mut self, wires: &mut Wires, id: ConnectionId) -> Result<(), Sent> {
        let cap = wires.limits().outbox_bytes_max;
        match wires.outbox(id) {
            Some(outbox) if outbox.counted() < cap => Ok(()),
            _ => self.outbox_at_cap(wires, id).map(|_| ()),
        }
    }

    /// Where something that is published goes, unless the connection is gone or too much is queued for it.
    #[inline(never)]
    pub(crate) fn outbox_for_published<'w>(
        &mut self,
        wires: &'w mut Wires,
        id: ConnectionId,
    ) -> Option<&'w mut Outbox> {
        let cap = wires.limits().outbox_bytes_max;
        if wires.outbox(id)?.counted() >= cap && Self::is_full(wires, id) {
            self.overflow(wires, id, true);
            return None;
        }
        wires.outbox(id)
    }

    /// Too much is queued for a peer: what happens is its connection's policy.
    #[cold]
    pub(crate) fn overflow(&mut self, wires: &mut Wires, id: ConnectionId, is_published: bool) {
        let policy = self.link(id).overflow;
        match policy {
            Overflow::Close => self.close(wires, id, Reason::Limit(Limit::Backlog)),
            Overflow::GiveBack if !is_published => return,
            Overflow::GiveBack | Overflow::DropNewest => {}
        }
        self.count_dropped(wires, id);
    }

    /// A message was dropped: that is counted and reported.
    #[cold]
    pub(crate) fn count_dropped(&mut self, wires: &mut Wires, id: ConnectionId) {
        self.link(id).extra().dropped += 1;
        self.charge(wires, id);
        self.metrics.dropped.add(1);
        self.settings.observer.on_dropped(id);
    }
}
