//! How tables grow.

use slab::Slab;

/// Makes room for one more, an eighth at a time. A vector that doubles would hold up to twice the memory of the
/// connections that exist; so it is at most a ninth more, for copying each entry eight times on the way up instead of
/// once.
pub fn reserve_gently<T>(slab: &mut Slab<T>) {
    if slab.len() == slab.capacity() {
        slab.reserve_exact(step(slab.len()));
    }
}

/// The same for a plain table with one entry for each slot: makes `slot` exist.
pub fn extend_gently<T>(table: &mut Vec<T>, slot: usize, empty: impl FnMut() -> T) {
    if slot >= table.capacity() {
        table.reserve_exact(slot - table.len() + step(slot));
    }
    if slot >= table.len() {
        table.resize_with(slot + 1, empty);
    }
}

/// Bytes that a hash table of the standard library takes which has room for so many entries: a power of two of places, of
/// which seven of eight are used at most, and a byte for each of them.
pub fn hash_table_bytes<T>(capacity: usize) -> usize {
    match capacity {
        0 => 0,
        1..=3 => places_bytes::<T>(4),
        4..=7 => places_bytes::<T>(8),
        _ => places_bytes::<T>((capacity * 8 / 7).next_power_of_two()),
    }
}

fn places_bytes<T>(places: usize) -> usize {
    // The bytes of the first group stand at the end once more.
    const GROUP_BYTES: usize = 16;
    places * (size_of::<T>() + 1) + GROUP_BYTES
}

fn step(len: usize) -> usize {
    (len / 8).max(64)
}
