//! A hierarchical timer wheel, linked through the entries of a slab.
//!
//! Six levels of 64 buckets; a bucket of level *n* spans 64^*n* milliseconds. An entry lies on the level of the
//! highest digit (in base 64) in which its time differs from the wheel's, in the bucket of that digit. When the wheel
//! reaches a bucket above level 0, its entries move down; each moves at most five times in its life, and timers fire
//! to the millisecond. One bit a bucket says which are in use, so that the next one is found by counting zeros.
//!
//! A bucket can hold the timers of all connections, so its entries move down in portions. Until the last has moved, the
//! wheel's time stays at the begin of the bucket, and nothing fires: a timer that has not moved could be the first.
//!
//! Setting, moving and cancelling are O(1) and allocate nothing once the slab has grown. Entries of one connection
//! are chained through `sibling`, so that they all go with it.

use crate::id::ConnectionId;
use crate::planted::planted;
use slab::Slab;

/// No entry.
pub(crate) const NIL: u32 = u32::MAX;

const LEVELS: usize = 6;
const LAST: usize = LEVELS - 1;
const BUCKETS: usize = 64;
const DIGIT_BITS: u32 = 6;
/// Timers that are further ahead wait in the last bucket, the one before the present one of the highest level, and are
/// inserted again when it is reached. So no entry lies in the present bucket of a level above 0, unless it is moving down.
const AHEAD_MAX: u64 = (BUCKETS as u64 - 1) << (DIGIT_BITS * LAST as u32);
/// An entry that is in no bucket.
const IDLE: u16 = u16::MAX;

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) at: u64,
    pub(crate) id: ConnectionId,
    pub(crate) key: u32,
    /// A value that the reactor keeps with one of its own timers.
    pub(crate) note: u32,
    /// The next timer of the same connection.
    pub(crate) sibling: u32,
    next: u32,
    prev: u32,
    bucket: u16,
}

/// Nearly every connection has one, so it must be small.
const _: () = assert!(size_of::<Entry>() == 40);

/// Bytes of a timer: its place in the table, with the mark whether it is used. The table grows by an eighth, of which
/// half is free on average.
pub(crate) const TIMER_BYTES: usize = (size_of::<Entry>() + align_of::<Entry>()) * 17 / 16;

#[derive(Debug)]
pub(crate) struct Wheel {
    entries: Slab<Entry>,
    heads: Box<[u32; LEVELS * BUCKETS]>,
    used: [u64; LEVELS],
    /// Everything before this time has fired.
    now: u64,
    /// No timer is due before this time. Lowered when a timer is set, and computed again only when it has passed.
    next: u64,
    /// The bucket above level 0 whose entries are moving down. The present time is at its begin.
    moving: Option<usize>,
    /// How many entries may still move down before the next [`Wheel::allow_moves`].
    moves_left: usize,
}

impl Wheel {
    pub(crate) fn new(now: u64) -> Self {
        let heads = Box::new([NIL; LEVELS * BUCKETS]);
        let (entries, used) = (Slab::new(), [0; LEVELS]);
        Self { entries, heads, used, now, next: u64::MAX, moving: None, moves_left: 0 }
    }

    /// Makes an entry that is not set yet.
    pub(crate) fn insert(&mut self, id: ConnectionId, key: u32, sibling: u32) -> u32 {
        crate::table::reserve_gently(&mut self.entries);
        let entry = Entry { at: u64::MAX, id, key, note: 0, sibling, next: NIL, prev: NIL, bucket: IDLE };
        self.entries.insert(entry) as u32
    }

    pub(crate) fn entry(&self, index: u32) -> &Entry {
        &self.entries[index as usize]
    }

    pub(crate) fn entry_mut(&mut self, index: u32) -> &mut Entry {
        &mut self.entries[index as usize]
    }

    /// True if the entry waits for its time.
    pub(crate) fn is_set(&self, index: u32) -> bool {
        self.entry(index).bucket != IDLE
    }

    /// Sets or moves an entry. If its time has passed, it fires at the next check.
    pub(crate) fn set(&mut self, index: u32, at: u64) {
        self.unset(index);
        self.entry_mut(index).at = at;
        self.next = self.next.min(at);
        self.link(index);
    }

    /// Takes an entry out of the wheel; its connection keeps it.
    pub(crate) fn unset(&mut self, index: u32) {
        let Entry { next, prev, bucket, .. } = *self.entry(index);
        if bucket == IDLE {
            return;
        }
        match prev {
            NIL => self.heads[usize::from(bucket)] = next,
            prev => self.entry_mut(prev).next = next,
        }
        if next != NIL {
            self.entry_mut(next).prev = prev;
        }
        if self.heads[usize::from(bucket)] == NIL {
            self.used[usize::from(bucket) / BUCKETS] &= !(1 << (usize::from(bucket) % BUCKETS));
        }
        self.entry_mut(index).bucket = IDLE;
    }

