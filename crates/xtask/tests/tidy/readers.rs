//! Small readers of Rust, TOML and Markdown: as much of each as the rules need, and no more.

use std::collections::BTreeMap;

/// The lines of a text with their numbers, from one.
pub(crate) fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

pub(crate) fn squeeze(line: &str) -> String {
    line.chars().filter(|c| !c.is_whitespace()).collect()
}

/// The text between the first pair of quotation marks.
pub(crate) fn quoted(text: &str) -> Option<&str> {
    text.split('"').nth(1)
}

/// Whether `word` stands in `text` and is not part of a longer word.
pub(crate) fn contains_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(start, _)| {
        let (before, after) = (&text[..start], &text[start + word.len()..]);
        let begun_before = word.starts_with(is_word) && before.ends_with(is_word);
        let goes_on = word.ends_with(is_word) && after.starts_with(is_word);
        !begun_before && !goes_on
    })
}

/// Whether `path` begins in `text` where a path can begin. A path that ends in a separator is a folder, and something
/// in it must be named; another must end where it ends.
pub(crate) fn contains_absolute(text: &str, path: &str) -> bool {
    let of_path = |c: char| is_word(c) || matches!(c, '.' | '-' | '/' | '\\');
    let folder = path.ends_with(['/', '\\']);
    let mut places = text.match_indices(path).filter(|_| !path.is_empty());
    places.any(|(start, _)| {
        let (before, after) = (&text[..start], &text[start + path.len()..]);
        let begins = path.starts_with(':') || !before.ends_with(of_path);
        begins && folder == after.starts_with(is_word)
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The documentation in a Rust text, line for line.
pub(crate) fn documentation(text: &str) -> String {
    let line = |line: &str| {
        let line = line.trim_start();
        line.strip_prefix("//!").or(line.strip_prefix("///")).unwrap_or_default().trim_start().to_owned()
            + "\n"
    };
    text.lines().map(line).collect()
}

/// What the attributes `href` and `src` in a line of HTML name.
pub(crate) fn named_files(line: &str) -> impl Iterator<Item = &str> {
    let values = |name: &'static str| line.split(name).skip(1).filter_map(|rest| rest.split('"').next());
    values("href=\"").chain(values("src=\""))
}

/// The targets of the links in a Markdown text with their lines; code is left out.
pub(crate) fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (number, line) in numbered(text) {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        if fenced || fence {
            continue;
        }
        if let Some((_, target)) = line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")) {
            found.push((number, link_target(target)));
        }
        // What lies between two backticks is every second part.
        for prose in line.split('`').step_by(2) {
            let targets = prose.split("](").skip(1).map(|rest| rest.split(')').next().unwrap_or_default());
            found.extend(targets.map(|target| (number, link_target(target))));
        }
    }
    found
}

/// The names by which a page's headings can be linked to, as forges make them: in small letters, with `-` for blanks and
/// without punctuation; the second of the same name has `-1` behind it.
pub(crate) fn anchors(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    let mut fenced = false;
    for (_, line) in numbered(text) {
        fenced ^= line.trim_start().starts_with("```");
        let heading = line.trim_start_matches('#');
        if fenced || heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let name: String =
            kept.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect();
        let before = times.entry(name.clone()).or_default();
        found.push(if *before == 0 { name } else { format!("{name}-{before}") });
        *before += 1;
    }
    found
}

/// A target without its title and its pointed brackets.
fn link_target(text: &str) -> &str {
    let target = text.split_whitespace().next().unwrap_or_default();
    target.trim_start_matches('<').trim_end_matches('>')
}

/// The path from the root that `path`, written in a file of `folder`, means; nothing if it leaves the repository.
pub(crate) fn resolve(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    /// The line of its name.
    pub(crate) line: usize,
    /// From there to the brace that closes it, both included.
    pub(crate) lines: usize,
}

/// The functions in Rust that [`blank`] has gone over, those inside of others included.
pub(crate) fn functions(code: &str) -> Vec<Function<'_>> {
    let mut found = Vec::new();
    for (start, keyword) in code.match_indices("fn ") {
        if code[..start].ends_with(is_word) {
            continue;
        }
        let rest = &code[start + keyword.len()..];
        let name = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
        let Some(length) = end_of_body(rest) else { continue };
        let line = code[..start].matches('\n').count() + 1;
        found.push(Function { name, line, lines: rest[..length].matches('\n').count() + 1 });
    }
    found
}

