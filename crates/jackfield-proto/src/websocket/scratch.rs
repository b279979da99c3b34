//! Room for messages that had to be put together.

/// Room that is lent to [`Machine::step`](super::Machine::step) for a message that had to be put together: such an event
/// borrows it.
///
/// One can serve all connections of a thread; what is in it between two steps means nothing to the machines. An empty
/// one owns no memory. It grows to the longest message there was, and [`trim`](Self::trim) gives memory back.
#[derive(Debug, Default)]
pub struct Scratch {
    /// A message that came in pieces. Free for other uses between two steps.
    pub whole: Vec<u8>,
    /// For messages that are compressed.
    #[cfg(feature = "deflate")]
    pub(super) room: super::deflate::Room,
}

impl Scratch {
    /// No memory yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the buffers of messages back that can hold more bytes than this.
    #[inline]
    pub fn trim(&mut self, bytes_max: usize) {
        if self.whole.capacity() > bytes_max {
            self.whole = Vec::new();
        }
        #[cfg(feature = "deflate")]
        self.room.trim(bytes_max);
    }

    /// Bytes on the heap that it holds.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        #[cfg(feature = "deflate")]
        let room = self.room.heap_bytes();
        #[cfg(not(feature = "deflate"))]
        let room = 0;
        self.whole.capacity() + room
    }
}
