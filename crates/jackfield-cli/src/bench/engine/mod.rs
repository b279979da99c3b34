//! The load generator itself: a service of the reactor that plays the client on every connection.
//!
//! It keeps a number of *places* filled with connections, and a number of operations in flight on each. The [`Speaker`]
//! makes the bytes, and the [`Pace`] says when operations are due. At a fixed rate, connections with room for an
//! operation form a queue, and the one that has waited longest gets the next operation.

mod lateness;
mod link;
mod opening;
mod overdue;
mod pacing;
mod service;

use super::alarm::Alarm;
use super::pace::Pace;
use super::plan::Tls;
use super::published::Published;
use super::speaker::Speaker;
use super::tally::{Kind, Tally};
use jackfield_reactor::ConnectionId;
use link::Link;
use overdue::Overdue;
use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// The engine's part of the plan.
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
    /// The delay of the first operation, so that threads take turns.
    pub(crate) offset_ns: u64,
    /// The most operations.
    pub(crate) operations: Option<u64>,
    /// What comes on the connections of this thread for all operations of all threads; slow readers are not counted.
    pub(crate) deliveries: Option<u64>,
    /// What one connection sends comes on all.
    pub(crate) publishes: bool,
    /// Each connection serves one operation, and opening it is part of that.
    pub(crate) renews: bool,
    /// An answer that takes longer is an error.
    pub(crate) timeout_ns: u64,
}

#[cfg(test)]
impl Setup {
    /// One connection to this address.
    pub(crate) fn of_one(target: SocketAddr) -> Self {
        Self {
            target,
            tls: None,
            places: 0..1,
            slow_readers: 0,
            pipeline: 1,
            rate: None,
            offset_ns: 0,
            operations: None,
            deliveries: None,
            publishes: false,
            renews: false,
            timeout_ns: 0,
        }
    }
}

/// The client's side of all connections.
#[derive(Debug)]
pub(crate) struct Engine<S: Speaker> {
    pub(crate) tally: Tally,
    pub(crate) pace: Pace,
    speaker: S,
    setup: Setup,
    begin: Instant,
    published: Arc<Published>,
    /// What is due from then on is waited for when the time is over.
    awaited_from: u64,
    /// By slot.
    links: Vec<Option<Link<S::State>>>,
    /// Places without a connection, by the time from which on each may have one.
    vacant: BTreeSet<(u64, usize)>,
    /// At a fixed rate: connections with room for an operation.
    waiting: VecDeque<ConnectionId>,
    /// The connection that publishes. It is served whenever others have received something.
    publisher: ConnectionId,
    open: usize,
    ready: usize,
    /// The server has answered once.
    is_proven: bool,
    first_error: Option<Kind>,
    /// When connections are next checked for late answers.
    sweep_at: u64,
    overdue: Overdue,
    /// Fires when an operation is due, if there are fixed times.
    alarm: Option<Alarm>,
    /// For which time it is set.
    alarm_at: Option<u64>,
    out: Vec<u8>,
}

impl<S: Speaker> Engine<S> {
    /// Times count from `begin`. `published` is the same on all threads.
    pub(crate) fn new(speaker: S, setup: Setup, begin: Instant, published: Arc<Published>) -> Self {
        Self {
            tally: Tally::new(),
            pace: Pace::new(setup.rate, setup.operations),
            speaker,
            begin,
            published,
            awaited_from: 0,
            links: Vec::new(),
            vacant: setup.places.clone().map(|place| (0, place)).collect(),
            waiting: VecDeque::new(),
            publisher: ConnectionId::NONE,
            open: 0,
            ready: 0,
            is_proven: false,
            first_error: None,
            sweep_at: 0,
            overdue: Overdue::default(),
            alarm: None,
            alarm_at: None,
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

    /// The server has answered once.
    pub(crate) fn is_proven(&self) -> bool {
        self.is_proven
    }

    /// The reason to give up, if the server has never answered on any thread.
    pub(crate) fn first_error(&self) -> Option<&Kind> {
        self.first_error.as_ref()
    }

    /// Counts anew. What is due before `from` has no latency, and is not waited for.
    pub(crate) fn restart(&mut self, from: u64) {
        self.awaited_from = from;
        self.tally.restart(from);
    }

    /// True if nothing is due that was not begun.
    pub(crate) fn has_begun_all(&self) -> bool {
        self.pace.owed(self.now()) == 0
    }

    /// True if nothing is waited for any more: answers, and deliveries of what any thread has published or still will. Those of
    /// slow readers do not count.
    pub(crate) fn has_all(&self) -> bool {
        // Asked first: then the count has what was published until it was over.
        let is_over = !self.setup.publishes || self.published.is_over();
        let published = self.published.count();
        let is_waited_for = |link: &Link<S::State>| {
            !link.is_slow && (!link.in_flight.is_empty() || link.missing(published) > 0)
        };
        is_over && self.has_begun_all() && !self.links.iter().flatten().any(is_waited_for)
    }

    /// True if there is a number of operations, and this thread has begun its share of it.
    pub(crate) fn has_taken_all(&self) -> bool {
        self.setup.operations.is_some_and(|operations| self.pace.taken() >= operations)
    }

    /// True when all operations have ended: they have succeeded, or can't succeed any more.
    pub(crate) fn is_done(&self) -> bool {
        // Where others still publish, even slow readers stay, although nobody waits for what comes on them.
        let is_over = || !self.setup.publishes || self.published.is_over();
        self.has_taken_all() && is_over() && (self.has_all_deliveries() || self.is_quiet())
    }

    /// When the last thing was published or delivered, if the end is that nothing came behind it.
    pub(crate) fn quiet_since(&self) -> Option<u64> {
        let is_meant = self.setup.publishes && self.is_done() && !self.has_all_deliveries();
        let readers = self.links.iter().flatten().filter(|link| !link.is_slow);
        let delivered_at = readers.map(|link| link.delivered_at).max().filter(|_| is_meant);
        delivered_at.map(|at| at.max(self.published.last()))
    }

    fn has_all_deliveries(&self) -> bool {
        self.setup.deliveries.is_some_and(|deliveries| self.tally.operations >= deliveries)
    }

    /// True if no answer is waited for any more, and no delivery: nothing was published and nothing has come for as long as an answer
    /// may take.
    fn is_quiet(&self) -> bool {
        let (now, published_at) = (self.now(), self.published.last());
        let is_waited_for = |link: &Link<S::State>| {
            let has_come = now.saturating_sub(link.delivered_at.max(published_at)) <= self.setup.timeout_ns;
            link.owes() || self.setup.publishes && has_come && !link.is_slow
        };
        !self.links.iter().flatten().any(is_waited_for)
    }

    /// Counts an error. Before the server has answered once, it ends the run.
    #[cold]
    fn fail(&mut self, kind: Kind) {
        self.first_error.get_or_insert_with(|| kind.clone());
        self.tally.error(kind);
    }
}
