//! The only way of a published message from one reactor to the others.

use crate::message::{Content, Prepared, Published};
use crate::shared::command::Command;
use crate::shared::handle::Handle;
use crate::topics::Counts;
use jackfield_reactor::planted::planted;
use std::sync::Arc;

impl Handle {
    /// Publishes on every reactor but one. Nothing is encoded if there is no subscriber.
    pub(crate) fn publish_but(&self, topic: &str, content: Content<'_>, but: usize) -> Published {
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
