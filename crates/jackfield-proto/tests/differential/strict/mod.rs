//! A reader of requests written from RFC 9110 and RFC 9112, and from nothing else: slow, plain, and without a line of
//! the reader under test or of httparse.
//!
//! It takes what the grammar has and refuses the rest. Where the RFCs leave a choice between refusing and repairing it
//! refuses ([`Force::May`]); what they only advise against in a place that cannot move the frame it takes, with an
//! objection. Lines are judged when they have come whole, and the fields together when the head has.

mod chunks;
mod examples;
mod fields;
mod framing;
mod lines;
mod request_line;
pub(crate) mod responses;
mod rules;
mod uri;

use crate::reading::{End, Reading, Seen};
use framing::Frame;
use lines::Input;
pub(crate) use rules::{Force, RULES, Rule};
pub(crate) use uri::{has_odd_bytes, is_future_address};

/// Why reading does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// More bytes are needed.
    Short,
    Refused(Rule),
}

/// Reads what a client sent on one connection.
pub(crate) fn read(bytes: &[u8]) -> Reading<Rule> {
    let (mut requests, mut input) = (Vec::new(), Input::new(bytes));
    let end = loop {
        input.skip_empty_lines();
        if input.is_at_end() {
            break End::Idle;
        }
        match request(&mut input) {
            Ok(seen) => requests.push(seen),
            Err(end) => break end,
        }
        let last = &requests[requests.len() - 1];
        if last.method == "CONNECT" {
            break End::Tunnel;
        }
        if !last.persists {
            break End::Closed;
        }
    };
    Reading { requests, end }
}

fn request(input: &mut Input<'_>) -> Result<Seen, End<Rule>> {
    let (mut seen, frame) = head(input).map_err(|stop| end_of(stop, End::Head))?;
    body(input, frame, &mut seen).map_err(|stop| end_of(stop, End::Body))?;
    seen.end = Some(input.at());
    Ok(seen)
}

fn end_of(stop: Stop, short: End<Rule>) -> End<Rule> {
    match stop {
        Stop::Short => short,
        Stop::Refused(rule) => End::Refused(rule),
    }
}

/// The start line and the fields (RFC 9112 section 2.1), and what they say of the body.
fn head(input: &mut Input<'_>) -> Result<(Seen, Frame), Stop> {
    let mut seen = request_line::parse(input.line()?)?;
    seen.fields = fields::section(input)?;
    fields::check_tls_host(&seen)?;
    let frame = framing::of(&seen)?;
    seen.persists = framing::persists(&seen);
    Ok((seen, frame))
}

fn body(input: &mut Input<'_>, frame: Frame, seen: &mut Seen) -> Result<(), Stop> {
    match frame {
        Frame::None => {}
        Frame::Length(length) => seen.body = input.take(length)?.to_vec(),
        Frame::Chunked => (seen.body, seen.trailers) = chunks::read(input)?,
    }
    Ok(())
}
