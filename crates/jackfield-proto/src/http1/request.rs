//! A request as it lies in the receive buffer.

use std::fmt;

use super::authority::Authority;
use super::fields::{FieldIter, is_forbidden_trailer};
use super::head::Head;
use super::masked::{MASK, MaskedQuery, is_secret_field};
use super::slots::{Span, find};
use super::target;
use super::version::Version;

/// A request, borrowed from the bytes it came in.
///
/// The path and the method are checked and made a `str` each time that you ask for them: keep the path if you need it twice.
///
/// ```
/// use jackfield_proto::http1::Request;
///
/// fn describe(request: &Request<'_>) -> String {
///     let agent = request.header_str("User-Agent").unwrap_or("nobody");
///     format!("{agent} sends {} bytes to {} {}", request.body().len(), request.method(), request.path())
/// }
/// ```
#[derive(Clone, Copy)]
pub struct Request<'b> {
    head: Head<'b>,
    body: &'b [u8],
    trailers: &'b [u8],
    keep_alive: bool,
    has_body: bool,
}

impl<'b> Request<'b> {
    #[inline(always)]
    pub(crate) const fn new(head: Head<'b>) -> Self {
        Self { head, body: &[], trailers: &[], keep_alive: true, has_body: false }
    }

    /// The request with the body that its head announced, as far as that has come.
    pub(crate) const fn with_body(self, body: &'b [u8], trailers: &'b [u8]) -> Self {
        Self { body, trailers, has_body: true, ..self }
    }

    /// The same request with an empty body, for a caller that has used the body before. The trailers stay.
    #[must_use]
    pub const fn without_body(self) -> Self {
        Self { body: &[], ..self }
    }

    /// The same request without body and trailers, as it is while its body is still to come.
    #[must_use]
    pub const fn head_only(self) -> Self {
        Self { body: &[], trailers: &[], ..self }
    }

    /// Whether the head announced a body: a `Content-Length` above zero, or the chunked coding. The result is the same with
    /// every event of a request, however much of the body has come. A chunked body may turn out to be empty.
    #[must_use]
    #[inline]
    pub const fn has_body(&self) -> bool {
        self.has_body
    }

    /// The length of the head in bytes, with the empty line at its end.
    #[must_use]
    pub const fn head_bytes(&self) -> usize {
        self.head.bytes.len()
    }

    /// The head as it came.
    pub(crate) const fn head(&self) -> &'b [u8] {
        self.head.bytes
    }

    /// The lines of the trailers as they came.
    pub(crate) const fn trailer_lines(&self) -> &'b [u8] {
        self.trailers
    }

    pub(crate) const fn with_keep_alive(self, keep_alive: bool) -> Self {
        Self { keep_alive, ..self }
    }

    /// The method, a token of at most [`METHOD_BYTES_MAX`](super::METHOD_BYTES_MAX) bytes. Case matters. Methods
    /// that are not registered are passed on as well.
    #[must_use]
    #[inline(always)]
    pub fn method(&self) -> &'b str {
        match self.head.method() {
            b"GET" => "GET",
            b"HEAD" => "HEAD",
            b"POST" => "POST",
            b"PUT" => "PUT",
            b"DELETE" => "DELETE",
            other => ascii_as_str(other),
        }
    }

    /// The target as it was sent: `/path?query`, `http://host/path?query` or `*`. Visible ASCII, without `#`.
    #[must_use]
    #[inline]
    #[doc(alias = "RequestURI")]
    pub fn target(&self) -> &'b str {
        ascii_as_str(self.head.target())
    }

    /// The bytes of [`Request::target`], without the check that makes them text.
    #[must_use]
    #[inline(always)]
    pub fn raw_target(&self) -> &'b [u8] {
        self.head.target()
    }

    /// The path without the query, not decoded. If the target is an absolute URI, it is the path of that. It begins with `/`,
    /// except for `OPTIONS *`, where it is `*`.
    #[must_use]
    #[inline(always)]
    pub fn path(&self) -> &'b str {
        // All of the target is ASCII.
        match jackfield_simd::ascii_before(self.head.target(), b'?') {
            path if path.starts_with('/') => path,
            _ => target::path(self.target()),
        }
    }

    /// What follows the first `?`, not decoded.
    #[must_use]
    #[inline]
    pub fn query(&self) -> Option<&'b str> {
        let target = self.head.target();
        let before = jackfield_simd::ascii_before(target, b'?').len();
        target.get(before + 1..).filter(|_| before < target.len()).map(ascii_as_str)
    }

    /// [`Request::path`] and [`Request::query`], for the cost of one of them.
    #[must_use]
    #[inline(always)]
    pub fn path_and_query(&self) -> (&'b str, Option<&'b str>) {
        let target = self.head.target();
        match jackfield_simd::ascii_before(target, b'?') {
            path if path.starts_with('/') => (path, target.get(path.len() + 1..).map(ascii_as_str)),
            _ => (target::path(self.target()), self.query()),
        }
    }

    /// The host, with its port if one was sent. The authority of an absolute-form target wins over `Host`
    /// (RFC 9112 section 3.2.2). `None` is possible in HTTP/1.0 only.
    #[must_use]
    #[doc(alias = "HostHeader")]
    pub fn host(&self) -> Option<&'b str> {
        target::host(self.target()).or_else(|| self.header_str("host"))
    }

    /// [`Request::host`], split into host and port. For an absolute-form target without a port it is the default port of the
    /// scheme, 80 or 443. `None` if there is no host, which is possible in HTTP/1.0 only, or if the port is beyond 65,535.
    #[must_use]
    pub fn authority(&self) -> Option<Authority<'b>> {
        match target::host(self.target()) {
            Some(_) => target::authority(self.target()),
            None => Authority::parse(self.header_str("host")?),
        }
    }

    /// The version the peer speaks.
    #[must_use]
    #[inline]
    pub const fn version(&self) -> Version {
        self.head.version
    }

    /// The value of the first field with this name. The case of the name does not matter.
    #[must_use]
    #[inline]
    pub fn header(&self, name: &str) -> Option<&'b [u8]> {
        find(self.head.bytes, self.head.headers, name).next()
    }

    /// As [`Request::header`], if the value is UTF-8.
    #[must_use]
    #[inline]
    pub fn header_str(&self, name: &str) -> Option<&'b str> {
        std::str::from_utf8(self.header(name)?).ok()
    }

    /// The values of all fields with this name, in order.
    pub fn header_all(&self, name: &str) -> impl Iterator<Item = &'b [u8]> {
        find(self.head.bytes, self.head.headers, name)
    }

    /// All fields, in order.
    #[must_use]
    #[inline]
    #[doc(alias = "RequestHeaders")]
    pub fn headers(&self) -> HeaderIter<'b> {
        HeaderIter::new(self.head.bytes, self.head.headers)
    }

    /// The complete body, if it was collected. Empty until all of it has come, and if it was streamed.
    #[must_use]
    #[inline]
    pub const fn body(&self) -> &'b [u8] {
        self.body
    }

    /// The fields after a chunked body. Fields that must not be trailers (RFC 9110 section 6.5.1) are left out.
    pub fn trailers(&self) -> impl Iterator<Item = (&'b str, &'b [u8])> + use<'b> {
        FieldIter::new(self.trailers).filter(|(name, _)| !is_forbidden_trailer(name))
    }

    /// Whether the peer keeps the connection open after the answer.
    #[must_use]
    #[inline]
    pub const fn keep_alive(&self) -> bool {
        self.keep_alive
    }
}

