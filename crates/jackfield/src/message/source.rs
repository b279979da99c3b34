//! Pulled bodies.

use crate::guard::{discard, guard};
use std::fmt;
use std::io::{self, ErrorKind, Read};

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

/// The most that is read at once.
const PIECE_BYTES: u64 = 64 << 10;

/// A body from a reader of the user's.
pub(crate) struct ReaderSource {
    reader: Option<Box<dyn Read + Send>>,
    /// What is left of the announced length.
    left: Option<u64>,
}

impl ReaderSource {
    pub(crate) fn new(reader: impl Read + Send + 'static, body_bytes: Option<u64>) -> Self {
        Self { reader: Some(Box::new(reader)), left: body_bytes }
    }
}

impl Source for ReaderSource {
    /// What the reader itself owns there is not known.
    fn heap_bytes(&self) -> usize {
        self.reader.as_ref().map_or(0, |reader| size_of_val(&**reader))
    }

    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let most = self.left.map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES)) as usize;
        let Some(reader) = self.reader.as_mut().filter(|_| most > 0) else { return Ok(None) };
        let mut piece = vec![0; most];
        let count = loop {
            match reader.read(&mut piece) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(count as u64).ok_or(ErrorKind::InvalidData)?;
        }
        match (count, self.left) {
            (0, Some(_)) => Err(ErrorKind::UnexpectedEof.into()),
            (0, None) => Ok(None),
            _ => {
                piece.truncate(count);
                Ok(Some(piece))
            }
        }
    }
}

/// It may be dropped on any thread, and what the reader does then is not known.
impl Drop for ReaderSource {
    fn drop(&mut self) {
        let reader = self.reader.take();
        if let Err(payload) = guard(|| drop(reader)) {
            discard(payload);
            log::error!(target: "jackfield::offload", "the reader of a body panicked when it was dropped");
        }
    }
}

impl fmt::Debug for ReaderSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReaderSource").field("left", &self.left).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lengths of the pieces, and whether the end was good.
    fn read(bytes: usize, announced: Option<u64>) -> (Vec<usize>, bool) {
        let mut source = ReaderSource::new(io::repeat(7).take(bytes as u64), announced);
        let mut pieces = Vec::new();
        loop {
            match source.read() {
                Ok(Some(piece)) => pieces.push(piece.len()),
                end => return (pieces, end.is_ok()),
            }
        }
    }

    #[test]
    fn a_reader_is_read_in_pieces_up_to_its_end_or_its_length() {
        const PIECE: usize = 65_536;
        assert_eq!(read(PIECE + 1, None), (vec![PIECE, 1], true));
        assert_eq!(read(PIECE + 1, Some(65_537)), (vec![PIECE, 1], true));
        assert_eq!(read(10, Some(4)), (vec![4], true), "the rest is not read");
        assert_eq!(read(4, Some(10)), (vec![4], false), "it is too short");
        assert_eq!(read(0, None), (vec![], true));
        assert_eq!(read(9, Some(0)), (vec![], true));
    }
}
