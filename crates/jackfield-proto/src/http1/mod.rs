//! HTTP/1.1 for both roles (RFC 9110 and RFC 9112).
//!
//! [`Machine`] is the server's side of a connection, [`ClientMachine`] the client's. Both read the bytes that have come, give
//! events that borrow them, and encode what is to be sent. Neither owns a socket or a clock.
//!
//! Reading is strict, because a lenient reader behind a lenient proxy is how requests get smuggled: lines end in CR LF,
//! fields neither fold nor have space before the colon, a body has exactly one delimiter and it is beyond doubt. Usual
//! request heads are read in one pass that is made for them. All others are parsed by httparse, and what httparse accepts
//! against these rules is refused here.
//!
//! ```
//! use jackfield_proto::Step;
//! use jackfield_proto::http1::{DateBlock, Event, HeaderSlots, Limits, Machine, ResponseToSend, BodyDue};
//!
//! let (mut machine, mut whole, mut out) = (Machine::new(), Vec::new(), Vec::new());
//! let rx = b"GET /hello HTTP/1.1\r\nHost: example.com\r\n\r\n";
//! let mut slots = HeaderSlots::new();
//! match machine.step(rx, &mut slots, &mut whole, &Limits::default()) {
//!     Step::Event(used, Event::Request(request)) => {
//!         assert_eq!((used, request.path()), (rx.len(), "/hello"));
//!         let (head, body) = (ResponseToSend::new(200, "text/plain"), b"hello");
//!         let date = DateBlock::new(784_111_777);
//!         if machine.respond(&head, body.len() as u64, &date, &mut out) == BodyDue::Yes {
//!             out.extend_from_slice(body);
//!         }
//!     }
//!     other => panic!("{other:?}"),
//! }
//! assert!(out.starts_with(b"HTTP/1.1 200 OK\r\n") && out.ends_with(b"\r\n\r\nhello"));
//! ```
//!
//! Where to look: `machine` is the server's state and its transitions, with `inbound` for a body that comes in pieces;
//! `client` is the client's, and `forward` writes what a proxy passes on. `regular` is the short way through the usual
//! request head, `general` the way through httparse for all others, `slots` where their fields lie, `scan` the grammar
//! byte by byte for what comes in pieces or looks irregular, `facts` what the fields mean for the frame, `target` where a
//! request wants to go, with `authority` and `origin` for hosts and pages; `body` takes bodies apart and puts them
//! together; `encode` writes heads, `fields` checks lines to send, `date` has the date; `words` has character classes by
//! eight bytes.

mod authority;
mod body;
mod client;
mod date;
mod encode;
mod error;
mod facts;
mod fields;
mod forward;
mod general;
mod head;
mod inbound;
mod limits;
mod machine;
mod masked;
mod origin;
mod regular;
mod request;
mod response;
mod scan;
mod slots;
mod status;
mod target;
mod version;
mod words;

pub use authority::Authority;
pub use body::BodyError;
pub use client::{
    ClientEvent, ClientMachine, INTERIM_MAX, PIPELINE_REQUESTS_MAX, RequestBody, RequestError, RequestToSend,
};
pub use date::DateBlock;
pub use encode::{BodyDue, ResponseToSend};
pub use error::Error;
pub use fields::{FieldError, FieldIter, Fields};
pub use forward::Via;
pub use limits::{HEAD_BYTES_MAX, Limits, METHOD_BYTES_MAX};
pub use machine::{Awaits, Event, Machine, Owed};
pub use masked::MaskedQuery;
pub use origin::Origin;
pub use request::{HeaderIter, Request};
pub use response::Response;
pub use slots::{HEADERS_MAX, HeaderSlots};
pub use status::{has_no_body, reason_phrase};
pub use target::requested_path;
pub use version::Version;
