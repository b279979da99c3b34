//! The short way for heads that are as they should be, which is nearly all.
//!
//! A *regular* head is a request in HTTP/1.1 whose target is a path, whose lines end in CR LF, and in which every byte
//! is one that the grammar of RFC 9112 has in its place. This reads such a head in one pass and answers with the
//! places of its parts. Of everything else it says no more than that it is not regular: be it in HTTP/1.0 or with an
//! absolute target, be it broken, too long, or not all there. httparse and the scanner then give the verdict, and the
//! error if it is one. So nothing here has to tell one fault from another, and strictness costs nothing: it is
//! enough to go on only as long as everything fits.
//!
//! Every part is a run of bytes of one class, and the run's end is found sixteen bytes at a time: it is the first byte
//! that is *not* of the class. What stands there must be the byte that the grammar wants next. Where fewer than sixteen
//! bytes are left, the last sixteen of all are looked at once more; a head has more than sixteen.
//!
//! The classes are narrower than the grammar where that makes them cheaper: methods and names of letters and hyphens,
//! values of plain ASCII, one space before them and none after. Methods beyond that are left to httparse. A field
//! beyond that, and there are some in real life, is read again from byte to byte by the whole grammar.
//!
//! The few fields that concern the frame are picked out by length and first letter on the way, so `facts` needs no
//! second pass.
//!
//! The functions are cut to what the compiler can keep in registers: the loop over the fields is one function and not
//! part of its caller's, and it calls out for rare things only. Of its 2,400 instructions for a browser's head a third
//! are the words of values, and a fifth those of names.

use super::facts::Facts;
use super::head::Head;
use super::limits::{Limits, METHOD_BYTES_MAX};
use super::slots::{HeaderSlots, KnownHost, Span};
use super::{Version, words};
use crate::chars::{is_field_value_byte, is_token_byte};
use jackfield_simd::{Block, Found};

/// A regular head: the lengths of its parts, and the facts from its fields. The fields are in the slots.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Regular {
    pub(crate) method_bytes: u32,
    /// Where the target ends. It begins after the method and one space.
    pub(crate) target_end: u32,
    pub(crate) headers: u32,
    pub(crate) end: u32,
    pub(crate) facts: Facts,
}

impl Regular {
    /// The head itself, which is at the front of `rx`.
    #[inline(always)]
    pub(crate) fn head<'b>(&self, rx: &'b [u8], slots: &'b HeaderSlots) -> Head<'b> {
        Head {
            bytes: rx.get(..self.end as usize).unwrap_or(rx),
            headers: slots.filled(self.headers as usize),
            method_at: 0,
            method_end: self.method_bytes as u16,
            target_at: self.method_bytes as u16 + 1,
            target_end: self.target_end as u16,
            version: Version::Http11,
        }
    }
}

/// Reads the head at the front of `rx`, if it is regular and within the limits.
#[inline(always)]
pub(crate) fn parse(rx: &[u8], slots: &mut HeaderSlots, limits: &Limits) -> Option<Regular> {
    let text = rx.get(..limits.head_bytes()).unwrap_or(rx);
    let method_bytes = method_bytes(text)?;
    let target_end = target_end(text, method_bytes + 1)?;
    let target_bytes = target_end - method_bytes - 1;
    if target_bytes as usize > limits.target_bytes_max || !is_version(bytes_at(text, target_end)?) {
        return None;
    }
    let mut facts = Facts::default();
    let fields_at = target_end + VERSION_BYTES as u32;
    let (headers, end) = fields(text, fields_at, limits.headers_max, slots, &mut facts)?;
    Some(Regular { method_bytes, target_end, headers, end, facts })
}

/// The length of the method.
#[inline(always)]
fn method_bytes(text: &[u8]) -> Option<u32> {
    match u32::from_le_bytes(*bytes_at(text, 0)?) {
        GET => Some(3),
        _ => other_method(text),
    }
}

