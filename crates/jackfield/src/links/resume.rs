//! Topics with a history: new messages go to the members in one order. A client that connects again gets its missed
//! messages, in portions, before it becomes a member.

use crate::links::Links;
use crate::links::replay::{Delivered, Progress, Replay, ReplayQueue};
use crate::message::{Content, MessageFormat, Prepared, Published, Sent};
use crate::shared::{PUBLICATIONS_PER_DELIVERY, Unsent};
use crate::topics::{ID_BYTES_MAX, Logged, Lost, Portion, ReadPosition, Subscribed, TopicLog};
use jackfield_proto::sse::Event;
use jackfield_reactor::{ConnectionId, Wires};
use std::sync::Arc;

/// The most publications that one turn takes out of histories for clients that resume.
const PUBLICATIONS_PER_TURN: usize = 1024;

/// The most publications that a client that resumes gets before the next client has its turn.
const PORTION: usize = 128;

/// When a list of waiting connections is longer than twice the connections plus this number, those that are gone are
/// removed.
const WAITING_SPARE: usize = 64;

impl Links {
    /// Publishes on all reactors, to a topic with a history.
    pub(crate) fn publish_to_log(
        &mut self,
        wires: &mut Wires,
        log: &Arc<TopicLog<Prepared>>,
        content: Content<'_>,
        but: ConnectionId,
    ) -> Published {
        match self.handle.append(log, Some(wires.now()), content, but) {
            Ok(true) => {
                let published = self.handle.notify(log, wires.reactor());
                Published { here: self.deliver_before(wires, log), ..published }
            }
            Ok(false) => Published::default(),
            Err(unsent) => self.publish_unsent(wires, log, &unsent, but),
        }
    }

    /// The broker had no room for this publication.
    fn publish_unsent(
        &mut self,
        wires: &mut Wires,
        log: &Arc<TopicLog<Prepared>>,
        unsent: &Unsent,
        but: ConnectionId,
    ) -> Published {
        let published = self.handle.pass_on_unsent(&log.name, unsent, wires.reactor());
        let Unsent(prepared, goes_on) = unsent;
        // Behind what waits already.
        self.deliver_before(wires, log);
        let Some(place) = self.topics.place(&log.name).filter(|_| *goes_on) else { return published };
        let with_id = self.with_id_of_members(&log.name, prepared);
        let content = Content::Prepared(with_id.as_ref().unwrap_or(prepared));
        Published { here: self.publish_to_place(wires, place, content, but), ..published }
    }

    /// A publication that goes to the members of a topic past its history, because the broker has no room: with the id of what they
    /// have got. `None`: the topic has no history, or the position is not known.
    pub(super) fn with_id_of_members(&self, topic: &str, message: &Prepared) -> Option<Prepared> {
        let delivered = self.delivered.get(topic)?;
        Some(message.clone().with_id(delivered.place?, delivered.is_numbered()))
    }

    /// Sends new messages of a history to the members of this reactor before something else is sent, which must not overtake
    /// them: so many visits as that takes. Returns how many members got the last one.
    fn deliver_before(&mut self, wires: &mut Wires, log: &Arc<TopicLog<Prepared>>) -> usize {
        self.deliver(wires, log, PUBLICATIONS_PER_DELIVERY, u64::MAX).0
    }

