//! The memory of each wire's buffers. It is charged when a buffer is kept, grows or is given back.

use super::Wires;
use super::buckets::BandwidthBuckets;
use crate::budget::account::Account;
use crate::budget::{Budget, Eviction};
use crate::id::ConnectionId;
use crate::table::hash_table_bytes;
use crate::wire::Wire;
use crate::wire::life::Phase;
use slab::Slab;
use std::collections::HashMap;
use std::sync::Arc;

impl Wires {
    /// Sets the budget that this reactor shares with others. Call it before there are connections. Default: a budget
    /// without a limit.
    pub fn share_budget(&mut self, budget: Arc<Budget>) {
        debug_assert_eq!(self.account.total(), 0, "the old budget would be left with what was charged");
        self.account = Account::new(budget);
    }

    /// The budget of this reactor.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.account.budget
    }

    /// Charged bytes of this reactor: the buffers of its connections on the heap, the buffers in its pools, the list of those
    /// that stand apart from a broadcast, the table of bandwidth limits, and tables that the service has charged.
    pub fn memory_bytes(&self) -> usize {
        self.account.total()
    }

    /// Charged bytes of one connection: bytes that were read and not used, bytes that the service has charged, its timers,
    /// and output that waits for the kernel. Bytes that are shared with other connections do not count.
    pub fn memory_of(&self, id: ConnectionId) -> usize {
        let cork = if id == self.current { self.cork.charged as usize } else { 0 };
        cork + self.wire(id).map_or(0, Wire::charged)
    }

    /// Charges the heap memory that the service holds for a connection, in place of what it charged before. Memory that is
    /// shared with other connections must not be counted.
    #[cold]
    #[inline(never)]
    pub fn charge_service(&mut self, id: ConnectionId, bytes: usize) {
        self.charge_service_and_timers(id, bytes + self.timer_bytes(id));
    }

    /// Charges tables of the service that belong to no connection, in place of what was charged before.
    pub fn charge_tables(&mut self, bytes: usize) {
        self.account.set_tables_charge(bytes);
        self.after_charge(ConnectionId::NO_WIRE, false);
    }

    /// Charges the list of connections that stand apart from the broadcast. The service has charged the list of all.
    pub(super) fn charge_left_out(&mut self) {
        self.account.set_left_out_charge(self.broadcast.left_out.capacity() * size_of::<ConnectionId>());
        self.after_charge(ConnectionId::NO_WIRE, false);
    }

    /// Charges the table of token buckets. It is freed with its last entry.
    pub(super) fn charge_buckets(&mut self) {
        if self.buckets.is_empty() {
            self.buckets = HashMap::new();
        }
        let bytes = hash_table_bytes::<(usize, BandwidthBuckets)>(self.buckets.capacity());
        if self.account.set_buckets_charge(bytes) {
            self.after_charge(ConnectionId::NO_WIRE, false);
        }
    }

    /// Charges the memory of the layer above, and the timers.
    pub(super) fn charge_service_and_timers(&mut self, id: ConnectionId, bytes: usize) {
        let Some(wire) = wire_of(&mut self.slab, id) else { return };
        let grew = self.account.set_charge(&mut wire.service_and_timers, bytes);
        self.after_charge(id, grew);
        // Memory work is done as soon as this event is over.
        self.stopped |= self.memory_work.is_due && id == self.current;
    }

    pub(crate) fn charge_outbox(&mut self, id: ConnectionId) {
        let Some(wire) = wire_of(&mut self.slab, id) else { return };
        let Some(outbox) = &mut wire.outbox else { return };
        let bytes = outbox.heap_bytes();
        let grew = self.account.set_charge(&mut outbox.charged, bytes);
        self.after_charge(id, grew);
    }

    /// Charges what the session keeps. Returns the number of encrypted bytes in it, which are not in the outbox any more.
    pub(crate) fn charge_session(&mut self, id: ConnectionId) -> usize {
        let Some(wire) = wire_of(&mut self.slab, id) else { return 0 };
        let (bytes, encrypted) = (wire.session.kept_bytes(), wire.session.encrypted_bytes());
        let Some(place) = wire.session.charge_mut() else { return 0 };
        let grew = self.account.set_charge(place, bytes);
        self.after_charge(id, grew);
        encrypted
    }

    /// Drops the session above a stream that is only discarded any more, with all that it keeps.
    pub(super) fn drop_session(&mut self, id: ConnectionId) {
        let Some(wire) = wire_of(&mut self.slab, id) else { return };
        if let Some(place) = wire.session.charge_mut() {
            self.account.set_charge(place, 0);
        }
        wire.session.keep_stream_only();
    }

    pub(crate) fn charge_carry(&mut self, id: ConnectionId) {
        let Some(wire) = wire_of(&mut self.slab, id) else { return };
        let Some(carry) = &mut wire.carry else { return };
        let bytes = carry.heap_bytes();
        let grew = self.account.set_charge(&mut carry.charged, bytes);
        self.after_charge(id, grew);
    }

    /// Charges the cork, which holds a wire's backlog and has become smaller.
    pub(super) fn charge_cork(&mut self) {
        if self.cork.charged > 0 {
            let bytes = self.cork.heap_bytes();
            self.account.set_charge(&mut self.cork.charged, bytes);
            self.after_charge(ConnectionId::NO_WIRE, false);
        }
    }

    /// Uncharges the cork, which held a wire's backlog and was written completely.
    #[cold]
    pub(super) fn uncharge_cork(&mut self) {
        self.account.set_charge(&mut self.cork.charged, 0);
        self.after_charge(ConnectionId::NO_WIRE, false);
    }

    /// Removes all charges of a wire that is about to be removed.
    pub(super) fn uncharge_wire(&mut self, id: ConnectionId) {
        let Some(wire) = wire_of(&mut self.slab, id) else { return };
        if wire.service_and_timers > 0 {
            self.account.set_charge(&mut wire.service_and_timers, 0);
        }
        if let Some(place) = wire.session.charge_mut() {
            self.account.set_charge(place, 0);
        }
        self.after_charge(ConnectionId::NO_WIRE, false);
    }

    /// After a charge: notes whether there is memory work.
    pub(super) fn after_charge(&mut self, id: ConnectionId, grew: bool) {
        self.tell_memory();
        if grew {
            self.mind_growth(id);
        }
        // Another reactor may have freed memory.
        if (self.account.is_strained() || !self.memory_work.memory_paused.is_empty())
            && self.account.is_relieved()
        {
            self.attend_memory_later();
        }
    }

    pub(super) fn tell_memory(&mut self) {
        self.account.publish();
        self.stats.memory_bytes.set(self.account.total() as u64);
    }

    fn mind_growth(&mut self, id: ConnectionId) {
        let bytes = self.memory_of(id);
        if bytes > self.limits_of(id).wire_memory_bytes_max && self.is_too_large(id) {
            self.memory_work.to_evict.push_back((id, Eviction::TooLarge));
            self.attend_memory_later();
        }
        let is_news = self.mind_pressure();
        let is_pressed = self.account.is_pressed() && !self.account.is_relieved();
        if !is_news && is_pressed && self.account.is_large(bytes) {
            self.pause_for_memory(id);
        }
    }

    /// What must hold between two turns: each buffer is charged for what it takes.
    ///
    /// # Errors
    /// The first buffer for which this is not true.
    pub(crate) fn check_account(&self) -> Result<(), String> {
        let mut held = 0;
        for (_, wire) in &self.slab {
            let outbox = wire.outbox.as_ref().map_or(0, |outbox| outbox.heap_bytes());
            let carry = wire.carry.as_ref().map_or(0, |carry| carry.heap_bytes());
            let bytes = outbox + carry + wire.service_and_timers as usize + wire.session.kept_bytes();
            if wire.phase == Phase::Lingering && bytes > 0 {
                return Err(format!("{} lingers, and holds {bytes} bytes", wire.id));
            }
            let timers = self.timer_bytes(wire.id);
            if wire.phase != Phase::Lingering && (wire.service_and_timers as usize) < timers {
                let charged = wire.service_and_timers;
                return Err(format!("{} has timers of {timers} bytes, and {charged} are charged", wire.id));
            }
            if bytes != wire.charged() {
                return Err(format!("{} holds {bytes} bytes, and {} are charged", wire.id, wire.charged()));
            }
            held += bytes;
        }
        let pooled = self.outboxes.iter().map(|outbox| outbox.heap_bytes()).sum::<usize>()
            + self.carries.iter().map(|carry| carry.heap_bytes()).sum::<usize>();
        match self.account.parts() {
            parts if parts == [held, pooled] => Ok(()),
            parts => Err(format!("{held} and {pooled} bytes are held and pooled, {parts:?} are charged")),
        }
    }
}

impl Wire {
    /// The charges of its output: of all its buffers but what its session keeps of the peer's input.
    pub(super) fn output_charged(&self) -> usize {
        let input = self.session.kept_bytes().saturating_sub(self.session.encrypted_bytes());
        self.charged().saturating_sub(input)
    }

    /// The charges of its buffers.
    pub(super) fn charged(&self) -> usize {
        let outbox = self.outbox.as_ref().map_or(0, |outbox| outbox.charged as usize);
        let carry = self.carry.as_ref().map_or(0, |carry| carry.charged as usize);
        outbox + carry + self.service_and_timers as usize + self.session.charged() as usize
    }
}

/// Finds a wire while the account is borrowed.
fn wire_of(slab: &mut Slab<Wire>, id: ConnectionId) -> Option<&mut Wire> {
    slab.get_mut(id.slot()).filter(|wire| wire.id == id)
}
