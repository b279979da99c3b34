//! The score: which rows of `docs/features.md` are shown by passing tests.
//!
//! Three steps, each a pure function between two kinds of text: the evidence gives the names of the tests of each [`Row`],
//! the output of libtest gives the [`Test`]s, and [`Board`] puts the two together. Only [`run`] touches files and processes.
//!
//! A row is shown if each test of each of its sentences passed.

use crate::evidence::Evidence;
use crate::faults;
use crate::features::{FEATURES, Features};
use crate::names;
use crate::promises;
use crate::row::Row;
use crate::seeds;
use crate::sources::Sources;
use std::collections::BTreeMap;
use std::env;
use std::fmt::{self, Write as _};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// What `cargo test` gets to run the tests. The last two need features that no other build has.
const COMMANDS: &[&[&str]] = &[
    &["--workspace"],
    &["--package", "jackfield", "--features", "planted-bugs", "--test", "planted"],
    &["--package", "jackfield-redis", "--features", "tls", "--test", "tls"],
];

/// Prints the score; fails if a test failed, the tests could not be run to their end, or a document contradicts them.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let root = repository();
    let text = read(&root.join(FEATURES))?;
    let features = Features::parse(&text)?;
    let (evidence, sources) = (Evidence::read(&root)?, Sources::read(&root)?);
    let (output, complete) = match arguments {
        [] => run_tests(&root, &evidence)?,
        [flag, file] if flag == "--from" => (read(Path::new(file))?, true),
        [flag] if flag == "--write" => return write(&root, &features.sorted(&evidence)),
        _ => return Err("usage: scoreboard [--write | --from FILE]".into()),
    };
    let tests = parse_tests(&output);
    if tests.is_empty() && !arguments.is_empty() {
        return Err(format!("{}: no results of tests", arguments[1]));
    }
    if !complete {
        eprintln!("{output}\nthe tests did not all pass, or did not all run; what they wrote is above\n");
    }
    let board = Board::new(&features, &evidence, &tests);
    print!("{board}");
    let mut disagreements = features.disagreements(&evidence, &sources);
    disagreements.extend(faults::disagreements(&root, &sources)?);
    disagreements.extend(names::disagreements(&root)?);
    disagreements.extend(promises::disagreements(&root, &features)?);
    disagreements.extend(seeds::disagreements(&root)?);
    disagreements.iter().for_each(|disagreement| println!("{disagreement}"));
    let is_good = complete && board.is_complete() && disagreements.is_empty();
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write(root: &Path, text: &str) -> Result<ExitCode, String> {
    fs::write(root.join(FEATURES), text).map_err(|error| format!("{FEATURES}: {error}"))?;
    Ok(ExitCode::SUCCESS)
}

/// Runs the tests of the rows; returns what they wrote, and whether `cargo` was content.
fn run_tests(root: &Path, evidence: &Evidence) -> Result<(String, bool), String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let (mut output, mut complete) = (String::new(), true);
    for command in COMMANDS {
        let result = Command::new(&cargo)
            .args(["test", "--no-fail-fast"])
            .args(*command)
            .arg("--")
            .args(evidence.rows().flat_map(|row| evidence.tests_of(row)))
            .current_dir(root)
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("cargo could not be run: {error}"))?;
        output.push_str(&String::from_utf8_lossy(&result.stdout));
        complete &= result.status.success();
    }
    Ok((output, complete))
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// What libtest says of one test. Of several tests of one name the first here counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Failed,
    Passed,
    Ignored,
}

/// One test that was run: the path of its function, and how it ended.
#[derive(Debug, PartialEq, Eq)]
struct Test<'a> {
    path: &'a str,
    outcome: Outcome,
}

/// The tests in the output of libtest: the lines `test path ... ok`, `FAILED` or `ignored`.
fn parse_tests(output: &str) -> Vec<Test<'_>> {
    output.lines().filter_map(parse_test).collect()
}

fn parse_test(line: &str) -> Option<Test<'_>> {
    // A test that must panic has ` - should panic` behind its path, an ignored one its reason behind the outcome, and
    // with times reported they stand there as well.
    let (name, said) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let outcome = match said.split([' ', ',', '<']).next()? {
        "ok" => Outcome::Passed,
        "FAILED" => Outcome::Failed,
        "ignored" => Outcome::Ignored,
        _ => return None,
    };
    Some(Test { path: name.split(" - ").next()?, outcome })
}

/// The rows of the table with what their tests say of them.
#[derive(Debug)]
struct Board {
    rows: Vec<(Row, State)>,
    planned: Vec<Row>,
    /// How many tests failed, those of no row included.
    failures: usize,
}

