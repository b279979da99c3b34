//! The folder of a report: checked before the run, and never overwritten without `--force`.

use crate::base::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// A writable folder for a report. If nothing is written, dropping this removes what was created.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    files: [File; 2],
    /// Files to be removed again.
    made: Vec<PathBuf>,
    /// The outermost folder that was created, to be removed again.
    made_folder: Option<PathBuf>,
}

/// The folders of several reports in one folder.
///
/// The last one is dropped first: the first one has created the folder around them, which can be removed only when it is empty.
#[derive(Debug, Default)]
pub(crate) struct Folders(Vec<Folder>);

const NAMES: [&str; 2] = ["result.json", "index.html"];

impl Folder {
    /// Makes the folder, if it is not there, and opens the files of a report in it.
    ///
    /// # Errors
    /// It can't be written into, or there is a report in it and `is_forced` does not allow to write over it.
    pub(crate) fn open(path: &Path, is_forced: bool) -> Result<Self, Error> {
        let failed = |path: &Path, error| Error::File(path.to_owned(), error);
        let made_folder =
            path.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).last();
        let made_folder = made_folder.map(Path::to_owned);
        fs::create_dir_all(path).map_err(|error| failed(path, error))?;
        let mut made = Vec::new();
        let mut open = |name: &str| {
            let file = path.join(name);
            match OpenOptions::new().write(true).create_new(true).open(&file) {
                Ok(opened) => {
                    made.push(file);
                    Ok(opened)
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists && is_forced => {
                    OpenOptions::new().write(true).open(&file).map_err(|error| failed(&file, error))
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(Error::Usage(format!(
                    "{} is there already; name another folder, or write over it with --force",
                    file.display()
                ))),
                Err(error) => Err(failed(&file, error)),
            }
        };
        let files = match (open(NAMES[0]), open(NAMES[1])) {
            (Ok(result), Ok(page)) => Ok([result, page]),
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        match files {
            Ok(files) => Ok(Self { path: path.to_owned(), files, made, made_folder }),
            Err(error) => {
                remove(&made, made_folder.as_deref());
                Err(error)
            }
        }
    }

    /// Writes the result and its page. Returns the path of the page.
    ///
    /// # Errors
    /// A file can't be written.
    pub(crate) fn write(&mut self, result: &str, page: &str) -> Result<PathBuf, Error> {
        for ((file, name), text) in self.files.iter_mut().zip(NAMES).zip([result, page]) {
            let write = |file: &mut File| -> io::Result<()> {
                file.set_len(0)?;
                file.write_all(text.as_bytes())
            };
            write(file).map_err(|error| Error::File(self.path.join(name), error))?;
        }
        self.made.clear();
        self.made_folder = None;
        Ok(self.path.join(NAMES[1]))
    }
}

impl Folders {
    /// Opens a folder of each name in this one. Without it there are none.
    ///
    /// # Errors
    /// As [`Folder::open`].
    pub(crate) fn open<'n>(
        report: Option<&Path>,
        names: impl Iterator<Item = &'n str>,
        is_forced: bool,
    ) -> Result<Self, Error> {
        let mut folders = Self::default();
        if let Some(report) = report {
            for name in names {
                folders.0.push(Folder::open(&report.join(name), is_forced)?);
            }
        }
        Ok(folders)
    }

    /// The folder of this number, in the order of the names.
    pub(crate) fn get(&mut self, number: usize) -> Option<&mut Folder> {
        self.0.get_mut(number)
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        while self.0.pop().is_some() {}
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        remove(&self.made, self.made_folder.as_deref());
    }
}

/// Removes files, and a folder with the folders in it if there is nothing else.
fn remove(files: &[PathBuf], folder: Option<&Path>) {
    for file in files {
        // A file that can't be removed is empty.
        let _ = fs::remove_file(file);
    }
    let Some(outermost) = folder else { return };
    let inside = files.first().and_then(|file| file.parent()).unwrap_or(outermost);
    for folder in inside.ancestors().take_while(|folder| folder.starts_with(outermost)) {
        let _ = fs::remove_dir(folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("jackfield-folder-{}-{name}", std::process::id()))
    }

    #[test]
    fn a_folder_that_was_made_goes_if_nothing_is_written() {
        let root = scratch("new");
        let path = root.join("a/b");
        drop(Folder::open(&path, false).expect("it can be made"));
        assert!(!root.exists(), "nothing is left");
        let mut folder = Folder::open(&path, false).expect("it can be made");
        assert_eq!(folder.write("{}", "<p>").ok(), Some(path.join("index.html")));
        assert_eq!(fs::read_to_string(path.join("result.json")).ok().as_deref(), Some("{}"));
        fs::remove_dir_all(root).expect("it was made here");
    }

    #[test]
    fn an_existing_report_stays_unless_forced() {
        let path = scratch("old");
        fs::create_dir_all(&path).expect("it can be made");
        fs::write(path.join("index.html"), "mine, and longer").expect("it can be written");
        let error = Folder::open(&path, false).map(drop).map_err(|error| error.to_string());
        assert!(error.is_err_and(|error| error.contains("index.html") && error.contains("--force")));
        assert!(!path.join("result.json").exists());
        drop(Folder::open(&path, true).expect("it can be written"));
        let text = || fs::read_to_string(path.join("index.html")).ok();
        assert_eq!(text().as_deref(), Some("mine, and longer"), "a run that fails leaves it as it was");
        let mut folder = Folder::open(&path, true).expect("it can be written");
        assert!(folder.write("{}", "new").is_ok());
        assert_eq!(text().as_deref(), Some("new"));
        fs::remove_dir_all(path).expect("it was made here");
    }
}
