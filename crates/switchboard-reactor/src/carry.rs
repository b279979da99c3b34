//! What is kept of a connection's bytes between two reads.

/// Bytes that were read and not used yet. Only a connection in the middle of something has one, and it goes back to
/// the pool as soon as it is empty.
#[derive(Debug)]
pub(crate) struct Carry {
    bytes: Vec<u8>,
    /// Where the unused bytes begin: using some moves no others.
    start: usize,
}

/// Carries that wait for their next use, newest last.
#[derive(Debug)]
pub(crate) struct CarryPool {
    /// Room that a new one has at first.
    first_bytes: usize,
    // Boxed: a wire holds one as a single pointer, and the boxes themselves are reused too.
    #[expect(clippy::vec_box)]
    free: Vec<Box<Carry>>,
}

/// Carries that the pool keeps, and how large each may be.
const KEPT_MAX: usize = 64;
const KEPT_BYTES_MAX: usize = 32 << 10;

impl Carry {
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

impl CarryPool {
    pub(crate) fn new(first_bytes: usize) -> Self {
        Self { first_bytes, free: Vec::new() }
    }

    pub(crate) fn take(&mut self) -> Box<Carry> {
        let first_bytes = self.first_bytes;
        self.free
            .pop()
            .unwrap_or_else(|| Box::new(Carry { bytes: Vec::with_capacity(first_bytes), start: 0 }))
    }

    pub(crate) fn give_back(&mut self, mut carry: Box<Carry>) {
        if self.free.len() < KEPT_MAX && carry.bytes.capacity() <= KEPT_BYTES_MAX {
            carry.bytes.clear();
            carry.start = 0;
            self.free.push(carry);
        }
    }
}
