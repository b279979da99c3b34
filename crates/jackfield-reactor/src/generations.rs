//! How often each slot was used: what tells the connections of one slot apart.

use crate::sync::{Mutex, MutexGuard, PoisonError};
use crate::table;
use std::sync::Arc;

/// The generation of each slot that was ever used: that of the connection in it, or of the next one.
///
/// Shared, so that other threads can tell which connection has a slot: counting the slots that are taken needs no
/// ids beside this. Locked where a connection begins or ends, never for what goes over it.
#[derive(Clone, Debug, Default)]
pub struct Generations(Arc<Mutex<Vec<u32>>>);

impl Generations {
    /// That of a slot; zero if it was never used.
    pub fn of(&self, slot: usize) -> u32 {
        self.lock().get(slot).copied().unwrap_or(0)
    }

    /// The same of a slot that is going to be used.
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

    /// Slots that were ever used.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    pub(crate) fn table_bytes(&self) -> usize {
        self.lock().capacity() * size_of::<u32>()
    }

    /// A panic can't leave half a number.
    fn lock(&self) -> MutexGuard<'_, Vec<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
