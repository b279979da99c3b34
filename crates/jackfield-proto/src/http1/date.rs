//! The date, rendered once a second instead of once for each answer.

use std::fmt;
use std::io::Write;
use std::time::{Duration, SystemTime};

use httpdate::HttpDate;

/// The beginning of nearly every answer, ready to be copied:
/// `HTTP/1.1 200 OK`, `Date: ...` and `Content-Type: `.
///
/// So most of a head is written with one copy. Each reactor owns one block and renews it when its clock passes a second.
#[derive(Clone)]
pub struct DateBlock {
    bytes: [u8; BLOCK_BYTES],
    unix_seconds: u64,
}

impl DateBlock {
    /// A block for this time, in seconds since 1970.
    #[must_use]
    pub fn new(unix_seconds: u64) -> Self {
        let mut block = Self { bytes: *TEMPLATE, unix_seconds };
        block.render();
        block
    }

    /// Renders the block anew if the second has changed. A time after the year 9999 counts as the last second of that year.
    #[inline]
    pub fn renew(&mut self, unix_seconds: u64) {
        if self.unix_seconds != unix_seconds {
            self.unix_seconds = unix_seconds;
            self.render();
        }
    }

    /// The time of the block, in seconds since 1970.
    #[must_use]
    pub const fn unix_seconds(&self) -> u64 {
        self.unix_seconds
    }

    /// The date alone, as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7).
    #[must_use]
    pub fn date(&self) -> &str {
        std::str::from_utf8(&self.bytes[DATE_AT..TYPE_AT]).unwrap_or_default()
    }

    /// All of it.
    #[inline]
    pub(crate) const fn whole(&self) -> &[u8; BLOCK_BYTES] {
        &self.bytes
    }

    /// `HTTP/1.1 200 OK`.
    pub(crate) fn status_line(&self) -> &[u8] {
        &self.bytes[..LINE_AT]
    }

    /// CR LF and the date line, without its end.
    pub(crate) fn date_line(&self) -> &[u8] {
        &self.bytes[LINE_AT..TYPE_AT]
    }

    /// CR LF and `Content-Type: `.
    pub(crate) fn content_type_prefix(&self) -> &[u8] {
        &self.bytes[TYPE_AT..]
    }

    fn render(&mut self) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(self.unix_seconds.min(LAST_SECOND));
        let mut room = &mut self.bytes[DATE_AT..TYPE_AT];
        // A date has 29 bytes always, so it fits and fills the room.
        let written = write!(room, "{}", HttpDate::from(time));
        debug_assert!(written.is_ok() && room.is_empty());
    }
}

impl fmt::Debug for DateBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DateBlock").field(&self.date()).finish()
    }
}

const TEMPLATE: &[u8; BLOCK_BYTES] =
    b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: ";
const BLOCK_BYTES: usize = 68;
/// Where the status line ends.
const LINE_AT: usize = 15;
/// Where the date begins.
const DATE_AT: usize = LINE_AT + b"\r\nDate: ".len();
/// Where the date ends.
const TYPE_AT: usize = DATE_AT + 29;
/// The end of the year 9999, beyond which the format has no digits.
const LAST_SECOND: u64 = 253_402_300_799;
