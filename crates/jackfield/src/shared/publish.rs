//! The only path of a published message from one reactor to the others, and to other servers.

use crate::message::{Content, Prepared, Published};
use crate::shared::command::Command;
use crate::shared::handle::Handle;
use crate::topics::{SendOutcome, TopicLog, TopicSubscribers};
use jackfield_reactor::planted::planted;
use jackfield_reactor::{ConnectionId, Time};
use std::sync::Arc;

impl Handle {
    /// Adds a publication to the history of its topic, at once or through the broker. Returns whether it is there
    /// already. If the broker has no room, it is given back.
    pub(crate) fn append(
        &self,
        log: &TopicLog<Prepared>,
        now: Option<Time>,
        content: Content<'_>,
        but: ConnectionId,
    ) -> Result<bool, Unsent> {
        let (prepared, bytes) = (content.prepare(), content.len());
        let Some(cluster) = &self.shared().cluster else {
            log.append(now, bytes, but, |position| prepared.with_id(position, log.history.is_numbered()));
            return Ok(true);
        };
        let send = |origin| cluster.send(log, origin, &prepared);
        match log.send_out(&prepared, bytes, but, send) {
            Some(SendOutcome::Full { is_up }) => {
                cluster.count_refused();
                Err(Unsent(prepared, !is_up))
            }
            Some(SendOutcome::Out) => Ok(false),
            Some(SendOutcome::Ahead) | None => Ok(true),
        }
    }

    /// Notifies every reactor but one that has subscribers of new messages in a history. A reactor that has not yet
    /// looked after an earlier notice gets no second one.
    pub(crate) fn notify(&self, log: &Arc<TopicLog<Prepared>>, but: usize) -> Published {
        let published = self.notify_members(log, but);
        if published.reactors == 0 && but >= self.reactors() && log.is_timed() {
            // This thread has no clock, and the age of the message must begin.
            self.notify_reactor(log, 0);
        }
        published
    }

    fn notify_members(&self, log: &Arc<TopicLog<Prepared>>, but: usize) -> Published {
        let mut published = Published::default();
        let Some((_, counts)) = self.shared().topic_index.find(&log.name) else { return published };
        for reactor in (0..self.reactors()).filter(|reactor| *reactor != but && counts.of(*reactor) > 0) {
            published.reactors += 1;
            self.notify_reactor(log, reactor);
        }
        published
    }

    /// The same for all reactors, also those whose connections only wait to become subscribers.
    pub(crate) fn notify_all_reactors(&self, log: &Arc<TopicLog<Prepared>>) {
        (0..self.reactors()).for_each(|reactor| self.notify_reactor(log, reactor));
    }

    /// Notifies one reactor, as if another had published.
    pub(crate) fn notify_reactor(&self, log: &Arc<TopicLog<Prepared>>, reactor: usize) {
        if log.mark_notified(reactor) {
            let _ = self.post_reserved(reactor, Command::Deliver(log.clone()));
        }
    }

    /// Publishes on every reactor but one. Nothing is encoded if there is no subscriber.
    pub(crate) fn publish_but(&self, topic: &str, content: Content<'_>, but: usize) -> Published {
        if self.has_ended() {
            return self.refused_by_all();
        }
        if let Some(log) = self.shared().logs.find(topic) {
            return match self.append(&log, None, content, ConnectionId::NONE) {
                Ok(true) => self.notify(&log, but),
                Ok(false) => Published::default(),
                Err(unsent) => self.pass_on_unsent(topic, &unsent, but),
            };
        }
        self.pass_on_to_all(topic, content, but)
    }

    /// Passes on a publication that the broker refused, if the broker is down: then the members of this server get it
    /// at once.
    pub(crate) fn pass_on_unsent(&self, topic: &str, unsent: &Unsent, but: usize) -> Published {
        let Unsent(prepared, goes_on) = unsent;
        let published = match goes_on {
            true => self.pass_on_to_all(topic, Content::Prepared(prepared), but),
            false => Published::default(),
        };
        Published { full: published.full + 1, ..published }
    }

    /// The result of publishing when the server has ended.
    pub(crate) fn refused_by_all(&self) -> Published {
        Published { full: self.reactors(), ..Published::default() }
    }

    fn pass_on_to_all(&self, topic: &str, content: Content<'_>, but: usize) -> Published {
        match self.shared().topic_index.find(topic) {
            Some((name, counts)) => self.pass_on(&name, &counts, &content.prepare(), but),
            None => Published::default(),
        }
    }

    /// Passes a message on to every other reactor that has subscribers.
    pub(crate) fn pass_on(
        &self,
        topic: &Arc<str>,
        counts: &TopicSubscribers,
        message: &Prepared,
        but: usize,
    ) -> Published {
        let mut published = Published::default();
        let generation = |reactor: usize| counts.generation(reactor).filter(|_| reactor != but);
        // It is in memory once, even if it waits in several mailboxes.
        let sharers = (0..self.reactors()).filter(|reactor| generation(*reactor).is_some()).count();
        for (reactor, remote) in self.shared().remotes.iter().enumerate() {
            let Some(generation) = generation(reactor).filter(|_| !planted(41)) else { continue };
            let command = Command::Publish(topic.clone(), generation, message.clone());
            let shared = message.heap_bytes();
            let bytes = command.bytes() - shared + shared.div_ceil(sharers.max(1));
            match remote.post_of(command, bytes) {
                Ok(()) => published.reactors += 1,
                Err(_) => published.full += 1,
            }
        }
        published
    }
}

/// A publication that the broker had no room for, and whether the members here still get it.
pub(crate) struct Unsent(pub(crate) Prepared, pub(crate) bool);
