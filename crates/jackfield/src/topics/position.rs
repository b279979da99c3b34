//! A place in the history of a topic: the id of an event on the wire.

use std::fmt;
use std::str::FromStr;

/// A position in the history of a topic, as `epoch.offset`. The epoch, in hexadecimal, is different for each history,
/// also for the same topic after a restart; later epochs are higher. The offset counts the publications, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Which history. Zero: not known yet.
    pub epoch: u64,
    /// How many publications there have been up to here.
    pub offset: u64,
}

/// The first publisher of a message: the node, and the number of the message among those of this node for the same
/// topic, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MessageOrigin {
    pub(crate) node: u64,
    pub(crate) sequence: u64,
}

/// How much of a topic a client has got: all messages up to a position, and also the messages of one node up to a
/// number, which that node delivered while it could not reach the others. On the wire `epoch.offset`, or
/// `epoch.offset.node.number`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReadPosition {
    pub(crate) position: Position,
    pub(crate) ahead: MessageOrigin,
}

/// Longer texts are ids of nothing.
pub(crate) const ID_BYTES_MAX: usize = 256;

/// The text is not a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAReadPosition;

impl ReadPosition {
    /// Whether a client at this position has already got this message, although its position is later.
    pub(crate) fn is_past(&self, origin: MessageOrigin) -> bool {
        self.ahead.node == origin.node && origin.sequence <= self.ahead.sequence
    }

    /// The message has come at its own position. After the last message that a client got early, none is ahead any
    /// more.
    pub(crate) fn pass(&mut self, origin: MessageOrigin) {
        if self.ahead.node == origin.node && origin.sequence >= self.ahead.sequence {
            self.ahead.sequence = 0;
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{}", self.epoch, self.offset)
    }
}

impl fmt::Display for ReadPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.position)?;
        match self.ahead {
            MessageOrigin { sequence: 0, .. } => Ok(()),
            MessageOrigin { node, sequence } => write!(f, ".{node:x}.{sequence}"),
        }
    }
}

impl FromStr for ReadPosition {
    type Err = NotAReadPosition;

    /// Reads what `Display` writes, and nothing else.
    fn from_str(text: &str) -> Result<Self, NotAReadPosition> {
        let mut parts = text.split('.');
        let mut number = |radix| match parts.next() {
            Some(part) => u64::from_str_radix(part, radix).map(Some).map_err(|_| NotAReadPosition),
            None => Ok(None),
        };
        let (epoch, offset) = (number(16)?.ok_or(NotAReadPosition)?, number(10)?.ok_or(NotAReadPosition)?);
        let (node, sequence) = (number(16)?.unwrap_or(0), number(10)?.unwrap_or(0));
        let place = Self { position: Position { epoch, offset }, ahead: MessageOrigin { node, sequence } };
        if place.to_string() == text { Ok(place) } else { Err(NotAReadPosition) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_written_positions_are_read() {
        for (epoch, offset, node, sequence) in [
            (0, 0, 0, 0),
            (0x1f, 17, 0, 0),
            (u64::MAX, u64::MAX, 0, 0),
            (1, 2, 0xabc, 7),
            (u64::MAX, u64::MAX, u64::MAX, u64::MAX),
        ] {
            let place = ReadPosition {
                position: Position { epoch, offset },
                ahead: MessageOrigin { node, sequence },
            };
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        for text in [
            "",
            ".",
            "1",
            "1.",
            ".1",
            "1.1.1",
            "1.1.1.",
            "1.1.1.0",
            "1.1.1.1.1",
            "1.1.01.1",
            "+1.1",
            "1.+1",
            "01.1",
            "1.01",
            "F.1",
            "1.-1",
            "g.1",
            "1. 1",
        ] {
            assert_eq!(text.parse::<ReadPosition>(), Err(NotAReadPosition), "{text}");
        }
    }

    #[test]
    fn an_id_has_two_parts_or_four() {
        let position = Position { epoch: 0xe, offset: 2 };
        for (node, sequence, id) in [(0, 0, "e.2"), (7, 0, "e.2"), (7, 2, "e.2.7.2")] {
            let place = ReadPosition { position, ahead: MessageOrigin { node, sequence } };
            assert_eq!(place.to_string(), id);
        }
    }

    #[test]
    fn only_its_own_node_is_ahead() {
        let place = ReadPosition {
            position: Position { epoch: 1, offset: 5 },
            ahead: MessageOrigin { node: 3, sequence: 2 },
        };
        for (node, sequence, is_past) in [(3, 1, true), (3, 2, true), (3, 3, false), (4, 1, false)] {
            assert_eq!(place.is_past(MessageOrigin { node, sequence }), is_past);
        }
    }
}
