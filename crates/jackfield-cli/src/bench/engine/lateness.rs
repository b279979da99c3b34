//! Answers that take too long, or have not come at the end.

use super::Engine;
use super::link::{Link, link};
use crate::bench::speaker::{Part, Speaker};
use jackfield_reactor::{ConnectionId, Reason, Wires};

/// How often connections are checked within the timeout, and the shortest and longest time between two checks.
const SWEEPS: u64 = 20;
const SWEEP_NS_MIN: u64 = 5_000_000;
const SWEEP_NS_MAX: u64 = 500_000_000;
/// How long the server has to end a connection behind its last answer. A browser ends it at once. But the side that ends first
/// keeps the connection in TIME_WAIT, and this program would run out of ports.
const END_NS_MAX: u64 = 200_000_000;
/// The name of an answer that did not come in time.
pub(super) const NO_ANSWER: &str = "no answer in time";

impl<S: Speaker> Engine<S> {
    /// Closes connections whose answer or end takes too long. Checks all of them only from time to time.
    #[inline]
    pub(crate) fn sweep(&mut self, wires: &mut Wires) {
        let now = self.now();
        if now >= self.sweep_at {
            self.sweep_at = now + (self.setup.timeout_ns / SWEEPS).clamp(SWEEP_NS_MIN, SWEEP_NS_MAX);
            self.sweep_all(wires, now);
        }
    }

    fn sweep_all(&mut self, wires: &mut Wires, now: u64) {
        self.overdue.note(self.published.begun(), now, self.setup.timeout_ns);
        let waiting = |is_meant: fn(&Link<S::State>) -> bool, ns_max: u64| -> Vec<ConnectionId> {
            let is_late =
                |link: &&Link<S::State>| is_meant(link) && now.saturating_sub(link.waits_since) > ns_max;
            self.links.iter().flatten().filter(is_late).map(|link| link.id).collect()
        };
        let (late, left) =
            (waiting(Link::owes, self.setup.timeout_ns), waiting(|link| link.is_over, END_NS_MAX));
        for id in late {
            self.time_out(wires, id);
        }
        for id in left {
            wires.close(id, Reason::Local);
        }
    }

    /// Counts operations without an answer as timed out, and deliveries that did not come. The answer to a message is that it is
    /// delivered to who has sent it: that is one of both.
    pub(crate) fn end(&mut self) {
        let published = self.published.count();
        let waits = |link: &&Link<S::State>| link.owes() || link.missing(published) > 0;
        let unanswered = self.links.iter().flatten().filter(waits).map(|link| link.in_flight.len()).sum();
        self.tally.count_errors(NO_ANSWER, unanswered);
        self.count_missing(published);
        self.tally.count_errors("due, but no connection was free to send it", self.pace.owed(self.now()));
    }

    /// Counts deliveries that have been missing for a whole timeout when the run is stopped. Others may be on their way.
    pub(crate) fn count_overdue(&mut self) {
        self.count_missing(self.published.kept_of(self.overdue.begun()));
    }

    fn count_missing(&mut self, published: u64) {
        let missing_on =
            |link: &Link<S::State>| (link.missing(published) as usize).saturating_sub(link.in_flight.len());
        let missing = self.links.iter().flatten().map(missing_on).sum();
        self.tally.count_errors("a delivery that did not come", missing);
    }

    /// Counts connections that only listen and got nothing since this time, although something was published for them.
    pub(crate) fn count_silent(&mut self, since: u64) {
        let published = self.published.count();
        let is_silent = |link: &&Link<S::State>| {
            link.part == Part::Listens && link.delivered_at < since && link.missing(published) > 0
        };
        let silent = self.links.iter().flatten().filter(is_silent).count();
        self.tally.count_errors("nothing came on a stream", silent);
    }

    #[cold]
    fn time_out(&mut self, wires: &mut Wires, id: ConnectionId) {
        let Some(link) = link(&mut self.links, id) else { return };
        link.is_over = true;
        let waiting = link.in_flight.len().max(1);
        self.tally.count_errors(NO_ANSWER, waiting - 1);
        self.fail(NO_ANSWER.into());
        wires.abort(id, Reason::Local);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Setup;
    use super::super::opening::tests::{engine, listener};
    use super::*;
    use crate::bench::raw::Raw;
    use jackfield_reactor::Driver;

    /// An engine whose connection is established.
    fn connected(setup: Setup) -> (Engine<Raw>, Driver) {
        let (mut engine, mut driver) = engine(setup);
        engine.prepare(&mut driver.reactor.wires);
        while engine.ready() == 0 {
            driver.poll(None, &mut engine).expect("it polls");
        }
        (engine, driver)
    }

    /// The fault: after Ctrl-C no delivery was missing, however long nothing had come.
    #[test]
    fn i535_after_ctrl_c_a_delivery_is_missing_that_was_due_for_a_timeout() {
        const TIMEOUT: u64 = 1_000_000_000_000;
        let (_listener, target) = listener();
        for (sweeps, delivered, lost, missing) in [
            (&[][..], 0, 0, 0),
            // All were published just before the first sweep.
            (&[TIMEOUT], 0, 0, 0),
            (&[TIMEOUT, 2 * TIMEOUT - 1], 0, 0, 0),
            (&[TIMEOUT, 2 * TIMEOUT], 0, 0, 3),
            (&[TIMEOUT, 2 * TIMEOUT], 2, 0, 1),
            (&[TIMEOUT, 2 * TIMEOUT], 2, 1, 0),
            (&[TIMEOUT, 2 * TIMEOUT], 5, 0, 0),
        ] {
            let (mut engine, mut driver) = connected(Setup { timeout_ns: TIMEOUT, ..Setup::of_one(target) });
            for link in engine.links.iter_mut().flatten() {
                (link.part, link.delivered) = (Part::Listens, delivered);
            }
            for _ in 0..3 {
                engine.published.add(0);
            }
            for now in sweeps {
                engine.sweep_all(&mut driver.reactor.wires, *now);
            }
            // These may be on their way.
            engine.published.add(0);
            engine.published.add(0);
            engine.published.lose(lost);
            engine.count_overdue();
            assert_eq!(engine.error_count(), missing, "{sweeps:?} {delivered} {lost}");
        }
    }

    /// The fault: a stream got nothing in the measured time, because nothing was published in it, and that was an error.
    #[test]
    fn i467_a_stream_for_which_nothing_was_published_is_not_mute() {
        const MEASURED_FROM: u64 = 1000;
        let (_listener, target) = listener();
        for (part, published, delivered, delivered_at, silent) in [
            (Part::Listens, 0, 0, 999, 0),
            (Part::Listens, 3, 0, 999, 1),
            // What it got came before the measured time, or in it.
            (Part::Listens, 3, 1, 999, 1),
            (Part::Listens, 3, 1, 1000, 0),
            (Part::Listens, 3, 3, 999, 0),
            // It publishes, or does both.
            (Part::Publishes, 3, 0, 999, 0),
            (Part::Talks, 3, 0, 999, 0),
        ] {
            let (mut engine, _driver) = connected(Setup::of_one(target));
            for link in engine.links.iter_mut().flatten() {
                (link.part, link.delivered, link.delivered_at) = (part, delivered, delivered_at);
            }
            for at in 0..published {
                engine.published.add(at);
            }
            engine.count_silent(MEASURED_FROM);
            assert_eq!(engine.error_count(), silent, "{part:?}: {published}, {delivered} at {delivered_at}");
        }
    }
}
