//! The parameters of a field's value (RFC 9110, section 5.6.6).

use std::borrow::Cow;

use crate::chars::is_token_byte;

/// The text before the parameters, such as a media type, and the parameters.
pub(super) fn split_params(value: &str) -> (&str, Params<'_>) {
    let (first, rest) = value.split_at(value.find(';').unwrap_or(value.len()));
    (first.trim_matches(BLANKS), Params { rest })
}

/// Names and values. The iterator ends at the first malformed one; [`is_over`](Self::is_over) is then false.
pub(super) struct Params<'b> {
    rest: &'b str,
}

impl<'b> Params<'b> {
    /// The value of the parameter of this name. `Err` if it comes twice, or if anything is malformed.
    pub(super) fn single(mut self, name: &str) -> Result<Option<Cow<'b, str>>, ()> {
        let mut found = None;
        for (given, value) in self.by_ref() {
            if given.eq_ignore_ascii_case(name) && found.replace(value).is_some() {
                return Err(());
            }
        }
        if self.is_over() { Ok(found) } else { Err(()) }
    }

    fn is_over(&self) -> bool {
        self.rest.trim_start_matches(EMPTY).is_empty()
    }
}

impl<'b> Iterator for Params<'b> {
    type Item = (&'b str, Cow<'b, str>);

    fn next(&mut self) -> Option<Self::Item> {
        // A parameter may be left out between two semicolons.
        let rest = self.rest.trim_start_matches(BLANKS).strip_prefix(';')?.trim_start_matches(EMPTY);
        let (name, rest) = token(rest)?;
        let rest = rest.strip_prefix('=')?;
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_value(quoted)?,
            None => token(rest).map(|(value, rest)| (Cow::Borrowed(value), rest))?,
        };
        self.rest = rest;
        Some((name, value))
    }
}

/// A value up to its closing quote, and what follows that. A backslash escapes only a quote or a backslash, because some
/// clients send file names with a path in which backslashes are not escaped.
fn quoted_value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let (mut end, mut is_escaped, mut has_escapes) = (None, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' if !is_escaped => {
                end = Some(at);
                break;
            }
            b'"' | b'\\' if is_escaped => (is_escaped, has_escapes) = (false, true),
            _ => is_escaped = byte == b'\\',
        }
    }
    let (value, rest) = (&text[..end?], &text[end? + 1..]);
    let value = if has_escapes { Cow::Owned(unescape(value)) } else { Cow::Borrowed(value) };
    Some((value, rest))
}

fn unescape(value: &str) -> String {
    let (mut text, mut rest) = (String::with_capacity(value.len()), value);
    while let Some(at) = rest.find('\\') {
        let is_escape = matches!(rest.as_bytes().get(at + 1), Some(b'"' | b'\\'));
        let from = if is_escape { at + 1 } else { at };
        // The character after it is copied with it, so that an escaped backslash begins no escape.
        text.push_str(&rest[..at]);
        text.push_str(&rest[from..=from]);
        rest = &rest[from + 1..];
    }
    text.push_str(rest);
    text
}

/// The token at the front, and what follows it.
fn token(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().position(|byte| !is_token_byte(byte)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

const BLANKS: [char; 2] = [' ', '\t'];
const EMPTY: [char; 3] = [' ', '\t', ';'];
