//! In place of `inflation` without the feature `deflate`: no peer may compress its messages.

use super::scratch::Scratch;
use super::{Error, Limits};

/// There is none.
#[derive(Debug)]
pub(super) enum Inflation {}

impl Inflation {
    pub(super) fn inflate<'b>(
        &mut self,
        _payload: Option<&[u8]>,
        _scratch: &'b mut Scratch,
        _limits: &Limits,
    ) -> Result<&'b [u8], Error> {
        match *self {}
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match *self {}
    }
}
