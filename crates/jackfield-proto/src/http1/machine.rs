//! The server's side of a connection.
//!
//! Two things go on at once and are kept apart. *Reading* is either before a head (`inbound` is none) or within the
//! body of a request that was announced (`inbound` says how far, and what becomes of it). *Writing* is the [`Owed`]:
//! a request is handed out and its answer is due, is deferred, or is being streamed. A new head is parsed when both
//! have come to their end: no body is owed by the peer, and no answer by us. So the order of pipelined requests needs
//! no queue, and an answer given before the body was read leaves a body to drain.
//!
//! Reading stands in this file, writing in `answer`.
//!
//! The path of the common request, whole in the buffer and without body, is [`Machine::step`] with `regular`, and
//! touches nothing but a few words. Everything else is in functions that are not inlined.

use super::body::{BodyReader, OutgoingFraming, Piece};
use super::facts::{Facts, Framing};
use super::head::Head;
use super::inbound::{Inbound, Kept, Plan, ReadStep};
use super::regular::{self, Regular};
use super::request::ascii_as_str;
use super::scan::Scanner;
use super::{Error, HeaderSlots, Limits, Request, Version, general, target};
use crate::step::Step;

mod answer;

/// What the peer has sent.
#[derive(Debug)]
pub enum Event<'b> {
    /// A request, whole: without a body, or with one that lay whole in the buffer. Its answer is due.
    Request(Request<'b>),
    /// A request without a body that asks for WebSocket. Its answer is due: an ordinary answer declines, and
    /// [`Machine::encode_switching`] accepts. Bytes after it are not touched until then.
    Upgrade(Request<'b>),
    /// A head whose body is still to come. Its answer is due, and you decide what to do with the body: call
    /// [`collect`](Machine::collect), call [`stream`](Machine::stream), or answer now, which drops the body. Nothing is read
    /// before that.
    Head(Request<'b>),
    /// Part of a streamed body, never empty. Step again, even if no bytes are left: the end may be due.
    Body(&'b [u8]),
    /// The request that [`Head`](Self::Head) announced is complete: with the collected body, or with an empty one if
    /// it was streamed, and with the trailers. It borrows from `whole`.
    End(Request<'b>),
}

/// What is owed on the writing side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Owed {
    /// No request is open.
    #[default]
    Idle,
    /// A request was handed out, or bytes were refused, and the answer is due.
    Open,
    /// The answer comes later.
    Deferred,
    /// The head of the answer is written; its body follows in parts.
    Streaming,
    /// The connection speaks another protocol now.
    Switched,
    /// The last answer is written, or no answer can be: the connection must close.
    Done,
}

/// What the peer has begun and not finished, so that a deadline can be set for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaits {
    /// Nothing: the peer is between two requests, or it is our turn.
    Nothing,
    /// The rest of a head.
    Head,
    /// The rest of a body.
    Body,
}

/// The server's side of one HTTP/1.1 connection.
///
/// The caller passes the bytes that have come to [`step`](Self::step), and answers with `respond` or `respond_stream`. The
/// machine keeps no bytes, except those of a request whose body comes in pieces. After an answer the caller steps again, even
/// if no new bytes have come: the buffer may hold pipelined requests.
#[derive(Debug)]
pub struct Machine {
    /// The request whose body is owed.
    inbound: Option<Box<Inbound>>,
    /// The body of the answer that is being sent.
    outgoing: OutgoingFraming,
    /// How far the head that comes in pieces was searched.
    scanner: Scanner,
    sequence: u32,
    owed: Owed,
    flags: u8,
}

impl Machine {
    /// A machine for a new connection.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            inbound: None,
            outgoing: OutgoingFraming::NONE,
            scanner: Scanner::request(),
            sequence: 0,
            owed: Owed::Idle,
            flags: 0,
        }
    }

    /// Reads the bytes that have come and are not used yet, always from the first unused byte on.
    ///
    /// `slots` and `whole` are lent memory: `slots` holds the positions of the fields of a request, `whole` holds what
    /// [`Event::End`] and a chunked body borrow. `whole` may grow by the size of a body. It grows with the bytes that have
    /// come; a length that the peer only announces reserves nothing.
    ///
    /// `rx` may be empty: after an event the end of a body can be due without further bytes.
    ///
    /// After [`Step::Fault`], see [`owed`](Self::owed): if it is [`Owed::Open`], answer with [`Error::status`], and the
    /// connection closes after that. Otherwise an answer was begun or sent before, and you can only close.
    // A second caller must not take it out of the loop of the first.
    #[inline(always)]
    pub fn step<'b>(
        &mut self,
        rx: &'b [u8],
        slots: &'b mut HeaderSlots,
        whole: &'b mut Vec<u8>,
        limits: &Limits,
    ) -> Step<Event<'b>, Error> {
        if self.owed != Owed::Idle || self.inbound.is_some() {
            return self.step_busy(rx, slots, whole, limits);
        }
        if rx.is_empty() {
            return Step::Need(0);
        }
        if !self.scanner.is_fresh() {
            if let Some(step) = self.search_end(rx, limits) {
                return step;
            }
        }
        match regular::parse(rx, slots, limits) {
            Some(regular) => self.step_regular(rx, regular, slots, whole, limits),
            None => self.step_irregular(rx, slots, whole, limits),
        }
    }

    /// Collects the body of the request that [`Event::Head`] announced; [`Event::End`] brings it complete.
    ///
    /// If a chunked body turns out to be longer than `body_bytes_max`, [`step`](Self::step) gives [`Step::Fault`] as soon as
    /// that is known.
    ///
    /// # Errors
    ///
    /// [`Error::BodyTooLarge`] if the announced length says that it is longer than `body_bytes_max`. The body is then still
    /// undecided: answer with 413, or stream it.
    pub fn collect(&mut self, body_bytes_max: u64) -> Result<(), Error> {
        match &mut self.inbound {
            Some(inbound) if inbound.plan() != Plan::Drain => inbound.collect(body_bytes_max),
            _ => Ok(()),
        }
    }

    /// Streams the body of the request that [`Event::Head`] announced: each part comes with [`Event::Body`].
    pub fn stream(&mut self) {
        if let Some(inbound) = &mut self.inbound {
            if inbound.plan() != Plan::Drain {
                inbound.stream();
            }
        }
    }

    /// Treats the request of [`Event::Request`] as if it had come with [`Event::Head`], because its body is not wanted yet.
    /// Pass the bytes after its head to [`step`](Self::step) again, and decide what to do with the body.
    pub fn put_off_body(&mut self, request: &Request<'_>, limits: &Limits) {
        let reader = match request.header("transfer-encoding") {
            Some(_) => BodyReader::chunked(),
            None => BodyReader::Length(request.body().len() as u64),
        };
        self.inbound = Some(Box::new(Inbound::new(reader, request.head(), false, limits)));
    }

    /// As [`put_off_body`](Self::put_off_body), but the body was used and only its end is not wanted yet: [`Event::End`]
    /// comes with the next step.
    pub fn put_off_end(&mut self, request: &Request<'_>, limits: &Limits) {
        let inbound = Inbound::new(BodyReader::Length(0), request.head(), false, limits);
        self.inbound = Some(Box::new(inbound.with_trailers(request.trailer_lines())));
        self.stream();
    }

    /// Whether the announced body is complete, so that the next step reports its end without further bytes.
    #[must_use]
    pub fn is_end_due(&self) -> bool {
        self.owed == Owed::Open && self.inbound.as_ref().is_some_and(|inbound| inbound.is_end_due())
    }

    /// Notes that the answer to the open request comes later.
    #[inline]
    pub fn defer(&mut self) {
        if self.owed == Owed::Open {
            self.owed = Owed::Deferred;
        }
    }

    /// Lets the connection close after the answer that is due, or after the next one if none is due. The answer says so to
    /// the peer, unless its head is written already.
    pub fn close_after(&mut self) {
        self.flags |= CLOSE;
    }

    /// What is owed on the writing side.
    #[must_use]
    #[inline]
    pub const fn owed(&self) -> Owed {
        self.owed
    }

    /// The number of the exchange, so that a late answer to an earlier one is recognised. It wraps.
    #[must_use]
    #[inline]
    pub const fn exchange_number(&self) -> u32 {
        self.sequence
    }

    /// What the peer has begun and not finished. A body that is being dropped counts; a body that waits for a decision does
    /// not.
    #[must_use]
    pub fn awaits(&self) -> Awaits {
        match &self.inbound {
            Some(inbound) if inbound.plan() == Plan::Undecided => Awaits::Nothing,
            Some(_) => Awaits::Body,
            None if self.scanner.has_begun() => Awaits::Head,
            None => Awaits::Nothing,
        }
    }

    /// Whether the peer has begun something and not finished it.
    #[must_use]
    pub fn has_partial(&self) -> bool {
        self.awaits() != Awaits::Nothing
    }

    /// Bytes that it holds on the heap, for a request whose body comes in pieces.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.inbound.as_ref().map_or(0, |inbound| inbound.heap_bytes())
    }

    /// Whether the connection closes after the answer, or now if none is due.
    #[must_use]
    #[inline]
    pub const fn must_close(&self) -> bool {
        self.flags & CLOSE != 0 || matches!(self.owed, Owed::Done)
    }

    /// Whether the peer has said that the present request, or the one that was answered just now, is its last one: a client
    /// that asks for the close "MUST NOT send further requests on that connection" (RFC 9112 section 9.6). False if the
    /// request was answered before its body was complete, because the rest of the body still comes.
    #[must_use]
    #[inline]
    pub const fn is_last_request(&self) -> bool {
        self.flags & LAST != 0
    }

    /// A head that needs no further look at its bytes.
    #[inline(always)]
    fn step_regular<'b>(
        &mut self,
        rx: &'b [u8],
        regular: Regular,
        slots: &'b HeaderSlots,
        whole: &'b mut Vec<u8>,
        limits: &Limits,
    ) -> Step<Event<'b>, Error> {
        if !regular.facts.is_usual() || matches!(regular.method_bytes, HEAD_BYTES | OPTIONS_BYTES) {
            return self.step_framed(rx, regular.head(rx, slots), regular.facts, whole, limits);
        }
        self.begin(0);
        let request = Request::new(regular.head(rx, slots)).with_keep_alive(self.flags & CLOSE == 0);
        Step::Event(regular.end as usize, Event::Request(request))
    }

    /// A head that is incomplete, broken, or only unusual.
    #[inline(never)]
    fn step_irregular<'b>(
        &mut self,
        rx: &'b [u8],
        slots: &'b mut HeaderSlots,
        whole: &'b mut Vec<u8>,
        limits: &Limits,
    ) -> Step<Event<'b>, Error> {
        let head = match general::parse_request(rx, slots) {
            Ok(Some(parsed)) => parsed,
            Ok(None) => return self.judge(rx, limits, Error::LineEnd),
            Err(error) => return self.judge(rx, limits, blame(error)),
        };
        let facts = Facts::gather(head.bytes, head.headers);
        if !facts.has_strict_lines() || !general::is_regular(&head, limits) {
            self.scanner = Scanner::request();
            if let Some(step) = self.search_end(rx, limits) {
                return step;
            }
        }
        self.step_framed(rx, head, facts, whole, limits)
    }

    #[inline(always)]
    fn begin(&mut self, flags: u8) {
        self.scanner = Scanner::request();
        self.sequence = self.sequence.wrapping_add(1);
        self.owed = Owed::Open;
        self.flags = self.flags & CLOSE | flags;
    }

    /// Whether the answer has been given to a request whose body is still to come.
    fn is_draining(&self) -> bool {
        self.inbound.as_ref().is_some_and(|inbound| inbound.plan() == Plan::Drain)
    }

    /// Searches on for the end of the head. Gives none if it is there.
    #[inline(never)]
    fn search_end<'b>(&mut self, rx: &[u8], limits: &Limits) -> Option<Step<Event<'b>, Error>> {
        match self.scanner.advance(rx, limits) {
            Ok(Some(_)) => None,
            Ok(None) => {
                // In case the rest never comes.
                self.flags = self.flags & !HEAD | head_flag(rx);
                Some(Step::Need(0))
            }
            Err(error) => Some(self.fault(rx, error)),
        }
    }

    /// Asks the scanner about a head that httparse did not take. If it finds nothing wrong, then it is `blame`.
    #[inline(never)]
    fn judge<'b>(&mut self, rx: &[u8], limits: &Limits, blame: Error) -> Step<Event<'b>, Error> {
        self.scanner = Scanner::request();
        self.search_end(rx, limits).unwrap_or_else(|| self.fault(rx, blame))
    }

    /// Refuses what has come, and sets the machine so that the answer closes the connection.
    #[cold]
    #[inline(never)]
    fn fault<'b>(&mut self, rx: &[u8], error: Error) -> Step<Event<'b>, Error> {
        match self.owed {
            Owed::Idle if !self.is_draining() => self.begin(head_flag(rx)),
            Owed::Open | Owed::Deferred => self.owed = Owed::Open,
            _ => self.owed = Owed::Done,
        }
        self.flags |= CLOSE;
        self.inbound = None;
        Step::Fault(error)
    }

    /// A request that has something to say about its frame, its target or the connection.
    #[inline(never)]
    fn step_framed<'b>(
        &mut self,
        rx: &'b [u8],
        head: Head<'b>,
        facts: Facts,
        whole: &'b mut Vec<u8>,
        limits: &Limits,
    ) -> Step<Event<'b>, Error> {
        let framing = match check(&head, facts, limits) {
            Ok(framing) => framing,
            Err(error) => return self.fault(rx, error),
        };
        self.begin(flags_of(&head, facts));
        let end = head.bytes.len();
        let request = Request::new(head).with_keep_alive(self.flags & CLOSE == 0);
        match framing {
            Framing::Unsaid | Framing::Length(0) if is_upgrade(&request, facts) => {
                Step::Event(end, Event::Upgrade(request))
            }
            Framing::Unsaid | Framing::Length(0) => Step::Event(end, Event::Request(request)),
            Framing::Length(length) => match body_of(&rx[end..], length) {
                Some(body) => Step::Event(end + body.len(), Event::Request(request.with_body(body, &[]))),
                None => self.announce(rx, end, request, facts, BodyReader::Length(length), limits),
            },
            Framing::Chunked => self.step_chunked(rx, end, request, facts, whole, limits),
        }
    }

    /// A chunked request: whole, if its body is, or announced. What is wrong with the body comes to light after the
    /// head, however much of the two came at once.
    fn step_chunked<'b>(
        &mut self,
        rx: &'b [u8],
        end: usize,
        request: Request<'b>,
        facts: Facts,
        whole: &'b mut Vec<u8>,
        limits: &Limits,
    ) -> Step<Event<'b>, Error> {
        match decode_whole(&rx[end..], whole, limits) {
            Ok(Some((used, body_end))) => {
                let whole: &'b [u8] = whole;
                let (body, trailers) = whole.split_at(body_end);
                Step::Event(end + used, Event::Request(request.with_body(body, trailers)))
            }
            Ok(None) | Err(_) => self.announce(rx, end, request, facts, BodyReader::chunked(), limits),
        }
    }

    /// Hands out a head whose body is still to come.
    fn announce<'b>(
        &mut self,
        rx: &'b [u8],
        end: usize,
        request: Request<'b>,
        facts: Facts,
        reader: BodyReader,
        limits: &Limits,
    ) -> Step<Event<'b>, Error> {
        // A body that has begun to come waits for nothing (RFC 9110 section 10.1.1).
        let expects = facts.expects_continue() && request.version() == Version::Http11 && rx.len() == end;
        self.inbound = Some(Box::new(Inbound::new(reader, &rx[..end], expects, limits)));
        Step::Event(end, Event::Head(request.with_body(&[], &[])))
    }

    /// A step within a body, or while an answer is due.
    #[inline(never)]
    fn step_busy<'b>(
        &mut self,
        rx: &'b [u8],
        slots: &'b mut HeaderSlots,
        whole: &'b mut Vec<u8>,
        limits: &Limits,
    ) -> Step<Event<'b>, Error> {
        let Some(inbound) = &mut self.inbound else { return Step::Paused };
        if inbound.plan() == Plan::Undecided {
            return Step::Paused;
        }
        match inbound.read(rx, limits) {
            Ok((used, ReadStep::Need)) => Step::Need(used),
            Ok((used, ReadStep::Part(part))) => Step::Event(used, Event::Body(part)),
            Ok((used, ReadStep::End)) => self.step_end(rx, used, slots, whole, limits),
            Err(error) => self.fault(&[], error),
        }
    }

    /// The body is over: hands out the request, or goes on to the next one if it was answered before.
    fn step_end<'b>(
        &mut self,
        rx: &'b [u8],
        used: usize,
        slots: &'b mut HeaderSlots,
        whole: &'b mut Vec<u8>,
        limits: &Limits,
    ) -> Step<Event<'b>, Error> {
        match self.inbound.take() {
            Some(inbound) if inbound.plan() != Plan::Drain => {
                let keep_alive = self.flags & CLOSE == 0;
                match reparse(inbound.into_kept(), slots, whole) {
                    Some(request) => Step::Event(used, Event::End(request.with_keep_alive(keep_alive))),
                    // The head was parsed before, so that this cannot be.
                    None => self.fault(&[], Error::Method),
                }
            }
            _ => match self.step(&rx[used..], slots, whole, limits) {
                Step::Need(more) => Step::Need(used + more),
                // Its body may be put off, and begins behind the head then: `used` would not tell where, with what was drained.
                Step::Event(_, Event::Request(request)) if request.has_body() => {
                    self.put_off_body(&request, limits);
                    Step::Event(used + request.head_bytes(), Event::Head(request.head_only()))
                }
                Step::Event(more, event) => Step::Event(used + more, event),
                Step::Paused => Step::Need(used),
                Step::Fault(error) => Step::Fault(error),
            },
        }
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

