//! The names that docs/coming-from.md sends readers to: each must be in the public face of the server crate, of which the root
//! of the crate has the list.

use crate::sources;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Where the document is, seen from the root of the repository.
pub(crate) const COMING_FROM: &str = "docs/coming-from.md";
/// The crates whose names it may use.
pub(crate) const CRATES: [&str; 3] =
    ["crates/jackfield/src", "crates/jackfield-reactor/src", "crates/jackfield-proto/src"];

/// The root of the server crate, which lists what is public.
const LIB: &str = "crates/jackfield/src/lib.rs";

/// What each public type of the server crate has: public methods and fields, variants, by the name of the type there.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeMap<String, Known>);

/// What is known of a type's name.
#[derive(Clone, Debug, Default)]
struct Known {
    /// How many types have it.
    definitions: usize,
    members: BTreeSet<String>,
}

/// Names in the document that are nowhere.
pub(crate) fn disagreements(root: &Path) -> Result<Vec<String>, String> {
    Ok(of(root)?.check(&read(&root.join(COMING_FROM))?))
}

/// The public names of the server crate, those that it hands on from the other crates included.
pub(crate) fn of(root: &Path) -> Result<Names, String> {
    let (mut names, mut folders) = (Names::default(), BTreeMap::new());
    for Export { folder, name, alias } in exports(&read(&root.join(LIB))?) {
        let whole = CRATES.iter().find(|whole| folder.starts_with(**whole)).map_or(&*folder, |whole| whole);
        for place in [whole, &folder] {
            if !folders.contains_key(place) {
                folders.insert(place.to_owned(), Names::below(&root.join(place))?);
            }
        }
        // A type has methods in other folders of its crate too, but of several types of one name only those in its own are its.
        let place = if folders[whole].definitions(&name) == 1 { whole } else { &folder };
        // Functions and modules are no types.
        if let Some(known) = folders[place].0.get(&name) {
            names.0.insert(alias, known.clone());
        }
    }
    Ok(names)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// A name that the root of the crate makes public.
#[derive(Debug, PartialEq, Eq)]
struct Export {
    /// Where it is defined.
    folder: String,
    name: String,
    /// Its public name.
    alias: String,
}

/// What the lines `pub use path::{name, other as alias};` say. A path into another crate is a folder of that crate.
fn exports(lib: &str) -> Vec<Export> {
    let mut found = Vec::new();
    let uses = lib.split("\npub use ").skip(1).filter_map(|rest| rest.split_once(';'));
    for (path, list) in uses.filter_map(|(used, _)| used.rsplit_once("::")) {
        let folder = match path.strip_prefix("jackfield_") {
            Some(path) => {
                let (name, module) = path.split_once("::").unwrap_or((path, ""));
                format!("crates/jackfield-{name}/src/{module}")
            }
            None => CRATES[0].to_owned(),
        };
        for item in list.trim_matches(['{', '}']).split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let (name, alias) = item.split_once(" as ").unwrap_or((item, item));
            found.push(Export { folder: folder.clone(), name: name.into(), alias: alias.into() });
        }
    }
    found
}

impl Names {
    fn below(folder: &Path) -> Result<Names, String> {
        let (mut names, mut files) = (Names::default(), Vec::new());
        sources::collect(folder, &mut files)?;
        for file in files {
            names.add(&read(&file)?);
        }
        Ok(names)
    }

    /// Whether something has this name, whatever it is.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name) || self.0.values().any(|known| known.members.contains(name))
    }

    fn definitions(&self, name: &str) -> usize {
        self.0.get(name).map_or(0, |known| known.definitions)
    }

    /// Adds what a source makes public. A type's part begins in the first column, and ends with a brace there.
    pub(crate) fn add(&mut self, source: &str) {
        let mut part: Option<Part> = None;
        for line in source.lines() {
            if let Some(opened) = opened(line) {
                let known = self.0.entry(opened.owner.clone()).or_default();
                known.definitions += usize::from(opened.is_definition);
                part = (!line.ends_with([';', '}'])).then_some(opened);
            } else if line == "}" {
                part = None;
            } else if let Some(part) = &part {
                let name = member(line, part.all_public);
                self.0.entry(part.owner.clone()).or_default().members.extend(name.map(str::to_owned));
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
            Some(member) => has.is_some_and(|known| known.members.contains(member)),
        };
        (!is_known).then(|| format!("{COMING_FROM}: `{code}` is not in the crate"))
    }
}

