//! What the server's crate hands on of the crates below is described for its users: without the names of what only these crates
//! are about. And the types that they meet first have examples.

use crate::readers::{contains_word, numbered};
use crate::tree::{Offence, Source, Tree};

const FACE: &str = "crates/jackfield/src/lib.rs";
/// What a user of the server does not meet.
const INNER: [&str; 6] = ["Machine", "super::Event", "Wires", "Service", "layer above", "on_close"];

/// The types that a user meets first and most, and where they are defined.
const MOST_USED: [(&str, &str); 15] = [
    ("Server", "crates/jackfield/src/server/mod.rs"),
    ("ServerBuilder", "crates/jackfield/src/server/builder/mod.rs"),
    ("Client", "crates/jackfield/src/client/mod.rs"),
    ("Connection", "crates/jackfield/src/client/connection.rs"),
    ("WebSocket", "crates/jackfield/src/client/websocket.rs"),
    ("Raw", "crates/jackfield/src/client/raw.rs"),
    ("EventStream", "crates/jackfield/src/client/events.rs"),
    ("Exchange", "crates/jackfield/src/client/exchange.rs"),
    ("Request", "crates/jackfield-proto/src/http1/request.rs"),
    ("Reply", "crates/jackfield/src/client/reply.rs"),
    ("Upgrade", "crates/jackfield/src/client/upgrade.rs"),
    ("Handle", "crates/jackfield/src/shared/handle.rs"),
    ("Listener", "crates/jackfield/src/config/listener/mod.rs"),
    ("Limits", "crates/jackfield/src/config/limits.rs"),
    ("Message", "crates/jackfield-proto/src/websocket/event.rs"),
];

pub(crate) fn the_most_used_types_have_an_example(tree: &Tree) -> Vec<Offence> {
    let sources = MOST_USED.iter().filter_map(|(name, path)| Some((*name, tree.get(path)?)));
    let without = |(name, source): (&str, &Source)| {
        let lines: Vec<&str> = source.text.lines().collect();
        let at = lines.iter().position(|line| defined(line) == Some(name));
        let above = lines[..at.unwrap_or(0)].iter().rev().take_while(|line| !line.is_empty());
        let has_example = above.into_iter().any(|line| line.starts_with("/// ```"));
        (!has_example).then(|| source.offence(at.map_or(1, |at| at + 1), format!("`{name}` has no example")))
    };
    sources.filter_map(without).collect()
}

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
