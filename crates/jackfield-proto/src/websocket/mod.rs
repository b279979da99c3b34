//! WebSocket (RFC 6455), for both roles: frames to messages and back, and the two handshakes.
//!
//! # The picture
//!
//! [`Machine::step`] reads the bytes that have arrived and returns an [`Event`]: a whole [`Message`], a Ping, a Pong or a
//! Close. A frame that is complete in the receive buffer is unmasked in place, and the event borrows it: nothing is copied
//! and nothing is allocated. Only a message that spans frames or reads is collected in a separate vector, which moves to the
//! caller's [`Scratch`] when the message is complete.
//!
//! Outgoing frames are encoded by free functions without state: [`encode()`] for a server's message, [`encode_frame`] for any
//! frame, [`encode_masked`] for a client. The machine itself encodes only what has state: the Close, which is sent once
//! ([`Machine::close`]), and a waiting Pong ([`Machine::encode_queued_pong`]).
//!
//! The opening handshake ([`Offer`], [`encode_request`], [`check_response`]) takes header fields as pairs of name and value,
//! so that it works with any HTTP parser.
//!
//! # What is not here
//!
//! The only extension is permessage-deflate, with the feature `deflate`; any other frame with a reserved bit is an error.
//! There are no timeouts: the caller, which has a clock, decides how long to wait for the peer's Close or for the rest of a
//! message. There is no randomness: a client's masking keys are arguments.

mod close;
#[cfg(feature = "deflate")]
pub mod deflate;
mod encode;
mod error;
mod event;
mod frame;
mod handshake;
mod head;
#[cfg_attr(not(feature = "deflate"), path = "no_inflation.rs")]
mod inflation;
mod limits;
mod machine;
mod mask;
mod opcode;
mod scratch;
mod spanning;
mod utf8;

pub use close::{CloseError, is_valid_close_code};
pub use encode::{
    FrameHeader, begun_bytes, encode, encode_frame, encode_masked, encode_masked_with_header, frame_bytes,
    frame_header, mask_encoded_frame,
};
pub use error::Error;
pub use event::{CloseFrame, Event, Message};
pub use handshake::{
    Accepted, EncodeError, Extension, HandshakeError, Offer, ResponseError, VERSION, accept_key,
    check_response, encode_request, encode_response, is_handshake_field,
};
pub use head::{FrameHead, FramePayload, NextFrame};
pub use limits::Limits;
pub use machine::Machine;
pub use mask::mask;
pub use opcode::Opcode;
pub use scratch::Scratch;
