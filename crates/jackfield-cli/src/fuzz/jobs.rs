//! How many threads work.

use std::thread;

/// The threads that are asked for: one for each core, unless it is said.
pub(crate) fn jobs(asked: Option<u16>) -> usize {
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    asked.map_or_else(cores, usize::from)
}
