//! Floods of commands from outside: values that are posted to connections, in such numbers that mailboxes are full now and
//! then. What was taken arrives in order and without a gap; what was not taken comes back.

use jackfield::ConnectionId;
use jackfield::sim::{Outside, Random};
use std::collections::HashMap;

/// A posted value: for whom it is, and the how manyth of those from outside; 0 for one that a connection posts to itself.
pub(crate) struct Letter {
    pub(crate) to: ConnectionId,
    number: usize,
}

/// The posted values of one simulation.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    /// By connection: the number of accepted values.
    taken: HashMap<ConnectionId, usize>,
    /// Letters that did not fit.
    pub(crate) refused: usize,
}

impl Letter {
    pub(crate) fn to_oneself(to: ConnectionId) -> Self {
        Self { to, number: 0 }
    }

    /// Checks it against the one before it, whose number is changed to its own.
    pub(crate) fn check(&self, latest: &mut usize) {
        if self.number > 0 {
            assert_eq!(self.number, *latest + 1, "letters that were taken are missing");
            *latest = self.number;
        }
    }
}

impl Mail {
    /// Posts this number of values to a connection at once.
    pub(crate) fn flood(&mut self, outside: &Outside<'_>, to: ConnectionId, letters: usize) {
        let taken = self.taken.entry(to).or_default();
        for _ in 0..letters {
            match outside.handle().post(to, Letter { to, number: *taken + 1 }) {
                Ok(()) => *taken += 1,
                Err(_) => self.refused += 1,
            }
        }
    }
}

/// How much mail there is at this seed, and how little of it has room. By chance of its own: a seed without floods is what
/// it was before there were any.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Floods {
    /// There are floods.
    pub(crate) are_there: bool,
    /// The capacity of a mailbox, in commands.
    pub(crate) mailbox_max: Option<usize>,
}

impl Floods {
    pub(crate) fn of(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0xf100d);
        let are_there = random.chance(100);
        Self { are_there, mailbox_max: (are_there && random.chance(500)).then(|| random.between(1, 20)) }
    }
}
