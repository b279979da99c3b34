//! The PROXY protocol, versions 1 and 2: what a proxy says of the connection that it passes on.
//!
//! The specification is `doc/proxy-protocol.txt` of HAProxy. [`parse`] is shown the first bytes of a connection and answers
//! with a [`Header`], which borrows them; what follows the header is the connection's own.
//!
//! Reading is strict, and the header must be there: a server that takes a header from some peers and none from others
//! lets each peer say where it comes from. Which peers are proxies is for the caller to know.
//!
//! ```
//! use jackfield_proto::Step;
//! use jackfield_proto::proxy::{Addresses, Limits, parse};
//!
//! let rx = b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\nGET / HTTP/1.1\r\n";
//! match parse(rx, &Limits::default()) {
//!     Step::Event(used, header) => {
//!         let Addresses::Ip { source, .. } = header.addresses() else { panic!("{header:?}") };
//!         assert_eq!(source, "192.0.2.1:56324".parse().unwrap());
//!         assert_eq!(&rx[used..], b"GET / HTTP/1.1\r\n");
//!     }
//!     other => panic!("{other:?}"),
//! }
//! ```

mod checksum;
mod error;
mod header;
mod limits;
mod parse;
mod tlv;
mod v1;
mod v2;

pub use error::Error;
pub use header::{Addresses, Header, Transport, Version};
pub use limits::{Limits, V1_BYTES_MAX};
pub use parse::parse;
pub use tlv::{Tlv, Tlvs};
