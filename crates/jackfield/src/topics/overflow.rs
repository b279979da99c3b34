//! What happens to a peer that reads too slowly.

/// What happens to a peer that reads more slowly than it is sent to, once its backlog has reached the cap. A connection has
/// one ([`Connection::set_overflow`](crate::Connection::set_overflow)), and so may a topic have that keeps a history
/// ([`History::overflow`](crate::History::overflow)): where both are set the stricter one holds, which is the one that stands
/// first here.
///
/// With the last two, what is published to a peer that is congested waits in a queue of its connection, behind what was
/// sent to it already; what is sent to it alone goes past that queue, and control frames do. What a queue still has when
/// its connection ends is dropped.
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
