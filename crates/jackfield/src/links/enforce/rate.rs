//! Holds a connection to its rate.

use crate::config::{OnRateExceeded, Rate};
use crate::disconnect::{Limit, Reason};
use crate::links::Links;
use crate::links::bucket::Bucket;
use crate::links::link::key;
use crate::links::protocol::Protocol;
use jackfield_proto::http1::Awaits;
use jackfield_reactor::{Bandwidth, ConnectionId, Wires};
use std::time::Duration;

impl Links {
    /// Sets the rate of a connection.
    pub(crate) fn set_rate(&mut self, wires: &mut Wires, id: ConnectionId, rate: Rate) {
        // The message of the callback that calls this is counted already.
        let counted = self.counted_messages();
        self.unthrottle(wires, id);
        self.move_deadline(wires, id);
        let link = self.link(id);
        link.checks.set_rate_limited(rate.is_bounded());
        if rate.is_bounded() {
            link.extra().bucket = Some(Box::new(Bucket::new(rate, wires.now(), counted)));
        } else if let Some(extra) = &mut link.extra {
            extra.bucket = None;
        }
        self.charge(wires, id);
        wires.cancel_timer(id, key::RATE);
    }

    /// Sets the bandwidth limit of a connection.
    pub(crate) fn set_bandwidth(&mut self, wires: &mut Wires, id: ConnectionId, bandwidth: Bandwidth) {
        self.move_deadline(wires, id);
        wires.set_bandwidth(id, bandwidth);
    }

    /// Moves the deadline of a peer now by the time for which it was not read: the limit that knows this time is replaced.
    fn move_deadline(&mut self, wires: &mut Wires, id: ConnectionId) {
        let paused = self.take_pause(wires, id);
        if let Some(due) = wires.timer_due(id, key::DEADLINE).filter(|_| !paused.is_zero()) {
            wires.set_timer(id, key::DEADLINE, due.since(wires.now()) + paused);
        }
    }

    pub(crate) fn bucket(&mut self, id: ConnectionId) -> Option<&mut Bucket> {
        self.link(id).extra.as_mut()?.bucket.as_deref_mut()
    }

    /// Messages and requests that this reactor has counted so far.
    pub(crate) fn counted_messages(&self) -> u64 {
        self.metrics.requests.value().wrapping_add(self.metrics.messages_in.value())
    }

    /// A peer has exceeded its rate: it is not read for a while.
    pub(crate) fn throttle(&mut self, wires: &mut Wires, id: ConnectionId) {
        let now = wires.now();
        let Some(wait) = self.bucket(id).map(|bucket| bucket.pause(now)) else { return };
        wires.throttle(id);
        wires.set_timer(id, key::RATE, wait);
        self.metrics.throttled.add(1);
        self.settings.observer.on_throttled(id, Limit::Rate);
    }

    /// Reads a throttled peer again.
    pub(crate) fn unthrottle(&mut self, wires: &mut Wires, id: ConnectionId) {
        let now = wires.now();
        if let Some(bucket) = self.bucket(id) {
            bucket.resume(now);
        }
        wires.unthrottle(id);
    }

    /// How many events may be made of these bytes. `None`: none, and the connection was throttled or closed.
    pub(crate) fn ration(&mut self, wires: &mut Wires, id: ConnectionId, rx: &[u8]) -> Option<usize> {
        let is_message = self.begins_message(id, rx);
        let (now, counted) = (wires.now(), self.counted_messages());
        // After our Close only the peer's is awaited.
        let awaits_close = !wires.is_open(id) && matches!(self.link(id).protocol, Protocol::WebSocket(_));
        let Some(bucket) = self.bucket(id) else { return Some(usize::MAX) };
        bucket.begin(now, counted);
        let left = bucket.messages_left();
        if awaits_close || rx.is_empty() || (bucket.has_bytes() && (left > 0 || !is_message)) {
            return Some(left.max(1));
        }
        match bucket.exceeded_action() {
            OnRateExceeded::Pause => self.throttle(wires, id),
            OnRateExceeded::Close => self.close(wires, id, Reason::Limit(Limit::Rate)),
        }
        None
    }

    /// For how long the peer was not read since the last call. Its deadlines are moved by this time.
    pub(crate) fn take_pause(&mut self, wires: &mut Wires, id: ConnectionId) -> Duration {
        let by_rate = self.bucket(id).map_or(Duration::ZERO, |bucket| bucket.take_pause());
        by_rate.max(wires.take_bandwidth_pause(id))
    }

    /// Whether these bytes count as a message. Control frames don't, nor does the body of a request or the rest of a line that
    /// is counted already.
    fn begins_message(&mut self, id: ConnectionId, rx: &[u8]) -> bool {
        match &self.link(id).protocol {
            Protocol::WebSocket(_) => rx.first().is_some_and(|first| first & 8 == 0),
            Protocol::Http(machine) => machine.awaits() != Awaits::Body,
            Protocol::Lines { skips, .. } => !skips,
            Protocol::Raw | Protocol::Events | Protocol::Opening | Protocol::Refused | Protocol::None => {
                false
            }
        }
    }
}
