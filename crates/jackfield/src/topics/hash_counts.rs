//! Whether a topic may have a subscriber on any reactor, without a lock.

use crate::sync::{AtomicUsize, Ordering, TOPIC_NUMBERS};

/// For each number, how many topics with subscribers have it. A topic's number is a hash of its name, and topics may share a
/// number. Then a topic without subscribers may seem to have some, but never the other way round.
///
/// Changed only while the index is locked. The weakest memory order is enough: a publisher that has learned of a
/// subscription in any way also sees what was written before it.
#[derive(Debug)]
pub(super) struct TopicHashCounts(Box<[AtomicUsize]>);

impl TopicHashCounts {
    pub(super) fn new() -> Self {
        Self((0..TOPIC_NUMBERS).map(|_| AtomicUsize::new(0)).collect())
    }

    pub(super) fn may_have(&self, topic: &str) -> bool {
        self.0[number(topic)].load(Ordering::Relaxed) > 0
    }

    pub(super) fn add(&self, topic: &str) {
        self.0[number(topic)].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn remove(&self, topic: &str) {
        self.0[number(topic)].fetch_sub(1, Ordering::Relaxed);
    }
}

/// The number of a topic, by FNV-1a: an attacker who makes topics share a number only causes a lock.
pub(super) fn number(topic: &str) -> usize {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = topic.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, mix);
    (hash ^ (hash >> 32)) as usize % TOPIC_NUMBERS
}
