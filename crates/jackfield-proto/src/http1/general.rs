//! The general way from bytes to heads, which is httparse.
//!
//! It reads what `regular` does not take: the rarer forms of requests, all responses, and what is broken.

use std::mem::MaybeUninit;

use super::head::Head;
use super::limits::{Limits, METHOD_BYTES_MAX};
use super::slots::{HEADERS_MAX, HeaderSlots, Span, offset_in};
use super::{Response, Version, words};

/// A head, or none because httparse wants more bytes or finds fault. What it says of faults is not asked: the scanner
/// knows better.
#[inline(never)]
pub(crate) fn parse_request<'b>(
    rx: &'b [u8],
    slots: &'b mut HeaderSlots,
) -> Result<Option<Head<'b>>, httparse::Error> {
    let mut room = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut []);
    let httparse::Status::Complete(end) = head.parse_with_uninit_headers(rx, &mut room)? else {
        return Ok(None);
    };
    let (Some(method), Some(target), Some(minor)) = (head.method, head.path, head.version) else {
        return Ok(None);
    };
    let bytes = &rx[..end];
    let (method_at, target_at) = (offset_in(bytes, method.as_bytes()), offset_in(bytes, target.as_bytes()));
    Ok(Some(Head {
        bytes,
        headers: note_places(bytes, head.headers, slots),
        method_at,
        method_end: method_at.wrapping_add(method.len() as u16),
        target_at,
        target_end: target_at.wrapping_add(target.len() as u16),
        version: Version::of_minor(minor),
    }))
}

/// The same for a response.
pub(crate) fn parse_response<'b>(
    rx: &'b [u8],
    slots: &'b mut HeaderSlots,
) -> Result<Option<Response<'b>>, httparse::Error> {
    let mut room = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut head = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let status = config.parse_response_with_uninit_headers(&mut head, rx, &mut room)?;
    let (httparse::Status::Complete(end), Some(code), Some(minor)) = (status, head.code, head.version) else {
        return Ok(None);
    };
    let (bytes, reason) = (&rx[..end], head.reason.unwrap_or_default());
    let spans = note_places(bytes, head.headers, slots);
    Ok(Some(Response::new(code, reason, Version::of_minor(minor), bytes, spans)))
}

fn note_places<'b>(head: &[u8], fields: &[httparse::Header<'_>], slots: &'b mut HeaderSlots) -> &'b [Span] {
    for (slot, field) in slots.parts(fields.len()).0.iter_mut().zip(fields) {
        *slot = Span::of(head, field);
    }
    slots.filled(fields.len())
}

/// Whether a request that httparse took is beyond doubt for a stricter reader too, apart from the line ends between
/// its fields: no empty line before it, a strict end, a target of the right bytes, and nothing too long.
pub(crate) fn is_regular(head: &Head<'_>, limits: &Limits) -> bool {
    head.method_at == 0
        && head.bytes.ends_with(b"\r\n\r\n")
        && head.bytes.len() <= limits.head_bytes()
        && head.method().len() <= METHOD_BYTES_MAX
        && head.target().len() <= limits.target_bytes_max
        && words::is_target(head.target())
}

/// The same for a response.
pub(crate) fn is_regular_response(response: &Response<'_>, limits: &Limits) -> bool {
    let head = response.head();
    head.starts_with(b"H")
        && head.ends_with(b"\r\n\r\n")
        && head.len() <= limits.head_bytes()
        && response.status() >= 100
}
