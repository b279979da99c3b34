//! HTTP/1.1 for both roles (RFC 9110 and RFC 9112).
//!
//! [`Machine`] is the server's side of a connection, [`ClientMachine`] the client's. Both are shown the bytes that
//! have come, hand out events that borrow them, and encode what is to be sent; neither owns a socket or a clock.
//!
//! Reading is strict, because a lenient reader behind a lenient proxy is how requests get smuggled: lines end in CR
//! LF, fields neither fold nor have space before the colon, a body has exactly one delimiter and it is beyond doubt.
//! Heads are parsed by httparse; what it lets pass is caught here.
//!
//! Where to look: `machine` is the server's state and its transitions, `client` the client's; `scan` is the grammar
//! of a head byte by byte, `facts` what its fields mean for the frame, `target` where it wants to go; `body` takes
//! bodies apart and puts them together; `encode` writes heads, `fields` checks lines to send, `date` has the date.

mod body;
mod chars;
mod client;
mod date;
mod encode;
mod error;
mod facts;
mod fields;
mod head;
mod inbound;
mod limits;
mod machine;
mod request;
mod response;
mod scan;
mod status;
mod target;

pub use body::BodyError;
pub use client::{
    ClientEvent, ClientMachine, INTERIM_MAX, PIPELINE_REQUESTS_MAX, RequestBody, RequestError, RequestHead,
};
pub use date::DateBlock;
pub use encode::{ResponseHead, SendBody};
pub use error::Error;
pub use fields::{FieldError, Fields, Lines};
pub use head::{HEADERS_MAX, HeaderSlots};
pub use limits::{Limits, METHOD_BYTES_MAX};
pub use machine::{Awaits, Event, Machine, Phase};
pub use request::{HeaderIter, Request, Version};
pub use response::Response;
pub use status::reason_phrase;
