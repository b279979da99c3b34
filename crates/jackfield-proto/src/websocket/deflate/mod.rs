//! Compressed messages: permessage-deflate (RFC 7692).
//!
//! [`Agreed::negotiate`] picks the first acceptable one of a client's offers, and its `Display` is the answer. A client makes
//! its offer with [`Offered`], which checks the answer too. After [`Machine::accept_deflate`](super::Machine::accept_deflate)
//! the peer may compress its messages, and [`Deflater::encode`] compresses ours.
//!
//! *Context takeover* means that a message may refer to those before it. It compresses better, and costs each connection
//! some 370 KiB to compress and 47 KiB to decompress. Without it, which is the default,
//! all connections of a thread share one of each, and a message compresses the same for all of them.
//!
//! The server's window has 9 to 15 bits, which is 512 bytes to 32 KiB. RFC 7692 also allows 8 bits, which zlib can't do: an
//! offer that asks for it is declined.
//!
//! ```
//! use jackfield_proto::Step;
//! use jackfield_proto::websocket::deflate::{Agreed, Deflater, Options};
//! use jackfield_proto::websocket::{Event, Limits, Machine, Message, Offer, Scratch};
//!
//! let headers: [(&str, &[u8]); 6] = [
//!     ("Host", b"server.example.com"),
//!     ("Upgrade", b"websocket"),
//!     ("Connection", b"Upgrade"),
//!     ("Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
//!     ("Sec-WebSocket-Version", b"13"),
//!     ("Sec-WebSocket-Extensions", b"permessage-deflate; client_max_window_bits"),
//! ];
//! let offer = Offer::check("GET", true, headers.into_iter())?;
//! let options = Options::default();
//! let agreed = Agreed::negotiate(offer.extensions(), &options).expect("the offer is a usual one");
//! let answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
//! assert_eq!(agreed.to_string(), answer);
//!
//! let (mut server, mut client) = (Deflater::new(&options, agreed.server_window_bits(), false), Machine::client());
//! client.accept_deflate(&agreed);
//! let (text, mut bytes) = ("again and ".repeat(100), Vec::new());
//! assert!(server.encode(Message::Text(&text), None, &mut bytes));
//! assert!(bytes.len() < 50);
//! match client.step(&mut bytes, &mut Scratch::new(), &Limits::default()) {
//!     Step::Event(_, Event::Message(message)) => assert_eq!(message, Message::Text(&text)),
//!     other => panic!("{other:?}"),
//! };
//! # Ok::<(), jackfield_proto::websocket::HandshakeError>(())
//! ```

mod agreed;
mod deflater;
mod inflate_scratch;
mod inflater;
mod offered;
mod options;
mod params;
mod shared;

pub use agreed::Agreed;
pub use deflater::Deflater;
pub(super) use inflate_scratch::InflateScratch;
pub use inflater::{InflateError, Inflater};
pub use offered::Offered;
pub use options::{Options, WINDOW_BITS_MAX, WINDOW_BITS_MIN};
pub use shared::SharedDeflaters;
