//! Negotiation of compression: which of a client's offers is accepted, and what is offered to a server.

use crate::config::deflate::DeflateMode;
use crate::config::limits::Limits;
use jackfield_proto::websocket::Offer;
pub(crate) use jackfield_proto::websocket::deflate::Agreed;
use jackfield_proto::websocket::deflate::Offered;
use jackfield_proto::websocket::{self, Accepted, EncodeError, ResponseError};

/// The offer to a server, in the request for a WebSocket.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Offering(pub(crate) Option<Offered>);

impl Limits {
    /// The first acceptable offer, if messages may be compressed.
    pub(crate) fn agree(&self, offer: &Offer<'_>) -> Option<Agreed> {
        self.compresses().then(|| Agreed::negotiate(offer.extensions(), &self.deflate.options()))?
    }

    /// Whether messages may be compressed.
    pub(crate) fn compresses(&self) -> bool {
        self.deflate.mode != DeflateMode::Disabled
    }
}

impl Offering {
    /// The most that the server may agree to.
    pub(crate) fn most(self) -> Option<Agreed> {
        self.0.map(|offered| offered.most())
    }

    /// Appends the request for a WebSocket.
    pub(crate) fn encode_request(
        self,
        (target, host): (&str, &str),
        key: [u8; 16],
        protocols: &[&str],
        fields: &[(&str, &str)],
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        match self.0 {
            None => websocket::encode_request(target, host, key, protocols, fields, out),
            Some(offered) => offered.encode_request(target, host, key, protocols, fields, out),
        }
    }

    /// Checks the answer to the request, which has the status 101.
    pub(crate) fn check_response<'b>(
        self,
        headers: impl Iterator<Item = (&'b str, &'b [u8])>,
        key: [u8; 16],
        protocols: &[&str],
    ) -> Result<(Accepted<'b>, Option<Agreed>), ResponseError> {
        match self.0 {
            None => Ok((websocket::check_response(101, headers, key, protocols)?, None)),
            Some(offered) => offered.check_response(101, headers, key, protocols),
        }
    }
}
