//! The server's half of a connection, in the same slot as its wire and its client.

#[cfg(feature = "tls")]
use crate::config::HostFacts;
use crate::config::{Agreed, Heartbeat, Refuse};
use crate::disconnect::Reason;
use crate::links::bucket::Bucket;
use crate::links::checks::Checks;
use crate::links::compression::OwnDeflater;
use crate::links::fragments::Fragments;
use crate::links::frame::FrameState;
use crate::links::notices::Notices;
use crate::links::opening::Opening;
use crate::links::protocol::Protocol;
use crate::links::record::ExchangeRecord;
use crate::links::replay::Replays;
use crate::message::{OverflowQueue, Source, boxed_bytes};
use crate::shared::Permit;
use crate::topics::{Overflow, Subscription};
use std::sync::Arc;

/// The server's half of a connection.
#[derive(Debug, Default)]
pub(crate) struct Link {
    pub(crate) protocol: Protocol,
    /// State that few connections need, made at the first use.
    pub(crate) extra: Option<Box<Extra>>,
    /// Why it is closing, if the wire's reason is not enough.
    pub(crate) reason: Option<Reason>,
    pub(crate) listener: u8,
    /// The checks before its client sees bytes and requests.
    pub(crate) checks: Checks,
    pub(crate) awaited: Awaited,
    /// `None`: nothing was set.
    pub(crate) overflow: Option<Overflow>,
    /// The user has set its idle timeout: it replaces the heartbeat.
    pub(crate) has_own_idle_timeout: bool,
    pub(crate) admission: Admission,
}

/// Whether a connection counts, and whether it stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It does not count as a connection of the server, because it is being refused.
    #[default]
    Uncounted,
    Admitted,
    /// It is an outgoing connection.
    Outgoing,
    /// It was admitted although its reactor is overloaded. The head of its first request decides whether it stays.
    Provisional,
}

/// What the peer has begun, and for which a deadline is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Awaited {
    #[default]
    Nothing,
    Head,
    Body,
    Message,
    /// An upgrade is being decided on, and bytes that come before the decision are kept. Its deadline is
    /// `key::UPGRADE`.
    Early,
}

/// State that few connections need.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    pub(crate) topics: Vec<Subscription>,
    /// Bytes that it is charged for its topics.
    pub(crate) topics_bytes: usize,
    pub(crate) replays: Replays,
    /// The peer's Close.
    pub(crate) close: Option<(u16, Box<str>)>,
    /// Bytes read at the last check of a body's rate.
    pub(crate) body_bytes: u64,
    /// Bytes sent at the last check of an answer.
    pub(crate) answer_bytes: u64,
    /// Bytes of its backlog that were dropped when it was closed.
    pub(crate) unsent: u64,
    /// Messages that its overflow policy has dropped.
    pub(crate) dropped: u64,
    /// Published messages that wait for it, if its policy or a topic's has a queue.
    pub(crate) queue: Option<Box<OverflowQueue>>,
    /// Its rate, if it has one.
    pub(crate) bucket: Option<Box<Bucket>>,
    /// The last event id of the request whose answer is deferred.
    pub(crate) last_event_id: Option<Box<str>>,
    /// A heartbeat that is not the server's.
    pub(crate) heartbeat: Option<Arc<Heartbeat>>,
    /// The tag of an outgoing connection.
    pub(crate) tag: Option<u64>,
    /// The facts of the host that it has asked for by TLS, if that has any.
    #[cfg(feature = "tls")]
    pub(crate) host: Option<Arc<HostFacts>>,
    /// An outgoing WebSocket that is not open yet.
    pub(crate) opening: Option<Box<Opening>>,
    /// Until it is open: the compression to which its server has agreed, or the most to which it may agree.
    pub(crate) agreed: Option<Agreed>,
    /// How it is refused, once its PROXY header is handled and it can be written to.
    pub(crate) refusal: Option<Refuse>,
    /// The status with which a server refused to open it.
    pub(crate) status: Option<u16>,
    /// The subprotocol of an outgoing WebSocket.
    pub(crate) subprotocol: Option<Box<str>>,
    /// The present exchange, if exchanges are recorded.
    pub(crate) exchange: Option<Box<ExchangeRecord>>,
    /// The last exchange whose answer is a file, which the server itself reads.
    pub(crate) own_exchange: Option<u32>,
    /// The source of an answer's body, from which the next piece is read when the connection has drained, and its
    /// exchange.
    pub(crate) source: Option<(u32, Box<dyn Source>)>,
    /// Parts of a body from another thread that wait in the outbox, because the connection is congested.
    pub(crate) permit: Option<Permit>,
    /// The message that is being sent in fragments.
    pub(crate) fragments: Option<Box<Fragments>>,
    /// The state of its frames, if its client looks at them.
    pub(crate) frame: FrameState,
    /// The notices that its client gets when bytes have left.
    pub(crate) notices: Option<Box<Notices>>,
    /// Its own compressor, made when it is first needed.
    pub(crate) deflater: Option<Box<OwnDeflater>>,
}

