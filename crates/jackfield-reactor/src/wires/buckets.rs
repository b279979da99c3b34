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
    /// When the last byte of the peer came, and for how long output was held since then.
    held: (Time, Duration),
    /// Since when the connection is not read.
    paused_at: Option<Time>,
    /// How long it was not read since [`BandwidthBuckets::take_pause`] was last called.
    paused: Duration,
}

/// A connection without tokens waits until a tenth of a second's tokens are there. So its limit costs at most ten timers a
/// second, and not one timer for each byte.
const PORTIONS: u32 = 10;

impl BandwidthBuckets {
    /// Two full buckets, in place of these old ones.
    pub(super) fn new(bandwidth: Bandwidth, now: Time, old: Option<Self>) -> Self {
        let (paused, held) = old.map(|mut old| (old.take_pause(now), old.held)).unwrap_or_default();
        let [input, output] =
            [bandwidth.bytes_in, bandwidth.bytes_out].map(|rate| TokenBucket::new(rate, now));
        Self { input, output, held_at: now, held, paused_at: None, paused }
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

    /// Its output is not held any more.
    pub(super) fn unhold(&mut self, last_received: Time, now: Time) {
        let before = self.held_since(last_received);
        self.held = (last_received, before + now.since(self.held_at.max(last_received)));
    }

    /// For how long output was held since the last byte came, without a hold that goes on.
    pub(super) fn held_since(&self, last_received: Time) -> Duration {
        if self.held.0 == last_received { self.held.1 } else { Duration::ZERO }
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
