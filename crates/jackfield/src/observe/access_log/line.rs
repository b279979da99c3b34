//! One line, in one of the formats.

use super::stamp::Stamp;
use crate::shared::Finished;
use jackfield_proto::http1::{MaskedQuery, Version};
use std::io::Write;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Common,
    Json,
}

impl Format {
    /// Appends a line, with the query only if one is to be shown.
    pub(super) fn write(
        self,
        line: &mut Vec<u8>,
        stamp: &Stamp,
        finished: &Finished<'_>,
        query: Option<&str>,
    ) {
        match self {
            Self::Common => common(line, stamp, finished, query),
            Self::Json => json(line, stamp, finished, query),
        }
    }
}

fn common(line: &mut Vec<u8>, stamp: &Stamp, finished: &Finished<'_>, query: Option<&str>) {
    match finished.peer {
        Some(peer) => ip(line, peer.ip()),
        None => line.push(b'-'),
    }
    line.extend_from_slice(&stamp.common);
    line.extend_from_slice(finished.method.as_bytes());
    line.push(b' ');
    escaped(line, finished.path, hex);
    if let Some(query) = query {
        line.push(b'?');
        masked(line, query, hex);
    }
    line.extend_from_slice(&version_and_status(finished.version, finished.status));
    number(line, finished.bytes_out);
    line.push(b'\n');
}

#[inline(never)]
fn json(line: &mut Vec<u8>, stamp: &Stamp, finished: &Finished<'_>, query: Option<&str>) {
    line.extend_from_slice(b"{\"time\":\"");
    line.extend_from_slice(&stamp.iso);
    if let Some(peer) = finished.peer {
        line.extend_from_slice(b"\",\"peer\":\"");
        address(line, peer);
    }
    line.extend_from_slice(b"\",\"listener\":");
    number(line, finished.listener as u64);
    line.extend_from_slice(b",\"method\":\"");
    line.extend_from_slice(finished.method.as_bytes());
    line.extend_from_slice(b"\",\"path\":\"");
    escaped(line, finished.path, backslash);
    if let Some(query) = query {
        line.extend_from_slice(b"\",\"query\":\"");
        masked(line, query, backslash);
    }
    let is_old = finished.version == Version::Http10;
    line.extend_from_slice(if is_old {
        b"\",\"version\":\"1.0\",\"status\":"
    } else {
        b"\",\"version\":\"1.1\",\"status\":"
    });
    number(line, finished.status.into());
    line.extend_from_slice(b",\"bytes_in\":");
    number(line, finished.bytes_in);
    line.extend_from_slice(b",\"bytes_out\":");
    number(line, finished.bytes_out);
    line.extend_from_slice(b",\"ms\":");
    number(line, u64::try_from(finished.duration.as_millis()).unwrap_or(u64::MAX));
    line.extend_from_slice(if finished.is_complete {
        b",\"complete\":true}\n"
    } else {
        b",\"complete\":false}\n".as_slice()
    });
}

fn address(line: &mut Vec<u8>, address: SocketAddr) {
    if address.is_ipv6() {
        line.push(b'[');
    }
    ip(line, address.ip());
    line.extend_from_slice(if address.is_ipv6() { b"]:" } else { b":" });
    number(line, address.port().into());
}

#[inline(always)]
fn ip(line: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => ipv4(line, ip.octets()),
        IpAddr::V6(ip) => ipv6(line, ip),
    }
}

#[cold]
fn ipv6(line: &mut Vec<u8>, ip: Ipv6Addr) {
    // Writing to a vector can't fail.
    let _ = write!(line, "{ip}");
}

#[inline(always)]
fn ipv4(line: &mut Vec<u8>, octets: [u8; 4]) {
    let (mut text, mut at) = ([0; 16], 0);
    for octet in octets {
        let (digits, count) = OCTETS[usize::from(octet)];
        text[at..at + 4].copy_from_slice(&digits);
        at += usize::from(count);
    }
    // Without the last dot.
    push_front(line, text, at - 1);
}

/// Appends the first `count` of these bytes. Copying all of them, a fixed number, takes only a few instructions.
fn push_front<const N: usize>(line: &mut Vec<u8>, bytes: [u8; N], count: usize) {
    let end = line.len() + count;
    line.extend_from_slice(&bytes);
    line.truncate(end);
}

/// ` HTTP/1.1" 200 `; 000 stands for no answer.
pub(super) fn version_and_status(version: Version, status: u16) -> [u8; 15] {
    let mut text = *b" HTTP/1.1\" 200 ";
    if version == Version::Http10 {
        text[8] = b'0';
    }
    let digit = |value: u16| b'0' + (value % 10) as u8;
    text[11..14].copy_from_slice(&[digit(status / 100), digit(status / 10), digit(status)]);
    text
}

fn number(line: &mut Vec<u8>, number: u64) {
    line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Each octet of an address with a dot after it, and the length of that.
pub(super) const OCTETS: [([u8; 4], u8); 256] = {
    let (mut octets, mut octet) = ([([0; 4], 0); 256], 0);
    while octet < 256 {
        let [hundreds, tens, ones] = [octet / 100, octet / 10 % 10, octet % 10];
        let [h, t, o] = [b'0' + hundreds as u8, b'0' + tens as u8, b'0' + ones as u8];
        octets[octet] = match octet {
            100.. => ([h, t, o, b'.'], 4),
            10.. => ([t, o, b'.', 0], 3),
            _ => ([o, b'.', 0, 0], 2),
        };
        octet += 1;
    }
    octets
};

/// Appends visible ASCII, such as a target. Only quotes and backslashes are escaped.
#[inline(always)]
fn escaped(line: &mut Vec<u8>, text: &str, escape: fn(&mut Vec<u8>, u8)) {
    if !jackfield_simd::portable::has_either(text.as_bytes(), b'"', b'\\') {
        return line.extend_from_slice(text.as_bytes());
    }
    escaped_bytes(line, text, escape);
}

#[cold]
fn escaped_bytes(line: &mut Vec<u8>, text: &str, escape: fn(&mut Vec<u8>, u8)) {
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') { escape(line, byte) } else { line.push(byte) }
    }
}

#[cold]
fn masked(line: &mut Vec<u8>, query: &str, escape: fn(&mut Vec<u8>, u8)) {
    /// Escapes what a `Display` writes.
    struct Escaped<'l>(&'l mut Vec<u8>, fn(&mut Vec<u8>, u8));

    impl std::fmt::Write for Escaped<'_> {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            escaped(self.0, text, self.1);
            Ok(())
        }
    }
    // This writer never fails.
    let _ = std::fmt::Write::write_fmt(&mut Escaped(line, escape), format_args!("{}", MaskedQuery(query)));
}

fn hex(line: &mut Vec<u8>, byte: u8) {
    // Writing to a vector can't fail.
    let _ = write!(line, "\\x{byte:02X}");
}

fn backslash(line: &mut Vec<u8>, byte: u8) {
    line.extend_from_slice(&[b'\\', byte]);
}