/// A part of a type that begins with this line.
struct Part {
    owner: String,
    is_definition: bool,
    /// What it has is public without saying so: a trait.
    all_public: bool,
}

/// The part that begins with this line. What a trait gives a type is no name of the type's own.
fn opened(line: &str) -> Option<Part> {
    for kind in ["pub struct ", "pub enum ", "pub trait "] {
        if let Some(rest) = line.strip_prefix(kind) {
            return Some(Part {
                owner: word(rest).into(),
                is_definition: true,
                all_public: kind == "pub trait ",
            });
        }
    }
    let rest = line.strip_prefix("impl").filter(|rest| !rest.contains(" for "))?;
    // Of `impl<T> Type<T> {` what is behind the parameters.
    let rest = match rest.strip_prefix('<') {
        Some(_) => rest.split_once("> ").map_or(rest, |(_, rest)| rest),
        None => rest.trim_start(),
    };
    Some(Part { owner: word(rest).into(), is_definition: false, all_public: false })
}

/// The public method, field or variant that this line of a type's part defines.
fn member(line: &str, all_public: bool) -> Option<&str> {
    let line = line.strip_prefix("    ").filter(|line| !line.starts_with(' '))?;
    let rest = ["pub const fn ", "pub fn ", "pub "].iter().find_map(|head| line.strip_prefix(head));
    let of_trait = line.strip_prefix("fn ").filter(|_| all_public);
    let is_variant = line.starts_with(|letter: char| letter.is_ascii_uppercase());
    rest.or(of_trait).or(is_variant.then_some(line)).map(word)
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

    fn oil(&mut self) {}
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
        for code in [
            "Window",
            "Door::close",
            "Door::hidden",
            "Door::oil",
            "Door::drop",
            "Side::open",
            "Key::open",
            "open",
        ] {
            assert!(names.fault(code).is_some(), "{code}");
        }
        let text = "| theirs | ours | |\n| --- | --- | --- |\n| `Gate` | `Door::open`, `Door::shut` | `none` |\n`x`\n";
        assert_eq!(names.check(text), [format!("{COMING_FROM}: `Door::shut` is not in the crate")]);
    }

    #[test]
    fn names_are_public_by_the_root_of_the_crate() {
        let lib = "\npub use gate::{Door, Key};\npub use jackfield_proto::wall::Side as Face;\npub use jackfield_reactor as reactor;\n\
                   pub use jackfield_reactor::Limits as ReactorLimits;\npub use jackfield_reactor::{\n    Addr, Time,\n};\n";
        let found: Vec<String> = exports(lib)
            .iter()
            .map(|export| format!("{} {} {}", export.folder, export.name, export.alias))
            .collect();
        let expected = [
            "crates/jackfield/src Door Door",
            "crates/jackfield/src Key Key",
            "crates/jackfield-proto/src/wall Side Face",
            "crates/jackfield-reactor/src/ Limits ReactorLimits",
            "crates/jackfield-reactor/src/ Addr Addr",
            "crates/jackfield-reactor/src/ Time Time",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn types_of_one_name_are_not_mixed() {
        let names = of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap();
        for code in ["Limits::write_stall", "ReactorLimits::http_idle", "WebSocketLimits::write_stall"] {
            assert!(names.fault(code).is_some(), "{code}");
        }
        for code in ["Limits::http_idle", "ReactorLimits::write_stall", "WebSocketLimits::stream_above"] {
            assert_eq!(names.fault(code), None);
        }
    }

    #[test]
    fn each_name_that_readers_are_sent_to_exists() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let found = disagreements(&root).unwrap();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}
