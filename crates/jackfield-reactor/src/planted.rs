//! Planted bugs, which prove that the simulation finds them. Without the feature `planted-bugs` there are none.

#[cfg(feature = "planted-bugs")]
use std::sync::atomic::{AtomicU32, Ordering};

#[cfg(feature = "planted-bugs")]
static SELECTED: AtomicU32 = AtomicU32::new(0);

/// Lets the whole process have this bug; 0 is none.
#[cfg(feature = "planted-bugs")]
pub fn select(bug: u32) {
    SELECTED.store(bug, Ordering::Relaxed);
}

/// True if the process has this bug.
#[cfg(feature = "planted-bugs")]
pub fn planted(bug: u32) -> bool {
    SELECTED.load(Ordering::Relaxed) == bug
}

/// No process has any of them.
#[cfg(not(feature = "planted-bugs"))]
#[inline(always)]
pub const fn planted(_bug: u32) -> bool {
    false
}
