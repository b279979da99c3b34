//! A place in the history of a topic: the id of an event on the wire.

use std::fmt;
use std::str::FromStr;

/// A place in the history of a topic, as `epoch.offset`: the epoch in hexadecimal tells one history from every other,
/// also from that of the same topic before a restart; the offset counts what was published, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) epoch: u64,
    pub(crate) offset: u64,
}

/// This text is no position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAPosition;

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{}", self.epoch, self.offset)
    }
}

impl FromStr for Position {
    type Err = NotAPosition;

    /// Reads what `Display` writes, and nothing else.
    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        let (epoch, offset) = text.split_once('.').ok_or(NotAPosition)?;
        let epoch = u64::from_str_radix(epoch, 16).map_err(|_| NotAPosition)?;
        let position = Self { epoch, offset: offset.parse().map_err(|_| NotAPosition)? };
        if position.to_string() == text { Ok(position) } else { Err(NotAPosition) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        for position in [(0, 0), (0x1f, 17), (u64::MAX, u64::MAX)] {
            let position = Position { epoch: position.0, offset: position.1 };
            assert_eq!(position.to_string().parse(), Ok(position));
        }
        for text in
            ["", ".", "1", "1.", ".1", "1.1.1", "+1.1", "1.+1", "01.1", "1.01", "F.1", "1.-1", "g.1", "1. 1"]
        {
            assert_eq!(text.parse::<Position>(), Err(NotAPosition), "{text}");
        }
    }
}
