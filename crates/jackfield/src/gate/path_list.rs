//! Lists of paths: those that are served even under overload, and those at which a WebSocket may begin.

/// A list of paths. A path that ends with `/` stands for itself, with or without that `/`, and all paths below it: `/` for
/// all paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PathList(pub(crate) Vec<String>);

impl PathList {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True if the list has this path.
    pub(crate) fn contains(&self, path: &str) -> bool {
        self.0.iter().any(|reserved| match reserved.strip_suffix('/') {
            Some(above) => {
                path.strip_prefix(above).is_some_and(|below| below.is_empty() || below.starts_with('/'))
            }
            None => path == reserved,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fault: `/` was the one path, and not all.
    #[test]
    fn a_path_that_ends_with_a_slash_stands_for_all_below_it() {
        for (reserved, path, expected) in [
            ("/a", "/a", true),
            ("/a", "/a/", false),
            ("/a", "/a/b", false),
            ("/a/", "/a", true),
            ("/a/", "/a/", true),
            ("/a/", "/a/b/c", true),
            ("/a/", "/ab", false),
            ("/a/", "/", false),
            ("/", "/", true),
            ("/", "/a", true),
            ("/", "/a/b", true),
            // OPTIONS may ask for the server itself.
            ("/", "*", false),
        ] {
            assert_eq!(PathList(vec![reserved.into()]).contains(path), expected, "{reserved} {path}");
        }
    }
}
