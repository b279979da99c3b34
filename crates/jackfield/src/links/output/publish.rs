//! One message to the members of a topic: encoded once for each protocol, copied when they are small and shared when
//! they are large.
//!
//! Where many small ones of a turn go to the same topic, only the first looks at each member; the others gather in a
//! broadcast of the reactor, which copies them to all members at once.

use crate::links::Links;
use crate::links::fan_out::FanOut;
use crate::message::{Form, Prepared, Published};
use jackfield_proto::websocket::Message;
use jackfield_reactor::planted::planted;
use jackfield_reactor::{ConnectionId, Outbox, SHARE_BYTES_MIN, Wires};
use std::sync::Arc;

/// With fewer members a broadcast saves nothing.
const BROADCAST_MEMBERS_MIN: usize = 4;

impl Links {
    /// Publishes a message on all reactors.
    pub(crate) fn publish(
        &mut self,
        wires: &mut Wires,
        topic: &str,
        message: Message<'_>,
        but: ConnectionId,
    ) -> Published {
        let reactor = wires.reactor();
        let Some((place, local)) = self.topics.find(topic) else {
            // There is no subscriber here: another reactor may have some.
            return self.handle.publish_but(topic, message, reactor);
        };
        if local.counts.total() > local.counts.of(reactor) {
            let prepared = Prepared::new(message);
            let published = self.handle.pass_on(&local.name, &local.counts, &prepared, reactor);
            return Published { here: self.publish_prepared(wires, place, &prepared, but), ..published };
        }
        let here = if message.len() < SHARE_BYTES_MIN {
            self.publish_small(wires, place, message, but)
        } else {
            self.publish_shared(wires, place, &Prepared::new(message), but)
        };
        Published { here, ..Published::default() }
    }

    /// Publishes a message to the subscribers of this reactor.
    pub(crate) fn publish_here(&mut self, wires: &mut Wires, topic: &str, message: &Prepared) {
        if let Some(place) = self.topics.place(topic) {
            self.publish_prepared(wires, place, message, ConnectionId::NONE);
        }
    }

    fn publish_prepared(
        &mut self,
        wires: &mut Wires,
        place: usize,
        message: &Prepared,
        but: ConnectionId,
    ) -> usize {
        if message.message().len() < SHARE_BYTES_MIN {
            return self.publish_small(wires, place, message.message(), but);
        }
        self.publish_shared(wires, place, message, but)
    }

    /// A small message is copied to each subscriber, and allocates nothing.
    fn publish_small(
        &mut self,
        wires: &mut Wires,
        place: usize,
        message: Message<'_>,
        but: ConnectionId,
    ) -> usize {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let count = match self.gather(wires, place, message, but, &mut scratch) {
            Some(count) => count,
            None => self.copy_to_each(wires, place, message, but, &mut scratch),
        };
        self.keep_scratch(scratch);
        self.metrics.messages_out.add(count as u64);
        count
    }

    /// The same message was published to the same topic just now, so no member has to be looked at.
    fn gather(
        &self,
        wires: &mut Wires,
        place: usize,
        message: Message<'_>,
        but: ConnectionId,
        scratch: &mut Vec<u8>,
    ) -> Option<usize> {
        let fan_out = self.fan_out.as_ref().filter(|fan_out| fan_out.place == place)?;
        let form = if planted(46) { Form::Frame } else { fan_out.form };
        if !form.encode(message, scratch) || !wires.broadcast(scratch, but) {
            return None;
        }
        Some(fan_out.members - usize::from(self.is_member(but, place)))
    }

    fn copy_to_each(
        &mut self,
        wires: &mut Wires,
        place: usize,
        message: Message<'_>,
        but: ConnectionId,
        scratch: &mut Vec<u8>,
    ) -> usize {
        scratch.clear();
        Form::Frame.encode(message, scratch);
        let frame_end = scratch.len();
        let has_event = Form::Event.encode(message, scratch);
        let (frame, event) = scratch.split_at(frame_end);
        self.append_to_each(wires, place, but, true, |form, outbox| {
            let bytes = match form {
                Form::Frame => frame,
                Form::Event if has_event => event,
                Form::Event => return false,
                Form::Bytes => message.as_bytes(),
            };
            outbox.tail().extend_from_slice(bytes);
            true
        })
    }

