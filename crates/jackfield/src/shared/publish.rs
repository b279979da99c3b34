//! The only way of a published message from one reactor to the others.

use crate::message::{Content, Prepared, Published};
use crate::shared::command::Command;
use crate::shared::handle::Handle;
use crate::topics::{Counts, Log};
use jackfield_reactor::planted::planted;
use jackfield_reactor::{ConnectionId, Time};
use std::sync::Arc;

/// Adds a publication to the history of its topic.
pub(crate) fn append(log: &Log<Prepared>, now: Option<Time>, content: Content<'_>, but: ConnectionId) {
    let prepared = content.prepare();
    log.append(now, content.len(), but, |position| prepared.with_id(position));
}

impl Handle {
    /// Lets every reactor but one that has subscribers look at what is new in the history of a topic. One that was
    /// asked to and has not yet is asked once.
    pub(crate) fn notify(&self, log: &Arc<Log<Prepared>>, but: usize) -> Published {
        let mut published = Published::default();
        let Some((_, counts)) = self.shared().topic_index.find(&log.name) else { return published };
        for reactor in (0..self.reactors()).filter(|reactor| *reactor != but && counts.of(*reactor) > 0) {
            published.reactors += 1;
            if log.notify(reactor) {
                let _ = self.post_reserved(reactor, Command::Deliver(log.clone()));
            }
        }
        published
    }

    /// Publishes on every reactor but one. Nothing is encoded if there is no subscriber.
    pub(crate) fn publish_but(&self, topic: &str, content: Content<'_>, but: usize) -> Published {
        if let Some(log) = self.shared().logs.find(topic) {
            append(&log, None, content, ConnectionId::NONE);
            return self.notify(&log, but);
        }
        match self.shared().topic_index.find(topic) {
            Some((name, counts)) => self.pass_on(&name, &counts, &content.prepare(), but),
            None => Published::default(),
        }
    }

    /// Passes a message on to every reactor but one that has subscribers.
    pub(crate) fn pass_on(
        &self,
        topic: &Arc<str>,
        counts: &Counts,
        message: &Prepared,
        but: usize,
    ) -> Published {
        let mut published = Published::default();
        let subscribes = |reactor: usize| reactor != but && counts.of(reactor) > 0;
        // It is there once, however many mailboxes it waits in.
        let sharers = (0..self.shared().remotes.len()).filter(|reactor| subscribes(*reactor)).count();
        for (reactor, remote) in self.shared().remotes.iter().enumerate() {
            if subscribes(reactor) {
                if planted(41) {
                    continue;
                }
                let command = Command::Publish(topic.clone(), message.clone());
                let shared = message.heap_bytes();
                let bytes = command.bytes() - shared + shared.div_ceil(sharers.max(1));
                match remote.post_of(command, bytes) {
                    Ok(()) => published.reactors += 1,
                    Err(_) => published.full += 1,
                }
            }
        }
        published
    }
}
