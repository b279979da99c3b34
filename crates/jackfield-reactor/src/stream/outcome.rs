//! The outcome of one read.

use crate::reason::Reason;
use std::io;

/// The outcome of one read.
#[derive(Debug)]
pub(crate) enum ReadOutcome {
    /// Bytes. `drained`: the source is known to be empty, so an event will report more.
    Bytes { count: usize, drained: bool },
    /// Nothing for now.
    Nothing,
    /// The peer has finished its side.
    End,
    /// The preamble was read, and nothing after it yet.
    Preamble,
    /// The connection is broken.
    Failed(io::Error),
    /// The peer broke the protocol, and the connection ends for this reason.
    Refused(Reason),
}

impl ReadOutcome {
    /// The outcome of a read of `count` bytes into a buffer of `room` bytes.
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
