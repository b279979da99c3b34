//! The ids of one reactor's connections, for other threads.

use jackfield_reactor::{ConnectionId, Generations, table};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The connections of one reactor that have a client, for other threads. Locked when a connection begins or ends and
/// when a thread reads it, never for a message.
#[derive(Debug)]
pub(crate) struct Roster {
    generations: Generations,
    /// A bit for each slot that has a client. A connection ends, and its generation changes, only under this lock.
    taken: Mutex<Vec<u64>>,
}

impl Roster {
    pub(crate) fn new(generations: &Generations) -> Self {
        Self { generations: generations.clone(), taken: Mutex::default() }
    }

    /// A connection has got a client.
    pub(crate) fn enter(&self, id: ConnectionId) {
        let (word, bit) = place(id.slot());
        let mut taken = self.lock();
        table::extend_gently(&mut taken, word, || 0);
        taken[word] |= bit;
    }

    /// It has ended.
    pub(crate) fn leave(&self, id: ConnectionId) {
        let (word, bit) = place(id.slot());
        if let Some(word) = self.lock().get_mut(word) {
            *word &= !bit;
        }
    }

    /// All have ended.
    pub(crate) fn clear(&self) {
        *self.lock() = Vec::new();
    }

    pub(crate) fn contains(&self, id: ConnectionId) -> bool {
        let (word, bit) = place(id.slot());
        let taken = self.lock();
        taken.get(word).is_some_and(|word| word & bit != 0)
            && self.generations.of(id.slot()) == id.generation()
    }

    /// All of them, by slot.
    pub(crate) fn ids(&self, reactor: usize) -> Vec<ConnectionId> {
        let taken = self.lock();
        let slots = (0..taken.len() * SLOTS_PER_WORD).filter(|slot| {
            let (word, bit) = place(*slot);
            taken[word] & bit != 0
        });
        slots.map(|slot| ConnectionId::new(reactor as u8, self.generations.of(slot), slot)).collect()
    }

    /// A panic can't leave it inconsistent.
    fn lock(&self) -> MutexGuard<'_, Vec<u64>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const SLOTS_PER_WORD: usize = u64::BITS as usize;

/// Where the bit of a slot is.
fn place(slot: usize) -> (usize, u64) {
    (slot / SLOTS_PER_WORD, 1 << (slot % SLOTS_PER_WORD))
}
