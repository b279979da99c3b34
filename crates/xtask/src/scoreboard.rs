//! The score: which rows of `docs/features.md` are shown by a passing test.
//!
//! Three steps, each a pure function between two kinds of text: the table of features gives the [`Row`]s, the output
//! of libtest gives the [`Test`]s, and [`Board`] puts the two together. Only [`run`] touches files and processes.
//!
//! A test belongs to the row whose ID begins its name: `w13_auto_pong_is_on` to W13. A row is shown if at least one
//! of its tests passed and none failed, so an ignored test neither helps nor harms. Rows that name their tests
//! themselves are run by other commands, and are listed apart.

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

/// The arguments of the `cargo` that runs the tests.
const CARGO: &[&str] =
    &["test", "--package", "jackfield", "--features", "test-util", "--test", "scoreboard*", "--no-fail-fast"];

/// Prints the score; fails if a test failed, the tests could not be run to their end, or a document contradicts them.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let root = repository();
    let text = read(&root.join(FEATURES))?;
    let features = Features::parse(&text)?;
    let sources = Sources::read(&root)?;
    let (output, complete) = match arguments {
        [] => run_tests(&root)?,
        [flag, file] if flag == "--from" => (read(Path::new(file))?, true),
        [flag] if flag == "--write" => return write(&root, &features.sorted(&sources)),
        _ => return Err("usage: scoreboard [--write | --from FILE]".into()),
    };
    let tests = parse_tests(&output);
    if tests.is_empty() && !arguments.is_empty() {
        return Err(format!("{}: no results of tests", arguments[1]));
    }
    if !complete {
        eprintln!("{output}\nthe tests did not all pass, or did not all run; what they wrote is above\n");
    }
    let board = Board::new(&features, &tests);
    print!("{board}");
    let mut disagreements = features.disagreements(&sources);
    disagreements.extend(faults::disagreements(&root, &sources)?);
    disagreements.extend(names::disagreements(&root)?);
    disagreements.extend(promises::disagreements(&root, &features)?);
    disagreements.extend(seeds::disagreements(&root)?);
    disagreements.iter().for_each(|disagreement| println!("{disagreement}"));
    let is_good = complete && board.failures() == 0 && disagreements.is_empty();
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write(root: &Path, text: &str) -> Result<ExitCode, String> {
    fs::write(root.join(FEATURES), text).map_err(|error| format!("{FEATURES}: {error}"))?;
    Ok(ExitCode::SUCCESS)
}

/// Runs the tests; returns what they wrote, and whether `cargo` was content.
fn run_tests(root: &Path) -> Result<(String, bool), String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let result = Command::new(cargo)
        .args(CARGO)
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo could not be run: {error}"))?;
    Ok((String::from_utf8_lossy(&result.stdout).into_owned(), result.status.success()))
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// What libtest says of one test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
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

/// How the tests of one row ended.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    passed: usize,
    failed: usize,
}

/// The rows of the table with the outcome of their tests.
#[derive(Debug)]
struct Board {
    rows: Vec<(Row, Tally)>,
    /// Rows that name their tests themselves.
    elsewhere: Vec<Row>,
    planned: Vec<Row>,
    /// Tests that belong to no row of the table, and whether they failed: a wrong name, or a row that is for later.
    strays: Vec<(String, bool)>,
}

