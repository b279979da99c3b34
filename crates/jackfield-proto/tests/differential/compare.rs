//! Where two readers part.

use crate::reading::{End, Reading, Seen};
use crate::strict::Rule;

/// How a reader first departs from the strict one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It refuses a request that the strict reader takes.
    Stricter,
    /// It takes a request that the strict reader refuses.
    Laxer(Rule),
    /// Both take the request and read it differently.
    Otherwise,
    /// It refuses where the strict reader wants more bytes.
    Earlier,
    /// It wants more bytes where the strict reader refuses.
    Later(Rule),
    /// It wants more bytes where the strict reader has a whole request.
    Longer,
    /// It has a whole request where the strict reader wants more bytes, or a further one where that sees the end.
    Shorter,
}

/// A departure, with what the strict reader made of the request.
#[derive(Clone, Debug)]
pub(crate) struct Departure<'r> {
    pub(crate) kind: Kind,
    /// All that was read.
    pub(crate) bytes: &'r [u8],
    /// The number of the request.
    pub(crate) index: usize,
    /// Where it begins, going by the strict reader.
    pub(crate) start: usize,
    pub(crate) strict: Option<&'r Seen>,
    /// What the reader says of its refusal.
    pub(crate) fault: &'r str,
    /// What was read differently.
    pub(crate) differences: Vec<&'static str>,
}

/// The first departure of `other` from `strict`. After it the two may not even stand at the same byte.
pub(crate) fn first_departure<'r>(
    bytes: &'r [u8],
    strict: &'r Reading<Rule>,
    other: &'r Reading<String>,
) -> Option<Departure<'r>> {
    let mut start = 0;
    for index in 0.. {
        let (one, two) = (strict.requests.get(index), other.requests.get(index));
        let differences = one.zip(two).map(|(one, two)| one.differences(two)).unwrap_or_default();
        let kind = match (one, two) {
            (Some(_), Some(_)) if differences.is_empty() => None,
            (Some(_), Some(_)) => Some(Kind::Otherwise),
            (Some(_), None) => kind_without(&other.end),
            (None, Some(_)) => kind_beyond(&strict.end),
            (None, None) => kind_of_ends(&strict.end, &other.end),
        };
        if let Some(kind) = kind {
            let fault = match (kind, &other.end) {
                (Kind::Stricter | Kind::Earlier, End::Refused(fault)) => fault,
                _ => "",
            };
            return Some(Departure { kind, bytes, index, start, strict: one, fault, differences });
        }
        let (Some(one), Some(_)) = (one, two) else { return None };
        start = one.end.unwrap_or(start);
    }
    None
}

/// The strict reader has a request and the other has none.
fn kind_without(end: &End<String>) -> Option<Kind> {
    match end {
        End::Refused(_) => Some(Kind::Stricter),
        // What follows is no matter of HTTP for that reader.
        End::Tunnel => None,
        End::Idle | End::Head | End::Body | End::Closed => Some(Kind::Longer),
    }
}

/// The other reader has a request and the strict one has none.
fn kind_beyond(end: &End<Rule>) -> Option<Kind> {
    match end {
        End::Refused(rule) => Some(Kind::Laxer(*rule)),
        End::Tunnel => None,
        End::Idle | End::Head | End::Body | End::Closed => Some(Kind::Shorter),
    }
}

fn kind_of_ends(strict: &End<Rule>, other: &End<String>) -> Option<Kind> {
    match (strict, other) {
        (End::Tunnel, _) | (_, End::Tunnel) | (End::Refused(_), End::Refused(_)) => None,
        (End::Refused(rule), _) => Some(Kind::Later(*rule)),
        (_, End::Refused(_)) => Some(Kind::Earlier),
        (End::Body, End::Idle | End::Head) => Some(Kind::Shorter),
        (End::Idle | End::Head, End::Body) => Some(Kind::Longer),
        _ => None,
    }
}

/// What may come after bytes that stop anywhere, so that a reader which wants more gets it: the ends of lines, of
/// heads and of bodies, cut at each place.
pub(crate) fn endings() -> Vec<Vec<u8>> {
    let head = b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n";
    let line = b"GET / HTTP/1.0\r\n\r\n";
    let authority = b"OPTIONS http://[::1]:80 HTTP/1.1\r\nHost: [::1]:80\r\n\r\n";
    let chunks = b"00;a=\"b\"\r\n\r\n";
    let data = (0..24).map(|count| ["x".repeat(count).as_bytes(), b"\r\n0\r\n\r\n"].concat());
    let chunk = (0..17).map(|count| format!("\r\n{}\r\n0\r\n\r\n", "x".repeat(count)).into_bytes());
    let tails = [&head[..], line, authority, chunks];
    let tails = tails.iter().flat_map(|text| (0..text.len()).map(|at| text[at..].to_vec()));
    tails.chain(data).chain(chunk).chain([vec![b'x'; 400]]).collect()
}
