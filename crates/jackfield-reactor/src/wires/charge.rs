//! What the buffers of each wire hold, charged where they are kept, grown or given back.

use super::Wires;
use crate::budget::account::Account;
use crate::budget::{Budget, Eviction};
use crate::id::WireId;
use crate::wire::Wire;
use slab::Slab;
use std::sync::Arc;

impl Wires {
    /// Lets this reactor share a budget with others. To be called before there are connections; without it any
    /// number of bytes may be held, of all connections together.
    pub fn share_budget(&mut self, budget: Arc<Budget>) {
        debug_assert_eq!(self.account.total(), 0, "the old budget would be left with what was booked");
        self.account = Account::new(budget);
    }

    /// The budget that this reactor shares.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.account.budget
    }

    /// Bytes that the buffers of this reactor's connections hold on the heap, those in its pools included.
    pub fn memory_bytes(&self) -> usize {
        self.account.total()
    }

    /// Bytes that the buffers of one connection hold on the heap: what was read and not used, what the layer above has
    /// booked, and what waits for the kernel without what is shared with others.
    pub fn memory_of(&self, id: WireId) -> usize {
        let cork = if id == self.current { self.cork.booked as usize } else { 0 };
        cork + self.peek(id).map_or(0, Wire::booked)
    }

    /// Books what the layer above holds for a connection on the heap, in place of what it has booked before. What is
    /// shared with others is not to be counted.
    #[cold]
    #[inline(never)]
    pub fn book_above(&mut self, id: WireId, bytes: usize) {
        let Some(wire) = wire_of(&mut self.slab, id) else { return };
        let grew = self.account.book(&mut wire.above, bytes);
        self.booked(id, grew);
        // What has to be done about it is done as soon as this event is over.
        self.stopped |= self.care.is_due && id == self.current;
    }

    pub(crate) fn book_outbox(&mut self, id: WireId) {
        let Some(wire) = wire_of(&mut self.slab, id) else { return };
        let Some(outbox) = &mut wire.outbox else { return };
        let bytes = outbox.heap_bytes();
        let grew = self.account.book(&mut outbox.booked, bytes);
        self.booked(id, grew);
    }

    /// What the transport keeps of what it was given; it is no part of the outbox any more. Returns it.
    pub(crate) fn book_sealed(&mut self, id: WireId) -> usize {
        let Some(wire) = wire_of(&mut self.slab, id) else { return 0 };
        let Some((place, bytes)) = wire.transport.sealed() else { return 0 };
        let grew = self.account.book(place, bytes);
        self.booked(id, grew);
        bytes
    }

    pub(crate) fn book_carry(&mut self, id: WireId) {
        let Some(wire) = wire_of(&mut self.slab, id) else { return };
        let Some(carry) = &mut wire.carry else { return };
        let bytes = carry.heap_bytes();
        let grew = self.account.book(&mut carry.booked, bytes);
        self.booked(id, grew);
    }

    /// The cork was written whole, which had been a wire's backlog.
    #[cold]
    pub(super) fn unbook_cork(&mut self) {
        self.account.book(&mut self.cork.booked, 0);
        self.booked(WireId::IDLE, false);
    }

    /// A wire is about to go: nothing of it stays booked.
    pub(super) fn unbook_wire(&mut self, id: WireId) {
        let Some(wire) = wire_of(&mut self.slab, id) else { return };
        if wire.above > 0 {
            self.account.book(&mut wire.above, 0);
        }
        if let Some((place, _)) = wire.transport.sealed() {
            self.account.book(place, 0);
        }
        self.booked(WireId::IDLE, false);
    }

    /// Something was booked: is there something to be done about it?
    pub(super) fn booked(&mut self, id: WireId, grew: bool) {
        self.tell_memory();
        if grew {
            self.mind_growth(id);
        }
        // Another reactor may have given it back.
        if (self.account.is_strained() || !self.care.squeezed.is_empty()) && self.account.is_relieved() {
            self.care_later();
        }
    }

    pub(super) fn tell_memory(&mut self) {
        self.account.publish();
        self.stats.memory_bytes.set(self.account.total() as u64);
    }

    fn mind_growth(&mut self, id: WireId) {
        let bytes = self.memory_of(id);
        if bytes > self.limits.wire_memory_bytes_max && self.is_too_large(id) {
            self.care.doomed.push((id, Eviction::TooLarge));
            self.care_later();
        }
        let is_news = self.mind_pressure();
        let is_pressed = self.account.is_pressed() && !self.account.is_relieved();
        if !is_news && is_pressed && self.account.is_large(bytes) {
            self.squeeze(id);
        }
    }

    /// What must hold between two turns: each buffer is booked for what it takes.
    ///
    /// # Errors
    /// Whose is not.
    pub(crate) fn check_account(&self) -> Result<(), String> {
        let mut held = 0;
        for (_, wire) in &self.slab {
            let outbox = wire.outbox.as_ref().map_or(0, |outbox| outbox.heap_bytes());
            let carry = wire.carry.as_ref().map_or(0, |carry| carry.heap_bytes());
            let bytes = outbox + carry + wire.above as usize;
            if bytes != wire.booked() {
                return Err(format!("{} holds {bytes} bytes, and {} are booked", wire.id, wire.booked()));
            }
            held += bytes;
        }
        let pooled = self.outboxes.iter().map(|outbox| outbox.heap_bytes()).sum::<usize>()
            + self.carries.iter().map(|carry| carry.heap_bytes()).sum::<usize>();
        match self.account.parts() {
            parts if parts == [held, pooled] => Ok(()),
            parts => Err(format!("{held} and {pooled} bytes are held and pooled, {parts:?} are booked")),
        }
    }
}

impl Wire {
    /// What its buffers are booked for.
    pub(super) fn booked(&self) -> usize {
        let outbox = self.outbox.as_ref().map_or(0, |outbox| outbox.booked as usize);
        let carry = self.carry.as_ref().map_or(0, |carry| carry.booked as usize);
        outbox + carry + self.above as usize + self.transport.sealed_booked() as usize
    }
}

/// A wire, while the account is borrowed too.
fn wire_of(slab: &mut Slab<Wire>, id: WireId) -> Option<&mut Wire> {
    slab.get_mut(id.slot()).filter(|wire| wire.id == id)
}
