//! What clients have missed, and whose turn it is to get a portion of it.

use crate::message::Prepared;
use crate::topics::Log;
use jackfield_reactor::ConnectionId;
use std::collections::VecDeque;
use std::sync::Arc;

/// What a client has missed of one topic. It is no member of the topic before it has got all of it.
#[derive(Clone, Debug)]
pub(crate) struct Replay {
    pub(crate) log: Arc<Log<Prepared>>,
    /// The offset of what it got last.
    pub(crate) after: u64,
}

/// What a connection has missed, by topic.
#[derive(Debug, Default)]
pub(crate) struct Missed {
    pub(crate) replays: Vec<Replay>,
    /// It waits for its turn: its id is in [`Links::replaying`](crate::links::Links) once.
    pub(crate) is_listed: bool,
}

impl Missed {
    pub(crate) fn heap_bytes(&self) -> usize {
        self.replays.capacity() * size_of::<Replay>()
    }

    pub(crate) fn position(&self, topic: &str) -> Option<usize> {
        self.replays.iter().position(|replay| *replay.log.name == *topic)
    }
}

/// Those who wait for their turn. Who has left, and who does not read, is found out when its turn comes, so that neither
/// an end nor a subscription looks for its place in here.
pub(crate) type Turns = VecDeque<ConnectionId>;
