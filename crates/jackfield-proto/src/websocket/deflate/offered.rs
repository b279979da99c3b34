//! The client's side of the negotiation (RFC 7692, sections 5 and 7.1).

use std::fmt;

use super::agreed::Agreed;
use super::options::{Options, WINDOW_BITS_MAX, clamp_window_bits};
use super::params::{NAME, Params};
use crate::websocket::handshake::{
    Accepted, EncodeError, Extension, ResponseError, check_with_extensions, encode_with_extensions,
};

/// What a client offers. Its `Display` is the value of `Sec-WebSocket-Extensions` for the request.
///
/// ```
/// use jackfield_proto::websocket::deflate::{Offered, Options};
///
/// let offered = Offered::new(&Options::default());
/// let text = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits";
/// assert_eq!(offered.to_string(), text);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offered(Agreed);

impl Offered {
    /// The offer that these options make. `window_bits_max` is the window for the client's own messages.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        Self(Agreed {
            server_context_takeover: options.server_context_takeover,
            client_context_takeover: options.client_context_takeover,
            server_window_bits: WINDOW_BITS_MAX,
            client_window_bits: clamp_window_bits(options.window_bits_max),
            names_server_window: false,
        })
    }

    /// The most that a server can agree to.
    #[must_use]
    pub const fn most(&self) -> Agreed {
        self.0
    }

    /// As [`encode_request`](crate::websocket::encode_request), with this offer.
    ///
    /// # Errors
    ///
    /// As with [`encode_request`](crate::websocket::encode_request). Nothing is appended then.
    pub fn encode_request(
        &self,
        target: &str,
        host: &str,
        key: [u8; 16],
        protocols: &[&str],
        fields: &[(&str, &str)],
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        encode_with_extensions(target, host, key, protocols, Some(&self.to_string()), fields, out)
    }

    /// As [`check_response`](crate::websocket::check_response), for a request that made this offer. `None`: the server has
    /// declined the offer, and nothing is compressed.
    ///
    /// # Errors
    ///
    /// The first broken rule of RFC 6455, section 4.1, or the server has agreed to something that was not offered (RFC 7692,
    /// section 5.1).
    pub fn check_response<'b>(
        &self,
        status: u16,
        headers: impl Iterator<Item = (&'b str, &'b [u8])>,
        key: [u8; 16],
        protocols: &[&str],
    ) -> Result<(Accepted<'b>, Option<Agreed>), ResponseError> {
        let (accepted, extensions) = check_with_extensions(status, headers, key, protocols)?;
        let mut extensions = extensions.ok_or(ResponseError::Extensions)?;
        let agreed = match (extensions.next(), extensions.next()) {
            (None, _) => None,
            (Some(extension), None) => Some(self.confirm(extension).ok_or(ResponseError::Extensions)?),
            (Some(_), Some(_)) => return Err(ResponseError::Extensions),
        };
        Ok((accepted, agreed))
    }

    /// What the server has agreed to. `None`: that was not offered.
    fn confirm(&self, answer: Extension<'_>) -> Option<Agreed> {
        let Self(offered) = self;
        let params = Params::parse(answer)?;
        // What was asked of the server is promised in its answer; it may promise more (section 7.1.1.1).
        if !offered.server_context_takeover && !params.server_no_context_takeover {
            return None;
        }
        let client_window_bits = match params.client_max_window_bits {
            None => offered.client_window_bits,
            // In an answer it has a value.
            Some(bits) => bits?.min(offered.client_window_bits),
        };
        Some(Agreed {
            server_context_takeover: !params.server_no_context_takeover,
            client_context_takeover: offered.client_context_takeover && !params.client_no_context_takeover,
            server_window_bits: params.server_max_window_bits.unwrap_or(WINDOW_BITS_MAX),
            client_window_bits,
            names_server_window: false,
        })
    }
}

impl fmt::Display for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(offered) = self;
        f.write_str(NAME)?;
        if !offered.server_context_takeover {
            f.write_str("; server_no_context_takeover")?;
        }
        if !offered.client_context_takeover {
            f.write_str("; client_no_context_takeover")?;
        }
        f.write_str("; client_max_window_bits")?;
        match offered.client_window_bits {
            WINDOW_BITS_MAX => Ok(()),
            bits => write!(f, "={bits}"),
        }
    }
}
