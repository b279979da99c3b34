//! In place of `inflation` without the feature `deflate`: no peer may compress its messages.

use super::scratch::Scratch;
use super::{Error, Limits};

/// There is none.
#[derive(Debug)]
pub(super) enum Inflation {}

impl Inflation {
    pub(super) fn own(place: &mut Option<Self>) -> Option<&mut Self> {
        place.as_mut()
    }

    /// No header of a compressed message is let through.
    pub(super) fn inflate<'b>(
        _own: Option<&mut Self>,
        _payload: Option<&[u8]>,
        _scratch: &'b mut Scratch,
        _limits: &Limits,
    ) -> Result<&'b [u8], Error> {
        Err(Error::ReservedBit)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match *self {}
    }
}
