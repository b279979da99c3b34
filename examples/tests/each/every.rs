//! What holds for every example: its options, how it refuses what is wrong, and how it ends.

use crate::common::{connect, expect_close, websocket};
use crate::process::{Example, binary};
use crate::sockets::hear;
use std::io::{Read, Write};
use std::process::Command;

#[test]
fn unknown_options_are_refused_with_the_usage() {
    for name in [
        "hello",
        "gate",
        "banner",
        "heartbeat",
        "upload",
        "testing",
        "echo",
        "clock",
        "lines",
        "bridge",
        "proxy",
        "chat",
        "embedded_loop",
        "rest",
        "files",
        "metrics",
        "ticker",
        "dashboard",
        "cluster",
        "quiz",
        "showcase",
        "testbed",
        "tls_reload",
        "fuzz_own_parser",
    ] {
        for args in [&["--lisen", "127.0.0.1:0"][..], &["127.0.0.1:0"], &["--with-bug=1"]] {
            // It prints nothing: nothing has started.
            assert_eq!(Example::spawn(name, args).wait().code(), Some(2), "{name} {args:?}");
        }
        let help = Command::new(binary(name)).arg("--help").output().unwrap();
        let text = String::from_utf8(help.stdout).unwrap();
        assert!(help.status.success() && text.starts_with(&format!("usage: {name} [--")), "{text}");
    }
}

#[test]
fn wrong_command_lines_are_explained() {
    for (name, options, code) in [
        ("hello", &["--listen", "nowhere"][..], 1),
        ("chat", &["--listen", "127.0.0.1:0", "--reactors", "none"], 2),
        ("testbed", &["--listen", "127.0.0.1:0", "--reactors"], 2),
        ("testbed", &["--tls", "127.0.0.1:0"], 1),
        ("testbed", &["--tls", "127.0.0.1:0", "--cert", "nowhere.pem", "--key", "nowhere.pem"], 1),
    ] {
        let status = Example::spawn(name, options).wait();
        assert_eq!(status.code(), Some(code), "{name} {options:?}");
    }
}

#[test]
fn every_example_ends_well_at_sigterm() {
    for name in ["hello", "echo", "clock", "lines", "chat", "showcase", "testbed"] {
        let (mut example, addr) = Example::start(name, &[]);
        if name == "showcase" {
            assert!(example.line().starts_with("open "));
            assert!(example.line().starts_with("it is alone: "));
        }
        // An idle client. The answer to its request shows that the server has accepted the connection.
        let mut silent = connect(addr);
        if name != "lines" {
            silent.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
        }
        assert_ne!(silent.read(&mut [0; 1000]).unwrap(), 0, "{name}: an answer or a banner");
        let socket = matches!(name, "echo" | "chat" | "testbed").then(|| websocket(addr));
        example.terminate();
        if let Some(mut socket) = socket {
            if name == "chat" {
                assert!(hear(&mut socket).starts_with("you "));
            }
            assert_eq!(expect_close(socket).0, 1001, "{name}");
        }
        silent.read_to_end(&mut Vec::new()).unwrap();
        drop(silent);
        let status = example.wait();
        assert_eq!(status.code(), Some(0), "{name}: {status}");
    }
}
