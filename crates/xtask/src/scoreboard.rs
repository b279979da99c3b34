//! The score: which rows of `docs/features.md` are shown by a passing test.
//!
//! Three steps, each a pure function between two kinds of text: the table of features gives the [`Row`]s, the output
//! of libtest gives the [`Test`]s, and [`Board`] puts the two together. Only [`run`] touches files and processes.
//!
//! A test belongs to the row whose ID begins its name: `w13_auto_pong_is_on` to W13. A row is shown if at least one
//! of its tests passed and none failed, so an ignored test neither helps nor harms.

use std::collections::BTreeMap;
use std::env;
use std::fmt::{self, Write as _};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Where the rows stand, seen from the root of the repository.
const FEATURES: &str = "docs/features.md";
/// Where the tests stand, and how the names of their files begin.
const TESTS: (&str, &str) = ("crates/jackfield/tests", "scoreboard_");
/// The arguments of the `cargo` that runs the tests.
const CARGO: &[&str] = &[
    "test",
    "--package",
    "jackfield",
    "--features",
    "test-util",
    "--test",
    "scoreboard_*",
    "--no-fail-fast",
];

/// Prints the score; fails if a test failed or the tests could not be run to their end.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let root = repository();
    let rows = parse_rows(&read(&root.join(FEATURES))?)?;
    let (output, complete) = match arguments {
        [] => run_tests(&root)?,
        [flag, file] if flag == "--from" => (read(Path::new(file))?, true),
        _ => return Err("usage: scoreboard [--from FILE]".into()),
    };
    let tests = parse_tests(&output);
    if tests.is_empty() && !arguments.is_empty() {
        return Err(format!("{}: no results of tests", arguments[1]));
    }
    if !complete {
        eprintln!("{output}\nthe tests did not all pass, or did not all run; what they wrote is above\n");
    }
    let board = Board::new(rows, &tests);
    print!("{board}");
    Ok(if complete && board.failures() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the tests; returns what they wrote, and whether `cargo` was content.
fn run_tests(root: &Path) -> Result<(String, bool), String> {
    // Cargo refuses a pattern that matches no test, but no tests are merely a score of zero.
    if !any_tests(&root.join(TESTS.0)) {
        eprintln!("there is no {}/{}*.rs yet", TESTS.0, TESTS.1);
        return Ok((String::new(), true));
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let result = Command::new(cargo)
        .args(CARGO)
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo could not be run: {error}"))?;
    Ok((String::from_utf8_lossy(&result.stdout).into_owned(), result.status.success()))
}

fn any_tests(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with(TESTS.1) && name.ends_with(".rs")
    })
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The ID of a feature: the letter of its group and a number. The order is the group's, then the number's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    group: char,
    number: u16,
}

impl Row {
    /// Reads an ID that fills the whole text, with a capital letter: `W13`.
    fn parse(text: &str) -> Option<Row> {
        let group = text.chars().next().filter(char::is_ascii_uppercase)?;
        let digits = &text[1..];
        let plain = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse().ok().filter(|_| plain)?;
        Some(Row { group, number })
    }

    /// Reads the ID that begins the name of a test: `w13_auto_pong_is_on`, or `w13` alone.
    fn of_test(path: &str) -> Option<Row> {
        let name = path.rsplit("::").next()?;
        let id = name.split('_').next()?;
        Row::parse(&id.to_ascii_uppercase()).filter(|_| !id.starts_with(|c: char| c.is_ascii_uppercase()))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.group, self.number)
    }
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

/// The rows of the table, in its order. An ID that comes twice is an error, for one of the two would never be shown.
fn parse_rows(features: &str) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for (index, line) in features.lines().enumerate() {
        let Some(cell) = line.strip_prefix('|').and_then(|rest| rest.split('|').next()) else { continue };
        let Some(row) = Row::parse(cell.trim()) else { continue };
        if rows.contains(&row) {
            return Err(format!("{FEATURES}:{}: {row} is there twice", index + 1));
        }
        rows.push(row);
    }
    if rows.is_empty() { Err(format!("{FEATURES}: no rows")) } else { Ok(rows) }
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
    /// Tests that belong to no row of the table, and whether they failed: a wrong name, or a row that is for later.
    strays: Vec<(String, bool)>,
}

