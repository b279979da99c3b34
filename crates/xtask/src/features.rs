//! The document of features: tables with what is there, each row shown by tests, and the list of what is planned.
//!
//! A row of the tables belongs to the tests whose names begin with its ID, or to those that its text refers to behind
//! [`ELSEWHERE`]. A row without a test goes to the list of what is planned; a row of which a part is missing stands in
//! both places.

use crate::row::Row;
use crate::sources::Sources;
use std::collections::BTreeSet;

/// Where the document is, seen from the root of the repository.
pub(crate) const FEATURES: &str = "docs/features.md";
/// How the paths of the tests begin that are named by rows.
pub(crate) const TESTS: &str = "crates/jackfield/tests/scoreboard";
/// What stands before references to tests that are not named by the row.
const ELSEWHERE: &str = "Shown by ";
const PLANNED: &str = "\n## Planned\n";
/// How the line that counts the rows begins.
const COUNTED: &str = "Shown whole: ";

/// The document, read.
#[derive(Debug)]
pub(crate) struct Features<'a> {
    /// All before the list of what is planned.
    tables: &'a str,
    /// The list and what stands around it.
    list: &'a str,
}

/// A row and the names of the tests that show it.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) row: Row,
    /// Those whose names begin with its ID.
    pub(crate) own: Vec<String>,
    /// Those that it names behind [`ELSEWHERE`].
    pub(crate) named: Vec<String>,
}

impl<'a> Features<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Features<'a>, String> {
        let (tables, list) = text.split_once(PLANNED).ok_or(format!("{FEATURES}: no heading `Planned`"))?;
        let features = Features { tables, list };
        if features.rows().is_empty() { Err(format!("{FEATURES}: no rows")) } else { Ok(features) }
    }

    /// The rows of the tables, in their order.
    pub(crate) fn rows(&self) -> Vec<Row> {
        self.tables.lines().filter_map(Row::of_line).collect()
    }

    /// The rows of which something is planned.
    pub(crate) fn planned(&self) -> Vec<Row> {
        self.list.lines().filter_map(Row::of_line).collect()
    }

    /// The rows with the tests that show them.
    pub(crate) fn shown(&self, sources: &Sources) -> Vec<Shown> {
        let own = |row: Row| {
            let tests = sources.below(TESTS).filter(|(_, name)| Row::of_test(name) == Some(row));
            tests.map(|(_, name)| name.to_owned()).collect()
        };
        let lines = self.tables.lines().filter_map(|line| Some((Row::of_line(line)?, line)));
        lines.map(|(row, line)| Shown { row, own: own(row), named: named(line) }).collect()
    }

    /// The rows that are shown by tests which they name themselves.
    fn elsewhere(&self) -> BTreeSet<Row> {
        self.tables.lines().filter(|line| line.contains(ELSEWHERE)).filter_map(Row::of_line).collect()
    }

    /// Where the document and the tests contradict each other.
    pub(crate) fn disagreements(&self, sources: &Sources) -> Vec<String> {
        let (rows, planned) = (self.rows(), self.planned());
        let mut found = Vec::new();
        for (list, what) in [(&rows, "in the tables"), (&planned, "among what is planned")] {
            let mut seen = BTreeSet::new();
            found.extend(
                list.iter().filter(|row| !seen.insert(**row)).map(|row| format!("{row}: twice {what}")),
            );
        }
        for line in self.tables.lines() {
            let (Some(row), Some((_, tests))) = (Row::of_line(line), line.split_once(ELSEWHERE)) else {
                continue;
            };
            match sources.check_references(tests) {
                Ok(0) => found.push(format!("{row}: no test behind `{ELSEWHERE}`")),
                Ok(_) => {}
                Err(error) => found.push(format!("{row}: {error}")),
            }
        }
        let mut tested = self.elsewhere();
        for (file, name) in sources.below(TESTS) {
            let Some(row) = Row::of_test(name) else { continue };
            tested.insert(row);
            if !rows.contains(&row) {
                let place = if planned.contains(&row) { "only planned" } else { "no row" };
                found.push(format!("{row}: {place}, but `{name}` in {file} shows it"));
            }
        }
        found.extend(
            rows.iter().filter(|row| !tested.contains(row)).map(|row| format!("{row}: no test shows it")),
        );
        found
    }

    /// The document with each row in its place: those without a test are planned, and what is planned is in order and
    /// counted.
    pub(crate) fn sorted(&self, sources: &Sources) -> String {
        let mut tested = self.elsewhere();
        tested.extend(sources.below(TESTS).filter_map(|(_, name)| Row::of_test(name)));
        let is_planned = |line: &&str| Row::of_line(line).is_some_and(|row| !tested.contains(&row));
        let tables: Vec<&str> = self.tables.lines().filter(|line| !is_planned(line)).collect();
        let mut planned: Vec<(Row, &str)> = (self.list.lines().filter(|line| Row::of_line(line).is_some()))
            .chain(self.tables.lines().filter(is_planned))
            .filter_map(|line| Some((Row::of_line(line)?, line)))
            .collect();
        let groups: Vec<char> = self.headings().collect();
        planned.sort_by_key(|(row, _)| (groups.iter().position(|group| *group == row.group), row.number));
        let counted = count(&tables, &planned);
        let mut list = Vec::new();
        for line in self.list.lines().filter(|line| Row::of_line(line).is_none()) {
            list.push(if line.starts_with(COUNTED) { &counted } else { line });
            if line.starts_with("| ---") {
                list.extend(planned.iter().map(|(_, line)| line));
            }
        }
        format!("{}\n{PLANNED}{}\n", tables.join("\n"), list.join("\n"))
    }

    /// The letters of the groups, in the order of their headings: `## L: listeners`.
    fn headings(&self) -> impl Iterator<Item = char> {
        self.tables.lines().filter_map(|line| line.strip_prefix("## ")?.split_once(':')?.0.parse().ok())
    }
}

