//! What every command needs: units, targets, errors, what the system knows of processes and cores, and where figures
//! are written. Nothing here knows a command.

pub mod error;
pub mod machine;
pub mod output;
pub mod proc;
pub(crate) mod progress;
pub(crate) mod random;
pub(crate) mod sessions;
pub mod target;
pub mod trust;
pub mod units;
pub mod writable;
