//! The parameters of the extension (RFC 7692, section 7.1).

use crate::websocket::Extension;

/// The parameters of an offer, or of the answer to one.
#[derive(Default)]
pub(super) struct Params {
    pub(super) server_no_context_takeover: bool,
    pub(super) client_no_context_takeover: bool,
    pub(super) server_max_window_bits: Option<u8>,
    /// In an offer it may have no value.
    pub(super) client_max_window_bits: Option<Option<u8>>,
}

impl Params {
    /// `None`: it is another extension, or not as RFC 7692 wants it.
    pub(super) fn parse(offer: Extension<'_>) -> Option<Self> {
        if offer.name() != NAME {
            return None;
        }
        let mut params = Self::default();
        for (name, value) in offer.params() {
            params.add(name, value)?;
        }
        Some(params)
    }

    fn add(&mut self, name: &str, value: Option<&str>) -> Option<()> {
        let is_new = match (name, value) {
            ("server_no_context_takeover", None) => {
                !std::mem::replace(&mut self.server_no_context_takeover, true)
            }
            ("client_no_context_takeover", None) => {
                !std::mem::replace(&mut self.client_no_context_takeover, true)
            }
            ("server_max_window_bits", Some(bits)) => {
                self.server_max_window_bits.replace(parse_bits(bits)?).is_none()
            }
            ("client_max_window_bits", bits) => {
                let bits = bits.map(parse_bits);
                // A value that is none is malformed.
                let bits = if bits == Some(None) { return None } else { bits.flatten() };
                self.client_max_window_bits.replace(bits).is_none()
            }
            _ => false,
        };
        is_new.then_some(())
    }
}

/// A number from 8 to 15, without leading zeros (RFC 7692, section 7.1.2).
fn parse_bits(text: &str) -> Option<u8> {
    match text {
        "8" => Some(8),
        "9" => Some(9),
        "10" => Some(10),
        "11" => Some(11),
        "12" => Some(12),
        "13" => Some(13),
        "14" => Some(14),
        "15" => Some(15),
        _ => None,
    }
}

/// The name of the extension.
pub(super) const NAME: &str = "permessage-deflate";
