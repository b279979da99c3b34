//! Receivers that read too slowly, and their policy.

use crate::disconnect::{Limit, Reason};
use crate::links::Links;
use crate::links::protocol::Protocol;
use crate::message::{Content, Place, Prepared, Sent};
use crate::topics::Overflow;
use jackfield_proto::{sse, websocket};
use jackfield_reactor::planted::planted;
use jackfield_reactor::{ConnectionId, Outbox, Wires};

impl Links {
    /// Above high water: writes at once, unless an earlier try has shown that the kernel takes nothing. True if the
    /// connection is congested.
    #[cold]
    pub(crate) fn flush_early(wires: &mut Wires, id: ConnectionId) -> bool {
        wires.is_above_high_water(id) && (wires.is_congested(id) || wires.flush_early(id))
    }

    /// Whether the backlog has reached the cap. If it seems so, first writes what the kernel takes, because bytes that the
    /// reactor has not tried to write yet do not show a slow peer.
    #[cold]
    pub(crate) fn is_full_after_flush(wires: &mut Wires, id: ConnectionId, cap: usize) -> bool {
        let is_at_cap = |wires: &mut Wires| {
            wires.outbox_of_left_out(id).is_some_and(|outbox| outbox.counted_bytes() >= cap)
        };
        if is_at_cap(wires) && !wires.is_congested(id) {
            wires.flush_early(id);
        }
        is_at_cap(wires) && !planted(42)
    }

    /// The same where the server itself goes on with something, and can wait until the connection has drained.
    pub(crate) fn has_no_room(wires: &mut Wires, id: ConnectionId) -> bool {
        let cap = wires.limits_of(id).outbox_bytes_max;
        wires.outbox(id).is_some_and(|outbox| outbox.counted_bytes() >= cap)
            && Self::is_full_after_flush(wires, id, cap)
    }