/// Secrets are not shown: see [`MaskedQuery`]. The values of `Authorization`, `Cookie` and similar fields are `***`.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method())
            .field("target", &MaskedQuery(self.target()))
            .field("version", &self.version())
            .field("headers", &self.headers())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Iterates over the fields of a head, as names and values.
#[derive(Clone)]
pub struct HeaderIter<'b> {
    head: &'b [u8],
    spans: std::slice::Iter<'b, Span>,
}

impl<'b> HeaderIter<'b> {
    pub(crate) fn new(head: &'b [u8], spans: &'b [Span]) -> Self {
        Self { head, spans: spans.iter() }
    }

    /// Only the fields that a proxy forwards, in order. These are left out:
    ///
    /// - fields of one hop (RFC 9110 section 7.6.1): those that `Connection` names, and `Connection`, `Keep-Alive`,
    ///   `Proxy-Connection`, `TE`, `Trailer`, `Transfer-Encoding` and `Upgrade`;
    /// - what authenticates a client to a proxy (RFC 9110 section 11.7): `Proxy-Authenticate`,
    ///   `Proxy-Authentication-Info` and `Proxy-Authorization`;
    /// - what a sender writes itself, or has answered: `Content-Length`, `Date`, `Expect` and `Host`.
    ///
    /// Call it before the first `next`: a `Connection` field that was taken before names nothing. Its cost is at most the
    /// number of fields times the length of what `Connection` names.
    ///
    /// ```
    /// use jackfield_proto::http1::{FieldError, Fields, Request};
    ///
    /// fn forwarded(request: &Request<'_>) -> Result<Fields, FieldError> {
    ///     let mut fields = Fields::new();
    ///     for (name, value) in request.headers().end_to_end() {
    ///         fields.push(name, value)?;
    ///     }
    ///     Ok(fields)
    /// }
    /// ```
    #[doc(alias = "hop_by_hop")]
    pub fn end_to_end(self) -> impl Iterator<Item = (&'b str, &'b [u8])> + use<'b> {
        let all = self.clone();
        let is_named = move |name: &str| {
            let mut lists = all.clone().filter(|(field, _)| field.eq_ignore_ascii_case("Connection"));
            lists.any(|(_, list)| list_has(list, name))
        };
        self.filter(move |(name, _)| !is_kept_back(name) && !is_named(name))
    }
}

fn is_kept_back(name: &str) -> bool {
    KEPT_BACK.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether a list of names has this one, in any case (RFC 9110 section 5.6.1).
fn list_has(list: &[u8], name: &str) -> bool {
    list.split(|byte| *byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
}

/// What a proxy does not forward, whether `Connection` names it or not.
const KEPT_BACK: [&str; 14] = [
    "Connection",
    "Content-Length",
    "Date",
    "Expect",
    "Host",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authentication-Info",
    "Proxy-Authorization",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
];

#[inline(always)]
fn field<'b>(head: &'b [u8], span: &Span) -> (&'b str, &'b [u8]) {
    (ascii_as_str(span.name(head)), span.value(head))
}

impl<'b> Iterator for HeaderIter<'b> {
    type Item = (&'b str, &'b [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.spans.next().map(|span| field(self.head, span))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.spans.size_hint()
    }
}

impl DoubleEndedIterator for HeaderIter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.spans.next_back().map(|span| field(self.head, span))
    }
}

impl ExactSizeIterator for HeaderIter<'_> {}

impl fmt::Debug for HeaderIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(name, value)| match is_secret_field(name) {
            true => (name, MASK.into()),
            false => (name, String::from_utf8_lossy(value)),
        };
        f.debug_map().entries(self.clone().map(shown)).finish()
    }
}

/// Bytes that are known to be ASCII, as text.
#[inline]
pub(crate) fn ascii_as_str(ascii: &[u8]) -> &str {
    jackfield_simd::ascii(ascii).unwrap_or_default()
}
