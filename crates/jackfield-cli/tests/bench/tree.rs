//! Whether a page is well-formed: each element that begins ends, in order, and nothing comes from elsewhere.

/// Elements that have no end.
const VOID: [&str; 1] = ["meta"];
const DOCTYPE: &str = "<!DOCTYPE html>";

/// Panics with the place if it is not.
pub(crate) fn check(page: &str) {
    assert!(page.starts_with(DOCTYPE));
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page.strip_prefix(DOCTYPE).unwrap_or_default();
    while let Some((text, tail)) = rest.split_once('<') {
        assert!(!text.contains('>') || open.last() == Some(&"style"), "a bare `>` in {text:?}");
        let (tag, after) = tail.split_once('>').expect("a tag ends");
        rest = after;
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "<{tag}>");
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "before {:?}", &rest[..rest.len().min(60)]);
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest:?}");
    for foreign in ["<script", "src=", "href=", "NaN", "inf "] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("<svg") || page.contains("not one operation"), "there is a plot");
}
