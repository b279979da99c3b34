//! In place of `deflate` without the feature of that name: nothing is compressed.

use crate::links::Links;
use crate::message::{Prepared, Sent};
use jackfield_proto::websocket::Message;
use jackfield_reactor::{ConnectionId, Wires};
use std::sync::Arc;

#[expect(clippy::unused_self, reason = "as with the feature")]
impl Links {
    #[inline(always)]
    pub(super) fn send_deflated(
        &mut self,
        _wires: &mut Wires,
        _id: ConnectionId,
        _message: Message<'_>,
        _mask: Option<[u8; 4]>,
    ) -> Option<Sent> {
        None
    }

    #[inline(always)]
    pub(super) fn deflated<'p>(
        &mut self,
        _id: ConnectionId,
        _prepared: &'p Prepared,
    ) -> Option<&'p Arc<[u8]>> {
        None
    }

    #[inline(always)]
    pub(super) fn is_long(&self, _bytes: usize) -> bool {
        false
    }

    #[inline(always)]
    pub(super) fn pass_by_own(&mut self, _id: ConnectionId) {}
}
