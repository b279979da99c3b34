//! Lists of paths: those that are served even under overload, and those at which a WebSocket may begin.

/// A list of paths. A path that ends with `/` stands for itself, with or without that `/`, and all paths below it: `/` for
/// all paths. After a `=` it stands for itself alone. `{name}` and `{*name}` are parameters, as in a router: one in a segment
/// at most ([`PathList::crowded`]). What stands behind a `!` is not in the list, if nothing before it has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PathList(pub(crate) Vec<String>);

impl PathList {
    /// Whether no path is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|listed| listed.starts_with(EXCEPT))
    }

    /// The paths that are refused because they have two parameters in one segment: every length of the first would be tried with every
    /// length of the second, so the time would grow faster than the path of a request.
    pub(crate) fn crowded(paths: &[String]) -> impl Iterator<Item = &String> {
        paths.iter().filter(|path| is_crowded(path))
    }

    /// Those that are no paths.
    pub(crate) fn malformed(paths: &[String]) -> impl Iterator<Item = &String> {
        let path = |listed| without(EXACT, without(EXCEPT, listed));
        paths.iter().filter(move |listed| !path(listed).starts_with('/'))
    }

    /// True if the list has this path: the first entry for it decides.
    pub(crate) fn contains(&self, path: &str) -> bool {
        let first = self.0.iter().find(|listed| stands_for(without(EXCEPT, listed), path));
        first.is_some_and(|listed| !listed.starts_with(EXCEPT))
    }
}

/// Begins a path that stands for itself alone, even if it ends with `/`.
pub(crate) const EXACT: char = '=';
/// Begins a path that the list does not have, before [`EXACT`] if both are there.
pub(crate) const EXCEPT: char = '!';

fn without(mark: char, listed: &str) -> &str {
    listed.strip_prefix(mark).unwrap_or(listed)
}

/// Whether an entry of a list is about this path.
fn stands_for(listed: &str, path: &str) -> bool {
    match (listed.strip_prefix(EXACT), listed.strip_suffix('/')) {
        (Some(exact), _) => fits(exact, path, &str::is_empty),
        (None, Some(above)) => fits(above, path, &|below| below.is_empty() || below.starts_with('/')),
        (None, None) => fits(listed, path, &str::is_empty),
    }
}

/// Whether a path fits a pattern, and what is left of it is an end: `{name}` stands for a part of a segment, as long as can
/// be, `{*name}` for the rest of the path. Neither is empty. Doubled braces stand for braces.
fn fits(pattern: &str, path: &str, is_end: &dyn Fn(&str) -> bool) -> bool {
    let literal = || path.strip_prefix(pattern).is_some_and(is_end);
    let Some(at) = pattern.find(['{', '}']) else { return literal() };
    let (before, parameter) = pattern.split_at(at);
    if let Some(brace) = ["{{", "}}"].into_iter().find(|brace| parameter.starts_with(brace)) {
        let rest = path.strip_prefix(before).and_then(|rest| rest.strip_prefix(&brace[1..]));
        return rest.is_some_and(|rest| fits(&parameter[2..], rest, is_end));
    }
    let Some((name, after)) = parameter.strip_prefix('{').and_then(|named| named.split_once('}')) else {
        return literal();
    };
    let Some(rest) = path.strip_prefix(before) else { return false };
    if name.starts_with('*') {
        return !rest.is_empty();
    }
    let segment_end = rest.find('/').unwrap_or(rest.len());
    let mut ends = (1..=segment_end).rev().filter(|end| rest.is_char_boundary(*end));
    ends.any(|end| fits(after, &rest[end..], is_end))
}

