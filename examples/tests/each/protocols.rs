//! The examples with a protocol of their own: `lines`, `bridge`, which has none at all, and `fuzz_own_parser`.

use super::nobody::Nobody;
use crate::common::connect;
use crate::http::Http;
use crate::process::{Example, binary, run};
use std::io::{Read, Write};
use std::net::TcpListener;

#[test]
fn lines_adds() {
    let (_example, addr) = Example::start("lines", &[]);
    // It has nothing of HTTP, but lines are lines.
    let mut lines = Http::connect(addr);
    assert_eq!(lines.line(), "+ adding machine, at your service");
    for (sent, answer) in [
        ("ADD 40\r\n", "+ 40"),
        ("ADD 2\n", "+ 42"),
        ("ADD two\r\n", "- ADD takes a number, and the total must fit"),
        ("ADD 9223372036854775807\r\n", "- ADD takes a number, and the total must fit"),
        ("\r\n", "- the commands are ADD n, TOTAL, QUIT"),
    ] {
        for byte in sent.bytes() {
            lines.send([byte]);
        }
        assert_eq!(lines.line(), answer, "{sent:?}");
    }
    lines.send("TOTAL\r\nADD -1\r\nQUIT\r\nTOTAL\r\n");
    assert_eq!(lines.rest(), b"+ 42\r\n+ 41\r\n+ bye\r\n", "nothing is said after the farewell");

    let mut long = Http::connect(addr);
    assert_eq!(long.line(), "+ adding machine, at your service");
    long.send("x".repeat(70_000));
    assert_eq!(long.rest(), b"- a line is too long\r\n");
}

/// A peer's input of any length goes to the other server, and its answers come back; one that can't be reached ends the
/// connection.
#[test]
fn bridge_passes_both_ways() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = server.local_addr().unwrap().to_string();
    let (_example, addr) = Example::start("bridge", &["--to", &to]);
    let mut near = connect(addr);
    let (mut far, _) = server.accept().unwrap();
    let bytes: Vec<u8> = (0..3_000_000u32).map(|at| (at % 251) as u8).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| near.try_clone().unwrap().write_all(&bytes).unwrap());
        // Nobody reads before the bridge is full.
        std::thread::yield_now();
        let mut got = vec![0; bytes.len()];
        far.read_exact(&mut got).unwrap();
        assert!(got == bytes, "changed on its way");
    });
    far.write_all(b"and back").unwrap();
    drop(far);
    let mut back = Vec::new();
    near.read_to_end(&mut back).unwrap();
    assert_eq!(back, b"and back");
    let nobody = Nobody::new();
    let (_example, addr) = Example::start("bridge", &["--to", &nobody.addr()]);
    assert_eq!(connect(addr).read(&mut [0; 9]).unwrap_or(0), 0, "nobody is there");
}

#[test]
fn fuzz_own_parser_finds_the_bug_and_nothing_else() {
    let example = binary("fuzz_own_parser").into_os_string().into_string().unwrap();
    let finished = run(&example, [""; 0], "").unwrap();
    let text = String::from_utf8(finished.stdout).unwrap();
    assert!(finished.status.success() && text.ends_with("partitions: it holds\n"), "{text}");
    let finished = run(&example, ["--with-bug"], "").unwrap();
    let text = String::from_utf8(finished.stdout).unwrap();
    assert_eq!(finished.status.code(), Some(1));
    let test = text.split("#[test]\nfn fuzz_records_with_bug_hold_").nth(1).expect(&text);
    assert!(test.contains("    records_with_bug_hold(b\""), "{text}");
}
