//! The reactor: readiness, connections, buffers, timers and mailboxes. It knows no protocol.
//!
//! A [`Reactor`] owns the *wires*. A wire is the I/O half of a connection. The reactor works in *turns*. In each turn it
//! gets the time and a list of what is ready, reads, passes the bytes to its [`Service`], and writes the service's answers.
//! It neither polls nor reads a clock: [`Driver`] does both, with mio. [`MemoryDriver`] replaces the operating system in
//! tests and simulations.
//!
//! This crate has no HTTP and no WebSocket, and depends on no crate that has them.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod budget;
#[cfg(test)]
#[path = "budget/tests.rs"]
mod budget_tests;
mod driver;
mod generations;
mod guard;
mod id;
mod limits;
mod mailbox;
#[doc(hidden)]
pub mod planted;
mod reason;
mod session;
mod stats;
mod stream;
mod sync;
pub mod table;
mod time;
mod tokens;
mod turn;
mod wheel;
mod wire;
mod wires;

pub use budget::{Budget, Eviction, Pressure};
pub use driver::Driver;
pub use driver::check::Accounts;
pub use driver::in_memory::MemoryDriver;
pub use generations::Generations;
pub use id::{ConnectionId, NotAnId, REACTORS_MAX, SLOTS_MAX};
pub use limits::{Bandwidth, Limits, LowestMarks};
pub use mailbox::{Mailbox, PostError, Taken};
pub use mio;
pub use reason::{Limit, Reason, Timeout};
pub use session::connecting::{Above, Connecting};
#[cfg(feature = "tls")]
pub use session::hello::{Hello, HelloAnswer};
pub use session::preamble::{PreambleParser, PreambleRead, Proxied};
#[cfg(feature = "tls")]
pub use session::tls::Tls;
pub use session::{AfterPreamble, Session};
pub use stats::{Counter, Stats, TURN_NS};
pub use stream::Stream;
pub use stream::addr::Addr;
pub use stream::credentials::Credentials;
pub use stream::listener::{BACKLOG, ListenOptions, Listener};
pub use stream::listeners::Listeners;
pub use stream::options::{KeepAlive, SocketOptions, UNSENT_BYTES};
pub use stream::passed::Passed;
pub use stream::pipe::{FarEnd, Pipe};
pub use time::Time;
pub use tokens::TokenBucket;
pub use turn::Reactor;
pub use turn::service::{Incoming, Service};
pub use wire::outbox::{Outbox, SHARE_BYTES_MIN, WRITE_THROUGH_BYTES_MIN};
pub use wire::peer::Peer;
pub use wire::timer_key::{CHARGED_TIMER_KEY_MAX, TIMER_KEY_MAX};
pub use wires::dial::Dial;
pub use wires::reading::ReadPause;
pub use wires::ready::Ready;
pub use wires::{WireStats, Wires};
