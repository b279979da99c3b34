//! The client's side of a connection.
//!
//! Requests go out in order and responses come back in the same order, so all that must be remembered of a request is
//! what decides whether its response has a body. A response is read in three states: before its head (`reader` is
//! none), within its body, and over for good once the connection closes or speaks another protocol.

use std::collections::VecDeque;
use std::fmt;

use super::body::{BodyReader, OutgoingFraming, Piece};
use super::facts::{Facts, Framing};
use super::fields::{FieldIter, is_forbidden_trailer};
use super::scan::Scanner;
use super::{
    BodyError, Error, Fields, HeaderSlots, Limits, METHOD_BYTES_MAX, Response, Version, general, target,
};
use crate::chars::is_token_name;
use crate::host::is_valid_host;
use crate::step::Step;

/// The most requests that may be outstanding. With one more, [`ClientMachine::encode_request`] gives [`RequestError::Full`].
pub const PIPELINE_REQUESTS_MAX: usize = 256;
/// The most interim responses (1xx) to one request. One more is [`Error::TooManyInterim`]: each costs the client work, and
/// none completes the request.
pub const INTERIM_MAX: u8 = 32;

/// What a server has sent.
#[derive(Debug)]
pub enum ClientEvent<'b> {
    /// An interim response (1xx), 101 excepted. The final one is still to come.
    Interim(Response<'b>),
    /// 101: the connection speaks another protocol now. The bytes that follow are not HTTP, and the machine does not touch
    /// them.
    Switched(Response<'b>),
    /// The head of a final response. Its body follows in parts, and then [`End`](Self::End): step again, even if no
    /// bytes are left.
    Head(Response<'b>),
    /// Part of the body, never empty.
    Body(&'b [u8]),
    /// The response is complete. Its trailers are in [`ClientMachine::trailers`].
    End,
}

/// A request to send, apart from its body.
#[derive(Clone, Copy, Debug)]
pub struct RequestToSend<'m> {
    /// The method. `CONNECT` is refused.
    pub method: &'m str,
    /// The target: a path with query, an absolute URI, or `*` for `OPTIONS`.
    pub target: &'m str,
    /// The host, with its port unless it is the usual one.
    pub host: &'m str,
    /// Further lines, without `Host`.
    pub fields: &'m Fields,
}

/// How the body of a request is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestBody {
    /// There is none, and no length is sent.
    None,
    /// This number of bytes follows.
    Length(u64),
    /// It is sent in chunks. The server must speak HTTP/1.1.
    Chunked,
}

/// The client's side of one HTTP/1.1 connection.
#[derive(Debug)]
pub struct ClientMachine {
    /// Of each outstanding request, whether it was `HEAD`.
    asked: VecDeque<bool>,
    /// The body of the request that is being sent.
    outgoing: OutgoingFraming,
    scanner: Scanner,
    /// The body of the response that is being read.
    reader: Option<BodyReader>,
    /// The trailer lines of the last response.
    trailers: Vec<u8>,
    /// Interim responses to the request whose turn it is.
    interim_count: u8,
    /// Whether further requests make sense.
    keep_alive: bool,
    /// No further response is read: the server said so, or speaks another protocol.
    is_over: bool,
}

impl ClientMachine {
    /// A machine for a new connection.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            asked: VecDeque::new(),
            outgoing: OutgoingFraming::NONE,
            scanner: Scanner::response(),
            reader: None,
            trailers: Vec::new(),
            interim_count: 0,
            keep_alive: true,
            is_over: false,
        }
    }

    /// Notes a request that was encoded elsewhere, so that its response is expected.
    ///
    /// # Errors
    ///
    /// Too many requests are outstanding, or the server will not answer any more.
    pub fn expect_response(&mut self, method: &str) -> Result<(), RequestError> {
        if !self.keep_alive {
            return Err(RequestError::Closing);
        }
        if self.asked.len() >= PIPELINE_REQUESTS_MAX {
            return Err(RequestError::Full);
        }
        self.asked.push_back(method == "HEAD");
        Ok(())
    }

    /// Writes the head of a request. If it has a body, this follows with [`encode_part`](Self::encode_part) and
    /// [`encode_end`](Self::encode_end). A body of an announced length is also finished without `encode_end` when all of it is
    /// written, so one of length 0 is at once.
    ///
    /// # Errors
    ///
    /// Something in the head cannot be sent, the body of the request before is not finished, too many requests are
    /// outstanding, or the connection serves no further request: see [`RequestError`]. Nothing is written then.
    pub fn encode_request(
        &mut self,
        head: &RequestToSend<'_>,
        body: RequestBody,
        out: &mut Vec<u8>,
    ) -> Result<(), RequestError> {
        check_request(head)?;
        if !self.outgoing.is_complete() {
            return Err(RequestError::BodyUnfinished);
        }
        self.expect_response(head.method)?;
        encode_head(head, body, out);
        self.outgoing = match body {
            RequestBody::None => OutgoingFraming::NONE,
            RequestBody::Length(bytes) => OutgoingFraming::length(bytes),
            RequestBody::Chunked => OutgoingFraming::CHUNKED,
        };
        Ok(())
    }

    /// Writes one part of the body. An empty part writes nothing.
    ///
    /// # Errors
    ///
    /// The part goes beyond the announced length, or no body is being sent. Nothing is written then.
    pub fn encode_part(&mut self, part: &[u8], out: &mut Vec<u8>) -> Result<(), BodyError> {
        self.outgoing.encode_part(part, out)
    }

    /// Ends the body. Trailers are written only in the chunked coding. Fields that must not be trailers (RFC 9110 section
    /// 6.5.1) are left out.
    ///
    /// # Errors
    ///
    /// The body is shorter than was announced, after which the connection must close; or no body is being sent.
    pub fn encode_end(&mut self, trailers: &Fields, out: &mut Vec<u8>) -> Result<(), BodyError> {
        let ended = self.outgoing.encode_end(trailers, out);
        self.keep_alive &= ended != Err(BodyError::TooShort);
        ended
    }

    /// Reads the bytes that have come and are not used yet, always from the first unused byte on. `slots` is lent memory that
    /// a response borrows.
    ///
    /// After a response that ends HTTP on this connection it gives [`Step::Paused`]: no further response is read. See
    /// [`keep_alive`](Self::keep_alive).
    pub fn step<'b>(
        &mut self,
        rx: &'b [u8],
        slots: &'b mut HeaderSlots,
        limits: &Limits,
    ) -> Step<ClientEvent<'b>, Error> {
        match &self.reader {
            Some(_) => self.step_body(rx, limits),
            None if self.is_over => Step::Paused,
            None if rx.is_empty() => Step::Need(0),
            None if self.asked.is_empty() => self.fault(Error::Unasked),
            None => self.step_head(rx, slots, limits),
        }
    }

    /// Reports that the server has closed its side. This completes a body that lasts until the connection closes.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`] if a response is missing or incomplete.
    pub fn end_of_input(&mut self) -> Result<Option<ClientEvent<'static>>, Error> {
        (self.keep_alive, self.is_over) = (false, true);
        match self.reader.take() {
            Some(BodyReader::UntilClose | BodyReader::Length(0)) => Ok(Some(ClientEvent::End)),
            None if self.asked.is_empty() => Ok(None),
            _ => Err(Error::Truncated),
        }
    }

    /// The trailers of the response that ended last, until the next one begins. Fields that must not be trailers (RFC 9110
    /// section 6.5.1) are left out.
    pub fn trailers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        FieldIter::new(&self.trailers).filter(|(name, _)| !is_forbidden_trailer(name))
    }

    /// Whether the connection can serve further requests, as far as is known.
    #[must_use]
    pub const fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// The number of requests whose responses are not complete. After [`end_of_input`](Self::end_of_input) it is the number
    /// of requests that got no response; one whose response broke off is not counted.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.asked.len() + usize::from(self.reader.is_some())
    }

    /// Whether the server has begun a response and not finished it.
    #[must_use]
    pub fn has_partial(&self) -> bool {
        self.reader.is_some() || self.scanner.has_begun()
    }

    fn step_head<'b>(
        &mut self,
        rx: &'b [u8],
        slots: &'b mut HeaderSlots,
        limits: &Limits,
    ) -> Step<ClientEvent<'b>, Error> {
        if !self.scanner.is_fresh() {
            if let Some(step) = self.search_end(rx, limits) {
                return step;
            }
        }
        let response = match general::parse_response(rx, slots) {
            Ok(Some(response)) => response,
            Ok(None) => return self.judge(rx, limits, Error::LineEnd),
            Err(httparse::Error::TooManyHeaders) => return self.judge(rx, limits, Error::TooManyHeaders),
            Err(_) => return self.judge(rx, limits, Error::StatusLine),
        };
        let facts = Facts::gather(response.head(), response.spans());
        if !facts.has_strict_lines() || !general::is_regular_response(&response, limits) {
            self.scanner = Scanner::response();
            if let Some(step) = self.search_end(rx, limits) {
                return step;
            }
        }
        self.scanner = Scanner::response();
        match self.accept(response, facts, limits) {
            Ok(event) => Step::Event(response.head().len(), event),
            Err(error) => self.fault(error),
        }
    }

    /// Finds out how the body of a response is delimited, and whether HTTP goes on after it (RFC 9112 section 6.3).
    fn accept<'b>(
        &mut self,
        response: Response<'b>,
        facts: Facts,
        limits: &Limits,
    ) -> Result<ClientEvent<'b>, Error> {
        if response.spans().len() > limits.headers_max {
            return Err(Error::TooManyHeaders);
        }
        match response.status() {
            101 => self.accept_switch(response),
            100..=199 => self.accept_interim(response),
            _ => self.accept_final(response, facts),
        }
    }

    fn accept_switch<'b>(&mut self, response: Response<'b>) -> Result<ClientEvent<'b>, Error> {
        let _ = self.asked.pop_front();
        (self.keep_alive, self.is_over) = (false, true);
        Ok(ClientEvent::Switched(response))
    }

    fn accept_interim<'b>(&mut self, response: Response<'b>) -> Result<ClientEvent<'b>, Error> {
        self.interim_count += 1;
        if self.interim_count > INTERIM_MAX {
            return Err(Error::TooManyInterim);
        }
        Ok(ClientEvent::Interim(response))
    }

    fn accept_final<'b>(&mut self, response: Response<'b>, facts: Facts) -> Result<ClientEvent<'b>, Error> {
        let is_http11 = response.version() == Version::Http11;
        let framing = facts.check_framing(is_http11)?;
        let was_head = self.asked.pop_front().unwrap_or_default();
        let reader = match framing {
            _ if was_head || matches!(response.status(), 204 | 304) => BodyReader::Length(0),
            Framing::Length(length) => BodyReader::Length(length),
            Framing::Chunked => BodyReader::chunked(),
            Framing::Unsaid => BodyReader::UntilClose,
        };
        let stays = facts.keeps_alive(is_http11) && !matches!(reader, BodyReader::UntilClose);
        self.keep_alive &= stays;
        // The server answers nothing after one that closes (RFC 9112 section 9.6).
        self.is_over = !stays;
        self.interim_count = 0;
        self.trailers.clear();
        self.reader = Some(reader);
        Ok(ClientEvent::Head(response))
    }

    fn step_body<'b>(&mut self, rx: &'b [u8], limits: &Limits) -> Step<ClientEvent<'b>, Error> {
        let mut used = 0;
        while let Some(reader) = &mut self.reader {
            match reader.take(&rx[used..], limits) {
                Ok((count, Piece::Need)) => return Step::Need(used + count),
                Ok((count, Piece::Data(data))) => return Step::Event(used + count, ClientEvent::Body(data)),
                Ok((count, Piece::Trailer(lines))) => {
                    self.trailers.extend_from_slice(lines);
                    used += count;
                }
                Ok((count, Piece::End)) => {
                    self.reader = None;
                    return Step::Event(used + count, ClientEvent::End);
                }
                Err(error) => return self.fault(error),
            }
        }
        Step::Need(used)
    }

    fn search_end<'b>(&mut self, rx: &[u8], limits: &Limits) -> Option<Step<ClientEvent<'b>, Error>> {
        match self.scanner.advance(rx, limits) {
            Ok(Some(_)) => None,
            Ok(None) => Some(Step::Need(0)),
            Err(error) => Some(self.fault(error)),
        }
    }

    /// Asks the scanner about a head that httparse did not take. If it finds nothing wrong, then it is `blame`.
    fn judge<'b>(&mut self, rx: &[u8], limits: &Limits, blame: Error) -> Step<ClientEvent<'b>, Error> {
        self.scanner = Scanner::response();
        self.search_end(rx, limits).unwrap_or_else(|| self.fault(blame))
    }

    /// Reports an error after which nothing more is read.
    #[cold]
    fn fault<'b>(&mut self, error: Error) -> Step<ClientEvent<'b>, Error> {
        (self.keep_alive, self.is_over) = (false, true);
        self.reader = None;
        self.scanner = Scanner::response();
        Step::Fault(error)
    }
}

