//! A request that follows an empty line is read in another way than the same without one, and must be seen the same.
//!
//! The empty line may stand there (RFC 9112 section 2.2), but nearly never does, so the short way through a head leaves
//! it to the long one. That makes the two comparable from outside, with everything that hangs on them.

use std::fmt::Write;

use jackfield_proto::Step;
use jackfield_proto::http1::{
    BodyDue, DateBlock, Event, HeaderSlots, Limits, Machine, Owed, Request, ResponseToSend,
};

use crate::server::NOW;

/// All that a server can see in these parts, with the cause of what it refuses.
fn see(parts: &[&[u8]], slots: &mut HeaderSlots) -> String {
    let (mut machine, mut carry, mut seen) = (Machine::new(), Vec::new(), String::new());
    for part in parts {
        carry.extend_from_slice(part);
        while let Some(used) = step(&mut machine, &carry, slots, &mut seen) {
            drop(carry.drain(..used));
        }
    }
    let _ = write!(seen, "{:?} {:?}", machine.owed(), machine.awaits());
    seen
}

fn step(machine: &mut Machine, rx: &[u8], slots: &mut HeaderSlots, seen: &mut String) -> Option<usize> {
    let mut whole = Vec::new();
    let (used, is_open) = match machine.step(rx, slots, &mut whole, &Limits::default()) {
        Step::Need(0) | Step::Paused => return None,
        Step::Need(used) => (used, false),
        Step::Event(used, event) => match event {
            Event::Request(request) | Event::End(request) => (used, note(seen, "", &request)),
            Event::Upgrade(request) => (used, note(seen, "upgrade ", &request)),
            Event::Head(_) => (used, machine.collect(20).is_err()),
            Event::Body(_) => panic!("nothing is streamed here"),
        },
        Step::Fault(error) => {
            let _ = write!(seen, "{error:?}; ");
            if machine.owed() == Owed::Open {
                refuse(machine, error.status(), seen);
            }
            return None;
        }
    };
    if is_open {
        let _ = machine.respond(&ResponseToSend::new(200, "a/b"), 0, &DateBlock::new(NOW), &mut Vec::new());
    }
    (machine.owed() != Owed::Done).then_some(used)
}

/// The answer to what was refused, and whether its body follows.
fn refuse(machine: &mut Machine, status: u16, seen: &mut String) {
    let mut out = Vec::new();
    let due = machine.respond(&ResponseToSend::new(status, "a/b"), 4, &DateBlock::new(NOW), &mut out);
    let _ = write!(seen, "{} {due:?}; ", out.escape_ascii());
}

fn note(seen: &mut String, kind: &str, request: &Request<'_>) -> bool {
    let (method, target) = (request.method(), request.target());
    assert!(target.starts_with(request.path()) || target.contains("://"));
    let _ = write!(seen, "{kind}{method} {target} {:?} {:?}; ", request.query(), request.host());
    let _ = write!(seen, "{:?} {} {}; ", request.version(), request.keep_alive(), request.has_body());
    for (name, value) in request.headers() {
        let _ = write!(seen, "{name}: {}; ", value.escape_ascii());
        let first = request.headers().find(|(other, _)| other.eq_ignore_ascii_case(name));
        assert_eq!(request.header(name), first.map(|(_, value)| value));
    }
    let _ = write!(seen, "{}; {}; ", request.body().escape_ascii(), request.trailers().count());
    true
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

    /// One of `seeds`, changed in up to three places.
    fn mutant(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        const BYTES: &[u8] = b"\r\n\t :-,;/#*_[]@\0\x1f\x7f\x80\xffaAhHzZ019.";
        let mut bytes = seeds[self.below(seeds.len())].clone();
        for _ in 0..self.below(4) {
            if bytes.is_empty() {
                break;
            }
            let (at, byte) = (self.below(bytes.len()), BYTES[self.below(BYTES.len())]);
            match self.below(4) {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                _ => bytes[at] ^= 0x20,
            }
        }
        bytes
    }
}

#[test]
fn an_empty_line_before_a_request_changes_nothing_else() {
    let (seeds, mut slots, mut random) = (crate::round_trip::corpus(), HeaderSlots::new(), Random(7));
    let mut served_count = 0;
    for _ in 0..100_000 {
        let bytes = random.mutant(&seeds);
        // It would be a second empty line.
        if bytes.first().is_none_or(|byte| *byte == b'\r') {
            continue;
        }
        let whole = see(&[&bytes], &mut slots);
        let behind = see(&[&[b"\r\n", &bytes[..]].concat()], &mut slots);
        let (first, second) = bytes.split_at(random.below(bytes.len()));
        let cut = see(&[first, second], &mut slots);
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(whole, behind, "{text:?}");
        assert_eq!(whole, cut, "{text:?} cut at {}", first.len());
        served_count += usize::from(whole.contains("Http11"));
    }
    assert!(served_count > 10_000, "{served_count}");
}

/// Whether the refusal of a request that is not complete has a body.
fn refused_with_body(parts: &[&[u8]]) -> bool {
    let (mut machine, mut slots, mut whole) = (Machine::new(), HeaderSlots::new(), Vec::new());
    let mut carry = Vec::new();
    for part in parts {
        carry.extend_from_slice(part);
        let step = machine.step(&carry, &mut slots, &mut whole, &Limits::default());
        let used = match step {
            Step::Event(used, Event::Request(_)) => used,
            step => {
                assert!(matches!(step, Step::Need(0)), "{step:?}");
                continue;
            }
        };
        let _ = machine.respond(&ResponseToSend::new(200, "a/b"), 0, &DateBlock::new(NOW), &mut Vec::new());
        carry.drain(..used);
    }
    machine.give_up();
    machine.respond(&ResponseToSend::new(408, "a/b"), 4, &DateBlock::new(NOW), &mut Vec::new())
        == BodyDue::Yes
}

/// The fault: it had one, although an answer to `HEAD` has none (RFC 9110 section 9.3.2).
#[test]
fn i472_a_head_that_is_refused_gets_no_body() {
    let mut slots = HeaderSlots::new();
    for (request, body) in [
        ("HEAD / HTTP/1.1\r\n\r\n", "No"),
        ("\r\nHEAD / HTTP/1.1\r\n\r\n", "No"),
        ("\r\nHEAD / HTTP/9.1\r\n\r\n", "No"),
        ("\r\nGET / HTTP/1.1\r\n\r\n", "Yes"),
        ("\r\n\r\nHEAD / HTTP/1.1\r\n\r\n", "Yes"),
    ] {
        let seen = see(&[request.as_bytes()], &mut slots);
        assert!(seen.contains(&format!(" {body}; ")), "{request:?}: {seen}");
    }
    let (head, get) = (&b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"[..], &b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"[..]);
    for (parts, has_body) in [
        (&[&b"HEAD "[..]][..], false),
        (&[b"\r\nHEAD / HTTP/1.1\r\nHo"], false),
        (&[b"\r", b"\nHE", b"AD /"], false),
        (&[get, b"HEAD / HTTP/1.1\r\n"], false),
        (&[b"HEAD"], true),
        (&[b"GET / HTTP/1.1\r\n"], true),
        (&[head, b"GET / HTTP/1.1\r\n"], true),
        (&[head, b"\r\n"], true),
        (&[head, b"H"], true),
        (&[head], true),
    ] {
        assert_eq!(
            refused_with_body(parts),
            has_body,
            "{:?}",
            parts.iter().map(|part| part.escape_ascii().to_string()).collect::<Vec<_>>()
        );
    }
}
