//! From the path of a request to one below a folder.

use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use std::path::PathBuf;

/// The requested path, relative to the folder. `None`: it leaves the folder, or is not allowed.
pub(super) fn relative(path: &str, hidden: bool) -> Option<PathBuf> {
    let inner = path.strip_prefix('/').unwrap_or(path);
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    if inner.is_empty() {
        // A second slash is an empty segment.
        return (path.len() <= 1).then(PathBuf::new);
    }
    let mut relative = PathBuf::new();
    for segment in inner.split('/') {
        relative.push(&*name(segment, hidden)?);
    }
    Some(relative)
}

/// The name of a file or folder that a segment of a path stands for. `None`: it is not allowed, or no file has it. An encoded
/// slash is a character of its segment, and separates nothing (RFC 3986 section 2.4).
fn name(segment: &str, hidden: bool) -> Option<Cow<'_, str>> {
    let name = percent_decode_str(segment).decode_utf8().ok()?;
    let is_hidden = name.starts_with('.') && !hidden;
    let climbs = matches!(&*name, "" | "." | "..");
    let is_good = !climbs && !is_hidden && !name.contains(['\0', '\\', '/']) && !is_device(&name);
    is_good.then_some(name)
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
            // It was the file `b` in `a`, past the rules for `/a/`.
            ("/a%2Fb", None),
            ("/a%2fb", None),
            ("/a/b%2F", None),
            ("%2Fa", None),
            ("/a%252Fb", Some("a%2Fb")),
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