#[inline(never)]
fn other_method(text: &[u8]) -> Option<u32> {
    let bytes = run_end(text, 0, outside_name)?;
    (1..=METHOD_BYTES_MAX as u32).contains(&bytes).then_some(bytes)
}

/// The end of a path that begins at `at`, right after a space.
#[inline(always)]
fn target_end(text: &[u8], at: u32) -> Option<u32> {
    if bytes_at(text, at - 1)? != b" /" {
        return None;
    }
    run_end(text, at, outside_target)
}

/// Whether the request line ends as it should.
#[inline(always)]
fn is_version(text: &[u8; VERSION_BYTES]) -> bool {
    text.first_chunk() == Some(b" HTTP/1.") && text.last_chunk() == Some(b".1\r\n")
}

/// Reads fields until the empty line. Gives how many there are, and where the head ends.
#[inline(never)]
fn fields(
    text: &[u8],
    mut at: u32,
    headers_max: usize,
    slots: &mut HeaderSlots,
    facts: &mut Facts,
) -> Option<(u32, u32)> {
    let (room, host) = slots.parts(headers_max);
    let mut count = 0;
    while let Some(slot) = room.get_mut(count) {
        count += 1;
        let (line_end, concerns) = match plain_field(text, at, slot) {
            Some(field) => field,
            None => (rare_field(text, at, slot)?, true),
        };
        if concerns {
            take_fact(text, *slot, host, facts)?;
        }
        at = line_end + 2;
        if byte_at(text, at)? == b'\r' {
            return (byte_at(text, at + 1)? == b'\n').then_some((count as u32, at + 2));
        }
    }
    None
}

/// A field whose name is of letters and hyphens and whose value of plain ASCII, with one space between them. Gives
/// where its line ends, and whether it may concern the frame.
#[inline(always)]
fn plain_field(text: &[u8], at: u32, slot: &mut Span) -> Option<(u32, bool)> {
    let colon = run_end(text, at, outside_name)?;
    let behind = u32::from_le_bytes(*bytes_at(text, colon)?);
    if behind as u16 != COLON_SPACE || (behind >> 16) as u8 <= b' ' {
        return None;
    }
    let value_at = colon + 2;
    let end = run_end(text, value_at, outside_value)?;
    let behind = u32::from_le_bytes(*bytes_at(text, end - 1)?);
    if (behind >> 8) as u16 != LINE_END || behind as u8 == b' ' {
        return None;
    }
    *slot = Span::between(at, colon, value_at, end);
    Some((end, Facts::may_concern(colon - at, byte_at(text, at)?)))
}

/// Any other field. Gives where its line ends.
#[cold]
#[inline(never)]
fn rare_field(text: &[u8], at: u32, slot: &mut Span) -> Option<u32> {
    let colon = rare_end(text, at, is_token_byte);
    if byte_at(text, colon)? != b':' {
        return None;
    }
    let end = rare_end(text, colon + 1, is_field_value_byte);
    if bytes_at(text, end)? != b"\r\n" {
        return None;
    }
    let value_at = rare_end(text, colon + 1, is_blank);
    let value = text.get(value_at as usize..end as usize)?;
    let value_bytes = value.iter().rposition(|byte| !is_blank(*byte)).map_or(0, |last| last + 1);
    *slot = Span::between(at, colon, value_at, value_at + value_bytes as u32);
    Some(end)
}

/// Looks at a field that may concern the frame. Gives none if it has no name.
#[inline(never)]
fn take_fact(text: &[u8], field: Span, host: &mut KnownHost, facts: &mut Facts) -> Option<()> {
    let (name_at, name_end, value_at, value_end) = field.bounds();
    let (name, value) = (text.get(name_at..name_end)?, text.get(value_at..value_end)?);
    if words::matches_lowercase(name, b"host") {
        facts.note_host(host.is_valid(value));
    } else {
        facts.note_rest(name, value);
    }
    (!name.is_empty()).then_some(())
}

