//! A peer that the server stops to read, for good: it is only noticed that it has left.

use jackfield::sim::Random;
use jackfield::sim::peer::{Peer, PeerConnection};
use jackfield::test::listener;

/// The line at which the server stops to read.
pub(crate) const WORD: &str = "hold";

/// Says that it is not to be read any more, perhaps more behind it, and leaves.
#[derive(Debug)]
pub(crate) struct Held {
    lines_behind: usize,
    resets: bool,
}

impl Held {
    pub(crate) fn new(random: &mut Random) -> Self {
        Self { lines_behind: random.below(3), resets: random.chance(300) }
    }
}

impl Peer for Held {
    fn listener(&self) -> usize {
        listener::LINES
    }

    fn on_connect(&mut self, line: &mut PeerConnection<'_>) {
        line.say(format!("{WORD}\n").as_bytes());
        (0..self.lines_behind).for_each(|_| line.say(b"unread\n"));
        if self.resets {
            line.reset();
        } else {
            line.finish();
        }
    }

    fn on_bytes(&mut self, line: &mut PeerConnection<'_>, bytes: &mut Vec<u8>) {
        line.wrong(format!("{} bytes came for what was not to be read", bytes.len()));
        bytes.clear();
    }

    fn is_done(&self) -> bool {
        true
    }

    fn may_fall_silent(&self) -> bool {
        false
    }
}
