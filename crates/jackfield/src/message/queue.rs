//! The queue of a slow peer, behind its outbox.

use crate::message::prepared::{Marks, Prepared};
use jackfield_reactor::Time;
use jackfield_reactor::planted::planted;
use jackfield_reactor::table::hash_table_bytes;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Messages that were published to a slow peer, in the order in which they were published.
#[derive(Debug, Default)]
pub(crate) struct OverflowQueue {
    /// By number; numbers only go up.
    waiting: BTreeMap<u64, Waiting>,
    /// The number of the newest message with each key, by topic, if only that is kept.
    keys: HashMap<(Arc<str>, Arc<str>), u64>,
    topics: HashMap<Arc<str>, OfTopic>,
    next: u64,
    bytes: usize,
}

/// The messages to one topic: a list through those of all.
#[derive(Debug)]
struct OfTopic {
    oldest: u64,
    newest: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    message: Prepared,
    topic: Arc<str>,
    /// If only the newest with this key is kept.
    key: Option<Arc<str>>,
    bytes: usize,
    /// When its time to live ends.
    due: Option<Time>,
    /// The ones before and behind it to the same topic.
    older: Option<u64>,
    newer: Option<u64>,
}

/// How a message waits.
pub(crate) struct Place {
    /// By its name: a topic that is closed gives its place to another.
    pub(crate) topic: Arc<str>,
    /// A message replaces an older one to its topic with its key.
    pub(crate) is_by_key: bool,
    /// The most bytes of this topic, and of all.
    pub(crate) topic_max: usize,
    pub(crate) bytes_max: usize,
}

/// Bytes of an entry without its message, which may be shared.
const ENTRY_BYTES: usize = size_of::<u64>() + size_of::<Waiting>();

impl OverflowQueue {
    /// Adds a message. Above the bound of its topic the oldest to that topic are dropped, and above the bound of all the oldest of all,
    /// but never the newest. Returns how many were dropped.
    pub(crate) fn push(&mut self, message: Prepared, now: Time, place: &Place) -> usize {
        let Marks { key, ttl } = message.marks();
        let (key, due) = (key.clone().filter(|_| place.is_by_key), ttl.map(|ttl| now.after(ttl)));
        let keyed = key.clone().map(|key| (place.topic.clone(), key));
        let replaced = keyed.as_ref().and_then(|keyed| self.keys.get(keyed).copied());
        let mut dropped = usize::from(replaced.is_some_and(|older| self.remove(older).is_some()));
        let number = self.next;
        self.next += 1;
        self.keys.extend(keyed.map(|keyed| (keyed, number)));
        let bytes = message.payload_bytes() + ENTRY_BYTES;
        let topic = place.topic.clone();
        self.append(number, Waiting { message, topic, key, bytes, due, older: None, newer: None });
        while let Some(oldest) = self.over_bound(place).filter(|oldest| *oldest != number) {
            dropped += usize::from(self.remove(oldest).is_some());
        }
        dropped
    }

    /// The message that is dropped next.
    fn over_bound(&self, place: &Place) -> Option<u64> {
        let of_topic =
            self.topics.get(&place.topic).filter(|of| of.bytes > place.topic_max && of.oldest != of.newest);
        let of_all = || self.waiting.first_key_value().filter(|_| self.bytes > place.bytes_max);
        of_topic.map(|of| of.oldest).or_else(|| of_all().map(|(oldest, _)| *oldest))
    }

    /// Puts a message behind all, and behind those to its topic.
    fn append(&mut self, number: u64, mut message: Waiting) {
        self.bytes += message.bytes;
        match self.topics.get_mut(&message.topic) {
            Some(of) => {
                message.older = Some(of.newest);
                if let Some(older) = self.waiting.get_mut(&of.newest) {
                    older.newer = Some(number);
                }
                (of.newest, of.bytes) = (number, of.bytes + message.bytes);
            }
            None => {
                let of = OfTopic { oldest: number, newest: number, bytes: message.bytes };
                self.topics.insert(message.topic.clone(), of);
            }
        }
        self.waiting.insert(number, message);
    }

    /// Takes the oldest message that is not too old. Returns also how many were too old.
    pub(crate) fn pop(&mut self, now: Time) -> (Option<Prepared>, usize) {
        let mut late = 0;
        while let Some(number) = self.waiting.first_key_value().map(|(number, _)| *number) {
            let Some(first) = self.remove(number) else { break };
            if first.due.is_none_or(|due| now <= due || planted(94)) {
                return (Some(first.message), late);
            }
            late += 1;
        }
        (None, late)
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// About the bytes on the heap, without the messages, which are shared.
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of::<Self>()
            + tree_bytes(self.waiting.len())
            + hash_table_bytes::<((Arc<str>, Arc<str>), u64)>(self.keys.capacity())
            + hash_table_bytes::<(Arc<str>, OfTopic)>(self.topics.capacity())
    }

