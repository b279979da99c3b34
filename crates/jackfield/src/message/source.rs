//! Pulled bodies.

use std::fmt;
use std::io;

/// A body that is read a piece at a time, on a thread that may block: the next piece when its connection has taken the one
/// before.
pub(crate) trait Source: fmt::Debug + Send {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// The source failed before its end: the answer is broken off.
    fn read(&mut self) -> io::Result<Option<Vec<u8>>>;

    /// Bytes that it owns on the heap.
    fn heap_bytes(&self) -> usize;
}

/// Bytes of a source in its box.
pub(crate) fn boxed_bytes(source: &dyn Source) -> usize {
    size_of_val(source) + source.heap_bytes()
}
