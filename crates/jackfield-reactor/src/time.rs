//! Time is an argument: milliseconds since the reactor was created.

use std::fmt;
use std::time::Duration;

/// Milliseconds since the reactor was created. The driver reads the clock once in each turn, so all of a turn happens at
/// the same time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Time(pub u64);

/// Later than any time.
pub(crate) const NEVER: Time = Time(u64::MAX);

impl Time {
    /// The time `wait` later, rounded up to a whole millisecond. Saturates.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(millis(wait)))
    }

    /// The time since `earlier`. Zero if `earlier` is later than this.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Time {
    /// What [`Time::since`] would return if times had 32 bits. For a planted bug.
    pub(crate) fn low_since(self, earlier: Self) -> Duration {
        Duration::from_millis((self.0 as u32).saturating_sub(earlier.0 as u32).into())
    }
}

impl fmt::Display for Time {
    /// In seconds: `12.345 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} s", self.0 / 1000, self.0 % 1000)
    }
}

/// Whole milliseconds, rounded up, so that nothing is due too early.
pub(crate) fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_shown_in_seconds() {
        for (time, shown) in [(0, "0.000 s"), (7, "0.007 s"), (12_345, "12.345 s")] {
            assert_eq!(Time(time).to_string(), shown);
        }
    }
}
