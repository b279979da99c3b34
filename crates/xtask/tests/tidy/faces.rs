//! What the server's crate hands on of the crates below is described for its users: without the names of what only these crates
//! are about.

use crate::readers::{contains_word, numbered};
use crate::tree::{Offence, Source, Tree};

const FACE: &str = "crates/jackfield/src/lib.rs";
/// What a user of the server does not meet.
const INNER: [&str; 6] = ["Machine", "super::Event", "Wires", "Service", "layer above", "on_close"];

pub(crate) fn what_is_handed_on_is_described_for_its_users(tree: &Tree) -> Vec<Offence> {
    let Some(face) = tree.get(FACE) else { return Vec::new() };
    let lists = face.text.split("pub use jackfield_").skip(1).filter_map(|rest| rest.split(';').next());
    lists.flat_map(|list| offences_of(tree, list)).collect()
}

/// What is wrong with the types of one `pub use`, such as `proto::http1::{Fields, Request}`.
fn offences_of(tree: &Tree, list: &str) -> Vec<Offence> {
    let (path, names) = list.rsplit_once("::").unwrap_or((list, ""));
    let (inner, module) = path.split_once("::").unwrap_or((path, ""));
    let folder = format!("crates/jackfield-{inner}/src/{}", module.replace("::", "/"));
    let names: Vec<&str> =
        names.split(|c: char| !c.is_alphanumeric()).filter(|name| !name.is_empty()).collect();
    tree.rust()
        .filter(|source| source.path.starts_with(&folder))
        .flat_map(|source| in_file(source, &names))
        .collect()
}

/// What is wrong in the comments of each of these types: before it, in it, and in its own blocks.
fn in_file(source: &Source, names: &[&str]) -> Vec<Offence> {
    let lines: Vec<(usize, &str)> = numbered(&source.text).collect();
    let mut found = Vec::new();
    let mut belongs = false;
    for (at, (line, text)) in lines.iter().enumerate() {
        let is_above = at > 0 && lines[at - 1].1.starts_with("///");
        if text.starts_with("///") && !is_above {
            // A block of comments belongs to what comes behind it.
            let item =
                lines[at..].iter().find(|(_, text)| !text.starts_with("///") && !text.starts_with("#["));
            belongs = item.and_then(|(_, text)| defined(text)).is_some_and(|name| names.contains(&name));
        } else if let Some(name) = defined(text) {
            belongs = names.contains(&name);
        } else if text.starts_with("impl") {
            belongs = names.iter().any(|name| contains_word(text, name));
        }
        let is_comment = text.trim_start().starts_with("///");
        if let Some(word) = INNER.iter().find(|word| belongs && is_comment && contains_word(text, word)) {
            found.push(source.offence(*line, format!("`{word}` where users of the server read")));
        }
    }
    found
}

/// The type that a line begins to define.
fn defined(text: &str) -> Option<&str> {
    let kinds = ["pub struct ", "pub enum ", "pub trait "];
    let rest = kinds.iter().find_map(|kind| text.strip_prefix(kind))?;
    rest.split(|c: char| !c.is_alphanumeric()).next()
}
