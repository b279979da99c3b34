//! What holds for every example: its options, how it refuses what is wrong, and how it ends.

use super::refused::check;
use crate::common::{connect, expect_close, websocket};
use crate::process::{Example, TempDir, binary};
use crate::sockets::hear;
use std::io::{Read, Write};
use std::path::Path;
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
    for (name, options, said) in [
        ("hello", &["--listen", "nowhere"][..], "`--listen nowhere`: not an address, such as 127.0.0.1:8080"),
        ("chat", &["--listen", "127.0.0.1:0", "--reactors", "none"], "`--reactors none`: not a number"),
        ("testbed", &["--listen", "127.0.0.1:0", "--reactors"], "`--reactors` needs a value"),
        ("quiz", &["--listen", "127.0.0.1:0", "--within", "soon"], "`--within soon`: not a time in seconds"),
        ("quiz", &["--listen", "127.0.0.1:0", "--within=-1"], "`--within -1`: not a time in seconds"),
    ] {
        check(name, options, said);
    }
}

/// How to try an example: the line behind its addresses.
fn hint(example: &mut Example) -> String {
    loop {
        let line = example.line();
        if !line.starts_with("listening on ") && !line.starts_with("datagrams at ") {
            return line;
        }
    }
}

/// The names of all examples in a package.
fn examples_of(manifest: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(manifest);
    let text = std::fs::read_to_string(path).unwrap();
    let names = text.split("[[example]]\nname = \"").skip(1).map(|rest| rest.split('"').next().unwrap());
    names.map(str::to_owned).collect()
}

#[test]
fn every_example_prints_how_to_try_it() {
    let dir = TempDir::new("hints");
    let dir = dir.path().to_str().unwrap();
    let root = ["--root", dir];
    let hints = [
        ("hello", &[][..], "try: curl http://ADDR/".to_owned()),
        (
            "echo",
            &[],
            "try: http://ADDR/ in a browser, and in its console: s = new WebSocket('ws://ADDR');".into(),
        ),
        ("clock", &[], "try: http://ADDR/ in a browser, or curl -N http://ADDR/time".into()),
        ("lines", &[], "try: nc IP PORT".into()),
        ("bridge", &["--to", "db.example:5432"], "try: a client of db.example:5432, at ADDR instead".into()),
        ("proxy", &["--to", "127.0.0.1:9"], "try: curl http://ADDR/, which 127.0.0.1:9 answers".into()),
        ("chat", &[], "try: http://ADDR/ in two tabs".into()),
        (
            "quiz",
            &[],
            "try: http://ADDR/ in a browser, and in its console: s = new WebSocket('ws://ADDR');".into(),
        ),
        ("rest", &[], "try: curl http://ADDR/notes/1".into()),
        ("files", &root, format!("try: curl -r 0-99 http://ADDR/NAME for a file in {dir}")),
        ("metrics", &["--status", "127.0.0.1:0"], "try: curl http://ADDR/, curl http://127.0.0.1:".into()),
        ("embedded_loop", &["--datagrams", "127.0.0.1:0"], "try: curl -N http://ADDR/feed, and in".into()),
        ("tls_reload", &["--dir", dir], format!("try: curl --cacert {dir}/ca.pem https://localhost:PORT/")),
        ("gate", &[], "try: http://ADDR/ in a browser".into()),
        ("heartbeat", &[], "try: http://ADDR/ in two tabs".into()),
        ("upload", &["--folder", dir], "try: http://ADDR/ in a browser".into()),
        ("testing", &[], "try: curl -d 42 http://ADDR/".into()),
        ("ticker", &[], "open http://ADDR/".into()),
        ("dashboard", &[], "open http://ADDR/".into()),
        ("showcase", &[], "open http://ADDR/ in two tabs".into()),
        ("testbed", &[], "try: curl http://ADDR/".into()),
    ];
    for (name, options, expected) in &hints {
        let (mut example, addr) = Example::start(name, options);
        let (ip, port) = (addr.ip().to_string(), addr.port().to_string());
        let expected = expected.replace("ADDR", &addr.to_string()).replace("IP", &ip).replace("PORT", &port);
        let hint = hint(&mut example);
        assert!(hint.starts_with(&expected), "{name}: {hint}");
    }
    // `banner` has three addresses, `cluster` needs a Redis, and both have tests elsewhere.
    let elsewhere = ["banner", "cluster"];
    for name in [examples_of("../Cargo.toml"), examples_of("../libraries/Cargo.toml")].concat() {
        let is_here = hints.iter().any(|(tested, ..)| *tested == name);
        assert!(is_here || elsewhere.contains(&&*name), "{name} prints no way to try it");
    }
}

#[test]
fn every_example_ends_well_at_sigterm() {
    for name in ["hello", "echo", "clock", "lines", "chat", "showcase", "testbed"] {
        let (mut example, addr) = Example::start(name, &[]);
        hint(&mut example);
        if name == "showcase" {
            assert!(example.line().starts_with("this server is alone; "));
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
