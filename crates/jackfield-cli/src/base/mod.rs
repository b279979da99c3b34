//! What every command needs: units, targets, errors, what the system knows of processes and cores, and where figures
//! are written. Nothing here knows a command.

pub(crate) mod cores;
pub(crate) mod error;
pub(crate) mod figure;
pub(crate) mod machine;
pub(crate) mod papers;
pub(crate) mod proc;
pub(crate) mod progress;
pub(crate) mod random;
pub(crate) mod target;
pub(crate) mod trust;
pub(crate) mod units;
