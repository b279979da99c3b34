//! One step: peers connect and act, and each reactor has a turn.

use super::Sim;
use super::reactor::{SimReactor, bytes_moved};
use crate::sim::Random;
use crate::sim::book::{Book, Judged, Wrong, address, proxy_header, proxy_of, wrong};
use crate::sim::dial::check_deadlines;
use jackfield_reactor::{ConnectionId, FarEnd, MemoryDriver, Ready};
use std::net::SocketAddr;

/// More turns than any work needs without a move of the clock or of a byte: then the reactor spins.
const TURNS_IDLE_MAX: usize = 20_000;

impl Sim {
    /// Lets peers and reactors do what they can do now. False: there was nothing to do.
    pub(super) fn step(&mut self, calm: bool) -> Result<bool, Wrong> {
        let mut moved = false;
        self.take_dials();
        moved |= self.work(calm);
        for index in 0..self.parties.len() {
            let party = &self.parties[index];
            if party.wake > self.now || !party.has_work() {
                continue;
            }
            moved = true;
            if party.far.is_some() {
                self.parties[index].act(self.now, calm, &self.book);
            } else if party.dial_target.is_some() {
                self.parties[index].answer(self.now, calm, &self.book);
            } else {
                self.accept(index, calm);
            }
        }
        for index in 0..self.reactors.len() {
            moved |= self.turn(index, calm)?;
        }
        if !moved {
            check_deadlines(&self.book, self.now);
        }
        match self.book.pages().wrong.clone() {
            Some(wrong) => Err(wrong),
            None => Ok(moved),
        }
    }

    /// Accepts a peer's connection, or lets it wait.
    fn accept(&mut self, index: usize, calm: bool) {
        let listener = self.parties[index].peer.listener();
        let reactor = self.accepting_reactor(listener);
        let may_accept = self.may_accept_at(listener);
        let party = &mut self.parties[index];
        let SimReactor { driver, service, .. } = &mut self.reactors[reactor];
        let service = &mut **service;
        let whence = if self.options.proxy { proxy_of(index) } else { address(index) };
        if !calm && self.random.chance(self.options.faults.accept_errors) && may_accept {
            let no_descriptor = self.random.chance(500);
            if no_descriptor && self.random.chance(500) {
                return party.connected(driver.connect_without_descriptor(service, whence, listener));
            }
            // The reserve descriptor is used too, or it is another error.
            let error = std::io::Error::from(std::io::ErrorKind::ConnectionAborted);
            let error = if no_descriptor { std::io::Error::other("too many open files") } else { error };
            driver.fail_accept(service, listener, &error);
            party.wake = self.now + 100;
            return;
        }
        self.note_acceptable(index, listener);
        let far = self.connect(index, whence, reactor, listener);
        if self.options.proxy {
            far.send(proxy_header(index).as_bytes());
        }
        let party = &mut self.parties[index];
        party.connected(far);
        if calm {
            party.calm_down(self.now);
        }
    }

    /// A new connection, which is accepted at once or waits.
    fn connect(&mut self, index: usize, whence: SocketAddr, reactor: usize, listener: usize) -> FarEnd {
        if self.options.faults.backlogs {
            self.note_waiting(index, reactor, listener);
            return self.reactors[reactor].driver.arrive(whence, listener);
        }
        let SimReactor { driver, service, .. } = &mut self.reactors[reactor];
        let before = driver.waiting_at(listener);
        let far = driver.connect(&mut **service, whence, listener);
        if driver.waiting_at(listener) > before {
            self.note_waiting(index, reactor, listener);
        } else {
            self.note_taken(index, reactor, listener);
        }
        far
    }

