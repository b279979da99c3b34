//! Reports for the operator: the watchdog and the access log.
//!
//! Nothing in `links/` or below needs this room.

mod access_log;
mod watchdog;

pub use access_log::{AccessLog, LogCrate};
pub(crate) use watchdog::Watchdog;
