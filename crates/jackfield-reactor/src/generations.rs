//! How often each slot was used, and which connection has it now.

use crate::id::{ConnectionId, SLOTS_MAX};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// For each slot that was used the generation of the connection in it, or of the next one.
///
/// It is shared, so that other threads can tell which connections exist without a table of ids. Nobody waits for it: each
/// entry is one atomic number, and only the thread of the reactor changes it. A list that is made meanwhile has each
/// connection that was there all the time.
#[derive(Clone, Debug, Default)]
pub struct Generations(Arc<Slots>);

/// The slots, in blocks of blocks that are made when they are needed and never move.
#[derive(Debug)]
struct Slots {
    regions: Box<[OnceLock<Region>]>,
    /// The number of slots that were ever used.
    used: AtomicUsize,
    bytes: AtomicUsize,
}

type Region = Box<[OnceLock<Box<Block>>]>;

#[derive(Debug)]
struct Block {
    entries: [AtomicU32; BLOCK],
    /// How many of its connections are listed: blocks without one are passed by, so that a table that was once large costs
    /// little.
    listed: AtomicU32,
}

/// Slots of a block.
const BLOCK: usize = 256;
/// Slots of a region.
const REGION: usize = 256 * BLOCK;

/// In the entry of a slot: a connection has it.
const TAKEN: u32 = 1 << 31;

/// In the entry of a slot: its connection is listed.
const LISTED: u32 = 1 << 30;

impl Generations {
    /// Lists a connection from now on.
    pub fn mark_listed(&self, id: ConnectionId) {
        if let Some((block, entry)) = self.0.entry_of(id) {
            if entry.fetch_or(LISTED, Ordering::AcqRel) & LISTED == 0 {
                block.listed.fetch_add(1, Ordering::AcqRel);
            }
        }
    }

    /// The connection of this id has ended, although its slot may not be free yet.
    pub fn end(&self, id: ConnectionId) {
        if let Some((block, entry)) = self.0.entry_of(id) {
            block.end(entry);
        }
    }

    /// All connections have ended.
    pub fn end_all(&self) {
        for (_, block) in self.0.blocks() {
            block.entries.iter().for_each(|entry| block.end(entry));
        }
    }

    /// Whether the connection of this id has begun and has not ended.
    pub fn contains(&self, id: ConnectionId) -> bool {
        self.0.is_marked(id, TAKEN)
    }

    /// Whether it is listed as well.
    pub fn is_listed(&self, id: ConnectionId) -> bool {
        self.0.is_marked(id, LISTED)
    }

    /// The ids of all that are listed, by slot; `reactor` is the number of their reactor.
    pub fn listed_ids(&self, reactor: u8) -> Vec<ConnectionId> {
        let mut ids = Vec::new();
        self.for_each_listed(reactor, |id| ids.push(id));
        ids
    }

    /// Visits the id of each that is listed, by slot. Returns at how many places it has looked for that.
    pub fn for_each_listed(&self, reactor: u8, mut visit: impl FnMut(ConnectionId)) -> usize {
        let mut looks = 0;
        for (first, block) in self.0.blocks() {
            looks += 1;
            if block.listed.load(Ordering::Acquire) == 0 {
                continue;
            }
            looks += BLOCK;
            for (slot, entry) in (first..).zip(&block.entries) {
                let entry = entry.load(Ordering::Acquire);
                if entry & LISTED != 0 {
                    visit(ConnectionId::new(reactor, number(entry), slot));
                }
            }
        }
        looks
    }

    /// The generation of a slot. Zero if the slot was never used.
    pub(crate) fn of(&self, slot: usize) -> u32 {
        let block = self.0.block(slot);
        block.map_or(0, |block| number(block.entries[slot % BLOCK].load(Ordering::Acquire)))
    }

    /// The generation of a slot that is used from now on.
    pub(crate) fn begin(&self, slot: usize) -> u32 {
        number(self.0.entry(slot).fetch_or(TAKEN, Ordering::AcqRel))
    }

    /// The generation of the next connection in a slot that nobody has.
    pub(crate) fn set(&self, slot: usize, generation: u32) {
        self.0.entry(slot).store(generation, Ordering::Release);
    }

    /// The number of slots that were ever used.
    pub(crate) fn len(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }

    pub(crate) fn table_bytes(&self) -> usize {
        self.0.bytes.load(Ordering::Relaxed)
    }
}

