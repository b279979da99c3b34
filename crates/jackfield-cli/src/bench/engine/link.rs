//! The engine's state of one connection.

use crate::bench::speaker::{Heard, Part, Speaker};
use crate::bench::tally::Tally;
use jackfield_reactor::{ConnectionId, Wires};
use std::collections::VecDeque;
use std::time::Duration;

/// How long a slow reader sleeps between two reads.
const SLOW_PAUSE: Duration = Duration::from_millis(250);

/// The engine's part of one connection.
#[derive(Debug)]
pub(super) struct Link<T> {
    pub(super) id: ConnectionId,
    pub(super) place: usize,
    pub(super) part: Part,
    pub(super) is_slow: bool,
    pub(super) is_ready: bool,
    /// It is in the queue of waiting connections.
    pub(super) is_waiting: bool,
    /// Its end is expected, or was counted already.
    pub(super) is_over: bool,
    /// When the operations in flight were due.
    pub(super) in_flight: VecDeque<u64>,
    /// Since when the server owes the next answer, if it owes one, or its end, if the connection is over.
    pub(super) waits_since: u64,
    /// What was published before it could be used.
    pub(super) published_before: u64,
    /// What has come of what was published since then.
    pub(super) delivered: u64,
    /// When the last of it came.
    pub(super) delivered_at: u64,
    /// Since when it has room for an operation, if it is in the queue.
    pub(super) free_since: u64,
    pub(super) state: T,
}

impl<T> Link<T> {
    /// The state of the connection, and the place for what it receives now.
    #[inline]
    pub(super) fn listen<'a>(
        &'a mut self,
        now: u64,
        awaited_from: u64,
        out: &'a mut Vec<u8>,
        tally: &'a mut Tally,
    ) -> (&'a mut T, Heard<'a>) {
        let heard = Heard {
            now,
            out,
            tally,
            awaited_from,
            delivered: 0,
            in_flight: &mut self.in_flight,
            is_slow: self.is_slow,
            is_ready: self.is_ready,
            is_over: self.is_over,
        };
        (&mut self.state, heard)
    }

    /// Whether the server owes an answer. A slow reader does not wait for it.
    pub(super) fn owes(&self) -> bool {
        !self.is_slow && !self.is_over && (!self.is_ready || !self.in_flight.is_empty())
    }

    /// So many deliveries have come now.
    #[inline]
    pub(super) fn note_delivered(&mut self, deliveries: u64, now: u64) {
        if deliveries > 0 {
            self.delivered += deliveries;
            self.delivered_at = now;
        }
    }

    /// How many of these publications have not come on it and should have. A slow reader does not wait for them.
    pub(super) fn missing(&self, published: u64) -> u64 {
        let is_waited_for = self.part != Part::Publishes && !self.is_slow && self.is_ready && !self.is_over;
        if is_waited_for { published.saturating_sub(self.published_before + self.delivered) } else { 0 }
    }

    #[inline]
    pub(super) fn has_room<S: Speaker<State = T>>(&self, speaker: &S, pipeline: usize) -> bool {
        self.is_ready
            && !self.is_over
            && self.part != Part::Listens
            && self.in_flight.len() < pipeline
            && speaker.may_send(&self.state)
    }
}

#[inline]
pub(super) fn link<T>(links: &mut [Option<Link<T>>], id: ConnectionId) -> Option<&mut Link<T>> {
    links.get_mut(id.slot())?.as_mut().filter(|link| link.id == id)
}

/// Stops reading for some time.
pub(super) fn nap(wires: &mut Wires, id: ConnectionId) {
    wires.pause(id);
    wires.set_timer(id, 0, SLOW_PAUSE);
}
