//! The names that docs/coming-from.md sends readers to: each must be in the public face of the server crate.

use crate::sources;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Where the document is, seen from the root of the repository.
pub(crate) const COMING_FROM: &str = "docs/coming-from.md";
/// The crates whose names it may use.
pub(crate) const CRATES: [&str; 3] =
    ["crates/jackfield/src", "crates/jackfield-reactor/src", "crates/jackfield-proto/src"];

/// What each type has: methods, fields, variants, by the name of the type.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeMap<String, BTreeSet<String>>);

/// Names in the document that are nowhere.
pub(crate) fn disagreements(root: &Path) -> Result<Vec<String>, String> {
    let text =
        fs::read_to_string(root.join(COMING_FROM)).map_err(|error| format!("{COMING_FROM}: {error}"))?;
    Ok(of(root)?.check(&text))
}

/// The names of the crates.
pub(crate) fn of(root: &Path) -> Result<Names, String> {
    let mut names = Names::default();
    for folder in CRATES {
        let mut files = Vec::new();
        sources::collect(&root.join(folder), &mut files)?;
        for file in files {
            names.add(&fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?);
        }
    }
    Ok(names)
}

impl Names {
    /// Whether something has this name, whatever it is.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name) || self.0.values().any(|members| members.contains(name))
    }

    /// Adds what a source defines. A type's part begins in the first column, and ends with a brace there.
    pub(crate) fn add(&mut self, source: &str) {
        let mut owner: Option<String> = None;
        for line in source.lines() {
            if let Some(name) = opened(line) {
                self.0.entry(name.clone()).or_default();
                owner = (!line.ends_with([';', '}'])).then_some(name);
            } else if line == "}" {
                owner = None;
            } else if let (Some(owner), Some(name)) = (&owner, member(line)) {
                self.0.entry(owner.clone()).or_default().insert(name.to_owned());
            }
        }
    }

    /// The rows are `| theirs | ours | what differs |`. In the second cell each piece of code is a type, or a type and
    /// what it has, as in `Client::on_connect`.
    fn check(&self, text: &str) -> Vec<String> {
        let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
        let ours = rows.filter_map(|row| row.split('|').nth(2));
        ours.flat_map(|cell| cell.split('`').skip(1).step_by(2)).filter_map(|code| self.fault(code)).collect()
    }

    fn fault(&self, code: &str) -> Option<String> {
        let (owner, member) =
            code.split_once("::").map_or((code, None), |(owner, member)| (owner, Some(member)));
        let has = self.0.get(owner);
        let is_known = match member {
            None => has.is_some(),
            Some(member) => has.is_some_and(|names| names.contains(member)),
        };
        (!is_known).then(|| format!("{COMING_FROM}: `{code}` is not in the crate"))
    }
}

/// The type whose part begins with this line.
fn opened(line: &str) -> Option<String> {
    let kinds = ["pub struct ", "pub enum ", "pub trait "];
    if let Some(rest) = kinds.iter().find_map(|kind| line.strip_prefix(kind)) {
        return Some(word(rest).to_owned());
    }
    let rest = line.strip_prefix("impl")?;
    // Of `impl<T> Trait for Type<T> {` what is behind the parameters, and behind `for`.
    let rest = match rest.strip_prefix('<') {
        Some(_) => rest.split_once("> ").map_or(rest, |(_, rest)| rest),
        None => rest.trim_start(),
    };
    let rest = rest.split_once(" for ").map_or(rest, |(_, rest)| rest);
    Some(word(rest).to_owned())
}

/// The method, field or variant that this line of a type's part defines.
fn member(line: &str) -> Option<&str> {
    let line = line.strip_prefix("    ").filter(|line| !line.starts_with(' '))?;
    let rest = ["pub const fn ", "pub fn ", "fn ", "pub "].iter().find_map(|head| line.strip_prefix(head));
    let is_variant = line.starts_with(|letter: char| letter.is_ascii_uppercase());
    rest.or(is_variant.then_some(line)).map(word)
}

fn word(text: &str) -> &str {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
pub struct Door<'a> {
    pub width: u32,
    hidden: u8,
}

impl<'a> Door<'a> {
    pub fn open(&mut self) {
        let x = 1;
    }
}

impl Drop for Door<'_> {
    fn drop(&mut self) {}
}

pub enum Side {
    Left,
    Right(u8),
}

pub struct Key;

pub trait Guard {
    fn on_entry(&mut self) {}
}
";

    #[test]
    fn names_are_found_where_they_are_defined() {
        let mut names = Names::default();
        names.add(SOURCE);
        let good =
            ["Door", "Door::open", "Door::width", "Side::Left", "Side::Right", "Key", "Guard::on_entry"];
        for code in good {
            assert_eq!(names.fault(code), None);
        }
        for code in ["Window", "Door::close", "Door::hidden", "Side::open", "Key::open", "open"] {
            assert!(names.fault(code).is_some(), "{code}");
        }
        let text = "| theirs | ours | |\n| --- | --- | --- |\n| `Gate` | `Door::open`, `Door::shut` | `none` |\n`x`\n";
        assert_eq!(names.check(text), [format!("{COMING_FROM}: `Door::shut` is not in the crate")]);
    }

    #[test]
    fn each_name_that_readers_are_sent_to_exists() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let found = disagreements(&root).unwrap();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}
