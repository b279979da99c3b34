//! The negotiation (RFC 7692, section 7.1).

use std::fmt;

use super::options::{Options, WINDOW_BITS_MAX, WINDOW_BITS_MIN, clamp_window_bits};
use super::params::{NAME, Params};
use crate::websocket::Extension;

/// The parameters that both sides have agreed on. Its `Display` is the value of `Sec-WebSocket-Extensions` for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    pub(super) server_context_takeover: bool,
    pub(super) client_context_takeover: bool,
    pub(super) server_window_bits: u8,
    pub(super) client_window_bits: u8,
    /// The client has asked for a bound on the server's window, so that the answer must name it.
    pub(super) names_server_window: bool,
}

impl Agreed {
    /// Accepts the first acceptable offer of a client, if there is one. Other offers are declined without an error (RFC 7692,
    /// section 5.1): other extensions, offers with a parameter that is unknown, malformed or repeated, and offers that ask
    /// the server for a window of 8 bits.
    #[must_use]
    pub fn negotiate<'b>(offers: impl IntoIterator<Item = Extension<'b>>, options: &Options) -> Option<Self> {
        offers.into_iter().find_map(|offer| Self::accept(&Params::parse(offer)?, options))
    }

    /// The same without context takeover in both directions, for a server that has no memory for more windows. A server may
    /// ask for this whatever the client has offered (RFC 7692, sections 7.1.1.1 and 7.1.1.2).
    #[must_use]
    pub const fn without_takeover(mut self) -> Self {
        (self.server_context_takeover, self.client_context_takeover) = (false, false);
        self
    }

    /// Whether the server's messages may refer to earlier ones.
    #[must_use]
    pub const fn server_context_takeover(&self) -> bool {
        self.server_context_takeover
    }

    /// Whether the client's messages may refer to earlier ones.
    #[must_use]
    pub const fn client_context_takeover(&self) -> bool {
        self.client_context_takeover
    }

    /// The largest window of the server's messages, as a power of two, 9 to 15.
    #[must_use]
    pub const fn server_window_bits(&self) -> u8 {
        self.server_window_bits
    }

    /// The largest window of the client's messages, as a power of two, 8 to 15. If it is 8, our client does not compress.
    #[must_use]
    pub const fn client_window_bits(&self) -> u8 {
        self.client_window_bits
    }

    fn accept(offer: &Params, options: &Options) -> Option<Self> {
        let asked = offer.server_max_window_bits.unwrap_or(WINDOW_BITS_MAX);
        if asked < WINDOW_BITS_MIN {
            return None;
        }
        Some(Self {
            server_context_takeover: options.server_context_takeover && !offer.server_no_context_takeover,
            client_context_takeover: options.client_context_takeover && !offer.client_no_context_takeover,
            server_window_bits: asked.min(clamp_window_bits(options.window_bits_max)),
            // It is never asked for less: a decompressor takes the same memory for all windows.
            client_window_bits: WINDOW_BITS_MAX,
            names_server_window: offer.server_max_window_bits.is_some(),
        })
    }
}

impl fmt::Display for Agreed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)?;
        if !self.server_context_takeover {
            f.write_str("; server_no_context_takeover")?;
        }
        if !self.client_context_takeover {
            f.write_str("; client_no_context_takeover")?;
        }
        if self.names_server_window || self.server_window_bits < WINDOW_BITS_MAX {
            write!(f, "; server_max_window_bits={}", self.server_window_bits)?;
        }
        Ok(())
    }
}
