//! Holds peers to their limits.
//!
//! Its files import from `links/`, and never from each other.

mod control;
mod deadline;
mod gate;
mod heartbeat;
mod memory;
mod overload;
mod rate;

pub(crate) use heartbeat::awaits_pong;
