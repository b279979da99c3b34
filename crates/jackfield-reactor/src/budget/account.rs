//! The account of one reactor: the memory of its buffers.

use super::{Budget, Pressure};
use crate::sync::Ordering::{Relaxed, SeqCst};
use std::sync::Arc;

/// The memory that the buffers of one reactor hold.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) budget: Arc<Budget>,
    /// The sum of all charges to connections.
    held: usize,
    /// The number of charges that are not zero.
    items: usize,
    /// Bytes of buffers in the pools.
    pooled: usize,
    /// Bytes of tables that all connections share.
    tables: usize,
    /// Bytes of the list of connections that stand apart from a broadcast.
    left_out: usize,
    /// Bytes of the table of token buckets.
    buckets: usize,
    /// The part of these sums that is published to the budget.
    published: usize,
    /// Whether there was pressure at the last charge.
    is_pressed: bool,
}

/// Smaller changes are not published, so the budget may be wrong by this amount for each reactor.
pub(crate) const GRAIN_BYTES: usize = 16 << 10;

/// The most bytes in the pools of one reactor.
pub(crate) const POOLED_BYTES_MAX: usize = 16 << 20;

impl Account {
    pub(crate) fn new(budget: Arc<Budget>) -> Self {
        budget.accounts.fetch_add(1, Relaxed);
        Self {
            budget,
            held: 0,
            items: 0,
            pooled: 0,
            tables: 0,
            left_out: 0,
            buckets: 0,
            published: 0,
            is_pressed: false,
        }
    }

    /// Sets a charge to the bytes that are held now. True if that is more than before.
    pub(crate) fn set_charge(&mut self, place: &mut u32, bytes: usize) -> bool {
        let now = u32::try_from(bytes).unwrap_or(u32::MAX);
        let before = std::mem::replace(place, now);
        if before == now {
            return false;
        }
        self.held = self.held - before as usize + now as usize;
        self.items = self.items + usize::from(before == 0) - usize::from(now == 0);
        self.publish();
        now > before
    }

    /// Makes room in the pools for a buffer of this size. False: the buffer must be freed.
    pub(crate) fn pool(&mut self, bytes: usize) -> bool {
        let fits = !self.is_pressed && self.pooled + bytes <= POOLED_BYTES_MAX;
        self.pooled += if fits { bytes } else { 0 };
        fits
    }

    /// A buffer of this size has left the pools.
    pub(crate) fn unpool(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.pooled, "a buffer has grown in its pool");
        self.pooled -= bytes;
    }

    /// Sets the charge for the shared tables.
    pub(crate) fn set_tables_charge(&mut self, bytes: usize) {
        self.tables = bytes;
    }

    /// Sets the charge for the list of connections that stand apart from a broadcast.
    pub(crate) fn set_left_out_charge(&mut self, bytes: usize) {
        self.left_out = bytes;
    }

    /// Sets the charge for the table of token buckets. True if that has changed.
    pub(crate) fn set_buckets_charge(&mut self, bytes: usize) -> bool {
        std::mem::replace(&mut self.buckets, bytes) != bytes
    }

    pub(crate) fn publish(&mut self) {
        let total = self.total();
        if total.abs_diff(self.published) >= GRAIN_BYTES || total == 0 {
            // `SeqCst`, in one order with the mark in `take_pressure_change`: otherwise a reactor that passes a threshold and one that
            // frees memory could miss each other.
            self.budget.used.fetch_add(total.wrapping_sub(self.published), SeqCst);
            self.published = total;
        }
    }

    /// What this reactor holds.
    pub(crate) fn total(&self) -> usize {
        self.held + self.pooled + self.tables + self.left_out + self.buckets
    }

    /// The bytes of all reactors, as far as this one knows.
    pub(crate) fn bytes_of_all_reactors(&self) -> usize {
        self.budget.used.load(SeqCst).wrapping_sub(self.published).wrapping_add(self.total())
    }

    /// The bytes that this reactor must free: down to 15/16 of the budget, so that the next eviction comes later. If
    /// this reactor holds less than its share, only what is above the budget.
    pub(crate) fn excess(&self) -> usize {
        let bytes_max = self.budget.bytes_max;
        let spare = if self.is_above_share() { bytes_max / 16 } else { 0 };
        self.bytes_of_all_reactors().saturating_sub(bytes_max - spare)
    }

    /// Whether this reactor holds more than its share of the budget.
    pub(crate) fn is_above_share(&self) -> bool {
        self.total() > self.budget.bytes_max / self.budget.accounts.load(Relaxed).max(1)
    }

    pub(crate) fn is_over_budget(&self) -> bool {
        self.bytes_of_all_reactors() > self.budget.bytes_max
    }

    pub(crate) fn is_high(&mut self) -> bool {
        let is_high = self.bytes_of_all_reactors() > self.budget.high();
        self.is_pressed |= is_high;
        is_high
    }

    /// True if this is at least half the average of all that hold something.
    pub(crate) fn is_large(&self, bytes: usize) -> bool {
        bytes > 0 && bytes >= self.held / self.items.max(1) / 2
    }

    pub(crate) fn is_pressed(&self) -> bool {
        self.is_pressed
    }

    /// A change of pressure to be reported: each change once, by the reactor that finds it.
    pub(crate) fn take_pressure_change(&mut self) -> Option<Pressure> {
        if self.is_high() {
            let is_news = !self.budget.is_pressed.swap(true, SeqCst);
            // A reactor that has freed the rest meanwhile found no mark to clear, and may never charge again, so clear
            // it here.
            let is_over = is_news && self.is_relieved() && self.budget.is_pressed.swap(false, SeqCst);
            (is_news && !is_over).then_some(Pressure::High)
        } else if self.is_relieved() {
            self.is_pressed = false;
            self.budget.is_pressed.swap(false, SeqCst).then_some(Pressure::Relieved)
        } else {
            None
        }
    }

    /// The bytes above the threshold at which the pressure ends.
    pub(crate) fn surplus(&self) -> usize {
        self.bytes_of_all_reactors().saturating_sub(self.budget.low())
    }

    /// The bytes below the threshold at which pressure begins.
    pub(crate) fn room(&self) -> usize {
        self.budget.high().saturating_sub(self.bytes_of_all_reactors())
    }

    pub(crate) fn is_relieved(&self) -> bool {
        self.surplus() == 0
    }

    /// True if the end of pressure must be reported when enough memory is freed.
    pub(crate) fn is_strained(&self) -> bool {
        self.is_pressed || self.budget.is_pressed()
    }

    /// The charged bytes and those in the pools, for tests.
    pub(crate) fn parts(&self) -> [usize; 2] {
        [self.held, self.pooled]
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.published, Relaxed);
        self.budget.accounts.fetch_sub(1, Relaxed);
    }
}
