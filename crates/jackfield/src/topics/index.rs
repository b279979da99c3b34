//! Which topics have subscribers on which reactor.

use crate::sync::{AtomicUsize, Mutex, MutexGuard, Ordering, PoisonError};
use std::collections::HashMap;
use std::sync::Arc;

/// The topics of all reactors: how many subscribers each reactor has. Locked when a topic appears on a reactor or
/// vanishes from it, and when something is published where the topic has no subscriber: by another thread, or on a reactor
/// without one. A message to a topic with subscribers on its own reactor takes no lock.
#[derive(Debug)]
pub(crate) struct TopicIndex {
    topics: Mutex<HashMap<Arc<str>, Arc<Counts>>>,
    reactors: usize,
}

/// Subscribers of one topic, by reactor. Each number is written by its reactor only.
///
/// Of two reactors that both subscribe somebody and then publish, at least one must see that the other's number is
/// not zero, or neither new connection would hear of the other. The weakest order will do: a number leaves zero, and
/// comes back to it, only while the index is locked, so a thread that locks it later sees what was there earlier.
#[derive(Debug)]
pub(crate) struct Counts(Box<[AtomicUsize]>);

impl TopicIndex {
    pub(crate) fn new(reactors: usize) -> Self {
        Self { topics: Mutex::default(), reactors }
    }

    /// Subscribers of a topic on all reactors.
    pub(crate) fn count(&self, topic: &str) -> usize {
        self.lock().get(topic).map_or(0, |counts| counts.total())
    }

    /// Topics that have a subscriber somewhere.
    #[cfg(feature = "sim")]
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    pub(crate) fn find(&self, topic: &str) -> Option<(Arc<str>, Arc<Counts>)> {
        self.lock().get_key_value(topic).map(|(name, counts)| (name.clone(), counts.clone()))
    }

    /// A reactor has its first subscriber. The count is set while the index is locked, so that a member that leaves
    /// just now does not take the topic away.
    pub(super) fn enter(&self, topic: &str, reactor: usize) -> (Arc<str>, Arc<Counts>) {
        let mut topics = self.lock();
        let (name, counts) = match topics.get_key_value(topic) {
            Some((name, counts)) => (name.clone(), counts.clone()),
            None => {
                let name: Arc<str> = topic.into();
                let counts = Arc::new(Counts((0..self.reactors).map(|_| AtomicUsize::new(0)).collect()));
                topics.insert(name.clone(), counts.clone());
                (name, counts)
            }
        };
        counts.set(reactor, 1);
        (name, counts)
    }

    /// The last subscriber of a reactor has left.
    pub(super) fn leave(&self, topic: &str, reactor: usize) {
        let mut topics = self.lock();
        if let Some(counts) = topics.get(topic) {
            counts.set(reactor, 0);
            if counts.total() == 0 {
                topics.remove(topic);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Counts>>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    pub(crate) fn of(&self, reactor: usize) -> usize {
        self.0.get(reactor).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    pub(crate) fn total(&self) -> usize {
        (0..self.0.len()).map(|reactor| self.of(reactor)).sum()
    }

    pub(super) fn set(&self, reactor: usize, count: usize) {
        if let Some(place) = self.0.get(reactor) {
            place.store(count, Ordering::Relaxed);
        }
    }
}
