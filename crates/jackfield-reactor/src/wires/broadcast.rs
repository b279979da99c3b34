//! Broadcasts: output for many wires, stored once, and copied to each wire only when it must be.
//!
//! When one turn sends many messages to the same wires, checking each outbox for each message would be nearly all of the
//! work. So the service checks each outbox for the first message, and collects the next ones here. As soon as one of the
//! outboxes is used, or the turn ends, all collected bytes are copied to all of them. So the order is kept.

use super::Wires;
use crate::id::ConnectionId;

/// The most bytes that are collected.
const BYTES_MAX: usize = 16 << 10;

impl Wires {
    /// Begins a broadcast to these connections. Each must be open, not above [`LowestMarks::high`](crate::LowestMarks::high), and
    /// have output that waits for the end of the turn: [`Wires::gathering_outbox`] returns its outbox. Those that are also in
    /// `left_out`, in the same order, may be in any state: they get nothing of the broadcast. It accepts no more once it has
    /// `room` bytes: what the fullest of their outboxes may still take. The broadcast before must have ended.
    pub fn begin_broadcast(&mut self, to: Vec<ConnectionId>, left_out: Vec<ConnectionId>, room: usize) {
        debug_assert!(self.broadcast.to.is_empty(), "one at a time");
        self.broadcast.set_members(to, left_out);
        self.broadcast.accepts_more = true;
        self.broadcast.bytes_max = room.min(BYTES_MAX);
        if !self.broadcast.left_out.is_empty() {
            self.charge_left_out();
        }
    }

    /// Whether [`Wires::extend_broadcast`] adds something now.
    #[inline(always)]
    pub fn accepts_broadcast(&self) -> bool {
        self.broadcast.accepts_more && self.broadcast.bytes.len() < self.broadcast.bytes_max
    }

    /// Adds bytes for all connections of the broadcast except `but`. [`ConnectionId::NONE`]: no exception. False: nothing
    /// was added, because there is no broadcast, it is full, or one of its connections has changed. Then end it, check each
    /// connection, and begin another.
    #[inline(always)]
    pub fn extend_broadcast(&mut self, bytes: &[u8], but: ConnectionId) -> bool {
        if !self.accepts_broadcast() {
            return false;
        }
        let broadcast = &mut self.broadcast;
        let from = broadcast.bytes.len();
        broadcast.bytes.extend_from_slice(bytes);
        if but != ConnectionId::NONE && !bytes.is_empty() {
            broadcast.but.push((but, from..broadcast.bytes.len()));
        }
        true
    }

    /// A connection that gets nothing of the broadcast, by its place in the list of them.
    pub fn left_out(&self, number: usize) -> Option<ConnectionId> {
        self.broadcast.left_out.get(number).copied()
    }

    /// Ends the broadcast and returns the list of its connections.
    pub fn end_broadcast(&mut self) -> Vec<ConnectionId> {
        self.interrupt_broadcast();
        if !self.broadcast.left_out.is_empty() {
            self.broadcast.left_out = Vec::new();
            self.charge_left_out();
        }
        self.broadcast.take_members()
    }

    /// Ends a broadcast, because messages after this event must not join it.
    #[inline(always)]
    pub(crate) fn interrupt_broadcast(&mut self) {
        if self.broadcast.accepts_more() {
            if self.broadcast.has_bytes() {
                self.distribute();
            }
            self.broadcast.accepts_more = false;
        }
    }

    /// Copies all collected bytes to the outboxes.
    #[cold]
    #[inline(never)]
    pub(super) fn distribute(&mut self) {
        let high = self.lowest_marks().high;
        let mut broadcast = std::mem::take(&mut self.broadcast);
        self.stats.visits.add(broadcast.to.len() as u64);
        let mut left_out = broadcast.left_out.iter().peekable();
        for &id in &broadcast.to {
            if left_out.next_if(|next| **next == id).is_some() {
                continue;
            }
            let outbox = match self.gathering_outbox(id) {
                Some(outbox) => outbox,
                None => match self.cork_or_outbox(id) {
                    Some(outbox) => outbox,
                    None => continue,
                },
            };
            broadcast.append_bytes_for(id, outbox.tail());
            if outbox.queued_bytes() > high {
                broadcast.accepts_more = false;
                if self.is_above_high_water(id) {
                    self.flush_early(id);
                }
            }
        }
        broadcast.bytes.clear();
        broadcast.but.clear();
        self.broadcast = broadcast;
    }
}
