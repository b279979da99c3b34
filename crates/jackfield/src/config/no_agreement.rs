//! In place of `agreement` without the feature `deflate`: no offer is taken.

use crate::config::limits::Limits;
use jackfield_proto::websocket::Offer;

/// There is none.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Agreed {}

impl Limits {
    #[expect(clippy::unused_self, reason = "as with the feature")]
    pub(crate) fn agree(&self, _offer: &Offer<'_>) -> Option<Agreed> {
        None
    }
}