    /// The outbox for a message to one connection whose backlog may have reached the cap, or which is gone.
    #[cold]
    pub(crate) fn outbox_at_cap<'w>(
        &mut self,
        wires: &'w mut Wires,
        id: ConnectionId,
    ) -> Result<&'w mut Outbox, Sent> {
        let cap = wires.limits_of(id).outbox_bytes_max;
        if wires.is_open(id) && Self::is_full_after_flush(wires, id, cap) {
            let policy = self.link(id).overflow.unwrap_or_default();
            self.apply_overflow(wires, id, policy, false);
            return Err(Sent::Full);
        }
        wires.outbox(id).ok_or(Sent::Gone)
    }

    /// Whether a connection may get one more message.
    #[cfg(feature = "deflate")]
    pub(super) fn may_send(&mut self, wires: &mut Wires, id: ConnectionId) -> Result<(), Sent> {
        let cap = wires.lowest_marks().max;
        match wires.outbox(id) {
            Some(outbox) if outbox.counted_bytes() < cap => Ok(()),
            _ => self.outbox_at_cap(wires, id).map(|_| ()),
        }
    }

    /// The overflow policy for a published message: the stricter of the connection's and the topic's.
    pub(crate) fn policy_of(&self, id: ConnectionId, place: usize) -> Overflow {
        let own = self.table[id.slot()].overflow;
        own.into_iter().chain(self.topics.policy(place).overflow).min().unwrap_or_default()
    }

    /// The backlog, in bytes, from which on a member of a topic gets no more of its messages.
    pub(crate) fn backlog_max(&self, wires: &Wires, id: ConnectionId, place: usize) -> usize {
        let limits = wires.limits_of(id);
        self.backlog_between(place, limits.outbox_bytes_high, limits.outbox_bytes_max)
    }

    /// The least of these for all members.
    pub(crate) fn lowest_backlog_max(&self, wires: &Wires, place: usize) -> usize {
        let marks = wires.lowest_marks();
        self.backlog_between(place, marks.high, marks.max)
    }

    fn backlog_between(&self, place: usize, high: usize, most: usize) -> usize {
        self.topics.policy(place).backlog_max.map_or(most, |own| own.max(high).min(most))
    }

    /// Queues a message to a topic until the connection has drained.
    #[cold]
    #[inline(never)]
    pub(crate) fn queue_up(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        message: Prepared,
        place: usize,
        (policy, cap): (Overflow, usize),
    ) {
        let (now, is_by_key) = (wires.now(), policy == Overflow::NewestPerKey);
        let Some(topic) = self.topics.find_name(place) else { return };
        let place =
            Place { topic, is_by_key, topic_max: cap, bytes_max: wires.limits_of(id).outbox_bytes_max };
        let queue = self.link(id).extra().queue.get_or_insert_default();
        let dropped = queue.push(message, now, &place);
        self.charge(wires, id);
        self.count_all_dropped(wires, id, dropped);
    }

    pub(super) fn has_queue(&self, id: ConnectionId) -> bool {
        self.table[id.slot()].extra.as_ref().is_some_and(|extra| extra.queue.is_some())
    }

    /// Whether the server may send what waits for a connection. If not, it does so when the connection has drained, or when
    /// its message in fragments or its handshake of STARTTLS has ended.
    pub(crate) fn may_send_waiting(&mut self, wires: &Wires, id: ConnectionId) -> bool {
        wires.is_open(id) && !wires.is_congested(id) && self.fragments(id).is_none()
    }

    /// The same for what must not be refused: there is also room for it.
    pub(crate) fn has_room_for_waiting(&mut self, wires: &mut Wires, id: ConnectionId) -> bool {
        self.may_send_waiting(wires, id) && !Self::has_no_room(wires, id)
    }

    /// Sends from the queue of a connection until it is congested again or the queue is empty: when the connection has drained,
    /// and when a message in fragments has ended.
    pub(crate) fn send_queued(&mut self, wires: &mut Wires, id: ConnectionId) {
        self.send_owed_resync(wires, id);
        while self.has_room_for_waiting(wires, id) {
            let Some(message) = self.take_queued(wires, id) else { return self.send_owed_id(wires, id) };
            self.send(wires, id, Content::Prepared(&message));
        }
    }

    /// The handshake of STARTTLS is over: what has waited for that is sent. It all goes to the outbox, because what is published
    /// from now on does not go through the queue unless its policy has one, and must not overtake it.
    #[cold]
    pub(crate) fn send_after_handshake(&mut self, wires: &mut Wires, id: ConnectionId) {
        self.send_owed_resync(wires, id);
        self.empty_queue(wires, id);
        self.send_owed_id(wires, id);
        self.queue_replay(wires, id);
    }

    /// Sets the policy of a connection. With one that does not queue, what waits in the queue goes to the outbox now, by the new
    /// policy, so that later messages stay behind it.
    pub(crate) fn set_overflow(&mut self, wires: &mut Wires, id: ConnectionId, policy: Overflow) {
        self.link(id).overflow = Some(policy);
        while !policy.has_queue() && wires.is_open(id) {
            let Some(message) = self.take_queued(wires, id) else { return };
            self.send_or_count(wires, id, &message);
        }
    }

    /// A connection takes no more output: what waits in its queue goes to the outbox now. What has no room there is dropped.
    pub(crate) fn empty_queue(&mut self, wires: &mut Wires, id: ConnectionId) {
        while wires.is_open(id) && !Self::has_no_room(wires, id) {
            let Some(message) = self.take_queued(wires, id) else { return };
            self.send(wires, id, Content::Prepared(&message));
        }
        self.drop_queue(wires, id);
    }

    fn take_queued(&mut self, wires: &mut Wires, id: ConnectionId) -> Option<Prepared> {
        let now = wires.now();
        let queue = self.link(id).extra.as_mut()?.queue.as_mut()?;
        let (message, late) = queue.pop(now);
        if queue.is_empty() {
            self.link(id).extra().queue = None;
        }
        self.charge(wires, id);
        self.count_all_dropped(wires, id, late);
        message
    }

    /// A connection ends: drops its queue.
    pub(crate) fn drop_queue(&mut self, wires: &mut Wires, id: ConnectionId) {
        let queue = self.link(id).extra.as_mut().and_then(|extra| extra.queue.take());
        self.count_all_dropped(wires, id, queue.map_or(0, |queue| queue.len()));
    }

    fn count_all_dropped(&mut self, wires: &mut Wires, id: ConnectionId, count: usize) {
        (0..count).for_each(|_| self.count_dropped(wires, id));
    }

    /// The outbox for a published message, unless the connection is gone or its backlog is too large. No broadcast may
    /// hold bytes for this connection.
    #[inline(never)]
    pub(crate) fn outbox_for_published<'w>(
        &mut self,
        wires: &'w mut Wires,
        id: ConnectionId,
        place: usize,
    ) -> Option<&'w mut Outbox> {
        let lowest = self.lowest_backlog_max(wires, place);
        if wires.outbox_of_left_out(id)?.counted_bytes() >= lowest && self.is_full_for(wires, id, place) {
            let policy = self.policy_of(id, place);
            self.apply_overflow(wires, id, policy, true);
            return None;
        }
        wires.outbox_of_left_out(id)
    }

    #[cold]
    fn is_full_for(&self, wires: &mut Wires, id: ConnectionId, place: usize) -> bool {
        let cap = self.backlog_max(wires, id, place);
        Self::is_full_after_flush(wires, id, cap)
    }

    /// Applies the overflow policy to a connection with too large a backlog.
    #[cold]
    pub(crate) fn apply_overflow(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        policy: Overflow,
        is_published: bool,
    ) {
        match policy {
            Overflow::Close => {
                self.drop_backlog(wires, id);
                self.close(wires, id, Reason::Limit(Limit::Backlog));
                wires.bound_flush(id);
            }
            Overflow::GiveBack if !is_published => return,
            // Messages to one connection do not go through the queue.
            Overflow::GiveBack | Overflow::DropNewest | Overflow::DropOldest | Overflow::NewestPerKey => {}
        }
        self.count_dropped(wires, id);
    }

    /// Drops the messages of the backlog that have not begun to be written, so that the peer soon gets the Close. If the
    /// server does not know where messages end, it drops all of it and resets the connection.
    fn drop_backlog(&mut self, wires: &mut Wires, id: ConnectionId) {
        let dropped = match &self.link(id).protocol {
            Protocol::WebSocket(_) => wires.drop_backlog(id, websocket::begun_bytes),
            Protocol::Events => wires.drop_backlog(id, begun_event_bytes),
            _ => return,
        };
        self.link(id).extra().unsent += dropped as u64;
    }

    /// Counts and reports a dropped message.
    #[cold]
    pub(crate) fn count_dropped(&mut self, wires: &mut Wires, id: ConnectionId) {
        self.link(id).extra().dropped += 1;
        self.charge(wires, id);
        self.metrics.dropped.add(1);
        self.settings.observer.on_dropped(id);
    }
}

/// The bytes of the events of which the first `taken` bytes are taken.
fn begun_event_bytes(events: &[u8], taken: usize) -> usize {
    let mut end = 0;
    while end < taken {
        end += sse::encoded_event_len(&events[end..]);
    }
    end
}
