//! Topics with a history: what is new goes to the members in one order, and a client that comes back gets what it has
//! missed, in portions, before it becomes a member.

use crate::links::Links;
use crate::links::replay::Replay;
use crate::message::{Content, Prepared, Published, Sent};
use crate::shared::{Command, append};
use crate::topics::{Log, Logged, Subscribed};
use jackfield_proto::sse::Event;
use jackfield_reactor::{ConnectionId, Wires};
use std::sync::Arc;

/// Publications that one turn takes out of histories for those who come back, and for the members of one topic.
const PUBLICATIONS_PER_TURN: usize = 1024;

/// Publications that are taken out of a history for one who comes back, before it is another's turn.
const PORTION: usize = 128;

impl Links {
    /// Publishes on all reactors, to a topic with a history.
    pub(crate) fn publish_to_log(
        &mut self,
        wires: &mut Wires,
        log: &Arc<Log<Prepared>>,
        content: Content<'_>,
        but: ConnectionId,
    ) -> Published {
        append(log, Some(wires.now()), content, but);
        let published = self.handle.notify(log, wires.reactor());
        Published { here: self.deliver(wires, log), ..published }
    }

    /// What is new in a history goes to the members of this reactor. To how many the last of it went.
    pub(crate) fn deliver(&mut self, wires: &mut Wires, log: &Arc<Log<Prepared>>) -> usize {
        log.clear_notified(self.reactor);
        let Some(place) = self.topics.place(&log.name) else { return 0 };
        // Members from before the topic was declared have got nothing of its history.
        let after = self.delivered.get(&log.name).copied().unwrap_or(0);
        let found = log.read(after, u64::MAX, PUBLICATIONS_PER_TURN, wires.now());
        if found.lost > 0 {
            self.resync(wires, log, after + found.lost, Some(found.lost), |links, wires, resync| {
                links.publish_at(wires, place, Content::Event(resync), ConnectionId::NONE);
            });
        }
        let (mut last, mut count) = (after + found.lost, 0);
        for logged in &found.items {
            count = self.publish_at(wires, place, Content::Prepared(&logged.item), logged.but);
            last = logged.offset;
        }
        self.delivered.insert(log.name.clone(), last);
        if found.items.len() == PUBLICATIONS_PER_TURN {
            self.deliver_later(log);
        }
        count
    }

    /// Has this reactor deliver what is new, as if another had published it.
    fn deliver_later(&self, log: &Arc<Log<Prepared>>) {
        if log.notify(self.reactor) {
            let _ = self.handle.post_reserved(self.reactor, Command::Deliver(log.clone()));
        }
    }

    /// Subscribes a connection to a topic, and gives it what came after the publication with this id.
    pub(crate) fn subscribe_from(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        topic: &str,
        last_event_id: &str,
    ) -> Subscribed {
        let log = self.handle.shared().logs.find(topic).filter(|_| !last_event_id.is_empty());
        let Some(log) = log else {
            let subscribed = self.subscribe(wires, id, topic);
            if subscribed == Subscribed::New && !last_event_id.is_empty() {
                // Nothing was kept, so something may be missing: never in silence.
                self.send(wires, id, Content::Event(&Event::data("{\"missed\":null}").event("resync")));
            }
            return subscribed;
        };
        if let Err(refused) = self.may_subscribe(wires, id, topic) {
            return refused;
        }
        match log.locate(last_event_id, wires.now()) {
            Some(after) => {
                self.link(id).extra().missed.replays.push(Replay { log, after });
                self.charge(wires, id);
                self.resume(wires, id);
            }
            None => self.skip_to_present(wires, id, &log, None),
        }
        Subscribed::New
    }

    /// A connection gets its turn, if it has missed something that it has not got yet.
    pub(crate) fn resume(&mut self, wires: &mut Wires, id: ConnectionId) {
        let Some(extra) = &mut self.link(id).extra else { return };
        if !extra.missed.replays.is_empty() && !std::mem::replace(&mut extra.missed.is_listed, true) {
            self.replaying.push_back(id);
            wires.go_on_next_turn();
        }
    }