impl Default for ClientMachine {
    fn default() -> Self {
        Self::new()
    }
}

fn check_request(head: &RequestToSend<'_>) -> Result<(), RequestError> {
    if !is_token_name(head.method.as_bytes())
        || head.method.len() > METHOD_BYTES_MAX
        || head.method == "CONNECT"
    {
        return Err(RequestError::Method);
    }
    if !target::is_valid(head.method, head.target) {
        return Err(RequestError::Target);
    }
    if !is_valid_host(head.host.as_bytes()) || head.fields.contains("host") {
        return Err(RequestError::Host);
    }
    Ok(())
}

fn encode_head(head: &RequestToSend<'_>, body: RequestBody, out: &mut Vec<u8>) {
    for part in [head.method, " ", head.target, " HTTP/1.1\r\nHost: ", head.host, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    match body {
        RequestBody::None => {}
        RequestBody::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        RequestBody::Length(bytes) => {
            out.extend_from_slice(b"Content-Length: ");
            out.extend_from_slice(itoa::Buffer::new().format(bytes).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
    out.extend_from_slice(head.fields.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Why a request was not sent. All but [`Closing`](Self::Closing) and [`LastHop`](Self::LastHop) are errors of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// The method is no token, too long, or `CONNECT`.
    Method,
    /// The target has none of the forms of RFC 9112 section 3.2, or bytes that may not be in it.
    Target,
    /// The host is malformed, or the fields contain `Host` too.
    Host,
    /// A field of a forwarded request can't be written.
    Field,
    /// The request may not be forwarded any more: the proxy itself has to answer it.
    LastHop,
    /// More than [`PIPELINE_REQUESTS_MAX`] requests are outstanding.
    Full,
    /// The body of the previous request is not finished.
    BodyUnfinished,
    /// The connection serves no further request.
    Closing,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Method => "the method cannot be sent",
            Self::Target => "the request target is malformed",
            Self::Host => "the host is malformed or given twice",
            Self::Field => "a field cannot be written",
            Self::LastHop => "the request may not be forwarded any more",
            Self::Full => "too many requests are outstanding",
            Self::BodyUnfinished => "the body of the request before is not finished",
            Self::Closing => "the connection serves no further request",
        })
    }
}

impl std::error::Error for RequestError {}
