//! Compressed files beside the original.

use super::version::Version;
use jackfield_proto::http1::Request;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// An encoding, and the extension of its files.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Encoding {
    pub(super) name: &'static str,
    ending: &'static str,
}

/// The best first.
const ENCODINGS: [Encoding; 3] = [
    Encoding { name: "br", ending: ".br" },
    Encoding { name: "zstd", ending: ".zst" },
    Encoding { name: "gzip", ending: ".gz" },
];

impl Encoding {
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

/// The encodings that the client accepts, in our order.
pub(super) fn accepted(request: &Request<'_>) -> Vec<&'static Encoding> {
    let takes = |name: &str| request.header_all("accept-encoding").any(|field| takes(field, name));
    ENCODINGS.iter().filter(|encoding| takes(encoding.name)).collect()
}

/// Whether a value of `Accept-Encoding` accepts this one (RFC 9110 section 12.5.3).
fn takes(field: &[u8], name: &str) -> bool {
    field.split(|byte| *byte == b',').any(|item| {
        let Ok(item) = std::str::from_utf8(item) else { return false };
        let (given, params) = item.split_once(';').unwrap_or((item, ""));
        let quality = params.trim().strip_prefix(['q', 'Q']).and_then(|weight| weight.strip_prefix('='));
        let quality = quality.map_or(Ok(1.0), str::parse::<f32>);
        given.trim().eq_ignore_ascii_case(name) && quality.is_ok_and(|quality| quality > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h11_encodings_are_taken_or_not() {
        for (field, gzip) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip;q=0.000", false),
            ("gzip;Q=0", false),
            ("gzip; Q=0.5", true),
            ("gzip; q=1", true),
            ("gzip;q=x", false),
            ("xgzip", false),
            ("", false),
        ] {
            assert_eq!(takes(field.as_bytes(), "gzip"), gzip, "{field}");
        }
    }
}
