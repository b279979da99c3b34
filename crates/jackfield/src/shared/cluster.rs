//! The broker of a server, and what is known of it.

use crate::message::Prepared;
use crate::shared::broker::{Broker, BrokerEvent, SharedTopic};
use crate::topics::{Elsewhere, Log, Origin, Position};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

type Teller = Box<dyn Fn(BrokerEvent<'_>) + Send + Sync>;

/// The broker of a server, and what is known of it.
pub(crate) struct Cluster {
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) node: u64,
    /// The subscribers that other servers have.
    pub(crate) elsewhere: Elsewhere,
    teller: OnceLock<Teller>,
    is_up: AtomicBool,
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
            is_up: AtomicBool::new(false),
            has_told_refusal: AtomicBool::new(false),
            refused: AtomicU64::new(0),
        }
    }

    /// Who tells the observer.
    pub(super) fn set_teller(&self, teller: impl Fn(BrokerEvent<'_>) + Send + Sync + 'static) {
        // It is set here and nowhere else.
        let _ = self.teller.set(Box::new(teller));
    }

    /// Sends a publication out. False: it has no room.
    pub(super) fn send(&self, log: &Log<Prepared>, origin: Origin, item: &Prepared) -> bool {
        let message = [&origin.node.to_be_bytes()[..], &origin.sequence.to_be_bytes(), &item.pack()].concat();
        self.broker.publish(&shared(log), message).is_ok()
    }

    /// Has a topic read, and says whether the broker can be reached.
    pub(super) fn follow(&self, log: &Log<Prepared>, from: Option<Position>) -> bool {
        self.broker.follow(&shared(log), from);
        self.is_up()
    }

    pub(super) fn unfollow(&self, log: &Log<Prepared>) {
        self.broker.unfollow(&shared(log));
    }

    /// A publication had no room. Told with the first since the broker was reached.
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
        self.is_up.load(Ordering::Acquire)
    }

    pub(super) fn set_up(&self, is_up: bool) {
        self.is_up.store(is_up, Ordering::Release);
        if is_up {
            self.has_told_refusal.store(false, Ordering::Relaxed);
        }
    }
}

fn shared(log: &Log<Prepared>) -> SharedTopic {
    SharedTopic { name: log.name.clone(), history: log.history }
}