    /// Sends at most so many new messages of a history to the members of this reactor, and no more of them once the reactor has
    /// counted `visits_end`. Returns how many members got the last one, and how many messages are left because of the
    /// visits.
    pub(crate) fn deliver(
        &mut self,
        wires: &mut Wires,
        log: &Arc<TopicLog<Prepared>>,
        most: usize,
        visits_end: u64,
    ) -> (usize, usize) {
        self.wake_awaiting(wires);
        let Some(place) = self.topics.place(&log.name) else {
            log.stamp(wires.now());
            return (0, 0);
        };
        let Some(after) = self.place_of_members(log) else { return (0, 0) };
        let found = log.read(&after, None, most, wires.now());
        if let Some(lost) = found.lost {
            let resync = resync(log, &found.from, count_of(lost));
            self.publish_to_place(wires, place, Content::Prepared(&resync), ConnectionId::NONE);
        }
        let (mut count, mut left, mut to) = (0, found.items.len(), found.to);
        for logged in &found.items {
            count = self.publish_to_place(wires, place, Content::Prepared(&with_id(log, logged)), logged.but);
            left -= 1;
            if left > 0 && wires.stats().visits.value() >= visits_end {
                to = logged.place;
                break;
            }
        }
        let owes_id = self.delivered.get_mut(&log.name).is_some_and(|delivered| {
            delivered.place = Some(to);
            std::mem::take(&mut delivered.owes_id)
        });
        if owes_id {
            self.send_id_to_owed(wires, log, place);
        }
        self.let_leave(wires);
        if left == 0 && found.visits == most {
            self.handle.notify_reactor(log, self.reactor);
        }
        (count, left)
    }

    /// The position of the members of this reactor. `None`: the broker has not reported one yet.
    fn place_of_members(&mut self, log: &Arc<TopicLog<Prepared>>) -> Option<ReadPosition> {
        if !self.delivered.contains_key(&log.name) {
            // Members from before the topic was declared have got nothing of its history.
            let delivered = Delivered::new(self.handle.follow(log), None);
            self.delivered.insert(log.name.clone(), delivered);
        }
        let delivered = self.delivered.get_mut(&log.name)?;
        delivered.place = delivered.place.or_else(|| log.awaited_position());
        delivered.place
    }

    /// Subscribes a connection to a topic, and gives it what came after the publication with this id.
    pub(crate) fn subscribe_from(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        topic: &str,
        last_event_id: &str,
    ) -> Subscribed {
        if !last_event_id.is_empty() && self.link(id).protocol.message_format().is_none() {
            // It takes no publications, so it could not get a `resync` either.
            return Subscribed::Refused;
        }
        if last_event_id.is_empty() {
            return self.subscribe(wires, id, topic);
        }
        let Some(log) = self.handle.shared().logs.find(topic) else {
            let subscribed = self.subscribe(wires, id, topic);
            if subscribed == Subscribed::New {
                self.link(id).extra().replays.owes_resync = true;
                self.send_owed_resync(wires, id);
            }
            return subscribed;
        };
        if let Err(refused) = self.may_subscribe(wires, id, topic) {
            return refused;
        }
        // A longer text is not an id, whatever its beginning is.
        let name = if last_event_id.len() <= ID_BYTES_MAX { last_event_id } else { "" };
        let replay = Replay::new(self.handle.follow(&log), Progress::Named(name.into()));
        self.link(id).extra().replays.list.push(replay);
        self.charge(wires, id);
        if self.next_replay(wires, id).is_some() {
            self.queue_replay(wires, id);
        }
        Subscribed::New
    }

    /// Nothing was kept of a topic, so messages may be missing; the client must learn that as soon as there is room.
    pub(crate) fn send_owed_resync(&mut self, wires: &mut Wires, id: ConnectionId) {
        let owes = self.link(id).extra.as_ref().is_some_and(|extra| extra.replays.owes_resync);
        if owes && self.has_room_for_waiting(wires, id) {
            self.link(id).extra().replays.owes_resync = false;
            self.send(wires, id, Content::Event(&Event::data("{\"missed\":null}").event("resync")));
        }
    }

