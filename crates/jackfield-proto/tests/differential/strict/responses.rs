//! Responses, as strictly as requests (RFC 9112 sections 4 and 6.3).

use super::framing::{self, Frame};
use super::lines::{Input, text_of};
use super::{Rule, Stop, chunks, end_of, fields};
use crate::reading::{End, Reading, Seen};

/// Reads what a server sent before it closed the connection, in answer to requests with these methods. The status
/// stands in the place of the target.
pub(crate) fn read(bytes: &[u8], methods: &[&str]) -> Reading<Rule> {
    let (mut requests, mut input, mut methods) = (Vec::new(), Input::new(bytes), methods.iter());
    let mut asked = methods.next();
    let end = loop {
        let Some(method) = asked else {
            // Nothing was asked, so this is no answer (RFC 9112 section 9.2).
            break if input.is_empty() { End::Idle } else { End::Refused(Rule::Unasked) };
        };
        match response(&mut input, method) {
            Ok(seen) => requests.push(seen),
            Err(end) => break end,
        }
        let last = &requests[requests.len() - 1];
        match &*last.target {
            "101" => break End::Tunnel,
            _ if is_interim(last) => continue,
            _ if !last.persists => break End::Closed,
            _ => asked = methods.next(),
        }
    };
    Reading { requests, end }
}

fn response(input: &mut Input<'_>, method: &str) -> Result<Seen, End<Rule>> {
    let mut seen = head(input).map_err(|stop| end_of(stop, End::Head))?;
    seen.persists = framing::persists(&seen) || is_interim(&seen);
    body(input, method, &mut seen).map_err(|stop| end_of(stop, End::Body))?;
    seen.end = Some(input.at());
    Ok(seen)
}

fn head(input: &mut Input<'_>) -> Result<Seen, Stop> {
    let mut seen = status_line(input.line()?)?;
    seen.fields = fields::section(input)?;
    Ok(seen)
}

/// `status-line = HTTP-version SP status-code SP [ reason-phrase ]`. That the second space is missing where there is no
/// reason is taken: servers must send it and some don't.
fn status_line(line: &[u8]) -> Result<Seen, Stop> {
    let [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ b'0'..=b'9', b' ', code @ ..] = line else {
        return Err(Stop::Refused(Rule::StatusLine));
    };
    let (code, reason) = match code {
        [a, b, c] => ([*a, *b, *c], &[][..]),
        [a, b, c, b' ', reason @ ..] => ([*a, *b, *c], reason),
        _ => return Err(Stop::Refused(Rule::StatusLine)),
    };
    let is_reason = reason.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..=0xff));
    if !code.iter().all(u8::is_ascii_digit) || !is_reason {
        return Err(Stop::Refused(Rule::StatusLine));
    }
    Ok(Seen { target: text_of(&code), minor: minor - b'0', ..Seen::default() })
}

fn is_interim(seen: &Seen) -> bool {
    seen.target.starts_with('1')
}

/// RFC 9112 section 6.3, in its order.
fn body(input: &mut Input<'_>, method: &str, seen: &mut Seen) -> Result<(), Stop> {
    if method == "HEAD" || is_interim(seen) || matches!(&*seen.target, "204" | "304") {
        return Ok(());
    }
    match framing::of(seen)? {
        Frame::Chunked => (seen.body, seen.trailers) = chunks::read(input)?,
        Frame::Length(length) => seen.body = input.take(length)?.to_vec(),
        Frame::None => {
            seen.body = input.rest().to_vec();
            seen.persists = false;
        }
    }
    Ok(())
}
