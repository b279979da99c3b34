//! What one read gave.

use crate::reason::Reason;
use std::io;

/// What one read gave.
#[derive(Debug)]
pub(crate) enum ReadOutcome {
    /// So many bytes. `drained`: the source is known to be empty, so that the next edge tells of more.
    Bytes { count: usize, drained: bool },
    /// Nothing for now.
    Nothing,
    /// The peer has finished its side.
    End,
    /// What comes before the session was read, and nothing of what comes behind it yet.
    Preamble,
    /// The connection is broken.
    Failed(io::Error),
    /// The peer does not speak as it should, and the connection ends for this reason.
    Refused(Reason),
}

impl ReadOutcome {
    /// What follows from a read of this many bytes into a buffer of that size.
    #[inline(always)]
    pub(crate) fn of_count(count: usize, room: usize) -> Self {
        match count {
            0 => Self::End,
            count => Self::Bytes { count, drained: cfg!(target_os = "linux") && count < room },
        }
    }

    #[cold]
    pub(crate) fn from_error(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock => Self::Nothing,
            _ => Self::Failed(error),
        }
    }
}
