//! Which topics have subscribers on which reactor.

use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering, PoisonError};
use crate::topics::hash_counts::TopicHashCounts;
use jackfield_reactor::table::hash_table_bytes;
use jackfield_reactor::{Budget, ConnectionId};
use std::collections::HashMap;
use std::sync::Arc;

/// The two reference counts of an `Arc`.
pub(crate) const ARC_BYTES: usize = 2 * size_of::<usize>();

/// The topics of all reactors, with the number of subscribers on each. Locked when a reactor gets the first subscriber
/// of a topic or loses the last, and for a publication that only other reactors may get. A message to a topic with
/// subscribers on its own reactor takes no lock. A message to a topic without subscribers takes one only if topics
/// share a number: see [`TopicHashCounts`].
#[derive(Debug)]
pub(crate) struct TopicIndex {
    presence: TopicHashCounts,
    topics: Mutex<TopicTable>,
    reactors: usize,
    /// The table is charged to this budget; its topics are charged to connections.
    budget: Arc<Budget>,
}

#[derive(Debug, Default)]
struct TopicTable {
    topics: HashMap<Arc<str>, Arc<TopicSubscribers>>,
    /// The last generation that was used.
    generation: MembersGeneration,
}

/// Distinguishes a reactor's present subscribers of a topic from earlier ones, who have all left. A message that still
/// waits for the earlier ones is not for the present ones: they would get it, but miss messages that were published in
/// between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MembersGeneration(u32);

/// Subscribers of one topic, by reactor. Each number is written by its reactor only.
///
/// If two reactors both subscribe a connection and then publish, at least one of them must see that the other's number
/// is not zero; otherwise neither new subscriber would get a message. The weakest memory order is enough: a number
/// leaves zero, and returns to it, only while the index is locked, so a thread that locks it later sees the change.
#[derive(Debug)]
pub(crate) struct TopicSubscribers(Box<[ReactorSubscribers]>);

/// The subscribers of one reactor: their number, and their IDs for other threads. The list is locked when a subscriber
/// comes or goes and when a thread reads it, never for a message.
#[derive(Debug, Default)]
struct ReactorSubscribers {
    /// The number in the lower bits and the generation in the upper ones, so that both are read at once.
    total: AtomicU64,
    members: Mutex<Vec<ConnectionId>>,
}

impl TopicIndex {
    pub(crate) fn new(reactors: usize, budget: Arc<Budget>) -> Self {
        Self { presence: TopicHashCounts::new(), topics: Mutex::default(), reactors, budget }
    }

    /// Bytes of its table.
    pub(crate) fn table_bytes(&self) -> usize {
        table_bytes(&self.lock().topics)
    }

    /// Subscribers of a topic on all reactors.
    pub(crate) fn count(&self, topic: &str) -> usize {
        self.find(topic).map_or(0, |(_, counts)| counts.total())
    }

    /// Topics that have a subscriber somewhere.
    #[cfg(feature = "sim")]
    pub(crate) fn len(&self) -> usize {
        self.lock().topics.len()
    }

    pub(crate) fn find(&self, topic: &str) -> Option<(Arc<str>, Arc<TopicSubscribers>)> {
        if !self.presence.may_have(topic) {
            return None;
        }
        self.lock().topics.get_key_value(topic).map(|(name, counts)| (name.clone(), counts.clone()))
    }

    /// Subscribers of a topic on all reactors, by reactor.
    pub(crate) fn members(&self, topic: &str) -> Vec<ConnectionId> {
        let Some((_, counts)) = self.find(topic) else { return Vec::new() };
        counts.0.iter().flat_map(|count| lock(&count.members).clone()).collect()
    }

    /// A reactor gets its first subscriber. The count is set while the index is locked, so that a member that leaves at
    /// the same time does not remove the topic.
    pub(super) fn enter(&self, topic: &str, reactor: usize) -> (Arc<str>, Arc<TopicSubscribers>) {
        let mut table = self.lock();
        let (name, counts) = match table.topics.get_key_value(topic) {
            Some((name, counts)) => (name.clone(), counts.clone()),
            None => {
                let name: Arc<str> = topic.into();
                let counts = Arc::new(TopicSubscribers(
                    (0..self.reactors).map(|_| ReactorSubscribers::default()).collect(),
                ));
                self.change(&mut table, |topics| drop(topics.insert(name.clone(), counts.clone())));
                self.presence.add(topic);
                (name, counts)
            }
        };
        table.generation.0 = table.generation.0.wrapping_add(1);
        counts.begin(reactor, table.generation);
        (name, counts)
    }

    /// The last subscriber of a reactor has left.
    pub(super) fn leave(&self, topic: &str, reactor: usize) {
        let mut table = self.lock();
        if let Some(counts) = table.topics.get(topic) {
            counts.set(reactor, 0);
            if counts.total() == 0 {
                self.change(&mut table, |topics| {
                    topics.remove(topic);
                    if topics.is_empty() {
                        topics.shrink_to_fit();
                    }
                });
                self.presence.remove(topic);
            }
        }
    }

    /// Changes the table, and charges its new size.
    fn change(
        &self,
        table: &mut TopicTable,
        change: impl FnOnce(&mut HashMap<Arc<str>, Arc<TopicSubscribers>>),
    ) {
        let before = table_bytes(&table.topics);
        change(&mut table.topics);
        self.budget.charge(table_bytes(&table.topics));
        self.budget.give_back(before);
    }

