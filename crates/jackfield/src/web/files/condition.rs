//! The `If-` headers (RFC 9110 section 13).

use jackfield_proto::http1::Request;
use std::fs::{File, Metadata};
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Distinguishes one version of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) bytes: u64,
    /// `None`: it is unknown, or so early that a tool has set it for all files.
    modified: Option<SystemTime>,
    /// When anything of the file was changed, in nanoseconds since 1970. Only if the time above is not known, because it
    /// differs between two servers with the same files. 0: it is not known either.
    changed: u128,
}

/// The conditions of a request.
#[derive(Debug, Default)]
pub(super) struct Condition {
    is_match: Option<String>,
    none_match: Option<String>,
    modified_since: Option<SystemTime>,
    unmodified_since: Option<SystemTime>,
    range: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Go,
    /// It is answered with this status.
    Answer(u16),
}

impl Stamp {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let is_own = |modified: &SystemTime| *modified >= UNIX_EPOCH + Duration::from_secs(YEAR_1981);
        let modified = metadata.modified().ok().filter(is_own);
        let changed = if modified.is_none() { changed(&metadata) } else { 0 };
        Ok(Self { bytes: metadata.len(), modified, changed })
    }

    /// The validator of this version in this encoding.
    pub(super) fn etag(&self, encoding: Option<&str>) -> String {
        let dash = if encoding.is_some() { "-" } else { "" };
        format!("\"{:x}-{:x}{dash}{}\"", self.nanoseconds(), self.bytes, encoding.unwrap_or_default())
    }

    pub(super) fn last_modified(&self) -> Option<String> {
        self.second().map(httpdate::fmt_http_date)
    }

    /// A hash, which few other versions share.
    pub(super) fn hash(&self) -> u64 {
        (self.nanoseconds() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ self.bytes.rotate_left(32)
    }

    fn nanoseconds(&self) -> u128 {
        let since = self.modified.and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
        since.map_or(self.changed, |since| since.as_nanos())
    }

    /// The time in whole seconds, as in a header's date. `None`: it is unknown, or no date can have its year.
    fn second(&self) -> Option<SystemTime> {
        let seconds = self.modified?.duration_since(UNIX_EPOCH).ok()?.as_secs();
        (seconds < YEAR_10000).then(|| UNIX_EPOCH + Duration::from_secs(seconds))
    }
}

impl Condition {
    pub(super) fn of(request: &Request<'_>) -> Self {
        let list = |name: &str| {
            // A tag of another encoding is a tag, but never one of ours.
            let values: Vec<_> = request.header_all(name).map(String::from_utf8_lossy).collect();
            (!values.is_empty()).then(|| values.join(","))
        };
        let date =
            |name: &str| request.header_str(name).and_then(|date| httpdate::parse_http_date(date).ok());
        Self {
            is_match: list("if-match"),
            none_match: list("if-none-match"),
            modified_since: date("if-modified-since"),
            unmodified_since: date("if-unmodified-since"),
            range: request.header("if-range").map(|tag| String::from_utf8_lossy(tag).into_owned()),
        }
    }

    /// Evaluates the conditions in the order of RFC 9110 section 13.2.2.
    pub(super) fn verdict(&self, etag: &str, stamp: &Stamp) -> Verdict {
        let second = stamp.second();
        // A file without a date meets every condition on it.
        let has_changed = |since: SystemTime| second.is_some_and(|second| second > since);
        let is_same = |since: SystemTime| second.is_some_and(|second| second <= since);
        match (&self.is_match, self.unmodified_since) {
            (Some(tags), _) if !lists(tags, etag, false) => return Verdict::Answer(412),
            (None, Some(since)) if has_changed(since) => return Verdict::Answer(412),
            _ => {}
        }
        match (&self.none_match, self.modified_since) {
            (Some(tags), _) if lists(tags, etag, true) => Verdict::Answer(304),
            (None, Some(since)) if is_same(since) => Verdict::Answer(304),
            _ => Verdict::Go,
        }
    }

    /// Whether the ranges are meant for this version; ranges of another would not fit.
    ///
    /// A date never says that, because a file may change twice in its second (RFC 9110 sections 8.8.2.2 and 13.1.5). Each of our
    /// answers has an `ETag`, so only a client that breaks section 13.1.5 sends a date; it gets the whole file.
    pub(super) fn takes_range(&self, etag: &str) -> bool {
        self.range.as_ref().is_none_or(|tag| tag == etag)
    }
}

/// When anything of a file was changed, in nanoseconds since 1970.
#[cfg(unix)]
fn changed(metadata: &Metadata) -> u128 {
    use std::os::unix::fs::MetadataExt;
    let (seconds, rest) = (u128::try_from(metadata.ctime()), u128::try_from(metadata.ctime_nsec()));
    seconds.unwrap_or_default() * 1_000_000_000 + rest.unwrap_or_default()
}

#[cfg(not(unix))]
fn changed(_metadata: &Metadata) -> u128 {
    0
}

/// Tools that make the same files anywhere set their times to the beginning of 1970 or 1980.
const YEAR_1981: u64 = 347_155_200;

/// The first second that a date of HTTP can't have, whose years have four digits (RFC 9110 section 5.6.7).
const YEAR_10000: u64 = 253_402_300_800;

/// Whether a list of tags contains this one, or is `*`. `weak`: weak comparison is enough.
fn lists(tags: &str, etag: &str, weak: bool) -> bool {
    tags.trim() == "*"
        || tags.split(',').map(str::trim).any(|tag| match tag.strip_prefix("W/") {
            Some(tag) => weak && tag == etag,
            None => tag == etag,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fault: a date was enough, and the range of a file that had changed twice in a second was joined to another version.
    #[test]
    fn i345_only_the_same_tag_makes_a_range_fit() {
        let modified = UNIX_EPOCH + Duration::from_millis(1_767_225_600_500);
        let stamp = Stamp { bytes: 1, modified: Some(modified), changed: 0 };
        let (etag, date) = (stamp.etag(None), stamp.last_modified());
        for (range, takes) in [
            (None, true),
            (Some(etag.clone()), true),
            (date, false),
            (Some("Thu, 01 Jan 2026 00:00:01 GMT".into()), false),
            (Some(format!("W/{etag}")), false),
            (Some(stamp.etag(Some("gzip"))), false),
            (Some("*".into()), false),
        ] {
            let condition = Condition { range: range.clone(), ..Condition::default() };
            assert_eq!(condition.takes_range(&etag), takes, "{range:?}");
        }
    }

    /// The fault: a file of a year that a date can't have made its answer panic, and was a 500.
    #[test]
    fn h11_a_file_of_any_year_has_a_date_or_none() {
        for (seconds, date) in [
            (0, Some("Thu, 01 Jan 1970 00:00:00 GMT")),
            (253_402_300_799, Some("Fri, 31 Dec 9999 23:59:59 GMT")),
            (253_402_300_800, None),
            (i64::MAX as u64, None),
        ] {
            let modified = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
            let stamp = Stamp { bytes: 1, modified, changed: 0 };
            assert_eq!(stamp.last_modified().as_deref(), date, "{seconds}");
            let since = Condition {
                modified_since: UNIX_EPOCH.checked_add(Duration::from_secs(1)),
                ..Condition::default()
            };
            let verdict = if seconds == 0 { Verdict::Answer(304) } else { Verdict::Go };
            assert_eq!(since.verdict("\"a\"", &stamp), verdict, "{seconds}");
        }
    }
}
