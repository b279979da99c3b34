//! Where the fields of a head lie in it.
//!
//! Places are kept rather than slices, because a place borrows nothing: the room for them is plain memory that one
//! caller lends to every step of every connection. Sixteen bits are enough for a place, since no head may be longer.

use crate::host::is_valid_host;

/// The most fields of a head, whatever the limits say. A head with more gets 431.
pub const HEADERS_MAX: usize = 100;

/// Memory for the positions of the fields of one head: made once, and lent to each step.
///
/// It also remembers the last valid host, because most requests name the same host as the one before. This changes no result.
#[derive(Clone)]
pub struct HeaderSlots {
    spans: [Span; HEADERS_MAX],
    host: KnownHost,
}

impl HeaderSlots {
    /// Empty slots.
    #[must_use]
    pub const fn new() -> Self {
        Self { spans: [Span::EMPTY; HEADERS_MAX], host: KnownHost::NONE }
    }

    /// The first `count` slots, at most all, and the known host.
    #[inline(always)]
    pub(crate) fn parts(&mut self, count: usize) -> (&mut [Span], &mut KnownHost) {
        (&mut self.spans[..count.min(HEADERS_MAX)], &mut self.host)
    }

    /// The first `count` fields, at most all.
    #[inline(always)]
    pub(crate) fn filled(&self, count: usize) -> &[Span] {
        &self.spans[..count.min(HEADERS_MAX)]
    }
}

impl Default for HeaderSlots {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for HeaderSlots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HeaderSlots")
    }
}

/// The last host that was found valid, if it is not too long.
#[derive(Clone)]
pub(crate) struct KnownHost {
    bytes: [u8; KNOWN_HOST_BYTES_MAX],
    length: u8,
}

impl KnownHost {
    /// None is known: the length is that of no host.
    const NONE: Self = Self { bytes: [0; KNOWN_HOST_BYTES_MAX], length: u8::MAX };

    /// Whether this is a valid host, by memory or by its bytes.
    #[inline(always)]
    pub(crate) fn is_valid(&mut self, host: &[u8]) -> bool {
        let is_known = host.len() == usize::from(self.length) && self.bytes.get(..host.len()) == Some(host);
        is_known || self.is_valid_new(host)
    }

    #[inline(never)]
    fn is_valid_new(&mut self, host: &[u8]) -> bool {
        let is_valid = is_valid_host(host);
        if let (true, Some(room)) = (is_valid, self.bytes.get_mut(..host.len())) {
            room.copy_from_slice(host);
            self.length = host.len() as u8;
        }
        is_valid
    }
}

/// Bytes of a host that is remembered.
const KNOWN_HOST_BYTES_MAX: usize = 63;

/// The places of a field's name and value in its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    name_at: u16,
    name_end: u16,
    value_at: u16,
    value_end: u16,
}

impl Span {
    const EMPTY: Self = Self { name_at: 0, name_end: 0, value_at: 0, value_end: 0 };

    /// A name and a value between these places, none of which is beyond [`HEAD_BYTES_MAX`](super::HEAD_BYTES_MAX).
    #[inline(always)]
    pub(crate) const fn between(name_at: u32, name_end: u32, value_at: u32, value_end: u32) -> Self {
        Self {
            name_at: name_at as u16,
            name_end: name_end as u16,
            value_at: value_at as u16,
            value_end: value_end as u16,
        }
    }

    /// The name and value of a field that was parsed out of `head`. What does not fit is of a head that is refused.
    pub(crate) fn of(head: &[u8], field: &httparse::Header<'_>) -> Self {
        let (name_at, value_at) = (offset_in(head, field.name.as_bytes()), offset_in(head, field.value));
        Self {
            name_at,
            name_end: name_at.wrapping_add(field.name.len() as u16),
            value_at,
            value_end: value_at.wrapping_add(field.value.len() as u16),
        }
    }

    /// Where the name begins.
    pub(crate) fn name_at(self) -> usize {
        usize::from(self.name_at)
    }

    /// Where the name begins and ends, and where the value begins and ends.
    #[inline(always)]
    pub(crate) fn bounds(self) -> (usize, usize, usize, usize) {
        let Self { name_at, name_end, value_at, value_end } = self;
        (name_at.into(), name_end.into(), value_at.into(), value_end.into())
    }

    /// The name in the head that this was made of.
    #[inline(always)]
    pub(crate) fn name(self, head: &[u8]) -> &[u8] {
        cut(head, self.name_at, self.name_end)
    }

    /// The value in the head that this was made of.
    #[inline(always)]
    pub(crate) fn value(self, head: &[u8]) -> &[u8] {
        cut(head, self.value_at, self.value_end)
    }

    /// Whether the name is this one, in any case. Most names have another length, so their bytes are not compared.
    #[inline(always)]
    fn is_named(self, head: &[u8], name: &str) -> bool {
        usize::from(self.name_end.wrapping_sub(self.name_at)) == name.len()
            && self.name(head).eq_ignore_ascii_case(name.as_bytes())
    }
}

/// The values of all fields of this name, in order.
#[inline]
pub(crate) fn find<'b>(head: &'b [u8], spans: &'b [Span], name: &str) -> impl Iterator<Item = &'b [u8]> {
    spans.iter().filter(move |span| span.is_named(head, name)).map(move |span| span.value(head))
}

/// The part of `head` between two positions, which were taken from it.
#[inline(always)]
pub(crate) fn cut(head: &[u8], at: u16, end: u16) -> &[u8] {
    head.get(usize::from(at)..usize::from(end)).unwrap_or_default()
}

/// The position of `part` in `head`. A position that does not fit belongs to a head that is refused.
pub(crate) fn offset_in(head: &[u8], part: &[u8]) -> u16 {
    (part.as_ptr() as usize).wrapping_sub(head.as_ptr() as usize) as u16
}
