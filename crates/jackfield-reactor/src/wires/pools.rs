//! Pools of buffers for reuse.

use super::Wires;
use crate::budget::account::Account;
use crate::id::ConnectionId;
use crate::wire::carry::Carry;
use crate::wire::outbox::Outbox;

/// The most carries that the pool keeps.
const CARRIES_KEPT_MAX: usize = 64;

impl Wires {
    /// An outbox from the pool, or a new one.
    pub(crate) fn take_outbox(&mut self) -> Box<Outbox> {
        pooled_outbox(&mut self.outboxes, &mut self.account)
    }

    pub(crate) fn recycle(&mut self, mut outbox: Box<Outbox>) {
        self.account.set_charge(&mut outbox.charged, 0);
        outbox.reset();
        if self.outboxes.len() < self.slab.len() && self.account.pool(outbox.heap_bytes()) {
            self.outboxes.push(outbox);
        }
        self.after_charge(ConnectionId::NO_WIRE, false);
    }

    pub(crate) fn carry_from_pool(&mut self) -> Box<Carry> {
        match self.carries.pop() {
            Some(carry) => {
                self.account.unpool(carry.heap_bytes());
                carry
            }
            None => Box::new(Carry::new(self.limits.carry_bytes_first)),
        }
    }

    /// Takes a wire's carry, to pass it. It is uncharged here and charged again when it is put back, because after a
    /// panic it is not put back.
    pub(crate) fn lift_carry(&mut self, id: ConnectionId) -> Option<Box<Carry>> {
        let mut carry = self.wire_mut(id)?.carry.take()?;
        self.account.set_charge(&mut carry.charged, 0);
        Some(carry)
    }

    pub(crate) fn carry_to_pool(&mut self, mut carry: Box<Carry>) {
        self.account.set_charge(&mut carry.charged, 0);
        let most = self.slab.len().min(CARRIES_KEPT_MAX);
        if carry.reset() && self.carries.len() < most && self.account.pool(carry.heap_bytes()) {
            self.carries.push(carry);
        }
        self.after_charge(ConnectionId::NO_WIRE, false);
    }

    /// Trims the pools, so that they never have more buffers than there are connections to use them; without
    /// connections there is also no timer.
    pub(super) fn trim_pools(&mut self) {
        let most = self.slab.len();
        while self.outboxes.len() > most {
            drop(self.take_outbox());
        }
        while self.carries.len() > most {
            drop(self.carry_from_pool());
        }
        if self.is_empty() {
            self.memory_work.memory_paused.clear();
            self.look_later();
        }
        self.tell_memory();
    }

    pub(super) fn drop_pools(&mut self) {
        while !self.outboxes.is_empty() {
            drop(self.take_outbox());
        }
        while !self.carries.is_empty() {
            drop(self.carry_from_pool());
        }
        self.tell_memory();
    }
}

/// An outbox from the pool, or a new one.
#[expect(clippy::vec_box, reason = "the boxes are what is pooled")]
pub(super) fn pooled_outbox(outboxes: &mut Vec<Box<Outbox>>, account: &mut Account) -> Box<Outbox> {
    match outboxes.pop() {
        Some(outbox) => {
            account.unpool(outbox.heap_bytes());
            outbox
        }
        None => Box::default(),
    }
}
