//! The messages that clients have missed, and which client gets the next portion.

use crate::message::Prepared;
use crate::shared::Following;
use crate::topics::{ReadPosition, TopicLog};
use jackfield_reactor::ConnectionId;
use std::collections::VecDeque;
use std::sync::Arc;

/// The replay of one topic to a client. The client becomes a member of the topic only when it has got all that it
/// missed.
#[derive(Debug)]
pub(crate) struct Replay {
    following: Following,
    pub(crate) progress: Progress,
}

/// How far a client has got.
#[derive(Debug)]
pub(crate) enum Progress {
    /// To the position that this id names. It can be looked up as soon as the broker has reported the present position.
    Named(Box<str>),
    /// The same, but the id was not known here, and the broker was asked for all that it has.
    AskedFor(Box<str>),
    At(ReadPosition),
}

/// The replays of a connection, by topic.
#[derive(Debug, Default)]
pub(crate) struct Replays {
    pub(crate) list: Vec<Replay>,
    /// It waits for its turn: its id is in [`Links::replaying`](crate::links::Links) once.
    pub(crate) is_replaying: bool,
    /// It waits for a new message: its id is in [`Links::awaiting`](crate::links::Links) once.
    pub(crate) is_awaiting: bool,
    /// Messages of a topic without a history may be missing, and the client was not told yet.
    pub(crate) owes_resync: bool,
    /// An event stream has got no id of this topic yet: it was full when it subscribed, or the position was not known.
    pub(crate) owes_id: Option<Arc<TopicLog<Prepared>>>,
}

/// The position of the members of a topic with a history, on this reactor. It is the same for all of them.
#[derive(Debug)]
pub(crate) struct Delivered {
    /// `None`: not known until the broker has reported its position.
    pub(crate) place: Option<ReadPosition>,
    /// Some members wait for the position: their [`Replays::owes_id`] says who.
    pub(crate) owes_id: bool,
    following: Following,
}

impl Replay {
    pub(crate) fn new(following: Following, progress: Progress) -> Self {
        Self { following, progress }
    }

    pub(crate) fn log(&self) -> &Arc<TopicLog<Prepared>> {
        &self.following.log
    }
}

impl Replays {
    pub(crate) fn heap_bytes(&self) -> usize {
        let names = self.list.iter().map(|replay| match &replay.progress {
            Progress::Named(name) | Progress::AskedFor(name) => name.len(),
            Progress::At(_) => 0,
        });
        self.list.capacity() * size_of::<Replay>() + names.sum::<usize>()
    }

    pub(crate) fn position(&self, topic: &str) -> Option<usize> {
        self.list.iter().position(|replay| *replay.log().name == *topic)
    }
}

impl Delivered {
    pub(crate) fn new(following: Following, place: Option<ReadPosition>) -> Self {
        Self { place, owes_id: false, following }
    }

    pub(crate) fn is_numbered(&self) -> bool {
        self.following.log.history.is_numbered()
    }
}

/// Connections that wait for their turn. Whether one has left or does not read is checked when its turn comes, so that
/// neither an end nor a subscription must search this queue.
pub(crate) type ReplayQueue = VecDeque<ConnectionId>;
