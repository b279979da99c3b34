//! Server-sent events: the format `text/event-stream` of the WHATWG HTML standard, section "Server-sent events".
//!
//! [`Event::encode`] writes an event so that nothing in it can become another event or field. [`Decoder`] reads a
//! stream as a browser does.

mod decoder;
mod encode;
mod error;

pub use decoder::{DecodedEvent, Decoder, EventScratch, Limits};
pub use encode::{Event, encode_data, encoded_event_len};
pub use error::{Error, FieldError};
