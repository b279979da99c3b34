//! The interface between the engine and a mode.

use super::tally::{Kind, Tally};
use std::borrow::Cow;
use std::collections::VecDeque;

/// Makes the output of one mode's connections, and handles their input.
pub(crate) trait Speaker {
    /// The state of one connection.
    type State;

    /// The state of a new connection, and its part. `index` is the number of its place.
    fn connect(&mut self, index: usize) -> (Self::State, Part);

    /// Writes the first bytes. A connection that has none is ready at once.
    fn open(&mut self, state: &mut Self::State, out: &mut Vec<u8>) -> Opened;

    /// Whether the connection may begin another operation, apart from the bound on operations in flight.
    fn may_send(&self, _state: &Self::State) -> bool {
        true
    }

    /// Begins an operation that is due at `due`.
    fn send(&mut self, state: &mut Self::State, due: u64, out: &mut Vec<u8>);

    /// True if the last operation has its answer already, because it came together with earlier ones.
    fn is_settled(&mut self, _state: &mut Self::State) -> bool {
        false
    }

    /// Handles bytes. Returns how many were used.
    ///
    /// # Errors
    /// The server broke the protocol: the connection is closed.
    fn receive(
        &mut self,
        state: &mut Self::State,
        rx: &mut [u8],
        heard: &mut Heard<'_>,
    ) -> Result<usize, Fault>;

    /// This many operations that were begun will have no answer.
    fn lose(&mut self, _operations: usize) {}

    /// The server has ended its side, which may end an operation.
    fn end(&mut self, _state: &mut Self::State, _heard: &mut Heard<'_>) {}
}

/// The part of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Sends, and receives the answer.
    Talks,
    /// Only receives.
    Listens,
    /// Publishes to others. It is served whenever they have received something.
    Publishes,
}

/// Whether a connection can be used at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    /// It can.
    Ready,
    /// The server has to answer first: [`Heard::ready`].
    Waits,
}

/// Why a connection was closed: the kind by which it is counted.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) Kind);

impl Fault {
    /// A fault in the server's bytes, with the error.
    pub(crate) fn of(what: &str, error: impl std::fmt::Display) -> Self {
        Self(Cow::Owned(format!("{what}: {error}")))
    }
}

/// The place for what a speaker has received.
#[derive(Debug)]
pub(crate) struct Heard<'a> {
    /// Nanoseconds since the load generator began.
    pub(crate) now: u64,
    /// Bytes to be sent at once, such as a Pong.
    pub(crate) out: &'a mut Vec<u8>,
    pub(crate) tally: &'a mut Tally,
    /// Deliveries that were due earlier are none that is waited for.
    pub(crate) awaited_from: u64,
    /// Deliveries that came now and were waited for.
    pub(crate) delivered: u64,
    /// When the operations in flight were due.
    pub(crate) in_flight: &'a mut VecDeque<u64>,
    pub(crate) is_slow: bool,
    pub(crate) is_ready: bool,
    /// The connection is complete: its end is expected.
    pub(crate) is_over: bool,
}

impl Heard<'_> {
    /// The connection can be used from now on.
    pub(crate) fn ready(&mut self) {
        self.is_ready = true;
    }

    /// The oldest operation in flight has succeeded.
    ///
    /// # Errors
    /// There is none.
    #[inline]
    pub(crate) fn reply(&mut self) -> Result<(), Fault> {
        let since = self.in_flight.pop_front().ok_or(UNASKED)?;
        self.delivery(since);
        Ok(())
    }

    /// The oldest operation in flight is over, but its latency is counted elsewhere.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn acknowledge(&mut self) -> Result<(), Fault> {
        self.in_flight.pop_front().map(drop).ok_or(UNASKED)
    }

    /// The oldest operation in flight has failed.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn refusal(&mut self, kind: impl Into<Kind>) -> Result<(), Fault> {
        self.acknowledge()?;
        self.tally.error(kind);
        Ok(())
    }

    /// Counts a delivery that was due at `since`.
    #[inline]
    pub(crate) fn delivery(&mut self, since: u64) {
        self.delivered += u64::from(since >= self.awaited_from);
        if self.is_slow {
            self.tally.record_slow();
        } else {
            self.tally.record(since, self.now);
        }
    }
}

const UNASKED: Fault = Fault(Cow::Borrowed("an answer that nobody asked for"));
