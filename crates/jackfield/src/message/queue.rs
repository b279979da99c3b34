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
    keys: HashMap<Keyed, u64>,
    next: u64,
    bytes: usize,
}

/// A topic, and the key of a message to it.
type Keyed = (Arc<str>, Arc<str>);

#[derive(Debug)]
struct Waiting {
    message: Prepared,
    keyed: Option<Keyed>,
    bytes: usize,
    /// When its time to live ends.
    due: Option<Time>,
}

/// Bytes of an entry without its message, which may be shared.
const ENTRY_BYTES: usize = size_of::<u64>() + size_of::<Waiting>();

impl OverflowQueue {
    /// Adds a message; with a topic `by_key` it replaces an older one with its key to that topic. Above `bytes_max` the oldest
    /// are dropped, but never the newest. Returns how many were dropped.
    pub(crate) fn push(
        &mut self,
        message: Prepared,
        now: Time,
        by_key: Option<Arc<str>>,
        bytes_max: usize,
    ) -> usize {
        let number = self.next;
        self.next += 1;
        let Marks { key, ttl } = message.marks();
        let (keyed, due) = (by_key.zip(key.clone()), ttl.map(|ttl| now.after(ttl)));
        let older = keyed.clone().and_then(|keyed| self.keys.insert(keyed, number));
        let mut dropped = usize::from(older.is_some_and(|older| self.take(older).is_some()));
        let bytes = message.payload_bytes() + ENTRY_BYTES;
        self.bytes += bytes;
        self.waiting.insert(number, Waiting { message, keyed, bytes, due });
        while self.bytes > bytes_max && self.waiting.len() > 1 {
            dropped += usize::from(self.pop_first().is_some());
        }
        dropped
    }

    /// Takes the oldest message that is not too old. Returns also how many were too old.
    pub(crate) fn pop(&mut self, now: Time) -> (Option<Prepared>, usize) {
        let mut late = 0;
        while let Some(first) = self.pop_first() {
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
            + hash_table_bytes::<(Keyed, u64)>(self.keys.capacity())
    }

    fn pop_first(&mut self) -> Option<Waiting> {
        let number = *self.waiting.first_key_value()?.0;
        let first = self.take(number)?;
        if let Some(keyed) = &first.keyed {
            if self.keys.get(keyed) == Some(&number) {
                self.keys.remove(keyed);
            }
        }
        Some(first)
    }

    fn take(&mut self, number: u64) -> Option<Waiting> {
        let taken = self.waiting.remove(&number)?;
        self.bytes -= taken.bytes;
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
        keyed: Option<(usize, u8)>,
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
                        let keyed = key.map(|key| (topic, key));
                        model.retain(|item| !by_key || keyed.is_none() || item.keyed != keyed);
                        let bytes = bytes + 2 + ENTRY_BYTES;
                        model.push(Item { number, keyed, due: ttl.map(|ttl| now + ttl), bytes });
                        while model.len() > 1 && model.iter().map(|item| item.bytes).sum::<usize>() > BYTES_MAX {
                            model.remove(0);
                        }
                        let by_key = by_key.then(|| Arc::from(topic.to_string()));
                        let dropped = queue.push(Prepared::new(message), Time(now), by_key, BYTES_MAX);
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
