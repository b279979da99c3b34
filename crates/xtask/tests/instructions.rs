//! `benches/instructions.sh` with scripts in place of valgrind and of the load: what was not counted is no figure.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

/// A valgrind that counts what the load has written, and writes the profile when it is ended, as callgrind does.
const COUNTS: &str = r#"
trap 'cp "$COUNTED" "${2#*=}"; exit 0' TERM
echo listening on 127.0.0.1:1
while :; do sleep 0.01; done"#;
/// One that has the same profile whatever is done.
const ALWAYS_SAME: &str = r#"echo "totals: 5" >"${2#*=}"; echo listening on 127.0.0.1:1; exec sleep 60"#;
/// One that is ended before it has a profile.
const UNFINISHED: &str = "echo listening on 127.0.0.1:1; exec sleep 60";
/// Operations that cost 1000 instructions each.
const LOAD: &str = r#"echo "totals: $(($2 * 1000))" >"$COUNTED""#;

/// What the script says with these in place of the programs: whether it succeeds, and both outputs.
fn run(arg: Option<&str>, valgrind: &str, load: &str) -> (bool, String, String) {
    let root = env::temp_dir().join(format!("jackfield-instructions-{}", std::process::id()));
    let [programs, built] = ["bin", "target/fast"].map(|name| root.join(name));
    write(&programs, "cargo", "exit 0");
    write(&programs, "rustc", "echo another compiler");
    write(&programs, "valgrind", valgrind);
    write(&built, "http-load", load);
    write(&built, "ws-load", load);
    let path = env::var("PATH").expect("there is a path");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../benches/instructions.sh");
    let output = Command::new("bash")
        .arg(script)
        .args(arg)
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("CARGO_TARGET_DIR", root.join("target"))
        .env("COUNTED", root.join("counted"))
        .stdin(Stdio::null())
        .output()
        .expect("there is bash");
    fs::remove_dir_all(&root).expect("it was made");
    let [stdout, stderr] =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    (output.status.success(), stdout, stderr)
}

fn write(folder: &Path, name: &str, script: &str) {
    let file = folder.join(name);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&file, format!("#!/bin/sh\n{script}\n")))
        .expect("it is written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("it is this test's own");
}

/// The fault: bash goes on behind a command that fails within `$( )`. So where nothing was counted the figure was 0, which is
/// below each bound, and `--bless` wrote it.
#[test]
fn what_was_not_counted_is_no_figure() {
    let bounds = concat!(env!("CARGO_MANIFEST_DIR"), "/../../benches/instructions.txt");
    let before = fs::read_to_string(bounds).expect("it is there");
    for (valgrind, load, why) in [
        ("echo it does not start >&2; exit 1", LOAD, "bench-serve does not listen"),
        (UNFINISHED, LOAD, "callgrind has counted nothing"),
        (ALWAYS_SAME, LOAD, "cost no more instructions"),
        (COUNTS, "echo no answer >&2; exit 1", "no answer"),
    ] {
        for arg in [None, Some("--check"), Some("--bless")] {
            let (succeeds, stdout, stderr) = run(arg, valgrind, load);
            assert!(!succeeds && stdout.is_empty() && stderr.contains(why), "{arg:?}: {stdout}{stderr}");
        }
    }
    let (succeeds, stdout, stderr) = run(None, COUNTS, LOAD);
    let figures: Vec<&str> = stdout.lines().filter_map(|line| line.split_whitespace().last()).collect();
    assert!(
        succeeds && figures.len() > 10 && figures.iter().all(|figure| *figure == "1000"),
        "{stdout}{stderr}"
    );
    let (succeeds, _, stderr) = run(Some("--blss"), COUNTS, LOAD);
    assert!(!succeeds && stderr.contains("--blss is neither"), "{stderr}");
    assert_eq!(fs::read_to_string(bounds).ok(), Some(before));
}
