//! The body of a request that has not come yet, with the kept parts of the request.

use super::body::{BodyReader, Piece};
use super::{Error, Limits};

/// An unfinished request. It is boxed, because nearly all requests come whole and need none.
#[derive(Debug)]
pub(super) struct Inbound {
    reader: BodyReader,
    plan: Plan,
    /// The peer waits for `100 Continue`, and none was sent.
    expects_continue: bool,
    /// The head, then the collected body, then the trailer lines.
    kept: Vec<u8>,
    /// Where in `kept` the head ends.
    head_end: usize,
    /// Where in `kept` the body ends.
    body_end: usize,
    /// With [`Plan::Collect`] the bytes that may still be collected, with [`Plan::Drain`] those that may still be
    /// dropped.
    allowance: u64,
    /// The limit of the same name, kept for the moment of the answer.
    drain_bytes_max: u64,
}

/// What becomes of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Not decided yet. Nothing is read.
    Undecided,
    /// It is kept, to be handed out whole.
    Collect,
    /// It is handed out as it comes.
    Stream,
    /// The answer has been given, the body is dropped.
    Drain,
}

/// What reading on has brought.
#[derive(Debug)]
pub(super) enum ReadStep<'b> {
    /// All bytes were used, and more are needed.
    Need,
    /// Some of a streamed body.
    Part(&'b [u8]),
    /// The request is complete.
    End,
}

/// The kept parts of a request that is complete.
pub(super) struct Kept {
    /// The head, then the collected body, then the trailer lines.
    pub(super) bytes: Vec<u8>,
    /// Where the head ends.
    pub(super) head_end: usize,
    /// Where the body ends.
    pub(super) body_end: usize,
}

impl Inbound {
    pub(super) fn new(reader: BodyReader, head: &[u8], expects_continue: bool, limits: &Limits) -> Self {
        Self {
            reader,
            plan: Plan::Undecided,
            expects_continue,
            kept: head.to_vec(),
            head_end: head.len(),
            body_end: head.len(),
            allowance: 0,
            drain_bytes_max: limits.drain_bytes_max,
        }
    }

    /// Keeps the rest of the body, if it is not known to be too long. No memory is reserved on the peer's word.
    pub(super) fn collect(&mut self, body_bytes_max: u64) -> Result<(), Error> {
        if self.reader.bytes_due() > body_bytes_max {
            return Err(Error::BodyTooLarge);
        }
        (self.plan, self.allowance) = (Plan::Collect, body_bytes_max);
        Ok(())
    }

    /// Hands the rest of the body out as it comes.
    pub(super) fn stream(&mut self) {
        self.plan = Plan::Stream;
    }

    /// Drops the rest of the body. False if that is not worth while, and the connection must close instead: the peer still
    /// waits for `100 Continue` and may never send the body, or the body is known to be too long.
    pub(super) fn drain(&mut self) -> bool {
        (self.plan, self.allowance) = (Plan::Drain, self.drain_bytes_max);
        // The answer was given: the request is not needed again.
        (self.kept, self.head_end, self.body_end) = (Vec::new(), 0, 0);
        !self.expects_continue && self.reader.bytes_due() <= self.drain_bytes_max
    }

    /// Reads on, and says how many bytes from the front were used.
    pub(super) fn read<'b>(&mut self, rx: &'b [u8], limits: &Limits) -> Result<(usize, ReadStep<'b>), Error> {
        let mut used = 0;
        loop {
            let (count, piece) = self.reader.take(&rx[used..], limits)?;
            used += count;
            // A peer that sends the body does not wait any more (RFC 9110 section 10.1.1).
            self.expects_continue &= used == 0;
            match piece {
                Piece::Data(data) if self.plan == Plan::Stream => return Ok((used, ReadStep::Part(data))),
                Piece::Data(data) => self.take_data(data)?,
                Piece::Trailer(lines) => self.take_trailer(lines),
                Piece::End => return Ok((used, ReadStep::End)),
                Piece::Need => {
                    // A chunk's size alone can exceed the limit.
                    self.spend(0)?;
                    return Ok((used, ReadStep::Need));
                }
            }
        }
    }

    /// Whether all of it was read, and only its end is still to be reported.
    pub(super) fn is_end_due(&self) -> bool {
        self.plan != Plan::Undecided && self.reader.is_end_due()
    }

    /// The same request with its trailers, which were read before.
    pub(super) fn with_trailers(mut self, lines: &[u8]) -> Self {
        self.kept.extend_from_slice(lines);
        self
    }

    /// Bytes that it takes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.kept.capacity()
    }

    /// What was kept of the request.
    pub(super) fn into_kept(self) -> Kept {
        Kept { bytes: self.kept, head_end: self.head_end, body_end: self.body_end }
    }

    /// Notes that `100 Continue` was sent.
    pub(super) fn set_continued(&mut self) {
        self.expects_continue = false;
    }

    /// Whether the body is wanted and the peer sends it only after `100 Continue`.
    pub(super) fn wants_continue(&self) -> bool {
        self.expects_continue && matches!(self.plan, Plan::Collect | Plan::Stream)
    }

    pub(super) fn plan(&self) -> Plan {
        self.plan
    }

    fn take_data(&mut self, data: &[u8]) -> Result<(), Error> {
        self.spend(data.len() as u64)?;
        if self.plan == Plan::Collect {
            self.kept.extend_from_slice(data);
            self.body_end = self.kept.len();
        }
        Ok(())
    }

    /// Takes bytes from the allowance, which must then suffice for those that are announced.
    fn spend(&mut self, bytes: u64) -> Result<(), Error> {
        let beyond = match self.plan {
            Plan::Collect => Error::BodyTooLarge,
            Plan::Drain => Error::DrainTooLong,
            Plan::Stream | Plan::Undecided => return Ok(()),
        };
        self.allowance = self.allowance.checked_sub(bytes).ok_or(beyond)?;
        if self.reader.bytes_due() > self.allowance { Err(beyond) } else { Ok(()) }
    }

    fn take_trailer(&mut self, lines: &[u8]) {
        if self.plan != Plan::Drain {
            self.kept.extend_from_slice(lines);
        }
    }
}
