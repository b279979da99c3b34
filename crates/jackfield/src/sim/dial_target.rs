//! The targets of outgoing connections, and the fate of each attempt.

use super::Random;
use super::places::address;
use jackfield_reactor::FarEnd;
use std::io::ErrorKind;

/// The side of the network: the fate of each address that is tried.
#[derive(Debug)]
pub(super) struct DialTarget {
    pub(super) fates: Vec<Fate>,
    /// The attempt that was not answered yet, and its number.
    pub(super) open_attempt: Option<(FarEnd, usize)>,
    /// Its name is looked up first, which may take some time.
    pub(super) is_named: bool,
    /// The error of the latest attempt that has failed.
    pub(super) failed: Option<ErrorKind>,
}

/// The fate of an attempt, and after how many milliseconds it comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fate {
    pub(super) answer: Answer,
    pub(super) delay: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Accept,
    Refuse(ErrorKind),
    Reset,
    Silence,
}

/// The most failing addresses before the one that may accept.
const MOST_BEFORE: usize = 3;

impl DialTarget {
    /// At random: some failing addresses, and one that accepts.
    pub(super) fn new(random: &mut Random, dials: u16) -> Self {
        let mut fates = Vec::new();
        if !random.chance(dials / 10) {
            let before = if random.chance(dials) { random.between(1, MOST_BEFORE) } else { 0 };
            fates.extend((0..before).map(|_| Fate::bad(random)));
            fates.push(if random.chance(dials) { Fate::bad(random) } else { Fate::good(random) });
        }
        let is_named = fates.len() != 1 || random.chance(500);
        Self { fates, open_attempt: None, is_named, failed: None }
    }

    /// The target: a name with all its addresses, or the address if there is only one.
    pub(super) fn place(&self, number: usize) -> String {
        if self.is_named {
            format!("call-{number}-{}.sim:80", self.fates.len())
        } else {
            address(number, 0).to_string()
        }
    }

    pub(super) fn has_open_attempt(&self) -> bool {
        self.open_attempt.is_some()
    }
}

impl Fate {
    fn good(random: &mut Random) -> Self {
        Self { answer: Answer::Accept, delay: delay(random) }
    }

    fn bad(random: &mut Random) -> Self {
        let answers = [
            Answer::Refuse(ErrorKind::ConnectionRefused),
            Answer::Refuse(ErrorKind::HostUnreachable),
            Answer::Reset,
            Answer::Silence,
        ];
        Self { answer: answers[random.below(answers.len())], delay: delay(random) }
    }
}

fn delay(random: &mut Random) -> u64 {
    if random.chance(500) { 0 } else { random.size(1000) as u64 }
}
