//! Memory for messages that came in several pieces.

/// Memory that is lent to [`Machine::step`](super::Machine::step) for a message that came in several pieces: its event
/// borrows it.
///
/// All connections of a thread can share one: the machines keep nothing in it between two steps. A new one owns no memory. It
/// grows to the size of the longest message so far, and [`trim`](Self::trim) frees memory.
#[derive(Debug, Default)]
pub struct Scratch {
    /// A message that came in pieces. Free for other uses between two steps.
    pub whole: Vec<u8>,
    /// For messages that are compressed.
    #[cfg(feature = "deflate")]
    pub(super) room: super::deflate::InflateScratch,
}

impl Scratch {
    /// An empty one, without memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Frees the buffers whose capacity is more than this number of bytes.
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
