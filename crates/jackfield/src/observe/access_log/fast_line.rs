//! The usual line of the common format, made in a fixed array, in which nearly each part is a copy of known length.
//!
//! It is for a short target in which nothing must be escaped, cut off or masked, and a peer with an IPv4 address. All other
//! lines are left to [`line`](super::line), which makes the same text.

use super::line::{OCTETS, version_and_status};
use super::stamp::Stamp;
use crate::shared::LogEntry;
use jackfield_proto::http1::Version;
use jackfield_simd::portable::{TOPS, match_bits};
use std::net::IpAddr;

/// A line, with room after its end for copies that are longer than their text.
pub(super) const LINE_BYTES: usize = 192;
/// Nearly all lines are at most this long.
const SHORT_BYTES: usize = 128;
/// Targets up to this length always fit, whatever the other parts are.
const TARGET_BYTES_MAX: usize = 96;

/// A line that is being made.
struct FastLine {
    text: [u8; LINE_BYTES],
    end: usize,
}

/// Appends the line of an exchange; false, and nothing is appended, if it is not a usual one.
#[inline(always)]
pub(super) fn append(lines: &mut Vec<u8>, stamp: &Stamp, entry: &LogEntry<'_>) -> bool {
    let mut line = FastLine { text: [0; LINE_BYTES], end: 0 };
    if line.make(stamp, entry).is_none() {
        return false;
    }
    let end = lines.len() + line.end;
    match line.text.first_chunk::<SHORT_BYTES>() {
        // A copy of a fixed length takes only a few instructions.
        Some(text) if line.end <= SHORT_BYTES => lines.extend_from_slice(text),
        _ => lines.extend_from_slice(&line.text),
    }
    lines.truncate(end);
    true
}

impl FastLine {
    #[inline(always)]
    fn make(&mut self, stamp: &Stamp, entry: &LogEntry<'_>) -> Option<()> {
        let IpAddr::V4(ip) = entry.peer?.ip() else { return None };
        for octet in ip.octets() {
            let (digits, count) = OCTETS[usize::from(octet)];
            self.put(digits, count.into())?;
        }
        // Without the last dot.
        self.end -= 1;
        self.put(stamp.common, stamp.common.len())?;
        match entry.method {
            "GET" => self.put(*b"GET ", 4)?,
            "POST" => self.put(*b"POST ", 5)?,
            other => {
                self.put_short(other.as_bytes())?;
                self.put([b' '], 1)?;
            }
        }
        self.put_target(entry.target)?;
        match (entry.version, entry.status) {
            (Version::Http11, 200) => self.put(*b" HTTP/1.1\" 200 ", 15)?,
            (version, status) => self.put(version_and_status(version, status), 15)?,
        }
        self.put_number(entry.bytes_out)?;
        self.put([b'\n'], 1)
    }

    /// Copies all of these bytes, and keeps the first `kept`.
    #[inline(always)]
    fn put<const N: usize>(&mut self, bytes: [u8; N], kept: usize) -> Option<()> {
        *self.text.get_mut(self.end..self.end + N)?.first_chunk_mut()? = bytes;
        self.end += kept;
        Some(())
    }

    /// Copies a path without a query that needs no escape. It is checked and copied by words, of which the last two may
    /// overlap.
    #[inline(always)]
    fn put_target(&mut self, target: &[u8]) -> Option<()> {
        if target.first() != Some(&b'/') || target.len() > TARGET_BYTES_MAX {
            return None;
        }
        let (Some(first), Some(last)) = (target.first_chunk::<8>(), target.last_chunk::<8>()) else {
            return self.put_short(target);
        };
        let room = self.text.get_mut(self.end..self.end + target.len())?;
        *room.first_chunk_mut()? = *first;
        *room.last_chunk_mut()? = *last;
        let mut unusual = unusual(first) | unusual(last);
        if target.len() > 16 {
            let words = target.chunks_exact(8).zip(room.chunks_exact_mut(8));
            for (word, room) in words.skip(1) {
                let word = word.first_chunk()?;
                *room.first_chunk_mut()? = *word;
                unusual |= self::unusual(word);
            }
        }
        self.end += target.len();
        (unusual & TOPS == 0).then_some(())
    }

    #[inline(never)]
    fn put_short(&mut self, text: &[u8]) -> Option<()> {
        for &byte in text {
            if matches!(byte, b'?' | b'"' | b'\\') {
                return None;
            }
            self.put([byte], 1)?;
        }
        Some(())
    }

