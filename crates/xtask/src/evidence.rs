//! Which tests show each sentence of the document of features: the files of `docs/shown`, one for each group.
//!
//! A file has each row of its group as a heading, below it each sentence of the row as an item, and below that the tests
//! that assert it, as in `docs/faults.md`: the file, a colon, the functions. Nobody can change a sentence in the one
//! place without looking at its tests in the other.

use crate::row::Row;
use crate::sources::Sources;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Where the files are, seen from the root of the repository.
pub(crate) const FOLDER: &str = "docs/shown";
/// How a sentence begins that only points to another row: it needs no test.
const POINTER: &str = "See ";

/// What the files say, row by row.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    rows: BTreeMap<Row, Entry>,
}

/// A row as its heading names it, and its sentences.
#[derive(Debug)]
struct Entry {
    title: String,
    sentences: Vec<Sentence>,
}

#[derive(Debug)]
struct Sentence {
    text: String,
    /// The references to its tests, as they stand in the file.
    tests: String,
}

impl Evidence {
    pub(crate) fn read(root: &Path) -> Result<Evidence, String> {
        let entries = fs::read_dir(root.join(FOLDER)).map_err(|error| format!("{FOLDER}: {error}"))?;
        let mut evidence = Evidence::default();
        for entry in entries {
            let path = entry.map_err(|error| format!("{FOLDER}: {error}"))?.path();
            if path.extension().is_none_or(|extension| extension != "md") {
                continue;
            }
            let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            evidence.add(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(evidence)
    }

    /// Adds the rows of one file.
    pub(crate) fn add(&mut self, text: &str) -> Result<(), String> {
        let mut row = None;
        for (number, line) in text.lines().enumerate() {
            self.add_line(line, &mut row).map_err(|error| format!("line {}: {error}", number + 1))?;
        }
        Ok(())
    }

    fn add_line(&mut self, line: &str, current: &mut Option<Row>) -> Result<(), String> {
        if line.is_empty() || line.starts_with("# ") {
            return Ok(());
        }
        if let Some((id, title)) = line.strip_prefix("## ").and_then(|heading| heading.split_once(": ")) {
            let row = Row::parse(id).ok_or("a heading begins with the ID of its row")?;
            *current = Some(row);
            let entry = Entry { title: title.to_owned(), sentences: Vec::new() };
            return self.rows.insert(row, entry).map_or(Ok(()), |_| Err(format!("{row} comes twice")));
        }
        let entry =
            current.and_then(|row| self.rows.get_mut(&row)).ok_or("no heading of a row before this")?;
        if let Some(text) = line.strip_prefix("- ") {
            // A link is one folder further from its target than in the document.
            entry.sentences.push(Sentence { text: text.replace("](../", "]("), tests: String::new() });
        } else if let Some(tests) = line.strip_prefix("  - ") {
            let sentence = entry.sentences.last_mut().ok_or("tests below no sentence")?;
            sentence.tests.push_str(tests);
            sentence.tests.push_str("; ");
        } else {
            return Err("a line is a heading, `- sentence` or `  - tests`".into());
        }
        Ok(())
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = Row> {
        self.rows.keys().copied()
    }

    /// The names of the tests that show a row, without their files.
    pub(crate) fn tests_of(&self, row: Row) -> Vec<String> {
        let sentences = self.rows.get(&row).map_or(&[][..], |entry| &entry.sentences);
        let words = sentences.iter().flat_map(|sentence| sentence.tests.split('`').skip(1).step_by(2));
        let mut names: Vec<String> = words.filter(|word| !word.ends_with(".rs")).map(str::to_owned).collect();
        names.sort();
        names.dedup();
        names
    }

    /// What is wrong with the evidence for a row that the document has with this title and this meaning.
    pub(crate) fn check(&self, row: Row, title: &str, meaning: &str, sources: &Sources) -> Vec<String> {
        let Some(entry) = self.rows.get(&row) else {
            return vec![format!("{row}: {FOLDER} has no such row")];
        };
        let expected = sentences(meaning);
        let given: Vec<&str> = entry.sentences.iter().map(|sentence| &*sentence.text).collect();
        if entry.title != title {
            return vec![format!("{row}: {FOLDER} calls it `{}`", entry.title)];
        }
        if expected != given {
            let other = expected.iter().find(|text| !given.contains(text));
            let other = other.or(given.iter().find(|text| !expected.contains(text)));
            let other = other.map_or("the order", |text| text);
            return vec![format!("{row}: the document and {FOLDER} have other sentences: {other}")];
        }
        let wrong = |sentence: &Sentence| match sources.check_references(&sentence.tests) {
            Ok(0) if !sentence.text.starts_with(POINTER) => {
                Some(format!("{row}: no test shows: {}", sentence.text))
            }
            Ok(_) => None,
            Err(error) => Some(format!("{row}: {error}")),
        };
        entry.sentences.iter().filter_map(wrong).collect()
    }
}

/// The sentences of a cell. A point within code ends none.
fn sentences(cell: &str) -> Vec<&str> {
    let (mut found, mut begin, mut in_code) = (Vec::new(), 0, false);
    for (at, byte) in cell.bytes().enumerate() {
        in_code ^= byte == b'`';
        if !in_code && matches!(byte, b'.' | b'?' | b'!') && cell[at + 1..].starts_with(' ') {
            found.push(&cell[begin..=at]);
            begin = at + 2;
        }
    }
    found.extend(Some(&cell[begin..]).filter(|rest| !rest.is_empty()));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# W: sockets

## W1: Upgrade

- It upgrades, after `a. B`.
  - `a/tests/x.rs`: `upgrades`, `b_too`
  - `a/src/y.rs`: `upgrades`
- See [W2](../w.md).
";
    const MEANING: &str = "It upgrades, after `a. B`. See [W2](w.md).";

    fn sources() -> Sources {
        let mut sources = Sources::default();
        sources.add("crates/a/tests/x.rs", "#[test]\nfn upgrades() {}\n#[test]\nfn b_too() {}\n");
        sources.add("crates/a/src/y.rs", "#[test]\nfn upgrades() {}\n");
        sources
    }

    #[track_caller]
    fn check(file: &str, meaning: &str, expected: &[&str]) {
        let mut evidence = Evidence::default();
        let found = match evidence.add(file) {
            Ok(()) => evidence.check(Row::parse("W1").unwrap(), "Upgrade", meaning, &sources()),
            Err(error) => vec![error],
        };
        assert_eq!(found.len(), expected.len(), "{found:?}");
        assert!(found.iter().zip(expected).all(|(found, word)| found.contains(word)), "{found:?}");
    }

    #[test]
    fn each_sentence_has_tests() {
        check(FILE, MEANING, &[]);
        check(&FILE.replace("`upgrades`", "`downgrades`"), MEANING, &["W1: there is no test `downgrades`"]);
        let first = "  - `a/tests/x.rs`: `upgrades`, `b_too`\n  - `a/src/y.rs`: `upgrades`\n";
        check(&FILE.replace(first, ""), MEANING, &["W1: no test shows: It upgrades"]);
    }

    #[test]
    fn the_sentences_are_those_of_the_document() {
        check(FILE, "It upgrades, after `a. B`. New. See [W2](w.md).", &["other sentences: New."]);
        check(FILE, "It upgrades, after `a. B`.", &["other sentences: See [W2](w.md)."]);
        check(FILE, "See [W2](w.md). It upgrades, after `a. B`.", &["other sentences: the order"]);
        check(&FILE.replace("W1: Upgrade", "W1: Upgrades"), MEANING, &["calls it `Upgrades`"]);
        check(&FILE.replace("## W1", "## W2"), MEANING, &["W1: docs/shown has no such row"]);
    }

    #[test]
    fn a_file_has_headings_sentences_and_tests() {
        check(&FILE.replace("- See", "See"), MEANING, &["line 8: a line is a heading"]);
        check(&FILE.replace("## W1: Upgrade\n", ""), MEANING, &["line 4: no heading of a row"]);
        check(&FILE.replace("W1:", "Socket:"), MEANING, &["line 3: a heading begins with the ID"]);
        check(
            &FILE.replace("- It upgrades, after `a. B`.\n", ""),
            MEANING,
            &["line 5: tests below no sentence"],
        );
        check(&format!("{FILE}## W1: Upgrade\n"), MEANING, &["line 9: W1 comes twice"]);
    }

    #[test]
    fn a_row_is_shown_by_the_tests_of_all_its_sentences() {
        let mut evidence = Evidence::default();
        evidence.add(FILE).unwrap();
        assert_eq!(evidence.tests_of(Row::parse("W1").unwrap()), ["b_too", "upgrades"]);
        assert!(evidence.tests_of(Row::parse("W2").unwrap()).is_empty());
    }

    #[test]
    fn a_cell_is_cut_into_sentences() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            ("One", &["One"]),
            ("One. Two? Three! Four.", &["One.", "Two?", "Three!", "Four."]),
            ("A `b. C` d 1.5 s. E", &["A `b. C` d 1.5 s.", "E"]),
        ];
        for (cell, expected) in cases {
            assert_eq!(sentences(cell), *expected, "{cell}");
        }
    }
}
