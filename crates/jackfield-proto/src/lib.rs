//! Bytes to events and back: HTTP/1.1, WebSocket and server-sent events, for both roles; the PROXY protocol; and forms.
//!
//! There is no socket, no clock, no thread and no source of randomness in this crate: bytes, time and random numbers are
//! arguments. Each protocol is a *machine*: it gets the bytes that have arrived, and returns a [`Step`]. Events borrow those
//! bytes and never the machine, so that the machine can encode the answer while the event is still in use.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod chars;
#[cfg(feature = "forms")]
pub mod forms;
mod host;
pub mod http1;
#[cfg(feature = "json")]
pub mod json;
pub mod proxy;
pub mod sse;
mod step;
pub mod websocket;

pub use step::Step;
