//! The memory that buffers hold, and its limit.
//!
//! Each reactor has its own [`Account`]. The reactors of a server share a [`Budget`]. A buffer knows its charge, which
//! changes when the buffer is kept, grows or is freed. So a connection without buffers costs nothing here.

pub(crate) mod account;

use crate::sync::{AtomicBool, AtomicUsize, Ordering};
use Ordering::SeqCst;

/// The limit of the memory that the buffers of several reactors may hold together.
///
/// Above 80 % of it there is *pressure*: connections that hold at least half the average are not read until 70 % is reached
/// again. Above 100 % the largest connections are evicted. The reactor that notices it evicts connections of its own. A
/// reactor that holds less than its share of the budget evicts only what is needed to get back to 100 %, and looks for that
/// in a part of its connections at a time.
#[derive(Debug)]
pub struct Budget {
    bytes_max: usize,
    /// The number of accounts that share it.
    accounts: AtomicUsize,
    /// The sum that the accounts have published.
    used: AtomicUsize,
    /// There is pressure.
    is_pressed: AtomicBool,
}

/// A change of memory pressure. The reactor that notices it reports it, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pressure {
    /// More than 80 % of the budget is held.
    High,
    /// After [`Pressure::High`], at most 70 % of the budget is held.
    Relieved,
}

/// Why a connection is evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Eviction {
    /// It holds more than [`Limits::wire_memory_bytes_max`](crate::Limits::wire_memory_bytes_max).
    TooLarge,
    /// The budget is exceeded and the connection is one of the largest, or it was not read for
    /// [`Limits::memory_wait`](crate::Limits::memory_wait) because memory was short.
    Scarce,
}

impl Budget {
    /// A budget of this many bytes. `usize::MAX` disables it.
    pub fn new(bytes_max: usize) -> Self {
        let (accounts, used) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { bytes_max, accounts, used, is_pressed: AtomicBool::new(false) }
    }

    /// Its size in bytes.
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Charges bytes that belong to no reactor's account, such as those of a mailbox. [`Budget::give_back`] takes them
    /// back. A reactor reacts to them when it next charges something itself.
    pub fn charge(&self, bytes: usize) {
        self.used.fetch_add(bytes, SeqCst);
    }

    /// Takes back bytes that were charged with [`Budget::charge`].
    pub fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, SeqCst);
    }

    /// True from [`Pressure::High`] to [`Pressure::Relieved`].
    pub fn is_pressed(&self) -> bool {
        self.is_pressed.load(SeqCst)
    }

    /// Above this there is pressure: 80 %.
    fn high(&self) -> usize {
        self.bytes_max - self.bytes_max / 5
    }

    /// At or below this the pressure ends: 70 %.
    fn low(&self) -> usize {
        self.high() - self.bytes_max / 10
    }
}

impl Default for Budget {
    /// A disabled budget.
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}
