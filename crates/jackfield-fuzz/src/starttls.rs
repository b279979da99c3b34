//! Peers that begin TLS on a connection in plain text (STARTTLS, RFC 3207), and the server's part of it. Behind the word that asks for
//! TLS some have more in plain text, as if somebody had inserted it on the way (CVE-2011-0411). It is never taken for something
//! that came over TLS: it ends the connection.

use crate::identity::identity;
use jackfield::sim::peer::{Peer, PeerConnection};
use jackfield::sim::{Random, Sim};
use jackfield::test::listener;
use jackfield::{Raw, Reason};
use std::collections::VecDeque;
use std::io::ErrorKind;

/// The line that asks for TLS.
const WORD: &str = "starttls";
/// The answer, and the last line in plain text.
const GO: &str = "go\n";
/// The server's first line over TLS.
const SECURE: &str = "secure\n";
/// How a line begins that is inserted behind the word. It is longer than the header of a record.
const INSERTED: &str = "inserted";
/// Lines are said before earlier ones are answered, up to this many bytes.
const AHEAD: usize = 1000;

/// What is said, and what must come for it.
type Piece = (String, String);

/// Says lines in plain text, begins TLS, and says more. Expects each line back.
#[derive(Debug)]
struct Starter {
    /// The last one asks for TLS.
    plain: VecDeque<Piece>,
    secured: VecDeque<Piece>,
    expected: VecDeque<u8>,
    /// Plain text follows the word.
    inserts: bool,
    has_begun: bool,
}

/// On some days there are a few. By chance of their own: a seed without them is what it was.
pub(crate) fn add(sim: &mut Sim, seed: u64) {
    let mut random = Random::new(seed ^ 0x57a7);
    if random.chance(150) {
        for _ in 0..random.between(1, 3) {
            sim.add(Starter::new(&mut random));
        }
    }
}

/// The server's part: begins TLS if the line asks for it. False: it does not.
pub(crate) fn begin(raw: &mut Raw<'_>, line: &[u8]) -> bool {
    assert!(!line.starts_with(INSERTED.as_bytes()), "plain text is taken for a line that came over TLS");
    if line != WORD.as_bytes() {
        return false;
    }
    raw.send(GO);
    match raw.start_tls(identity().tls.server.clone()) {
        Ok(()) => assert!(!raw.send(SECURE).is_accepted(), "something is sent within the handshake"),
        // Its backlog was full, and has ended it.
        Err(error) => assert_eq!(error.kind(), ErrorKind::NotConnected, "{error}"),
    }
    true
}

/// The server's part when TLS is ready.
pub(crate) fn greet(raw: &mut Raw<'_>) {
    assert!(raw.peer().tls().is_some(), "the handshake is done, and nothing is known of it");
    raw.send(SECURE);
}

impl Starter {
    fn new(random: &mut Random) -> Self {
        let (mut plain, secured) = (lines(random, 4), lines(random, 8));
        let inserts = random.chance(250);
        let behind = if inserts { inserted(random) } else { String::new() };
        plain.push_back((format!("{WORD}\n{behind}"), GO.into()));
        Self { plain, secured, expected: VecDeque::new(), inserts, has_begun: false }
    }

    fn go_on(&mut self, line: &mut PeerConnection<'_>) {
        let pieces = if self.has_begun { &mut self.secured } else { &mut self.plain };
        while self.expected.len() <= AHEAD {
            let Some((said, expected)) = pieces.pop_front() else { return };
            line.say(said.as_bytes());
            self.expected.extend(expected.into_bytes());
        }
    }

    /// The answer to the word has come.
    fn may_begin(&self) -> bool {
        !self.has_begun && self.plain.is_empty() && self.expected.is_empty()
    }
}

fn lines(random: &mut Random, most: usize) -> VecDeque<Piece> {
    let count = random.below(most + 1);
    let lines = (0..count).map(|_| {
        let line = "l".repeat(random.size(500)) + "\n";
        (line.clone(), line)
    });
    lines.collect()
}

/// Whole lines, or the beginning of one, which the peer's first line over TLS would complete.
fn inserted(random: &mut Random) -> String {
    if random.chance(500) { INSERTED.into() } else { format!("{INSERTED}\n").repeat(random.between(1, 3)) }
}

impl Peer for Starter {
    fn listener(&self) -> usize {
        listener::LINES
    }

    fn on_connect(&mut self, line: &mut PeerConnection<'_>) {
        self.go_on(line);
    }

    fn on_bytes(&mut self, line: &mut PeerConnection<'_>, bytes: &mut Vec<u8>) {
        if self.has_begun && self.inserts {
            line.wrong("plain text came where TLS was to begin, and TLS has begun all the same");
        }
        let count = bytes.len().min(self.expected.len());
        let came: Vec<u8> = bytes.drain(..count).collect();
        let expected: Vec<u8> = self.expected.drain(..count).collect();
        if came != expected {
            let [came, expected] = [came, expected].map(|text| String::from_utf8_lossy(&text).into_owned());
            line.wrong(format!("{came:?} came for {expected:?}"));
        }
        if self.may_begin() {
            // What is left belongs to TLS.
            self.has_begun = true;
            line.start_tls(&identity().tls);
            self.expected.extend(SECURE.bytes());
        } else if !bytes.is_empty() {
            line.wrong(format!("{} bytes came behind all that was expected", bytes.len()));
            bytes.clear();
        }
        self.go_on(line);
    }

    fn is_done(&self) -> bool {
        self.has_said_all() && self.expected.is_empty()
    }

    fn has_said_all(&self) -> bool {
        self.has_begun && self.secured.is_empty()
    }

    fn outlives_half_close(&self) -> bool {
        true
    }

    fn expects_close(&self) -> bool {
        false
    }

    fn allows(&self, reason: Reason) -> bool {
        self.inserts && reason == Reason::Tls
    }

    fn starts_tls(&self) -> bool {
        true
    }

    fn waits_for(&self) -> String {
        let Self { plain, secured, expected, has_begun, .. } = self;
        let left = plain.len() + secured.len();
        format!("{} bytes, and {left} lines are not said; TLS has begun: {has_begun}", expected.len())
    }
}