    /// Removes an entry, and returns the next one of its connection.
    pub(crate) fn remove(&mut self, index: u32) -> u32 {
        self.unset(index);
        self.entries.remove(index as usize).sibling
    }

    /// From now on this many entries may move down.
    pub(crate) fn allow_moves(&mut self, most: usize) {
        self.moves_left = most;
    }

    /// How many of them did not.
    pub(crate) fn moves_left(&self) -> usize {
        self.moves_left
    }

    /// Takes the next timer that is due. Its connection keeps the entry. `None` if no more entries may move down either; then
    /// [`Wheel::next`] is not in the future.
    pub(crate) fn take_due(&mut self, now: u64) -> Option<(ConnectionId, u32)> {
        if now < self.next { None } else { self.take_due_now(now) }
    }

    /// No timer is due before this time; `u64::MAX`: none is set.
    #[inline(always)]
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// The number of entries, set or not, for tests.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes that the table takes.
    pub(crate) fn table_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
    }

    #[cold]
    #[inline(never)]
    fn take_due_now(&mut self, now: u64) -> Option<(ConnectionId, u32)> {
        loop {
            if self.moving.is_some_and(|bucket| !self.move_down(bucket)) {
                return None;
            }
            let (level, begin) = self.first_bucket();
            self.next = begin;
            if begin > now {
                // Entries further ahead move down when their bucket is reached.
                self.now = self.now.max(now);
                return None;
            }
            self.now = self.now.max(begin);
            let bucket = level * BUCKETS + digit(begin, level);
            if level == 0 {
                let index = self.heads[bucket];
                self.unset(index);
                let entry = self.entry(index);
                return Some((entry.id, entry.key));
            }
            self.moving = Some(bucket);
        }
    }

    /// The bucket that is reached first: its level and its begin. `u64::MAX` if all are empty.
    fn first_bucket(&self) -> (usize, u64) {
        let now = self.now;
        for (level, &used) in self.used.iter().enumerate() {
            if used == 0 {
                continue;
            }
            let ahead = used.rotate_right(digit(now, level) as u32);
            let span = 1u64 << (DIGIT_BITS * level as u32);
            // Level 0 can hold the present time. On higher levels an entry differs in its digit, so it is ahead.
            return (level, (now & !(span - 1)).saturating_add(u64::from(ahead.trailing_zeros()) * span));
        }
        (0, u64::MAX)
    }

    /// Moves as many entries of a bucket down as still may. True if none is left.
    #[cold]
    fn move_down(&mut self, bucket: usize) -> bool {
        let mut index = self.heads[bucket];
        while index != NIL && self.moves_left > 0 {
            self.moves_left -= 1;
            let next = self.entry(index).next;
            self.link(index);
            index = if planted(17) { NIL } else { next };
        }
        self.heads[bucket] = index;
        if index != NIL {
            self.entry_mut(index).prev = NIL;
            return false;
        }
        self.used[bucket / BUCKETS] &= !(1 << (bucket % BUCKETS));
        self.moving = None;
        true
    }

    fn link(&mut self, index: u32) {
        let at = self.entry(index).at.clamp(self.now, self.now.saturating_add(AHEAD_MAX));
        let level = level(self.now, at);
        let bucket = level * BUCKETS + digit(at, level);
        let head = std::mem::replace(&mut self.heads[bucket], index);
        self.used[level] |= 1 << (bucket % BUCKETS);
        if head != NIL {
            self.entry_mut(head).prev = index;
        }
        let entry = self.entry_mut(index);
        (entry.next, entry.prev, entry.bucket) = (head, NIL, bucket as u16);
    }
}

/// The highest digit in which the two times differ.
fn level(now: u64, at: u64) -> usize {
    let differing = (now ^ at) | (BUCKETS as u64 - 1);
    ((differing.ilog2() / DIGIT_BITS) as usize).min(LAST)
}

