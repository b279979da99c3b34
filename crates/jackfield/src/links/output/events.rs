//! Begins event streams.

use crate::links::Links;
use crate::links::protocol::Protocol;
use jackfield_proto::http1::{BodyDue, Fields, Owed, ResponseToSend};
use jackfield_reactor::{ConnectionId, Wires};

impl Links {
    /// Makes the connection an event stream until its end.
    pub(crate) fn begin_events(&mut self, wires: &mut Wires, id: ConnectionId, mut fields: Fields) {
        add_fields(&mut fields);
        let now = wires.now();
        let heartbeat = self.limits_of(id).events_heartbeat;
        let Some(outbox) = wires.outbox(id) else { return };
        let head = ResponseToSend { status: 200, content_type: EVENT_STREAM, fields: &fields };
        if self.link(id).checks.records_exchanges() {
            self.record_answer(id, head.status, head.content_type, head.fields);
        }
        let (link, date) = self.link_and_date(id, now);
        let Protocol::Http(machine) = &mut link.protocol else { return };
        if machine.respond_until_close(&head, date, outbox.tail()) == BodyDue::No {
            return;
        }
        debug_assert_eq!(machine.owed(), Owed::Streaming);
        outbox.begin_messages();
        link.protocol = Protocol::Events;
        link.has_own_idle_timeout = false;
        wires.set_writes_as_activity(id, true);
        wires.set_idle_timeout(id, heartbeat);
    }
}

/// The type of an event stream.
pub(crate) const EVENT_STREAM: &str = "text/event-stream; charset=utf-8";

/// Caches and proxies must not hold events back. The user's own lines have priority.
fn add_fields(fields: &mut Fields) {
    for (name, value) in [("Cache-Control", "no-cache"), ("X-Accel-Buffering", "no")] {
        if fields.contains(name) {
            continue;
        }
        let pushed = fields.push(name, value);
        debug_assert!(pushed.is_ok(), "both lines are valid");
    }
}
