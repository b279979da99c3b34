//! The server's half of a connection, in the same slot as its wire and its client.

use crate::config::{Agreed, Heartbeat};
use crate::disconnect::Reason;
use crate::links::asks::Asks;
use crate::links::bucket::Bucket;
use crate::links::compression::OwnDeflater;
use crate::links::fragments::Fragments;
use crate::links::frame::FrameState;
use crate::links::notices::Notices;
use crate::links::opening::Opening;
use crate::links::protocol::Protocol;
use crate::links::record::ExchangeRecord;
use crate::links::replay::Missed;
use crate::message::{SendQueue, Source};
use crate::topics::{ARC_BYTES, Overflow, Subscription};
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
    /// What its bytes and requests meet before its client.
    pub(crate) asks: Asks,
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
    /// It does not count as a connection of the server: it is only refused.
    #[default]
    Uncounted,
    Admitted,
    /// This side has begun it.
    Outgoing,
    /// It was admitted while its reactor is overloaded: the head of its first request decides.
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
    /// An upgrade is being decided on, and what comes before that is kept. Its deadline is `key::UPGRADE`.
    Early,
}

/// What few connections need.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    pub(crate) topics: Vec<Subscription>,
    /// What it pays for in these.
    pub(crate) topics_bytes: usize,
    pub(crate) missed: Missed,
    /// The peer's Close.
    pub(crate) close: Option<(u16, Box<str>)>,
    /// Bytes read when the flow of a body was last looked at.
    pub(crate) body_bytes: u64,
    /// Bytes that were sent when the flow of an answer was last looked at.
    pub(crate) answer_bytes: u64,
    /// Bytes that were queued for it, and dropped when it was closed for its backlog.
    pub(crate) unsent: u64,
    /// Messages that were dropped, by its overflow policy.
    pub(crate) dropped: u64,
    /// What was published to it and waits, if its policy or a topic's has a queue.
    pub(crate) queue: Option<Box<SendQueue>>,
    /// What it may still say, if that is bounded.
    pub(crate) bucket: Option<Box<Bucket>>,
    /// A heartbeat that is not the server's.
    pub(crate) heartbeat: Option<Arc<Heartbeat>>,
    /// The tag of a connection that this side has begun.
    pub(crate) tag: Option<u64>,
    /// The tag of the host that it has asked for by TLS.
    #[cfg(feature = "tls")]
    pub(crate) host_tag: Option<u64>,
    /// A WebSocket that this side has begun and that is not open yet.
    pub(crate) opening: Option<Box<Opening>>,
    /// What its server has agreed to about compression, until it is open; before that the most that it may agree to.
    pub(crate) agreed: Option<Agreed>,
    /// The status of a server that did not open it.
    pub(crate) status: Option<u16>,
    /// The subprotocol of a WebSocket that this side has begun.
    pub(crate) subprotocol: Option<Box<str>>,
    /// The exchange that is under way, if exchanges are recorded.
    pub(crate) exchange: Option<Box<ExchangeRecord>>,
    /// The body of the answer that is pulled when this has drained, and its exchange.
    pub(crate) source: Option<(u32, Box<dyn Source>)>,
    /// The message that is being sent in fragments.
    pub(crate) fragments: Option<Box<Fragments>>,
    /// Where it stands, if its client looks at its frames.
    pub(crate) frame: FrameState,
    /// What its client is told of when that has left.
    pub(crate) notices: Option<Box<Notices>>,
    /// Its own compressor, once it was needed.
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
        let heartbeat =
            self.heartbeat.as_ref().map_or(0, |own| ARC_BYTES + size_of_val(&**own) + own.payload.capacity());
        let exchange = self.exchange.as_ref().map_or(0, |record| record.heap_bytes());
        let deflater = self.deflater.as_ref().map_or(0, |own| own.heap_bytes());
        let fragments = self.fragments.as_ref().map_or(0, |fragments| fragments.heap_bytes());
        let notices = self.notices.as_ref().map_or(0, |notices| notices.heap_bytes());
        let topics = self.topics.capacity() * size_of::<Subscription>() + self.topics_bytes;
        let opening = self.opening.as_ref().map_or(0, |opening| opening.heap_bytes());
        let chosen = self.subprotocol.as_ref().map_or(0, |name| name.len());
        let queue = self.queue.as_ref().map_or(0, |queue| queue.heap_bytes());
        let source = self.source.as_ref().map_or(0, |(_, source)| size_of_val(&**source));
        size_of::<Self>()
            + queue
            + source
            + opening
            + chosen
            + topics
            + self.missed.heap_bytes()
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
}

/// Each connection has a link: it stays within a cache line.
const _: () = assert!(size_of::<Link>() <= 48);
