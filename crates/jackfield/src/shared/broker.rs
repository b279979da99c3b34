//! The seam to other servers: what goes out to a broker and what comes in from it pass here.

use crate::topics::{History, Position};
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

/// What carries publications between servers, so that a topic has one order and one history on all of them: see
/// [`ServerBuilder::broker`](crate::ServerBuilder::broker).
///
/// It concerns topics that keep a history ([`Handle::declare_topic`](crate::Handle::declare_topic)), which every server
/// declares alike. What is published to one goes out by [`Broker::publish`], and reaches its members only when the
/// broker hands it in with its position, so all members on all servers get one order. Without a broker, which is the
/// default, it gets its position in the server itself and at once.
///
/// A broker never waits in these methods, which reactors call: its work is done on a thread of its own. It may hand
/// something in twice, and late; what it leaves out is found by the offsets, and told to the members by one `resync`
/// event. While it can't reach the others ([`Inbox::down`]) it keeps what is to go out, in a queue with a bound; the
/// members of this server get that at once.
///
/// It may carry besides what each server tells of its subscribers: see [`Inbox::presence`].
#[diagnostic::on_unimplemented(
    note = "implement `Broker` for `{Self}`; it is shared by all threads, so it must be `Send` and `Sync`"
)]
pub trait Broker: Send + Sync {
    /// Begins to work. What comes in is handed to this inbox. Called once, before anything else.
    fn start(&self, inbox: Inbox);

    /// Sends a message to all servers, this one included, in order behind those before it for the same topic.
    ///
    /// # Errors
    /// [`QueueFull`]: too much waits. The message is not kept.
    fn publish(&self, topic: &SharedTopic, message: Vec<u8>) -> Result<(), QueueFull>;

    /// From now on the topic is read, from behind this position; `None`: what is kept of its end, as far as the topic's
    /// history reaches. When all that was there has been handed in, [`Inbox::live`] says so. Asked again of a topic that is
    /// followed when a client has got more on another server than was handed in here: it wants to know what there is now.
    fn follow(&self, topic: &SharedTopic, from: Option<Position>);

    /// The topic has no members here any more, and need not be read.
    fn unfollow(&self, topic: &SharedTopic);

    /// The server has ended: nothing is handed in any more, and what waits is dropped or sent at once. May be called
    /// more than once.
    fn stop(&self);

    /// A number that tells this server from all others that use the broker, also from itself before a restart, and is
    /// not zero. Asked once. Default: a random one.
    fn node(&self) -> u64 {
        RandomState::new().build_hasher().finish().max(1)
    }
}

/// A topic that several servers have.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SharedTopic {
    /// Its name.
    pub name: Arc<str>,
    /// How much of it is kept.
    pub history: History,
}

/// What is to go out has no room in the broker's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueFull;

/// What happens to the connection with a broker, for the [`Observer`](crate::Observer).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BrokerEvent<'a> {
    /// It can be reached.
    Up,
    /// It can't be reached, or does not do what it should. Tried again soon; told when it begins, and when the reason
    /// changes.
    Down {
        /// What it said, or the system.
        why: &'a str,
    },
    /// One topic can't be read or published to; the others go on. Tried again soon.
    TopicDown {
        /// Its name.
        topic: &'a str,
        /// What the broker said.
        why: &'a str,
    },
    /// Servers can't tell each other of their subscribers; publications go on. Tried again soon; told when it begins, and when
    /// the reason changes.
    PresenceDown {
        /// What the broker said.
        why: &'a str,
    },
    /// A publication was refused, for too many wait to go out. Told with the first, and with the first after each time
    /// that the broker is up again; [`Metrics::broker_refused`](crate::Metrics::broker_refused) counts all.
    Refused,
}

/// Where a [`Broker`] hands in what has come. Any thread may use it. After the server has ended it does nothing.
#[derive(Clone)]
pub struct Inbox(pub(super) Arc<dyn Receive>);

/// The server behind an inbox.
pub(super) trait Receive: Send + Sync {
    fn receive(&self, topic: &str, messages: &[(Position, Vec<u8>)]);
    fn live(&self, topic: &str, head: Position);
    fn up(&self);
    fn down(&self, why: &str);
    fn topic_down(&self, topic: &str, why: &str);
    fn presence(&self) -> Vec<u8>;
    fn set_presence(&self, node: u64, told: Option<&[u8]>);
    fn presence_down(&self, why: &str);
}

impl SharedTopic {
    /// A topic with this history.
    #[must_use]
    pub fn new(name: &str, history: History) -> Self {
        Self { name: name.into(), history }
    }
}

impl Inbox {
    /// Hands in what has come of a topic, in the order of the positions: each message as [`Broker::publish`] got it. An
    /// offset of zero, with an empty message, says that a new epoch begins. What was handed in before is passed over, and
    /// so is what can't be read; what lies between the last position and the next is known to be missing.
    pub fn receive(&self, topic: &str, messages: &[(Position, Vec<u8>)]) {
        self.0.receive(topic, messages);
    }

    /// All that the broker has of a topic was handed in, up to this position: what comes from now on is new. Said again
    /// after each [`Inbox::down`], when what came meanwhile was handed in.
    pub fn live(&self, topic: &str, head: Position) {
        self.0.live(topic, head);
    }

    /// The broker can be reached. Each topic that is followed goes the usual way again when [`Inbox::live`] says so.
    pub fn up(&self) {
        self.0.up();
    }

    /// The broker can't be reached, and this is why. What is published meanwhile goes to the members here at once. It may
    /// be said again with another reason.
    pub fn down(&self, why: &str) {
        self.0.down(why);
    }

    /// One topic can't be read or published to, and this is why; the others go on. [`Inbox::live`] ends it.
    pub fn topic_down(&self, topic: &str, why: &str) {
        self.0.topic_down(topic, why);
    }

    /// What this server tells the others of its subscribers at this moment, 256 KiB at most. It replaces what was told before.
    /// A broker that carries it asks every few seconds, tells it the others, and forgets it when it was not told for some
    /// times that span. One that does not carry it lets each server count its own.
    #[must_use]
    pub fn presence(&self) -> Vec<u8> {
        self.0.presence()
    }

    /// Hands in what another server, which has this number ([`Broker::node`]), tells by its [`Inbox::presence`]. `None`: it has
    /// ended, or has told nothing for too long. More than 256 other servers are passed over.
    pub fn set_presence(&self, node: u64, told: Option<&[u8]>) {
        self.0.set_presence(node, told);
    }

    /// The broker does not carry it just now, and this is why. All else goes on.
    pub fn presence_down(&self, why: &str) {
        self.0.presence_down(why);
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inbox")
    }
}

impl fmt::Display for QueueFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too much waits for the broker")
    }
}

impl std::error::Error for QueueFull {}
