//! Whether something can be written, tried before anything is measured.

use super::error::Error;
use std::fs::{self, File, OpenOptions};
use std::path::Path;
use std::process;

/// Tries whether files can be written into this folder, or whether it can be made. Nothing is left of the trial.
///
/// # Errors
/// They can't.
pub fn check_folder(path: &Path) -> Result<(), Error> {
    let failed = |error| Error::File(path.to_owned(), error);
    // What is not there is not made: another process could rely on it a moment later.
    let there = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    let trial = there.join(format!(".jackfield-{}", process::id()));
    File::create_new(&trial).map_err(failed)?;
    fs::remove_file(&trial).map_err(failed)
}

/// Tries whether a file can be written over, if it is there.
///
/// # Errors
/// It can't.
pub fn check_file(path: &Path) -> Result<(), Error> {
    let opened = if path.exists() { OpenOptions::new().write(true).open(path).map(drop) } else { Ok(()) };
    opened.map_err(|error| Error::File(path.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_leaves_nothing() {
        let folder = std::env::temp_dir().join(format!("jackfield-writable-{}", process::id()));
        let within = folder.join("a/b");
        assert!(check_folder(&within).is_ok() && !folder.exists());
        fs::create_dir_all(&within).expect("it can be made");
        let file = within.join("file");
        fs::write(&file, "mine").expect("it can be written");
        for path in [&within, &folder, &folder.join("new")] {
            assert!(check_folder(path).is_ok(), "{}", path.display());
        }
        assert_eq!(fs::read_dir(&within).map(Iterator::count).ok(), Some(1));
        assert_eq!(fs::read_dir(&folder).map(Iterator::count).ok(), Some(1));
        assert!(check_folder(&file.join("new")).is_err(), "a file is no folder");
        assert!(check_file(&file).is_ok() && check_file(&folder.join("new")).is_ok());
        assert!(check_file(&within).is_err(), "a folder is no file");
        assert_eq!(fs::read_to_string(&file).ok().as_deref(), Some("mine"));
        fs::remove_dir_all(folder).expect("it was made here");
    }
}
