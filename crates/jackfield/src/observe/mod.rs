//! What is made of what happens in a server.
//!
//! Nothing in `links/` or below needs this room.

mod watchdog;

pub(crate) use watchdog::Watchdog;