/// The tests that a row names behind [`ELSEWHERE`], without their files.
fn named(line: &str) -> Vec<String> {
    let Some((_, tests)) = line.split_once(ELSEWHERE) else { return Vec::new() };
    let words = tests.split('`').skip(1).step_by(2).filter(|word| !word.ends_with(".rs"));
    words.map(str::to_owned).collect()
}

fn count(tables: &[&str], planned: &[(Row, &str)]) -> String {
    let shown: BTreeSet<Row> = tables.iter().filter_map(|line| Row::of_line(line)).collect();
    let planned: BTreeSet<Row> = planned.iter().map(|(row, _)| *row).collect();
    let (whole, part) = (shown.difference(&planned).count(), shown.intersection(&planned).count());
    let not = planned.difference(&shown).count();
    format!("{COUNTED}{whole} rows. In part: {part}. Not at all: {not}.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    const DOCUMENT: &str = "\
# Features

## W: sockets

| ID | Feature | Semantic |
| --- | --- | --- |
| W1 | Upgrade | W2 in a cell is no row. |
| W13 | Pong | on |

## L: listeners

| ID | Feature | Semantic |
| --- | --- | --- |
| L2 | Listeners | Shown by `a/tests/x.rs`: `two_listen`. |

## Planned

Shown whole: 3 rows. In part: 0. Not at all: 1.

| ID | Feature | Missing |
| --- | --- | --- |
| L1 | Ports | all |

Later: H19.
";

    fn sources(names: &[&str]) -> Sources {
        let mut sources = Sources::default();
        for name in names {
            sources.add(&format!("{TESTS}/w.rs"), &format!("#[test]\nfn {name}() {{}}\n"));
        }
        sources.add("crates/a/tests/x.rs", "#[test]\nfn two_listen() {}\n");
        sources
    }

    #[track_caller]
    fn check(document: &str, tests: &[&str], expected: &[&str]) {
        let found = Features::parse(document).unwrap().disagreements(&sources(tests));
        assert_eq!(found.len(), expected.len(), "{found:?}");
        assert!(found.iter().zip(expected).all(|(found, word)| found.contains(word)), "{found:?}");
    }

    const ALL: &[&str] = &["w1_a", "w13_b"];

    #[test]
    fn a_row_without_a_test_is_found() {
        check(DOCUMENT, ALL, &[]);
        check(DOCUMENT, &["w1_a"], &["W13: no test"]);
    }

    #[test]
    fn a_test_of_what_is_planned_or_unknown_is_found() {
        check(DOCUMENT, &["w1_a", "w13_b", "l1_c"], &["L1: only planned, but `l1_c`"]);
        check(DOCUMENT, &["w1_a", "w13_b", "w9_c"], &["W9: no row"]);
        check(DOCUMENT, &["w1_a", "w13_b", "helper", "t0_1_c"], &[]);
    }

    #[test]
    fn a_reference_to_no_test_is_found() {
        check(&DOCUMENT.replace("two_listen", "three_listen"), ALL, &["L2: there is no test `three_listen`"]);
        check(&DOCUMENT.replace("`a/tests/x.rs`: `two_listen`", "nothing"), ALL, &["L2: no test behind"]);
    }

    #[test]
    fn each_row_has_the_tests_that_show_it() {
        let shown = Features::parse(DOCUMENT).unwrap().shown(&sources(ALL));
        let shown: Vec<String> =
            shown.iter().map(|row| format!("{} {:?} {:?}", row.row, row.own, row.named)).collect();
        assert_eq!(shown, [r#"W1 ["w1_a"] []"#, r#"W13 ["w13_b"] []"#, r#"L2 [] ["two_listen"]"#]);
    }

    #[test]
    fn a_row_that_comes_twice_is_found() {
        check(&DOCUMENT.replace("| W13 |", "| W1 |"), &["w1_a"], &["W1: twice in the tables"]);
        check(
            &DOCUMENT.replace("| L1 | Ports | all |", "| L1 | a | b |\n| L1 | c | d |"),
            ALL,
            &["L1: twice among"],
        );
        assert!(Features::parse("no table").is_err() && Features::parse("x\n## Planned\n").is_err());
    }

    #[test]
    fn rows_without_tests_are_planned_and_the_others_are_counted() {
        let sorted = |text: &str, tests: &[&str]| Features::parse(text).unwrap().sorted(&sources(tests));
        assert_eq!(sorted(DOCUMENT, ALL), DOCUMENT);
        let part = "| W1 | Upgrade | a part |\n| L1 | Ports | all |";
        let other = DOCUMENT.replace("| L1 | Ports | all |", part);
        let expected = DOCUMENT
            .replace("| W13 | Pong | on |\n", "")
            .replace(
                "| L1 | Ports | all |",
                "| W1 | Upgrade | a part |\n| W13 | Pong | on |\n| L1 | Ports | all |",
            )
            .replace("whole: 3 rows. In part: 0. Not at all: 1", "whole: 1 rows. In part: 1. Not at all: 2");
        assert_eq!(sorted(&other, &["w1_a"]), expected);
    }

    #[test]
    fn the_document_and_the_tests_agree() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let (text, sources) =
            (fs::read_to_string(root.join(FEATURES)).unwrap(), Sources::read(&root).unwrap());
        let features = Features::parse(&text).unwrap();
        let found = features.disagreements(&sources);
        assert!(found.is_empty(), "{FEATURES} and the tests disagree:\n{}", found.join("\n"));
        let sorted = features.sorted(&sources);
        assert!(sorted == text, "`cargo run -p xtask -- scoreboard --write` puts {FEATURES} in order");
        let groups: String = features.headings().collect();
        assert_eq!(groups, "LCHWSTMBPXDOKQEN");
    }
}
