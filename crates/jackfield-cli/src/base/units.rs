//! Quantities with their units, as people write and read them.

use std::time::Duration;

/// `1.5s`, `300ms`, `250us`, `2m`; a bare number counts seconds.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let seconds = parse(text, 1.0, DURATIONS)
        .ok_or_else(|| format!("`{text}` is not a duration, such as `10s`, `500ms` or `2m`"))?;
    if seconds > SECONDS_MAX {
        return Err(format!("`{text}` is too long: a duration is at most a year"));
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("`{text}` is not a duration"))
}

/// The same for the time that something may take.
pub(crate) fn parse_timeout(text: &str) -> Result<Duration, String> {
    let timeout = parse_duration(text)?;
    if timeout.is_zero() { Err("the timeout must be above zero".into()) } else { Ok(timeout) }
}

/// `20`, `16KiB`, `1MiB`: a number of bytes.
pub fn parse_size(text: &str) -> Result<usize, String> {
    let bytes = parse(text, 1.0, SIZES)
        .ok_or_else(|| format!("`{text}` is not a size, such as `20`, `16KiB` or `1MiB`"))?;
    if bytes <= SIZE_MAX { Ok(bytes as usize) } else { Err(format!("`{text}` is more than 1 GiB")) }
}

/// A number per second: `5000`, `20k`, `1.5M`.
pub fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = parse(text, 1.0, RATES)
        .ok_or_else(|| format!("`{text}` is not a rate, such as `5000`, `20k` or `1.5M`"))?;
    if rate > RATE_MAX {
        return Err(format!("`{text}` is too much: a rate is at most 1000M"));
    }
    if rate > 0.0 { Ok(rate) } else { Err("the rate must be above zero".into()) }
}

/// A number with one of these units behind it, or with none.
pub fn parse(text: &str, bare: f64, units: &[(&str, f64)]) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().ok()?;
    let factor = match unit.trim() {
        "" => bare,
        unit => units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1,
    };
    Some(number * factor)
}

/// Units of time, in seconds.
pub const DURATIONS: &[(&str, f64)] = &[
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("min", 60.0),
    ("h", 3600.0),
];
/// Units of memory, in bytes.
pub const SIZES: &[(&str, f64)] = &[
    ("B", 1.0),
    ("k", 1024.0),
    ("KiB", 1024.0),
    ("KB", 1000.0),
    ("M", 1_048_576.0),
    ("MiB", 1_048_576.0),
    ("MB", 1_000_000.0),
    ("GiB", 1_073_741_824.0),
];
/// Units of what is counted.
pub const RATES: &[(&str, f64)] = &[("k", 1e3), ("M", 1e6), ("/s", 1.0), ("k/s", 1e3), ("M/s", 1e6)];

/// The longest duration: a year. It can be added to any time of the system.
const SECONDS_MAX: f64 = 365.0 * 24.0 * 3600.0;

/// The longest message or block.
const SIZE_MAX: f64 = 1_073_741_824.0;

/// The highest rate: an operation in each nanosecond.
const RATE_MAX: f64 = 1e9;

/// A time in nanoseconds with three significant digits.
pub fn time(ns: f64) -> String {
    scaled(ns, &[("ns", 1.0), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)])
}

/// A number of bytes.
pub fn bytes(bytes: f64) -> String {
    scaled(bytes, &[("B", 1.0), ("KiB", 1024.0), ("MiB", 1_048_576.0), ("GiB", 1_073_741_824.0)])
}

/// A whole number with thousands set apart.
pub fn count(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number a second: below ten with three significant digits, and otherwise as a whole number.
pub fn rate(number: f64) -> String {
    if number >= 10.0 {
        return count(number);
    }
    // The logarithm of zero is infinite.
    let decimals = (2.0 - number.log10().floor()).min(9.0) as usize;
    let text = format!("{number:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The largest unit of which there is at least one.
fn scaled(value: f64, units: &[(&str, f64)]) -> String {
    let (unit, factor) = units.iter().rev().find(|(_, factor)| value >= *factor).unwrap_or(&units[0]);
    let value = value / factor;
    let decimals = match value {
        _ if *factor == 1.0 => 0,
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{value:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_read_as_people_write_them() {
        for (text, ms) in [("2", 2000), ("1.5s", 1500), ("300ms", 300), ("2m", 120_000), (" 5 ms", 5)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for (text, bytes) in [("20", 20), ("16KiB", 16 << 10), ("64k", 64 << 10), ("1MiB", 1 << 20)] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for (text, rate) in [("5000", 5000.0), ("20k", 20_000.0), ("1.5M", 1.5e6), ("0.5", 0.5)] {
            assert_eq!(parse_rate(text), Ok(rate), "{text}");
        }
        for text in ["", "s", "1x", "-1", "1.2.3", "1e99999"] {
            assert!(parse_duration(text).is_err() && parse_rate(text).is_err(), "{text}");
        }
        assert!(parse_rate("0").is_err() && parse_size("2GiB").is_err());
    }

    /// The fault: at the end of a run it was stepped through so many operations at once that Ctrl-C did nothing.
    #[test]
    fn i470_a_rate_has_an_upper_bound() {
        assert_eq!((parse_rate("1000M"), parse_rate("1000000000")), (Ok(1e9), Ok(1e9)));
        for text in ["1001M", "1000000000M"] {
            assert!(parse_rate(text).is_err_and(|why| why.contains("1000M")), "{text}");
        }
    }

    #[test]
    fn units_are_readable() {
        assert_eq!(
            [time(0.0), time(999.0), time(1500.0), time(2.345e7)],
            ["0 ns", "999 ns", "1.50 µs", "23.4 ms"]
        );
        assert_eq!([bytes(100.0), bytes(5.5 * 1048576.0)], ["100 B", "5.50 MiB"]);
        assert_eq!([count(7.0), count(1234.4), count(1_234_567.0)], ["7", "1,234", "1,234,567"]);
    }

    /// The fault: 1.43 a second was shown as 1, and 0.5 as 0.
    #[test]
    fn i310_a_low_rate_keeps_its_digits() {
        for (number, text) in [
            (0.0, "0"),
            (0.001_234_5, "0.00123"),
            (0.5, "0.5"),
            (1.0, "1"),
            (1.43, "1.43"),
            (9.996, "10"),
            (10.4, "10"),
            (1234.4, "1,234"),
        ] {
            assert_eq!(rate(number), text);
        }
    }
}
