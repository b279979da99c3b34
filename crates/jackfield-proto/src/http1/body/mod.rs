//! Bodies: the reader that both roles share, and the writer that both roles share.

mod chunked;
mod extension;
mod outgoing;
mod piece;
mod reader;

pub use outgoing::BodyError;
pub(crate) use outgoing::OutgoingFraming;
pub(crate) use piece::Piece;
pub(crate) use reader::BodyReader;
