//! The documents that figures are written into: a section of a file between two marks, and a directory of files.

use jackfield_cli::base::error::Error;
use jackfield_cli::base::output::{say, tell};
use jackfield_cli::base::writable;
use std::path::Path;
use std::{fs, io};

/// A generated section, by the name that its marks have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section(pub(crate) &'static str);

impl Section {
    /// The line before it.
    fn begin(self) -> String {
        format!("<!-- {}:begin -->", self.0)
    }

    /// The line after it.
    fn end(self) -> String {
        format!("<!-- {}:end -->", self.0)
    }

    /// The text with another section between its two marks; `None` if a mark is missing, or they are in the wrong
    /// order.
    fn replace(self, text: &str, section: &str) -> Option<String> {
        let (begin, end) = (self.begin(), self.end());
        let (before, rest) = text.split_once(&begin)?;
        let (_, after) = rest.split_once(&end)?;
        Some(format!("{before}{begin}\n\n{section}\n{end}{after}"))
    }

    /// Puts the section into the file, or shows it.
    ///
    /// # Errors
    /// The file is there, and can't be read or written; or the output can't be written.
    pub(crate) fn write(self, path: Option<&Path>, section: &str) -> Result<(), Error> {
        let why = match path {
            None => "a part of the whole only; --numbers FILE would write it".to_owned(),
            Some(path) => match fs::read_to_string(path) {
                Ok(text) => match self.replace(&text, section) {
                    Some(text) => {
                        fs::write(path, text).map_err(|error| Error::File(path.to_owned(), error))?;
                        tell(&format!("written to {}", path.display()));
                        return Ok(());
                    }
                    None => {
                        format!("{} has no lines `{}` and `{}`", path.display(), self.begin(), self.end())
                    }
                },
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    format!("there is no {}", path.display())
                }
                Err(error) => return Err(Error::File(path.to_owned(), error)),
            },
        };
        tell(&format!("not written to a file: {why}"));
        say(section)
    }
}

/// Tries the document and the folder that are to be written, so that this is found out before anything is measured.
///
/// # Errors
/// One of them is wanted and can't be written.
pub(crate) fn check(numbers: Option<&Path>, report: Option<&Path>) -> Result<(), Error> {
    numbers.map_or(Ok(()), writable::check_file)?;
    report.map_or(Ok(()), writable::check_folder)
}

/// Writes files, by name and text, into a directory, which is made if it is not there.
///
/// # Errors
/// A file can't be written.
pub(crate) fn write_files(directory: &Path, files: &[(String, String)]) -> Result<(), Error> {
    fs::create_dir_all(directory).map_err(|error| Error::File(directory.to_owned(), error))?;
    for (name, text) in files {
        let path = directory.join(name);
        fs::write(&path, text).map_err(|error| Error::File(path, error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_is_replaced_and_nothing_else() {
        let section = Section("compare");
        let (begin, end) = (section.begin(), section.end());
        let text = format!("# a\n\n{begin}\nold\n{end}\n\nb\n");
        let new = section.replace(&text, "new\n").expect("it has both marks");
        assert_eq!(new, format!("# a\n\n{begin}\n\nnew\n\n{end}\n\nb\n"));
        assert_eq!(section.replace(&new, "new\n"), Some(new), "twice is once");
        assert_eq!(section.replace("# a\n", "new"), None);
        assert_eq!(section.replace(&format!("{end}{begin}"), "new"), None);
        assert_eq!(Section("growth").replace(&text, "new"), None);
    }
}
