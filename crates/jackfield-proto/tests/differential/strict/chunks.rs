//! The chunked coding (RFC 9112 section 7.1).

use super::lines::{Input, is_tchar};
use super::{Rule, Stop, fields};
use crate::reading::Line;

/// `chunked-body = *chunk last-chunk trailer-section CRLF`, as the data and the trailers.
pub(super) fn read(input: &mut Input<'_>) -> Result<(Vec<u8>, Vec<Line>), Stop> {
    let mut body = Vec::new();
    loop {
        let size = size_line(input.line()?)?;
        if size == 0 {
            return Ok((body, fields::section(input)?));
        }
        body.extend_from_slice(input.take(size)?);
        match input.take(1)? {
            b"\r" => {}
            _ => return Err(Stop::Refused(Rule::ChunkEnd)),
        }
        match input.take(1)? {
            b"\n" => {}
            _ => return Err(Stop::Refused(Rule::ChunkEnd)),
        }
    }
}

/// `chunk-size [ chunk-ext ]`. As with lengths, there is no largest size in the grammar.
fn size_line(line: &[u8]) -> Result<u128, Stop> {
    let end = line.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(line.len());
    if end == 0 {
        return Err(Stop::Refused(Rule::ChunkSize));
    }
    let digits = line[..end].iter().map(|byte| u128::from(char::from(*byte).to_digit(16).unwrap_or(0)));
    let size = digits.fold(0, |sum: u128, digit| sum.saturating_mul(16).saturating_add(digit));
    extensions(&line[end..])?;
    Ok(size)
}

/// `chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )`.
fn extensions(text: &[u8]) -> Result<(), Stop> {
    let mut rest = text;
    while !rest.is_empty() {
        let [b';', behind @ ..] = skip_space(rest) else { return Err(Stop::Refused(Rule::ChunkExtension)) };
        rest = token(skip_space(behind))?;
        if let [b'=', value @ ..] = skip_space(rest) {
            rest = match skip_space(value) {
                [b'"', quoted @ ..] => quoted_string(quoted)?,
                value => token(value)?,
            };
        }
    }
    Ok(())
}

/// Bad white space, which must be parsed and dropped (RFC 9110 section 5.6.3).
fn skip_space(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(text.len());
    &text[end..]
}

/// What follows a token.
fn token(text: &[u8]) -> Result<&[u8], Stop> {
    match text.iter().position(|byte| !is_tchar(*byte)).unwrap_or(text.len()) {
        0 => Err(Stop::Refused(Rule::ChunkExtension)),
        end => Ok(&text[end..]),
    }
}

/// What follows a quoted string (RFC 9110 section 5.6.4) whose first quote was read.
fn quoted_string(text: &[u8]) -> Result<&[u8], Stop> {
    let mut rest = text;
    loop {
        rest = match rest {
            [b'"', behind @ ..] => return Ok(behind),
            [b'\\', b'\t' | b' '..=b'~' | 0x80..=0xff, rest @ ..]
            | [b'\t' | b' ' | b'!' | b'#'..=b'[' | b']'..=b'~' | 0x80..=0xff, rest @ ..] => rest,
            _ => return Err(Stop::Refused(Rule::ChunkExtension)),
        }
    }
}
