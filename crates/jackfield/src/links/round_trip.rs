//! A round trip in one byte.

use std::time::Duration;

/// A round trip of a heartbeat, or none yet. It is exact below 16 ms; above that it has five binary digits, so it is wrong by at
/// most 1 in 32. The longest is eight minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RoundTrip(u8);

impl RoundTrip {
    /// The nearest that there is.
    pub(crate) fn near(span: Duration) -> Self {
        let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX).min(LONGEST_MS);
        let code = match ms {
            0..16 => ms,
            _ => {
                let shift = ms.ilog2() - 4;
                // 16 to 32, of which 32 is 16 of the next shift.
                let digits = (ms + (1 << shift >> 1)) >> shift;
                16 * u64::from(shift) + digits
            }
        };
        Self(code as u8 + 1)
    }

    pub(crate) fn get(self) -> Option<Duration> {
        let code = u64::from(self.0.checked_sub(1)?);
        let ms = if code < 16 { code } else { (16 + code % 16) << (code / 16 - 1) };
        Some(Duration::from_millis(ms))
    }
}

/// The code 254.
const LONGEST_MS: u64 = 30 << 14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_trip_is_near_the_one_that_was_measured() {
        assert_eq!(RoundTrip::default().get(), None);
        let kept = |ms| RoundTrip::near(Duration::from_millis(ms)).get().map(|span| span.as_millis() as u64);
        for ms in 0..=LONGEST_MS {
            let kept = kept(ms).expect("it is kept");
            let exact = if ms < 32 { ms } else { kept };
            assert!(kept == exact && kept.abs_diff(ms) <= ms / 32, "{ms}: {kept}");
        }
        assert_eq!([kept(LONGEST_MS + 1), kept(u64::MAX)], [Some(LONGEST_MS); 2]);
    }
}
