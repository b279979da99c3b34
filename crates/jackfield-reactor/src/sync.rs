//! What threads meet at. `tests/loom.rs` compiles mailbox and budget with loom's own in this place, and so sees every order.

pub(crate) use mio::Waker;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};
