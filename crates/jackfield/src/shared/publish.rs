//! The only way of a published message from one reactor to the others.

use crate::message::{Prepared, Published};
use crate::shared::command::Command;
use crate::shared::handle::Handle;
use crate::topics::Counts;
use jackfield_proto::websocket::Message;
use jackfield_reactor::Full;
use jackfield_reactor::planted::planted;
use std::sync::Arc;

impl Handle {
    /// Publishes a message on every reactor but one. Nothing is encoded for nobody.
    pub(crate) fn publish_but(&self, topic: &str, message: Message<'_>, but: usize) -> Published {
        match self.shared().topic_index.find(topic) {
            Some((name, counts)) => self.pass_on(&name, &counts, &Prepared::new(message), but),
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
        for (reactor, remote) in self.shared().remotes.iter().enumerate() {
            if reactor != but && counts.of(reactor) > 0 {
                if planted(41) {
                    continue;
                }
                match remote.mailbox.post(Command::Publish(topic.clone(), message.clone())) {
                    Ok(()) => published.reactors += 1,
                    Err(Full(_)) => published.full += 1,
                }
            }
        }
        published
    }
}
