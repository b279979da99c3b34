//! `docs/limits.md` is the table of `Limits::table`. To write it anew: `JACKFIELD_BLESS=1 cargo test -p jackfield
//! --test server limits`.

use jackfield::{LimitRow, Limits};
use std::fmt::Write as _;
use std::path::Path;

const HEAD: &str = "# Limits\n\nAll limits and timeouts with their defaults, and what the presets `Limits::local()`, `Limits::lan()` \
    and\n`Limits::internet()` change. They are the fields of `jackfield::Limits`; a name with\n\
    `Listener::` is an option of each `Listener`. `yes` in the column `listener`: a listener can\n\
    have its own, with `Listener::limits`. The others apply to the whole server. This file is generated from the code:\n\n    \
    JACKFIELD_BLESS=1 cargo test -p jackfield --test server limits\n\n\
    | name | unit | default | local | lan | internet | listener | what happens at it |\n\
    | --- | --- | ---: | ---: | ---: | ---: | --- | --- |\n";

const TAIL: &str = "\nA server with a broker has one more bound, which is no option: of a topic with members on it, at most 16,384 \
    publications\nmay be on their way, from the publish until they come back from the broker. One more is refused\n\
    (`Published::full`, `Metrics::broker_refused`), whatever the queue of the broker allows.\n\n\
    `memory_bytes_max` does not count what every connection needs from its beginning: 264 bytes in plain text, and up to\n\
    8 KiB with TLS, mostly for rustls; how much exactly depends on the version, the cipher and the cryptography. So add\n\
    `connections_max` times that size yourself. Not counted either: the messages of this side in a TLS handshake, a\n\
    ClientHello whose host is being looked up, and the certificates of trusted clients. What else a peer sends and TLS keeps\n\
    is counted: unfinished handshake messages and records.\n";

#[test]
fn the_document_is_the_table() {
    let mut wanted = String::from(HEAD);
    let presets = [Limits::local(), Limits::lan(), Limits::internet()].map(|limits| limits.table());
    for (index, row) in Limits::default().table().into_iter().enumerate() {
        let LimitRow { name, unit, value, consequence, is_server_wide, .. } = row;
        write!(wanted, "| `{name}` | {unit} | {} |", grouped(value)).unwrap();
        for preset in presets.iter().map(|table| table[index].value) {
            let shown = if preset == value { String::new() } else { format!("{} ", grouped(preset)) };
            write!(wanted, " {shown}|").unwrap();
        }
        let listener = if is_server_wide { "" } else { "yes " };
        writeln!(wanted, " {listener}| {consequence} |").unwrap();
    }
    wanted.push_str(TAIL);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/limits.md");
    if std::env::var_os("JACKFIELD_BLESS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "docs/limits.md is not the table of the code: see the top of this test");
}

/// The numbers that docs/features.md promises. The table above would be written anew with another one.
#[test]
fn the_defaults_are_those_that_are_promised() {
    const DEFAULTS: [(&str, u64); 33] = [
        ("outgoing_max", 65_536),
        ("mailbox_max", 65_536),
        ("mailbox_bytes_max", 64 << 20),
        ("events_per_turn", 64),
        ("topics_max", 128),
        ("line_bytes_max", 64 << 10),
        ("body_bytes_max", 1 << 20),
        ("rate.messages", 0),
        ("rate.bytes", 0),
        ("bandwidth.bytes_in", 0),
        ("bandwidth.bytes_out", 0),
        ("control_frames", 100),
        ("http.head_bytes_max", 16 << 10),
        ("http.headers_max", 100),
        ("http.target_bytes_max", 8 << 10),
        ("websocket.message_bytes_max", 1 << 20),
        ("deflate.mode", 0),
        ("deflate.message_bytes_min", 256),
        ("deflate.memory_bytes_max", 64 << 20),
        ("reactor.read_bytes", 64 << 10),
        ("reactor.outbox_bytes_high", 64 << 10),
        ("reactor.outbox_bytes_low", 16 << 10),
        ("reactor.outbox_bytes_max", 1 << 20),
        ("reactor.handshakes_per_turn", 64),
        ("Listener::backlog", 1024),
        ("Listener::notsent_lowat", 64 << 10),
        ("reactor.write_stall", 30_000),
        ("reactor.write_stall_bytes_min", 1),
        ("reactor.flush_interval", 15_000),
        ("reactor.flush_interval_bytes_min", 16 << 10),
        ("reactor.memory_wait", 10_000),
        ("reactor.handshake", 10_000),
        ("message_timeout", 60_000),
    ];
    let table = Limits::default().table();
    for (name, promised) in DEFAULTS {
        let row = table.iter().find(|row| row.name == name).expect("it is a limit");
        assert_eq!(row.value, promised, "{name}");
    }
}

/// 1048576 as 1,048,576.
fn grouped(value: u64) -> String {
    if value == u64::MAX {
        return String::from("no limit");
    }
    let digits = value.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
