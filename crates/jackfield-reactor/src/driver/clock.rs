//! The time of a turn, and which turns are timed.

use crate::time::Time;
use std::time::{Duration, Instant};

/// Whole milliseconds since the start, computed only when they change.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    pub(crate) now: Time,
    next: Instant,
    /// This turn is timed, and began here.
    pub(crate) is_timed: bool,
    pub(crate) begin: Instant,
    /// The end of the turn that was timed last.
    pub(crate) end: Instant,
    /// The number of that turn, and whether the one before it was timed as well.
    timed_turn: u64,
    pub(crate) follows: bool,
    /// All turns up to this number are timed.
    watched_turn: u64,
    /// Since then no poll has told of everything that was ready.
    pub(crate) behind: Option<Instant>,
}

const MILLISECOND: Duration = Duration::from_millis(1);

/// Where turns are short, one in so many is timed at most.
const TURNS_PER_SAMPLE: u64 = 64;

/// So many turns are timed after more than a millisecond has passed between two.
const WATCHED_TURNS: u64 = 8;

impl Clock {
    pub(crate) fn new() -> Self {
        let start = Instant::now();
        Self {
            start,
            now: Time(0),
            next: start + MILLISECOND,
            is_timed: false,
            begin: start,
            end: start,
            timed_turn: 0,
            follows: false,
            watched_turn: 0,
            behind: None,
        }
    }

    /// A turn begins. Most fall into the millisecond of the one before and cost two comparisons.
    #[inline(always)]
    pub(crate) fn tick(&mut self, at: Instant, turn: u64) {
        if at >= self.next {
            self.begin_millisecond(at, turn);
        } else if turn <= self.watched_turn {
            self.begin_timed(at, turn);
        }
    }

    /// Another millisecond has begun: nearly always the next one, under load. If not, a turn was long, or the reactor
    /// slept, and the next turns will tell which: long ones often alternate with short ones. Where turns are short, a few
    /// are timed, and the others are not worth a further look at the clock.
    #[inline(never)]
    fn begin_millisecond(&mut self, at: Instant, turn: u64) {
        self.now = Time(self.now.0 + 1);
        self.next += MILLISECOND;
        if at >= self.next {
            let passed = at - self.start;
            self.now = Time(passed.as_secs() * 1000 + u64::from(passed.subsec_millis()));
            self.next = self.start + Duration::from_millis(self.now.0 + 1);
            self.watched_turn = turn + WATCHED_TURNS;
        }
        if turn <= self.watched_turn || turn - self.timed_turn >= TURNS_PER_SAMPLE {
            self.begin_timed(at, turn);
        }
    }

    #[inline(never)]
    fn begin_timed(&mut self, at: Instant, turn: u64) {
        self.follows = turn - self.timed_turn <= 1;
        (self.is_timed, self.begin, self.timed_turn) = (true, at, turn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Turns of so many microseconds, in turns, with nothing between them: how many of a thousand were timed, and of how
    /// many of these it is known that there was no sleep before them.
    fn timed(lengths: &[u64]) -> (usize, usize) {
        let mut clock = Clock::new();
        let (mut at, mut timed, mut known) = (clock.start, 0, 0);
        for (turn, length) in (0..1000).zip(lengths.iter().cycle()) {
            clock.tick(at, turn);
            let is_timed = std::mem::take(&mut clock.is_timed);
            (timed, known) = (timed + usize::from(is_timed), known + usize::from(is_timed && clock.follows));
            at += Duration::from_micros(*length);
        }
        assert_eq!(
            clock.now.0,
            (at - Duration::from_micros(lengths[999 % lengths.len()]) - clock.start).as_millis() as u64
        );
        (timed, known)
    }

    /// A server at its limit accepts in one turn and serves in the next, and only the short ones were timed.
    #[test]
    fn long_turns_are_timed_though_they_alternate_with_short_ones() {
        for lengths in [&[5000][..], &[5000, 20], &[20, 20, 5000, 20, 20, 20], &[2500, 40, 300]] {
            let (timed, known) = timed(lengths);
            assert!(timed >= 990 && known >= 990, "{timed} and {known} with {lengths:?}");
        }
    }

    #[test]
    fn of_short_turns_few_are_timed() {
        for lengths in [&[4][..], &[20], &[100], &[4, 20, 100]] {
            let (timed, _known) = timed(lengths);
            assert!(timed <= 1000 / 64 + 1, "{timed} with {lengths:?}");
        }
    }
}