impl Board {
    fn new(rows: Vec<Row>, tests: &[Test<'_>]) -> Board {
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
        Board { rows, strays }
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

    /// One line: the score of a group and its rows by what became of them. An empty list is left out.
    fn line(&self, group: char) -> String {
        let rows = || self.rows.iter().filter(move |(row, _)| row.group == group);
        let of = |wanted: State| -> Vec<String> {
            rows().filter(|(_, tally)| tally.state() == wanted).map(|(row, _)| row.to_string()).collect()
        };
        let shown = of(State::Shown);
        let mut line = format!("{group}  {:>2}/{:<2}", shown.len(), rows().count());
        for (word, list) in [("shown", shown), ("failed", of(State::Failed)), ("missing", of(State::Missing))]
        {
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
        let shown = self.rows.iter().filter(|(_, tally)| tally.state() == State::Shown).count();
        writeln!(f, "\n{shown} of {} rows shown, failed tests: {}", self.rows.len(), self.failures())
    }
}

/// What the tests say of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Shown,
    Failed,
    Missing,
}

impl Tally {
    fn state(self) -> State {
        match self {
            Tally { failed: 1.., .. } => State::Failed,
            Tally { passed: 1.., .. } => State::Shown,
            Tally { .. } => State::Missing,
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
";

    fn board(output: &str) -> Board {
        Board::new(parse_rows(TABLE).unwrap(), &parse_tests(output))
    }

    #[test]
    fn rows_are_read_from_the_table() {
        let names: Vec<String> = parse_rows(TABLE).unwrap().iter().map(Row::to_string).collect();
        assert_eq!(names, ["W1", "W13", "L2", "L10"]);
    }

    #[test]
    fn a_row_that_comes_twice_is_an_error() {
        let error = parse_rows("| W1 | a |\n| W1 | b |\n").unwrap_err();
        assert!(error.contains(":2: W1"), "{error}");
        assert!(parse_rows("no table").is_err());
    }

    #[test]
    fn the_name_of_a_test_names_its_row() {
        let cases = [
            ("w13_auto_pong_is_on", Some("W13")),
            ("heartbeat::plain::w13_auto_pong_is_on", Some("W13")),
            ("c10", Some("C10")),
            ("w13", Some("W13")),
            ("w_13", None),
            ("w13a_x", None),
            ("w013_x", None),
            ("W13_x", None),
            ("e2e_echo", None),
            ("ws1_x", None),
            ("w99999999_x", None),
            ("é1_x", None),
            ("", None),
        ];
        for (name, row) in cases {
            assert_eq!(Row::of_test(name).map(|row| row.to_string()).as_deref(), row, "{name}");
        }
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
        assert_eq!(board.line('L'), "L   0/2   missing: L2 L10");
        assert_eq!(board.failures(), 1);
    }

    #[test]
    fn the_whole_board() {
        let board = board("test w1_a ... ok\ntest w13_a ... ok\ntest l10_a ... ok\n");
        let expected = "W   2/2   shown: W1 W13\nL   1/2   shown: L10  missing: L2\n\n\
                        3 of 4 rows shown, failed tests: 0\n";
        assert_eq!(board.to_string(), expected);
    }

    #[test]
    fn a_test_of_no_row_is_named_and_counts_when_it_fails() {
        let board = board("test w2_later ... ok\ntest helper ... FAILED\n");
        assert_eq!(board.failures(), 1);
        assert!(board.to_string().contains("tests of no row: w2_later helper\n"), "{board}");
    }

    #[test]
    fn the_table_of_this_repository_has_all_its_groups() {
        let rows = parse_rows(&read(&repository().join(FEATURES)).unwrap()).unwrap();
        let groups: String = Board::new(rows, &[]).groups().into_iter().collect();
        assert_eq!(groups, "LCHWSTMBPXDOKQEN");
    }
}
