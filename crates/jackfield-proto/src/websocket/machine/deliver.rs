//! From what is at the front of the bytes to the event that the caller gets.

use super::super::frame::Role;
use super::super::inflation::Inflation;
use super::super::scratch::Scratch;
use super::super::{Error, Event, Limits, Message, Opcode, close, utf8};
use super::advance::Advance;
use super::plain::FINAL_TEXT;
use super::{Machine, PINGS, State, TAKEOVER};
use crate::step::Step;

impl Machine {
    /// A short frame that a client receives has a fast path as well; all others take the general path.
    #[inline(never)]
    pub(super) fn step_long<'b>(
        &mut self,
        rx: &'b mut [u8],
        scratch: &'b mut Scratch,
        limits: &Limits,
    ) -> Step<Event<'b>, Error> {
        if let [first, length @ 0..126, rest @ ..] = &*rx {
            let (first, length) = (*first, usize::from(*length));
            if self.is_plain(Role::Client, first, length, rest, limits) {
                let opcode = if first == FINAL_TEXT { Opcode::Text } else { Opcode::Binary };
                return self.deliver(opcode, &rx[2..2 + length], 2 + length);
            }
        }
        self.step_any(rx, scratch, limits)
    }

    #[inline(never)]
    fn step_any<'b>(
        &mut self,
        rx: &'b mut [u8],
        scratch: &'b mut Scratch,
        limits: &Limits,
    ) -> Step<Event<'b>, Error> {
        let mut used = 0;
        loop {
            match self.advance(&rx[used..], &mut scratch.whole, limits) {
                Ok(Advance::Took(bytes)) => used += bytes,
                Ok(Advance::Starved) => return Step::Need(used),
                Ok(Advance::Frame(header, end)) => {
                    let payload = header.unmask(&mut rx[used..], end);
                    if header.is_compressed {
                        return self.deliver_inflated(
                            header.opcode,
                            Some(payload),
                            scratch,
                            limits,
                            used + end,
                        );
                    }
                    return self.deliver(header.opcode, payload, used + end);
                }
                Ok(Advance::Whole(kind, true)) => {
                    return self.deliver_inflated(kind, None, scratch, limits, used);
                }
                Ok(Advance::Whole(kind, false)) => return self.deliver(kind, &scratch.whole, used),
                Ok(Advance::Part(kind, is_last)) => {
                    return self.deliver_part(kind, &scratch.whole, is_last, used);
                }
                Err(error) => return self.fault(error),
            }
        }
    }

    /// The event for a payload that is whole and unmasked.
    fn deliver<'b>(&mut self, opcode: Opcode, payload: &'b [u8], used: usize) -> Step<Event<'b>, Error> {
        let event = match opcode {
            Opcode::Text => match utf8::utf8_as_str(payload) {
                Ok(text) => Event::Message(Message::Text(text)),
                Err(_) => return self.fault(Error::TextNotUtf8),
            },
            // A continuation is never an event by itself: the message it belongs to has the kind of its first frame.
            Opcode::Binary | Opcode::Continuation => Event::Message(Message::Binary(payload)),
            Opcode::Ping => Event::Ping(payload),
            Opcode::Pong => {
                let is_solicited = self.bits & PINGS > 0;
                self.bits -= u16::from(is_solicited);
                Event::Pong { payload, is_solicited }
            }
            Opcode::Close => match close::parse(payload) {
                Ok(frame) => {
                    self.end(State::PeerClosed, State::Closed);
                    Event::Close(frame)
                }
                Err(error) => return self.fault(error),
            },
        };
        Step::Event(used, event)
    }

    /// The event for a part of a message.
    fn deliver_part<'b>(
        &mut self,
        kind: Opcode,
        part: &'b [u8],
        is_last: bool,
        used: usize,
    ) -> Step<Event<'b>, Error> {
        let part = match kind {
            Opcode::Text => match utf8::utf8_as_str(part) {
                Ok(text) => Message::Text(text),
                Err(_) => return self.fault(Error::TextNotUtf8),
            },
            _ => Message::Binary(part),
        };
        Step::Event(used, Event::Part { part, is_last })
    }

    /// The event for a compressed message that is whole: `payload`, or what is in the scratch.
    #[inline(never)]
    fn deliver_inflated<'b>(
        &mut self,
        kind: Opcode,
        payload: Option<&[u8]>,
        scratch: &'b mut Scratch,
        limits: &Limits,
        used: usize,
    ) -> Step<Event<'b>, Error> {
        let own = match self.bits & TAKEOVER != 0 {
            true => Inflation::own(&mut self.rare_mut().inflation),
            false => None,
        };
        match Inflation::inflate(own, payload, scratch, limits) {
            Ok(message) => self.deliver(kind, message, used),
            Err(error) => self.fault(error),
        }
    }
}
