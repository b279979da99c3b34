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

/// What one read has got. Without bytes it is the end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    pub(crate) count: usize,
    /// The source is known to be empty, so an event will report more.
    pub(crate) drained: bool,
}

impl Received {
    /// `count` bytes in a buffer of `room` bytes. Nothing has ended the read early.
    #[inline(always)]
    pub(crate) fn of(count: usize, room: usize) -> Self {
        Self { count, drained: cfg!(target_os = "linux") && count < room }
    }
}

impl From<Received> for ReadOutcome {
    #[inline(always)]
    fn from(Received { count, drained }: Received) -> Self {
        if count == 0 { Self::End } else { Self::Bytes { count, drained } }
    }
}

impl ReadOutcome {
    #[cold]
    pub(crate) fn from_error(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock => Self::Nothing,
            _ => Self::Failed(error),
        }
    }
}
