//! What the first bytes of an answer say.

/// The bytes up to the end of the status.
pub(super) const STATUS_BYTES: usize = b"HTTP/1.1 200".len();
/// The bytes before the status.
pub(super) const VERSION_BYTES: usize = b"HTTP/1.1 ".len();

/// True if an answer may begin with these bytes, which are [`VERSION_BYTES`]. Servers may speak HTTP/1.0.
pub(super) fn is_version(bytes: &[u8]) -> bool {
    matches!(bytes, [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0' | b'1', b' '])
}

/// The status of the answer that begins with these bytes, if they are enough of one.
pub(super) fn status(rx: &[u8]) -> Option<u16> {
    let (version, digits) = rx.get(..STATUS_BYTES)?.split_at(VERSION_BYTES);
    let is_status = is_version(version) && digits.iter().all(u8::is_ascii_digit);
    is_status.then(|| digits.iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fault: only answers of HTTP/1.1 were known, where other parts of the tool take those of HTTP/1.0 too.
    #[test]
    fn the_status_of_any_answer_is_read() {
        for (begin, expected) in [
            (&b"HTTP/1.1 200 OK\r\n"[..], Some(200)),
            (b"HTTP/1.0 200 OK\r\n", Some(200)),
            (b"HTTP/1.0 503", Some(503)),
            (b"HTTP/1.1 101 Switching Protocols\r\n", Some(101)),
            (b"HTTP/1.1 20", None),
            (b"HTTP/1.1 2x0 OK\r\n", None),
            (b"HTTP/2.0 200 OK\r\n", None),
            (b"220 mail.example ready\r\n", None),
            (b"", None),
        ] {
            assert_eq!(status(begin), expected, "{begin:?}");
        }
    }
}
