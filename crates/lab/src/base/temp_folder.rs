//! A folder for files of a run.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, io};

/// A folder of this process. It is removed, with its files, when this is dropped.
#[derive(Debug)]
pub(crate) struct TempFolder(PathBuf);

impl TempFolder {
    /// A new one, with a number behind this name.
    ///
    /// # Errors
    /// It can't be made.
    pub(crate) fn new(name: &str) -> io::Result<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("jackfield-{name}-{}-{number}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        // If that fails, the system cleans up the temporary directory.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_removed_with_its_files() {
        let folder = TempFolder::new("temp-folder").unwrap();
        let path = folder.path().to_owned();
        fs::write(path.join("a"), "b").unwrap();
        assert_ne!(TempFolder::new("temp-folder").unwrap().path(), path);
        drop(folder);
        assert!(!path.exists());
    }
}
