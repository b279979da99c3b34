//! Subscriptions of connections.

use crate::links::Links;
use crate::links::link::Extra;
use crate::links::replay::Delivered;
use crate::topics::{LeaveOutcome, MembersGeneration, ReadPosition, Subscribed, Subscription};
use jackfield_reactor::planted::planted;
use jackfield_reactor::{ConnectionId, Wires};

impl Links {
    /// Whether a connection may have one more subscription, to this topic.
    pub(super) fn may_subscribe(
        &self,
        wires: &Wires,
        id: ConnectionId,
        topic: &str,
    ) -> Result<(), Subscribed> {
        if !wires.is_open(id) && !planted(111) {
            return Err(Subscribed::Gone);
        }
        let listener = usize::from(self.table[id.slot()].listener);
        let limits = &self.settings.listeners[listener].limits;
        let place = self.topics.place(topic);
        let mut count = 0;
        if let Some(Extra { topics, replays, .. }) = self.table[id.slot()].extra.as_deref() {
            wires.stats().visits.add(topics.len() as u64);
            let is_member =
                place.is_some_and(|place| topics.iter().any(|subscription| subscription.topic == place));
            if is_member || replays.position(topic).is_some() {
                return Err(Subscribed::Already);
            }
            count = topics.len() + replays.list.len();
        }
        if count >= limits.topics_max || topic.is_empty() || topic.len() > limits.topic_bytes_max {
            return Err(Subscribed::Refused);
        }
        Ok(())
    }

    /// Makes a connection a member of a topic. If the topic has a history, its members here get the position `at`, or
    /// else the present one.
    pub(super) fn join(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        topic: &str,
        at: Option<ReadPosition>,
    ) {
        self.end_fan_out(wires);
        let is_first = self.topics.place(topic).is_none();
        let shared = self.handle.shared();
        let subscription = self.topics.join(id, topic, &shared.topic_index, || shared.logs.policy_of(topic));
        let bytes = self.topics.bytes_of(subscription);
        let extra = self.link(id).extra();
        extra.topics.push(subscription);
        extra.topics_bytes += bytes;
        self.charge_tables(wires);
        self.charge(wires, id);
        // Read after the count of subscribers is set, so that a later publisher sees the count.
        if let Some(log) = self.handle.shared().logs.find(topic).filter(|_| is_first) {
            let following = self.handle.follow(&log);
            let place = at.or_else(|| log.newcomer_position());
            self.delivered.insert(log.name.clone(), Delivered::new(following, place));
        }
        let now = self.handle.subscribers(topic);
        self.settings.observer.on_subscription(topic, now.saturating_sub(1), now);
    }

    pub(crate) fn unsubscribe(&mut self, wires: &mut Wires, id: ConnectionId, topic: &str) -> bool {
        self.end_fan_out(wires);
        let Some(extra) = &mut self.table[id.slot()].extra else { return false };
        let _owes_none = extra.replays.owes_id.take_if(|log| *log.name == *topic);
        if let Some(index) = extra.replays.position(topic) {
            extra.replays.list.swap_remove(index);
            self.charge(wires, id);
            return true;
        }
        let Some(place) = self.topics.place(topic) else { return false };
        let Some(index) = extra.topics.iter().position(|subscription| subscription.topic == place) else {
            return false;
        };
        let subscription = extra.topics.swap_remove(index);
        extra.topics_bytes -= self.topics.bytes_of(subscription);
        self.leave_topic(wires, id, subscription);
        self.charge(wires, id);
        true
    }

    /// Ends all subscriptions of a connection.
    pub(crate) fn leave_topics(&mut self, wires: &mut Wires, id: ConnectionId) {
        self.end_fan_out(wires);
        let Some(extra) = &mut self.table[id.slot()].extra.as_mut().filter(|_| !planted(32)) else { return };
        extra.replays.list.clear();
        extra.replays.owes_id = None;
        extra.topics_bytes = 0;
        for subscription in std::mem::take(&mut extra.topics) {
            self.leave_topic(wires, id, subscription);
        }
    }

    /// A closing connection accepts nothing more and leaves its topics now, or after the publish that is in progress.
    pub(crate) fn leave_soon(&mut self, wires: &mut Wires, id: ConnectionId) {
        let extra = self.table[id.slot()].extra.as_deref();
        if extra.is_none_or(|extra| extra.topics.is_empty() && extra.replays.list.is_empty()) {
            return;
        }
        // The members of a broadcast are given back first.
        if self.topics.is_taken() && self.fan_out.is_none() {
            self.leaving.push(id);
        } else {
            self.leave_now(wires, id);
        }
    }

