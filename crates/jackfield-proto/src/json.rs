//! Request bodies in JSON.

use crate::http1::Request;
use serde::de::Deserialize;
use std::fmt;

/// Why the body of a request could not be read as JSON. It is an error of the client.
#[derive(Debug)]
#[non_exhaustive]
pub enum JsonError {
    /// Its `Content-Type` says something else: neither `application/json` nor a type that ends in `+json`.
    MediaType,
    /// It is malformed, or does not fit the type. The error says where and why; its text may name fields of your types.
    Body(serde_json::Error),
}

impl JsonError {
    /// The status of the answer: 415 for another media type, and 400 for all other errors.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::MediaType => 415,
            Self::Body(_) => 400,
        }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MediaType => f.write_str("the Content-Type of the request is not application/json"),
            Self::Body(error) => write!(f, "the JSON of the body: {error}"),
        }
    }
}

impl std::error::Error for JsonError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::MediaType => None,
            Self::Body(error) => Some(error),
        }
    }
}

/// Bodies that are JSON (feature `json`).
impl<'b> Request<'b> {
    /// Reads the body as JSON. The body must have been collected, and the `Content-Type` must be `application/json` or end in
    /// `+json`. Strings without escapes borrow the body. Values that are nested more than 128 deep are an error.
    ///
    /// ```no_run
    /// # use jackfield_proto::{http1::Request, json::JsonError};
    /// #[derive(serde::Deserialize)]
    /// struct Order<'b> {
    ///     item: &'b str,
    ///     pieces: u32,
    /// }
    ///
    /// # fn order(request: &Request<'_>) -> Result<u32, JsonError> {
    /// let order: Order = request.json()?;
    /// # Ok(order.pieces)
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`JsonError`] says what is wrong and where. Answer with [`JsonError::status`].
    pub fn json<T: Deserialize<'b>>(&self) -> Result<T, JsonError> {
        if !self.header_str("content-type").is_some_and(is_json) {
            return Err(JsonError::MediaType);
        }
        serde_json::from_slice(self.body()).map_err(JsonError::Body)
    }
}

/// Whether a `Content-Type` says so (RFC 8259 section 11, RFC 6839 section 3.1).
fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim_matches([' ', '\t']);
    let ends_so = |end: &str| {
        let at = kind.len().saturating_sub(end.len());
        kind.get(at..).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    };
    kind.eq_ignore_ascii_case("application/json") || ends_so("+json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_json() {
        for (kind, is) in [
            ("application/json", true),
            ("Application/JSON ; charset=utf-8", true),
            ("application/problem+json", true),
            ("application/json5", false),
            ("text/plain", false),
            ("json", false),
            ("", false),
        ] {
            assert_eq!(is_json(kind), is, "{kind}");
        }
    }
}
