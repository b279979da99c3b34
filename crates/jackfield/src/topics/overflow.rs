//! What happens to a peer that reads too slowly.

/// What happens to a peer that reads more slowly than you send, once its backlog has reached the limit
/// `limits.reactor.outbox_bytes_max`. A connection has a policy ([`Connection::set_overflow`](crate::Connection::set_overflow)), and
/// a topic with a history may have one ([`History::overflow`](crate::History::overflow)). If both are set, the one that is
/// listed first here counts.
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
/// With the last two, what is published to a congested peer waits in a queue of its connection. What is sent to this peer alone,
/// and control frames, go past that queue. What the queue still has when its connection ends is dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Overflow {
    /// The connection is closed, a WebSocket with 1013 (try again later). The default: nothing is lost unnoticed.
    #[default]
    Close,
    /// The sender is told [`Sent::Full`](crate::Sent::Full), and decides. A published message is dropped and counted.
    GiveBack,
    /// The message is dropped and counted.
    DropNewest,
    /// Of what was published and waits, the oldest makes room. It is counted.
    DropOldest,
    /// Of what was published with a key ([`Publication::key`](crate::Publication::key)) and waits, only the newest for each
    /// key is kept, in the order in which they were published; a key that changes faster than the peer reads comes last.
    /// What has no key waits as with [`Overflow::DropOldest`]. What is dropped is counted.
    NewestPerKey,
}

impl Overflow {
    /// What is published waits in a queue.
    pub(crate) fn is_queue(self) -> bool {
        matches!(self, Self::DropOldest | Self::NewestPerKey)
    }
}

#[cfg(test)]
mod tests {
    use super::Overflow::*;

    #[test]
    fn the_stricter_stands_first() {
        let order = [Close, GiveBack, DropNewest, DropOldest, NewestPerKey];
        assert!(order.is_sorted());
        assert_eq!(order.map(super::Overflow::is_queue), [false, false, false, true, true]);
    }
}

/// What a topic says of members that read too slowly. What it says nothing of is as their connections have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) overflow: Option<Overflow>,
    /// Bytes of backlog.
    pub(crate) backlog_max: Option<usize>,
}