    /// After a publish: connections that were closed during it leave their topics.
    pub(crate) fn let_leave(&mut self, wires: &mut Wires) {
        while let Some(id) = self.leaving.pop() {
            self.leave_now(wires, id);
        }
    }

    /// A closing connection may be there for a while: it is not charged for its topics any more.
    fn leave_now(&mut self, wires: &mut Wires, id: ConnectionId) {
        self.leave_topics(wires, id);
        self.charge(wires, id);
    }

    /// Takes a connection out of a topic. The last member takes its place, and is charged what it was charged.
    fn leave_topic(&mut self, wires: &mut Wires, id: ConnectionId, left: Subscription) {
        let name = self.topics.find_name(left.topic);
        let moved = match self.topics.leave(id.reactor(), left, &self.handle.shared().topic_index) {
            LeaveOutcome::Moved(moved) => Some(moved),
            LeaveOutcome::Empty(topic) => {
                if self.delivered.remove(&topic).is_some() {
                    // Who resumes may have waited for the members.
                    self.wake_awaiting(wires);
                }
                None
            }
            LeaveOutcome::Last => None,
        };
        if let Some(name) = name {
            // Read after the count is set, so that of two members that leave at the same time one sees that the topic
            // is empty.
            let now = self.handle.subscribers(&name);
            self.settings.observer.on_subscription(&name, now + 1, now);
        }
        if !planted(63) {
            self.charge_tables(wires);
        }
        let Some(moved) = moved else { return };
        let Some(extra) = self.table[moved.slot()].extra.as_deref_mut() else { return };
        wires.stats().visits.add(extra.topics.len() as u64);
        let mut others = extra.topics.iter_mut().filter(|_| !planted(33));
        if let Some(subscription) = others.find(|subscription| subscription.topic == left.topic) {
            extra.topics_bytes -= self.topics.bytes_of(*subscription);
            subscription.position = left.position;
            extra.topics_bytes += self.topics.bytes_of(*subscription);
            self.charge(wires, moved);
        }
    }

    /// The subscribers of a topic on this reactor, as they are now, if there are still some of this generation.
    pub(crate) fn members_of(
        &mut self,
        wires: &mut Wires,
        topic: &str,
        generation: MembersGeneration,
    ) -> Vec<ConnectionId> {
        self.end_fan_out(wires);
        let place = self.topics.place_of(topic, wires.reactor(), generation);
        place.map_or_else(Vec::new, |place| self.topics.members(place).to_vec())
    }

    pub(crate) fn topics_of(&self, id: ConnectionId) -> impl Iterator<Item = &str> {
        let extra = self.table.get(id.slot()).and_then(|link| link.extra.as_deref());
        let topics = extra.map_or(&[][..], |extra| &extra.topics);
        topics.iter().filter_map(|subscription| self.topics.name(subscription.topic))
    }
}

#[cfg(test)]
mod tests {
    use crate::topics::{TopicIndex, Topics};
    use allocation_counter::measure;
    use jackfield_reactor::ConnectionId;
    use std::sync::Arc;

    /// On each reactor the first member is charged for the name and the counts, which reactors share. So for a topic with
    /// members on two reactors they are charged twice, and everything else once.
    #[test]
    fn n5_topics_on_two_reactors_are_charged() {
        const TOPICS: usize = 100;
        for (members, name_bytes) in [(1, 1), (1, 200), (8, 100), (100, 20)] {
            let index = TopicIndex::new(2, Arc::default());
            let mut reactors = [Topics::default(), Topics::default()];
            let mut charged = 0;
            let given = measure(|| {
                for (reactor, topics) in reactors.iter_mut().enumerate() {
                    for (topic, slot) in
                        (0..TOPICS).flat_map(|topic| (0..members).map(move |slot| (topic, slot)))
                    {
                        let id = ConnectionId::new(reactor as u8, 0, slot);
                        let subscription =
                            topics.join(id, &format!("{topic:0name_bytes$}"), &index, Default::default);
                        charged += topics.bytes_of(subscription);
                    }
                }
            });
            charged += reactors.iter().map(Topics::table_bytes).sum::<usize>() + index.table_bytes();
            let given = usize::try_from(given.bytes_current).unwrap();
            let shared = TOPICS * (16 + name_bytes.max(2) + 32 + 2 * 48);
            println!(
                "{members} members, names of {name_bytes}: {charged} charged, {given} given, {shared} shared"
            );
            assert!(charged * 20 >= given * 19, "{charged} of {given}");
            assert!(charged.saturating_sub(shared) * 20 <= given * 21, "{charged} of {given}");
        }
    }
}
