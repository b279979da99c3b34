//! The bytes of a file, a piece at a time.

use super::condition::Stamp;
use super::range::{Span, content_range};
use super::version::Version;
use crate::message::Source;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// The size of a piece.
pub(super) const PIECE_BYTES: usize = 64 << 10;

/// A part of the body: a text of ours, or bytes of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(Vec<u8>),
    Bytes(Span),
}

/// A file that is being sent.
#[derive(Debug)]
pub(super) struct FileSource {
    file: File,
    /// Its version when the answer began.
    stamp: Stamp,
    pieces: VecDeque<Piece>,
}

impl FileSource {
    pub(super) fn new(file: File, stamp: Stamp, pieces: Vec<Piece>) -> Self {
        Self { file, stamp, pieces: pieces.into() }
    }

    pub(super) fn bytes_left(&self) -> u64 {
        let bytes = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => text.len() as u64,
            Piece::Bytes(span) => span.end - span.start,
        });
        bytes.sum()
    }

    /// The version that is being sent, if the file still has it, and if no later one can be mistaken for it.
    pub(super) fn version(&self) -> Option<Version> {
        let version = Version::settled(&self.file)?;
        (Stamp::of(&self.file).ok()? == self.stamp).then_some(version)
    }

    /// Reads all that is left, which must be little.
    pub(super) fn read_all(&mut self) -> io::Result<Vec<u8>> {
        let mut all = Vec::with_capacity(self.bytes_left() as usize);
        while let Some(piece) = self.read()? {
            all.extend(piece);
        }
        Ok(all)
    }

    fn read_span(&mut self, span: Span) -> io::Result<Vec<u8>> {
        let count = (span.end - span.start).min(PIECE_BYTES as u64);
        let mut bytes = Vec::with_capacity(count as usize);
        self.file.seek(SeekFrom::Start(span.start))?;
        if (&self.file).take(count).read_to_end(&mut bytes)? as u64 != count {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // The bytes may already be of another version.
        if Stamp::of(&self.file)? != self.stamp {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if span.start + count < span.end {
            self.pieces.push_front(Piece::Bytes(span.start + count..span.end));
        }
        Ok(bytes)
    }
}

impl Source for FileSource {
    fn heap_bytes(&self) -> usize {
        let texts = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => text.capacity(),
            Piece::Bytes(_) => 0,
        });
        self.pieces.capacity() * size_of::<Piece>() + texts.sum::<usize>()
    }

    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self.pieces.pop_front() {
            None => Ok(None),
            Some(Piece::Text(text)) => Ok(Some(text)),
            Some(Piece::Bytes(span)) => self.read_span(span).map(Some),
        }
    }
}

pub(super) fn whole(bytes: u64) -> Vec<Piece> {
    if bytes == 0 { Vec::new() } else { vec![Piece::Bytes(0..bytes)] }
}

pub(super) fn one(span: &Span) -> Vec<Piece> {
    vec![Piece::Bytes(span.clone())]
}

/// The pieces of a `multipart/byteranges` (RFC 9110 section 14.6).
pub(super) fn multipart_pieces(spans: &[Span], bytes: u64, boundary: &str, content_type: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (number, span) in spans.iter().enumerate() {
        let line = if number == 0 { "" } else { "\r\n" };
        let range = content_range(span, bytes);
        let head =
            format!("{line}--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: {range}\r\n\r\n");
        pieces.push(Piece::Text(head.into_bytes()));
        pieces.push(Piece::Bytes(span.clone()));
    }
    pieces.push(Piece::Text(format!("\r\n--{boundary}--\r\n").into_bytes()));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::boxed_bytes;
    use allocation_counter::measure;
    use std::{env, fs, iter, process};

    #[test]
    fn a_file_is_read_in_pieces_of_64_kib() {
        let path = env::temp_dir().join(format!("jackfield-pieces-{}", process::id()));
        fs::write(&path, vec![7; 65_537]).unwrap();
        let file = File::open(&path);
        // An open file can be read without its name, and nothing is left behind if the test fails.
        fs::remove_file(&path).unwrap();
        let file = file.unwrap();
        let stamp = Stamp::of(&file).unwrap();
        let mut source = FileSource::new(file, stamp, whole(65_537));
        let pieces: Vec<_> = iter::from_fn(|| source.read().unwrap()).map(|piece| piece.len()).collect();
        assert_eq!(pieces, [65_536, 1]);
    }

    #[test]
    fn n5_a_source_is_charged_as_it_was_allocated() {
        let name = env::current_exe().unwrap();
        let mut boxed: Option<Box<dyn Source>> = None;
        let given = measure(|| {
            let file = File::open(&name).unwrap();
            let stamp = Stamp::of(&file).unwrap();
            let pieces = vec![Piece::Text(vec![7; 100]), Piece::Bytes(0..100), Piece::Text(vec![7; 30])];
            boxed = Some(Box::new(FileSource::new(file, stamp, pieces)));
        });
        assert_eq!(boxed_bytes(&*boxed.unwrap()) as i64, given.bytes_current);
    }
}
