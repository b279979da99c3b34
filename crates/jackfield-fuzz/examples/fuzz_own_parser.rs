//! Fuzzing your own parser: no server, no other tool, stable Rust.
//!
//! ```sh
//! cargo run --release -p jackfield-fuzz --example fuzz_own_parser
//! cargo run --release -p jackfield-fuzz --example fuzz_own_parser -- --with-bug
//! ```
//!
//! The parser is one for records: a kind, a length in two bytes, and that many bytes. What must hold for any input stands in
//! `records_hold`; `main` is all that it takes to fuzz it. With the bug it shows what a finding looks like, a test for it
//! included; the exit status is 1 then.

use jackfield_fuzz::{Log, Runner, Target, count_round_trips, same_however_cut};
use std::process::ExitCode;

const USAGE: &str = "usage: fuzz_own_parser [--with-bug]";
/// The longest value.
const VALUE_BYTES_MAX: usize = 1000;

/// What stands at the front of the bytes.
#[derive(Debug, PartialEq)]
enum Parsed<'b> {
    /// A record, and how many bytes it takes.
    Record(u8, &'b [u8], usize),
    Incomplete,
    TooLong,
}

fn parse(bytes: &[u8], has_bug: bool) -> Parsed<'_> {
    let (kind, length, rest) = match bytes {
        [kind, high, low, rest @ ..] => (*kind, u16::from_be_bytes([*high, *low]), rest),
        // The bug: what has not come yet is taken for 0.
        [kind, high] if has_bug => (*kind, u16::from_be_bytes([*high, 0]), &[][..]),
        _ => return Parsed::Incomplete,
    };
    let length = usize::from(length);
    if length > VALUE_BYTES_MAX {
        return Parsed::TooLong;
    }
    rest.get(..length)
        .map_or(Parsed::Incomplete, |value| Parsed::Record(kind, value, bytes.len().min(3 + length)))
}

fn encode(kind: u8, value: &[u8], out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(&(value.len() as u16).to_be_bytes());
    out.extend_from_slice(value);
}

/// Reads a stream that comes in these parts. Gives what it said, and its records encoded again.
fn read(parts: &[&[u8]], has_bug: bool) -> (Log, Vec<u8>) {
    let (mut rx, mut log, mut again) = (Vec::new(), Log::default(), Vec::new());
    for part in parts {
        rx.extend_from_slice(part);
        loop {
            let used = match parse(&rx, has_bug) {
                Parsed::Record(kind, value, used) => {
                    log.note("record", [&[kind], value].concat());
                    encode(kind, value, &mut again);
                    used
                }
                Parsed::Incomplete => break,
                Parsed::TooLong => {
                    log.fault("too long");
                    return (log, again);
                }
            };
            rx.drain(..used);
        }
    }
    (log, again)
}

/// What must hold: the same records and the same error however the bytes are cut; and what is encoded is what was read.
fn check(data: &[u8], has_bug: bool) {
    let (log, again) = same_however_cut(data, |parts| read(parts, has_bug));
    assert!(data.starts_with(&again), "encoded again it differs: {log:?}");
    count_round_trips(log.entries() as u64);
}

fn records_hold(data: &[u8]) {
    check(data, false);
}

fn records_with_bug_hold(data: &[u8]) {
    check(data, true);
}

fn main() -> ExitCode {
    let has_bug = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--with-bug") => true,
        Some("--help") => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Some(_) => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    let target = if has_bug {
        Target::new("records_with_bug_hold", records_with_bug_hold)
    } else {
        Target::new("records_hold", records_hold)
    };
    let target = Target { seeds: &[b"\x01\0\x05hello\x02\0\0"], dictionary: &[b"\x03\xe8"], ..target };
    match Runner::new(&target).seed(1).executions(50_000).run() {
        Ok(report) => {
            println!("{} inputs, {} partitions: it holds", report.executions, report.tally.partitions);
            ExitCode::SUCCESS
        }
        Err(finding) => {
            println!("{finding}");
            ExitCode::FAILURE
        }
    }
}
