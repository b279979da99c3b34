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