impl Link {
    pub(crate) fn extra(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }
}

impl Extra {
    /// Bytes that it takes, with what it owns.
    pub(crate) fn heap_bytes(&self) -> usize {
        let close = self.close.as_ref().map_or(0, |(_, reason)| reason.len());
        let bucket = self.bucket.as_ref().map_or(0, |bucket| size_of_val(&**bucket));
        let heartbeat = self.heartbeat.as_ref().map_or(0, |own| own.shared_bytes());
        let exchange = self.exchange.as_ref().map_or(0, |record| record.heap_bytes());
        let deflater = self.deflater.as_ref().map_or(0, |own| own.heap_bytes());
        let fragments = self.fragments.as_ref().map_or(0, |fragments| fragments.heap_bytes());
        let notices = self.notices.as_ref().map_or(0, |notices| notices.heap_bytes());
        let topics = self.topics.capacity() * size_of::<Subscription>() + self.topics_bytes;
        let opening = self.opening.as_ref().map_or(0, |opening| opening.heap_bytes());
        let chosen = self.subprotocol.as_ref().map_or(0, |name| name.len());
        let queue = self.queue.as_ref().map_or(0, |queue| queue.heap_bytes());
        let last_event_id = self.last_event_id.as_ref().map_or(0, |id| id.len());
        let source = self.source.as_ref().map_or(0, |(_, source)| boxed_bytes(&**source));
        size_of::<Self>()
            + queue
            + source
            + opening
            + chosen
            + last_event_id
            + topics
            + self.replays.heap_bytes()
            + close
            + bucket
            + heartbeat
            + exchange
            + deflater
            + fragments
            + notices
    }
}

/// The server's own timers; every smaller key is the user's.
pub(crate) mod key {
    pub(crate) const USER_MAX: u32 = 0xffff;
    pub(crate) const DEADLINE: u32 = 0x1_0000;
    pub(crate) const CLOSE: u32 = 0x1_0001;
    pub(crate) const UPGRADE: u32 = 0x1_0002;
    pub(crate) const DEAD: u32 = 0x1_0003;
    pub(crate) const RATE: u32 = 0x1_0004;
    pub(crate) const LIFETIME: u32 = 0x1_0005;
    pub(crate) const ANSWER: u32 = 0x1_0006;
    pub(crate) const DRAIN: u32 = 0x1_0007;
    /// `DEAD` where no round trip can be known: once more, for a ping whose pong may have come and waits unread; or the client has
    /// sent something else.
    pub(crate) const DEAD_UNREAD: u32 = 0x1_0008;
    /// `CLOSE` where the peer's Close may have come, and its bandwidth limit keeps it unread: once more, for the last time.
    pub(crate) const CLOSE_UNREAD: u32 = 0x1_0009;
}

/// A connection may have many timers of its user, but few of the server.
const _: () = assert!(key::USER_MAX == jackfield_reactor::CHARGED_TIMER_KEY_MAX);

/// Each connection has a link: it stays within a cache line.
const _: () = assert!(size_of::<Link>() <= 48);
