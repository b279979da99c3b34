//! The load generator itself: a service of the reactor that plays the client on every connection.
//!
//! It keeps a number of *places* filled with connections, and on each of them so many operations in flight. What is
//! said is the [`Speaker`]'s business, and when it is due the [`Pace`]'s. At a fixed rate, connections with room for an
//! operation queue up, and the one that waits longest gets the next that is due.

mod lateness;
mod link;
mod opening;
mod pacing;
mod service;

use super::alarm::Alarm;
use super::pace::Pace;
use super::plan::Tls;
use super::speaker::Speaker;
use super::tally::{Kind, Tally};
use jackfield_reactor::ConnectionId;
use link::Link;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Instant;

/// What the engine has to know of the plan.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) target: SocketAddr,
    pub(crate) tls: Option<Tls>,
    /// Places, by their number in the whole run: those of slow readers come first.
    pub(crate) places: Range<usize>,
    pub(crate) slow_readers: usize,
    /// Operations in flight on one connection.
    pub(crate) pipeline: usize,
    /// Operations a second, on all connections together.
    pub(crate) rate: Option<f64>,
    /// So many operations, and no more.
    pub(crate) operations: Option<u64>,
    /// What is counted for one of them: the deliveries of a publication.
    pub(crate) deliveries: u64,
    /// Each connection serves one operation, and opening it is part of that.
    pub(crate) renews: bool,
    /// An answer that takes longer is an error.
    pub(crate) timeout_ns: u64,
}

/// The client's side of all connections.
#[derive(Debug)]
pub(crate) struct Engine<S: Speaker> {
    pub(crate) tally: Tally,
    pub(crate) pace: Pace,
    speaker: S,
    setup: Setup,
    begin: Instant,
    /// By slot.
    links: Vec<Option<Link<S::State>>>,
    /// Places without a connection.
    vacant: Vec<usize>,
    /// At a fixed rate: connections with room for an operation.
    waiting: VecDeque<ConnectionId>,
    /// The connection that is looked after whenever others have heard something.
    publisher: ConnectionId,
    open: usize,
    ready: usize,
    /// A server has answered: from now on errors are counted, and not the end.
    is_proven: bool,
    failure: Option<Kind>,
    retry_at: u64,
    /// When connections are looked at next for answers that take too long.
    sweep_at: u64,
    /// Rings when an operation is due, where there are fixed times.
    alarm: Option<Alarm>,
    out: Vec<u8>,
}

impl<S: Speaker> Engine<S> {
    /// Times count from `begin`.
    pub(crate) fn new(speaker: S, setup: Setup, begin: Instant) -> Self {
        Self {
            tally: Tally::new(),
            pace: Pace::new(setup.rate, setup.operations),
            speaker,
            begin,
            links: Vec::new(),
            vacant: setup.places.clone().rev().collect(),
            waiting: VecDeque::new(),
            publisher: ConnectionId::NONE,
            open: 0,
            ready: 0,
            is_proven: false,
            failure: None,
            retry_at: 0,
            sweep_at: 0,
            alarm: None,
            out: Vec::new(),
            setup,
        }
    }

    /// Nanoseconds since the run began.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Connections that can be used.
    pub(crate) fn ready(&self) -> usize {
        self.ready
    }

    /// Errors of all kinds.
    #[inline]
    pub(crate) fn error_count(&self) -> u64 {
        if self.tally.errors.is_empty() { 0 } else { self.tally.error_count() }
    }

    /// Why it makes no sense to go on: the first connections failed already.
    pub(crate) fn failure(&self) -> Option<&Kind> {
        self.failure.as_ref()
    }

    /// Operations that are not over: in flight, or due and not begun. Those of slow readers don't count.
    pub(crate) fn unfinished(&self) -> usize {
        let fast = self.links.iter().flatten().filter(|link| !link.is_slow);
        self.pace.owed(self.now()) + fast.map(|link| link.in_flight.len()).sum::<usize>()
    }

    /// True once all operations are over that there were to be: they have succeeded, or there is nothing to wait for.
    pub(crate) fn is_done(&self) -> bool {
        let Some(operations) = self.setup.operations.filter(|operations| self.pace.taken() >= *operations)
        else {
            return false;
        };
        if self.tally.operations >= operations * self.setup.deliveries {
            return true;
        }
        let now = self.now();
        let is_waited_for = |link: &Link<S::State>| {
            let is_heard = now.saturating_sub(link.heard_at) <= self.setup.timeout_ns;
            link.owes() || self.setup.deliveries > 1 && is_heard
        };
        !self.links.iter().flatten().any(is_waited_for)
    }

    /// Counts an error; before a server has ever answered, it is the end.
    #[cold]
    fn fail(&mut self, kind: Kind) {
        if !self.is_proven && self.failure.is_none() {
            self.failure = Some(kind.clone());
        }
        self.tally.error(kind);
    }
}
