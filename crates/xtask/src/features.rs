//! The document of features: tables with what is there, each row shown by tests, and the list of what is planned.
//!
//! The tests that show a row stand in the [`Evidence`]. A row without any goes to the list of what is planned; a row of
//! which a part is missing stands in both places.

use crate::evidence::Evidence;
use crate::row::Row;
use crate::sources::Sources;
use std::collections::BTreeSet;

/// Where the document is, seen from the root of the repository.
pub(crate) const FEATURES: &str = "docs/features.md";
/// How the paths of the tests begin that are named by rows.
pub(crate) const TESTS: &str = "crates/jackfield/tests/scoreboard";
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

    /// Where the document, the evidence and the tests contradict each other.
    pub(crate) fn disagreements(&self, evidence: &Evidence, sources: &Sources) -> Vec<String> {
        let (rows, planned) = (self.rows(), self.planned());
        let mut found = Vec::new();
        for (list, what) in [(&rows, "in the tables"), (&planned, "among what is planned")] {
            let mut seen = BTreeSet::new();
            let twice = list.iter().filter(|row| !seen.insert(**row));
            found.extend(twice.map(|row| format!("{row}: twice {what}")));
        }
        for line in self.tables.lines() {
            match (Row::of_line(line), cells(line)) {
                (_, Some((row, title, meaning))) => {
                    found.extend(evidence.check(row, title, meaning, sources));
                }
                (Some(row), None) => found.push(format!("{row}: its line is not `| ID | title | meaning |`")),
                (None, None) => {}
            }
        }
        let unknown = evidence.rows().filter(|row| !rows.contains(row));
        found.extend(unknown.map(|row| format!("{row}: in the evidence, but not in the tables")));
        for (file, name) in sources.below(TESTS) {
            let Some(row) = Row::of_test(name) else { continue };
            if rows.contains(&row) {
                if !evidence.tests_of(row).iter().any(|test| test == name) {
                    found.push(format!("{row}: `{name}` in {file} shows no sentence of it"));
                }
            } else {
                let place = if planned.contains(&row) { "only planned" } else { "no row" };
                found.push(format!("{row}: {place}, but `{name}` in {file} shows it"));
            }
        }
        found
    }

    /// The document with each row in its place: those without a test are planned, and what is planned is in order and
    /// counted.
    pub(crate) fn sorted(&self, evidence: &Evidence) -> String {
        let is_planned =
            |line: &&str| Row::of_line(line).is_some_and(|row| evidence.tests_of(row).is_empty());
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

/// A line of a table: the row, its title and its meaning.
fn cells(line: &str) -> Option<(Row, &str, &str)> {
    let row = Row::of_line(line)?;
    let (_, rest) = line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | ")?;
    let (title, meaning) = rest.split_once(" | ")?;
    Some((row, title, meaning))
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
| W13 | Pong | Sent. By itself. |

## L: listeners

| ID | Feature | Semantic |
| --- | --- | --- |
| L2 | Listeners | Two. |

## Planned

Shown whole: 3 rows. In part: 0. Not at all: 1.

| ID | Feature | Missing |
| --- | --- | --- |
| L1 | Ports | all |

Later: H19.
";

    const W1: &str = "## W1: Upgrade\n- W2 in a cell is no row.\n  - `x.rs`: `w1_a`\n";
    const W13: &str = "## W13: Pong\n- Sent.\n  - `x.rs`: `w13_b`\n- By itself.\n  - `x.rs`: `w13_b`\n";
    const L2: &str = "## L2: Listeners\n- Two.\n  - `a/tests/x.rs`: `two_listen`\n";

    fn sources(names: &[&str]) -> Sources {
        let mut sources = Sources::default();
        for name in names {
            let test = format!("#[test]\nfn {name}() {{}}\n");
            sources.add(&format!("{TESTS}/w.rs"), &test);
            sources.add("crates/x.rs", &test);
        }
        sources.add("crates/a/tests/x.rs", "#[test]\nfn two_listen() {}\n");
        sources
    }

    fn evidence(files: &[&str]) -> Evidence {
        let mut evidence = Evidence::default();
        files.iter().for_each(|file| evidence.add(file).unwrap());
        evidence
    }

    #[track_caller]
    fn check(document: &str, files: &[&str], tests: &[&str], expected: &[&str]) {
        let features = Features::parse(document).unwrap();
        let found = features.disagreements(&evidence(files), &sources(tests));
        assert_eq!(found.len(), expected.len(), "{found:?}");
        assert!(found.iter().zip(expected).all(|(found, word)| found.contains(word)), "{found:?}");
    }

    const ALL: &[&str] = &[W1, W13, L2];
    const TESTED: &[&str] = &["w1_a", "w13_b"];

    #[test]
    fn a_sentence_without_a_test_is_found() {
        check(DOCUMENT, ALL, TESTED, &[]);
        check(DOCUMENT, &[W1, L2], TESTED, &["W13: docs/shown has no such row", "W13: `w13_b`"]);
        check(&DOCUMENT.replace("Two.", "Two. Three."), ALL, TESTED, &["L2: the document and docs/shown"]);
        check(DOCUMENT, ALL, &["w1_a"], &["W13: there is no test", "W13: there is no test"]);
        check(&DOCUMENT.replace("| Two. |", "| Two. | "), ALL, TESTED, &["L2: its line is not"]);
    }

    #[test]
    fn a_test_of_what_is_planned_or_unknown_or_of_no_sentence_is_found() {
        check(DOCUMENT, ALL, &["w1_a", "w13_b", "l1_c"], &["L1: only planned, but `l1_c`"]);
        check(DOCUMENT, ALL, &["w1_a", "w13_b", "w9_c"], &["W9: no row"]);
        check(DOCUMENT, ALL, &["w1_a", "w13_b", "w13_c"], &["W13: `w13_c` in"]);
        check(DOCUMENT, ALL, &["w1_a", "w13_b", "helper", "t0_1_c"], &[]);
        check(DOCUMENT, &[W1, W13, L2, "## L9: Drain\n"], TESTED, &["L9: in the evidence"]);
    }

    #[test]
    fn a_row_that_comes_twice_is_found() {
        let line = "| W1 | Upgrade | W2 in a cell is no row. |\n";
        check(&DOCUMENT.replace(line, &line.repeat(2)), ALL, TESTED, &["W1: twice in the tables"]);
        let line = "| L1 | Ports | all |\n";
        check(&DOCUMENT.replace(line, &line.repeat(2)), ALL, TESTED, &["L1: twice among"]);
        assert!(Features::parse("no table").is_err() && Features::parse("x\n## Planned\n").is_err());
    }

    #[test]
    fn rows_without_tests_are_planned_and_the_others_are_counted() {
        let sorted = |text: &str, files: &[&str]| Features::parse(text).unwrap().sorted(&evidence(files));
        assert_eq!(sorted(DOCUMENT, ALL), DOCUMENT);
        let part = "| W1 | Upgrade | a part |\n| L1 | Ports | all |";
        let other = DOCUMENT.replace("| L1 | Ports | all |", part);
        let expected = DOCUMENT
            .replace("| W13 | Pong | Sent. By itself. |\n", "")
            .replace(
                "| L1 | Ports | all |",
                "| W1 | Upgrade | a part |\n| W13 | Pong | Sent. By itself. |\n| L1 | Ports | all |",
            )
            .replace("whole: 3 rows. In part: 0. Not at all: 1", "whole: 1 rows. In part: 1. Not at all: 2");
        assert_eq!(sorted(&other, &[W1, L2]), expected);
    }

    #[test]
    fn the_document_and_the_tests_agree() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let (text, sources) =
            (fs::read_to_string(root.join(FEATURES)).unwrap(), Sources::read(&root).unwrap());
        let (features, evidence) = (Features::parse(&text).unwrap(), Evidence::read(&root).unwrap());
        let found = features.disagreements(&evidence, &sources);
        assert!(found.is_empty(), "{FEATURES} and the tests disagree:\n{}", found.join("\n"));
        // The score knows tests by their names.
        for name in evidence.rows().flat_map(|row| evidence.tests_of(row)) {
            assert_eq!(
                sources.below("").filter(|(_, known)| *known == name).count(),
                1,
                "tests called `{name}`"
            );
        }
        let sorted = features.sorted(&evidence);
        assert!(sorted == text, "`cargo run -p xtask -- scoreboard --write` puts {FEATURES} in order");
        let groups: String = features.headings().collect();
        assert_eq!(groups, "LCHWSTMBPXDOKQEN");
    }
}
