//! Why a connection ends, and what its peer gets.
//!
//! This room only decides; `links/close.rs` acts.

mod goodbye;
mod reason;

pub(crate) use goodbye::{
    ClosingState, Goodbye, ProtocolState, busy_response, close_text, goodbye, retry_event,
};
pub(crate) use reason::CLASSES;
pub use reason::{ConnectError, Disconnect, Limit, ProtocolError, Reason, Timeout};
