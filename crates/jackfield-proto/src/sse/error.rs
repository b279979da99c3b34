//! What cannot be written, and what is too much to read.

use std::fmt;

/// Why an event was not encoded: a field contains a character that would end its line. It is an error of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FieldError {
    /// The event's name has a CR, LF or NUL in it.
    Event,
    /// The id has a CR, LF or NUL in it. A receiver ignores an id with a NUL.
    Id,
    /// The comment has a CR or LF in it.
    Comment,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Event => "the name of an event has a line break or a NUL in it",
            Self::Id => "the id of an event has a line break or a NUL in it",
            Self::Comment => "the comment of an event has a line break in it",
        })
    }
}

impl std::error::Error for FieldError {}

/// Why a stream is not read further. No bytes are malformed in this format, so the only reasons are the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// A line longer than [`Limits::line_bytes_max`](super::Limits::line_bytes_max).
    LineTooLong,
    /// An event longer than [`Limits::event_bytes_max`](super::Limits::event_bytes_max).
    EventTooLong,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LineTooLong => "a line of the event stream is longer than the limit",
            Self::EventTooLong => "an event is longer than the limit",
        })
    }
}

impl std::error::Error for Error {}