    fn lock(&self) -> MutexGuard<'_, TopicTable> {
        lock(&self.topics)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn table_bytes(topics: &HashMap<Arc<str>, Arc<TopicSubscribers>>) -> usize {
    hash_table_bytes::<(Arc<str>, Arc<TopicSubscribers>)>(topics.capacity())
}

impl TopicSubscribers {
    /// Bytes that it takes, with its reference counts.
    pub(super) fn heap_bytes(&self) -> usize {
        ARC_BYTES + size_of::<Self>() + size_of_val(&*self.0)
    }

    pub(crate) fn of(&self, reactor: usize) -> usize {
        self.0.get(reactor).map_or(0, |count| count.read().0)
    }

    /// The generation of a reactor's subscribers, if it has any.
    pub(crate) fn generation(&self, reactor: usize) -> Option<MembersGeneration> {
        let (total, generation) = self.0.get(reactor)?.read();
        (total > 0).then_some(generation)
    }

    pub(crate) fn total(&self) -> usize {
        (0..self.0.len()).map(|reactor| self.of(reactor)).sum()
    }

    pub(super) fn set(&self, reactor: usize, count: usize) {
        if let Some(place) = self.0.get(reactor) {
            place.write(count, place.read().1);
        }
    }

    /// A reactor gets its first subscriber.
    fn begin(&self, reactor: usize, generation: MembersGeneration) {
        if let Some(place) = self.0.get(reactor) {
            place.write(1, generation);
        }
    }

    /// Makes the list of a reactor's members longer.
    pub(super) fn push_member(&self, id: ConnectionId) {
        if let Some(count) = self.0.get(id.reactor()) {
            push_gently(&mut lock(&count.members), id);
        }
    }

    /// Takes a member out of the list of its reactor, as [`Vec::swap_remove`] does.
    pub(super) fn remove_member(&self, reactor: usize, position: usize) {
        if let Some(count) = self.0.get(reactor) {
            let mut members = lock(&count.members);
            remove_gently(&mut members, position);
            if members.is_empty() {
                *members = Vec::new();
            }
        }
    }
}

impl ReactorSubscribers {
    fn read(&self) -> (usize, MembersGeneration) {
        let both = self.total.load(Ordering::Relaxed);
        (both as u32 as usize, MembersGeneration((both >> u32::BITS) as u32))
    }

    fn write(&self, total: usize, generation: MembersGeneration) {
        let total = u32::try_from(total).unwrap_or(u32::MAX);
        self.total.store(u64::from(generation.0) << u32::BITS | u64::from(total), Ordering::Relaxed);
    }
}

/// The first capacity of a list of members. Later a list grows by an eighth, so that little memory is charged to no
/// member.
pub(super) const MEMBERS_FIRST: usize = 4;

pub(super) fn push_gently(members: &mut Vec<ConnectionId>, id: ConnectionId) {
    if members.len() == members.capacity() {
        members.reserve_exact((members.len() / 8).max(MEMBERS_FIRST));
    }
    members.push(id);
}

/// Removes a member as [`Vec::swap_remove`] does. At a quarter of the capacity a list shrinks to half of it, so that the
/// memory of a peak is freed, at a cost of one copied member or less for each that has left.
pub(super) fn remove_gently(members: &mut Vec<ConnectionId>, position: usize) {
    members.swap_remove(position);
    if members.capacity() > MEMBERS_FIRST && members.len() <= members.capacity() / 4 {
        members.shrink_to((members.capacity() / 2).max(MEMBERS_FIRST));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::{TOPIC_NUMBERS, model};
    use crate::topics::hash_counts::number;

    /// The index is locked meanwhile, so a second lock would deadlock.
    #[test]
    fn a_topic_without_subscribers_needs_no_lock() {
        model(|| {
            let index = TopicIndex::new(2, Arc::default());
            index.enter("taken", 0);
            let mut names = (0..).map(|name| format!("nobody {name}"));
            let nobody = names.find(|name| number(name) != number("taken")).expect("there is another number");
            let locked = index.lock();
            assert!(index.find(&nobody).is_none() && index.count(&nobody) == 0);
            drop(locked);
            assert_eq!(index.count("taken"), 1);
            index.leave("taken", 0);
            let locked = index.lock();
            assert!(index.find("taken").is_none(), "nothing is left of it");
            drop(locked);
        });
    }

    /// A list of members is at most four times as long as it must be, and few members are copied.
    #[test]
    fn a_list_shrinks_when_members_leave() {
        let (mut members, mut copied) = (Vec::new(), 0);
        (0..10_000).for_each(|slot| push_gently(&mut members, ConnectionId::new(0, 0, slot)));
        for left in (1..10_000).rev() {
            let before = members.capacity();
            remove_gently(&mut members, left / 2);
            copied += if members.capacity() < before { left } else { 0 };
            assert!(members.len() == left && members.capacity() <= (4 * left).max(MEMBERS_FIRST));
        }
        assert!(copied <= 10_000, "{copied} copies");
    }

    /// Topics that share a number do not hide each other.
    #[test]
    fn many_topics_come_and_go() {
        model(|| {
            let index = TopicIndex::new(2, Arc::default());
            let names: Vec<String> = (0..5 * TOPIC_NUMBERS).map(|number| format!("topic {number}")).collect();
            names.iter().for_each(|name| drop(index.enter(name, 1)));
            assert!(names.iter().all(|name| index.count(name) == 1));
            names.iter().step_by(2).for_each(|name| index.leave(name, 1));
            for (number, name) in names.iter().enumerate() {
                assert_eq!(index.count(name), number % 2);
            }
            names.iter().skip(1).step_by(2).for_each(|name| index.leave(name, 1));
            let _locked = index.lock();
            assert!(names.iter().all(|name| index.find(name).is_none()));
        });
    }
}
