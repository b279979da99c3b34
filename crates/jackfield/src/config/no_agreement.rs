//! In place of `agreement` without the feature `deflate`: no offer is accepted, and none is made.

use crate::config::limits::Limits;
use jackfield_proto::websocket::{self, Accepted, EncodeError, Offer, ResponseError};

/// Nothing is offered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Offering(());

/// No agreement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Agreed {}

impl Limits {
    #[expect(clippy::unused_self, reason = "as with the feature")]
    pub(crate) fn agree(&self, _offer: &Offer<'_>) -> Option<Agreed> {
        None
    }
}

#[expect(clippy::unused_self, reason = "as with the feature")]
impl Offering {
    pub(crate) fn most(self) -> Option<Agreed> {
        None
    }

    pub(crate) fn encode_request(
        self,
        (target, host): (&str, &str),
        key: [u8; 16],
        protocols: &[&str],
        fields: &[(&str, &str)],
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        websocket::encode_request(target, host, key, protocols, fields, out)
    }

    pub(crate) fn check_response<'b>(
        self,
        headers: impl Iterator<Item = (&'b str, &'b [u8])>,
        key: [u8; 16],
        protocols: &[&str],
    ) -> Result<(Accepted<'b>, Option<Agreed>), ResponseError> {
        Ok((websocket::check_response(101, headers, key, protocols)?, None))
    }
}