impl Slots {
    /// The entry of a slot, made if the slot was never used.
    fn entry(&self, slot: usize) -> &AtomicU32 {
        self.used.fetch_max(slot + 1, Ordering::Relaxed);
        let region = self.regions[slot / REGION].get_or_init(|| {
            let region: Region = (0..REGION / BLOCK).map(|_| OnceLock::new()).collect();
            self.bytes.fetch_add(size_of_val(&*region), Ordering::Relaxed);
            region
        });
        let block = region[slot % REGION / BLOCK].get_or_init(|| {
            self.bytes.fetch_add(size_of::<Block>(), Ordering::Relaxed);
            Box::new(Block::new())
        });
        &block.entries[slot % BLOCK]
    }

    fn block(&self, slot: usize) -> Option<&Block> {
        let region = self.regions.get(slot / REGION)?.get()?;
        region[slot % REGION / BLOCK].get().map(|block| &**block)
    }

    /// The blocks that there are, each with its first slot.
    fn blocks(&self) -> impl Iterator<Item = (usize, &Block)> {
        let firsts = (0..self.used.load(Ordering::Relaxed)).step_by(BLOCK);
        firsts.filter_map(|first| Some((first, self.block(first)?)))
    }

    /// The block and the entry of the slot of this id, if the id has its generation.
    fn entry_of(&self, id: ConnectionId) -> Option<(&Block, &AtomicU32)> {
        let block = self.block(id.slot())?;
        let entry = &block.entries[id.slot() % BLOCK];
        (number(entry.load(Ordering::Acquire)) == id.generation()).then_some((block, entry))
    }

    fn is_marked(&self, id: ConnectionId, mark: u32) -> bool {
        let Some(block) = self.block(id.slot()) else { return false };
        let entry = block.entries[id.slot() % BLOCK].load(Ordering::Acquire);
        number(entry) == id.generation() && entry & mark != 0
    }
}

impl Default for Slots {
    fn default() -> Self {
        let regions: Box<[OnceLock<Region>]> = (0..SLOTS_MAX / REGION).map(|_| OnceLock::new()).collect();
        let bytes = AtomicUsize::new(size_of_val(&*regions));
        Self { regions, used: AtomicUsize::new(0), bytes }
    }
}

impl Block {
    fn new() -> Self {
        Self { entries: [const { AtomicU32::new(0) }; BLOCK], listed: AtomicU32::new(0) }
    }

    fn end(&self, entry: &AtomicU32) {
        if entry.fetch_and(!(TAKEN | LISTED), Ordering::AcqRel) & LISTED != 0 {
            self.listed.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

fn number(entry: u32) -> u32 {
    entry & !(TAKEN | LISTED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::GENERATION_MAX;

    #[track_caller]
    fn check(list: &Generations, expected: &[(usize, u32)]) {
        let listed: Vec<(usize, u32)> =
            list.listed_ids(3).iter().map(|id| (id.slot(), id.generation())).collect();
        assert_eq!(listed, expected);
    }

    #[test]
    fn what_is_listed_is_found_in_every_block() {
        let list = Generations::default();
        let slots = [0, BLOCK - 1, BLOCK, 7 * BLOCK + 3, REGION, SLOTS_MAX - 1];
        let ids = slots.map(|slot| {
            list.set(slot, GENERATION_MAX - 1);
            ConnectionId::new(3, list.begin(slot), slot)
        });
        check(&list, &[]);
        assert!(ids.iter().all(|id| list.contains(*id) && !list.is_listed(*id)));
        ids.iter().chain(&ids).for_each(|id| list.mark_listed(*id));
        check(&list, &slots.map(|slot| (slot, GENERATION_MAX - 1)));
        list.end(ids[1]);
        list.end(ids[1]);
        check(&list, &[0, 2, 3, 4, 5].map(|index| (slots[index], GENERATION_MAX - 1)));
        list.end_all();
        check(&list, &[]);
        assert!(ids.iter().all(|id| !list.contains(*id)) && list.len() == SLOTS_MAX);
    }

    #[test]
    fn an_id_of_another_generation_is_not_there() {
        let list = Generations::default();
        let id = |generation| ConnectionId::new(0, generation, 5);
        list.set(5, list.begin(5) + 1);
        assert_eq!((list.begin(5), list.of(5), list.of(6), list.of(SLOTS_MAX - 1)), (1, 1, 0, 0));
        for other in
            [id(0), id(2), ConnectionId::new(0, 0, 6), ConnectionId::new(0, 0, REGION), ConnectionId::NONE]
        {
            list.mark_listed(other);
            list.end(other);
            assert!(!list.contains(other) && !list.is_listed(other), "{other}");
        }
        assert!(list.contains(id(1)));
        check(&list, &[]);
    }
}
