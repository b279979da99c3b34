//! Synchronisation. `tests/loom.rs` compiles mailbox and budget with loom's types in place of these, and so tries every
//! order.

pub(crate) use mio::Waker;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};
