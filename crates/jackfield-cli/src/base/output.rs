//! The standard output.

use std::io::{self, Write};

/// Prints a text. If nobody reads it any more, as behind `| head`, nothing happens: it does not change the exit code.
pub(crate) fn say(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}
