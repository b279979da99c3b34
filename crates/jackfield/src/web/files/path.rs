//! From the path of a request to one below a folder.

use percent_encoding::percent_decode_str;
use std::path::PathBuf;

/// The requested path, relative to the folder. `None`: it leaves the folder, or is not allowed.
pub(super) fn relative(path: &str, hidden: bool) -> Option<PathBuf> {
    let decoded = percent_decode_str(path).decode_utf8().ok()?;
    let inner = decoded.strip_prefix('/').unwrap_or(&decoded);
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    if inner.is_empty() {
        // A second slash is an empty segment.
        return (decoded.len() <= 1).then(PathBuf::new);
    }
    let is_good = |segment: &str| {
        let is_hidden = segment.starts_with('.') && !hidden;
        let climbs = matches!(segment, "" | "." | "..");
        !climbs && !is_hidden && !segment.contains(['\0', '\\']) && !is_device(segment)
    };
    inner.split('/').all(is_good).then(|| inner.split('/').collect())
}

/// Names that are devices in every folder on Windows, with any extension, and alternate streams of a file.
fn is_device(segment: &str) -> bool {
    if !cfg!(windows) {
        return false;
    }
    let name = segment.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let numbered = |kind: &str| name.strip_prefix(kind).is_some_and(|number| number.chars().count() == 1);
    segment.contains(':')
        || segment.ends_with(['.', ' '])
        || matches!(&*name, "CON" | "PRN" | "AUX" | "NUL")
        || numbered("COM")
        || numbered("LPT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h11_paths_that_leave_the_folder_are_invalid() {
        for (path, expected) in [
            ("/", Some("")),
            ("", Some("")),
            ("/a", Some("a")),
            ("a/b", Some("a/b")),
            ("/a/b/", Some("a/b")),
            ("/a%20b", Some("a b")),
            ("/%C3%A9", Some("é")),
            ("/a..b", Some("a..b")),
            ("//", None),
            ("//a", None),
            ("/a//b", None),
            ("/a//", None),
            ("/..", None),
            ("/a/../b", None),
            ("/%2e%2e/b", None),
            ("/.%2E/b", None),
            ("/a/./b", None),
            ("/%2Fetc", None),
            ("/a%2F..%2Fb", None),
            ("/a%00", None),
            ("/a%5C..%5Cb", None),
            ("/.git/config", None),
            // Overlong encodings of a dot and a slash.
            ("/%C0%AE%C0%AE/b", None),
            ("/%C0%AFetc", None),
            ("/%FF", None),
        ] {
            assert_eq!(relative(path, false), expected.map(PathBuf::from), "{path}");
        }
        assert_eq!(relative("/.git", true), Some(".git".into()));
        assert_eq!(relative("/..", true), None);
    }
}
