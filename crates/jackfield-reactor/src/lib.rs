//! Readiness, connections, buffers, timers and mailboxes: a reactor that knows no protocol.
//!
//! A [`Reactor`] holds the *wires*, the I/O halves of its connections, and takes *turns*: it is told the time and what
//! is ready, reads, hands the bytes to its [`Service`], and writes what the service answered. It neither polls nor
//! reads a clock. [`Driver`] does both with mio; [`MemoryDriver`] plays them without the operating system, for
//! tests and simulations.
//!
//! There is no HTTP and no WebSocket in this crate, and nothing in it depends on a crate that knows them.

mod budget;
#[cfg(test)]
mod budget_tests;
mod carry;
mod door;
mod driver;
mod guard;
mod id;
mod limits;
mod listener;
mod mailbox;
mod memory;
mod outbox;
mod pipe;
#[doc(hidden)]
pub mod planted;
mod reason;
mod service;
mod stats;
mod sync;
pub mod table;
mod time;
mod timer;
#[cfg(feature = "tls")]
mod tls;
mod transport;
mod turn;
mod wire;
mod wires;

pub use budget::{Budget, Eviction, Pressure};
pub use driver::Driver;
pub use id::{NotAnId, REACTORS_MAX, SLOTS_MAX, WireId};
pub use limits::Limits;
pub use listener::{BACKLOG, ListenOptions, Listener, UNSENT_BYTES};
pub use mailbox::{Full, Mailbox};
pub use memory::{Accounts, MemoryDriver};
pub use mio;
pub use outbox::{Outbox, SHARE_BYTES_MIN, WRITE_THROUGH_BYTES_MIN};
pub use pipe::{FarEnd, Pipe};
pub use reason::{Limit, Reason, Timeout};
pub use service::{Incoming, Service};
pub use stats::{Counter, Stats};
pub use time::Time;
#[cfg(feature = "tls")]
pub use tls::Tls;
pub use transport::Transport;
pub use turn::{Reactor, Ready};
pub use wires::{TIMER_KEY_MAX, WireStats, Wires};
