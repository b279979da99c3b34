//! The topics of one reactor, and their members.

use crate::topics::index::{
    ARC_BYTES, MEMBERS_FIRST, MembersGeneration, TopicIndex, TopicSubscribers, push_gently, remove_gently,
};
use crate::topics::overflow::Policy;
use jackfield_reactor::ConnectionId;
use jackfield_reactor::planted::planted;
use jackfield_reactor::table::hash_table_bytes;
use std::collections::HashMap;
use std::sync::Arc;

/// The result of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subscribed {
    /// The connection is a subscriber now.
    New,
    /// The connection was a subscriber already.
    Already,
    /// The connection has too many topics, or the name is too long or empty.
    Refused,
    /// It is gone.
    Gone,
}

/// The topics of one reactor.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    places: HashMap<Arc<str>, usize>,
    topics: Vec<Option<Topic>>,
    free: Vec<usize>,
    /// Places in the lists of members of all topics that are charged neither to a member nor to a topic.
    spare: isize,
    /// The list of members of a topic is taken out.
    is_taken: bool,
}

/// Subscribers in the order in which they came, but the last one takes the place of one that leaves.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: Arc<str>,
    pub(crate) members: Vec<ConnectionId>,
    pub(crate) counts: Arc<TopicSubscribers>,
    /// Its policy for members that read too slowly.
    pub(crate) policy: Policy,
}

/// A subscription as its connection keeps it: the topic, and its place in the list of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) topic: usize,
    pub(crate) position: usize,
}

/// What changed in the list when a member left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LeaveOutcome {
    /// This member, the last one, has moved to its place and must be informed.
    Moved(ConnectionId),
    /// It was the only member of this topic.
    Empty(Arc<str>),
    /// It was the last in the list: no other member has moved.
    Last,
}

impl Topics {
    /// Bytes of the tables of all topics, and of the spare places in both lists of their members.
    pub(crate) fn table_bytes(&self) -> usize {
        let tables = hash_table_bytes::<(Arc<str>, usize)>(self.places.capacity())
            + self.topics.capacity() * size_of::<Option<Topic>>()
            + self.free.capacity() * size_of::<usize>();
        tables.saturating_add_signed(2 * self.spare * size_of::<ConnectionId>() as isize)
    }

    /// Bytes that are charged to a member: its places in both lists, and for the first member also the topic.
    pub(crate) fn bytes_of(&self, subscription: Subscription) -> usize {
        let topic = self.topics.get(subscription.topic).and_then(Option::as_ref);
        let whole = topic.filter(|_| subscription.position == 0);
        2 * size_of::<ConnectionId>() + whole.map_or(0, Topic::heap_bytes)
    }

    /// The topic's policy for slow members.
    pub(crate) fn policy(&self, place: usize) -> Policy {
        self.topics.get(place).and_then(Option::as_ref).map_or_else(Policy::default, |topic| topic.policy)
    }

    pub(crate) fn find(&self, name: &str) -> Option<(usize, &Topic)> {
        let place = self.place(name)?;
        Some((place, self.topics.get(place)?.as_ref()?))
    }

    /// The place of a topic that still has subscribers of this generation.
    pub(crate) fn place_of(
        &self,
        name: &str,
        reactor: usize,
        generation: MembersGeneration,
    ) -> Option<usize> {
        let (place, topic) = self.find(name)?;
        let is_theirs = topic.counts.generation(reactor) == Some(generation) || planted(91);
        is_theirs.then_some(place)
    }

    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// The shared name of a topic.
    pub(crate) fn find_name(&self, place: usize) -> Option<Arc<str>> {
        Some(self.topics.get(place)?.as_ref()?.name.clone())
    }

    pub(crate) fn name(&self, place: usize) -> Option<&str> {
        Some(&self.topics.get(place)?.as_ref()?.name)
    }

