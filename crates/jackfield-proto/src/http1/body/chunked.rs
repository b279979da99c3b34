//! The chunked coding (RFC 9112 section 7.1), byte for byte as strict as the grammar.
//!
//! One deviation: space between the size and an extension is refused, though the grammar has it as "bad" white space.
//! No known sender uses it, and readers that disagree about it are how requests get smuggled.

use super::extension::ExtensionState;
use super::piece::{Piece, take_data};
use crate::http1::scan::ScanState;
use crate::http1::{Error, Limits};

/// The position of the next byte in a chunked body.
#[derive(Debug)]
pub(crate) struct Chunked {
    state: State,
    /// The size as far as it was read; then the bytes of the chunk that are still to come.
    left: u64,
    /// Bytes of the current size line.
    line_bytes: usize,
    /// Bytes of all extensions so far.
    extension_bytes: usize,
    /// Bytes of the trailer section so far.
    trailer_bytes: usize,
    /// Fields of the trailer section that have begun.
    trailer_fields: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In a size, after this number of digits.
    Size(u8),
    /// In an extension.
    Extension(ExtensionState),
    /// Before the LF of a size line.
    SizeLf,
    /// In the data.
    Data,
    /// Before the CR after the data.
    DataCr,
    /// Before the LF after the data.
    DataLf,
    /// In the trailer section.
    Trailer(ScanState),
    /// After the body.
    Over,
}

impl Chunked {
    pub(crate) const fn new() -> Self {
        Self {
            state: State::Size(0),
            left: 0,
            line_bytes: 0,
            extension_bytes: 0,
            trailer_bytes: 0,
            trailer_fields: 0,
        }
    }

    pub(super) fn take<'b>(&mut self, rx: &'b [u8], limits: &Limits) -> Result<(usize, Piece<'b>), Error> {
        for (index, byte) in rx.iter().enumerate() {
            match self.state {
                State::Data => {
                    let (used, piece) = take_data(&mut self.left, &rx[index..]);
                    self.state = if self.left == 0 { State::DataCr } else { State::Data };
                    return Ok((index + used, piece));
                }
                State::Trailer(scan) if is_in_line(scan, *byte) => {
                    let (used, piece) = self.take_trailer(scan, &rx[index..], limits)?;
                    return Ok((index + used, piece));
                }
                state => self.state = self.next(state, *byte, limits)?,
            }
            if self.state == State::Over {
                return Ok((index + 1, Piece::End));
            }
        }
        let piece = if self.state == State::Over { Piece::End } else { Piece::Need };
        Ok((rx.len(), piece))
    }

    /// The bytes of the current chunk that have not come yet.
    pub(super) fn bytes_due(&self) -> u64 {
        if self.state == State::Data { self.left } else { 0 }
    }

    /// The state after a byte that is neither data nor within a trailer line.
    fn next(&mut self, state: State, byte: u8, limits: &Limits) -> Result<State, Error> {
        match state {
            State::Size(digits) => self.size(digits, byte, limits),
            State::Extension(extension) => self.extension(extension, byte, limits),
            State::SizeLf if byte == b'\n' => Ok(self.after_size()),
            State::DataCr if byte == b'\r' => Ok(State::DataLf),
            State::DataLf if byte == b'\n' => {
                (self.left, self.line_bytes) = (0, 0);
                Ok(State::Size(0))
            }
            State::Trailer(ScanState::LineStart) => Ok(State::Trailer(ScanState::LastLf)),
            State::Trailer(_) if byte == b'\n' => Ok(State::Over),
            State::Trailer(_) => Err(Error::LineEnd),
            _ => Err(Error::ChunkEnd),
        }
    }

    fn size(&mut self, digits: u8, byte: u8, limits: &Limits) -> Result<State, Error> {
        self.count_line(limits)?;
        match (char::from(byte).to_digit(16), byte) {
            // Sixteen digits fill 64 bits, so the shift loses nothing.
            (Some(digit), _) if digits < 16 => {
                self.left = self.left << 4 | u64::from(digit);
                Ok(State::Size(digits + 1))
            }
            (None, b'\r') if digits > 0 => Ok(State::SizeLf),
            (None, b';') if digits > 0 => self.count_extension(ExtensionState::BeforeName, limits),
            _ => Err(Error::ChunkSize),
        }
    }

    fn extension(&mut self, extension: ExtensionState, byte: u8, limits: &Limits) -> Result<State, Error> {
        if byte == b'\r' && extension.may_end() {
            return Ok(State::SizeLf);
        }
        let then = extension.next(byte).ok_or(Error::ChunkExtension)?;
        self.count_line(limits)?;
        self.count_extension(then, limits)
    }

    fn count_line(&mut self, limits: &Limits) -> Result<(), Error> {
        self.line_bytes += 1;
        if self.line_bytes > limits.chunk_line_bytes_max { Err(Error::ChunkLineTooLong) } else { Ok(()) }
    }

    fn count_extension(&mut self, then: ExtensionState, limits: &Limits) -> Result<State, Error> {
        self.extension_bytes += 1;
        if self.extension_bytes > limits.chunk_extension_bytes_max {
            return Err(Error::ChunkExtensionsTooLong);
        }
        Ok(State::Extension(then))
    }

    fn after_size(&self) -> State {
        if self.left == 0 { State::Trailer(ScanState::LineStart) } else { State::Data }
    }

    /// The rest of one trailer line, or as much of it as there is.
    fn take_trailer<'b>(
        &mut self,
        mut scan: ScanState,
        rx: &'b [u8],
        limits: &Limits,
    ) -> Result<(usize, Piece<'b>), Error> {
        if scan == ScanState::LineStart {
            self.trailer_fields += 1;
            if self.trailer_fields > limits.headers() {
                return Err(Error::TooManyHeaders);
            }
        }
        let mut used = 0;
        for byte in rx {
            scan = scan.next(*byte, 0, 0)?;
            used += 1;
            self.trailer_bytes += 1;
            if self.trailer_bytes > limits.trailer_bytes_max {
                return Err(Error::TrailersTooLarge);
            }
            if scan == ScanState::LineStart {
                break;
            }
        }
        self.state = State::Trailer(scan);
        Ok((used, Piece::Trailer(&rx[..used])))
    }
}

/// Whether a byte of the trailer section belongs to a field, and not to the empty line that ends it all.
fn is_in_line(scan: ScanState, byte: u8) -> bool {
    match scan {
        ScanState::LineStart => byte != b'\r',
        scan => scan != ScanState::LastLf,
    }
}