/// The error for a complete head that only httparse refuses.
fn blame(error: httparse::Error) -> Error {
    match error {
        httparse::Error::TooManyHeaders => Error::TooManyHeaders,
        httparse::Error::HeaderName => Error::FieldName,
        httparse::Error::HeaderValue => Error::FieldValue,
        httparse::Error::NewLine => Error::LineEnd,
        httparse::Error::Version => Error::Version,
        httparse::Error::Status | httparse::Error::Token => Error::Target,
    }
}

fn check(head: &Head<'_>, facts: Facts, limits: &Limits) -> Result<Framing, Error> {
    if head.headers.len() > limits.headers_max {
        return Err(Error::TooManyHeaders);
    }
    target::check(head.method(), ascii_as_str(head.target()))?;
    facts.check_request(head.version == Version::Http11)
}

/// The flag for the method of a request that is not read to its end. One empty line may stand before it.
fn head_flag(rx: &[u8]) -> u8 {
    if rx.strip_prefix(b"\r\n").unwrap_or(rx).starts_with(b"HEAD ") { HEAD } else { 0 }
}

fn flags_of(head: &Head<'_>, facts: Facts) -> u8 {
    let is_http11 = head.version == Version::Http11;
    let head_only = if head.method() == b"HEAD" { HEAD } else { 0 };
    let version = if is_http11 { 0 } else { HTTP10 };
    let close = if facts.keeps_alive(is_http11) { 0 } else { CLOSE | LAST };
    head_only | version | close
}

