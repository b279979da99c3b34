//! Bytes to events and back: HTTP/1.1, WebSocket and server-sent events, for both roles.
//!
//! There is no socket, no clock, no thread and no source of randomness in this crate: bytes, time and random
//! numbers are arguments. Each protocol is a *machine*: it is shown the bytes that have arrived, and answers with a
//! [`Step`]. What it hands out borrows those bytes and never the machine, so that the machine is free for the
//! answer while the event is still being looked at.

pub mod http1;
pub mod sse;
pub mod websocket;

/// What a machine made of the bytes it was shown.
///
/// `E` is the event, which borrows the bytes; `X` is the error that the bytes deserve. After [`Step::Event`] and
/// [`Step::Need`] the caller drops as many bytes from the front as the number says, and after an event it steps
/// again with the rest.
#[derive(Debug)]
pub enum Step<E, X> {
    /// Took so many bytes (often none) and needs more than the rest before it can say anything.
    Need(usize),
    /// Nothing is parsed before the outstanding answer is given. Took no byte.
    Paused,
    /// An event, and how many bytes from the front it used up.
    Event(usize, E),
    /// The bytes break the protocol. The machine will not go on: tell the peer what the error says, and close.
    Fault(X),
}