    /// Goes on with those whose turn it is. What this turn has no room for waits for the next; who reads too slowly gets
    /// its turn when it has drained.
    pub(crate) fn replay_on(&mut self, wires: &mut Wires) {
        let mut budget = PUBLICATIONS_PER_TURN;
        for _ in 0..self.replaying.len() {
            if budget == 0 {
                break;
            }
            let Some(id) = self.replaying.pop_front() else { break };
            budget -= 1;
            wires.stats().visits.add(1);
            if !wires.is_open(id) {
                continue;
            }
            self.link(id).extra().missed.is_listed = false;
            if !wires.is_congested(id) {
                budget = budget.saturating_sub(self.replay_portion(wires, id));
            }
            if wires.is_open(id) && !wires.is_congested(id) {
                self.resume(wires, id);
            }
        }
        if !self.replaying.is_empty() {
            wires.go_on_next_turn();
        }
    }

    /// A portion of what a connection has missed, which is not congested. How many publications were read for it.
    fn replay_portion(&mut self, wires: &mut Wires, id: ConnectionId) -> usize {
        let Some(Replay { log, after }) = self.missed_of(id).cloned() else { return 0 };
        // Where there are members, they have got all up to here.
        let present = match self.topics.place(&log.name) {
            Some(_) => self.delivered.get(&log.name).copied().unwrap_or_else(|| log.head()),
            None => log.head(),
        };
        if after > present {
            // It got this on another reactor, and this one has its members still to give it.
            self.deliver_later(&log);
            return 0;
        }
        let found = log.read(after, present, PORTION, wires.now());
        wires.stats().visits.add(found.items.len() as u64);
        if found.lost > 0 {
            self.end_replay(id);
            self.skip_to_present(wires, id, &log, Some(after));
            return found.items.len();
        }
        let after = self.send_missed(wires, id, &found.items, after);
        if after == present {
            self.end_replay(id);
            self.join(wires, id, &log.name, Some(after));
            self.deliver_later(&log);
        } else if let Some(replay) = self.missed_of(id) {
            replay.after = after;
        }
        found.items.len()
    }

    /// Sends what was read until the connection is congested. The offset of what it has got last.
    fn send_missed(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        items: &[Logged<Prepared>],
        mut after: u64,
    ) -> u64 {
        for logged in items {
            if wires.is_congested(id) {
                break;
            }
            match self.send(wires, id, Content::Prepared(&logged.item)) {
                // What fits no event stream is no event that it has missed.
                Sent::Queued | Sent::Congested | Sent::Unfit => after = logged.offset,
                Sent::Full | Sent::Gone => break,
            }
        }
        after
    }

    fn missed_of(&mut self, id: ConnectionId) -> Option<&mut Replay> {
        self.link(id).extra().missed.replays.last_mut()
    }

    fn end_replay(&mut self, id: ConnectionId) {
        self.link(id).extra().missed.replays.pop();
    }

    /// A client can't have all that came after this offset: it is told so, and gets what comes from now on.
    fn skip_to_present(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        log: &Arc<Log<Prepared>>,
        after: Option<u64>,
    ) {
        self.join(wires, id, &log.name, None);
        let present = self.delivered.get(&log.name).copied().unwrap_or(0);
        let missed = after.map(|after| present.saturating_sub(after));
        self.resync(wires, log, present, missed, |links, wires, resync| {
            links.send(wires, id, Content::Event(resync));
        });
    }

    /// Says how many publications were missed, if that is known, and where the rest begins.
    fn resync(
        &mut self,
        wires: &mut Wires,
        log: &Log<Prepared>,
        present: u64,
        missed: Option<u64>,
        tell: impl FnOnce(&mut Self, &mut Wires, &Event<'_>),
    ) {
        let missed = missed.map_or("null".into(), |missed| missed.to_string());
        let (data, id) = (format!("{{\"missed\":{missed}}}"), log.position(present).to_string());
        tell(self, wires, &Event::data(&data).event("resync").id(&id));
    }
}
