//! Requested parts of a file (RFC 9110 section 14).

/// The requested ranges of bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ranges(Vec<Spec>);

/// First and last byte, or a number of bytes from the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spec {
    From(u64, Option<u64>),
    Last(u64),
}

/// A range of a file: its first byte, and the one after its last.
pub(super) type Span = std::ops::Range<u64>;

/// What is sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Selected {
    All,
    /// No requested range is within the file, or one makes no sense.
    None,
    One(Span),
    Several(Vec<Span>),
}

/// The most ranges. With more, or with ranges that overlap, the whole file is sent (RFC 9110 section 14.2).
const RANGES_MAX: usize = 16;

impl Ranges {
    /// `None`: it is of another unit, and is ignored. Without any range: one of them makes no sense, such as `4-2`, and so the
    /// whole is refused (RFC 9110 sections 14.1.1 and 14.2).
    pub(super) fn parse(value: &str) -> Option<Self> {
        let (unit, list) = value.split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        let specs = list.split(',').map(str::trim).filter(|spec| !spec.is_empty());
        let specs: Option<Vec<_>> = specs.map(Spec::parse).collect();
        Some(Self(specs.unwrap_or_default()))
    }

    pub(super) fn select(&self, bytes: u64) -> Selected {
        if self.0.len() > RANGES_MAX {
            return Selected::All;
        }
        let mut spans: Vec<Span> = self.0.iter().filter_map(|spec| spec.span(bytes)).collect();
        let overlaps =
            |at: usize| spans[..at].iter().any(|b| spans[at].start < b.end && b.start < spans[at].end);
        match spans.len() {
            0 => Selected::None,
            1 => Selected::One(spans.remove(0)),
            count if (1..count).any(overlaps) => Selected::All,
            _ => Selected::Several(spans),
        }
    }
}

impl Spec {
    fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-')?;
        match (first, last) {
            ("", last) => Some(Self::Last(number(last)?)),
            (first, "") => Some(Self::From(number(first)?, None)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::From(first, Some(last)))
            }
        }
    }

    /// The part of the range that exists.
    fn span(self, bytes: u64) -> Option<Span> {
        match self {
            Self::From(first, last) if first < bytes => {
                Some(first..last.map_or(bytes, |last| last.saturating_add(1).min(bytes)))
            }
            Self::Last(count) if count > 0 && bytes > 0 => Some(bytes.saturating_sub(count)..bytes),
            _ => None,
        }
    }
}

impl Selected {
    /// The value of `Content-Range`, where there is one.
    pub(super) fn content_range(&self, bytes: u64) -> Option<String> {
        match self {
            Self::One(span) => Some(content_range(span, bytes)),
            Self::None => Some(format!("bytes */{bytes}")),
            Self::All | Self::Several(_) => None,
        }
    }
}

pub(super) fn content_range(span: &Span, bytes: u64) -> String {
    format!("bytes {}-{}/{bytes}", span.start, span.end - 1)
}

/// A number of digits only. A number that does not fit counts as the highest one.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h11_ranges_are_parsed_refused_or_ignored() {
        let all = Some(Selected::All);
        for (value, selected) in [
            ("bytes=0-0", Some(Selected::One(0..1))),
            ("bytes=0-", Some(Selected::One(0..10))),
            ("Bytes = 2-4", None),
            ("bytes=2-99", Some(Selected::One(2..10))),
            ("bytes=-3", Some(Selected::One(7..10))),
            ("bytes=-99", Some(Selected::One(0..10))),
            ("bytes=-0", Some(Selected::None)),
            ("bytes=10-", Some(Selected::None)),
            ("bytes=99999999999999999999999-", Some(Selected::None)),
            ("bytes=0-99999999999999999999999", Some(Selected::One(0..10))),
            ("bytes=0-1, 5-6", Some(Selected::Several(vec![0..2, 5..7]))),
            ("bytes=5-6,0-1", Some(Selected::Several(vec![5..7, 0..2]))),
            ("bytes=0-1,20-30", Some(Selected::One(0..2))),
            ("bytes=0-5,5-6", all),
            ("bytes=0-1,,5-6,", Some(Selected::Several(vec![0..2, 5..7]))),
            ("bytes=", Some(Selected::None)),
            ("bytes=5-2", Some(Selected::None)),
            ("bytes=0-1,5-2", Some(Selected::None)),
            ("bytes=a-b", Some(Selected::None)),
            ("bytes=+1-2", Some(Selected::None)),
            ("bytes=1-2;3-4", Some(Selected::None)),
            ("lines=1-2", None),
            ("bytes", None),
        ] {
            let selected = if value == "Bytes = 2-4" { Some(Selected::One(2..5)) } else { selected };
            assert_eq!(Ranges::parse(value).map(|ranges| ranges.select(10)), selected, "{value}");
        }
        let many = format!("bytes={}", (0..17).map(|at| format!("{at}-{at}")).collect::<Vec<_>>().join(","));
        assert_eq!(Ranges::parse(&many).unwrap().select(100), Selected::All);
        assert_eq!(Ranges::parse("bytes=-1").unwrap().select(0), Selected::None);
    }
}
