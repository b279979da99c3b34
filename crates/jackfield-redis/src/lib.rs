//! Several [Jackfield](jackfield) servers share the order and the history of their topics, through Redis Streams.
//!
//! Each topic with a history is a stream that keeps as many entries as the history, or some more (`MAXLEN ~`). The bounds of
//! the history in bytes and age hold in the servers: when one loads the end of the stream, and from then on. The age of what
//! it loads begins at that time. A thread of this crate sends publications to Redis, all that wait in one pipeline, and they
//! come back to all servers that have members of the topic: so all members get the same order. The id of an entry
//! (`epoch-offset`) is the id with which a client resumes, on any of the servers.
//!
//! While Redis is away, the members of each server still get the messages that are published on that server. Messages
//! for other servers wait in a bounded queue and are sent later, in order and each once. If a server was away for
//! longer than the history, or if its Redis comes back empty, its members get one `resync` event.
//! [`Observer::on_broker`](jackfield::Observer::on_broker) and the metrics of the server report it.
//!
//! A Redis can lose entries that it acknowledged, if its machine fails before the append-only file is synced. If a
//! server notices that, a new epoch begins. With `appendfsync always` Redis loses nothing.
//!
//! ```no_run
//! use jackfield::{History, Server};
//! use jackfield_redis::Redis;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::builder().listen("127.0.0.1:8080").broker(Redis::new("redis://127.0.0.1")?).bind()?;
//! server.handle().declare_topic("news", History::new(1000));
//! # Ok(())
//! # }
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

mod pipeline;
mod presence;
mod queue;
mod reader;
mod stream;
#[cfg(test)]
mod stub;
mod writer;

use jackfield::{Broker, BrokerInbox, Position, QueueFull, SharedTopic};
use queue::{Item, Queue};
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use writer::{Setup, Writer};

/// A Redis as the broker of servers: see [`ServerBuilder::broker`](jackfield::ServerBuilder::broker).
///
/// It needs Redis 7 or later, or Valkey; a Redis Cluster is not supported. The Redis user needs the right to `XADD`,
/// `XREAD`, `XRANGE`, `XREVRANGE`, `EXPIRE`, `MULTI` and `EXEC` on keys that begin with the prefix, and for presence
/// `SET`, `MGET`, `DEL`, `PEXPIRE`, `SADD`, `SMEMBERS` and `SREM`.
pub struct Redis {
    client: redis::Client,
    prefix: String,
    timeout: Duration,
    presence: Duration,
    node: u64,
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// An address that is not valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAddress(String);

impl Redis {
    /// The Redis at this address: `redis://user:password@host:port/database`, all but the host optional; `rediss://` over
    /// TLS, with the feature `tls`; `redis+unix:///path` for a unix socket. It does not connect yet.
    ///
    /// The protocol is always RESP2: the option `protocol` of an address has no effect.
    ///
    /// With TLS, ring becomes the default cryptography of the process, unless the process has another: the Redis client uses
    /// the one of the process, and can't be given another.
    ///
    /// # Errors
    /// The address is not valid, or it asks for TLS and the feature is off.
    pub fn new(address: &str) -> Result<Self, BadAddress> {
        parse_address(address).and_then(redis::Client::open).map(Self::with).map_err(bad_address)
    }

    /// The same over TLS, for a Redis whose certificate is not trusted by the system: it must be signed by one of these
    /// certificates (PEM), or be one of them.
    ///
    /// # Errors
    /// The address is not valid or not `rediss://`, or the text has no valid certificates.
    #[cfg(feature = "tls")]
    pub fn with_root_certificates(address: &str, pem: &[u8]) -> Result<Self, BadAddress> {
        let roots = redis::TlsCertificates { client_tls: None, root_cert: Some(pem.to_vec()) };
        let client = parse_address(address).and_then(|address| redis::Client::build_with_tls(address, roots));
        client.map(Self::with).map_err(bad_address)
    }

    fn with(client: redis::Client) -> Self {
        #[cfg(feature = "tls")]
        if matches!(client.get_connection_info().addr, redis::ConnectionAddr::TcpTls { .. }) {
            // A provider that was installed before stays.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        Self {
            client,
            prefix: "jackfield".into(),
            timeout: Duration::from_secs(5),
            presence: Duration::from_secs(2),
            node: RandomState::new().build_hasher().finish().max(1),
            queue: Arc::new(Queue::new(10_000, 16 << 20)),
            thread: Mutex::new(None),
        }
    }

