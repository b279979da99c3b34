//! What a parser said, in a form that does not depend on how its input was cut.

use crate::tally::{hash, observe};
use std::fmt;

/// What a parser said: its events in order, to be compared between two ways to cut the same bytes.
///
/// It tells the runner which kinds of events followed each other, as [`observe`] does.
#[derive(Clone, Default)]
pub struct Log {
    text: Vec<u8>,
    /// The kind of the newest entry.
    last: &'static str,
    /// Of the kinds so far.
    path: u64,
    entries: usize,
}

/// So many kinds in a row count as a path of their own; later ones only count in pairs, or there would be no end of it.
const PATH_ENTRIES: usize = 6;

impl Log {
    /// An event of this kind, with what is in it.
    pub fn note(&mut self, kind: &'static str, what: impl AsRef<[u8]>) {
        self.begin(kind);
        self.text.extend_from_slice(what.as_ref());
    }

    /// Part of something that may come in any pieces, such as a body: parts of one kind that follow each other are one
    /// entry.
    pub fn part(&mut self, kind: &'static str, what: &[u8]) {
        if self.last != kind {
            self.begin(kind);
        }
        self.text.extend_from_slice(what);
    }

    /// An error: what it says of itself is its kind.
    pub fn fault(&mut self, error: impl fmt::Debug) {
        let text = format!("{error:?}");
        observe(hash(text.as_bytes()));
        self.note("fault", text);
    }

    /// How many entries there are.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.entries
    }

    fn begin(&mut self, kind: &'static str) {
        let before = if self.entries < PATH_ENTRIES { self.path } else { hash(self.last.as_bytes()) };
        self.path = before.rotate_left(5) ^ hash(kind.as_bytes());
        observe(self.path);
        self.last = kind;
        self.entries += 1;
        if !self.text.is_empty() {
            self.text.push(b'\n');
        }
        self.text.extend_from_slice(kind.as_bytes());
        self.text.push(b' ');
    }
}

impl PartialEq for Log {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Log {}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.text.split(|byte| *byte == b'\n').map(String::from_utf8_lossy)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_one_entry_however_they_come() {
        let [mut one, mut two] = [Log::default(), Log::default()];
        one.part("body", b"abc");
        two.part("body", b"a");
        two.part("body", b"bc");
        assert_eq!((&one, one.entries()), (&two, 1));
        two.note("end", "");
        two.part("body", b"");
        assert_ne!(one, two);
        assert_eq!((format!("{two:?}"), two.entries()), (r#"["body abc", "end ", "body "]"#.into(), 3));
    }
}