    /// A large message is encoded already, and shared by its subscribers.
    fn publish_shared(
        &mut self,
        wires: &mut Wires,
        place: usize,
        message: &Prepared,
        but: ConnectionId,
    ) -> usize {
        let mut scratch = std::mem::take(&mut self.scratch);
        // Made when the first event stream wants it.
        let mut event = None;
        let count = self.append_to_each(wires, place, but, false, |form, outbox| {
            match form {
                Form::Frame => outbox.share(message.frame()),
                Form::Event => match event.get_or_insert_with(|| shared_event(message, &mut scratch)) {
                    Some(event) => outbox.share(event),
                    None => return false,
                },
                Form::Bytes => outbox.tail().extend_from_slice(message.payload()),
            }
            true
        });
        self.keep_scratch(scratch);
        self.metrics.messages_out.add(count as u64);
        count
    }

    /// Appends something to the outbox of each member but one, and says to how many. If they are all of one form and
    /// have no backlog, the reactor may go on with a broadcast to them.
    #[inline(always)]
    fn append_to_each(
        &mut self,
        wires: &mut Wires,
        place: usize,
        but: ConnectionId,
        may_go_on: bool,
        mut append: impl FnMut(Form, &mut Outbox) -> bool,
    ) -> usize {
        self.end_fan_out(wires);
        let high = wires.limits().outbox_bytes_high;
        // The policy for a slow member needs all of the links, and changes no membership.
        let members = self.topics.lend_members(place);
        wires.stats().visits.add(members.len() as u64);
        let common = members.first().and_then(|id| self.table[id.slot()].protocol.form());
        let (mut count, mut is_even) = (0, may_go_on && members.len() >= BROADCAST_MEMBERS_MIN);
        for &id in &members {
            let form = self.table[id.slot()].protocol.form();
            is_even &= form == common;
            if id == but {
                is_even &= wires.outbox(id).is_some_and(|outbox| outbox.queued() < high);
                continue;
            }
            let outbox = match wires.gathering(id) {
                Some(outbox) if outbox.queued() < high => outbox,
                _ => match self.outbox_for_published(wires, id) {
                    Some(outbox) => outbox,
                    None => {
                        is_even = false;
                        continue;
                    }
                },
            };
            if form.is_some_and(|form| append(form, outbox)) {
                count += 1;
                if outbox.queued() > high {
                    is_even = false;
                    Self::relieve(wires, id);
                }
            } else {
                is_even = false;
            }
        }
        match common {
            Some(form) if is_even => {
                self.fan_out = Some(FanOut { place, members: members.len(), form });
                wires.begin_broadcast(members);
            }
            _ => self.topics.give_members_back(place, members),
        }
        count
    }

    /// Gets the members of a topic back that were lent to the reactor: before a connection joins or leaves one.
    pub(crate) fn end_fan_out(&mut self, wires: &mut Wires) {
        if let Some(FanOut { place, .. }) = self.fan_out.take() {
            self.topics.give_members_back(place, wires.end_broadcast());
        }
    }

    fn is_member(&self, id: ConnectionId, place: usize) -> bool {
        let extra = self.table.get(id.slot()).and_then(|link| link.extra.as_deref());
        id != ConnectionId::NONE
            && extra.is_some_and(|extra| extra.topics.iter().any(|topic| topic.topic == place))
    }
}

/// A text message as an event; an event stream carries no binary ones.
fn shared_event(message: &Prepared, scratch: &mut Vec<u8>) -> Option<Arc<[u8]>> {
    scratch.clear();
    Form::Event.encode(message.message(), scratch).then(|| scratch[..].into())
}