    /// Subscribes a connection that has got nothing yet. An event stream of a topic with a history gets an id at once, without
    /// an event: if it is lost before the first message, it can resume too. With a broker it gets the id as soon as that is known.
    /// A client keeps only its last id, so a stream that may have one of another topic keeps that.
    pub(crate) fn subscribe(&mut self, wires: &mut Wires, id: ConnectionId, topic: &str) -> Subscribed {
        if let Err(refused) = self.may_subscribe(wires, id, topic) {
            return refused;
        }
        let needs_id =
            self.link(id).protocol.message_format() == Some(MessageFormat::Event) && !self.has_history(id);
        self.join(wires, id, topic, None);
        let log = if needs_id { self.handle.shared().logs.find(topic) } else { None };
        if log.is_some() {
            self.link(id).extra().replays.owes_id = log;
            self.send_owed_id(wires, id);
        }
        Subscribed::New
    }

    /// Whether a connection may have an id of a topic with a history.
    fn has_history(&self, id: ConnectionId) -> bool {
        let Some(extra) = &self.table[id.slot()].extra else { return false };
        let mut names = extra.topics.iter().filter_map(|subscription| self.topics.name(subscription.topic));
        !extra.replays.list.is_empty() || names.any(|name| self.delivered.contains_key(name))
    }

    /// The id that an event stream has not got yet, because it had no room, or because the broker has not told the position. It is
    /// that of the present position, so all that waits for the stream comes first.
    pub(crate) fn send_owed_id(&mut self, wires: &mut Wires, id: ConnectionId) {
        let Some(extra) = self.link(id).extra.as_ref().filter(|extra| extra.queue.is_none()) else { return };
        let Some(log) = extra.replays.owes_id.clone() else { return };
        if !self.has_room_for_waiting(wires, id) {
            return;
        }
        if let Some(place) = self.place_of_members(&log) {
            self.link(id).extra().replays.owes_id = None;
            self.send(wires, id, Content::Event(&Event::empty().id(place.to_string())));
        } else if let Some(delivered) = self.delivered.get_mut(&log.name) {
            delivered.owes_id = true;
        }
    }

    /// The position is known now: the members that wait for its id get it, and no others.
    fn send_id_to_owed(&mut self, wires: &mut Wires, log: &Arc<TopicLog<Prepared>>, place: usize) {
        // The list of members may be lent to the broadcast of what was just delivered.
        self.end_fan_out(wires);
        let members = self.topics.members(place);
        wires.stats().visits.add(members.len() as u64);
        let is_owed = |id: &&ConnectionId| {
            let extra = self.table[id.slot()].extra.as_ref();
            extra.is_some_and(|extra| {
                extra.replays.owes_id.as_ref().is_some_and(|owed| Arc::ptr_eq(owed, log))
            })
        };
        let owed: Vec<ConnectionId> = members.iter().filter(is_owed).copied().collect();
        for id in owed {
            self.send_owed_id(wires, id);
        }
    }

    /// A connection gets its turn, if it has missed something that it has not got yet.
    pub(crate) fn queue_replay(&mut self, wires: &mut Wires, id: ConnectionId) {
        let Some(extra) = &mut self.link(id).extra else { return };
        if !extra.replays.list.is_empty() && !std::mem::replace(&mut extra.replays.is_replaying, true) {
            put_into(&mut self.replaying, wires, id);
            wires.request_next_turn();
        }
    }

    /// Continues with the clients whose turn it is. The rest waits for the next turn; a client that reads too slowly
    /// gets its turn when it has drained, one that is sent a message in fragments at the end of that, and one in a handshake of
    /// STARTTLS at the end of the handshake.
    pub(crate) fn continue_replays(&mut self, wires: &mut Wires) {
        let mut budget = PUBLICATIONS_PER_TURN;
        for _ in 0..self.replaying.len() {
            if budget == 0 {
                break;
            }
            let Some(id) = self.replaying.pop_front() else { break };
            budget -= 1;
            wires.stats().visits.add(1);
            if wires.is_closing(id) {
                continue;
            }
            self.link(id).extra().replays.is_replaying = false;
            if !self.may_send_waiting(wires, id) {
                continue;
            }
            let Some(visits) = self.replay_portion(wires, id) else { continue };
            budget = budget.saturating_sub(visits);
            if self.may_send_waiting(wires, id) {
                self.queue_replay(wires, id);
            }
        }
        if !self.replaying.is_empty() {
            wires.request_next_turn();
        }
    }

