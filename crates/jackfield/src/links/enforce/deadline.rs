//! Deadlines for what a peer has begun: a head, a body, a message.

use crate::disconnect::{Reason, Timeout};
use crate::links::Links;
use crate::links::link::{Awaited, key};
use crate::links::protocol::Protocol;
use jackfield_proto::http1::{Awaits, Owed};
use jackfield_reactor::planted::planted;
use jackfield_reactor::{ConnectionId, Wires};
use std::time::Duration;

impl Links {
    /// Sets the deadline for what the peer has begun, unless it is set already.
    #[cold]
    #[inline(never)]
    pub(crate) fn set_deadline(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        awaited: Awaited,
        deadline: Duration,
    ) {
        let link = self.link(id);
        if link.awaited != awaited {
            link.awaited = awaited;
            wires.set_timer(id, key::DEADLINE, deadline);
            // A pause before this does not move the new deadline.
            self.take_pause(wires, id);
        }
        self.charge(wires, id);
    }

    /// What the peer had begun is complete.
    #[cold]
    #[inline(never)]
    pub(crate) fn clear_deadline(&mut self, wires: &mut Wires, id: ConnectionId) {
        self.link(id).awaited = Awaited::Nothing;
        wires.cancel_timer(id, key::DEADLINE);
        self.charge(wires, id);
    }

    /// After a read of HTTP: a head or body that is not complete gets a deadline.
    #[inline(always)]
    pub(crate) fn set_request_deadline(&mut self, wires: &mut Wires, id: ConnectionId) {
        let Protocol::Http(machine) = &self.link(id).protocol else { return };
        match machine.awaits() {
            Awaits::Head => {
                let deadline = self.limits_of(id).head_timeout;
                self.set_deadline(wires, id, Awaited::Head, deadline);
            }
            // The number of kept bytes has changed.
            Awaits::Nothing | Awaits::Body => self.charge(wires, id),
        }
    }

    /// After a read of a WebSocket: a message that is not complete gets a deadline.
    #[inline(always)]
    pub(crate) fn set_message_deadline(&mut self, wires: &mut Wires, id: ConnectionId, has_rest: bool) {
        let Protocol::WebSocket(machine) = &self.link(id).protocol else { return };
        if has_rest || machine.is_inside_message() {
            let deadline = self.limits_of(id).message_timeout;
            self.set_deadline(wires, id, Awaited::Message, deadline);
        }
    }

    /// From now on the body must come fast enough, also if it is discarded.
    pub(crate) fn set_body_deadline(&mut self, wires: &mut Wires, id: ConnectionId) {
        let so_far = wires.wire_stats(id).map_or(0, |stats| stats.bytes_in);
        self.link(id).extra().body_bytes = so_far;
        let interval = self.limits_of(id).body_interval;
        self.set_deadline(wires, id, Awaited::Body, interval);
    }

    /// An event of HTTP has come while a deadline was set: the deadline ends, unless the event is only a part of what
    /// is awaited.
    #[cold]
    #[inline(never)]
    pub(crate) fn settle_deadline(&mut self, wires: &mut Wires, id: ConnectionId) {
        let Protocol::Http(machine) = &self.link(id).protocol else { return };
        if machine.awaits() != Awaits::Body {
            self.clear_deadline(wires, id);
        }
    }

    /// A control frame that came in pieces is complete: the deadline ends, unless the frame came inside a message.
    pub(crate) fn settle_control_deadline(&mut self, wires: &mut Wires, id: ConnectionId) {
        let link = self.link(id);
        let is_awaited = link.awaited == Awaited::Message;
        let Protocol::WebSocket(machine) = &link.protocol else { return };
        if is_awaited && !machine.is_inside_message() {
            self.clear_deadline(wires, id);
        }
    }

    /// No byte has come for the idle timeout, and no heartbeat keeps the connection alive.
    #[cold]
    pub(crate) fn on_idle(&mut self, wires: &mut Wires, id: ConnectionId) {
        let why = Reason::Timeout(Timeout::Idle);
        match &self.table[id.slot()].protocol {
            // An exchange has its own deadlines.
            Protocol::Http(_) if self.has_exchange(wires, id) => {}
            _ => self.close(wires, id, why),
        }
    }

    /// Whether an HTTP connection is within an exchange: a request has begun, an answer is owed, or the peer has not
    /// taken its last bytes yet.
    fn has_exchange(&self, wires: &Wires, id: ConnectionId) -> bool {
        let link = &self.table[id.slot()];
        let is_idle = matches!(&link.protocol, Protocol::Http(machine) if machine.owed() == Owed::Idle);
        if planted(100) {
            return false;
        }
        !is_idle || link.awaited != Awaited::Nothing || wires.queued_bytes(id) > 0
    }

    /// The deadline has passed.
    pub(crate) fn on_deadline(&mut self, wires: &mut Wires, id: ConnectionId) {
        let awaited = std::mem::take(&mut self.link(id).awaited);
        let limits = self.limits_of(id);
        let whole = match awaited {
            Awaited::Message => limits.message_timeout,
            _ => limits.head_timeout,
        };
        if matches!(awaited, Awaited::Head | Awaited::Message) && !wires.may_handle_bytes(id) {
            // A peer that is not read can't be too slow.
            self.link(id).awaited = awaited;
            return wires.set_timer(id, key::DEADLINE, whole);
        }
        let paused = self.take_pause(wires, id);
        if !paused.is_zero() && awaited != Awaited::Nothing {
            self.link(id).awaited = awaited;
            return wires.set_timer(id, key::DEADLINE, paused);
        }
        match awaited {
            Awaited::Nothing | Awaited::Early => {}
            Awaited::Head => self.close(wires, id, Reason::Timeout(Timeout::Head)),
            Awaited::Body if self.body_flows(wires, id) => {}
            Awaited::Body => self.close(wires, id, Reason::Timeout(Timeout::Body)),
            Awaited::Message => self.close(wires, id, Reason::Timeout(Timeout::Message)),
        }
    }

    /// Whether a body has come fast enough since the last call. If so, the next check is scheduled.
    fn body_flows(&mut self, wires: &mut Wires, id: ConnectionId) -> bool {
        let Some(stats) = wires.wire_stats(id) else { return true };
        let (interval, bytes_min) =
            (self.limits_of(id).body_interval, self.limits_of(id).body_interval_bytes_min);
        // Half of what its bandwidth allows is enough, but never nothing.
        let bytes_min = wires
            .incoming_bytes_within(id, interval)
            .map_or(bytes_min, |bytes| bytes_min.min((bytes / 2).max(1)));
        let link = self.link(id);
        // The end of a discarded body is no event, so the body may be over.
        if !matches!(&link.protocol, Protocol::Http(machine) if machine.awaits() == Awaits::Body) {
            return true;
        }
        let extra = link.extra();
        let came = stats.bytes_in - extra.body_bytes;
        extra.body_bytes = stats.bytes_in;
        // A peer that is not read can't be too slow.
        let flows = came >= bytes_min || !wires.may_handle_bytes(id);
        if flows {
            link.awaited = Awaited::Body;
            wires.set_timer(id, key::DEADLINE, interval);
        }
        flows
    }
}
