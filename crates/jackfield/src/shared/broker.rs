//! The interface to a broker, which connects several servers.

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
/// event. While it can't reach the others ([`BrokerInbox::down`]) it keeps what is to go out, in a queue with a bound; the
/// members of this server get that at once.
///
/// It may carry besides what each server tells of its subscribers: see [`BrokerInbox::presence`].
#[diagnostic::on_unimplemented(
    note = "implement `Broker` for `{Self}`; it is shared by all threads, so it must be `Send` and `Sync`"
)]
pub trait Broker: Send + Sync {
    /// Starts the broker. It gives incoming messages to this inbox. Called once, before any other method.
    fn start(&self, inbox: BrokerInbox);

    /// Sends a message to all servers, including this one, in order after earlier messages for the same topic.
    ///
    /// # Errors
    /// [`QueueFull`]: too many messages wait. This message is dropped.
    fn publish(&self, topic: &SharedTopic, message: Vec<u8>) -> Result<(), QueueFull>;

    /// Reads the topic from now on, beginning after this position. `None`: begin with the newest entries that the topic's
    /// history can hold. When all existing entries were given to the inbox, call [`BrokerInbox::topic_live`]. This may be called again
    /// for a topic that is already followed, when a client has got more on another server than was received here: then read
    /// what there is now, and call [`BrokerInbox::topic_live`] again.
    fn follow(&self, topic: &SharedTopic, from: Option<Position>);

    /// The topic has no members on this server any more, and need not be read.
    fn unfollow(&self, topic: &SharedTopic);

    /// The server has ended: give nothing more to the inbox, and drop waiting messages or send them at once. May be
    /// called more than once.
    fn stop(&self);

    /// A number, not zero, that no other server of the broker has, and that this server did not have before a restart.
    /// Called once. Default: a random number.
    fn node(&self) -> u64 {
        RandomState::new().build_hasher().finish().max(1)
    }
}

/// A topic that several servers share.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SharedTopic {
    /// Its name.
    pub name: Arc<str>,
    /// How much of it is kept.
    pub history: History,
}

/// The broker's queue for outgoing messages is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueFull;

/// What happens to the connection with a broker, for the [`Observer`](crate::Observer).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BrokerEvent<'a> {
    /// It can be reached.
    Up,
    /// It can't be reached, or does not work. It is tried again soon. Reported when this begins, and when the reason
    /// changes.
    Down {
        /// The error of the broker or of the system.
        why: &'a str,
    },
    /// One topic can't be read or published to; the others go on. It is tried again soon. Reported when this begins, and when
    /// the reason changes.
    TopicDown {
        /// Its name.
        topic: &'a str,
        /// The error of the broker.
        why: &'a str,
    },
    /// A topic that was reported by [`BrokerEvent::TopicDown`] can be read and published to again, or has no subscribers here
    /// any more: the next one shows whether it can be read.
    TopicUp {
        /// Its name.
        topic: &'a str,
    },
    /// Servers can't tell each other of their subscribers; publications go on. Tried again soon; told when it begins, and when
    /// the reason changes.
    PresenceDown {
        /// What the broker said.
        why: &'a str,
    },
    /// A publication was refused, because too many wait to be sent. Only the first one is reported, and the first one
    /// after each time that the broker is up again; [`Metrics::broker_refused`](crate::Metrics::broker_refused) counts
    /// all.
    Refused,
}

impl fmt::Display for BrokerEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up => f.write_str("the broker can be reached"),
            Self::Down { why } => write!(f, "the broker can't be reached: {why}"),
            Self::TopicDown { topic, why } => {
                write!(f, "the broker does not pass on the topic {topic:?}: {why}")
            }
            Self::TopicUp { topic } => write!(f, "the broker passes on the topic {topic:?} again"),
            Self::PresenceDown { why } => {
                write!(f, "the broker does not tell servers of each other's subscribers: {why}")
            }
            Self::Refused => {
                f.write_str("a message for the other servers is refused: too many wait for the broker")
            }
        }
    }
}

