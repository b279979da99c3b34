//! How often each slot was used, and which connection has it now.

use crate::id::ConnectionId;
use crate::sync::{Mutex, MutexGuard, PoisonError};
use crate::table;
use std::sync::Arc;

/// For each slot that was used the generation of the connection in it, or of the next one.
///
/// It is shared, so that other threads can tell which connections exist without a table of ids. It is locked when a
/// connection begins or ends, and when another thread asks for one; never for the bytes of a connection.
#[derive(Clone, Debug, Default)]
pub struct Generations(Arc<Mutex<Slots>>);

#[derive(Debug, Default)]
struct Slots {
    generations: Vec<u32>,
    /// How many connections of each block of slots are listed: blocks without one are passed by, so that a table that was
    /// once large costs little.
    listed: Vec<u16>,
}

/// Slots of a block.
const BLOCK: usize = 256;

/// In the entry of a slot: a connection has it.
const TAKEN: u32 = 1 << 31;

/// In the entry of a slot: its connection is listed.
const LISTED: u32 = 1 << 30;

impl Generations {
    /// Lists a connection from now on.
    pub fn mark_listed(&self, id: ConnectionId) {
        let Slots { generations, listed } = &mut *self.lock();
        if let Some(entry) = of(generations, id).filter(|entry| **entry & LISTED == 0) {
            *entry |= LISTED;
            table::extend_gently(listed, id.slot() / BLOCK, || 0);
            listed[id.slot() / BLOCK] += 1;
        }
    }

    /// The connection of this id has ended, although its slot may not be free yet.
    pub fn end(&self, id: ConnectionId) {
        let Slots { generations, listed } = &mut *self.lock();
        if let Some(entry) = of(generations, id) {
            if *entry & LISTED != 0 {
                listed[id.slot() / BLOCK] -= 1;
            }
            *entry &= !(TAKEN | LISTED);
        }
    }

    /// All connections have ended.
    pub fn end_all(&self) {
        let Slots { generations, listed } = &mut *self.lock();
        generations.iter_mut().for_each(|entry| *entry &= !(TAKEN | LISTED));
        listed.fill(0);
    }

    /// Whether the connection of this id has begun and has not ended.
    pub fn contains(&self, id: ConnectionId) -> bool {
        of(&mut self.lock().generations, id).is_some_and(|entry| *entry & TAKEN != 0)
    }

    /// Whether it is listed as well.
    pub fn is_listed(&self, id: ConnectionId) -> bool {
        of(&mut self.lock().generations, id).is_some_and(|entry| *entry & LISTED != 0)
    }

    /// Runs something while the list is locked, for a test that shows what takes no lock.
    #[doc(hidden)]
    pub fn while_locked<T>(&self, run: impl FnOnce() -> T) -> T {
        let _held = self.lock();
        run()
    }

    /// The ids of all that are listed, by slot; `reactor` is the number of their reactor.
    pub fn listed_ids(&self, reactor: u8) -> Vec<ConnectionId> {
        self.listed_ids_and_looks(reactor).0
    }

    /// The same, and at how many places it has looked for that.
    pub(crate) fn listed_ids_and_looks(&self, reactor: u8) -> (Vec<ConnectionId>, usize) {
        let Slots { generations, listed } = &*self.lock();
        let (mut ids, mut looks) = (Vec::new(), listed.len());
        for (block, _) in listed.iter().enumerate().filter(|(_, count)| **count > 0) {
            let slots = block * BLOCK..generations.len().min((block + 1) * BLOCK);
            looks += slots.len();
            let in_block = slots.map(|slot| (slot, generations[slot]));
            let listed = in_block.filter(|(_, entry)| entry & LISTED != 0);
            ids.extend(listed.map(|(slot, entry)| ConnectionId::new(reactor, number(entry), slot)));
        }
        (ids, looks)
    }

    /// The generation of a slot. Zero if the slot was never used.
    pub(crate) fn of(&self, slot: usize) -> u32 {
        self.lock().generations.get(slot).map_or(0, |entry| number(*entry))
    }

    /// The generation of a slot that is used from now on.
    pub(crate) fn begin(&self, slot: usize) -> u32 {
        let generations = &mut self.lock().generations;
        table::extend_gently(generations, slot, || 0);
        let generation = number(generations[slot]);
        generations[slot] = generation | TAKEN;
        generation
    }

    /// The generation of the next connection in a slot that nobody has.
    pub(crate) fn set(&self, slot: usize, generation: u32) {
        let generations = &mut self.lock().generations;
        table::extend_gently(generations, slot, || 0);
        generations[slot] = generation;
    }

    /// The number of slots that were ever used.
    pub(crate) fn len(&self) -> usize {
        self.lock().generations.len()
    }

    pub(crate) fn table_bytes(&self) -> usize {
        let Slots { generations, listed } = &*self.lock();
        generations.capacity() * size_of::<u32>() + listed.capacity() * size_of::<u16>()
    }

    /// A panic can't leave it inconsistent.
    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The entry of the slot of this id, if the id has its generation.
fn of(generations: &mut [u32], id: ConnectionId) -> Option<&mut u32> {
    generations.get_mut(id.slot()).filter(|entry| number(**entry) == id.generation())
}

fn number(entry: u32) -> u32 {
    entry & !(TAKEN | LISTED)
}
