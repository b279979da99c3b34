//! What threads meet at in the directory of topics. `tests/loom.rs` compiles that with loom's own in this place, and
//! so sees every order.

pub(crate) use std::sync::atomic::{AtomicUsize, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};
