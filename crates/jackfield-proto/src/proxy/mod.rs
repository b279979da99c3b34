//! The PROXY protocol, versions 1 and 2: what a proxy says about the connection that it forwards.
//!
//! The specification is `doc/proxy-protocol.txt` of HAProxy. [`parse`] reads the first bytes of a connection and gives a
//! [`Header`], which borrows them. The bytes after the header belong to the protocol of the connection.
//!
//! Reading is strict, and the header must be there. If it were optional, any peer could send a header with a false address.
//! The caller must know which peers are proxies.
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