/// Only `GET` in HTTP/1.1 begins a WebSocket (RFC 6455 section 4.1); elsewhere the wish is ignored, as it may be.
fn is_upgrade(request: &Request<'_>, facts: Facts) -> bool {
    facts.asks_for_websocket() && request.version() == Version::Http11 && request.method() == "GET"
}

/// A body of this length, if it is there.
fn body_of(rx: &[u8], length: u64) -> Option<&[u8]> {
    rx.get(..usize::try_from(length).ok()?)
}

/// Decodes a chunked body that lies whole in `rx` into `whole`, with the trailer lines after it. Gives the bytes
/// used and where the body ends in `whole`.
fn decode_whole(rx: &[u8], whole: &mut Vec<u8>, limits: &Limits) -> Result<Option<(usize, usize)>, Error> {
    whole.clear();
    let mut reader = BodyReader::chunked();
    let (mut used, mut body_end) = (0, 0);
    loop {
        let (count, piece) = reader.take(&rx[used..], limits)?;
        used += count;
        match piece {
            Piece::Need => return Ok(None),
            Piece::End => return Ok(Some((used, body_end))),
            Piece::Trailer(lines) => whole.extend_from_slice(lines),
            Piece::Data(data) => {
                whole.extend_from_slice(data);
                body_end = whole.len();
            }
        }
    }
}

/// Makes a request from its kept parts, in the caller's buffer.
fn reparse<'b>(kept: Kept, slots: &'b mut HeaderSlots, whole: &'b mut Vec<u8>) -> Option<Request<'b>> {
    *whole = kept.bytes;
    let whole: &'b [u8] = whole;
    let (head, rest) = whole.split_at(kept.head_end);
    let (body, trailers) = rest.split_at(kept.body_end - kept.head_end);
    let head = general::parse_request(head, slots).ok()??;
    Some(Request::new(head).with_body(body, trailers))
}

/// The length of the method whose answer is special.
const HEAD_BYTES: u32 = 4;
/// The length of the two methods whose targets are special.
const OPTIONS_BYTES: u32 = 7;
/// The request was `HEAD`.
const HEAD: u8 = 1;
/// The peer speaks HTTP/1.0.
const HTTP10: u8 = 2;
/// The connection closes after the answer.
const CLOSE: u8 = 4;
/// The peer wants that, and has promised to send no further request.
const LAST: u8 = 8;
