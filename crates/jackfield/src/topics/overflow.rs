//! What happens to a peer that reads too slowly.

/// What happens to a peer that reads more slowly than you send, once its backlog has reached the limit
/// `limits.reactor.outbox_bytes_max`. A connection has a policy
/// ([`Connection::set_overflow`](crate::Connection::set_overflow)), and a topic with a history may have one
/// ([`History::overflow`](crate::History::overflow)). If both are set, the one that is listed first here applies. The default of
/// a connection does not count as set: then the policy of the topic applies to messages of the topic.
///
/// ```
/// use jackfield::{Client, Connection, Overflow};
///
/// struct Viewer;
///
/// impl Client for Viewer {
///     fn on_connect(&mut self, connection: &mut Connection<'_>) {
///         // Positions in a game: an old one is of no use.
///         connection.set_overflow(Overflow::DropOldest);
///     }
/// }
/// ```
///
/// With the last two, messages that are published to a congested peer wait in a queue of its connection. Messages to this peer
/// alone, and control frames, do not go through that queue. When the connection ends, the messages in the queue are dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Overflow {
    /// The connection is closed, a WebSocket with 1013 (try again later). This is the default: no message is lost
    /// without a notice.
    #[default]
    Close,
    /// The sender gets [`Sent::Full`](crate::Sent::Full), and decides. A published message is dropped and counted.
    GiveBack,
    /// The message is dropped and counted.
    DropNewest,
    /// The oldest published message that waits is dropped and counted.
    DropOldest,
    /// Of the messages with a key ([`Publication::key`](crate::Publication::key)) that wait, only the newest for each key
    /// of a topic is kept, in the order in which they were published; so a key that changes faster than the peer reads comes last. A
    /// message without a key waits as with [`Overflow::DropOldest`]. Dropped messages are counted.
    NewestPerKey,
}

impl Overflow {
    /// With this policy published messages wait in a queue.
    pub(crate) fn has_queue(self) -> bool {
        matches!(self, Self::DropOldest | Self::NewestPerKey)
    }
}

#[cfg(test)]
mod tests {
    use super::Overflow::*;

    #[test]
    fn the_stricter_policy_comes_first() {
        let order = [Close, GiveBack, DropNewest, DropOldest, NewestPerKey];
        assert!(order.is_sorted());
        assert_eq!(order.map(super::Overflow::has_queue), [false, false, false, true, true]);
    }
}

/// A topic's policy for members that read too slowly. Where it is `None`, the connection's applies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) overflow: Option<Overflow>,
    /// Bytes of backlog.
    pub(crate) backlog_max: Option<usize>,
}
