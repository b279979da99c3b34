//! What the connections whose bandwidth is limited may still receive and send.

use crate::limits::Bandwidth;
use crate::time::Time;
use crate::tokens::TokenBucket;
use std::time::Duration;

/// What one connection may still receive and send.
#[derive(Debug)]
pub(crate) struct Buckets {
    pub(super) input: TokenBucket,
    pub(super) output: TokenBucket,
    /// Since when it is not read.
    paused_at: Option<Time>,
    /// For how long it was not read since this was last asked.
    paused: Duration,
}

/// Whoever is out of tokens waits for those of a tenth of a second, so that its limit costs ten timers a second and not one for
/// each byte.
const PORTIONS: u32 = 10;

impl Buckets {
    /// Both full. `paused`: for so long it was not read before.
    pub(super) fn new(bandwidth: Bandwidth, now: Time, paused: Duration) -> Self {
        let [input, output] =
            [bandwidth.bytes_in, bandwidth.bytes_out].map(|rate| TokenBucket::new(rate, now));
        Self { input, output, paused_at: None, paused }
    }

    /// From now on it is not read.
    pub(super) fn pause(&mut self, now: Time) {
        self.paused_at.get_or_insert(now);
    }

    pub(super) fn resume(&mut self, now: Time) {
        if let Some(since) = self.paused_at.take() {
            self.paused += now.since(since);
        }
    }

    /// For how long it was not read since this was last asked, until now.
    pub(super) fn take_pause(&mut self, now: Time) -> Duration {
        if self.paused_at.is_some() {
            self.resume(now);
            self.pause(now);
        }
        std::mem::take(&mut self.paused)
    }
}

/// The tokens that are waited for at least.
pub(super) fn portion(bucket: &TokenBucket) -> u64 {
    (bucket.rate() / PORTIONS).max(1).into()
}

/// The tokens that come back in such a time.
pub(super) fn tokens_in(bucket: &TokenBucket, time: Duration) -> u64 {
    let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    u64::from(bucket.rate()).saturating_mul(milliseconds) / 1000
}
