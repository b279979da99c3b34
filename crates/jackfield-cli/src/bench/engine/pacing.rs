//! Operations begin when they are due and a connection has room for them.

use super::Engine;
use super::link::link;
use crate::bench::alarm::Alarm;
use crate::bench::speaker::Speaker;
use jackfield_reactor::{ConnectionId, Wires};
use std::time::Duration;

impl<S: Speaker> Engine<S> {
    /// Begins the load: the first operation of all threads is due at `begin`. If operations have fixed times, the alarm wakes
    /// for them.
    pub(crate) fn go(&mut self, wires: &mut Wires, begin: u64, alarm: Option<Alarm>) {
        self.pace.start(begin.saturating_add(self.setup.offset_ns));
        self.alarm = alarm;
        let now = self.now();
        let ids: Vec<ConnectionId> = wires.ids().collect();
        for id in ids {
            self.feed(wires, id, now);
        }
    }

    /// What comes before each wait: fills vacant places, begins what is due, and sets the alarm for what will be.
    pub(crate) fn prepare(&mut self, wires: &mut Wires) {
        let now = self.now();
        self.refill(wires, now);
        self.serve(wires, now);
        self.set_alarm(now);
    }

    /// Begins the operations that are due and for which the connection has room.
    #[inline]
    pub(super) fn feed(&mut self, wires: &mut Wires, id: ConnectionId, now: u64) {
        if self.pace.is_fixed() {
            self.queue_up(id, now);
            self.serve(wires, now);
        } else {
            while self.begin_operation(wires, id, now) {}
        }
    }

    /// Gives due operations to the waiting connections, one to each.
    pub(super) fn serve(&mut self, wires: &mut Wires, now: u64) {
        while self.pace.due(now).is_some() {
            let Some(id) = self.waiting.pop_front() else { return };
            if let Some(link) = link(&mut self.links, id) {
                link.is_waiting = false;
                let free_since = link.free_since;
                if self.begin_operation(wires, id, now) {
                    // What has room now had room before. One that took nothing is full, or is closing and will never take anything.
                    self.queue_up(id, free_since);
                }
            }
        }
    }

    fn queue_up(&mut self, id: ConnectionId, free_since: u64) {
        let Some(link) = link(&mut self.links, id) else { return };
        if !link.is_waiting && link.has_room(&self.speaker, self.setup.pipeline) {
            (link.is_waiting, link.free_since) = (true, free_since);
            self.waiting.push_back(id);
        }
    }

    /// The time until the next operation is due, at most `most`. It is `most` if all due operations wait for
    /// connections.
    pub(crate) fn until_next(&self, most: Duration) -> Duration {
        let now = self.now();
        let next = self.next_after(now);
        next.map_or(most, |next| Duration::from_nanos(next - now).min(most))
    }

    /// When there is something to do next: an operation is due, or a place has rested.
    fn next_after(&self, now: u64) -> Option<u64> {
        let rested = self.vacant.first().map(|(from, _)| *from);
        rested.into_iter().chain(self.pace.next()).filter(|next| *next > now).min()
    }

    /// Sets the alarm for that. An operation that is due already waits for a connection, and not for a time.
    fn set_alarm(&mut self, now: u64) {
        let next = self.next_after(now).filter(|next| self.alarm_at != Some(*next));
        if let Some((alarm, due)) = self.alarm.as_ref().zip(next) {
            alarm.set(Duration::from_nanos(due.saturating_sub(self.now())));
            self.alarm_at = Some(due);
        }
    }

    /// Begins an operation. False if the connection has no room, or none is due.
    #[inline]
    fn begin_operation(&mut self, wires: &mut Wires, id: ConnectionId, now: u64) -> bool {
        let Some(link) = link(&mut self.links, id) else { return false };
        if !link.has_room(&self.speaker, self.setup.pipeline) || self.pace.due(now).is_none() {
            return false;
        }
        let Some(outbox) = wires.outbox(id) else { return false };
        let Some(due) = self.pace.take(now) else { return false };
        if self.pace.is_fixed() {
            self.tally.record_delay(due.max(link.free_since), now);
        }
        if self.setup.publishes && due >= self.awaited_from {
            self.published.add(now);
        }
        self.speaker.send(&mut link.state, due, outbox.tail());
        if !self.speaker.is_settled(&mut link.state) {
            if link.in_flight.is_empty() {
                link.waits_since = now;
            }
            link.in_flight.push_back(due);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::Setup;
    use super::super::opening::tests::{engine, listener};

    /// The fault: when a connection with room had begun one operation, it counted as free from then on. So of all that were due
    /// behind it none was late.
    #[test]
    fn i461_each_operation_that_begins_late_on_a_free_connection_is_counted() {
        const MS: u64 = 1_000_000;
        let (_listener, target) = listener();
        // They are due at 0, 2 and 4 ms.
        for (free_since, counts) in [(0, (3, 2)), (3 * MS, (3, 2)), (4 * MS, (3, 0))] {
            let setup = Setup { pipeline: 10, rate: Some(500.0), ..Setup::of_one(target) };
            let (mut engine, mut driver) = engine(setup);
            engine.prepare(&mut driver.reactor.wires);
            while engine.ready() == 0 {
                driver.poll(None, &mut engine).expect("it polls");
            }
            for link in engine.links.iter_mut().flatten() {
                link.free_since = free_since;
            }
            engine.pace.start(0);
            engine.serve(&mut driver.reactor.wires, 4 * MS + MS / 2);
            let found = (engine.tally.paced_operations, engine.tally.late_operations);
            assert_eq!(found, counts, "{free_since}");
        }
    }
}
