//! A request as it lies in the receive buffer.

use super::fields::{Lines, is_forbidden_trailer};
use super::target;

/// The versions served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// HTTP/1.0: no chunked coding, and the connection closes unless both sides say otherwise.
    Http10,
    /// HTTP/1.1.
    Http11,
}

impl Version {
    #[inline(always)]
    pub(crate) const fn of_minor(minor: u8) -> Self {
        if minor == 0 { Self::Http10 } else { Self::Http11 }
    }
}

/// A request, borrowed from the bytes it came in.
#[derive(Clone, Copy, Debug)]
pub struct Request<'b> {
    method: &'b str,
    target: &'b str,
    headers: &'b [httparse::Header<'b>],
    body: &'b [u8],
    trailers: &'b [u8],
    version: Version,
    keep_alive: bool,
    has_body: bool,
}

impl<'b> Request<'b> {
    #[inline(always)]
    pub(crate) const fn new(
        method: &'b str,
        target: &'b str,
        version: Version,
        headers: &'b [httparse::Header<'b>],
    ) -> Self {
        Self { method, target, headers, body: &[], trailers: &[], version, keep_alive: true, has_body: false }
    }

    pub(crate) const fn with_body(self, body: &'b [u8], trailers: &'b [u8]) -> Self {
        Self { body, trailers, has_body: true, ..self }
    }

    /// The same request without its body, for who has taken that already.
    #[must_use]
    pub const fn without_body(self) -> Self {
        self.with_body(&[], &[])
    }

    /// Whether the head announced a body. A chunked one may have turned out to be empty.
    #[must_use]
    #[inline]
    pub const fn has_body(&self) -> bool {
        self.has_body
    }

    pub(crate) const fn with_keep_alive(self, keep_alive: bool) -> Self {
        Self { keep_alive, ..self }
    }

    /// The method, a token of at most [`METHOD_BYTES_MAX`](super::METHOD_BYTES_MAX) bytes. Case matters. Methods
    /// nobody registered are passed on as well.
    #[must_use]
    #[inline]
    pub const fn method(&self) -> &'b str {
        self.method
    }

    /// The target as it was sent: `/path?query`, `http://host/path?query` or `*`. Visible ASCII, without `#`.
    #[must_use]
    #[inline]
    pub const fn target(&self) -> &'b str {
        self.target
    }

    /// The path without the query, not decoded: of an absolute-form target its path. It begins with `/`, except for
    /// `OPTIONS *`, where it is `*`.
    #[must_use]
    #[inline]
    pub fn path(&self) -> &'b str {
        target::path(self.target)
    }

    /// What follows the first `?`, not decoded.
    #[must_use]
    #[inline]
    pub fn query(&self) -> Option<&'b str> {
        target::query(self.target)
    }

    /// The host, with its port if one was sent. The authority of an absolute-form target wins over `Host`
    /// (RFC 9112 section 3.2.2). `None` is possible in HTTP/1.0 only.
    #[must_use]
    pub fn host(&self) -> Option<&'b str> {
        target::authority(self.target).or_else(|| self.header_str("host"))
    }

    /// The version the peer speaks.
    #[must_use]
    #[inline]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The value of the first field of this name, whose case does not matter.
    #[must_use]
    #[inline]
    pub fn header(&self, name: &str) -> Option<&'b [u8]> {
        find(self.headers, name)
    }

    /// The same, if it is UTF-8.
    #[must_use]
    #[inline]
    pub fn header_str(&self, name: &str) -> Option<&'b str> {
        std::str::from_utf8(self.header(name)?).ok()
    }

    /// The values of all fields of this name, in order.
    pub fn header_all(&self, name: &str) -> impl Iterator<Item = &'b [u8]> {
        self.headers().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All fields, in order.
    #[must_use]
    #[inline]
    pub fn headers(&self) -> HeaderIter<'b> {
        HeaderIter::new(self.headers)
    }

    /// The body: whole with [`Event::Request`](super::Event::Request), as collected with
    /// [`Event::End`](super::Event::End), otherwise empty.
    #[must_use]
    #[inline]
    pub const fn body(&self) -> &'b [u8] {
        self.body
    }

    /// The fields after a chunked body. Those that RFC 9110 section 6.5.1 keeps out of trailers are left out.
    pub fn trailers(&self) -> impl Iterator<Item = (&'b str, &'b [u8])> + use<'b> {
        Lines::new(self.trailers).filter(|(name, _)| !is_forbidden_trailer(name))
    }

    /// Whether the peer keeps the connection open after the answer.
    #[must_use]
    #[inline]
    pub const fn keep_alive(&self) -> bool {
        self.keep_alive
    }
}

/// Goes through the fields of a head: names and values.
#[derive(Clone, Debug)]
pub struct HeaderIter<'b> {
    headers: std::slice::Iter<'b, httparse::Header<'b>>,
}

impl<'b> HeaderIter<'b> {
    pub(crate) fn new(headers: &'b [httparse::Header<'b>]) -> Self {
        Self { headers: headers.iter() }
    }
}

impl<'b> Iterator for HeaderIter<'b> {
    type Item = (&'b str, &'b [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.headers.next().map(|header| (header.name, header.value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.headers.size_hint()
    }
}

impl ExactSizeIterator for HeaderIter<'_> {}

/// The value of the first field of this name.
pub(crate) fn find<'b>(headers: &'b [httparse::Header<'b>], name: &str) -> Option<&'b [u8]> {
    headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}
