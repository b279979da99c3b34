//! Heads as httparse sees them, and the room it needs.

use std::mem::MaybeUninit;

use super::limits::{Limits, METHOD_BYTES_MAX};
use super::{Request, Response, Version, words};

/// Fields a head can have, whatever the limits say. They take 32 bytes each on the stack.
pub const HEADERS_MAX: usize = 100;

/// Room for the fields of one head, made anew for every step.
///
/// It is not initialised, so it costs nothing; and it cannot be kept from one step to the next, since what it refers
/// to is gone by then.
pub struct HeaderSlots<'b>([MaybeUninit<httparse::Header<'b>>; HEADERS_MAX]);

impl HeaderSlots<'_> {
    /// Empty slots.
    #[must_use]
    #[inline(always)]
    pub const fn new() -> Self {
        Self([const { MaybeUninit::uninit() }; HEADERS_MAX])
    }
}

impl Default for HeaderSlots<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for HeaderSlots<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HeaderSlots")
    }
}

/// A request head that httparse took.
#[derive(Clone, Copy)]
pub(crate) struct Head<'b> {
    pub(crate) method: &'b str,
    pub(crate) target: &'b str,
    pub(crate) headers: &'b [httparse::Header<'b>],
    pub(crate) version: Version,
    /// Its length, with what stands before the method.
    pub(crate) end: usize,
}

impl<'b> Head<'b> {
    /// The request, without what its fields mean.
    #[inline(always)]
    pub(crate) const fn request(&self) -> Request<'b> {
        Request::new(self.method, self.target, self.version, self.headers)
    }
}

/// A head, or none because httparse wants more bytes or finds fault. What it says of faults is not asked: the scanner
/// knows better.
#[inline(always)]
pub(crate) fn parse_request<'b>(
    rx: &'b [u8],
    slots: &'b mut HeaderSlots<'b>,
) -> Result<Option<Head<'b>>, httparse::Error> {
    let mut head = httparse::Request::new(&mut []);
    let httparse::Status::Complete(end) = head.parse_with_uninit_headers(rx, &mut slots.0)? else {
        return Ok(None);
    };
    let (Some(method), Some(target), Some(version)) = (head.method, head.path, head.version) else {
        return Ok(None);
    };
    Ok(Some(Head { method, target, headers: head.headers, version: Version::of_minor(version), end }))
}

/// The same for a response.
pub(crate) fn parse_response<'b>(
    rx: &'b [u8],
    slots: &'b mut HeaderSlots<'b>,
) -> Result<Option<(usize, Response<'b>)>, httparse::Error> {
    let mut head = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let status = config.parse_response_with_uninit_headers(&mut head, rx, &mut slots.0)?;
    let (httparse::Status::Complete(end), Some(code), Some(version)) = (status, head.code, head.version)
    else {
        return Ok(None);
    };
    let reason = head.reason.unwrap_or_default();
    Ok(Some((end, Response::new(code, reason, Version::of_minor(version), head.headers))))
}

/// Whether a request that httparse took is beyond doubt for a stricter reader too, apart from the line ends between
/// its fields: no empty line before it, a strict end, a target of the right bytes, and nothing too long.
#[inline(always)]
pub(crate) fn is_regular(rx: &[u8], head: &Head<'_>, limits: &Limits) -> bool {
    std::ptr::eq(head.method.as_ptr(), rx.as_ptr())
        && ends_strictly(rx, head.end)
        && head.end <= limits.head_bytes_max
        && head.method.len() <= METHOD_BYTES_MAX
        && head.target.len() <= limits.target_bytes_max
        && words::is_target(head.target.as_bytes())
}

/// The same for a response.
pub(crate) fn is_regular_response(rx: &[u8], end: usize, response: &Response<'_>, limits: &Limits) -> bool {
    rx.starts_with(b"H") && ends_strictly(rx, end) && end <= limits.head_bytes_max && response.status() >= 100
}

#[inline(always)]
fn ends_strictly(rx: &[u8], end: usize) -> bool {
    rx.get(end.wrapping_sub(4)..end) == Some(b"\r\n\r\n")
}
