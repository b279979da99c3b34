//! `application/x-www-form-urlencoded`: query strings, and forms without files.

use std::borrow::Cow;

use super::params::split_params;

/// The pairs of a query string, decoded; see [`Request::query`](crate::http1::Request::query).
#[must_use]
pub fn query(query: &str) -> Pairs<'_> {
    urlencoded(query.as_bytes())
}

/// The pairs of a form that was sent as `application/x-www-form-urlencoded`, decoded.
#[must_use]
pub fn urlencoded(body: &[u8]) -> Pairs<'_> {
    Pairs { inner: form_urlencoded::parse(body) }
}

/// Whether a `Content-Type` is `application/x-www-form-urlencoded`. Its parameters are ignored. Answer any other type with
/// 415.
#[must_use]
pub fn is_urlencoded(content_type: &str) -> bool {
    split_params(content_type).0.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Names and values, as the WHATWG URL standard reads them (section 5.1): `+` is a space, an invalid escape is not changed,
/// bytes that are not UTF-8 become U+FFFD, and a name without `=` has an empty value. So there are no errors.
#[derive(Clone, Copy)]
pub struct Pairs<'b> {
    inner: form_urlencoded::Parse<'b>,
}

impl<'b> Iterator for Pairs<'b> {
    type Item = (Cow<'b, str>, Cow<'b, str>);

    fn next(&mut self) -> Option<Self::Item> {
        self.inner.next()
    }
}

impl std::fmt::Debug for Pairs<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(*self).finish()
    }
}
