//! How often each slot was used. This distinguishes the connections of one slot.

use crate::sync::{Mutex, MutexGuard, PoisonError};
use crate::table;
use std::sync::Arc;

/// The generation of each slot that was used: that of the connection in it, or of the next one.
///
/// It is shared, so that other threads can tell which connection has a slot without a table of ids. It is locked when a
/// connection begins or ends, never for its bytes.
#[derive(Clone, Debug, Default)]
pub struct Generations(Arc<Mutex<Vec<u32>>>);

impl Generations {
    /// The generation of a slot. Zero if the slot was never used.
    pub fn of(&self, slot: usize) -> u32 {
        self.lock().get(slot).copied().unwrap_or(0)
    }

    /// The generation of a slot that is about to be used.
    pub(crate) fn begin(&self, slot: usize) -> u32 {
        let mut generations = self.lock();
        table::extend_gently(&mut generations, slot, || 0);
        generations[slot]
    }

    pub(crate) fn set(&self, slot: usize, generation: u32) {
        let mut generations = self.lock();
        table::extend_gently(&mut generations, slot, || 0);
        generations[slot] = generation;
    }

    /// The number of slots that were ever used.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    pub(crate) fn table_bytes(&self) -> usize {
        self.lock().capacity() * size_of::<u32>()
    }

    /// A panic can't leave it inconsistent.
    fn lock(&self) -> MutexGuard<'_, Vec<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
