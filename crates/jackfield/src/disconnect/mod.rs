//! Why a connection ends, and what its peer gets.
//!
//! This room only decides; `links/close.rs` acts.

mod goodbye;
mod reason;

pub(crate) use goodbye::{At, Goodbye, Standing, busy, close_text, goodbye, retry};
pub(crate) use reason::CLASSES;
pub use reason::{ConnectError, Disconnect, Limit, ProtocolError, Reason, Timeout};
