//! Topics with a history: what is new goes to the members in one order, and a client that comes back gets what it has
//! missed, in portions, before it becomes a member.

use crate::links::Links;
use crate::links::replay::Replay;
use crate::message::{Content, Prepared, Published, Sent};
use crate::shared::{Command, append};
use crate::topics::{Log, Subscribed};
use jackfield_proto::sse::Event;
use jackfield_reactor::{ConnectionId, Wires};
use std::sync::Arc;

/// Publications that one turn takes out of histories for those who come back, and for the members of one topic.
const PUBLICATIONS_PER_TURN: usize = 1024;

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
        log.look(self.reactor);
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
        for published in &found.items {
            count = self.publish_at(wires, place, Content::Prepared(&published.item), published.but);
            last = published.offset;
        }
        self.delivered.insert(log.name.clone(), last);
        if found.items.len() == PUBLICATIONS_PER_TURN && log.notify(self.reactor) {
            let _ = self.handle.post_reserved(self.reactor, Command::Deliver(log.clone()));
        }
        count
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
        let Some(log) = log else { return self.subscribe(wires, id, topic) };
        if let Err(refused) = self.may_subscribe(wires, id, topic) {
            return refused;
        }
        match log.locate(last_event_id, wires.now()) {
            Ok(after) => {
                self.replays.push(Replay { id, log, after });
                wires.go_on_next_turn();
            }
            Err(after) => self.skip_to_present(wires, id, &log, after),
        }
        Subscribed::New
    }

    /// Whether anybody gets what it has missed.
    pub(crate) fn is_replaying(&self) -> bool {
        !self.replays.is_empty()
    }

    /// Whether a connection waits for what it has missed of this topic.
    pub(crate) fn replays(&self, id: ConnectionId, topic: &str) -> bool {
        self.replays.iter().any(|replay| replay.id == id && *replay.log.name == *topic)
    }

    /// What a connection has missed of this topic, or of any, is wanted no more. False: nothing was.
    pub(crate) fn cancel_replay(&mut self, id: ConnectionId, topic: Option<&str>) -> bool {
        let before = self.replays.len();
        self.replays
            .retain(|replay| replay.id != id || topic.is_some_and(|topic| *replay.log.name != *topic));
        self.replays.len() < before
    }

    /// Goes on with all who get what they have missed. What this turn has no room for waits for the next; who reads too
    /// slowly is waited for.
    pub(crate) fn replay_on(&mut self, wires: &mut Wires) {
        let mut budget = PUBLICATIONS_PER_TURN;
        let mut goes_on = false;
        let mut left = std::mem::take(&mut self.replays).into_iter();
        for mut replay in left.by_ref() {
            if self.replay_portion(wires, &mut replay, &mut budget) {
                goes_on |= !wires.is_congested(replay.id);
                self.replays.push(replay);
            }
            if budget == 0 {
                break;
            }
        }
        // Those who had no turn come first in the next.
        goes_on |= left.len() > 0;
        self.replays.splice(0..0, left);
        if goes_on {
            wires.go_on_next_turn();
        }
    }

    /// A portion for one of them. False: it has all, and is a member now, or it is gone.
    fn replay_portion(&mut self, wires: &mut Wires, replay: &mut Replay, budget: &mut usize) -> bool {
        let Replay { id, log, after } = replay;
        if !wires.is_open(*id) {
            return false;
        }
        // Where there are members, they have got all up to here.
        let present = match self.topics.place(&log.name) {
            Some(_) => self.delivered.get(&log.name).copied().unwrap_or_else(|| log.head()),
            None => log.head(),
        };
        let found = log.read(*after, present, *budget, wires.now());
        if found.lost > 0 {
            self.skip_to_present(wires, *id, log, Some(*after));
            return false;
        }
        for published in &found.items {
            if wires.is_congested(*id) {
                return true;
            }
            match self.send(wires, *id, Content::Prepared(&published.item)) {
                // What fits no event stream is no event that it has missed.
                Sent::Queued | Sent::Congested | Sent::Unfit => *after = published.offset,
                Sent::Full | Sent::Gone => return wires.is_open(*id),
            }
            *budget -= 1;
        }
        if *after < present {
            return true;
        }
        self.join(wires, *id, &log.name, Some(*after));
        self.deliver(wires, log);
        false
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
