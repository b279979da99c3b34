//! The list of extensions in a handshake (RFC 6455, section 9.1).

use crate::chars::is_token_byte;

/// An extension that a peer names, with its parameters. Its grammar was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'b> {
    text: &'b str,
}

impl<'b> Extension<'b> {
    /// The extension as it was sent, without the spaces around it.
    #[must_use]
    pub const fn as_str(&self) -> &'b str {
        self.text
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &'b str {
        token(self.text).unwrap_or_default().0
    }

    /// The parameters in order: names, and values of those that have one. The quotes around a value are removed; backslashes
    /// in it stay, because no registered parameter needs them.
    pub fn params(&self) -> impl Iterator<Item = (&'b str, Option<&'b str>)> + use<'b> {
        let mut rest = token(self.text).unwrap_or_default().1;
        std::iter::from_fn(move || {
            let (name, value, behind) = param(rest)?;
            rest = behind;
            Some((name, value))
        })
    }
}

/// The extensions in one value of the field, which was checked before.
pub(super) fn extensions(value: &str) -> impl Iterator<Item = Extension<'_>> + Clone {
    let mut rest = value;
    std::iter::from_fn(move || {
        let (extension, behind) = first(rest)?;
        rest = behind;
        Some(extension)
    })
}

/// Whether a value of the field is a list of extensions. Empty elements may be among them (RFC 9110, section 5.6.1).
pub(super) fn is_list(value: &str) -> bool {
    let mut rest = skip_commas(value);
    while let Some((_, behind)) = first(rest) {
        rest = behind;
    }
    skip_commas(rest).is_empty()
}

/// The extension at the front, and what follows it. `None` if there is none, or none that ends where one may.
fn first(value: &str) -> Option<(Extension<'_>, &str)> {
    let list = skip_commas(value);
    let (_, mut rest) = token(list)?;
    let mut end = list.len() - rest.len();
    while let Some((_, _, behind)) = param(rest) {
        rest = behind;
        end = list.len() - rest.len();
    }
    let rest = blank(rest);
    (rest.is_empty() || rest.starts_with(',')).then_some((Extension { text: &list[..end] }, rest))
}

/// The parameter at the front, semicolon included: its name, its value, and what follows.
fn param(text: &str) -> Option<(&str, Option<&str>, &str)> {
    let (name, rest) = token(blank(blank(text).strip_prefix(';')?))?;
    match blank(rest).strip_prefix('=') {
        Some(rest) => {
            let rest = blank(rest);
            let (value, rest) = if rest.starts_with('"') { quoted(rest)? } else { token(rest)? };
            Some((name, Some(value), rest))
        }
        None => Some((name, None, rest)),
    }
}

/// The quoted string at the front, without its quotes, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut is_escaped = false;
    let end = inner.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    })?;
    Some((&inner[..end], &inner[end + 1..]))
}

/// The token at the front, and what follows it.
fn token(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().position(|byte| !is_token_byte(byte)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn blank(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

fn skip_commas(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', ','])
}
