//! Synchronisation for the index of topics. `tests/loom.rs` compiles the index with loom's types in place of these, and
//! so tries every order.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};

/// Numbers that topics share: see `topics/hash_counts.rs`.
pub(crate) const TOPIC_NUMBERS: usize = 1024;

/// Runs a test that loom runs too: there in every order of its threads.
#[cfg(test)]
pub(crate) fn model(run: impl Fn() + Send + Sync + 'static) {
    run();
}
