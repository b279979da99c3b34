//! `lab compare`, with what is always there: the built-in server. Whether the limit and the peers are built
//! does not matter here, so they are looked for where they are not.

use super::process::{Directory, run};
use super::{TOOL, tree, windows};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// A repository with next to nothing in it.
pub(crate) fn repository() -> Directory {
    let root = Directory::new();
    for directory in ["benches/peers", "docs"] {
        fs::create_dir_all(root.path(directory)).expect("it can be made");
    }
    let section = |name| format!("<!-- {name}:begin -->\nold\n<!-- {name}:end -->\n\n");
    let sections = ["compare", "growth", "reactors"].map(section).concat();
    let text = format!("# Numbers\n\n{sections}The end.\n");
    fs::write(root.path("docs/numbers.md"), text).expect("it can be written");
    root
}

/// Short, and few connections: what is tested is the tool.
const SHORT: [&str; 4] = ["--runs=2", "--seconds=250ms", "--idle-connections=20", "--no-counts"];

/// Runs it for a short time, and for longer where the machine is so busy that nothing is answered in that.
fn compare_until_measured(root: &Path, args: &[&str]) -> (i32, String, String) {
    match compare(root, &[&SHORT[..], args].concat()) {
        (0, stdout, stderr) => (0, stdout, stderr),
        _ => compare(root, &[&["--seconds=3s", SHORT[0], SHORT[2], SHORT[3]], args].concat()),
    }
}

/// Runs it, and gives its exit status and what it printed.
fn compare(root: &Path, args: &[&str]) -> (i32, String, String) {
    let root = root.to_str().expect("the path is UTF-8");
    run(&[&["compare", "--root", root], args].concat())
}

#[test]
fn each_row_is_measured_and_written() {
    let root = repository();
    let (code, stdout, stderr) = compare_until_measured(&root.path("."), &[]);
    assert_eq!((code, &*stdout), (0, ""), "{stderr}");
    let numbers = fs::read_to_string(root.path("docs/numbers.md")).expect("it is there");
    assert!(numbers.starts_with("# Numbers\n\n<!-- compare:begin -->\n"), "{numbers}");
    assert!(
        numbers.contains("\n<!-- compare:end -->\n\n<!-- growth:begin -->\nold\n")
            && numbers.ends_with("\nThe end.\n"),
        "{numbers}"
    );
    for (line, rows) in [
        ("| limit | gap: not built |", 19),
        ("| hyper | gap: not built |", 18),
        ("| hyper | gap: no bare TCP in it |", 1),
        ("| may_minihttp | gap: it takes at most 16 header fields", 1),
        ("| bun | gap: not installed |", 18),
        ("| bun, handler | gap: not installed |", 4),
        ("| ntex | gap: it is not set up for TLS here |", 5),
        ("\n| **ours** | ", 21),
    ] {
        assert_eq!(numbers.matches(line).count(), rows, "{line}: {numbers}");
    }
    let json = fs::read_to_string(root.path("docs/report/compare.json")).expect("it is there");
    let json: Value = serde_json::from_str(&json).expect("it is JSON");
    for row in json["rows"].as_array().expect("a list") {
        let ours = &row["servers"][0];
        assert_eq!((&ours["name"], ours["turns"].as_array().map(Vec::len)), (&"ours".into(), Some(2)));
        // A busy server refuses new connections, and nothing may come on a stream in so short a time.
        let is_hasty =
            row["unit"] == "connection" || row["id"].as_str().is_some_and(|id| id.starts_with("sse"));
        for turn in ours["turns"].as_array().into_iter().flatten() {
            assert!(turn["per_second"].as_f64() > Some(0.0) && (is_hasty || turn["errors"] == 0), "{row}");
        }
    }
    let page = fs::read_to_string(root.path("docs/report/index.html")).expect("it is there");
    tree::check(&page);
    assert!(page.contains("gap: not built"));
    windows::check(&[("lab-compare", root.path("docs/report/index.html"))]);
}

#[test]
fn a_part_changes_no_file_that_is_not_named() {
    let root = repository();
    let part = ["--rows=ws,http", "--servers=ours"];
    let (code, stdout, stderr) = compare_until_measured(&root.path("."), &part);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.find("### HTTP, 64") < stdout.find("### WebSocket echo of 20 B"), "{stdout}");
    assert!(!stdout.contains("gap") && stderr.contains("a part of the whole only"), "{stderr}");
    assert!(fs::read_to_string(root.path("docs/numbers.md")).is_ok_and(|text| text.contains("\nold\n")));
    assert!(!root.path("docs/report").exists());

    let file = root.path("docs/other.md");
    fs::write(&file, "no marks\n").expect("it can be written");
    let (code, stdout, stderr) = compare_until_measured(
        &root.path("."),
        &[&part[..], &["--numbers", &file.to_string_lossy()]].concat(),
    );
    assert_eq!(code, 0);
    assert!(
        stdout.contains("**ours**") && stderr.contains("has no lines `<!-- compare:begin -->`"),
        "{stderr}"
    );
    assert!(fs::read_to_string(&file).is_ok_and(|text| text == "no marks\n"));
}