    #[inline(always)]
    fn put_number(&mut self, number: u64) -> Option<()> {
        if number >= 10_000 {
            return self.put_large_number(number);
        }
        let [a, b] = PAIRS[number as usize / 100];
        let [c, d] = PAIRS[number as usize % 100];
        let zeros = usize::from(number < 10) + usize::from(number < 100) + usize::from(number < 1000);
        let text = u32::from_le_bytes([a, b, c, d]) >> (8 * zeros);
        self.put(text.to_le_bytes(), 4 - zeros)
    }

    #[inline(never)]
    fn put_large_number(&mut self, number: u64) -> Option<()> {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number).as_bytes();
        self.text.get_mut(self.end..)?.get_mut(..digits.len())?.copy_from_slice(digits);
        self.end += digits.len();
        Some(())
    }
}

/// The digits of each number below 100.
const PAIRS: [[u8; 2]; 100] = {
    let (mut pairs, mut number) = ([[0; 2]; 100], 0);
    while number < 100 {
        pairs[number] = [b'0' + number as u8 / 10, b'0' + number as u8 % 10];
        number += 1;
    }
    pairs
};

/// Has a top bit if one of the bytes begins a query or must be escaped.
#[inline(always)]
fn unusual(word: &[u8; 8]) -> u64 {
    match_bits(word, b'?') | match_bits(word, b'"') | match_bits(word, b'\\')
}

#[cfg(test)]
mod tests {
    use super::super::line::Format;
    use super::*;
    use crate::shared::{AnsweredAs, Finished};
    use jackfield_reactor::ConnectionId;
    use std::time::Duration;

    /// Checks whether a line is a usual one, and then compares it with the line that the general code makes.
    fn check(peer: &str, method: &str, target: &str, status: u16, bytes_out: u64, is_usual: bool) {
        let (peer, version, unix_seconds) = (peer.parse().ok(), Version::Http11, 1_767_225_599);
        let mut stamp = Stamp::default();
        stamp.renew(unix_seconds);
        let entry = LogEntry {
            reactor: 0,
            peer,
            method,
            target: target.as_bytes(),
            version,
            status,
            bytes_out,
            unix_seconds,
        };
        let finished = Finished {
            connection: ConnectionId::NONE,
            listener: 0,
            peer,
            method,
            path: target,
            query: None,
            version,
            status,
            bytes_in: 0,
            bytes_out,
            unix_seconds,
            duration: Duration::ZERO,
            answered: AnsweredAs::AtOnce,
            is_complete: true,
        };
        let (mut made, mut expected) = (b"before\n".to_vec(), b"before\n".to_vec());
        if is_usual {
            Format::Common.write(&mut expected, &stamp, &finished, None);
        }
        assert_eq!(append(&mut made, &stamp, &entry), is_usual, "{target}");
        assert_eq!(String::from_utf8_lossy(&made), String::from_utf8_lossy(&expected));
    }

    #[test]
    fn the_fast_line_is_the_same_as_the_general_one() {
        for length in 0..=TARGET_BYTES_MAX {
            check("192.0.2.10:1", "GET", &format!("/{:x<length$}", ""), 200, 7, length < TARGET_BYTES_MAX);
        }
        let most = "/".repeat(TARGET_BYTES_MAX);
        for bytes in [0, 9, 10, 99, 100, 999, 1000, 9999, 10_000, 1_234_567, u64::MAX] {
            check("255.255.255.255:65535", "POST", "/", 999, bytes, true);
            check("1.20.0.255:1", "PROPPATCH", &most, 0, bytes, true);
        }
    }

    #[test]
    fn unusual_lines_are_left_to_the_general_code() {
        for byte in ['?', '"', '\\'] {
            for at in 1..40 {
                for length in at + 1..40 {
                    let mut target = "/".repeat(length);
                    target.replace_range(at..=at, byte.encode_utf8(&mut [0]));
                    check("127.0.0.1:1", "GET", &target, 200, 1, false);
                }
            }
        }
        check("127.0.0.1:1", "OPTIONS", "*", 200, 1, false);
        check("127.0.0.1:1", "GET", "http://h/", 200, 1, false);
        check("[::1]:1", "GET", "/", 200, 1, false);
        check("", "GET", "/", 200, 1, false);
        check("127.0.0.1:1", &"M".repeat(200), "/", 200, 1, false);
    }
}
