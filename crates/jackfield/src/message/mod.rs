//! Messages to send, and the results of sending.
//!
//! This room knows no connection.

#[cfg(any(feature = "compression", feature = "files"))]
mod accept_encoding;
mod body;
mod envelope;
mod format;
mod header;
mod packet;
mod prepared;
mod publication;
mod queue;
mod sent;
mod source;

#[cfg(any(feature = "compression", feature = "files"))]
pub(crate) use accept_encoding::quality;
pub use body::Body;
pub(crate) use format::MessageFormat;
pub use header::HeaderValue;
pub use prepared::Prepared;
pub(crate) use publication::Content;
pub use publication::Publication;
pub(crate) use queue::{OverflowQueue, Place};
pub use sent::{Published, Sent};
pub(crate) use source::{ReaderSource, Source, boxed_bytes};
