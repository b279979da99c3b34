//! Connections that wait at the listeners until the reactor accepts them in its turns.

use super::Sim;
use super::settings::OF_EACH;
use super::waiting::Waiting;
use crate::config::{Speaks, WhenFull};
use crate::shared::{Handle, Settings};
use crate::sim::book::{Judged, wrong};

impl Sim {
    /// Notes that a peer waits at this listener. In the worst case each other listener has its turn before each connection
    /// there, and a turn of the reactor accepts `accepts_per_turn`.
    pub(super) fn note_waiting(&mut self, party: usize, listener: usize) {
        let ahead = self.waiting.iter().filter(|other| other.listener == listener).count();
        let listeners = OF_EACH + self.options.listeners.len();
        let accepts = (ahead + 1) * listeners;
        let turns_max = accepts.div_ceil(self.options.limits.reactor.accepts_per_turn);
        self.waiting.push(Waiting { party, listener, turns: 0, turns_max });
        self.book.pages().records[party].waits = true;
        self.book.note(format_args!("peer {party} waits at listener {listener}"));
    }

    /// Notes what is to be known of a connection that may be accepted now.
    pub(super) fn note_acceptable(&self, party: usize, listener: usize) {
        let is_http = listener == Speaks::Http as usize || listener >= OF_EACH;
        let reserves = is_http && !self.options.reserved.is_empty();
        let mut pages = self.book.pages();
        pages.records[party].accepted_at = self.now;
        pages.records[party].leapt_before = pages.leapt;
        pages.records[party].may_be_provisional = reserves && !pages.overloaded.is_empty();
    }

    /// The first reactor begins a turn, and may accept those that wait.
    pub(super) fn begin_accepting(&self) {
        self.waiting.iter().for_each(|waiting| self.note_acceptable(waiting.party, waiting.listener));
    }

    /// The first reactor has ended a turn. No connection waits for longer than it may, whatever comes to other listeners.
    pub(super) fn check_backlog(&mut self) -> Judged {
        let driver = &self.reactors[0].driver;
        if driver.is_shut() {
            // Those that still waited were refused.
            self.waiting.clear();
            return Ok(());
        }
        for listener in 0..OF_EACH + self.options.listeners.len() {
            let all = self.waiting.iter().filter(|waiting| waiting.listener == listener).count();
            let mut accepted = all - driver.waiting_at(listener);
            self.waiting.retain(|waiting| {
                let is_accepted = waiting.listener == listener && accepted > 0;
                accepted -= usize::from(is_accepted);
                self.book.pages().records[waiting.party].waits &= !is_accepted;
                !is_accepted
            });
        }
        for Waiting { party, listener, turns, turns_max } in &mut self.waiting {
            if !accepts_at(&self.settings, &self.handle, *listener) {
                *turns_max = usize::MAX;
            }
            *turns += 1;
            if turns >= turns_max {
                let text = format!("peer {party} waits at listener {listener} after {turns} turns");
                return Err(wrong("liveness", text));
            }
        }
        Ok(())
    }
}

/// The listener is neither paused nor full.
fn accepts_at(settings: &Settings, handle: &Handle, listener: usize) -> bool {
    let when_full = settings.listeners.get(listener).map(|listener| listener.limits.when_full);
    when_full != Some(WhenFull::Wait) && handle.may_accept(0, listener, None)
}