    /// Sends a portion of its missed messages to a connection that is not congested. Returns how many publications were
    /// read for it. `None`: it waits, or has nothing left to get.
    fn replay_portion(&mut self, wires: &mut Wires, id: ConnectionId) -> Option<usize> {
        let (index, after) = self.next_replay(wires, id)?;
        let log = self.link(id).extra().replays.list[index].log().clone();
        // If there are members, they have got all up to here. A client that got more on another reactor or server waits for
        // them: a notice of that was sent, or will be.
        let has_members = self.topics.place(&log.name).is_some();
        let members = if has_members { self.place_of_members(&log) } else { None };
        let found = log.read(&after, members.as_ref(), PORTION, wires.now());
        wires.stats().visits.add(found.visits as u64);
        if found.lost.is_some() && members.is_some_and(|members| members.position < found.from.position) {
            // They get what they miss first, so that this client joins them behind the gap. If it waited for them, that might never end.
            self.deliver_before(wires, &log);
        }
        if let Some(lost) = found.lost {
            if !self.has_room_for_waiting(wires, id) {
                return Some(found.visits);
            }
            let _followed = self.end_replay(wires, id, index);
            let after = matches!(lost, Lost::Count(_)).then_some(after);
            self.skip_to_present(wires, id, &log, after);
            return Some(found.visits);
        }
        let at = self.send_missed(wires, id, after, &log, &found);
        if self.link(id).extra().replays.list.get(index).is_none() {
            // Sending to it has closed it.
            return Some(found.visits);
        }
        let is_complete = members.map_or(at == found.to && found.visits < PORTION, |members| at == members);
        if is_complete {
            let _followed = self.end_replay(wires, id, index);
            self.join(wires, id, &log.name, Some(at));
            self.handle.notify_reactor(&log, self.reactor);
        } else {
            self.link(id).extra().replays.list[index].progress = Progress::At(at);
            if found.visits == 0 {
                self.wait(wires, id);
                return None;
            }
        }
        Some(found.visits)
    }

    /// Sends these publications, beginning at this position, until the connection is congested. Returns its new
    /// position.
    fn send_missed(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        mut at: ReadPosition,
        log: &TopicLog<Prepared>,
        found: &Portion<Prepared>,
    ) -> ReadPosition {
        for logged in &found.items {
            if !self.has_room_for_waiting(wires, id) {
                return at;
            }
            if logged.but == id {
                // It has published this itself, before it had got what was published earlier.
                at = logged.place;
                continue;
            }
            match self.send(wires, id, Content::Prepared(&with_id(log, logged))) {
                // A message that has no form for event streams does not count as missed.
                Sent::Queued | Sent::Congested | Sent::Unsupported => at = logged.place,
                Sent::Full | Sent::Gone => return at,
            }
        }
        found.to
    }

    /// The replay of a connection that can go on, and its position. If its id names nothing that is kept, the connection
    /// gets a `resync` and becomes a member, as soon as there is room. If the members must wait, so does the connection.
    fn next_replay(&mut self, wires: &mut Wires, id: ConnectionId) -> Option<(usize, ReadPosition)> {
        let mut index = self.link(id).extra().replays.list.len();
        while index > 0 {
            index -= 1;
            // None: it was closed by what it was told of another topic.
            let replay = self.link(id).extra().replays.list.get_mut(index)?;
            let (name, is_asked) = match &replay.progress {
                Progress::At(place) => return Some((index, *place)),
                Progress::Named(name) => (name.clone(), false),
                Progress::AskedFor(name) => (name.clone(), true),
            };
            let log = replay.log().clone();
            if log.is_awaited() {
                continue;
            }
            if let Some(place) = log.locate(&name, wires.now()) {
                replay.progress = Progress::At(place);
                self.charge(wires, id);
                return Some((index, place));
            }
            if !is_asked && self.handle.ask_broker_for(&log, &name) {
                // It was on another node that is ahead of this one.
                self.link(id).extra().replays.list[index].progress = Progress::AskedFor(name);
                continue;
            }
            if !self.has_room_for_waiting(wires, id) {
                // It goes on when it has drained.
                return None;
            }
            let _followed = self.end_replay(wires, id, index);
            self.skip_to_present(wires, id, &log, None);
        }
        self.wait(wires, id);
        None
    }

