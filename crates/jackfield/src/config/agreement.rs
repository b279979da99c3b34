//! Which of a client's offers to compress messages is taken.

use crate::config::deflate::DeflateMode;
use crate::config::limits::Limits;
use jackfield_proto::websocket::Offer;
pub(crate) use jackfield_proto::websocket::deflate::Agreed;

impl Limits {
    /// The first acceptable offer, if messages may be compressed.
    pub(crate) fn agree(&self, offer: &Offer<'_>) -> Option<Agreed> {
        if self.deflate.mode == DeflateMode::Disabled {
            return None;
        }
        Agreed::negotiate(offer.extensions(), &self.deflate.options())
    }
}
