//! Outputs that nobody reads any more, and outputs that can't be written.
#![cfg(unix)]

use crate::process::Directory;
use crate::{TOOL, odd};
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

/// A standard error whose reader is gone, as behind `2>&1 | head`.
fn unread() -> Stdio {
    let (_reader, writer) = UnixStream::pair().expect("descriptors are free");
    OwnedFd::from(writer).into()
}

/// The exit code of the program if nobody reads what it says is wrong.
fn unheard(args: &[&str]) -> Option<i32> {
    let mut command = Command::new(TOOL);
    let command = command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(unread());
    command.status().expect("it starts").code()
}

/// The fault: a message without a reader was a panic, and the exit code 101.
#[test]
fn i491_messages_that_nobody_reads_do_not_change_the_exit_code() {
    let nobody = odd::nobody();
    for (args, code) in [
        (&["bench", "http", "-c", "2", "-n", "10", "--fail-if", "rate>0"][..], 1),
        (&["bench", "http", "-c", "2", "-n", "10", &nobody], 1),
        (&["attack", "mutants", &nobody], 1),
        (&["sim", "--seeds", "0"], 2),
    ] {
        assert_eq!(unheard(args), Some(code), "{args:?}");
    }
}

/// The fault: the same ended a plan behind its first stage.
#[test]
fn i491_a_plan_goes_on_if_nobody_reads_its_messages() {
    let directory = Directory::new();
    let [plan, report] = ["plan.toml", "report"].map(|name| directory.path(name));
    let stage = |name: &str| format!("[[stage]]\nname = \"{name}\"\nduration = \"200ms\"\n");
    let text =
        ["connections = 2\n[[request]]\npath = \"/plaintext\"\n", &stage("one"), &stage("two")].concat();
    fs::create_dir_all(directory.path("")).and_then(|()| fs::write(&plan, text)).expect("it is written");
    let [plan, to] = [&plan, &report].map(|path| path.to_str().expect("the path is UTF-8"));
    let code = unheard(&["bench", "plan", plan, "--report", to]);
    // On a busy machine nothing may be answered in so short a time.
    assert!(matches!(code, Some(0 | 1)), "{code:?}");
    assert!(report.join("two/index.html").exists());
}

/// The fault: such a result was lost or cut off, nothing said so, and the exit code was 0.
#[cfg(target_os = "linux")]
#[test]
fn i492_a_result_that_can_not_be_written_is_no_success() {
    let directory = Directory::new();
    let report = directory.path("report");
    let to = report.to_str().expect("the path is UTF-8");
    for args in [
        &["bench", "http", "-c", "2", "-n", "10", "--json", "--report", to][..],
        &["attack", "descriptors", "127.0.0.1:1"],
        &["sim", "--seeds", "1"],
        &["sim", "--replay", "1"],
        &["fuzz", "list"],
        &["fuzz", "sse_stream", "--executions", "1"],
    ] {
        let full = fs::File::options().write(true).open("/dev/full").expect("Linux has it");
        let mut command = Command::new(TOOL);
        let output = command.args(args).stdin(Stdio::null()).stdout(full).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains("jackfield: standard output: "), "{args:?}: {said}");
    }
    assert!(report.join("index.html").exists(), "the report is written all the same");
}
