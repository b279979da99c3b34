//! A response as it lies in the receive buffer of a client.

use super::request::{HeaderIter, Version, find};

/// The head of a response, borrowed from the bytes it came in.
#[derive(Clone, Copy, Debug)]
pub struct Response<'b> {
    status: u16,
    reason: &'b str,
    version: Version,
    headers: &'b [httparse::Header<'b>],
}

impl<'b> Response<'b> {
    pub(crate) const fn new(
        status: u16,
        reason: &'b str,
        version: Version,
        headers: &'b [httparse::Header<'b>],
    ) -> Self {
        Self { status, reason, version, headers }
    }

    pub(crate) const fn raw_headers(&self) -> &'b [httparse::Header<'b>] {
        self.headers
    }

    /// The status, from 100 to 999.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The reason phrase, which means nothing (RFC 9112 section 4). Empty if it is not ASCII.
    #[must_use]
    pub const fn reason(&self) -> &'b str {
        self.reason
    }

    /// The version the server speaks.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The value of the first field of this name, whose case does not matter.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'b [u8]> {
        find(self.headers, name)
    }

    /// The same, if it is UTF-8.
    #[must_use]
    pub fn header_str(&self, name: &str) -> Option<&'b str> {
        std::str::from_utf8(self.header(name)?).ok()
    }

    /// The values of all fields of this name, in order.
    pub fn header_all(&self, name: &str) -> impl Iterator<Item = &'b [u8]> {
        self.headers().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All fields, in order.
    #[must_use]
    pub fn headers(&self) -> HeaderIter<'b> {
        HeaderIter::new(self.headers)
    }
}
