//! An input for which a property does not hold.

use crate::tally::hash;
use crate::target::Target;
use std::fmt::{self, Write};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// An input for which a property does not hold. Its [`Display`](fmt::Display) says all of it, with a test to keep.
#[derive(Debug)]
#[non_exhaustive]
pub struct Finding {
    /// What was fuzzed.
    pub target: Target,
    /// The seed with which it is found again.
    pub seed: u64,
    /// The execution that found it, counted from 1.
    pub execution: u64,
    /// The input, made smaller.
    pub input: Vec<u8>,
    /// What the property said.
    pub message: String,
    /// Where the input was saved, if that was asked for; or why it could not be.
    pub saved: Option<io::Result<PathBuf>>,
}

/// Characters of a line of the test's input.
const LINE: usize = 100;

impl Finding {
    /// The name of its file and its test: that of the target and a hash of the input.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}_{:016x}", self.target.name, hash(&self.input))
    }

    /// Writes the input to a file of this directory, which is made if it is not there.
    ///
    /// # Errors
    /// What the file system says.
    pub fn save(&self, directory: &Path) -> io::Result<PathBuf> {
        fs::create_dir_all(directory)?;
        let path = directory.join(self.name());
        fs::write(&path, &self.input)?;
        Ok(path)
    }

    /// A test that fails as long as the property does not hold for the input.
    #[must_use]
    pub fn test(&self) -> String {
        let (name, call, input) = (self.name(), self.target.call, literal(&self.input));
        format!("#[test]\nfn fuzz_{name}() {{\n    {call}({input});\n}}\n")
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, seed, execution, message, .. } = self;
        writeln!(f, "{} does not hold: {message}", target.name)?;
        writeln!(f, "found with seed {seed} by execution {execution}")?;
        match &self.saved {
            Some(Ok(path)) => writeln!(f, "saved as {}", path.display())?,
            Some(Err(error)) => writeln!(f, "could not be saved: {error}")?,
            None => {}
        }
        write!(f, "\n{}", self.test())
    }
}

impl std::error::Error for Finding {}

/// A byte string, in several lines if it is long. A line can't begin with a space, which would belong to the source.
fn literal(bytes: &[u8]) -> String {
    let (mut text, mut column) = (String::from("b\""), 0);
    for byte in bytes {
        if column >= LINE {
            text.push_str("\\\n      ");
            column = 0;
        }
        let start = text.len();
        match byte {
            b' ' if column == 0 => text.push_str("\\x20"),
            // Writing to a string cannot fail.
            byte => drop(write!(text, "{}", byte.escape_ascii())),
        }
        column += text.len() - start;
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_is_the_bytes_again() {
        assert_eq!(literal(b"a b\r\n\"\\\x80"), r#"b" a"#.replace(" a", r#"a b\r\n\"\\\x80""#));
        let long = literal(&[b' '; 250]);
        assert!(long.lines().all(|line| line.len() < 120), "{long}");
        let read = long.trim_matches(['b', '"']).replace("\\\n      ", "").replace("\\x20", " ");
        assert_eq!(read, " ".repeat(250));
    }
}