/// Where the body of a function ends, counted from its name; nothing if it has none.
fn end_of_body(code: &str) -> Option<usize> {
    let mut brackets = 0_i32;
    let mut braces = 0_i32;
    for (index, c) in code.char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            '{' => braces += 1,
            '}' => braces -= 1,
            _ => {}
        }
        match (c, braces, brackets) {
            ('}', 0, 0) => return Some(index + 1),
            // A declaration ends before a body begins.
            (';', 0, 0) | ('}', ..0, _) => return None,
            _ => {}
        }
    }
    None
}

/// Rust without its comments and the insides of its literals; the lines stay where they are.
pub(crate) fn blank(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if let Some(length) = comment(rest) {
            code.extend(rest[..length].matches('\n'));
            length
        } else if let Some(length) = literal(rest, code.ends_with(is_word)) {
            // The mark keeps apart what stands before and behind the literal.
            code.push('"');
            code.extend(rest[..length].matches('\n'));
            length
        } else {
            code.push(first);
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    code
}

/// The length of the comment with which `text` begins, if it does.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    let mut length = 0;
    let mut depth = 0;
    // Block comments nest.
    while text.starts_with("/*") && length < text.len() {
        let step = &text.as_bytes()[length..];
        let (opens, closes) = (step.starts_with(b"/*"), step.starts_with(b"*/"));
        length += if opens || closes { 2 } else { 1 };
        depth += i32::from(opens) - i32::from(closes);
        if depth == 0 {
            break;
        }
    }
    (length > 0).then_some(length)
}

/// The length of the string or character with which `text` begins, if it does. `in_word` tells whether a word ends
/// right before it: an `r` or a `b` is then a letter of that word and no prefix.
fn literal(text: &str, in_word: bool) -> Option<usize> {
    let letters = text.find(|c| !matches!(c, 'b' | 'c' | 'r')).filter(|_| !in_word).unwrap_or(0);
    let (prefix, rest) = text.split_at(letters);
    if let Some(inner) = rest.strip_prefix('\'') {
        return character(inner).map(|length| letters + 1 + length);
    }
    if !prefix.ends_with('r') {
        let inner = rest.strip_prefix('"')?;
        return Some(letters + 1 + escaped(inner, '"'));
    }
    let hashes = rest.bytes().take_while(|byte| *byte == b'#').count();
    let inner = rest[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = inner.find(&end).map_or(inner.len(), |index| index + end.len());
    Some(letters + hashes + 1 + length)
}

/// The length of a character and of the mark that ends it; nothing if this is a lifetime.
fn character(inner: &str) -> Option<usize> {
    let first = inner.chars().next()?;
    if first == '\\' {
        return Some(escaped(inner, '\''));
    }
    inner[first.len_utf8()..].starts_with('\'').then_some(first.len_utf8() + 1)
}

/// The length of the inside of a literal with escapes, and of the mark that ends it.
fn escaped(inner: &str, end: char) -> usize {
    let mut is_escaped = false;
    for (index, c) in inner.char_indices() {
        if c == end && !is_escaped {
            return index + 1;
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    inner.len()
}

#[test]
fn comments_and_literals_are_blank() {
    let cases = [
        ("a // b\nc", "a \nc"),
        ("a /* b /* c */\n d */ e", "a \n e"),
        ("f(\"a \\\" } b\\\\\")", "f(\")"),
        ("f(br#\"a \" } b\"#)", "f(\")"),
        ("f(r\"\\\")", "f(\")"),
        ("f('}', '\\'', b'{', 'é', '\"')", "f(\", \", \", \", \")"),
        ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
        ("r#type; xr \"}\"", "r#type; xr \""),
        ("\"a\nb\" c", "\"\n c"),
        ("a / b", "a / b"),
    ];
    for (text, code) in cases {
        assert_eq!(blank(text), code, "{text}");
    }
}

#[test]
fn functions_are_found_with_their_bodies() {
    let text = "trait T {\n    fn a(&self) -> [u8; 2];\n    fn b() {}\n}\n\nfn c<F: Fn(u8)>(f: F)\nwhere\n    \
                F: Copy,\n{\n    let g: fn(u8) = |x| {};\n    fn d() {\n    }\n}\n";
    let expected =
        [("b", 3, 1), ("c", 6, 8), ("d", 11, 2)].map(|(name, line, lines)| Function { name, line, lines });
    assert_eq!(functions(text), expected);
}