/// The place where a [`Broker`] delivers incoming messages. Any thread may use it. After the server has ended it does
/// nothing.
#[derive(Clone)]
pub struct BrokerInbox(pub(super) Arc<dyn Receive>);

/// The server, as its inbox uses it.
pub(super) trait Receive: Send + Sync {
    fn receive(&self, topic: &str, messages: &[(Position, Vec<u8>)]);
    fn topic_live(&self, topic: &str, head: Position);
    fn up(&self);
    fn down(&self, why: &str);
    fn topic_down(&self, topic: &str, why: &str);
    fn topic_up(&self, topic: &str);
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

impl BrokerInbox {
    /// Delivers incoming messages of a topic, in the order of their positions; each message is as [`Broker::publish`] got
    /// it. An offset of zero, with an empty message, means that a new epoch begins. Messages that were delivered before
    /// are skipped. A gap between two positions counts as lost messages, and so does a message that can't be read, such as one
    /// that a server of another version has sent; the first one of each topic is logged. After a gap what this server has kept
    /// of the topic is dropped, so that nobody resumes across it without being told.
    pub fn receive(&self, topic: &str, messages: &[(Position, Vec<u8>)]) {
        self.0.receive(topic, messages);
    }

    /// All that the broker has of a topic was delivered, up to this position; messages after it are new, also if they were
    /// delivered before this call. Until the first call for a topic that is followed its members get nothing of what is
    /// delivered, unless [`BrokerInbox::topic_down`] was called. Call it
    /// again after each [`BrokerInbox::down`], when the messages of that time were delivered.
    pub fn topic_live(&self, topic: &str, head: Position) {
        self.0.topic_live(topic, head);
    }

    /// The broker can be reached. Each followed topic works normally again after its [`BrokerInbox::topic_live`]. Before the first
    /// call of this or of [`BrokerInbox::down`] the answer of the broker is waited for, so call one of them soon after the start.
    pub fn up(&self) {
        self.0.up();
    }

    /// The broker can't be reached, for this reason. Until it is up, published messages go to the members on this server
    /// at once. It may be called again with another reason.
    pub fn down(&self, why: &str) {
        self.0.down(why);
    }

    /// One topic can't be read or published to, for this reason; the others go on. Each call is reported, so call it when this
    /// begins, and when the reason changes. [`BrokerInbox::topic_live`] ends this state; [`BrokerInbox::topic_up`] reports that.
    pub fn topic_down(&self, topic: &str, why: &str) {
        self.0.topic_down(topic, why);
    }

    /// A topic of which [`BrokerInbox::topic_down`] told can be read and published to again. If it is followed, call
    /// [`BrokerInbox::topic_live`] first.
    pub fn topic_up(&self, topic: &str) {
        self.0.topic_up(topic);
    }

    /// What this server tells the others of its subscribers at this moment, 256 KiB at most. It replaces what was told before.
    /// A broker that carries it asks every few seconds, tells it the others, and forgets it when it was not told for some
    /// times that span. One that does not carry it lets each server count its own.
    #[must_use]
    pub fn presence(&self) -> Vec<u8> {
        self.0.presence()
    }

    /// Hands in what another server, which has this number ([`Broker::node`]), tells by its [`BrokerInbox::presence`]. `None`: it has
    /// ended, or has told nothing for too long. More than 256 other servers are passed over.
    pub fn set_presence(&self, node: u64, told: Option<&[u8]>) {
        self.0.set_presence(node, told);
    }

    /// The broker does not carry it just now, and this is why. All else goes on.
    pub fn presence_down(&self, why: &str) {
        self.0.presence_down(why);
    }
}

impl fmt::Debug for BrokerInbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BrokerInbox")
    }
}

impl fmt::Display for QueueFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the broker's queue is full")
    }
}

impl std::error::Error for QueueFull {}
