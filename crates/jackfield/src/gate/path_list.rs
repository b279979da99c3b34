//! Lists of paths: those that are served even under overload, and those at which a WebSocket may begin.

/// A list of paths. A path that ends with `/` stands for itself, with or without that `/`, and all paths below it: `/` for
/// all paths. `{name}` and `{*name}` are parameters, as in a router.
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
            None => fits(reserved, path),
        })
    }
}

/// Whether a path fits a pattern: `{name}` stands for the rest of a segment, `{*name}` for the rest of the path. Neither is
/// empty. Doubled braces stand for braces.
fn fits(pattern: &str, path: &str) -> bool {
    let Some(at) = pattern.find(['{', '}']) else { return path == pattern };
    let (before, parameter) = pattern.split_at(at);
    let Some(rest) = path.strip_prefix(before) else { return false };
    if let Some(brace) = ["{{", "}}"].into_iter().find(|brace| parameter.starts_with(brace)) {
        return rest.strip_prefix(&brace[1..]).is_some_and(|rest| fits(&parameter[2..], rest));
    }
    let Some((name, after)) = parameter.strip_prefix('{').and_then(|named| named.split_once('}')) else {
        return path == pattern;
    };
    let end = if name.starts_with('*') { rest.len() } else { rest.find('/').unwrap_or(rest.len()) };
    end > 0 && fits(after, &rest[end..])
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
            ("/a/{x}", "/a/b", true),
            ("/a/{x}", "/a/", false),
            ("/a/{x}", "/a/b/c", false),
            ("/a/{x}/c", "/a/b/c", true),
            ("/a/{x}/c", "/a/b/d", false),
            ("/a/v{x}", "/a/v1", true),
            ("/a/v{x}", "/a/v", false),
            ("/a/{x}/{*y}", "/a/b/c/d", true),
            ("/a/{*y}", "/a/", false),
            ("/a/{{x}}", "/a/{x}", true),
            ("/a/{{x}}", "/a/b", false),
            ("/a/{x", "/a/{x", true),
            ("/a/x}", "/a/x}", true),
        ] {
            assert_eq!(PathList(vec![reserved.into()]).contains(path), expected, "{reserved} {path}");
        }
    }
}