#[test]
fn counters_that_are_not_installed_are_gaps() {
    let root = repository();
    let compare = |seconds| {
        let mut command = Command::new(TOOL);
        command.args(["compare", "--rows=ws", "--servers=ours", "--runs=1", "--seconds", seconds, "--root"]);
        command.arg(root.path(".")).env("PATH", root.path(".")).stdin(Stdio::null());
        command.output().expect("it starts")
    };
    // Longer where the machine is so busy that nothing is answered in a short time.
    let mut output = compare("250ms");
    if !output.status.success() {
        output = compare("3s");
    }
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
    for text in [
        "| × best peer | instructions | system calls | server busy |",
        "| gap: see below | gap: see below |",
        "- ours: instructions not counted: valgrind is not installed.\n",
        "- ours: system calls not counted: strace is not installed.\n",
    ] {
        assert!(stdout.contains(text), "{text}: {stdout}");
    }
}

#[test]
fn impossible_comparisons_are_explained() {
    let root = repository();
    for (args, word) in [
        (&["--rows=quic"][..], "`quic` is not one of"),
        (&["--servers=apache"], "tokio-websockets"),
        (&["--seconds=1ms"], "50ms"),
    ] {
        let (code, _, stderr) = compare(&root.path("."), args);
        assert_eq!(code, 2, "{args:?}: {stderr}");
        assert!(stderr.contains(word) && !stderr.contains("panicked"), "{args:?}: {stderr}");
    }
    let (code, _, stderr) = run(&["compare", "--root", "/nowhere/at/all"]);
    assert!(code == 2 && stderr.contains("/nowhere/at/all"), "{stderr}");
}

/// The fault: it was tried when all had been measured.
#[test]
fn i416_a_report_that_cannot_be_written_is_found_before_the_turns() {
    let root = repository();
    for (option, path) in [("--report", "/dev/null/report"), ("--numbers", "/dev")] {
        let args = [&SHORT[..], &["--rows=http", "--servers=ours", option, path]].concat();
        let (code, stdout, stderr) = compare(&root.path("."), &args);
        assert!(code == 2 && stdout.is_empty() && stderr.contains(&format!("{path}: ")), "{stdout}{stderr}");
        assert!(!stderr.contains("run 1 of"), "{stderr}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_that_does_not_start_is_a_gap() {
    let root = repository();
    let args = [&SHORT[..], &["--rows=http", "--servers=ours", "--server-core=100000"]].concat();
    let (code, stdout, stderr) = compare(&root.path("."), &args);
    assert_eq!(code, 2, "this server was not measured");
    assert!(stdout.contains("| ours | gap: it ended at once: "), "{stdout}{stderr}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_comparison_that_is_killed_leaves_no_server() {
    use std::time::Duration;
    let root = repository();
    let mut command = Command::new(TOOL);
    command.args(["compare", "--rows=http", "--servers=ours", "--seconds=60", "--root"]).arg(root.path("."));
    let mut comparison = command.stderr(Stdio::null()).spawn().expect("it starts");
    let pid = comparison.id();
    let children = || fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    // Whether a process runs, and has not only not been reaped.
    let runs = |pid: &str| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
    };
    let wait_for = |done: &dyn Fn() -> bool| {
        for _ in 0..6000 {
            if done() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    };
    let is_serving = |pid: &str| {
        fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| line.windows(7).any(|word| word == b"\0serve\0"))
    };
    let has_started = wait_for(&|| is_serving(children().trim()));
    let server = children().trim().to_owned();
    comparison.kill().expect("it runs");
    comparison.wait().expect("it ends");
    assert!(has_started, "the server runs: {server:?}");
    assert!(wait_for(&|| !runs(&server)), "the server has ended");
}

/// The pages as they are published, with all rows. The fault: with 20 tiles a line in each was wider than its tile.
#[test]
fn i444_the_published_pages_fit_each_window() {
    let report = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/report");
    windows::check(&["index.html", "growth.html"].map(|page| (page, report.join(page))));
}
