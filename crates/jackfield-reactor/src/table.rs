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

fn step(len: usize) -> usize {
    (len / 8).max(64)
}
