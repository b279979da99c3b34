//! The list of the paths at which a WebSocket may begin, as the gate takes it.

use crate::gate::{EXACT, EXCEPT};
use std::cmp::Reverse;

/// The list for these paths of routes, each with whether it has a route for WebSockets. The first entry that fits decides, so they
/// are in the order in which the tree looks for them. Paths of other routes are there, as exceptions, if a WebSocket's path behind
/// them may fit too.
pub(super) fn list<'p>(paths: impl Iterator<Item = (&'p str, bool)>) -> Vec<String> {
    let mut ranked: Vec<_> = paths.map(|(path, begins)| (parts(path), path, begins)).collect();
    ranked.sort();
    let listed = ranked.iter().enumerate().filter_map(|(at, (parts, path, begins))| {
        let mut later = ranked[at + 1..].iter();
        let mut is_exception = || later.any(|(later, _, begins)| *begins && may_overlap(parts, later));
        (*begins || is_exception()).then(|| entry(path, *begins))
    });
    listed.collect()
}

fn entry(path: &str, begins: bool) -> String {
    let marks = [(!begins).then_some(EXCEPT), path.ends_with('/').then_some(EXACT)];
    marks.into_iter().flatten().chain(path.chars()).collect()
}

/// A part of a route's path. Of two paths that fit, the tree finds the one whose first different part is less.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Char(char),
    /// With the length of what follows in its segment: the longest goes first.
    Parameter(Reverse<usize>),
    Rest,
}

fn parts(path: &str) -> Vec<Part> {
    let (mut parts, mut rest) = (Vec::new(), path);
    while let Some(next) = rest.chars().next() {
        // Doubled braces stand for braces.
        let is_doubled = rest.starts_with("{{") || rest.starts_with("}}");
        let parameter =
            rest.strip_prefix('{').filter(|_| !is_doubled).and_then(|named| named.split_once('}'));
        rest = parameter.map_or_else(|| &rest[next.len_utf8() << u8::from(is_doubled)..], |(_, after)| after);
        parts.push(match parameter {
            None => Part::Char(next),
            Some((name, _)) if name.starts_with('*') => Part::Rest,
            Some(_) => Part::Parameter(Reverse(rest.find('/').unwrap_or(rest.len()))),
        });
    }
    parts
}

/// False if no path fits both. They are different paths.
fn may_overlap(one: &[Part], other: &[Part]) -> bool {
    let different = one.iter().zip(other).find(|(one, other)| one != other);
    different.is_some_and(|pair| !matches!(pair, (Part::Char(_), Part::Char(_))))
}
