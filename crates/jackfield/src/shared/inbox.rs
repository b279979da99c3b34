//! Puts messages from the broker into the histories, and notifies the reactors.

use crate::message::Prepared;
use crate::shared::Shared;
use crate::shared::broker::{BrokerEvent, BrokerInbox, Receive};
use crate::shared::handle::Handle;
use crate::shared::observer::Observer;
use crate::topics::{MessageOrigin, Position, TopicLog};
use std::sync::{Arc, Weak};

/// The server, as its broker's inbox sees it.
struct Receiver {
    shared: Weak<Shared>,
    observer: Arc<dyn Observer>,
}

impl Handle {
    /// Starts the broker, if there is one.
    pub(crate) fn start_broker(&self, observer: &Arc<dyn Observer>) {
        let Some(cluster) = &self.shared().cluster else { return };
        let teller = observer.clone();
        cluster.set_teller(move |event| teller.on_broker(event));
        let receiver = Receiver { shared: Arc::downgrade(&self.0), observer: observer.clone() };
        cluster.broker.start(BrokerInbox(Arc::new(receiver)));
    }

    /// Makes the broker read the topic of a history as long as the returned value lives.
    pub(crate) fn follow(&self, log: &Arc<TopicLog<Prepared>>) -> Following {
        if let Some(cluster) = &self.shared().cluster {
            log.follow(|from| cluster.follow(log, from));
        }
        Following { log: log.clone(), handle: self.clone() }
    }

    /// Asks the broker for all that it has, if it may have an id that is not known here yet. False: it can't have it.
    pub(crate) fn ask_broker_for(&self, log: &Arc<TopicLog<Prepared>>, id: &str) -> bool {
        let Some(cluster) = &self.shared().cluster else { return false };
        log.ask_broker_for(id, |from| {
            cluster.follow(log, Some(from));
        })
    }
}

impl Receive for Receiver {
    fn receive(&self, topic: &str, messages: &[(Position, Vec<u8>)]) {
        let Some((handle, log)) = self.find(topic) else { return };
        let (mut is_new, mut is_unreadable) = (false, false);
        for (position, message) in messages {
            let (origin, packet) = split(message);
            let read = || {
                let item = Prepared::unpack(packet);
                is_unreadable |= item.is_none();
                Some((item?, packet.len()))
            };
            let with_id = |item: Prepared, position| item.with_id(position, log.history.is_numbered());
            is_new |= log.take_in(*position, origin, read, with_id);
        }
        if is_unreadable && log.mark_unreadable() {
            log::warn!(target: "jackfield::broker", "messages of {topic:?} can't be read (another version?), and count as lost");
        }
        if is_new {
            handle.notify(&log, usize::MAX);
        }
    }

    fn topic_live(&self, topic: &str, head: Position) {
        if let Some((handle, log)) = self.find(topic) {
            log.set_live(head);
            handle.notify_all_reactors(&log);
        }
    }

    fn up(&self) {
        let Some(handle) = self.handle() else { return };
        if let Some(cluster) = &handle.shared().cluster {
            cluster.set_is_up(true);
            self.observer.on_broker(BrokerEvent::Up);
        }
    }

    fn down(&self, why: &str) {
        let Some(handle) = self.handle() else { return };
        if let Some(cluster) = &handle.shared().cluster {
            cluster.set_is_up(false);
            for log in handle.shared().logs.all() {
                mark_down(&handle, &log);
            }
            self.observer.on_broker(BrokerEvent::Down { why });
        }
    }

    fn topic_down(&self, topic: &str, why: &str) {
        if let Some((handle, log)) = self.find(topic) {
            log.set_refused(true);
            log.mark_down();
            // What came in may be read now, although the topic is not live.
            handle.notify_all_reactors(&log);
            self.observer.on_broker(BrokerEvent::TopicDown { topic, why });
        }
    }

    fn topic_up(&self, topic: &str) {
        if let Some((_, log)) = self.find(topic) {
            log.set_refused(false);
            self.observer.on_broker(BrokerEvent::TopicUp { topic });
        }
    }

    fn presence(&self) -> Vec<u8> {
        self.handle().map(|handle| handle.presence()).unwrap_or_default()
    }

    fn set_presence(&self, node: u64, told: Option<&[u8]>) {
        let Some(handle) = self.handle() else { return };
        if let Some(cluster) = handle.shared().cluster.as_ref().filter(|cluster| cluster.node != node) {
            cluster.elsewhere.set(node, told);
        }
    }

    fn presence_down(&self, why: &str) {
        if self.handle().is_some() {
            self.observer.on_broker(BrokerEvent::PresenceDown { why });
        }
    }
}

impl Receiver {
    /// `None` also when the server has ended: nothing is kept or reported then.
    fn handle(&self) -> Option<Handle> {
        self.shared.upgrade().map(Handle).filter(|handle| !handle.has_ended())
    }

    fn find(&self, topic: &str) -> Option<(Handle, Arc<TopicLog<Prepared>>)> {
        let handle = self.handle()?;
        let log = handle.shared().logs.find(topic)?;
        Some((handle, log))
    }
}

/// The broker is down: the publications that are out go to the members here now.
fn mark_down(handle: &Handle, log: &Arc<TopicLog<Prepared>>) {
    if log.mark_down() {
        handle.notify_all_reactors(log);
    }
}

/// The origin of a message, and its content, which can't be read if there is no origin.
fn split(message: &[u8]) -> (MessageOrigin, &[u8]) {
    let parts = message.split_first_chunk().and_then(|(node, rest)| Some((node, rest.split_first_chunk()?)));
    match parts {
        Some((node, (sequence, packet))) => (
            MessageOrigin { node: u64::from_be_bytes(*node), sequence: u64::from_be_bytes(*sequence) },
            packet,
        ),
        None => (MessageOrigin::default(), &[]),
    }
}

/// As long as this lives, the broker reads the topic, if the topic goes through a broker.
#[derive(Debug)]
pub(crate) struct Following {
    pub(crate) log: Arc<TopicLog<Prepared>>,
    handle: Handle,
}

impl Drop for Following {
    fn drop(&mut self) {
        if let Some(cluster) = &self.handle.shared().cluster {
            self.log.unfollow(|| cluster.unfollow(&self.log));
        }
    }
}