    pub(crate) fn members(&self, place: usize) -> &[ConnectionId] {
        self.topics.get(place).and_then(Option::as_ref).map_or(&[], |topic| &topic.members)
    }

    /// Takes out the list of members for a publish. No member may join or leave before it is put back.
    pub(crate) fn take_members(&mut self, place: usize) -> Vec<ConnectionId> {
        self.is_taken = true;
        self.topics[place].as_mut().map(|topic| std::mem::take(&mut topic.members)).unwrap_or_default()
    }

    pub(crate) fn is_taken(&self) -> bool {
        self.is_taken
    }

    pub(crate) fn put_members_back(&mut self, place: usize, members: Vec<ConnectionId>) {
        self.is_taken = false;
        if let Some(topic) = &mut self.topics[place] {
            topic.members = members;
        }
    }

    /// Makes a connection a member, and returns its subscription.
    pub(crate) fn join(
        &mut self,
        id: ConnectionId,
        name: &str,
        index: &TopicIndex,
        policy: impl FnOnce() -> Policy,
    ) -> Subscription {
        let place = self.place(name).unwrap_or_else(|| self.open(name, id.reactor(), index, policy()));
        let Some(topic) = &mut self.topics[place] else { unreachable!("a place in the map is taken") };
        self.spare -= topic.spare();
        push_gently(&mut topic.members, id);
        self.spare += topic.spare();
        topic.counts.push_member(id);
        topic.counts.set(id.reactor(), topic.members.len());
        Subscription { topic: place, position: topic.members.len() - 1 }
    }

    /// Removes a member.
    pub(crate) fn leave(
        &mut self,
        reactor: usize,
        subscription: Subscription,
        index: &TopicIndex,
    ) -> LeaveOutcome {
        let Some(Some(topic)) = self.topics.get_mut(subscription.topic) else { return LeaveOutcome::Last };
        self.spare -= topic.spare();
        remove_gently(&mut topic.members, subscription.position);
        topic.counts.remove_member(reactor, subscription.position);
        if topic.members.is_empty() {
            return self
                .close(subscription.topic, reactor, index)
                .map_or(LeaveOutcome::Last, LeaveOutcome::Empty);
        }
        self.spare += topic.spare();
        topic.counts.set(reactor, topic.members.len());
        topic
            .members
            .get(subscription.position)
            .map_or(LeaveOutcome::Last, |moved| LeaveOutcome::Moved(*moved))
    }

    fn open(&mut self, name: &str, reactor: usize, index: &TopicIndex, policy: Policy) -> usize {
        let (name, counts) = index.enter(name, reactor);
        let topic = Some(Topic { name: name.clone(), members: Vec::new(), counts, policy });
        let place = self.free.pop().unwrap_or(self.topics.len());
        if place == self.topics.len() {
            self.topics.push(topic);
        } else {
            self.topics[place] = topic;
        }
        self.places.insert(name, place);
        place
    }

    fn close(&mut self, place: usize, reactor: usize, index: &TopicIndex) -> Option<Arc<str>> {
        let topic = self.topics[place].take()?;
        self.places.remove(&topic.name);
        self.free.push(place);
        index.leave(&topic.name, reactor);
        if self.places.is_empty() {
            *self = Self::default();
        }
        Some(topic.name)
    }
}

impl Topic {
    /// Places in its list of members that are charged neither to a member nor to the topic. Below zero: too many are charged.
    fn spare(&self) -> isize {
        if self.members.is_empty() {
            return 0;
        }
        self.members.capacity() as isize - (self.members.len() + MEMBERS_FIRST - 1) as isize
    }

    /// Bytes of its name, of its counts, and of the first capacity of both lists without one place.
    fn heap_bytes(&self) -> usize {
        let name = ARC_BYTES + self.name.len().next_multiple_of(align_of::<usize>());
        name + self.counts.heap_bytes() + 2 * (MEMBERS_FIRST - 1) * size_of::<ConnectionId>()
    }
}
