//! Notices of what was sent: requested after it, and given when the kernel has taken all of it.

use crate::links::Links;
use crate::links::notices::NOTICES_MAX;
use crate::message::Sent;
use jackfield_reactor::{ConnectionId, Wires};

impl Links {
    /// Requests a notice with this tag for all that was sent to a connection so far. A message in fragments that has not
    /// ended, and messages that wait for its end, count as sent.
    #[cold]
    pub(crate) fn notify_sent(&mut self, wires: &mut Wires, id: ConnectionId, tag: u64) -> Sent {
        if !wires.is_open(id) {
            return Sent::Gone;
        }
        let extra = self.link(id).extra();
        let notices = extra.notices.get_or_insert_default();
        let held = extra.fragments.as_ref().map_or(0, |fragments| fragments.notices.len());
        if notices.len() + held >= NOTICES_MAX {
            return Sent::Full;
        }
        match &mut extra.fragments {
            Some(fragments) => fragments.notices.push((fragments.waiting.len(), tag)),
            None => notices.push(wires.bytes_submitted(id), tag),
        }
        self.charge(wires, id);
        wires.tell_writes(id);
        Sent::Queued
    }

    /// How many notices of a connection are due.
    pub(crate) fn due_notices(&self, wires: &Wires, id: ConnectionId) -> usize {
        let extra = self.table.get(id.slot()).and_then(|link| link.extra.as_ref());
        let notices = extra.and_then(|extra| extra.notices.as_ref()).filter(|_| wires.contains(id));
        notices.map_or(0, |notices| notices.due(wires.bytes_written(id)))
    }

    /// Takes the tag of the first notice. When none is left, writes are watched no more.
    pub(crate) fn take_notice(&mut self, wires: &mut Wires, id: ConnectionId) -> Option<u64> {
        let extra = self.link(id).extra.as_mut()?;
        let notices = extra.notices.as_mut()?;
        let tag = notices.pop()?;
        let is_held = extra.fragments.as_ref().is_some_and(|fragments| !fragments.notices.is_empty());
        if notices.len() == 0 {
            if !is_held {
                wires.stop_telling_writes(id);
            }
            self.charge(wires, id);
        }
        Some(tag)
    }
}
