//! A request head as it is handed on.

use super::Version;
use super::slots::{Span, cut};

/// A request head, and the positions of its parts. Its method and target are ASCII: what makes one has checked that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'b> {
    /// All of it, with the bytes before the method.
    pub(crate) bytes: &'b [u8],
    pub(crate) headers: &'b [Span],
    pub(crate) method_at: u16,
    pub(crate) method_end: u16,
    pub(crate) target_at: u16,
    pub(crate) target_end: u16,
    pub(crate) version: Version,
}

impl<'b> Head<'b> {
    #[inline(always)]
    pub(crate) fn method(&self) -> &'b [u8] {
        cut(self.bytes, self.method_at, self.method_end)
    }

    #[inline(always)]
    pub(crate) fn target(&self) -> &'b [u8] {
        cut(self.bytes, self.target_at, self.target_end)
    }
}
