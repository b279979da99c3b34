//! The time of a line, rendered once a second.

use std::io::Write;

/// A second in both formats.
#[derive(Debug)]
pub(super) struct Stamp {
    unix_seconds: Option<u64>,
    /// ` - - [01/Jan/2026:00:00:00 +0000] "`: with the text around it, so that it is one copy.
    pub(super) common: [u8; 35],
    /// `2026-01-01T00:00:00Z`
    pub(super) iso: [u8; 20],
}

impl Default for Stamp {
    fn default() -> Self {
        Self { unix_seconds: None, common: [0; 35], iso: [0; 20] }
    }
}

impl Stamp {
    pub(super) fn renew(&mut self, unix_seconds: u64) {
        if self.unix_seconds != Some(unix_seconds) {
            self.unix_seconds = Some(unix_seconds);
            self.render(unix_seconds);
        }
    }

    #[cold]
    fn render(&mut self, unix_seconds: u64) {
        let unix_seconds = unix_seconds.min(LAST_SECOND);
        let (year, month, day) = date(unix_seconds / DAY);
        let (hour, minute, second) = (unix_seconds / 3600 % 24, unix_seconds / 60 % 60, unix_seconds % 60);
        let name = MONTHS[month as usize - 1];
        let mut common = &mut self.common[..];
        let written =
            write!(common, " - - [{day:02}/{name}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000] \"");
        debug_assert!(written.is_ok() && common.is_empty(), "it always has this length");
        let mut iso = &mut self.iso[..];
        let written = write!(iso, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
        debug_assert!(written.is_ok() && iso.is_empty(), "it always has this length");
    }
}

/// Year, month and day of the `days`-th day after 1970-01-01, in the Gregorian calendar. Years begin in March here, so
/// that the leap day is their last day; 400 years always have the same number of days.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

const DAY: u64 = 24 * 3600;
/// The last second that the formats can show: 9999-12-31, 23:59:59.
const LAST_SECOND: u64 = 253_402_300_799;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_dates() {
        for (second, iso, common) in [
            (u64::MAX, "9999-12-31T23:59:59Z", "31/Dec/9999:23:59:59 +0000"),
            (0, "1970-01-01T00:00:00Z", "01/Jan/1970:00:00:00 +0000"),
            (951_827_696, "2000-02-29T12:34:56Z", "29/Feb/2000:12:34:56 +0000"),
            (1_767_225_599, "2025-12-31T23:59:59Z", "31/Dec/2025:23:59:59 +0000"),
            (1_767_225_600, "2026-01-01T00:00:00Z", "01/Jan/2026:00:00:00 +0000"),
            (4_107_542_400, "2100-03-01T00:00:00Z", "01/Mar/2100:00:00:00 +0000"),
        ] {
            let mut stamp = Stamp::default();
            stamp.renew(second);
            assert_eq!(String::from_utf8_lossy(&stamp.iso), iso);
            assert_eq!(String::from_utf8_lossy(&stamp.common), format!(" - - [{common}] \""));
        }
    }
}