impl Board {
    fn new(features: &Features<'_>, tests: &[Test<'_>]) -> Board {
        let rows = features.rows();
        let mut tallies: BTreeMap<Row, Tally> = rows.iter().map(|&row| (row, Tally::default())).collect();
        let mut strays = Vec::new();
        for test in tests {
            match Row::of_test(test.path).and_then(|row| tallies.get_mut(&row)) {
                Some(tally) => match test.outcome {
                    Outcome::Passed => tally.passed += 1,
                    Outcome::Failed => tally.failed += 1,
                    Outcome::Ignored => {}
                },
                None => strays.push((test.path.to_owned(), test.outcome == Outcome::Failed)),
            }
        }
        let rows = rows.into_iter().map(|row| (row, tallies[&row])).collect();
        Board { rows, elsewhere: features.elsewhere(), planned: features.planned(), strays }
    }

    /// How many tests failed, those of no row included.
    fn failures(&self) -> usize {
        let of_rows: usize = self.rows.iter().map(|(_, tally)| tally.failed).sum();
        of_rows + self.strays.iter().filter(|(_, failed)| *failed).count()
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

    /// What became of a row of the table.
    fn state(&self, row: Row, tally: Tally) -> State {
        match tally {
            Tally { failed: 1.., .. } => State::Failed,
            Tally { passed: 1.., .. } => State::Shown,
            _ if self.elsewhere.contains(&row) => State::Elsewhere,
            Tally { .. } => State::Missing,
        }
    }

    /// One line: the score of a group and its rows by what became of them. An empty list is left out.
    fn line(&self, group: char) -> String {
        let rows = || self.rows.iter().filter(move |(row, _)| row.group == group);
        let of = |wanted: State| -> Vec<String> {
            let of_state = rows().filter(|(row, tally)| self.state(*row, *tally) == wanted);
            of_state.map(|(row, _)| row.to_string()).collect()
        };
        let planned = self.planned.iter().filter(|row| row.group == group).map(Row::to_string).collect();
        let (shown, elsewhere) = (of(State::Shown), of(State::Elsewhere));
        let mut line = format!("{group}  {:>2}/{:<2}", shown.len() + elsewhere.len(), rows().count());
        for (word, list) in [
            ("shown", shown),
            ("elsewhere", elsewhere),
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
        if !self.strays.is_empty() {
            let names: Vec<&str> = self.strays.iter().map(|(path, _)| path.as_str()).collect();
            writeln!(f, "\ntests of no row: {}", names.join(" "))?;
        }
        let states = self.rows.iter().map(|(row, tally)| self.state(*row, *tally));
        let shown = states.filter(|state| matches!(state, State::Shown | State::Elsewhere)).count();
        writeln!(f, "\n{shown} of {} rows shown, failed tests: {}", self.rows.len(), self.failures())
    }
}

/// What the tests say of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Shown,
    /// By a test that this tool does not run.
    Elsewhere,
    Failed,
    Missing,
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
| L11 | Pause | Shown by `a.rs`: `b`. |

## Planned
| L3 | later | |
| L2 | a part | |
";

    fn board(output: &str) -> Board {
        Board::new(&Features::parse(TABLE).unwrap(), &parse_tests(output))
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
    fn a_row_needs_one_passing_and_no_failing_test() {
        let board = board(
            "test w1_a ... ok\ntest w1_b ... FAILED\ntest w13_a ... ok\ntest w13_b ... ignored\n\
             test l2_a ... ignored\n",
        );
        assert_eq!(board.line('W'), "W   1/2   shown: W13  failed: W1");
        assert_eq!(board.line('L'), "L   1/3   elsewhere: L11  missing: L2 L10  planned: L3 L2");
        assert_eq!(board.failures(), 1);
    }

    #[test]
    fn the_whole_board() {
        let board = board("test w1_a ... ok\ntest w13_a ... ok\ntest l10_a ... ok\n");
        let expected = "W   2/2   shown: W1 W13\n\
                        L   2/3   shown: L10  elsewhere: L11  missing: L2  planned: L3 L2\n\n\
                        4 of 5 rows shown, failed tests: 0\n";
        assert_eq!(board.to_string(), expected);
    }

    #[test]
    fn a_test_of_no_row_is_named_and_counts_when_it_fails() {
        let board = board("test w2_later ... ok\ntest helper ... FAILED\n");
        assert_eq!(board.failures(), 1);
        assert!(board.to_string().contains("tests of no row: w2_later helper\n"), "{board}");
    }
}
