//! The tests that there are, found by reading the sources, and the references to them in documents.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every test of the workspace: its file, seen from the root of the repository, and its function.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    tests: BTreeSet<(String, String)>,
}

impl Sources {
    pub(crate) fn read(root: &Path) -> Result<Sources, String> {
        let mut files = Vec::new();
        collect(&root.join("crates"), &mut files)?;
        collect(&root.join("examples/tests"), &mut files)?;
        let mut sources = Sources::default();
        for path in files {
            let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let file = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            sources.add(&file, &text);
        }
        Ok(sources)
    }

    /// Adds the tests of one file: each function that has `#[test]` among its attributes.
    pub(crate) fn add(&mut self, file: &str, text: &str) {
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line == "#[test]" {
                is_test = true;
            } else if let Some(rest) = line.strip_prefix("fn ").filter(|_| is_test) {
                let name = rest.split(['(', '<']).next().unwrap_or_default();
                self.tests.insert((file.to_owned(), name.to_owned()));
                is_test = false;
            } else if !line.starts_with("#[") && !line.starts_with("//") {
                is_test = false;
            }
        }
    }

    /// The tests of the files whose path begins so.
    pub(crate) fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.tests
            .iter()
            .map(|(file, name)| (&**file, &**name))
            .filter(move |(file, _)| file.starts_with(prefix))
    }

    /// What is wrong with the tests that a text refers to. They are written as ``file.rs`: `function`, `function``, the
    /// file seen from the folder `crates`: those of the examples begin with `../`.
    pub(crate) fn check_references(&self, text: &str) -> Result<usize, String> {
        let mut file: Option<(&str, usize)> = None;
        let mut count = 0;
        for word in text.split('`').skip(1).step_by(2) {
            if word.ends_with(".rs") {
                if let Some((file, 0)) = file {
                    return Err(format!("`{file}` without a function"));
                }
                file = Some((word, 0));
                continue;
            }
            let Some((path, functions)) = &mut file else { return Err(format!("`{word}` without a file")) };
            let place = path.strip_prefix("../").map_or_else(|| format!("crates/{path}"), str::to_owned);
            if !self.tests.contains(&(place.clone(), word.to_owned())) {
                return Err(format!("there is no test `{word}` in `{place}`"));
            }
            *functions += 1;
            count += 1;
        }
        match file {
            Some((file, 0)) => Err(format!("`{file}` without a function")),
            _ => Ok(count),
        }
    }
}

/// Every Rust file below a folder.
pub(crate) fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
#[test]
fn plain() {}

#[test]
#[cfg(target_os = \"linux\")]
// why
fn with_attributes() {}

mod inner {
    #[test]
    fn indented() {}
}

#[test]
const X: u8 = 0;
fn no_test() {}
";

    fn sources() -> Sources {
        let mut sources = Sources::default();
        sources.add("crates/a/tests/x.rs", FILE);
        sources
    }

    #[test]
    fn tests_are_found_in_a_source() {
        let sources = sources();
        let names: Vec<&str> = sources.below("crates/a/tests/").map(|(_, name)| name).collect();
        assert_eq!(names, ["indented", "plain", "with_attributes"]);
        assert_eq!(sources.below("crates/b").count(), 0);
    }

    #[test]
    fn references_must_be_to_tests() {
        let cases = [
            ("`a/tests/x.rs`: `plain`, `indented`", Ok(2)),
            ("nothing", Ok(0)),
            ("`a/tests/x.rs`: `no_test`", Err("there is no test `no_test`")),
            ("`a/tests/y.rs`: `plain`", Err("there is no test `plain`")),
            ("`../crates/a/tests/x.rs`: `plain`", Ok(1)),
            ("`../a/tests/x.rs`: `plain`", Err("no test `plain` in `a/tests/x.rs`")),
            ("`plain`", Err("`plain` without a file")),
            ("`a/tests/x.rs`", Err("`a/tests/x.rs` without a function")),
            ("`a/tests/x.rs`, `a/tests/x.rs`: `plain`", Err("`a/tests/x.rs` without a function")),
        ];
        for (text, expected) in cases {
            match (sources().check_references(text), expected) {
                (Ok(count), Ok(expected)) => assert_eq!(count, expected, "{text}"),
                (Err(error), Err(expected)) => assert!(error.contains(expected), "{text}: {error}"),
                (seen, expected) => panic!("{text}: {seen:?} instead of {expected:?}"),
            }
        }
    }
}
