//! Bytes of a connection that are kept between two reads.

/// Bytes that were read and not used yet. Only a connection with an incomplete message has one; when it is empty, it
/// goes back to the pool.
#[derive(Debug)]
pub(crate) struct Carry {
    bytes: Vec<u8>,
    /// Where the unused bytes begin, so that using some does not move the others.
    start: usize,
    /// Its charge in the account of its reactor.
    pub(crate) charged: u32,
}

/// A larger carry is not kept in the pool.
const KEPT_BYTES_MAX: usize = 32 << 10;

impl Carry {
    /// A carry with room for this many bytes. It grows when more come.
    pub(crate) fn new(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), start: 0, charged: 0 }
    }

    /// Bytes that it takes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.bytes.capacity()
    }

    /// Empties it. True if it is small enough for the pool.
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

    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
        debug_assert!(self.start <= self.bytes.len(), "more was used than was there");
        if self.start >= self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
    }
}
