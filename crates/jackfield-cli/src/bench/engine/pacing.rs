//! Operations begin when they are due and a connection has room for them.

use super::Engine;
use super::link::link;
use crate::bench::alarm::Alarm;
use crate::bench::speaker::Speaker;
use jackfield_reactor::{ConnectionId, Wires};
use std::time::Duration;

impl<S: Speaker> Engine<S> {
    /// Begins the load: the first operation is due at `begin`. If operations have fixed times, the alarm wakes for
    /// them.
    pub(crate) fn go(&mut self, wires: &mut Wires, begin: u64, alarm: Option<Alarm>) {
        self.pace.start(begin);
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
                if self.begin_operation(wires, id, now) {
                    // One that took nothing is full, or is closing and will never take anything.
                    self.queue_up(id, now);
                }
            }
        }
    }

    fn queue_up(&mut self, id: ConnectionId, now: u64) {
        let Some(link) = link(&mut self.links, id) else { return };
        if !link.is_waiting && link.has_room(&self.speaker, self.setup.pipeline) {
            (link.is_waiting, link.free_since) = (true, now);
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
