//! What the engine asks of each mode.

use super::tally::{Kind, Tally};
use std::borrow::Cow;
use std::collections::VecDeque;

/// What the connections of one mode say, and what they make of what they hear.
pub(crate) trait Speaker {
    /// What is remembered of one connection.
    type State;

    /// A new connection, and its part. `index` counts the places, not the connections that have filled them.
    fn connect(&mut self, index: usize) -> (Self::State, Part);

    /// The first words. A connection that has none is ready at once.
    fn open(&mut self, state: &mut Self::State, out: &mut Vec<u8>) -> Opened;

    /// Whether the connection may begin a further operation, besides the bound on those in flight.
    fn may_send(&self, _state: &Self::State) -> bool {
        true
    }

    /// Begins an operation that is due at `due`.
    fn send(&mut self, state: &mut Self::State, due: u64, out: &mut Vec<u8>);

    /// True if the operation that was begun last need not be waited for: its answer has come with those before it.
    fn is_settled(&mut self, _state: &mut Self::State) -> bool {
        false
    }

    /// Bytes have come. Says how many were used.
    ///
    /// # Errors
    /// The server broke the protocol: the connection is given up.
    fn receive(
        &mut self,
        state: &mut Self::State,
        rx: &mut [u8],
        heard: &mut Heard<'_>,
    ) -> Result<usize, Fault>;

    /// The server has finished its side, which may be the end of an operation.
    fn end(&mut self, _state: &mut Self::State, _heard: &mut Heard<'_>) {}
}

/// A connection's part in the play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Sends, and hears the answer.
    Talks,
    /// Only listens.
    Listens,
    /// Sends what others hear: it is looked after whenever they have heard something.
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

/// Why a connection was given up: the name under which it is counted.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) Kind);

impl Fault {
    /// Something is wrong with what came, as the error says.
    pub(crate) fn of(what: &str, error: impl std::fmt::Display) -> Self {
        Self(Cow::Owned(format!("{what}: {error}")))
    }
}

/// Where a speaker tells what it heard.
#[derive(Debug)]
pub(crate) struct Heard<'a> {
    /// Nanoseconds since the load generator began.
    pub(crate) now: u64,
    /// What goes back at once, such as a Pong.
    pub(crate) out: &'a mut Vec<u8>,
    pub(crate) tally: &'a mut Tally,
    /// When the operations in flight were due.
    pub(crate) in_flight: &'a mut VecDeque<u64>,
    pub(crate) is_slow: bool,
    pub(crate) is_ready: bool,
    /// Nothing more comes on this connection, and that is in order.
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
        self.tally.error(kind);
        self.acknowledge()
    }

    /// Something has come that was due at `since`.
    #[inline]
    pub(crate) fn delivery(&mut self, since: u64) {
        if self.is_slow {
            self.tally.record_slow();
        } else {
            self.tally.record(since, self.now);
        }
    }
}

const UNASKED: Fault = Fault(Cow::Borrowed("an answer that nobody asked for"));
