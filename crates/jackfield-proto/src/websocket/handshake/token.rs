//! Lists of tokens (RFC 9110, section 5.6).

use crate::chars::is_token_name;

/// The elements of a list with commas. Empty ones are left out, as RFC 9110 wants of a receiver.
pub(super) fn elements(value: &str) -> impl Iterator<Item = &str> + Clone {
    value.split(',').map(trim).filter(|element| !element.is_empty())
}

/// Whether a field's value is a list with commas that has this token, without regard to case.
pub(super) fn has(value: &[u8], token: &str) -> bool {
    value_as_str(value)
        .is_some_and(|value| elements(value).any(|element| element.eq_ignore_ascii_case(token)))
}

/// Whether these are tokens, and no two the same. The list is as long as a client likes to make it, so the pairs are
/// not tried one by one.
pub(super) fn are_different<'p>(protocols: impl Iterator<Item = &'p str>) -> bool {
    let mut sorted: Vec<&str> = protocols.collect();
    sorted.sort_unstable();
    sorted.iter().all(|protocol| is_token_name(protocol.as_bytes()))
        && sorted.windows(2).all(|pair| pair[0] != pair[1])
}

/// A field's value as text without the blanks around it; `None` if it is not visible ASCII, blanks and tabs.
pub(super) fn value_as_str(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    text.bytes().all(is_value_byte).then(|| trim(text))
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn is_value_byte(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~')
}