fn digit(time: u64, level: usize) -> usize {
    (time >> (DIGIT_BITS * level as u32)) as usize % BUCKETS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The timers that fire in one turn, in which so many entries may move down.
    fn fired_in_turn(wheel: &mut Wheel, now: u64, moves: usize) -> Vec<u32> {
        wheel.allow_moves(moves);
        let mut keys: Vec<u32> = std::iter::from_fn(|| wheel.take_due(now)).map(|(_, key)| key).collect();
        keys.sort_unstable();
        keys
    }

    fn fired(wheel: &mut Wheel, now: u64) -> Vec<u32> {
        fired_in_turn(wheel, now, usize::MAX)
    }

    #[derive(Clone, Debug)]
    enum Act {
        Set(u32, u64),
        Unset(u32),
        Wait(u64),
    }

    /// Also more than the 50 days of 32 bits, and than the two years of the wheel.
    fn act() -> impl Strategy<Value = Act> {
        let near = || prop_oneof![0u64..70, 0u64..5_000, 0u64..300_000, 0u64..100_000_000];
        let span = || prop_oneof![4 => near(), 1 => 0u64..10_000_000_000, 1 => 0u64..200_000_000_000];
        prop_oneof![
            4 => (0u32..40, prop_oneof![9 => span(), 1 => Just(u64::MAX)])
                .prop_map(|(key, after)| Act::Set(key, after)),
            // Many in one bucket.
            1 => (0u32..40, 0u64..100).prop_map(|(key, after)| Act::Set(key, 200_000 + after)),
            2 => (0u32..40).prop_map(Act::Unset),
            2 => span().prop_map(Act::Wait),
        ]
    }

    /// How many entries may move down in one turn; all of them in the last case.
    fn moves() -> impl Strategy<Value = usize> {
        prop_oneof![1usize..8, Just(usize::MAX)]
    }

    /// More turns than are needed until nothing is due, if one entry moves down in each. An entry that is further ahead than the
    /// wheel's span moves through all levels again each time that the span has passed.
    fn turns_max(waited: u64) -> usize {
        40 * LEVELS * (2 + (waited / AHEAD_MAX) as usize)
    }

    proptest! {
        /// Compares with a plain table: the same timers fire, none early or twice, and none is late by more than turns that
        /// come without a sleep. Timers are set and unset also while a bucket has moved down in part.
        #[test]
        fn fires_what_a_plain_table_fires(
            start in 0u64..1_000_000_000,
            moves in moves(),
            acts in prop::collection::vec(act(), 0..200),
        ) {
            let mut now = start;
            let mut wheel = Wheel::new(now);
            let entries: Vec<u32> = (0..40).map(|key| wheel.insert(ConnectionId::NONE, key, NIL)).collect();
            let mut table = std::collections::BTreeMap::new();
            let mut acts = acts.into_iter();
            let mut turns_left = 0;
            while acts.len() > 0 || turns_left > 0 {
                match acts.next() {
                    Some(Act::Set(key, after)) => {
                        let at = now.saturating_add(after);
                        wheel.set(entries[key as usize], at);
                        table.insert(key, at);
                    }
                    Some(Act::Unset(key)) => {
                        wheel.unset(entries[key as usize]);
                        table.remove(&key);
                    }
                    Some(Act::Wait(span)) => now += span,
                    None => {}
                }
                for key in fired_in_turn(&mut wheel, now, moves) {
                    let at = table.remove(&key);
                    prop_assert!(at.is_some_and(|at| at <= now), "{key} is due at {at:?}, and it is {now}");
                }
                let is_due = table.values().any(|at| *at <= now);
                prop_assert!(!is_due || (wheel.next() <= now && moves != usize::MAX), "the next turn must not sleep");
                // The next time is a lower bound, and finite while something is set.
                prop_assert!(table.values().all(|at| wheel.next() <= *at));
                turns_left = if acts.len() > 0 { turns_max(now - start) } else { turns_left.saturating_sub(1) };
            }
            prop_assert!(wheel.next() > now, "nothing is left to be done");
            prop_assert!(table.values().all(|at| *at > now));
        }
    }

    #[test]
    fn sleeping_until_the_next_time_wakes_seldom() {
        let mut wheel = Wheel::new(0);
        let entry = wheel.insert(ConnectionId::NONE, 7, NIL);
        wheel.set(entry, 75_000);
        let (mut now, mut looks) = (0, 0);
        while fired(&mut wheel, now).is_empty() {
            now = wheel.next();
            looks += 1;
        }
        assert_eq!(now, 75_000);
        assert!(looks <= LEVELS, "{looks} looks");
    }

    #[test]
    fn removed_entries_never_fire() {
        let mut wheel = Wheel::new(0);
        let (a, b) = (wheel.insert(ConnectionId::NONE, 1, NIL), wheel.insert(ConnectionId::NONE, 2, NIL));
        wheel.set(a, 10);
        wheel.set(b, 10);
        wheel.remove(a);
        assert_eq!(fired(&mut wheel, 10), [2]);
        assert_eq!(wheel.len(), 1);
    }
}
