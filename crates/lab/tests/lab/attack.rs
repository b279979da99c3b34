//! `lab attack`: that our goals are added and met, and the table is written.

use crate::process::{Directory, run};
use crate::verdict::{OF_OVERLOAD, is_mostly_answered};
use serde_json::Value;
use std::fs;

#[test]
fn the_table_is_written_between_its_marks() {
    let directory = Directory::new();
    fs::create_dir_all(directory.path("")).expect("it is made");
    let path = directory.path("numbers.md");
    fs::write(&path, "# a\n<!-- attack:begin -->\nold\n<!-- attack:end -->\nb\n").expect("it is written");
    let name = path.to_str().expect("the path is UTF-8");
    // Whether the goals are met is another test's business.
    let (code, _, stderr) = run(&["attack", "slow-readers", "-c", "20", "--numbers", name]);
    assert!(matches!(code, 0 | 1), "{stderr}");
    let text = fs::read_to_string(&path).expect("it is there");
    assert!(
        text.starts_with("# a\n<!-- attack:begin -->\n") && text.ends_with("<!-- attack:end -->\nb\n"),
        "{text}"
    );
    assert!(text.contains("| slow-readers | readers: 20 | 20 (of "), "{text}");
    assert!(!text.contains("old"));
    assert!(
        text.contains("| slow-readers | memory for each reader, without the body: at most 64.0 KiB | "),
        "{text}"
    );
}

/// Goals that another process on the machine could make this one miss, or not know.
const OF_TIME: [&str; 6] =
    ["p99", "processor time", "wait of a new connection", "relief", "is closed", "longest life"];
/// With so few connections two pages that are touched for the first time are more than the goal.
const OF_PAGES: &str = "memory for a";

#[test]
fn small_attacks_keep_within_our_goals() {
    // A busy machine needs a while for the handshakes of the normal client.
    for small in [
        &["slow-heads", "-c", "100", "--head-timeout", "500ms", "--linger", "2s"][..],
        &["silent-handshakes", "-c", "100", "--head-timeout", "2s"],
        &["idle", "-c", "20"],
        &["descriptors", "-c", "100", "--descriptors", "64"],
        &["mutants", "--count", "2000"],
        &["slow-readers", "-c", "100"],
    ] {
        let (_, stdout, stderr) = run(&[&["attack"], small, &["--json"]].concat());
        let result: Value =
            serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}"));
        for row in result["rows"].as_array().expect("a list") {
            let what = row["what"].as_str().expect("a name");
            let is_judged = row["at_most"].is_number() || row["at_least"].is_number();
            let is_of_machine = what.starts_with(OF_PAGES) || OF_TIME.iter().any(|name| what.contains(name));
            if what == OF_OVERLOAD {
                assert!(is_mostly_answered(row), "{row}: {stdout}");
            } else if is_judged && !is_of_machine {
                assert_eq!(row["verdict"], "met", "{what}: {stdout}");
            }
        }
    }
}
