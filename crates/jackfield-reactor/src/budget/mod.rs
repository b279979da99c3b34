//! What buffers hold, and how much they may.
//!
//! Each reactor keeps an [`Account`] of its own; the reactors of a server share a [`Budget`]. A buffer knows what it is
//! charged for, and is charged where it is kept, grown or given back, so that whatever keeps nothing pays nothing.

pub(crate) mod account;

use crate::sync::{AtomicBool, AtomicUsize, Ordering};
use Ordering::SeqCst;

/// How much the buffers of all reactors that share it may hold.
///
/// Above 80 % of it there is *pressure*: connections that hold half the average or more are not read until 70 % is
/// reached again. Above all of it the largest connections are evicted, by the reactor that finds it so and of its own;
/// one that holds less than its share of the budget evicts no more than it needs itself.
#[derive(Debug)]
pub struct Budget {
    bytes_max: usize,
    /// How many accounts share it.
    accounts: AtomicUsize,
    /// What the accounts have published.
    used: AtomicUsize,
    /// There was pressure, and it is not over yet.
    is_pressed: AtomicBool,
}

/// A change of the memory's state, told once by whichever reactor finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pressure {
    /// More than 80 % of the budget is held.
    High,
    /// It is 70 % or less again.
    Relieved,
}

/// Why a connection is evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Eviction {
    /// It holds more than one connection may.
    TooLarge,
    /// The budget is used up, and it is among the largest; or it was not read for want of memory for too long.
    Scarce,
}

impl Budget {
    /// This many bytes; `usize::MAX`: any number.
    pub fn new(bytes_max: usize) -> Self {
        let (accounts, used) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { bytes_max, accounts, used, is_pressed: AtomicBool::new(false) }
    }

    /// Its size in bytes.
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Charges bytes that no reactor's account knows of, such as a mailbox's. To be taken back with
    /// [`Budget::give_back`]; a reactor finds what they bring about when it next charges something itself.
    pub fn charge(&self, bytes: usize) {
        self.used.fetch_add(bytes, SeqCst);
    }

    /// Takes [`Budget::charge`] back.
    pub fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, SeqCst);
    }

    /// True from [`Pressure::High`] to [`Pressure::Relieved`].
    pub fn is_pressed(&self) -> bool {
        self.is_pressed.load(SeqCst)
    }

    /// Above it there is pressure: 80 %.
    fn high(&self) -> usize {
        self.bytes_max - self.bytes_max / 5
    }

    /// From it on there is none any more: 70 %.
    fn low(&self) -> usize {
        self.high() - self.bytes_max / 10
    }
}

impl Default for Budget {
    /// Any number of bytes.
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}
