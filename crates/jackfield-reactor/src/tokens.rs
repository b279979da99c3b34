//! Token buckets.
//!
//! Tokens are counted in thousandths, so that each millisecond adds a whole number of them, and nothing is lost by
//! rounding.

use crate::time::Time;
use std::time::Duration;

/// A token bucket. It holds at most the tokens of one second, and fills evenly. More tokens can be taken than it holds; the
/// debt is paid before new tokens count.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    rate: u32,
    /// Below zero: a debt.
    thousandths: i64,
    filled_at: Time,
}

impl TokenBucket {
    /// A full bucket with this rate, in tokens a second. Disabled by zero.
    pub fn new(rate: u32, now: Time) -> Self {
        Self { rate, thousandths: full(rate), filled_at: now }
    }

    /// The rate, in tokens a second.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Adds the tokens of the time since the last call.
    pub fn fill(&mut self, now: Time) {
        let passed = i64::try_from(now.since(self.filled_at).as_millis()).unwrap_or(i64::MAX);
        let more = i64::from(self.rate).saturating_mul(passed);
        self.thousandths = self.thousandths.saturating_add(more).min(full(self.rate));
        self.filled_at = now;
    }

    /// Takes this many tokens, even if it holds fewer.
    pub fn take(&mut self, tokens: u64) {
        self.thousandths = self.thousandths.saturating_sub(thousand(tokens));
    }

    /// The whole tokens that it holds; zero if it has a debt. `u64::MAX` if it is disabled.
    pub fn left(&self) -> u64 {
        if self.rate == 0 { u64::MAX } else { u64::try_from(self.thousandths / 1000).unwrap_or(0) }
    }

    /// How long it takes after the last [`TokenBucket::fill`] until it holds this many tokens, or is full. Rounded up to a
    /// whole millisecond; zero if it is disabled.
    pub fn time_until(&self, tokens: u64) -> Duration {
        let missing = thousand(tokens).min(full(self.rate)).saturating_sub(self.thousandths);
        self.time_of(missing)
    }

    /// How long it takes until this many tokens are added. Rounded up to a whole millisecond; zero if it is disabled.
    pub(crate) fn time_to_gain(&self, tokens: u64) -> Duration {
        self.time_of(thousand(tokens))
    }

    fn time_of(&self, thousandths: i64) -> Duration {
        let (thousandths, rate) = (u64::try_from(thousandths).unwrap_or(0), u64::from(self.rate));
        Duration::from_millis(if rate == 0 { 0 } else { thousandths.div_ceil(rate) })
    }
}

fn thousand(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(1000)
}

/// The tokens of one second, in thousandths.
fn full(rate: u32) -> i64 {
    thousand(rate.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes tokens at these times (in ms); checks how many are left, and how long it takes until a number of them is
    /// there.
    fn check(rate: u32, steps: &[(u64, u64, u64, (u64, u64))]) {
        let mut bucket = TokenBucket::new(rate, Time(0));
        for &(at, taken, left, (tokens, wait_ms)) in steps {
            bucket.fill(Time(at));
            bucket.take(taken);
            assert_eq!(bucket.left(), left, "at {at}");
            assert_eq!(bucket.time_until(tokens), Duration::from_millis(wait_ms), "at {at}");
        }
    }

    #[test]
    fn a_rate_bucket_holds_one_second_and_fills_by_the_millisecond() {
        check(
            10,
            &[(0, 10, 0, (1, 100)), (99, 0, 0, (1, 1)), (100, 0, 1, (1, 0)), (60_000, 3, 7, (10, 300))],
        );
        check(3, &[(0, 3, 0, (1, 334)), (333, 0, 0, (1, 1)), (334, 0, 1, (3, 666))]);
        // A debt is paid in full. A wait for more tokens than the bucket holds is a wait for a full bucket.
        check(1000, &[(0, 5000, 0, (1, 4001)), (4000, 0, 0, (1, 1)), (4001, 0, 1, (u64::MAX, 999))]);
        check(0, &[(0, u64::MAX, u64::MAX, (u64::MAX, 0)), (u64::MAX, 1, u64::MAX, (1, 0))]);
    }

    #[test]
    fn tokens_are_gained_evenly() {
        for (rate, tokens, ms) in [(10, 0, 0), (10, 1, 100), (3, 1, 334), (3, 300, 100_000), (0, u64::MAX, 0)]
        {
            assert_eq!(TokenBucket::new(rate, Time(0)).time_to_gain(tokens), Duration::from_millis(ms));
        }
    }

    #[test]
    fn no_number_overflows() {
        let most = u64::from(u32::MAX);
        check(u32::MAX, &[(0, u64::MAX, 0, (1, 2147482649)), (u64::MAX, most, 0, (u64::MAX, 1000))]);
    }
}