    fn remove(&mut self, number: u64) -> Option<Waiting> {
        let taken = self.waiting.remove(&number)?;
        self.bytes -= taken.bytes;
        if let Some(older) = taken.older.and_then(|older| self.waiting.get_mut(&older)) {
            older.newer = taken.newer;
        }
        if let Some(newer) = taken.newer.and_then(|newer| self.waiting.get_mut(&newer)) {
            newer.older = taken.older;
        }
        match (taken.older, taken.newer) {
            (None, None) => drop(self.topics.remove(&taken.topic)),
            (older, newer) => {
                let of = self.topics.get_mut(&taken.topic)?;
                of.bytes -= taken.bytes;
                if older.is_none() {
                    of.oldest = newer.unwrap_or(of.oldest);
                }
                if newer.is_none() {
                    of.newest = older.unwrap_or(of.newest);
                }
            }
        }
        if let Some(key) = &taken.key {
            self.keys.remove(&(taken.topic.clone(), key.clone()));
        }
        Some(taken)
    }
}

/// The bytes that a tree of the standard library takes for this many messages, whose numbers only go up. A full node is
/// split into one with six entries, which gets no more, one entry for the node above, and a node with the rest.
fn tree_bytes(mut entries: usize) -> usize {
    const FULL: usize = 11;
    const NODE_BYTES: usize = FULL * ENTRY_BYTES + 2 * size_of::<usize>();
    const CHILDREN_BYTES: usize = (FULL + 1) * size_of::<usize>();
    let (mut bytes, mut node_bytes) = (0, NODE_BYTES);
    while entries > 0 {
        let nodes = if entries <= FULL { 1 } else { 1 + (entries - 5) / 7 };
        bytes += nodes * node_bytes;
        (entries, node_bytes) = (nodes - 1, NODE_BYTES + CHILDREN_BYTES);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{MessageFormat, Publication};
    use proptest::prelude::*;
    use std::time::Duration;

    #[derive(Clone, Debug)]
    enum Act {
        Push { topic: usize, key: Option<u8>, ttl: Option<u64>, bytes: usize },
        Pop,
        Wait(u64),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            6 => (0..2_usize, prop::option::of(0..4_u8), prop::option::of(0..20_u64), 0..200_usize)
                .prop_map(|(topic, key, ttl, bytes)| Act::Push { topic, key, ttl, bytes }),
            2 => Just(Act::Pop),
            1 => (0..15_u64).prop_map(Act::Wait),
        ]
    }

    /// An item of the model, which is a list that is always searched completely.
    struct Item {
        number: usize,
        topic: usize,
        key: Option<u8>,
        due: Option<u64>,
        bytes: usize,
    }

    fn number_of(message: &Prepared) -> usize {
        let payload = message.encoded(MessageFormat::Bytes).unwrap();
        std::str::from_utf8(payload).unwrap().trim().parse().unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn n10_the_queue_behaves_like_a_list(acts in prop::collection::vec(act(), 0..80), by_key: bool) {
            const BYTES_MAX: usize = 1000;
            const TOPIC_MAX: [usize; 2] = [600, BYTES_MAX];
            let (mut queue, mut model, mut now) = (OverflowQueue::default(), Vec::<Item>::new(), 0);
            for (number, act) in acts.into_iter().enumerate() {
                match act {
                    Act::Push { topic, key, ttl, bytes } => {
                        let mut message = Publication::from(format!("{number:>width$}", width = bytes + 2));
                        if let Some(key) = key {
                            message = message.key(&key.to_string());
                        }
                        if let Some(ttl) = ttl {
                            message = message.ttl(Duration::from_millis(ttl));
                        }
                        let before = model.len();
                        let is_same = |item: &Item| item.topic == topic && item.key == key;
                        model.retain(|item| !by_key || key.is_none() || !is_same(item));
                        let bytes = bytes + 2 + ENTRY_BYTES;
                        model.push(Item { number, topic, key, due: ttl.map(|ttl| now + ttl), bytes });
                        loop {
                            let of_topic = model.iter().filter(|item| item.topic == topic);
                            let (count, bytes) = of_topic.fold((0, 0), |(count, bytes), item| (count + 1, bytes + item.bytes));
                            if count < 2 || bytes <= TOPIC_MAX[topic] {
                                break;
                            }
                            let oldest = model.iter().position(|item| item.topic == topic);
                            model.remove(oldest.unwrap());
                        }
                        while model.len() > 1 && model.iter().map(|item| item.bytes).sum::<usize>() > BYTES_MAX {
                            model.remove(0);
                        }
                        let place = Place {
                            topic: Arc::from(topic.to_string()),
                            is_by_key: by_key,
                            topic_max: TOPIC_MAX[topic],
                            bytes_max: BYTES_MAX,
                        };
                        let dropped = queue.push(Prepared::new(message), Time(now), &place);
                        prop_assert_eq!(dropped, before + 1 - model.len());
                    }
                    Act::Pop => {
                        let late = model.iter().take_while(|item| item.due.is_some_and(|due| due < now)).count();
                        model.drain(..late);
                        let first = if model.is_empty() { None } else { Some(model.remove(0).number) };
                        let (found, were_late) = queue.pop(Time(now));
                        prop_assert_eq!((found.as_ref().map(number_of), were_late), (first, late));
                    }
                    Act::Wait(span) => now += span,
                }
                prop_assert_eq!(queue.len(), model.len());
            }
        }
    }
}
