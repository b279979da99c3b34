//! The phases of a simulation: the storm, the calm, the farewell, and the report.

use super::Sim;
use super::outside::Outside;
use super::time::millis;
use super::waiting::Waiting;
use crate::shared::Busy;
use crate::sim::book::{Judged, Wrong, wrong};
use crate::sim::network::Party;
use crate::sim::{Report, Violation};
use jackfield_reactor::{ConnectionId, Time};
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// How much later a reactor may get the command to shut down, in milliseconds.
const LATE: u64 = 1000;

impl Sim {
    /// Runs the simulation to its end.
    ///
    /// # Panics
    /// A check fails. The message has the seed, what is wrong, and the command that replays it.
    pub fn run(self) -> Report {
        match self.try_run() {
            Ok(report) => {
                print!("{}", report.trace);
                report
            }
            Err(violation) => {
                print!("{}", violation.trace);
                panic!("{violation}");
            }
        }
    }

    /// Runs the simulation to its end.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn try_run(mut self) -> Result<Report, Violation> {
        let played = catch_unwind(AssertUnwindSafe(|| self.play()));
        let wrong = match played {
            Ok(Ok(())) => None,
            Ok(Err(wrong)) => Some(wrong),
            Err(payload) => {
                let text = payload.downcast_ref::<&str>().copied();
                let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
                Some(Wrong { oracle: "no panic", text: text.unwrap_or("no text").into() })
            }
        };
        let pages = self.book.pages();
        let (trace_hash, trace) = (pages.trace.hash(), pages.trace.text().to_owned());
        drop(pages);
        match wrong {
            Some(Wrong { oracle, text }) => {
                // After a finding the server's state may be broken, so it is not dropped: that could panic again.
                let seed = self.seed;
                std::mem::forget(self);
                Err(Violation { seed, oracle, text, trace })
            }
            None => {
                let (turns, time) = (self.turns, Time(self.now));
                Ok(Report { seed: self.seed, turns, time, peers: self.parties.len(), trace_hash, trace })
            }
        }
    }

    fn play(&mut self) -> Judged {
        self.storm()?;
        self.calm()?;
        self.farewell()?;
        self.judge_end()
    }

    fn storm(&mut self) -> Judged {
        let end = self.now + millis(self.options.storm);
        self.fall_behind(self.options.faults.lags.saturating_mul(10));
        while self.now < end && !self.parties.iter().all(Party::is_settled) {
            if self.random.chance(200) {
                self.act_outside(false);
            }
            while self.shutdowns.front().is_some_and(|(at, _)| self.now >= *at) {
                self.shut_down();
            }
            if self.options.listeners_wait && self.random.chance(50) {
                self.make_room(false);
            }
            if self.step(false)? || self.pass_time(end, false) {
                continue;
            }
            // Only code outside of the reactors can go on.
            self.act_outside(true);
            if !self.is_rung() {
                break;
            }
        }
        Ok(())
    }

    /// The faults stop: all work must end soon.
    fn calm(&mut self) -> Judged {
        self.book.note(format_args!("the calm"));
        self.book.stop_panics();
        let now = self.now;
        self.parties.iter_mut().for_each(|party| party.calm_down(now));
        let patience = self.options.patience + self.drain();
        let end = self.now + millis(patience);
        loop {
            self.act_outside(true);
            if self.step(true)? {
                continue;
            }
            self.check_at_rest()?;
            if self.parties.iter().all(Party::is_settled) && !self.has_backlog() {
                return Ok(());
            }
            if self.make_room(true) {
                continue;
            }
            if !self.pass_time(end, true) {
                return Err(wrong("liveness", format!("stuck in the calm: {}", self.stuck().join("; "))));
            }
        }
    }

    fn stuck(&self) -> Vec<String> {
        let parties = self.parties.iter().filter(|party| !party.is_settled()).map(Party::waits_for);
        let waiting = self.waiting.iter().map(Waiting::describe);
        parties.chain(waiting).collect()
    }

    /// All peers leave or become silent: in the end nothing may be left over.
    fn farewell(&mut self) -> Judged {
        self.book.note(format_args!("the farewell"));
        for party in &mut self.parties {
            party.leave(&self.options.faults, &self.book);
        }
        let (mut condemned, mut tricklers) = (HashSet::new(), Vec::new());
        let end = self.now + millis(self.farewell_max());
        loop {
            // Again, because some get a client only after their handshake, and a mailbox may have been full.
            tricklers.extend(self.condemn_tricklers(&mut condemned));
            tricklers.retain(|id| self.handle.close(*id) == Err(Busy::Full));
            // A request that is read only now may be answered from outside.
            self.act_outside(true);
            if self.step(true)? {
                continue;
            }
            self.check_at_rest()?;
            if self.reactors.iter().all(|reactor| reactor.driver.reactor.wires.is_empty()) {
                return Ok(());
            }
            if !self.pass_time(end, true) {
                let ids: Vec<ConnectionId> =
                    self.reactors.iter().flat_map(|reactor| reactor.driver.reactor.wires.ids()).collect();
                return Err(wrong("liveness", format!("still there after the farewell: {ids:?}")));
            }
        }
    }

    /// A peer that trickles leaves only when the server ends it. Code outside aborts it, so that this does not take for
    /// ever.
    fn condemn_tricklers(&mut self, condemned: &mut HashSet<ConnectionId>) -> Vec<ConnectionId> {
        let mut pages = self.book.pages();
        let mut ids = Vec::new();
        for party in self.parties.iter().filter(|party| party.trickles()) {
            let record = &mut pages.records[party.number];
            record.commanded = true;
            if let Some(id) = record.id.filter(|id| record.end.is_none() && condemned.insert(*id)) {
                pages.trace.note(format_args!("{id} is closed, for it trickles"));
                ids.push(id);
            }
        }
        ids
    }

    /// The longest time that a connection may last after its peer has left.
    fn farewell_max(&self) -> Duration {
        let limits = &self.options.limits;
        let silence = limits.http_idle.max(limits.raw_idle).max(limits.heartbeat + limits.heartbeat_dead);
        let work = limits.head_timeout.max(limits.body_interval * 2).max(limits.message_timeout);
        let end = limits.reactor.handshake
            + limits.reactor.linger
            + limits.close_wait * 4
            + limits.reactor.write_stall * 4;
        silence.max(limits.websocket_idle) * 2 + work + end + limits.events_heartbeat * 200 + self.drain()
    }

    fn drain(&self) -> Duration {
        if self.may_shut_down { self.options.limits.drain } else { Duration::ZERO }
    }

    /// Begins the next shutdown.
    fn shut_down(&mut self) {
        let Some((_, drain)) = self.shutdowns.pop_front() else { return };
        self.book.note(format_args!("the server shuts down"));
        let end = self.now + millis(drain.deadline) + LATE;
        self.drained_at = Some(self.drained_at.map_or(end, |before| before.min(end)));
        self.book.note_shutdown(drain, self.seed);
        self.handle.shutdown(drain);
    }

    fn act_outside(&mut self, calm: bool) {
        let Self { outsiders, handle, random, book, .. } = self;
        for act in outsiders {
            act(&mut Outside { handle, random, book, calm });
        }
    }
}
