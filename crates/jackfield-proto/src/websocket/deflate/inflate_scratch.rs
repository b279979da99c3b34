//! The memory for the decompression of a message that is not the connection's own.

use super::{InflateError, Inflater};

/// An inflater for all peers that compress each message by itself, and a buffer for all messages.
#[derive(Debug, Default)]
pub(in crate::websocket) struct InflateScratch {
    inflated: Vec<u8>,
    /// Made when it is first needed.
    shared: Option<Box<Inflater>>,
}

impl InflateScratch {
    /// Decompresses a message, with the connection's own inflater if it has one.
    pub(in crate::websocket) fn inflate(
        &mut self,
        own: Option<&mut Inflater>,
        payload: &[u8],
        bytes_max: usize,
    ) -> Result<&[u8], InflateError> {
        let Self { inflated, shared } = self;
        let inflater = match own {
            Some(own) => own,
            None => shared.get_or_insert_with(|| Box::new(Inflater::new(false))),
        };
        inflater.inflate(payload, inflated, bytes_max)?;
        Ok(inflated)
    }

    pub(in crate::websocket) fn trim(&mut self, bytes_max: usize) {
        if self.inflated.capacity() > bytes_max {
            self.inflated = Vec::new();
        }
    }

    pub(in crate::websocket) fn heap_bytes(&self) -> usize {
        self.inflated.capacity() + self.shared.as_ref().map_or(0, |shared| shared.heap_bytes())
    }
}
