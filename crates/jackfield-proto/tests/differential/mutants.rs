//! Inputs made from the cases: by a seed, so that each can be made again.

/// A small generator (Marsaglia's xorshift).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        // No state may be zero.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn one_of<'t, T: ?Sized>(&mut self, all: &[&'t T]) -> &'t T {
        all[self.below(all.len())]
    }
}

/// What mutants are made of.
pub(crate) struct Seeds {
    /// All cases.
    pub(crate) cases: Vec<Vec<u8>>,
    /// Those that have nothing wrong. Half of the mutants are made of them: most of the others are refused before it
    /// matters what was changed.
    pub(crate) sound: Vec<Vec<u8>>,
}

/// A case, changed in one to four places.
pub(crate) fn mutant(seeds: &Seeds, random: &mut Random) -> Vec<u8> {
    let origins = if random.below(2) == 0 { &seeds.sound } else { &seeds.cases };
    let mut bytes = origins[random.below(origins.len())].clone();
    let times_max = random.below(4);
    for _ in 0..=random.below(times_max + 1) {
        change(&mut bytes, &seeds.cases, random);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, cases: &[Vec<u8>], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let byte = BYTES[random.below(BYTES.len())];
    match random.below(12) {
        0 | 1 if at < bytes.len() => bytes[at] = byte,
        2 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        3 | 4 => bytes.insert(at, byte),
        5 if at < bytes.len() => drop(bytes.remove(at)),
        6 => insert(bytes, at, random.one_of(&WORDS).as_bytes()),
        7 => {
            let at = line_start(bytes, at);
            insert(bytes, at, random.one_of(&LINES).as_bytes());
        }
        8 => {
            let line = line_at(bytes, at);
            let copy = bytes[line].to_vec();
            let at = random.below(bytes.len() + 1);
            let at = line_start(bytes, at);
            insert(bytes, at, &copy);
        }
        9 => drop(bytes.drain(line_at(bytes, at))),
        10 => {
            let other = &cases[random.below(cases.len())];
            let from = random.below(other.len() + 1);
            let length = random.below(40).min(other.len() - from);
            insert(bytes, at, &other[from..from + length]);
        }
        _ if random.below(4) == 0 => bytes.truncate(at),
        _ => insert(bytes, at, &[byte]),
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, what: &[u8]) {
    drop(bytes.splice(at..at, what.iter().copied()));
}

/// Where the line that `at` lies in begins.
fn line_start(bytes: &[u8], at: usize) -> usize {
    bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}

/// The line that `at` lies in, with its end.
fn line_at(bytes: &[u8], at: usize) -> std::ops::Range<usize> {
    let end = bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| at + end + 1);
    line_start(bytes, at)..end
}

/// Bytes that matter somewhere.
const BYTES: &[u8] = b"\r\r\n\n\t  ::-,;/#*_[]@`{}~\"\\%?=+\0\x01\x0b\x1f\x7f\x80\xe9\xffaAhHxXzZ01239.";

const WORDS: [&str; 24] = [
    "\r\n",
    "\r\n\r\n",
    "\r\n ",
    " HTTP/1.1",
    " HTTP/1.0",
    "HTTP/1.1\r\n",
    "http://",
    "://",
    "[::1]",
    ":80",
    "chunked",
    ", chunked",
    "gzip, ",
    "close",
    "keep-alive",
    "0\r\n\r\n",
    "3\r\nabc\r\n",
    "18446744073709551616",
    "0x",
    "00000000000000000",
    ";a=\"b\"",
    " ;a",
    "\0\0",
    "GET / HTTP/1.1\r\n",
];

const LINES: [&str; 20] = [
    "Content-Length: 0\r\n",
    "Content-Length: 3\r\n",
    "content-length: 5\r\n",
    "Content-Length: 3, 3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "transfer-encoding: gzip\r\n",
    "Transfer-Encoding: identity\r\n",
    "Host: a\r\n",
    "host: b:80\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "Upgrade: websocket\r\nConnection: upgrade\r\n",
    "Expect: 100-continue\r\n",
    "X: y\r\n",
    " folded\r\n",
    "\r\n",
    "\n",
    "0\r\n",
    "3\r\nabc\r\n",
    "OPTIONS * HTTP/1.1\r\n",
];