/// Where the run of these bytes from `at` on ends.
fn rare_end(text: &[u8], at: u32, fits: fn(u8) -> bool) -> u32 {
    at + text.iter().skip(at as usize).take_while(|byte| fits(**byte)).count() as u32
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Where the run of bytes from `at` on ends, before the first byte that is `outside`. None: it has no end, or the whole
/// text is too short for a head.
#[inline(always)]
fn run_end(text: &[u8], at: u32, outside: impl Fn(Block) -> Found) -> Option<u32> {
    let mut rest = text.get(at as usize..)?;
    while let Some((block, behind)) = rest.split_first_chunk() {
        if let Some(place) = outside(Block::of(block)).first_from(0) {
            return Some((text.len() - rest.len()) as u32 + place);
        }
        rest = behind;
    }
    let seen = 16 - rest.len() as u32;
    let place = outside(Block::of(text.last_chunk()?)).first_from(seen)?;
    Some((text.len() - rest.len()) as u32 + place)
}

/// The bytes that are neither letters nor hyphens: what nearly all field names are made of.
#[inline(always)]
fn outside_name(block: Block) -> Found {
    block.folded().outside(b'a', b'z').but_not(block.equal(b'-'))
}

/// The bytes that are not visible ASCII or are `#`: those that end a target.
#[inline(always)]
fn outside_target(block: Block) -> Found {
    block.outside(b'!', b'~').or(block.equal(b'#'))
}

/// The bytes that are controls, tab included, or not ASCII: those that nearly always end a value.
#[inline(always)]
fn outside_value(block: Block) -> Found {
    block.outside(b' ', b'~')
}

#[inline(always)]
fn bytes_at<const N: usize>(text: &[u8], at: u32) -> Option<&[u8; N]> {
    let at = at as usize;
    text.get(at..at + N)?.first_chunk()
}

#[inline(always)]
fn byte_at(text: &[u8], at: u32) -> Option<u8> {
    text.get(at as usize).copied()
}

const GET: u32 = u32::from_le_bytes(*b"GET ");
const COLON_SPACE: u16 = u16::from_le_bytes(*b": ");
const LINE_END: u16 = u16::from_le_bytes(*b"\r\n");
const VERSION_BYTES: usize = b" HTTP/1.1\r\n".len();

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::general;

    /// Regular heads, from which the others are made.
    const SEEDS: [&str; 10] = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /plaintext HTTP/1.1\r\nHost: localhost:8080\r\n\r\n",
        "HEAD /x?y=1 HTTP/1.1\r\nhOsT:\t[::1]:80 \r\nConnection: close, x\r\nX_1: \u{e9}\t.\r\nTE:\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a%20b\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n",
        "POST /a HTTP/1.1\r\nContent-Length: 1\r\ncontent-length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        "PATCH /~b HTTP/1.1\r\nHost: a.b-c.de\r\nHost: f:1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "OPTIONS /c HTTP/1.1\r\nHost: _\r\nExpect: x\r\nUpgrade: h2c\r\nConnection: Keep-Alive\r\n\r\n",
        "GET /chat HTTP/1.1\r\nHost: a:80\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        "Abc-DEF-ghijkl /a^b|c\"<>{}\\ HTTP/1.1\r\nHost: www.example.com\r\nAccept: */*;q=0.8\r\n\
         Upgrade-Insecure-Requests: 1\r\nCookie: a=b; c=0123456789abcdef\r\n\r\nGET / HTTP/1.1\r\n",
        "GET /a/rather/long/path?with=a&query HTTP/1.1\r\nAccept-Encoding: gzip\r\nHost: a\r\nx: y\r\n\r\n",
    ];
    /// Bytes that matter somewhere.
    const BYTES: &[u8] = b"\r\n\t :-,;/#*_[]@`{}~\0\x1f\x7f\x80\xe9\xffaAhHzZ019.";

    /// A head in full: end, method, target, fields, and what they say.
    type Whole = (usize, Vec<u8>, Vec<u8>, Vec<(Vec<u8>, Vec<u8>)>, Facts);

    fn whole(head: &Head<'_>, facts: Facts) -> Whole {
        assert_eq!(head.version, Version::Http11);
        let fields = head.headers.iter();
        let fields = fields.map(|field| (field.name(head.bytes).to_vec(), field.value(head.bytes).to_vec()));
        (head.bytes.len(), head.method().to_vec(), head.target().to_vec(), fields.collect(), facts)
    }

    fn read(rx: &[u8], slots: &mut HeaderSlots) -> Option<Whole> {
        let regular = parse(rx, slots, &Limits::default())?;
        Some(whole(&regular.head(rx, slots), regular.facts))
    }

    /// What httparse makes of it, and the scanner's rules.
    fn read_slowly(rx: &[u8]) -> Option<Whole> {
        let mut slots = HeaderSlots::new();
        let head = general::parse_request(rx, &mut slots).ok()??;
        let facts = Facts::gather(head.bytes, head.headers);
        let is_strict = facts.has_strict_lines() && general::is_regular(&head, &Limits::default());
        is_strict.then(|| whole(&head, facts))
    }

    /// A small generator (Marsaglia's xorshift).
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % bound as u64) as usize
        }

        /// A seed that was changed in one to three places.
        fn mutant(&mut self) -> Vec<u8> {
            let mut bytes = SEEDS[self.below(SEEDS.len())].as_bytes().to_vec();
            for _ in 0..=self.below(3) {
                let (at, byte) = (self.below(bytes.len()), BYTES[self.below(BYTES.len())]);
                match self.below(5) {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    2 => drop(bytes.remove(at)),
                    3 => bytes[at] ^= 0x20,
                    _ => {
                        let other = SEEDS[self.below(SEEDS.len())].as_bytes();
                        let _ =
                            bytes.splice(at..at, other[self.below(other.len())..].iter().take(9).copied());
                    }
                }
            }
            bytes
        }
    }

    #[test]
    fn a_regular_head_is_read_as_by_httparse() {
        let mut slots = HeaderSlots::new();
        for seed in SEEDS {
            let slow = read_slowly(seed.as_bytes());
            assert!(slow.is_some(), "{seed:?}");
            assert_eq!(read(seed.as_bytes(), &mut slots), slow, "{seed:?}");
        }
        let (mut random, mut regular_count) = (Random(1), 0);
        for _ in 0..100_000 {
            let bytes = random.mutant();
            let Some(quick) = read(&bytes, &mut slots) else { continue };
            assert_eq!(Some(quick), read_slowly(&bytes), "{:?}", String::from_utf8_lossy(&bytes));
            regular_count += 1;
        }
        assert!(regular_count > 20_000, "{regular_count}");
    }

    #[test]
    fn all_that_comes_too_early_or_is_too_much_is_not_regular() {
        let mut slots = HeaderSlots::new();
        for seed in SEEDS {
            let end = seed.find("\r\n\r\n").map_or(0, |at| at + 4);
            for bytes in 0..end {
                assert!(parse(&seed.as_bytes()[..bytes], &mut slots, &Limits::default()).is_none());
            }
            let limits = Limits { head_bytes_max: end, ..Limits::default() };
            assert!(parse(seed.as_bytes(), &mut slots, &limits).is_some());
            let limits = Limits { head_bytes_max: end - 1, ..Limits::default() };
            assert!(parse(seed.as_bytes(), &mut slots, &limits).is_none());
        }
        for limits in [
            Limits { target_bytes_max: 9, ..Limits::default() },
            Limits { headers_max: 0, ..Limits::default() },
        ] {
            assert!(parse(SEEDS[1].as_bytes(), &mut slots, &limits).is_none());
        }
    }

    #[test]
    fn a_known_host_changes_no_verdict() {
        let mut slots = HeaderSlots::new();
        let long = "a".repeat(80);
        for host in ["", "a", "b", "a:1", "a:x", "a", "a ", "[::1]", "[::1", &long, "a", &long, "a b", ""] {
            let text = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
            for _ in 0..2 {
                assert_eq!(read(text.as_bytes(), &mut slots), read_slowly(text.as_bytes()), "{host:?}");
            }
        }
    }
}