impl Board {
    fn new(features: &Features<'_>, evidence: &Evidence, tests: &[Test<'_>]) -> Board {
        let mut outcomes: BTreeMap<&str, Outcome> = BTreeMap::new();
        for test in tests {
            let name = test.path.rsplit("::").next().unwrap_or_default();
            let outcome = outcomes.entry(name).or_insert(test.outcome);
            *outcome = (*outcome).min(test.outcome);
        }
        let state = |row| State::of(&evidence.tests_of(row), &outcomes);
        let rows = features.rows().into_iter().map(|row| (row, state(row))).collect();
        let failures = tests.iter().filter(|test| test.outcome == Outcome::Failed).count();
        Board { rows, planned: features.planned(), failures }
    }

    /// Whether each row is shown, and nothing failed.
    fn is_complete(&self) -> bool {
        self.failures == 0 && self.rows.iter().all(|(_, state)| *state == State::Shown)
    }

    /// The letters of the groups, in the order in which the table has them.
    fn groups(&self) -> Vec<char> {
        let mut groups = Vec::new();
        for (row, _) in &self.rows {
            if !groups.contains(&row.group) {
                groups.push(row.group);
            }
        }
        groups
    }

    /// One line: the score of a group and its rows by what became of them. An empty list is left out.
    fn line(&self, group: char) -> String {
        let rows = || self.rows.iter().filter(move |(row, _)| row.group == group);
        let of = |wanted: State| -> Vec<String> {
            rows().filter(|(_, state)| *state == wanted).map(|(row, _)| row.to_string()).collect()
        };
        let planned = self.planned.iter().filter(|row| row.group == group).map(Row::to_string).collect();
        let shown = of(State::Shown);
        let mut line = format!("{group}  {:>2}/{:<2}", shown.len(), rows().count());
        for (word, list) in [
            ("shown", shown),
            ("failed", of(State::Failed)),
            ("missing", of(State::Missing)),
            ("planned", planned),
        ] {
            if !list.is_empty() {
                let _ = write!(line, "  {word}: {}", list.join(" "));
            }
        }
        line
    }
}

impl fmt::Display for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for group in self.groups() {
            writeln!(f, "{}", self.line(group))?;
        }
        let shown = self.rows.iter().filter(|(_, state)| *state == State::Shown).count();
        writeln!(f, "\n{shown} of {} rows shown, failed tests: {}", self.rows.len(), self.failures)
    }
}

/// What the tests say of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Shown,
    Failed,
    /// A test of it did not run, or there is none.
    Missing,
}

impl State {
    fn of(tests: &[String], outcomes: &BTreeMap<&str, Outcome>) -> State {
        let outcome = |name: &String| outcomes.get(name.as_str()).copied();
        if tests.iter().any(|name| outcome(name) == Some(Outcome::Failed)) {
            State::Failed
        } else if !tests.is_empty() && tests.iter().all(|name| outcome(name) == Some(Outcome::Passed)) {
            State::Shown
        } else {
            State::Missing
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
# Features
Rows such as W13 are named in the text too.
| ID | Feature | Exact semantic |
| --- | --- | --- |
| W1 | Upgrade | W2 in a cell is no row. |
|W13| Pong | **on** |
| L2 | Listeners | `a \\| b` |
| L10 | Drain | spread |

## Planned
| L3 | later | |
| L2 | a part | |
";
    const SHOWN: &str = "\
## W1: Upgrade
- a
  - `x.rs`: `w1_a`
- b
  - `x.rs`: `w1_b`
## W13: Pong
- a
  - `x.rs`: `w13_a`, `pong`
## L2: Listeners
- a
  - `x.rs`: `l2_a`
";

    fn board(output: &str) -> Board {
        let mut evidence = Evidence::default();
        evidence.add(SHOWN).unwrap();
        Board::new(&Features::parse(TABLE).unwrap(), &evidence, &parse_tests(output))
    }

    #[test]
    fn the_output_of_libtest_is_read() {
        let cases = [
            ("test w1_a ... ok", Some(("w1_a", Outcome::Passed))),
            ("test m::w1_a ... FAILED", Some(("m::w1_a", Outcome::Failed))),
            ("test w1_a ... ignored", Some(("w1_a", Outcome::Ignored))),
            ("test w1_a ... ignored, needs a network", Some(("w1_a", Outcome::Ignored))),
            ("test w1_a - should panic ... ok", Some(("w1_a", Outcome::Passed))),
            ("test w1_a ... ok <0.012s>", Some(("w1_a", Outcome::Passed))),
            ("test w1_a has been running for over 60 seconds", None),
            ("test result: ok. 3 passed; 0 failed; 0 ignored", None),
            ("running 3 tests", None),
            ("    w1_a", None),
            ("test w1_a ... bench: 12 ns/iter", None),
        ];
        for (line, expected) in cases {
            let expected = expected.map(|(path, outcome)| Test { path, outcome });
            assert_eq!(parse_test(line), expected, "{line}");
        }
    }

    #[test]
    fn each_test_of_a_row_must_pass() {
        let board = board(
            "test w1_a ... ok\ntest w1_b ... FAILED\ntest w13_a ... ok\ntest tests::pong ... ok\n\
             test l2_a ... ignored\n",
        );
        assert_eq!(board.line('W'), "W   1/2   shown: W13  failed: W1");
        assert_eq!(board.line('L'), "L   0/2   missing: L2 L10  planned: L3 L2");
        assert_eq!(board.failures, 1);
    }

    #[test]
    fn the_whole_board() {
        let output = "test w1_a ... ok\ntest w1_b ... ok\ntest w13_a ... ok\ntest pong ... ok\n";
        let expected = "W   2/2   shown: W1 W13\n\
                        L   0/2   missing: L2 L10  planned: L3 L2\n\n\
                        2 of 4 rows shown, failed tests: 0\n";
        assert_eq!(board(output).to_string(), expected);
        assert!(!board(output).is_complete(), "L2 and L10 are missing");
    }

    #[test]
    fn a_test_of_no_row_counts_when_it_fails() {
        let board = board(
            "test w2_later ... ok\ntest helper ... FAILED\ntest of::two::w1_a ... ok\ntest w1_a ... FAILED\n",
        );
        assert_eq!(board.failures, 2);
        assert!(board.to_string().contains("failed: W1"), "{board}");
    }
}