/// Whether there is no `/` between two parameters.
fn is_crowded(pattern: &str) -> bool {
    let pattern = pattern.replace("{{", "").replace("}}", "");
    let parameters = pattern.split_once('{').map_or("", |(_, parameters)| parameters);
    // All but the last: its name, and what is between it and the next.
    let mut others = parameters.rsplit('{').skip(1);
    others.any(|other| other.split_once('}').is_some_and(|(_, between)| !between.contains('/')))
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
            ("/a/{x}/", "/a/b", true),
            ("/a/{x}/", "/a/b/", true),
            ("/a/{x}/", "/a/b/c", true),
            ("/a/{x}/", "/a/", false),
            ("/a/{x}/", "/a", false),
            ("/a/{{x}}/", "/a/{x}/b", true),
            ("/a/{x}.json", "/a/b.json", true),
            ("/a/{x}.json", "/a/b.json.json", true),
            ("/a/{x}.json", "/a/.json", false),
            ("/a/{x}.json", "/a/b.xml", false),
            ("/a/{x}.json", "/a/b/c.json", false),
            ("/a/{x}.json/{*y}", "/a/b.json/c", true),
            ("/a/é{x}é", "/a/ébcé", true),
            ("=/a/", "/a/", true),
            ("=/a/", "/a", false),
            ("=/a/", "/a/b", false),
            ("=/", "/", true),
            ("=/", "/a", false),
            ("=/{x}/", "/a/", true),
            ("=/{x}/", "/a/b", false),
            ("/a/{x", "/a/{x", true),
            ("/a/x}", "/a/x}", true),
        ] {
            assert_eq!(PathList(vec![reserved.into()]).contains(path), expected, "{reserved} {path}");
        }
    }

    #[test]
    fn i401_the_first_that_stands_for_a_path_decides() {
        for (list, path, expected) in [
            (&["!/a", "/{x}"][..], "/a", false),
            (&["!/a", "/{x}"], "/b", true),
            (&["/{x}", "!/a"], "/a", true),
            (&["!/a"], "/b", false),
            (&["!/a/", "/"], "/a/b", false),
            (&["!=/a/", "/"], "/a/", false),
            (&["!=/a/", "/"], "/a/b", true),
            (&["=/a/b", "!/a/", "/"], "/a/b", true),
            (&["!/a/{x}.j", "/a/{x}"], "/a/b.j", false),
            (&["!/a/{x}.j", "/a/{x}"], "/a/b", true),
        ] {
            let list = PathList(list.iter().copied().map(str::to_owned).collect());
            assert_eq!(list.contains(path), expected, "{list:?} {path}");
        }
    }

    #[test]
    fn i430_a_list_of_exceptions_has_no_path() {
        for (listed, expected) in [(&[][..], true), (&["!/a"], true), (&["!/a", "/"], false)] {
            assert_eq!(PathList(listed.iter().map(|path| (*path).into()).collect()).is_empty(), expected);
        }
    }

    #[test]
    fn a_path_begins_with_a_slash() {
        let paths = ["/a", "=/a", "!/a", "!=/a", "a", "", "=a", "!", "=!/a", "!!/a"].map(str::to_owned);
        assert_eq!(PathList::malformed(&paths).collect::<Vec<_>>(), ["a", "", "=a", "!", "=!/a", "!!/a"]);
    }

    #[test]
    fn i355_two_parameters_in_a_segment_are_found() {
        for (path, expected) in [
            ("/", false),
            ("/{a}", false),
            ("/{a}/{b}/x{c}y/{*d}", false),
            ("/{a}{b}", true),
            ("/{a}-{b}", true),
            ("/x/{a}.{b}/y", true),
            ("=/{a}{*b}", true),
            ("/{a}/{b}{c}", true),
            ("/{a/b}{c/d}", true),
            ("/{a/b}/{c/d}", false),
            ("/{{a}}{b}", false),
            ("/{a}{{b}}", false),
            ("/{a}{{{b}", true),
            ("/{a}}}{b}", true),
            // No parameters: these stand for themselves.
            ("/{a{b", false),
            ("/a}{b", false),
        ] {
            assert_eq!(is_crowded(path), expected, "{path}");
        }
    }
}
