//! Messages that the peer has compressed (RFC 7692).
//!
//! A message is decompressed when all its frames have come, so it is kept as it came until then, and between two messages
//! nothing but a window, if the peer may refer to its messages before.

use super::deflate::{InflateError, Inflater};
use super::scratch::Scratch;
use super::{Error, Limits};

/// That the peer may compress its messages.
#[derive(Debug)]
pub(super) struct Inflation {
    /// For a peer that may refer to its messages before. All others share the one in [`Scratch`].
    own: Option<Box<Inflater>>,
}

impl Inflation {
    /// With takeover the peer's messages may refer to those before.
    pub(super) fn new(takeover: bool) -> Self {
        Self { own: takeover.then(|| Box::new(Inflater::new(true))) }
    }

    /// Decompresses a message that is whole: `payload`, or what is in the scratch.
    pub(super) fn inflate<'b>(
        &mut self,
        payload: Option<&[u8]>,
        scratch: &'b mut Scratch,
        limits: &Limits,
    ) -> Result<&'b [u8], Error> {
        let Scratch { whole, room } = scratch;
        let payload = payload.unwrap_or(whole);
        room.inflate(self.own.as_deref_mut(), payload, limits.message_bytes_max).map_err(
            |error| match error {
                InflateError::TooLong => Error::MessageTooLong,
                InflateError::Corrupt => Error::Compression,
            },
        )
    }

    /// Bytes on the heap that it holds, about.
    pub(super) fn heap_bytes(&self) -> usize {
        self.own.as_ref().map_or(0, |own| size_of::<Inflater>() + own.heap_bytes())
    }
}
