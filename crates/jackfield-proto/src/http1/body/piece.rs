//! A body in pieces.

/// What the next bytes of a body are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'b> {
    /// Nothing before more bytes come.
    Need,
    /// Some of the body, never empty.
    Data(&'b [u8]),
    /// Some of the trailer lines, whose grammar was checked.
    Trailer(&'b [u8]),
    /// The end.
    End,
}

/// As much of `rx` as belongs to the `left` bytes that are due.
pub(super) fn take_data<'b>(left: &mut u64, rx: &'b [u8]) -> (usize, Piece<'b>) {
    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(rx.len());
    *left -= count as u64;
    match &rx[..count] {
        [] => (0, Piece::Need),
        data => (count, Piece::Data(data)),
    }
}
