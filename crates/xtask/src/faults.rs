//! The document of faults: what was found, and the tests that fail without the mend. Each test named there must exist, each
//! planted bug too, and what is called mended must have a test.

use crate::sources::Sources;
use std::fs;
use std::path::Path;

/// Where the document is, seen from the root of the repository.
const FAULTS: &str = "docs/faults.md";
/// Where the planted bugs are listed by their names.
const PLANTED: &str = "crates/jackfield/tests/planted.rs";

/// Where the document promises tests that are not there.
pub(crate) fn disagreements(root: &Path, sources: &Sources) -> Result<Vec<String>, String> {
    let read = |path: &str| fs::read_to_string(root.join(path)).map_err(|error| format!("{path}: {error}"));
    check(&read(FAULTS)?, &read(PLANTED)?, sources)
}

/// The rows are `| ID | what was wrong | its kind | tests | planted bug | state |`.
fn check(text: &str, planted: &str, sources: &Sources) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let heads = ["| ID ", "| ---"];
    let is_row = |line: &&str| line.starts_with("| ") && !heads.iter().any(|head| line.starts_with(head));
    for line in text.lines().filter(is_row) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [id, _, _, tests, bug, state] = cells[..] else {
            found.push(format!("{FAULTS}: {} cells in `{line}`", cells.len()));
            continue;
        };
        match sources.check_references(tests) {
            Ok(0) if state.starts_with("mended") => {
                found.push(format!("{FAULTS}: {id} is mended without a test"));
            }
            Ok(_) => {}
            Err(error) => found.push(format!("{FAULTS}: {id}: {error}")),
        }
        if !bug.is_empty() && !planted.contains(&format!("\"{bug}\"")) {
            found.push(format!("{FAULTS}: {id}: `{bug}` is not in {PLANTED}"));
        }
        if state != "mended" && !state.starts_with("open: ") && !state.starts_with("mended in part: ") {
            found.push(format!("{FAULTS}: {id} is neither mended nor open"));
        }
    }
    if text.lines().any(|line| is_row(&line)) { Ok(found) } else { Err(format!("{FAULTS}: no rows")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_row(row: &str, expected: &[&str]) {
        let mut sources = Sources::default();
        sources.add("crates/a/tests/x.rs", "#[test]\nfn fails_without_it() {}\n");
        let head = "# Faults\n\n| ID | wrong | kind | tests | planted | state |\n| --- | --- | --- | --- | --- | --- |\n";
        let found = check(&format!("{head}{row}\n"), "    \"a lost wake-up\",\n", &sources).unwrap();
        assert_eq!(found.len(), expected.len(), "{row}: {found:?}");
        assert!(found.iter().zip(expected).all(|(found, word)| found.contains(word)), "{row}: {found:?}");
    }

    #[test]
    fn a_named_fault_test_must_exist() {
        let test = "`a/tests/x.rs`: `fails_without_it`";
        check_row(&format!("| A1 | w | k | {test} |  | mended |"), &[]);
        check_row(&format!("| A1 | w | k | {test} | a lost wake-up | mended |"), &[]);
        check_row("| A1 | w | k |  |  | open: nobody was here |", &[]);
        check_row(&format!("| A1 | w | k | {test} |  | mended in part: the rest |"), &[]);
        check_row("| A1 | w | k |  |  | mended |", &["mended without a test"]);
        check_row("| A1 | w | k | `a/tests/x.rs`: `other` |  | mended |", &["no test `other`"]);
        check_row(&format!("| A1 | w | k | {test} | another bug | mended |"), &["`another bug` is not in"]);
        check_row(&format!("| A1 | w | k | {test} |  | open |"), &["neither mended nor open"]);
        check_row("| A1 | w | k |", &["3 cells"]);
    }

    #[test]
    fn each_fault_of_this_repository_has_the_test_that_is_named() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let found = disagreements(&root, &Sources::read(&root).unwrap()).unwrap();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}
