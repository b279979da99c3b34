//! The opening handshake (RFC 6455, section 4).
//!
//! Header fields are pairs of name and value, in the order in which they came. Names are compared without regard to
//! case, and by their length first, so that the fields which mean nothing here cost next to nothing.

mod accept;
mod error;
mod extension;
mod lines;
mod request;
mod response;
mod singleton;
mod token;

pub use accept::accept_key;
pub use error::{EncodeError, HandshakeError, ResponseError};
pub use extension::Extension;
pub use lines::{VERSION, is_handshake_field};
pub use request::{Offer, encode_response};
pub use response::{Accepted, check_response, encode_request};
#[cfg(feature = "deflate")]
pub(super) use response::{check_with_extensions, encode_with_extensions};
