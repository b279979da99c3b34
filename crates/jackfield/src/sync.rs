//! What threads meet at in the directory of topics. `tests/loom.rs` compiles that with loom's own in this place, and
//! so sees every order.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};

/// Numbers that topics share: see `topics/presence.rs`.
pub(crate) const TOPIC_NUMBERS: usize = 1024;

/// Runs a test of what is compiled with loom's own too: there, in every order of its threads.
#[cfg(test)]
pub(crate) fn model(run: impl Fn() + Send + Sync + 'static) {
    run();
}
