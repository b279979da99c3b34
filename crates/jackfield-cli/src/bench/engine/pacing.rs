//! Operations begin when they are due and a connection has room for them.

use super::Engine;
use super::link::link;
use crate::bench::alarm::Alarm;
use crate::bench::speaker::Speaker;
use jackfield_reactor::{ConnectionId, Wires};
use std::time::Duration;

impl<S: Speaker> Engine<S> {
    /// The first operation is due at `begin`; where operations are due at fixed times, the alarm wakes for them.
    pub(crate) fn go(&mut self, wires: &mut Wires, begin: u64, alarm: Option<Alarm>) {
        self.pace.start(begin);
        self.alarm = alarm;
        let now = self.now();
        let ids: Vec<ConnectionId> = wires.ids().collect();
        for id in ids {
            self.feed(wires, id, now);
        }
        self.set_alarm(now);
    }

    /// Begins what the connection has room for and what is due.
    #[inline]
    pub(super) fn feed(&mut self, wires: &mut Wires, id: ConnectionId, now: u64) {
        if self.pace.is_fixed() && !self.setup.renews {
            self.queue_up(id, now);
            self.serve(wires, now);
        } else {
            while self.begin_operation(wires, id, now) {}
        }
    }

    /// Gives what is due to those who wait for it, one each.
    pub(super) fn serve(&mut self, wires: &mut Wires, now: u64) {
        while self.pace.due(now).is_some() {
            let Some(id) = self.waiting.pop_front() else { return };
            if let Some(link) = link(&mut self.links, id) {
                link.is_waiting = false;
                let free_since = link.free_since;
                let due = self.pace.due(now).unwrap_or(now);
                if self.begin_operation(wires, id, now) {
                    // Since then it could have been sent: the rest is this program's own delay.
                    self.tally.record_delay(now - due.max(free_since).min(now));
                }
                self.queue_up(id, now);
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

    /// Begins what is due, without being woken for it.
    pub(crate) fn begin_due(&mut self, wires: &mut Wires) {
        let now = self.now();
        self.serve(wires, now);
    }

    /// How long it is until something is due, but not longer than this; this, if all that is due waits for connections.
    pub(crate) fn until_next(&self, most: Duration) -> Duration {
        let now = self.now();
        let next = self.pace.next().filter(|next| *next > now);
        next.map_or(most, |next| Duration::from_nanos(next - now).min(most))
    }

    /// Wakes when the next operation is due.
    pub(super) fn set_alarm(&self, now: u64) {
        if let Some((alarm, due)) = self.alarm.as_ref().zip(self.pace.next()) {
            alarm.set(Duration::from_nanos(due.saturating_sub(now)));
        }
    }

    /// False if the connection has no room, or nothing is due.
    #[inline]
    fn begin_operation(&mut self, wires: &mut Wires, id: ConnectionId, now: u64) -> bool {
        let Some(link) = link(&mut self.links, id) else { return false };
        if !link.has_room(&self.speaker, self.setup.pipeline) || self.pace.due(now).is_none() {
            return false;
        }
        let Some(outbox) = wires.outbox(id) else { return false };
        let Some(due) = self.pace.take(now) else { return false };
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