    /// The prefix of the keys. Servers with different prefixes share nothing. Default: `jackfield`.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How many messages may wait for Redis, and how many bytes they may have together. One more is refused. Default:
    /// 10,000 messages and 16 MiB.
    ///
    /// Topics that Redis refuses, such as one whose key has another type, may have half of that together, and the others at least half,
    /// whatever waits of the refused ones from before.
    ///
    /// A larger queue does not help a single topic for long: if a topic has members on this server, at most 16,384 of its
    /// messages may be on their way, from the publish until they come back from Redis. One more is refused as well.
    #[must_use]
    pub fn queue_limits(mut self, messages: usize, bytes: usize) -> Self {
        self.queue = Arc::new(Queue::new(messages, bytes));
        self
    }

    /// How long to wait for an answer or a connection. After that Redis counts as away. Default: 5 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often the server tells the others of its subscribers and hears of theirs
    /// ([`Handle::cluster_subscribers`](jackfield::Handle::cluster_subscribers)). One that has told nothing for three times
    /// that span is forgotten; so are all others, when Redis is away for as long. It costs two or three commands each time.
    /// Disabled by zero. Default: 2 s.
    #[must_use]
    pub fn presence_interval(mut self, every: Duration) -> Self {
        self.presence = every;
        self
    }
}

impl Broker for Redis {
    fn start(&self, inbox: BrokerInbox) {
        let setup = Setup {
            client: self.client.clone(),
            prefix: self.prefix.clone(),
            timeout: self.timeout,
            presence: self.presence,
            node: self.node,
            queue: self.queue.clone(),
            inbox: inbox.clone(),
        };
        let end = End(self.queue.clone());
        let run = move || {
            let _end = end;
            Writer::new(setup).run();
        };
        match thread::Builder::new().name("jackfield-redis".into()).spawn(run) {
            Ok(thread) => *self.thread() = Some(thread),
            Err(error) => inbox.down(&format!("no thread: {error}")),
        }
    }

    fn publish(&self, topic: &SharedTopic, message: Vec<u8>) -> Result<(), QueueFull> {
        self.queue.publish(topic, message)
    }

    fn follow(&self, topic: &SharedTopic, from: Option<Position>) {
        self.queue.push(Item::Follow(topic.clone(), from));
    }

    fn unfollow(&self, topic: &SharedTopic) {
        self.queue.push(Item::Unfollow(topic.name.clone()));
    }

    /// Sends what waits, if Redis can be reached, and waits for that, at most twice the timeout. What is left then is dropped.
    fn stop(&self) {
        self.queue.stop();
        let Some(thread) = self.thread().take() else { return };
        if self.queue.await_end(self.timeout.saturating_mul(2)) {
            // The thread has reported its errors to the observer.
            let _ = thread.join();
        }
    }

    fn node(&self) -> u64 {
        self.node
    }
}

impl Redis {
    fn thread(&self) -> std::sync::MutexGuard<'_, Option<JoinHandle<()>>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells of the end of the thread, also if it panics.
struct End(Arc<Queue>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.set_over();
    }
}

impl fmt::Debug for Redis {
    /// Without the address, which may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("prefix", &self.prefix)
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for BadAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not the address of a Redis server: {}", self.0)
    }
}

impl std::error::Error for BadAddress {}

/// Reads an address. The protocol is the one whose answers this crate reads.
fn parse_address(address: &str) -> redis::RedisResult<redis::ConnectionInfo> {
    let mut address: redis::ConnectionInfo = address.parse()?;
    address.redis.protocol = redis::ProtocolVersion::RESP2;
    Ok(address)
}

fn bad_address(error: redis::RedisError) -> BadAddress {
    BadAddress(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield::History;

    /// How many messages of this size wait for a Redis to which nothing is sent.
    fn waiting(bytes: usize) -> usize {
        let redis = Redis::new("redis://127.0.0.1:1").unwrap();
        let topic = SharedTopic::new("t", History::new(1));
        (0..20_000).take_while(|_| redis.publish(&topic, vec![0; bytes]).is_ok()).count()
    }

    #[test]
    fn k2_by_default_10_000_messages_and_16_mib_wait() {
        assert_eq!(waiting(0), 10_000);
        assert_eq!(waiting(1 << 20), 16);
    }

    #[test]
    fn k2_by_default_presence_is_told_every_2_s() {
        assert_eq!(Redis::new("redis://127.0.0.1:1").unwrap().presence, Duration::from_secs(2));
    }
}

/// The code in the readme compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
