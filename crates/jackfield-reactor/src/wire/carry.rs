//! What is kept of a connection's bytes between two reads.

/// Bytes that were read and not used yet. Only a connection in the middle of something has one, and it goes back to
/// the pool as soon as it is empty.
#[derive(Debug)]
pub(crate) struct Carry {
    bytes: Vec<u8>,
    /// Where the unused bytes begin: using some moves no others.
    start: usize,
    /// What it is charged for in the account of its reactor.
    pub(crate) charged: u32,
}

/// How large a carry may be that is kept for its next use.
const KEPT_BYTES_MAX: usize = 32 << 10;

impl Carry {
    /// Room for this many bytes; it grows when more come.
    pub(crate) fn new(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), start: 0, charged: 0 }
    }

    /// Bytes that it takes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.bytes.capacity()
    }

    /// Empty again. Says whether it is small enough to be kept for its next use.
    pub(crate) fn reset(&mut self) -> bool {
        self.bytes.clear();
        self.start = 0;
        self.bytes.capacity() <= KEPT_BYTES_MAX
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn unused(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) {
        if self.start > 0 && self.start >= self.len() {
            self.bytes.drain(..std::mem::take(&mut self.start));
        }
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn used(&mut self, count: usize) {
        self.start += count;
        debug_assert!(self.start <= self.bytes.len(), "more was used than was there");
        if self.start >= self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
    }
}
