//! The order of what is said in the room.

use std::collections::HashMap;

/// Whether what is said in the room comes in the order in which each has said it.
pub(crate) struct Order {
    latest: HashMap<String, usize>,
    has_gaps: bool,
}

impl Order {
    pub(crate) fn new(has_gaps: bool) -> Self {
        Self { latest: HashMap::new(), has_gaps }
    }

    pub(crate) fn check(&mut self, text: &str) -> Result<(), String> {
        let mut words = text.splitn(4, ' ');
        let (Some("peer"), Some(name), Some(count)) = (words.next(), words.next(), words.next()) else {
            return Err(format!("nobody says {text}"));
        };
        let Ok(count) = count.parse() else { return Err(format!("no number: {text}")) };
        let before = self.latest.insert(name.to_owned(), count);
        if before.is_some_and(|before| if self.has_gaps { before >= count } else { before + 1 != count }) {
            return Err(format!("peer {name} {count} came after {before:?}"));
        }
        Ok(())
    }
}
