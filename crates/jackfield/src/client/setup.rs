//! The setup on a reactor's thread before it serves.

use crate::client::reactor::Reactor;
use crate::config::Outgoing;
use crate::shared::Handle;
use std::fmt;
use std::time::Duration;

/// A reactor before it serves, on its own thread: the argument of the closure of
/// [`Server::serve_with`](crate::Server::serve_with).
///
/// Values that the closure makes stay on this thread. So the clients of one reactor, and its periodic tasks, can share
/// state in an `Rc`, without a lock:
///
/// ```no_run
/// use jackfield::{Client, Message, Server, WebSocket};
/// use std::{cell::Cell, rc::Rc, time::Duration};
///
/// struct Player {
///     moves: Rc<Cell<u32>>,
/// }
///
/// impl Client for Player {
///     fn on_open(&mut self, socket: &mut WebSocket<'_>) {
///         socket.subscribe("game");
///     }
///
///     fn on_message(&mut self, _socket: &mut WebSocket<'_>, _message: Message<'_>) {
///         self.moves.set(self.moves.get() + 1);
///     }
/// }
///
/// fn main() -> jackfield::Result<()> {
///     Server::bind("127.0.0.1:8080")?.serve_with(|setup| {
///         let moves = Rc::new(Cell::new(0));
///         let seen = moves.clone();
///         setup.every(Duration::from_millis(50), move |reactor| {
///             reactor.publish("game", format!("{} moves at {}", seen.take(), reactor.now()));
///         });
///         move |_peer| Player { moves: moves.clone() }
///     })
/// }
/// ```
pub struct Setup {
    pub(crate) reactor: usize,
    pub(crate) handle: Handle,
    pub(crate) ticks: Vec<Tick>,
    pub(crate) outgoing: Vec<Outgoing>,
}

/// A periodic tick.
pub(crate) struct Tick {
    period: Duration,
    /// When it is due, since the start of the reactor. `None`: it was not checked yet.
    pub(crate) next: Option<Duration>,
    pub(crate) run: Box<dyn FnMut(&mut Reactor<'_>)>,
}

/// The shortest period: time in turns has no finer unit.
const SHORTEST: Duration = Duration::from_millis(1);

impl Setup {
    pub(crate) fn new(reactor: usize, handle: Handle) -> Self {
        Self { reactor, handle, ticks: Vec::new(), outgoing: Vec::new() }
    }

    /// The number of the reactor, from 0.
    #[must_use]
    pub fn reactor(&self) -> usize {
        self.reactor
    }

    /// The server, for other threads.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Begins a connection when the reactor starts: see [`Outgoing`]. On a server with several reactors each of them runs the setup,
    /// so ask for [`Setup::reactor`] if there is to be only one.
    pub fn connect(&mut self, outgoing: Outgoing) {
        self.outgoing.push(outgoing);
    }

    /// Runs a closure periodically on this reactor's thread, the first time one period after the reactor began to
    /// serve. The period is at least a millisecond. The times are multiples of the period, however long each run takes,
    /// so there is no drift. A tick that is late by a period or more is skipped, and counted in
    /// [`Metrics::ticks_missed`](crate::Metrics::ticks_missed). Ticks go on while the server drains, and end with the
    /// reactor.
    ///
    /// If the closure panics, [`Observer::on_panic`](crate::Observer::on_panic) gets a report, with an id that belongs to
    /// no connection, and the next tick comes as usual.
    #[doc(alias = "interval")]
    #[doc(alias = "run_interval")]
    #[doc(alias = "setInterval")]
    #[doc(alias = "us_timer_set")]
    pub fn every(&mut self, period: Duration, run: impl FnMut(&mut Reactor<'_>) + 'static) {
        self.ticks.push(Tick { period: period.max(SHORTEST), next: None, run: Box::new(run) });
    }
}

impl Tick {
    /// A tick that is due at once, and then after each period.
    #[cfg(feature = "expiry")]
    pub(crate) fn from_now(period: Duration, run: impl FnMut(&mut Reactor<'_>) + 'static) -> Self {
        Self { period, next: Some(Duration::ZERO), run: Box::new(run) }
    }

    /// If it is due, returns how many earlier times were missed.
    pub(crate) fn take_due(&mut self, now: Duration) -> Option<u64> {
        let next = *self.next.get_or_insert(now.saturating_add(self.period));
        let late = now.checked_sub(next)?;
        let missed = late.as_nanos() / self.period.as_nanos();
        let missed = u64::try_from(missed).unwrap_or(u64::MAX);
        let behind = u64::try_from(self.period.as_nanos()).unwrap_or(u64::MAX).saturating_mul(missed + 1);
        self.next = Some(next.saturating_add(Duration::from_nanos(behind)));
        Some(missed)
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("reactor", &self.reactor).field("ticks", &self.ticks.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks a tick at these times, and compares how many were missed where it was due.
    #[track_caller]
    fn check(period: Duration, looks_ms: &[u64], expected: &[Option<u64>]) {
        let mut tick = Tick { period, next: None, run: Box::new(|_| {}) };
        let found: Vec<_> = looks_ms.iter().map(|ms| tick.take_due(Duration::from_millis(*ms))).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_late_tick_keeps_its_schedule() {
        let period = Duration::from_millis(10);
        check(period, &[5, 14, 15, 16, 25, 29, 35], &[None, None, Some(0), None, Some(0), None, Some(0)]);
        // Late by less than a period, and by more than one.
        check(period, &[0, 19, 20, 55, 59, 60], &[None, Some(0), Some(0), Some(2), None, Some(0)]);
        check(
            Duration::from_micros(33_333),
            &[0, 33, 34, 66, 67, 99, 100],
            &[None, None, Some(0), None, Some(0), None, Some(0)],
        );
        // The fault: the sum of the time and the period was too large, and the server ended.
        check(Duration::MAX, &[5, 1 << 50], &[None, None]);
    }
}