    /// Lets a connection wait until a new message comes.
    fn wait(&mut self, wires: &Wires, id: ConnectionId) {
        let replays = &mut self.link(id).extra().replays;
        if !replays.list.is_empty() && !std::mem::replace(&mut replays.is_awaiting, true) {
            put_into(&mut self.awaiting, wires, id);
        }
    }

    /// A new message came, or the members have left: connections that waited for that get their turn.
    pub(super) fn wake_awaiting(&mut self, wires: &mut Wires) {
        let awaiting = std::mem::take(&mut self.awaiting);
        wires.stats().visits.add(awaiting.len() as u64);
        for id in awaiting {
            if !wires.is_closing(id) {
                self.link(id).extra().replays.is_awaiting = false;
                self.queue_replay(wires, id);
            }
        }
    }

    /// The topic is followed as long as the returned value lives: until the connection is a member, which follows it too.
    /// Without it the topic could be unfollowed in between, and the broker would be asked again for all that it has.
    #[must_use]
    fn end_replay(&mut self, wires: &mut Wires, id: ConnectionId, index: usize) -> Replay {
        let replay = self.link(id).extra().replays.list.swap_remove(index);
        self.charge(wires, id);
        replay
    }

    /// A client can't get all messages after this place: it gets a `resync`, and then the new messages.
    fn skip_to_present(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        log: &Arc<TopicLog<Prepared>>,
        after: Option<ReadPosition>,
    ) {
        self.join(wires, id, &log.name, None);
        let present = self.place_of_members(log).unwrap_or_default();
        let missed = |after: ReadPosition| {
            let with_position = present.position.offset.saturating_sub(after.position.offset);
            with_position + log.count_ahead(&after, &present)
        };
        let missed = after.map(missed);
        let resync = resync(log, &present, missed);
        self.send(wires, id, Content::Prepared(&resync));
    }
}

/// Adds a connection to a list in which it is not. Its turn may not come for long, and connections may go meanwhile: the list must
/// not grow with each that comes.
fn put_into(list: &mut ReplayQueue, wires: &Wires, id: ConnectionId) {
    list.push_back(id);
    if list.len() > 2 * wires.len() + WAITING_SPARE {
        wires.stats().visits.add(list.len() as u64);
        list.retain(|id| !wires.is_closing(*id));
    }
}

/// The `resync` event: how many publications were missed, if that is known, and the position from which the rest comes.
fn resync(log: &TopicLog<Prepared>, present: &ReadPosition, missed: Option<u64>) -> Prepared {
    let missed = missed.map_or("null".into(), |missed| missed.to_string());
    let data = format!("{{\"missed\":{missed}}}");
    Prepared::new(Event::data(&data).event("resync")).with_id(present, log.history.is_numbered())
}

/// A publication with the position of those who get it as its id.
fn with_id(log: &TopicLog<Prepared>, logged: &Logged<Prepared>) -> Prepared {
    match logged.is_ahead {
        true => logged.item.clone().with_id(logged.place, log.history.is_numbered()),
        false => logged.item.clone(),
    }
}

fn count_of(lost: Lost) -> Option<u64> {
    match lost {
        Lost::Count(count) => Some(count),
        Lost::Unknown => None,
    }
}
