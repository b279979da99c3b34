//! How long a request's body is, and whether another request follows (RFC 9112 sections 6.3 and 9.3).

use super::lines::trim;
use super::{Rule, Stop};
use crate::reading::Seen;

pub(super) enum Frame {
    None,
    Length(u128),
    Chunked,
}

pub(super) fn of(seen: &Seen) -> Result<Frame, Stop> {
    let (codings, lengths) = (seen.values("transfer-encoding"), seen.values("content-length"));
    // What follows a CONNECT belongs to the tunnel (RFC 9110 section 9.3.6).
    let is_connect = seen.method == "CONNECT";
    match (&codings[..], &lengths[..]) {
        ([], []) => Ok(Frame::None),
        ([], lengths) => {
            length(lengths).map(|bytes| if is_connect { Frame::None } else { Frame::Length(bytes) })
        }
        (_, []) if seen.minor == 0 => Err(Stop::Refused(Rule::CodingInHttp10)),
        (_, []) => chunked(&codings).map(|()| if is_connect { Frame::None } else { Frame::Chunked }),
        (_, _) => Err(Stop::Refused(Rule::LengthAndCoding)),
    }
}

/// `Content-Length = 1*DIGIT` (RFC 9110 section 8.6). There is no largest number in the grammar; one that no machine
/// can count is a body that never ends.
fn length(values: &[&[u8]]) -> Result<u128, Stop> {
    let elements: Vec<&[u8]> =
        values.iter().flat_map(|value| value.split(|byte| *byte == b',')).map(trim).collect();
    let numbers: Vec<u128> = elements.iter().map(|digits| decimal(digits)).collect::<Result<_, _>>()?;
    match numbers[..] {
        [number] => Ok(number),
        [first, ref others @ ..] if others.iter().all(|other| *other == first) => {
            Err(Stop::Refused(Rule::LengthTwice))
        }
        _ => Err(Stop::Refused(Rule::Length)),
    }
}

/// `1*DIGIT`.
fn decimal(digits: &[u8]) -> Result<u128, Stop> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Stop::Refused(Rule::Length));
    }
    let add = |sum: u128, digit: &u8| sum.saturating_mul(10).saturating_add(u128::from(digit - b'0'));
    Ok(digits.iter().fold(0, add))
}

/// `Transfer-Encoding = #transfer-coding` (RFC 9112 section 6.1): only the chunked coding is known here, and it must
/// be the last, and stand once. Empty elements of a list count for nothing (RFC 9110 section 5.6.1.2).
fn chunked(values: &[&[u8]]) -> Result<(), Stop> {
    let elements = values.iter().flat_map(|value| value.split(|byte| *byte == b',')).map(trim);
    let codings: Vec<String> =
        elements.filter(|one| !one.is_empty()).map(|one| one.escape_ascii().to_string()).collect();
    let is_chunked = |coding: &String| coding.eq_ignore_ascii_case("chunked");
    match codings.split_last() {
        Some((last, [])) if is_chunked(last) => Ok(()),
        Some((last, _)) if last.to_ascii_lowercase().starts_with("chunked;") => {
            Err(Stop::Refused(Rule::CodingParameter))
        }
        Some((last, before)) if is_chunked(last) && before.iter().any(is_chunked) => {
            Err(Stop::Refused(Rule::ChunkedTwice))
        }
        Some((last, _)) if is_chunked(last) => Err(Stop::Refused(Rule::OtherCoding)),
        _ => Err(Stop::Refused(Rule::ChunkedNotLast)),
    }
}

/// Whether the connection persists: `close` ends it, HTTP/1.1 keeps it, HTTP/1.0 keeps it with `keep-alive`.
pub(super) fn persists(seen: &Seen) -> bool {
    let values = seen.values("connection");
    let options: Vec<&[u8]> =
        values.iter().flat_map(|value| value.split(|byte| *byte == b',')).map(trim).collect();
    let has = |name: &[u8]| options.iter().any(|option| option.eq_ignore_ascii_case(name));
    !has(b"close") && (seen.minor > 0 || has(b"keep-alive"))
}
