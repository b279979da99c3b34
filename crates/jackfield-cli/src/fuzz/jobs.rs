//! The number of threads.

use std::thread;

/// The number of threads: the given one, or one for each core.
pub(crate) fn jobs(asked: Option<u16>) -> usize {
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    asked.map_or_else(cores, usize::from)
}
