//! The file of an upload.

use jackfield::ConnectionId;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// A file that is removed if it is not kept.
pub(crate) struct Upload {
    path: PathBuf,
    file: Option<File>,
    pub(crate) written: usize,
    is_kept: bool,
}

impl Upload {
    /// With a name of ours, which no other upload has: the client's is only that of a topic.
    pub(crate) fn new(folder: &Path, id: ConnectionId) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        Self { path: folder.join(format!("{now}-{id}")), file: None, written: 0, is_kept: false }
    }

    /// The first part makes the file.
    pub(crate) fn append(mut self, part: &[u8]) -> io::Result<Self> {
        let file = self.file.take().map_or_else(|| File::create_new(&self.path), Ok)?;
        self.file.insert(file).write_all(part)?;
        self.written += part.len();
        Ok(self)
    }

    /// Keeps the file, and returns the text for the client.
    pub(crate) fn keep(mut self) -> String {
        self.is_kept = true;
        format!("{} bytes in {:?}\n", self.written, self.path)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.file.is_some() && !self.is_kept {
            // If that fails, the operator finds a file that nobody was told of.
            let _ = fs::remove_file(&self.path);
        }
    }
}
