//! In place of `compression` without the feature `deflate`: nothing is compressed.

use crate::config::{Agreed, Limits, Offering};
use crate::links::agreed::AgreedCompression;
use crate::links::protocol::WebSocketState;
use crate::message::Content;
use crate::shared::{ReactorMetrics, Settings};
use jackfield_proto::http1::Fields;
use std::sync::Arc;

/// No compressors.
#[derive(Debug, Default)]
pub(crate) struct Compressors;

/// No compressor.
#[derive(Debug)]
pub(crate) enum OwnDeflater {}

impl OwnDeflater {
    pub(crate) fn heap_bytes(&self) -> usize {
        match *self {}
    }
}

#[expect(clippy::unused_self, reason = "as with the feature")]
impl Compressors {
    pub(crate) fn new(_settings: &Settings, _reactors: usize, _metrics: &Arc<ReactorMetrics>) -> Self {
        Self
    }

    pub(crate) fn message_bytes_min(&self) -> usize {
        usize::MAX
    }

    pub(crate) fn agree(
        &mut self,
        _agreed: Option<Agreed>,
        _socket: &mut WebSocketState,
        _fields: &mut Fields,
    ) {
    }

    pub(crate) fn offer(&self, _limits: &Limits) -> Offering {
        Offering::default()
    }

    pub(crate) fn set_reserved(&mut self, _agreed: Option<Agreed>, _place: &mut Option<Agreed>) {}

    pub(crate) fn begin_as_client(&mut self, _agreed: Option<Agreed>, _socket: &mut WebSocketState) {}

    pub(crate) fn release_reserved(&mut self, _compression: AgreedCompression) {}

    pub(crate) fn window_bits(&self) -> Option<u8> {
        None
    }

    pub(crate) fn shared_frame(&mut self, _content: Content<'_>) -> Option<Arc<[u8]>> {
        None
    }

    pub(crate) fn append(&mut self, _content: Content<'_>, _out: &mut Vec<u8>) -> bool {
        false
    }

    pub(crate) fn trim(&mut self) {}

    pub(crate) fn heap_bytes(&self) -> usize {
        0
    }
}