    /// A turn of one reactor, if it has something to do.
    fn turn(&mut self, index: usize, calm: bool) -> Result<bool, Wrong> {
        let ready = self.readiness(index, calm);
        let driver = &self.reactors[index].driver;
        let is_due = driver.deadline().is_some_and(|deadline| deadline.0 <= self.now);
        if ready.is_empty() && !is_due {
            return Ok(false);
        }
        self.note_readiness(index, &ready);
        self.begin_accepting(index);
        let waiting = self.waiting_work(index);
        let SimReactor { driver, service, behind, .. } = &mut self.reactors[index];
        let bytes = bytes_moved(driver);
        driver.turn_with(ready, &mut **service);
        let has_moved = bytes_moved(driver) != bytes;
        let (end, lag) = *behind;
        if !calm && self.now < end {
            self.book.note_lag(lag.used, self.options.limits.lag_window);
            driver.report_lag_beside(&mut **service, lag.waited, lag.used);
        }
        self.turns += 1;
        self.turns_idle = if has_moved { 0 } else { self.turns_idle + 1 };
        driver.check().map_err(|text| wrong("state", text))?;
        self.check_budgets(index, waiting)?;
        self.check_backlog(index)?;
        self.check_limits(index)?;
        self.check_notices()?;
        self.check_spinning()?;
        Ok(true)
    }

    fn check_spinning(&self) -> Judged {
        if self.turns_idle > TURNS_IDLE_MAX || self.turns > self.options.turns_max {
            let turns = (self.turns_idle, self.turns);
            let text = format!("it spins: {turns:?} turns, idle and all, at {} ms", self.now);
            return Err(wrong("liveness", text));
        }
        Ok(())
    }

    fn note_readiness(&self, index: usize, ready: &[Ready]) {
        for event in ready {
            let Ready { id, readable, writable, ended, broken, urgent: _ } = event;
            let flags = [(readable, 'r'), (writable, 'w'), (ended, 'e'), (broken, 'b')];
            let flags: String = flags.iter().filter(|(set, _)| **set).map(|(_, flag)| flag).collect();
            match id.reactor() == index {
                true => self.book.note(format_args!("reactor {index} is told {id} {flags}")),
                false => self.book.note(format_args!("reactor {index} is rung")),
            }
        }
    }

    /// The events for a reactor: some come later, more often, and in another order.
    fn readiness(&mut self, index: usize, calm: bool) -> Vec<Ready> {
        let (random, faults) = (&mut self.random, &self.options.faults);
        let holds = if calm { None } else { Some(faults.held) };
        let mut ready = self.reactors[index].take_ready(self.now, holds, random);
        let rung = self.handle.remote(index).is_some_and(|remote| remote.has_commands());
        if rung && (calm || !random.chance(faults.held)) {
            ready.push(MemoryDriver::wake_event());
        }
        if calm || ready.is_empty() {
            return ready;
        }
        if random.chance(faults.spurious) {
            ready.extend(ready.last().copied());
        }
        if random.chance(faults.spurious) {
            ready.extend(late_event(index, &self.book, random));
        }
        random.shuffle(&mut ready);
        ready
    }

    /// Ends the jobs that are done. False: there is none.
    fn work(&mut self, calm: bool) -> bool {
        let faults = if calm { None } else { Some(self.options.faults.jobs) };
        let mut has_worked = false;
        while let Some(job) = self.workers.take_done(self.now, faults) {
            self.book.note(format_args!("a job on another thread is done"));
            job();
            has_worked = true;
        }
        has_worked
    }
}

/// An event for a connection of this reactor that has ended, if there is one.
fn late_event(index: usize, book: &Book, random: &mut Random) -> Option<Ready> {
    let pages = book.pages();
    let gone = pages.records.iter().filter(|record| record.end.is_some()).filter_map(|record| record.id);
    let gone: Vec<ConnectionId> = gone.filter(|id| id.reactor() == index).collect();
    let bits = random.bits();
    let told = |bit: u64| bits & 1 << bit != 0;
    let id = *random.pick(&gone)?;
    Some(Ready { id, readable: told(0), writable: told(1), ended: told(2), broken: told(3), urgent: told(4) })
}
