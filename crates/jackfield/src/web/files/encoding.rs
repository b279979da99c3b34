//! Compressed files beside the original.

use super::version::Version;
use crate::message::quality;
use jackfield_proto::http1::Request;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// An encoding, and the extension of its files.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Encoding {
    /// The first is sent.
    names: &'static [&'static str],
    ending: &'static str,
}

/// The best first.
const ENCODINGS: [Encoding; 3] = [
    Encoding { names: &["br"], ending: ".br" },
    Encoding { names: &["zstd"], ending: ".zst" },
    Encoding { names: &["gzip", "x-gzip"], ending: ".gz" },
];

impl Encoding {
    pub(super) fn name(&self) -> &'static str {
        self.names[0]
    }

    /// The file beside another that has this encoding.
    pub(super) fn beside(&self, path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(self.ending);
        name.into()
    }
}

/// The version of a file's folder, if nothing stands beside the file that could be a compressed neighbour. As long as the folder has
/// this version, nothing does.
pub(super) fn without_neighbours(path: &Path) -> Option<Version> {
    let folder = Version::at_once(path.parent()?)?.once_settled()?;
    let is_missing =
        |path: PathBuf| fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound);
    ENCODINGS.iter().all(|encoding| is_missing(encoding.beside(path))).then_some(folder)
}

/// The encodings that the client accepts, in our order. One that it only accepts by `*` is not sent.
pub(super) fn accepted(request: &Request<'_>) -> Vec<&'static Encoding> {
    let takes = |encoding: &&Encoding| quality(request, encoding.names).is_some_and(|weight| weight > 0.0);
    ENCODINGS.iter().filter(takes).collect()
}
