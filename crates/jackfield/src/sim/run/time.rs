//! The clock of the simulation: it moves, jumps, and makes reactors lag.

use super::Sim;
use super::reactor::Lag;
use std::time::Duration;

/// A jump of a minute becomes one of fifty days.
const LONG_JUMP_SCALE: u64 = 72_000;
/// After a longer wait, in milliseconds, deadlines may have passed.
const SLOW: u64 = 1000;

impl Sim {
    pub(super) fn is_rung(&self) -> bool {
        self.handle.shared().remotes.iter().any(|remote| remote.has_commands())
    }

    /// Moves the clock to the next event. False: there is none before the end.
    pub(super) fn pass_time(&mut self, end: u64, calm: bool) -> bool {
        let peers = self.parties.iter().filter(|party| party.has_work()).map(|party| party.wake);
        let reactors =
            self.reactors.iter().filter_map(|reactor| reactor.driver.deadline().map(|deadline| deadline.0));
        let held = self.reactors.iter().flat_map(|reactor| reactor.held.iter().map(|(until, _)| *until));
        let bell = self.is_rung().then_some(self.now + 1);
        let jobs = self.workers.next();
        let shutdown = self.shutdowns.front().map(|(at, _)| *at).filter(|at| *at > self.now && !calm);
        let Some(mut next) = peers.chain(reactors).chain(held).chain(bell).chain(jobs).chain(shutdown).min()
        else {
            return false;
        };
        if next > end {
            return false;
        }
        if !calm && self.random.chance(self.options.faults.clock_jumps) {
            let scale = if self.options.faults.long_jumps { LONG_JUMP_SCALE } else { 1 };
            let leap = self.random.size(60_000) as u64 * scale;
            next += leap;
            if self.is_rung() {
                // A reactor may get the command to shut down only behind the jump, and counts from then on.
                self.drained_at = self.drained_at.map(|at| at + leap);
            }
            self.book.pages().leapt += leap;
        }
        let span = next.saturating_sub(self.now);
        if span > SLOW {
            // Deadlines of waiting peers may have passed.
            self.parties.iter_mut().for_each(|party| party.conduct.slow = true);
        }
        self.now += span;
        self.turns_idle = if span > 0 { 0 } else { self.turns_idle };
        self.book.set_now(self.now);
        for reactor in &mut self.reactors {
            reactor.driver.skip(Duration::from_millis(span));
        }
        if !calm {
            self.fall_behind(self.options.faults.lags);
            self.be_held_up();
        }
        true
    }

    pub(super) fn fall_behind(&mut self, per_mille: u16) {
        let Self { reactors, random, now, book, .. } = self;
        for (index, reactor) in reactors.iter_mut().enumerate() {
            if random.chance(per_mille) {
                let (end, lag) = (*now + random.below(2000) as u64, random.between(1, 50) as u64);
                book.note(format_args!("reactor {index} is behind by {lag} ms until {end}"));
                let lag = Duration::from_millis(lag);
                reactor.behind = (end, Lag { waited: lag, used: lag });
            }
        }
    }

    /// Other processes have the processor for a while, which is no overload.
    fn be_held_up(&mut self) {
        let Self { reactors, random, now, book, options, .. } = self;
        for (index, reactor) in reactors.iter_mut().enumerate() {
            if random.chance(options.faults.neighbours) {
                let (end, waited) = (*now + random.below(2000) as u64, random.between(50, 1000) as u64);
                book.note(format_args!("reactor {index} is held up for {waited} ms until {end}"));
                reactor.behind = (end, Lag { waited: Duration::from_millis(waited), used: Duration::ZERO });
            }
        }
    }
}

pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
