//! Messages that the peer has compressed (RFC 7692).
//!
//! A message is decompressed when all its frames have come, so it is kept as it came until then, and between two messages
//! nothing but a window, if the peer may refer to its messages before: from the first compressed one on.

use super::deflate::{InflateError, Inflater};
use super::scratch::Scratch;
use super::{Error, Limits};

/// For a peer whose messages may refer to those before. All others share the inflater in [`Scratch`].
#[derive(Debug)]
pub(super) struct Inflation(Box<Inflater>);

impl Inflation {
    /// The peer's, made when it is first needed.
    pub(super) fn own(place: &mut Option<Self>) -> Option<&mut Self> {
        Some(place.get_or_insert_with(|| Self(Box::new(Inflater::new(true)))))
    }

    /// Decompresses a message that is whole: `payload`, or what is in the scratch.
    pub(super) fn inflate<'b>(
        own: Option<&mut Self>,
        payload: Option<&[u8]>,
        scratch: &'b mut Scratch,
        limits: &Limits,
    ) -> Result<&'b [u8], Error> {
        let Scratch { whole, room } = scratch;
        let payload = payload.unwrap_or(whole);
        room.inflate(own.map(|own| &mut *own.0), payload, limits.whole_bytes_max()).map_err(|error| {
            match error {
                InflateError::TooLong => Error::MessageTooLong,
                InflateError::Corrupt => Error::Compression,
            }
        })
    }

    /// Bytes on the heap that it holds, about.
    pub(super) fn heap_bytes(&self) -> usize {
        size_of::<Inflater>() + self.0.heap_bytes()
    }
}
