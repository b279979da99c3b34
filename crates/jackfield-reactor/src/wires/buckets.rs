//! The token buckets of connections whose bandwidth is limited.

use crate::limits::Bandwidth;
use crate::time::Time;
use crate::tokens::TokenBucket;
use std::time::Duration;

/// How much one connection may still receive and send.
#[derive(Debug)]
pub(crate) struct BandwidthBuckets {
    pub(super) input: TokenBucket,
    pub(super) output: TokenBucket,
    /// Since when output is held, if it is.
    pub(super) held_at: Time,
    /// Since when the connection is not read.
    paused_at: Option<Time>,
    /// How long it was not read since [`BandwidthBuckets::take_pause`] was last called.
    paused: Duration,
}

/// A connection without tokens waits until a tenth of a second's tokens are there. So its limit costs at most ten timers a
/// second, and not one timer for each byte.
const PORTIONS: u32 = 10;

impl BandwidthBuckets {
    /// Two full buckets. `paused`: how long the connection was not read before.
    pub(super) fn new(bandwidth: Bandwidth, now: Time, paused: Duration) -> Self {
        let [input, output] =
            [bandwidth.bytes_in, bandwidth.bytes_out].map(|rate| TokenBucket::new(rate, now));
        Self { input, output, held_at: now, paused_at: None, paused }
    }

    /// The connection is not read from now on.
    pub(super) fn pause(&mut self, now: Time) {
        self.paused_at.get_or_insert(now);
    }

    pub(super) fn resume(&mut self, now: Time) {
        if let Some(since) = self.paused_at.take() {
            self.paused += now.since(since);
        }
    }

    /// How long it was not read since the last call, until now.
    pub(super) fn take_pause(&mut self, now: Time) -> Duration {
        if self.paused_at.is_some() {
            self.resume(now);
            self.pause(now);
        }
        std::mem::take(&mut self.paused)
    }
}

/// The smallest number of tokens that is waited for.
pub(super) fn portion(bucket: &TokenBucket) -> u64 {
    (bucket.rate() / PORTIONS).max(1).into()
}

/// The tokens that come back in this time.
pub(super) fn tokens_in(bucket: &TokenBucket, time: Duration) -> u64 {
    let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    u64::from(bucket.rate()).saturating_mul(milliseconds) / 1000
}
