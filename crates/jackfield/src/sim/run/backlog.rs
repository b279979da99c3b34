//! Connections that wait at the listeners until a reactor accepts them in its turns.

use super::Sim;
use super::settings::OF_EACH;
use super::waiting::Waiting;
use crate::config::{Speaks, WhenFull};
use crate::shared::{ListenerState, RemoteReactor};
use crate::sim::book::{Judged, wrong};
use std::sync::atomic::Ordering;

impl Sim {
    fn listeners(&self) -> usize {
        OF_EACH + self.options.listeners.len()
    }

    /// The reactor at whose socket the next connection to this listener arrives.
    pub(super) fn accepting_reactor(&mut self, listener: usize) -> usize {
        let is_any = listener >= OF_EACH && self.options.listeners_each_reactor;
        if is_any { self.random.below(self.reactors.len()) } else { 0 }
    }

    /// Notes that a peer waits at this listener. In the worst case each other listener has its turn before each connection
    /// there, and a turn of the reactor accepts `accepts_per_turn`.
    pub(super) fn note_waiting(&mut self, party: usize, reactor: usize, listener: usize) {
        let ahead = self.waiting.iter().filter(|other| other.is_at(reactor, listener)).count();
        let accepts = (ahead + 1) * self.listeners();
        let turns_max = accepts.div_ceil(self.options.limits.reactor.accepts_per_turn);
        self.waiting.push(Waiting { party, reactor, listener, turns: 0, turns_max });
        self.book.pages().records[party].waits = true;
        self.book.note(format_args!("peer {party} waits at listener {listener}"));
    }

    /// Notes that a new connection was accepted at once, or refused because its listener is closed.
    pub(super) fn note_taken(&self, party: usize, reactor: usize, listener: usize) {
        let is_shut = self.reactors[reactor].driver.is_shut();
        let is_refused = self.is_stopped(listener) || (is_shut && !self.may_accept_at(listener));
        self.book.pages().records[party].waits = is_refused;
        if self.is_paused(listener) && !is_refused {
            let text = format!("peer {party} is accepted at listener {listener}, which is paused");
            self.book.note_wrong("promises", text);
        }
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

    /// A reactor begins a turn, and may accept those that wait for it.
    pub(super) fn begin_accepting(&self, reactor: usize) {
        let waiting = self.waiting.iter().filter(|waiting| waiting.reactor == reactor);
        waiting.for_each(|waiting| self.note_acceptable(waiting.party, waiting.listener));
    }

    /// A reactor has ended a turn. No connection waits for longer than it may, whatever comes to other listeners.
    pub(super) fn check_backlog(&mut self, reactor: usize) -> Judged {
        if self.reactors[reactor].driver.is_shut() {
            // Those that still waited were refused.
            self.waiting.retain(|waiting| waiting.reactor != reactor);
        }
        if self.waiting.is_empty() {
            return Ok(());
        }
        (0..self.listeners()).try_for_each(|listener| self.note_accepted(reactor, listener))?;
        let may_accept: Vec<bool> =
            (0..self.listeners()).map(|listener| self.may_accept_at(listener)).collect();
        // The listener may have begun to accept again, and the reactor does not know it yet.
        let is_to_look = self.handle.remote(reactor).is_some_and(is_to_look);
        for waiting in self.waiting.iter_mut().filter(|waiting| waiting.reactor == reactor) {
            let Waiting { party, listener, turns, turns_max, .. } = waiting;
            if may_accept.get(*listener) == Some(&false) {
                *turns = 0;
            } else if !is_to_look {
                *turns += 1;
            }
            if turns >= turns_max {
                let text = format!("peer {party} waits at listener {listener} after {turns} turns");
                return Err(wrong("liveness", text));
            }
        }
        Ok(())
    }

    /// Notes who does not wait any more at this listener after a turn: the first were accepted, or all were refused because it
    /// was stopped.
    fn note_accepted(&mut self, reactor: usize, listener: usize) -> Judged {
        let all = self.waiting.iter().filter(|waiting| waiting.is_at(reactor, listener)).count();
        let mut gone = all - self.reactors[reactor].driver.waiting_at(listener);
        if gone > 0 && self.is_paused(listener) {
            let text = format!("{gone} connections are accepted at listener {listener}, which is paused");
            return Err(wrong("promises", text));
        }
        let is_stopped = self.is_stopped(listener);
        self.waiting.retain(|waiting| {
            let is_gone = waiting.is_at(reactor, listener) && gone > 0;
            gone -= usize::from(is_gone);
            self.book.pages().records[waiting.party].waits &= !is_gone || is_stopped;
            !is_gone
        });
        Ok(())
    }

    /// A listener is neither paused nor stopped, nor full if new connections wait while it is.
    pub(super) fn may_accept_at(&self, listener: usize) -> bool {
        let settings = self.settings.listeners.get(listener);
        let waits = settings.is_some_and(|listener| listener.limits.when_full == WhenFull::Wait);
        self.handle.may_accept(0, listener, None) && (!waits || self.has_room_at(listener))
    }

    /// The listener and the server may have one more connection. The handle's own check would also note that the reactor waits
    /// for room, which is what the reactor itself has to do.
    fn has_room_at(&self, listener: usize) -> bool {
        let settings = self.settings.listeners.get(listener);
        let most = settings.map_or(usize::MAX, |listener| listener.limits.connections_max);
        self.handle.count() < self.options.limits.connections_max && self.handle.has_room_at(listener, most)
    }

    fn is_paused(&self, listener: usize) -> bool {
        self.book.pages().paused.contains(&listener)
    }

    fn is_stopped(&self, listener: usize) -> bool {
        let state = self.handle.shared().listeners.state_at(listener);
        state == ListenerState::Stopped || self.book.pages().stopped.contains(&listener)
    }

    /// Somebody waits at a listener.
    pub(super) fn has_backlog(&self) -> bool {
        let waits = |listener| self.reactors.iter().any(|reactor| reactor.driver.waiting_at(listener) > 0);
        (0..self.listeners()).any(waits)
    }

    /// Where connections wait because there is no room for them, peers that are done leave: one of them in the storm, and all
    /// in the calm. False: there are none.
    pub(super) fn make_room(&mut self, calm: bool) -> bool {
        let waits_for_room = |waiting: &&Waiting| {
            self.handle.may_accept(0, waiting.listener, None) && !self.may_accept_at(waiting.listener)
        };
        let full: Vec<usize> =
            self.waiting.iter().filter(waits_for_room).map(|waiting| waiting.listener).collect();
        if full.is_empty() {
            return false;
        }
        let is_server_full = self.handle.count() >= self.options.limits.connections_max;
        let mut has_left = false;
        for party in &mut self.parties {
            let is_in_the_way = is_server_full || full.contains(&party.peer.listener());
            let waits = self.book.pages().records[party.number].waits;
            if is_in_the_way && !waits && (calm || !has_left) {
                has_left |= party.make_room();
            }
        }
        has_left
    }
}

/// A command to look at the listeners is on its way to this reactor.
fn is_to_look(remote: &RemoteReactor) -> bool {
    remote.is_to_look.load(Ordering::SeqCst) && remote.waiting().0 > 0
}
