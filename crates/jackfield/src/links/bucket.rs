//! The rate of a connection: a token bucket for messages and one for bytes.

use crate::config::{OnRateExceeded, Rate};
use jackfield_reactor::{Time, TokenBucket};
use std::time::Duration;

/// How many messages and bytes a connection may still send.
#[derive(Debug)]
pub(crate) struct Bucket {
    messages: TokenBucket,
    /// In debt after a read that was too long.
    bytes: TokenBucket,
    on_exceeded: OnRateExceeded,
    /// The begin of the present pause.
    paused_at: Option<Time>,
    /// The length of the pauses since `take_pause`.
    paused: Duration,
    /// The reactor's count of messages before the present bytes.
    counted_before: u64,
}

/// The shortest pause: a peer at its limit costs ten timers a second, not one for each message.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

impl Bucket {
    pub(crate) fn new(rate: Rate, now: Time, counted: u64) -> Self {
        Self {
            messages: TokenBucket::new(rate.messages, now),
            bytes: TokenBucket::new(rate.bytes, now),
            on_exceeded: rate.on_exceeded,
            paused_at: None,
            paused: Duration::ZERO,
            counted_before: counted,
        }
    }

    pub(crate) fn exceeded_action(&self) -> OnRateExceeded {
        self.on_exceeded
    }

    /// Called before bytes are handled. `counted`: the messages that the reactor has counted so far.
    pub(crate) fn begin(&mut self, now: Time, counted: u64) {
        self.messages.fill(now);
        self.bytes.fill(now);
        self.counted_before = counted;
    }

    /// Called after bytes were handled: how many were used, and the messages that the reactor has counted now.
    pub(crate) fn charge(&mut self, used: usize, counted: u64) {
        self.messages.take(counted.wrapping_sub(self.counted_before));
        self.bytes.take(used as u64);
    }

    /// Messages that are allowed now.
    pub(crate) fn messages_left(&self) -> usize {
        usize::try_from(self.messages.left()).unwrap_or(usize::MAX)
    }

    pub(crate) fn has_bytes(&self) -> bool {
        self.bytes.left() > 0
    }

    /// Begins a pause in which the connection is not read. Returns its length.
    pub(crate) fn pause(&mut self, now: Time) -> Duration {
        self.paused_at.get_or_insert(now);
        self.messages.time_until(1).max(self.bytes.time_until(1)).max(SHORTEST_PAUSE)
    }

    pub(crate) fn resume(&mut self, now: Time) {
        if let Some(since) = self.paused_at.take() {
            self.paused += now.since(since);
        }
    }

    /// The length of the pauses since the last call.
    pub(crate) fn take_pause(&mut self) -> Duration {
        std::mem::take(&mut self.paused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Charges messages and bytes at these times (in ms); then checks the messages that are left and the length of a
    /// pause.
    fn check(rate: Rate, steps: &[(u64, u64, usize, usize, u64)]) {
        let mut bucket = Bucket::new(rate, Time(0), 0);
        for &(at, messages, bytes, left, pause_ms) in steps {
            bucket.begin(Time(at), 1000);
            bucket.charge(bytes, 1000 + messages);
            assert_eq!(bucket.messages_left(), left, "at {at}");
            assert_eq!(bucket.pause(Time(at)), Duration::from_millis(pause_ms), "at {at}");
        }
    }

    #[test]
    fn a_rate_is_that_of_one_second_by_the_millisecond() {
        let rate = Rate { messages: 10, bytes: 0, on_exceeded: OnRateExceeded::Pause };
        check(
            rate,
            &[(0, 10, 9999, 0, 100), (99, 0, 0, 0, 100), (100, 0, 0, 1, 100), (60_000, 3, 0, 7, 100)],
        );
        let slow = Rate { messages: 2, ..rate };
        check(slow, &[(0, 2, 0, 0, 500), (250, 0, 0, 0, 250), (500, 1, 0, 0, 500)]);
        // A debt is paid in full.
        let bytes = Rate { messages: 0, bytes: 1000, on_exceeded: OnRateExceeded::Pause };
        check(bytes, &[(0, 0, 5000, usize::MAX, 4001), (4000, 0, 0, usize::MAX, 100)]);
    }

    #[test]
    fn no_number_overflows() {
        let rate = Rate { messages: u32::MAX, bytes: u32::MAX, on_exceeded: OnRateExceeded::Close };
        let mut bucket = Bucket::new(rate, Time(0), 0);
        bucket.begin(Time(u64::MAX), 0);
        bucket.charge(usize::MAX, u64::MAX);
        bucket.charge(usize::MAX, u64::MAX);
        assert_eq!((bucket.messages_left(), bucket.has_bytes()), (0, false));
        assert!(bucket.pause(Time(0)) > Duration::from_secs(1));
    }

    #[test]
    fn pauses_add_up() {
        let mut bucket = Bucket::new(Rate { messages: 1, ..Rate::default() }, Time(0), 0);
        for (from, to) in [(10, 20), (50, 90)] {
            bucket.pause(Time(from));
            bucket.pause(Time(from + 1));
            bucket.resume(Time(to));
            bucket.resume(Time(to + 5));
        }
        assert_eq!(bucket.take_pause(), Duration::from_millis(50));
        assert_eq!(bucket.take_pause(), Duration::ZERO);
    }
}
