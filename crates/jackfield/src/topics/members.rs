//! The topics of one reactor, and their members.

use crate::topics::index::{Counts, TopicIndex};
use jackfield_reactor::ConnectionId;
use std::collections::HashMap;
use std::sync::Arc;

/// What became of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subscribed {
    /// The connection is a subscriber now.
    New,
    /// It was one already.
    Already,
    /// It has as many topics as it may, or the name is too long or empty.
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
}

/// Subscribers in the order in which they came, except that the last one takes the place of one that leaves.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: Arc<str>,
    pub(crate) members: Vec<ConnectionId>,
    pub(crate) counts: Arc<Counts>,
}

/// A connection's own note of a subscription: which topic, and where it stands among the members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) topic: usize,
    pub(crate) position: usize,
}

impl Topics {
    pub(crate) fn find(&self, name: &str) -> Option<(usize, &Topic)> {
        let place = self.place(name)?;
        Some((place, self.topics.get(place)?.as_ref()?))
    }

    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    pub(crate) fn name(&self, place: usize) -> Option<&str> {
        Some(&self.topics.get(place)?.as_ref()?.name)
    }

    /// The members of a topic, for as long as something is published to them. No member joins or leaves meanwhile.
    pub(crate) fn lend_members(&mut self, place: usize) -> Vec<ConnectionId> {
        self.topics[place].as_mut().map(|topic| std::mem::take(&mut topic.members)).unwrap_or_default()
    }

    pub(crate) fn give_members_back(&mut self, place: usize, members: Vec<ConnectionId>) {
        if let Some(topic) = &mut self.topics[place] {
            topic.members = members;
        }
    }

    /// Makes a connection a member and says where it stands.
    pub(crate) fn join(&mut self, id: ConnectionId, name: &str, index: &TopicIndex) -> Subscription {
        let place = self.place(name).unwrap_or_else(|| self.open(name, id.reactor(), index));
        let Some(topic) = &mut self.topics[place] else { unreachable!("a place in the map is taken") };
        topic.members.push(id);
        topic.counts.set(id.reactor(), topic.members.len());
        Subscription { topic: place, position: topic.members.len() - 1 }
    }

    /// Takes a member out. The last one moves to its place and is returned, so that it can be told.
    pub(crate) fn leave(
        &mut self,
        reactor: usize,
        subscription: Subscription,
        index: &TopicIndex,
    ) -> Option<ConnectionId> {
        let topic = self.topics.get_mut(subscription.topic)?.as_mut()?;
        topic.members.swap_remove(subscription.position);
        if topic.members.is_empty() {
            self.close(subscription.topic, reactor, index);
            return None;
        }
        topic.counts.set(reactor, topic.members.len());
        topic.members.get(subscription.position).copied()
    }

    fn open(&mut self, name: &str, reactor: usize, index: &TopicIndex) -> usize {
        let (name, counts) = index.enter(name, reactor);
        let topic = Some(Topic { name: name.clone(), members: Vec::new(), counts });
        let place = self.free.pop().unwrap_or(self.topics.len());
        if place == self.topics.len() {
            self.topics.push(topic);
        } else {
            self.topics[place] = topic;
        }
        self.places.insert(name, place);
        place
    }

    fn close(&mut self, place: usize, reactor: usize, index: &TopicIndex) {
        let Some(topic) = self.topics[place].take() else { return };
        self.places.remove(&topic.name);
        self.free.push(place);
        index.leave(&topic.name, reactor);
    }
}
