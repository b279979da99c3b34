//! One step over the bytes that have come, with short borrows: what is at their front, and how the state changes.

use super::super::frame::Header;
use super::super::spanning::Spanning;
use super::super::{Error, Limits, Opcode, mask, utf8};
use super::{Machine, State};

/// What [`Machine::advance`] found at the front of the bytes.
pub(super) enum Advance {
    /// Too few bytes to decide.
    Starved,
    /// This number of bytes is done with; look at the rest.
    Took(usize),
    /// A frame that is an event by itself, and where it ends.
    Frame(Header, usize),
    /// The message of this kind in the caller's vector is whole; whether it is compressed.
    Whole(Opcode, bool),
    /// A part of a message of this kind is in the caller's vector; whether it is the last.
    Part(Opcode, bool),
}

impl Machine {
    #[inline]
    pub(super) fn advance(
        &mut self,
        rx: &[u8],
        whole: &mut Vec<u8>,
        limits: &Limits,
    ) -> Result<Advance, Error> {
        match self.state {
            State::Open | State::Waiting => self.advance_open(rx, whole, limits),
            State::Message => self.advance_message(rx, whole, limits),
            State::Closing => self.advance_closing(rx, limits),
            _ if rx.is_empty() => Ok(Advance::Starved),
            State::Failed | State::FailedClosing | State::PeerClosed | State::Closed => {
                Ok(Advance::Took(rx.len()))
            }
        }
    }

    #[inline]
    fn advance_open(&mut self, rx: &[u8], whole: &mut Vec<u8>, limits: &Limits) -> Result<Advance, Error> {
        let Some(header) = Header::parse(rx, self.accepts(limits))? else { return Ok(Advance::Starved) };
        if header.opcode.is_control() {
            return Ok(whole_frame(header, rx));
        }
        if header.opcode == Opcode::Continuation {
            return Err(Error::NothingToContinue);
        }
        if header.payload_bytes > limits.payload_bytes_max(header.is_compressed) as u64 {
            return Err(Error::MessageTooLong);
        }
        if !header.fin || header.payload_bytes > limits.whole_bytes_max() as u64 {
            return Ok(self.begin(&header, rx, whole, limits));
        }
        if let Some(end) = header.end_in(rx) {
            (self.state, self.checked_bytes) = (State::Open, 0);
            return Ok(Advance::Frame(header, end));
        }
        if header.payload_bytes > limits.frame_in_place_bytes_max.min(u32::MAX as usize) as u64 {
            return Ok(self.begin(&header, rx, whole, limits));
        }
        self.wait(&header, rx)
    }

    /// The frame stays in the caller's buffer until it is whole; the part of its text that is there is checked.
    #[cold]
    fn wait(&mut self, header: &Header, rx: &[u8]) -> Result<Advance, Error> {
        if header.opcode == Opcode::Text && !header.is_compressed {
            let checked = self.checked_bytes as usize;
            let fresh = rx.get(header.header_bytes + checked..).unwrap_or_default();
            let key = mask::rotated(header.key, checked);
            let more = utf8::whole_chars_bytes_masked(fresh, key).map_err(|_| Error::TextNotUtf8)?;
            // The frame is below `u32::MAX` bytes, or it would not wait.
            self.checked_bytes += more as u32;
            self.state = State::Waiting;
        }
        Ok(Advance::Starved)
    }

    /// The message gets a buffer of its own.
    #[cold]
    fn begin(&mut self, header: &Header, rx: &[u8], whole: &mut Vec<u8>, limits: &Limits) -> Advance {
        // A vector that was large enough for the last such message is used again, but not if this connection would
        // then hold much more memory than it has sent bytes.
        let arrived_bytes = header.payload_bytes.min(rx.len() as u64);
        let reuse = whole.capacity() as u64 <= 2 * arrived_bytes;
        let bytes = if reuse { std::mem::take(whole) } else { Vec::new() };
        self.rare_mut().message = Some(Spanning::begin(header, bytes, limits));
        (self.state, self.checked_bytes) = (State::Message, 0);
        Advance::Took(header.header_bytes)
    }

    fn advance_message(&mut self, rx: &[u8], whole: &mut Vec<u8>, limits: &Limits) -> Result<Advance, Error> {
        let accepts = self.accepts(limits);
        let message = self.rare.as_mut().and_then(|rare| rare.message.as_mut());
        let Some(message) = message else { return Ok(Advance::Starved) };
        if message.is_whole() {
            return Ok(self.finish(whole));
        }
        if message.frame_bytes_left() > 0 && !rx.is_empty() {
            message.reuse(whole, rx);
            return message.take(rx, limits).map(Advance::Took);
        }
        let header = if message.frame_bytes_left() > 0 { None } else { Header::parse(rx, accepts)? };
        // What came before a control frame, or before nothing for now, is handed out first.
        if message.has_deliverable_part() && header.is_none_or(|header| header.opcode.is_control()) {
            return Ok(Advance::Part(message.take_part(whole), false));
        }
        let Some(header) = header else { return Ok(Advance::Starved) };
        if header.opcode.is_control() {
            return Ok(whole_frame(header, rx));
        }
        message.begin_next_frame(&header, limits)?;
        Ok(Advance::Took(header.header_bytes))
    }

    fn finish(&mut self, whole: &mut Vec<u8>) -> Advance {
        let message = self.rare.as_mut().and_then(|rare| rare.message.take());
        let Some(message) = message else { return Advance::Starved };
        self.tidy();
        self.state = State::Open;
        let is_streamed = message.is_streamed();
        let (kind, is_compressed, bytes) = message.finish();
        *whole = bytes;
        if is_streamed { Advance::Part(kind, true) } else { Advance::Whole(kind, is_compressed) }
    }

    fn advance_closing(&mut self, rx: &[u8], limits: &Limits) -> Result<Advance, Error> {
        let owed = self.rare.as_ref().map_or(0, |rare| rare.dropping_bytes);
        if owed > 0 {
            return Ok(self.drop_payload(owed, rx));
        }
        let Some(header) = Header::parse(rx, self.accepts(limits))? else { return Ok(Advance::Starved) };
        if header.opcode == Opcode::Close {
            return Ok(whole_frame(header, rx));
        }
        if let Some(end) = header.end_in(rx) {
            return Ok(Advance::Took(end));
        }
        self.rare_mut().dropping_bytes = header.payload_bytes;
        Ok(Advance::Took(header.header_bytes))
    }

    fn drop_payload(&mut self, owed: u64, rx: &[u8]) -> Advance {
        if rx.is_empty() {
            return Advance::Starved;
        }
        let dropped = usize::try_from(owed).map_or(rx.len(), |owed| owed.min(rx.len()));
        self.rare_mut().dropping_bytes = owed - dropped as u64;
        self.tidy();
        Advance::Took(dropped)
    }
}

fn whole_frame(header: Header, rx: &[u8]) -> Advance {
    match header.end_in(rx) {
        Some(end) => Advance::Frame(header, end),
        None => Advance::Starved,
    }
}
