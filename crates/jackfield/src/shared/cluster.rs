//! The broker of a server, and its state.

use crate::message::Prepared;
use crate::shared::broker::{Broker, BrokerEvent, SharedTopic};
use crate::topics::{Elsewhere, MessageOrigin, Position, TopicLog};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

type Teller = Box<dyn Fn(BrokerEvent<'_>) + Send + Sync>;

/// Neither was it reached, nor is it known to be away.
const UNKNOWN: u8 = 0;
const UP: u8 = 1;
const DOWN: u8 = 2;

/// The broker of a server, and its state.
pub(crate) struct Cluster {
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) node: u64,
    /// The subscribers on other servers.
    pub(crate) elsewhere: Elsewhere,
    teller: OnceLock<Teller>,
    /// [`UNKNOWN`], [`UP`] or [`DOWN`].
    state: AtomicU8,
    has_told_refusal: AtomicBool,
    refused: AtomicU64,
}

impl Cluster {
    pub(crate) fn new(broker: Arc<dyn Broker>) -> Self {
        Self {
            node: broker.node(),
            broker,
            elsewhere: Elsewhere::default(),
            teller: OnceLock::new(),
            state: AtomicU8::new(UNKNOWN),
            has_told_refusal: AtomicBool::new(false),
            refused: AtomicU64::new(0),
        }
    }

    /// Sets the function that reports to the observer.
    pub(super) fn set_teller(&self, teller: impl Fn(BrokerEvent<'_>) + Send + Sync + 'static) {
        // It is set only here.
        let _ = self.teller.set(Box::new(teller));
    }

    /// Sends a publication to the broker. False: the broker's queue is full.
    pub(super) fn send(&self, log: &TopicLog<Prepared>, origin: MessageOrigin, item: &Prepared) -> bool {
        let message = [&origin.node.to_be_bytes()[..], &origin.sequence.to_be_bytes(), &item.pack()].concat();
        self.broker.publish(&shared(log), message).is_ok()
    }

    /// Makes the broker read a topic, and returns whether its answer is waited for: it is not known to be away.
    pub(super) fn follow(&self, log: &TopicLog<Prepared>, from: Option<Position>) -> bool {
        self.broker.follow(&shared(log), from);
        self.state.load(Ordering::Acquire) != DOWN
    }

    pub(super) fn unfollow(&self, log: &TopicLog<Prepared>) {
        self.broker.unfollow(&shared(log));
    }

    /// Counts a publication that the broker had no room for. Reports only the first since the broker was reached.
    pub(super) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        if !self.has_told_refusal.swap(true, Ordering::Relaxed) {
            if let Some(tell) = self.teller.get() {
                tell(BrokerEvent::Refused);
            }
        }
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(super) fn is_up(&self) -> bool {
        self.state.load(Ordering::Acquire) == UP
    }

    pub(super) fn set_is_up(&self, is_up: bool) {
        self.state.store(if is_up { UP } else { DOWN }, Ordering::Release);
        if is_up {
            self.has_told_refusal.store(false, Ordering::Relaxed);
        }
    }
}

fn shared(log: &TopicLog<Prepared>) -> SharedTopic {
    SharedTopic { name: log.name.clone(), history: log.history }
}
