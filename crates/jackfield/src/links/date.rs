//! The date that every answer carries.

use crate::shared::WallClock;
use jackfield_proto::http1::DateBlock;
use jackfield_reactor::Time;
use std::time::Duration;

/// The present second as an HTTP date, rendered once a second.
pub(crate) struct Date {
    clock: WallClock,
    block: DateBlock,
    until: Time,
}

impl Date {
    pub(crate) fn new(clock: WallClock) -> Self {
        Self { clock, block: DateBlock::new(0), until: Time(0) }
    }

    /// The date at this time.
    #[inline(always)]
    pub(crate) fn at(&mut self, now: Time) -> &DateBlock {
        if now >= self.until {
            self.read_clock(now);
        }
        &self.block
    }

    #[cold]
    #[inline(never)]
    fn read_clock(&mut self, now: Time) {
        let since_epoch = self.clock.since_epoch(now);
        self.block.renew(since_epoch.as_secs());
        self.until = now.after(Duration::from_millis(1000 - u64::from(since_epoch.subsec_millis())));
    }
}
