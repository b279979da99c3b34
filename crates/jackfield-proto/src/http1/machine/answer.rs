//! The writing side of the server's machine: answers, whole and in parts.
//!
//! An answer decides three things that depend on each other: how its body is delimited, what it says about the connection,
//! and what becomes of a body that has not been read. The last is decided first, because it may close the connection, and the
//! head has to say so.

use super::{CLOSE, HEAD, HTTP10, LAST, Machine, Owed};
use crate::http1::body::OutgoingFraming;
use crate::http1::encode::{self, Delimiter, Fate};
use crate::http1::inbound::Plan;
use crate::http1::{BodyDue, BodyError, DateBlock, Fields, ResponseToSend, has_no_body};

impl Machine {
    /// Whether `100 Continue` should be sent now: the peer waits for it, the body is wanted, and nothing of it has
    /// come.
    #[must_use]
    pub fn wants_continue(&self) -> bool {
        self.inbound.as_ref().is_some_and(|inbound| inbound.wants_continue())
    }

    /// Writes `100 Continue`, if it is wanted.
    pub fn encode_continue(&mut self, out: &mut Vec<u8>) {
        if let Some(inbound) = self.inbound.as_mut().filter(|inbound| inbound.wants_continue()) {
            inbound.set_continued();
            out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
    }

    /// Writes the head of an answer whose body is complete. The result says whether the body must follow: see [`BodyDue`].
    /// It must not if the head can't be written ([`ResponseToSend::check`]): then a 500 was written instead.
    ///
    /// If no answer is due, nothing is written.
    #[inline]
    pub fn respond(
        &mut self,
        head: &ResponseToSend<'_>,
        body_bytes: u64,
        date: &DateBlock,
        out: &mut Vec<u8>,
    ) -> BodyDue {
        if self.flags == 0 && self.inbound.is_none() && self.is_due() && head.is_usual() {
            encode::encode_usual_head(head.content_type, body_bytes, date, out);
            self.owed = Owed::Idle;
            return BodyDue::Yes;
        }
        self.respond_any(head, body_bytes, date, out)
    }

    /// Writes the head of an answer whose body follows in parts.
    ///
    /// Without `body_bytes` the body is chunked; in HTTP/1.0 it ends with the connection. If no answer is due, nothing is
    /// written.
    ///
    /// An answer without a body is complete with its head, and [`owed`](Self::owed) says so: in answer to `HEAD`, with 204, 205
    /// and 304, and if the head can't be written ([`ResponseToSend::check`]) and a 500 was written instead. Its
    /// parts and its end are accepted all the same, and nothing is written for them.
    pub fn respond_stream(
        &mut self,
        head: &ResponseToSend<'_>,
        body_bytes: Option<u64>,
        date: &DateBlock,
        out: &mut Vec<u8>,
    ) {
        if !self.is_due() {
            return;
        }
        let (head, delimiter) = if head.check().is_ok() {
            self.outgoing = self.outgoing(head.final_status(), body_bytes);
            (head, self.delimiter(head.final_status(), body_bytes))
        } else {
            self.outgoing = OutgoingFraming::SKIP;
            (&UNWRITABLE, Delimiter::Length(0))
        };
        // The peer takes such an answer for complete, and goes on: so does this side.
        let is_complete = self.outgoing == OutgoingFraming::SKIP;
        if is_complete || self.inbound.as_ref().is_some_and(|inbound| inbound.plan() == Plan::Undecided) {
            self.give_up_body();
        }
        if self.outgoing == OutgoingFraming::UNTIL_CLOSE {
            self.flags |= CLOSE;
        }
        encode::encode_head(head, delimiter, self.fate(), date, out);
        self.owed = Owed::Streaming;
        if is_complete {
            self.finish();
        }
    }

    /// Writes the head of an answer whose body lasts until the connection closes, in HTTP/1.1 too. The result says whether
    /// the body must follow; if not, the answer is complete.
    ///
    /// If the head can't be written ([`ResponseToSend::check`]), a 500 without a body is the complete answer.
    ///
    /// This is for streams that end only when one side closes, such as event streams: their parts need no framing. If no
    /// answer is due, nothing is written.
    pub fn respond_until_close(
        &mut self,
        head: &ResponseToSend<'_>,
        date: &DateBlock,
        out: &mut Vec<u8>,
    ) -> BodyDue {
        if !self.is_due() {
            return BodyDue::No;
        }
        if head.check().is_err() {
            return self.respond_unwritable(date, out);
        }
        self.flags |= CLOSE;
        self.give_up_body();
        encode::encode_head(head, Delimiter::Unsaid, self.fate(), date, out);
        if self.is_bodiless(head.final_status()) {
            self.finish();
            return BodyDue::No;
        }
        self.outgoing = OutgoingFraming::UNTIL_CLOSE;
        self.owed = Owed::Streaming;
        BodyDue::Yes
    }

    /// Gives up waiting for a peer that began something and did not finish it. If nothing was answered yet, an answer such as
    /// 408 can be given now, and the connection closes after it. If an answer is being sent, the connection closes after
    /// that. If the answer was sent and only the rest of an unwanted body is missing, the connection just closes.
    pub fn give_up(&mut self) {
        if self.owed == Owed::Idle && self.is_draining() {
            self.owed = Owed::Done;
            self.inbound = None;
        } else if self.owed == Owed::Idle {
            // Without the beginning of a head it is the flag of the request before.
            self.begin(if self.scanner.has_begun() { self.flags & HEAD } else { 0 });
        }
        self.flags |= CLOSE;
    }

    /// Writes one part of the body. An empty part writes nothing.
    ///
    /// # Errors
    ///
    /// The part goes beyond the announced length, or no body is being sent. Nothing is written then.
    #[inline]
    pub fn encode_part(&mut self, part: &[u8], out: &mut Vec<u8>) -> Result<(), BodyError> {
        self.outgoing.encode_part(part, out)
    }

    /// Whether the request was `HEAD`, so that its answer has no body.
    #[must_use]
    #[inline]
    pub const fn is_head(&self) -> bool {
        self.flags & HEAD != 0
    }

    /// Ends the body. Trailers are written only in the chunked coding. Fields that must not be trailers (RFC 9110 section
    /// 6.5.1) are left out.
    ///
    /// # Errors
    ///
    /// The body is shorter than was announced, after which the connection must close; or no body is being sent.
    pub fn encode_end(&mut self, trailers: &Fields, out: &mut Vec<u8>) -> Result<(), BodyError> {
        let ended = self.outgoing.encode_end(trailers, out);
        // An answer without a body was complete before, and the next request may be open.
        if self.owed != Owed::Streaming {
            return ended;
        }
        if ended.is_err() {
            self.flags |= CLOSE;
        }
        self.give_up_body();
        self.finish();
        ended
    }

    /// Accepts an upgrade: writes the head of 101 with what the WebSocket handshake computed. HTTP is over then.
    ///
    /// `accept` comes from the `websocket` module and is trusted. If no answer is due, nothing is written.
    pub fn encode_switching(&mut self, accept: &[u8; 28], fields: &Fields, out: &mut Vec<u8>) {
        if self.is_due() {
            encode::encode_switching(accept, fields, out);
            self.owed = Owed::Switched;
        }
    }

    /// Whether an answer can be given now.
    #[inline(always)]
    const fn is_due(&self) -> bool {
        matches!(self.owed, Owed::Open | Owed::Deferred)
    }

    #[inline(never)]
    fn respond_any(
        &mut self,
        head: &ResponseToSend<'_>,
        body_bytes: u64,
        date: &DateBlock,
        out: &mut Vec<u8>,
    ) -> BodyDue {
        if !self.is_due() {
            return BodyDue::No;
        }
        if head.check().is_err() {
            return self.respond_unwritable(date, out);
        }
        self.give_up_body();
        let delimiter = self.delimiter(head.final_status(), Some(body_bytes));
        encode::encode_head(head, delimiter, self.fate(), date, out);
        let sends = !self.is_bodiless(head.final_status());
        self.finish();
        if sends { BodyDue::Yes } else { BodyDue::No }
    }

    /// Answers with a 500 instead of a head that can't be written. The body of that head must not follow.
    #[cold]
    fn respond_unwritable(&mut self, date: &DateBlock, out: &mut Vec<u8>) -> BodyDue {
        let _ = self.respond_any(&UNWRITABLE, 0, date, out);
        BodyDue::No
    }

    /// Drops what is left of the body, or lets the connection close if dropping is not worth while.
    fn give_up_body(&mut self) {
        let Some(inbound) = &mut self.inbound else { return };
        if !inbound.drain() {
            self.flags |= CLOSE;
        }
        // More will come than the promised last one.
        self.flags &= !LAST;
    }

    /// The answer is written.
    fn finish(&mut self) {
        if self.flags & CLOSE != 0 {
            self.owed = Owed::Done;
            self.inbound = None;
        } else {
            self.owed = Owed::Idle;
        }
    }

    /// Whether the answer has no body, even if the caller gives one (RFC 9112 section 6.3).
    const fn is_bodiless(&self, status: u16) -> bool {
        self.is_head() || has_no_body(status)
    }

    fn outgoing(&self, status: u16, body_bytes: Option<u64>) -> OutgoingFraming {
        match body_bytes {
            _ if self.is_bodiless(status) => OutgoingFraming::SKIP,
            Some(bytes) => OutgoingFraming::length(bytes),
            None if self.flags & HTTP10 != 0 => OutgoingFraming::UNTIL_CLOSE,
            None => OutgoingFraming::CHUNKED,
        }
    }

    /// 204 must not have a length, 205 has none but zero, and to 304 ours would be a guess at what `GET` would give
    /// (RFC 9110 section 8.6).
    fn delimiter(&self, status: u16, body_bytes: Option<u64>) -> Delimiter {
        match (status, body_bytes) {
            (204 | 304, _) => Delimiter::Unsaid,
            (205, _) => Delimiter::Length(0),
            (_, Some(bytes)) => Delimiter::Length(bytes),
            (_, None) if self.flags & HTTP10 != 0 => Delimiter::Unsaid,
            (_, None) => Delimiter::Chunked,
        }
    }

    const fn fate(&self) -> Fate {
        if self.flags & CLOSE != 0 {
            Fate::Closes
        } else if self.flags & HTTP10 != 0 {
            Fate::StaysSaid
        } else {
            Fate::Stays
        }
    }
}

/// What is sent in place of a head that cannot be written.
static UNWRITABLE: ResponseToSend<'static> = ResponseToSend::new(500, "");
