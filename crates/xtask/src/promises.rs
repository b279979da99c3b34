//! What README.md and SECURITY.md promise: each promise names the rows of the document of features that show it, in a comment
//! that no reader sees, and each of these rows must be among those that tests show.

use crate::features::{FEATURES, Features};
use crate::row::Row;
use std::fs;
use std::path::Path;

/// Where promises are made, and under which headings: each item of a list there is one, and each paragraph that has a comment.
const PLACES: [(&str, &str); 2] = [("README.md", "\n## What it is\n"), ("SECURITY.md", "\n## In scope\n")];
/// How a promise names its rows, as in `<!-- rows: L9 C5 -->`.
const ROWS: &str = "<!-- rows:";

/// Where a document promises what no test shows.
pub(crate) fn disagreements(root: &Path, features: &Features<'_>) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for (path, heading) in PLACES {
        let text = fs::read_to_string(root.join(path)).map_err(|error| format!("{path}: {error}"))?;
        found.extend(check(path, &text, heading, &features.rows()));
    }
    Ok(found)
}

fn check(path: &str, text: &str, heading: &str, shown: &[Row]) -> Vec<String> {
    let Some((_, section)) = text.split_once(heading) else {
        return vec![format!("{path}: no `{}`", heading.trim())];
    };
    let section = section.split("\n## ").next().unwrap_or_default();
    let items = section.split("\n- ").skip(1).map(|item| item.split("\n\n").next().unwrap_or_default());
    let silent = items.filter(|item| !item.contains(ROWS));
    let silent = silent.map(|item| {
        format!("{path}: `{}` names no row of {FEATURES}", item.lines().next().unwrap_or_default())
    });
    let named = text.split(ROWS).skip(1).flat_map(|rest| {
        let (rows, end) = rest.split_once("-->").map_or((rest, false), |(rows, _)| (rows, true));
        rows.split_whitespace().map(move |row| (row.to_owned(), end)).collect::<Vec<_>>()
    });
    let unknown = named.filter(|(row, end)| !end || Row::parse(row).is_none_or(|row| !shown.contains(&row)));
    silent.chain(unknown.map(|(row, _)| format!("{path}: {row} is no row that tests show"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_text(text: &str, expected: &[&str]) {
        let shown = [Row::parse("L9").unwrap(), Row::parse("C5").unwrap()];
        let found = check("README.md", text, "\n## What it is\n", &shown);
        assert_eq!(found.len(), expected.len(), "{text}: {found:?}");
        assert!(found.iter().zip(expected).all(|(found, word)| found.contains(word)), "{text}: {found:?}");
    }

    #[test]
    fn a_promise_names_rows_that_are_shown() {
        check_text(
            "# A\n\nMuch. <!-- rows: C5 -->\n\n## What it is\n\n- **Good.** So\n  good. <!-- rows: L9 C5 -->\n\n## B\n\n- x\n",
            &[],
        );
        check_text(
            "# A\n\n## What it is\n\n- **Good.**\n- Bad. <!-- rows: L9 -->\n",
            &["`**Good.**` names no row"],
        );
        check_text("# A\n\n## What it is\n\n- Good. <!-- rows: L9 L10 -->\n", &["L10 is no row"]);
        check_text("# A\n\n## What it is\n\n- Good. <!-- rows: X -->\n", &["X is no row"]);
        check_text("# A\n\nFine. <!-- rows: C6 -->\n\n## What it is\n", &["C6 is no row"]);
        check_text("# A\n", &["no `## What it is`"]);
    }

    #[test]
    fn promises_in_the_documents_have_tests() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let text = fs::read_to_string(root.join(FEATURES)).unwrap();
        let features = Features::parse(&text).unwrap();
        let found = disagreements(&root, &features).unwrap();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}
