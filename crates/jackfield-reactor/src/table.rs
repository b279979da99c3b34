//! How tables grow.

use slab::Slab;

/// Makes room for one more entry, by an eighth of the length at a time. A vector that doubles would take up to twice the
/// memory of its entries; this one takes at most an eighth more, and copies each entry more often while it grows.
pub fn reserve_gently<T>(slab: &mut Slab<T>) {
    if slab.len() == slab.capacity() {
        slab.reserve_exact(step(slab.len()));
    }
}

/// The same for a table with one entry for each slot: extends the table with `empty` until it has an entry for `slot`.
pub fn extend_gently<T>(table: &mut Vec<T>, slot: usize, empty: impl FnMut() -> T) {
    if slot >= table.capacity() {
        table.reserve_exact(slot - table.len() + step(slot));
    }
    if slot >= table.len() {
        table.resize_with(slot + 1, empty);
    }
}

/// The bytes that a hash table of the standard library takes if it has room for this many entries. The number of places is
/// a power of two, at most seven of eight are used, and each needs one byte more than its entry.
pub fn hash_table_bytes<T>(capacity: usize) -> usize {
    match capacity {
        0 => 0,
        1..=3 => places_bytes::<T>(4),
        4..=7 => places_bytes::<T>(8),
        _ => places_bytes::<T>((capacity * 8 / 7).next_power_of_two()),
    }
}

fn places_bytes<T>(places: usize) -> usize {
    // The bytes of the first group are repeated at the end.
    const GROUP_BYTES: usize = 16;
    places * (size_of::<T>() + 1) + GROUP_BYTES
}

fn step(len: usize) -> usize {
    (len / 8).max(64)
}
