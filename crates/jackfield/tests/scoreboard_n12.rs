//! What makes no sense on a protocol does not compile: the compiler is asked, and says why.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io, process};

/// Each marked line is an error with that code; without those lines it compiles.
const NO_SUCH_METHOD: &str = r#"
use jackfield::{EventStream, Exchange, Raw, Reply, WebSocket};

pub fn a_request_is_answered(mut exchange: Exchange<'_>) {
    exchange.send("a message"); //~ E0599
    exchange.ping(b"?"); //~ E0599
    exchange.ok("text/plain", "an answer");
}

pub fn a_websocket_has_messages(socket: &mut WebSocket<'_>) {
    socket.ok("text/plain", "an answer"); //~ E0599
    socket.events(); //~ E0599
    socket.read_lines(); //~ E0599
    socket.send("a message");
}

pub fn an_event_stream_has_events(events: &mut EventStream<'_>) {
    events.ok("text/plain", "an answer"); //~ E0599
    events.ping(b"?"); //~ E0599
    events.send("data");
}

pub fn a_raw_connection_has_bytes(raw: &mut Raw<'_>) {
    raw.ok("text/plain", "an answer"); //~ E0599
    raw.ping(b"?"); //~ E0599
    raw.send(b"bytes");
}

pub fn a_late_answer_is_one(mut reply: Reply) {
    reply.send("a message"); //~ E0599
    reply.defer(); //~ E0599
    reply.ok("text/plain", "an answer");
}
"#;

const DECIDED_ALREADY: &str = r#"
use jackfield::{Exchange, LateUpgrade, Reply, Upgrade};

pub fn a_second_answer(exchange: Exchange<'_>) {
    exchange.ok("text/plain", "once");
    exchange.ok("text/plain", "twice"); //~ E0382
}

pub fn an_answer_after_deferring(exchange: Exchange<'_>) -> Reply {
    let reply = exchange.defer();
    exchange.not_found(); //~ E0382
    reply
}

pub fn a_second_late_answer(reply: Reply) {
    reply.ok("text/plain", "once");
    reply.not_found(); //~ E0382
}

pub fn a_refusal_after_the_upgrade(upgrade: Upgrade<'_>) {
    upgrade.accept();
    upgrade.reject(403); //~ E0382
}

pub fn an_upgrade_after_deferring(upgrade: Upgrade<'_>) -> LateUpgrade {
    let late = upgrade.defer();
    upgrade.accept(); //~ E0382
    late
}

pub fn a_late_refusal_after_the_upgrade(upgrade: LateUpgrade) {
    upgrade.accept();
    upgrade.reject(403); //~ E0382
}
"#;

const MARK: &str = "//~ ";

/// The library as Cargo has built it last, beside this test.
fn library() -> PathBuf {
    let made = |file: &fs::DirEntry| file.metadata().and_then(|of| of.modified()).ok();
    let test = env::current_exe().unwrap();
    let files = fs::read_dir(test.parent().unwrap()).unwrap().filter_map(io::Result::ok);
    let libraries = files.filter(|file| {
        let name = file.file_name();
        name.to_str().is_some_and(|name| name.starts_with("libjackfield-") && name.ends_with(".rlib"))
    });
    libraries.max_by_key(made).expect("Cargo has built it").path()
}

/// The errors of the compiler, as lines and codes.
fn errors(name: &str, source: &str) -> Vec<(usize, String)> {
    // Another run of this test may go on beside it.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(process::id().to_string());
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("n12_{name}.rs"));
    fs::write(&path, source).unwrap();
    let library = library();
    let mut command = Command::new(env::var_os("RUSTC").unwrap_or("rustc".into()));
    command.args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--error-format=short"]);
    command.arg("--extern").arg(format!("jackfield={}", library.display()));
    command.arg("-L").arg(format!("dependency={}", library.parent().unwrap().display()));
    let output = command.arg("--out-dir").arg(folder).arg(path).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let errors: Vec<_> = said.lines().filter_map(error).collect();
    assert_eq!(output.status.success(), errors.is_empty(), "{said}");
    errors
}

/// What `PATH:LINE:COLUMN: error[CODE]: ..` says.
fn error(line: &str) -> Option<(usize, String)> {
    let (place, said) = line.split_once(": error[")?;
    let number = place.rsplit(':').nth(1)?.parse().ok()?;
    Some((number, said.split_once(']')?.0.to_owned()))
}

#[track_caller]
fn check(name: &str, source: &str) {
    let wanted: Vec<(usize, String)> = (1..)
        .zip(source.lines())
        .filter_map(|(number, line)| Some((number, line.split_once(MARK)?.1.to_owned())))
        .collect();
    let mut found = errors(name, source);
    found.sort();
    assert_eq!(found, wanted, "{name}");
}

#[test]
fn n12_methods_of_another_protocol_do_not_compile() {
    check("no_such_method", NO_SUCH_METHOD);
}

#[test]
fn n12_a_second_decision_does_not_compile() {
    check("decided_already", DECIDED_ALREADY);
}

#[test]
fn n12_the_rest_of_both_compiles() {
    let rest = [NO_SUCH_METHOD, DECIDED_ALREADY].map(|source| {
        let lines = source.lines().filter(|line| !line.contains(MARK) && !line.starts_with("use "));
        lines.collect::<Vec<_>>().join("\n")
    });
    let source = format!("use jackfield::*;\n{}", rest.concat());
    assert_eq!(errors("rest", &source), [], "{source}");
}
