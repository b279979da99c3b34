//! Examples are read from their beginning to their end, so they are short.

use std::fs;
use std::path::Path;

/// Examples, and how many lines of code they may have, with what is in a folder of their name.
const CODE_LINES_MAX: [(&str, usize); 12] = [
    ("gate", 60),
    ("banner", 60),
    ("heartbeat", 60),
    ("upload", 60),
    ("testing", 60),
    ("rest", 60),
    ("files", 60),
    ("metrics", 60),
    ("embedded_loop", 60),
    ("ticker", 60),
    ("bridge", 60),
    ("proxy", 125),
];

/// Lines of code: without comments, the page, blank lines and tests.
fn code_lines(source: &str) -> usize {
    let (mut count, mut is_page) = (0, false);
    for line in source.lines().take_while(|line| *line != "#[cfg(test)]").map(str::trim) {
        is_page |= line.starts_with("const PAGE");
        count += usize::from(!is_page && !line.is_empty() && !line.starts_with("//"));
        is_page &= !line.ends_with("\"#;") && !line.contains("include_str!");
    }
    count
}

#[test]
fn examples_are_short() {
    for (name, most) in CODE_LINES_MAX {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
        let folder = fs::read_dir(&path).into_iter().flatten().map(|entry| entry.unwrap().path());
        let files = folder.chain([path.with_extension("rs")]);
        let lines: usize = files.map(|file| code_lines(&fs::read_to_string(file).unwrap())).sum();
        assert!((20..=most).contains(&lines), "{name} has {lines} lines of code, of {most}");
    }
}
