//! The state of a connection between two reads.
//!
//! # The states
//!
//! | [`State`] | what comes next | what ends it |
//! | --- | --- | --- |
//! | `Open` | a frame's header | |
//! | `Waiting` | the rest of a text frame of which a part lies, partly checked, in the caller's buffer | it is whole |
//! | `Message` | a frame of the message in [`Rare`], or the rest of one | its last byte |
//! | `Closing` | frames to drop, until the peer's Close: ours is sent | the peer's Close |
//! | `Failed` | nothing, all bytes are dropped: a rule was broken | |
//! | `FailedClosing` | the same, and our Close is sent | |
//! | `PeerClosed` | nothing, all bytes are dropped: the peer's Close came first | |
//! | `Closed` | nothing, all bytes are dropped: both have sent a Close | |
//!
//! | from | [`Machine::close`] | the peer's Close | a broken rule |
//! | --- | --- | --- | --- |
//! | `Open`, `Waiting`, `Message` | `Closing` | `PeerClosed` | `Failed` |
//! | `Closing` | | `Closed` | `FailedClosing` |
//! | `Failed` | `FailedClosing` | | |
//! | `PeerClosed` | `Closed` | | |
//!
//! Control frames are events in the first three, and change nothing.
//!
//! # Why the work is cut in two
//!
//! What an event borrows from the receive buffer lives on in the caller, so the borrow may begin only where the
//! function is certain to return. Therefore [`Machine::advance`] works with short borrows and gives integers, in a
//! loop, and only when it has found an event is the buffer borrowed for it. [`Machine::short_frame`] and
//! [`Machine::medium_frame`] are for the frames that nearly all frames are, small enough to be part of the caller, and
//! [`Machine::step_long`] for the rest.

use super::frame::{Accepts, FIN, Header, MASKED, Role};
use super::head::{FrameHead, NextFrame};
use super::inflation::Inflation;
use super::scratch::Scratch;
use super::spanning::Spanning;
use super::{CloseError, Error, Event, Limits, Message, Opcode, close, encode, mask, utf8};
use crate::step::Step;

/// One end of a WebSocket connection, after the opening handshake.
///
/// It takes 16 bytes. It owns memory only while a message spans frames or reads, while a Pong waits, and from the first
/// compressed message on if the peer's messages may refer to earlier ones.
///
/// ```
/// use jackfield_proto::Step;
/// use jackfield_proto::websocket::{Event, Limits, Machine, Message, Opcode, Scratch, encode_masked};
///
/// let mut rx = Vec::new();
/// encode_masked(Opcode::Text, true, b"hello", [1, 2, 3, 4], &mut rx);
///
/// let (mut machine, mut scratch) = (Machine::server(), Scratch::new());
/// match machine.step(&mut rx, &mut scratch, &Limits::default()) {
///     Step::Event(11, Event::Message(Message::Text(text))) => assert_eq!(text, "hello"),
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Debug)]
pub struct Machine {
    /// `Some` while something is in it.
    rare: Option<Box<Rare>>,
    /// In `Waiting`: how many bytes of the payload at the front of the caller's buffer are whole characters.
    checked_bytes: u32,
    /// Pings that were sent and not answered, at most [`PINGS`]; and above them [`INFLATES`] and [`TAKEOVER`].
    bits: u16,
    role: Role,
    state: State,
}

/// See the tables at the top. The order makes one comparison of what is asked for each message: from `PeerClosed` on a Close
/// was sent or received, from `Closing` on ours was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum State {
    Open,
    Waiting,
    Message,
    Failed,
    PeerClosed,
    Closing,
    FailedClosing,
    Closed,
}

/// What few connections have at any one time.
#[derive(Debug, Default)]
struct Rare {
    /// `Some` in [`State::Message`] only.
    message: Option<Spanning>,
    /// What a frame that is dropped still owes. Above 0 in [`State::Closing`] only.
    dropping_bytes: u64,
    /// The payload of the newest Pong that waits; at most 125 bytes.
    pong: Option<Box<[u8]>>,
    /// For a peer whose messages may refer to those before, from its first compressed one on.
    inflation: Option<Inflation>,
}

/// What [`Machine::advance`] found at the front of the bytes.
enum Advance {
    /// Too little to say anything.
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
    /// The server's end: the peer's frames must be masked.
    pub const fn server() -> Self {
        Self::new(Role::Server)
    }

    /// The client's end: the peer's frames must not be masked.
    pub const fn client() -> Self {
        Self::new(Role::Client)
    }

    const fn new(role: Role) -> Self {
        Self { rare: None, checked_bytes: 0, bits: 0, role, state: State::Open }
    }

    /// From now on the peer may compress its messages, as agreed in the handshake.
    #[cfg(feature = "deflate")]
    pub fn accept_deflate(&mut self, agreed: &super::deflate::Agreed) {
        let takeover = match self.role {
            Role::Server => agreed.client_context_takeover(),
            Role::Client => agreed.server_context_takeover(),
        };
        self.bits |= INFLATES | if takeover { TAKEOVER } else { 0 };
    }

    /// Finds the next event in `rx`, the bytes that have arrived and are not used yet.
    ///
    /// The caller drops as many bytes from the front as the result says. After [`Step::Need`] it steps again when more bytes
    /// have come behind those that it kept; the kept bytes must not change. After [`Step::Fault`], and after the peer's
    /// Close, all bytes are used up without an event.
    ///
    /// `scratch` is lent memory for a message that came in several pieces: its event borrows it.
    #[inline(always)]
    pub fn step<'b>(
        &mut self,
        rx: &'b mut [u8],
        scratch: &'b mut Scratch,
        limits: &Limits,
    ) -> Step<Event<'b>, Error> {
        if let Some(bytes) = self.short_frame(rx, limits) {
            return match self.take_short_frame(&mut rx[..bytes]) {
                Ok(message) => Step::Event(bytes, Event::Message(message)),
                Err(error) => Step::Fault(error),
            };
        }
        if let Some(bytes) = self.medium_frame(rx, limits) {
            return match self.take_medium_frame(&mut rx[..bytes]) {
                Ok(message) => Step::Event(bytes, Event::Message(message)),
                Err(error) => Step::Fault(error),
            };
        }
        self.step_long(rx, scratch, limits)
    }

    /// The frame at the front of `rx`, for a caller that looks at frames before the machine gets them. Call it only where a
    /// frame begins: behind the last byte of the previous frame.
    ///
    /// To leave the frame to the machine, give the machine no bytes behind the end of the frame, so that you know where the
    /// next one begins. To handle the frame yourself, skip its head and read its [`FrameHead::payload`].
    pub fn next_frame(&self, rx: &[u8], limits: &Limits) -> NextFrame {
        if !matches!(self.state, State::Open | State::Waiting | State::Message) {
            return NextFrame::Machines;
        }
        match FrameHead::parse(rx, self.accepts(limits)) {
            Ok(Some(head)) => NextFrame::Head(head),
            Ok(None) => NextFrame::Incomplete,
            Err(_) => NextFrame::Machines,
        }
    }

    /// The length of the frame at the front, if it is the usual kind: complete, final, masked, of at most 125 bytes, text or
    /// binary, and the machine is in no other state that matters.
    ///
    /// Then [`take_short_frame`](Self::take_short_frame) does what [`step`](Self::step) would do, and the two are small
    /// enough to be part of their caller.
    #[inline(always)]
    pub fn short_frame(&self, rx: &[u8], limits: &Limits) -> Option<usize> {
        let [first, second, _, _, _, _, rest @ ..] = rx else { return None };
        let length = usize::from(second ^ MASKED);
        let is_short = length < 126 && self.is_plain(Role::Server, *first, length, rest, limits);
        is_short.then_some(6 + length)
    }

    /// The unmasked message in a frame that [`short_frame`](Self::short_frame) has just found. `frame` is the whole frame.
    ///
    /// # Errors
    /// Text that is not UTF-8 (RFC 6455, section 8.1).
    #[inline(always)]
    pub fn take_short_frame<'b>(&mut self, frame: &'b mut [u8]) -> Result<Message<'b>, Error> {
        let Some(([first, _, key @ ..], payload)) = frame.split_first_chunk_mut::<6>() else {
            return Ok(Message::Binary(&[]));
        };
        mask::apply_short(payload, *key);
        self.plain_message(*first, payload)
    }

    /// [`short_frame`](Self::short_frame) for a frame of at most 65,535 bytes.
    #[inline(always)]
    pub fn medium_frame(&self, rx: &[u8], limits: &Limits) -> Option<usize> {
        let [first, MASKED_LENGTH_16, l0, l1, _, _, _, _, rest @ ..] = rx else { return None };
        let length = usize::from(u16::from_be_bytes([*l0, *l1]));
        let is_medium = length > 125
            && length <= limits.stream_above
            && self.is_plain(Role::Server, *first, length, rest, limits);
        is_medium.then_some(8 + length)
    }

    /// [`take_short_frame`](Self::take_short_frame) for what [`medium_frame`](Self::medium_frame) has found.
    ///
    /// # Errors
    /// Text that is not UTF-8 (RFC 6455, section 8.1).
    #[inline(always)]
    pub fn take_medium_frame<'b>(&mut self, frame: &'b mut [u8]) -> Result<Message<'b>, Error> {
        let Some(([first, _, _, _, key @ ..], payload)) = frame.split_first_chunk_mut::<8>() else {
            return Ok(Message::Binary(&[]));
        };
        mask::apply(payload, *key);
        self.plain_message(*first, payload)
    }

    /// Whether a frame that this role receives is a message by itself, and nothing else has to be minded.
    #[inline(always)]
    fn is_plain(&self, role: Role, first: u8, length: usize, rest: &[u8], limits: &Limits) -> bool {
        matches!(first, FINAL_TEXT | FINAL_BINARY)
            && length <= rest.len()
            && length <= limits.message_bytes_max
            && (self.state == State::Open) & (self.role == role)
    }

    #[inline(always)]
    fn plain_message<'b>(&mut self, first: u8, payload: &'b [u8]) -> Result<Message<'b>, Error> {
        if first == FINAL_BINARY {
            return Ok(Message::Binary(payload));
        }
        match utf8::text(payload) {
            Ok(text) => Ok(Message::Text(text)),
            Err(_) => Err(self.end_with(Error::TextNotUtf8)),
        }
    }

    /// Begins the closing handshake, or answers the peer's Close: the first call appends a Close and returns true. Later
    /// calls append nothing and return false.
    ///
    /// The reason is cut to 123 bytes, at the end of a character. `mask` is the key that a client needs for each frame, and
    /// `None` for a server. From now on the caller must send no data (RFC 6455, section 5.5.1); what the peer still sends is
    /// read and dropped, and only its Close is an event. A waiting Pong is dropped.
    ///
    /// # Errors
    ///
    /// The code must not be sent, or there is a reason and no code. Nothing is appended then, and nothing changes.
    pub fn close(
        &mut self,
        code: Option<u16>,
        reason: &str,
        mask: Option<[u8; 4]>,
        out: &mut Vec<u8>,
    ) -> Result<bool, CloseError> {
        let payload = close::Payload::new(code, reason)?;
        if self.has_sent_close() {
            return Ok(false);
        }
        self.encode_control(Opcode::Close, payload.as_bytes(), mask, out);
        self.drop_rest();
        self.state = match self.state {
            State::Failed => State::FailedClosing,
            State::PeerClosed => State::Closed,
            _ => State::Closing,
        };
        Ok(true)
    }

    /// Appends a Ping. The Pong that answers it will be reported as solicited. Only the first 125 bytes of the payload are
    /// sent; `mask` is as in [`close`](Self::close). After a Close was sent, this does nothing.
    ///
    /// A Pong may answer several Pings, so at most as many Pongs are solicited as Pings were sent. At most 16,383 are awaited
    /// at a time.
    pub fn ping(&mut self, payload: &[u8], mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
        if !self.has_sent_close() {
            self.encode_control(Opcode::Ping, control(payload), mask, out);
            self.bits += u16::from(self.bits & PINGS < PINGS);
        }
    }

    /// Keeps the payload of a Pong for later and replaces a waiting one: a Pong answers all the Pings before it (RFC 6455,
    /// section 5.5.3), so a flood of Pings costs one frame.
    ///
    /// Use it when the connection is congested; otherwise encode the Pong directly. Only the first 125 bytes are kept. After
    /// a Close was sent, this does nothing.
    pub fn queue_pong(&mut self, payload: &[u8]) {
        if !self.has_sent_close() {
            self.rare_mut().pong = Some(control(payload).into());
        }
    }

    /// Appends the waiting Pong, if any, and returns whether there was one. `mask` is as in [`close`](Self::close).
    pub fn take_pong(&mut self, mask: Option<[u8; 4]>, out: &mut Vec<u8>) -> bool {
        let Some(pong) = self.rare.as_mut().and_then(|rare| rare.pong.take()) else { return false };
        self.encode_control(Opcode::Pong, &pong, mask, out);
        self.tidy();
        true
    }

    /// Whether a Pong waits.
    #[inline]
    pub fn has_pong(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.pong.is_some())
    }

    /// Whether this is the client's end. A client's frames are masked.
    #[inline]
    pub const fn is_client(&self) -> bool {
        matches!(self.role, Role::Client)
    }

    /// Whether a Close was sent or received: no more data may be sent.
    #[inline]
    pub const fn is_closing(&self) -> bool {
        self.state as u8 >= State::PeerClosed as u8
    }

    /// Whether a Close was sent.
    #[inline]
    pub const fn has_sent_close(&self) -> bool {
        self.state as u8 >= State::Closing as u8
    }

    /// Whether the peer's Close was received. If both were, the closing handshake is over.
    #[inline]
    pub const fn has_received_close(&self) -> bool {
        matches!(self.state, State::PeerClosed | State::Closed)
    }

    /// Whether a message has begun and is not complete: some fragments, or a part of a long frame, have been used. The caller
    /// may want a deadline for the rest.
    #[inline]
    pub fn is_inside_message(&self) -> bool {
        self.state == State::Message
    }

    /// Bytes that it holds on the heap: for a message that spans frames or reads, for a waiting Pong, and for the window of
    /// compressed messages.
    pub fn heap_bytes(&self) -> usize {
        self.rare.as_ref().map_or(0, |rare| {
            let message = rare.message.as_ref().map_or(0, Spanning::heap_bytes);
            let inflation = rare.inflation.as_ref().map_or(0, Inflation::heap_bytes);
            size_of::<Rare>() + message + rare.pong.as_ref().map_or(0, |pong| pong.len()) + inflation
        })
    }

    /// The short frame that a client receives has a way of its own as well; anything else takes the long way round.
    #[inline(never)]
    fn step_long<'b>(
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

    #[inline]
    fn advance(&mut self, rx: &[u8], whole: &mut Vec<u8>, limits: &Limits) -> Result<Advance, Error> {
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
        let bytes_max =
            if header.is_compressed { limits.whole_bytes_max() } else { limits.message_bytes_max };
        if header.payload_bytes > bytes_max as u64 {
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

    /// The frame stays in the caller's buffer until it is whole; but what of its text is there is checked.
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

    /// What is accepted of the other end.
    #[inline]
    fn accepts(&self, limits: &Limits) -> Accepts {
        Accepts { role: self.role, compressed: self.bits & INFLATES != 0, unmasked: limits.accept_unmasked }
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
            message.reuse(whole);
            return message.take(rx).map(Advance::Took);
        }
        let header = if message.frame_bytes_left() > 0 { None } else { Header::parse(rx, accepts)? };
        // What came before a control frame, or before nothing for now, is handed out first.
        if message.has_part() && header.is_none_or(|header| header.opcode.is_control()) {
            return Ok(Advance::Part(message.take_part(whole), false));
        }
        let Some(header) = header else { return Ok(Advance::Starved) };
        if header.opcode.is_control() {
            return Ok(whole_frame(header, rx));
        }
        message.go_on(&header, limits)?;
        Ok(Advance::Took(header.header_bytes))
    }

    fn finish(&mut self, whole: &mut Vec<u8>) -> Advance {
        let message = self.rare.as_mut().and_then(|rare| rare.message.take());
        let Some(message) = message else { return Advance::Starved };
        self.tidy();
        self.state = State::Open;
        let streams = message.streams();
        let (kind, is_compressed, bytes) = message.finish();
        *whole = bytes;
        if streams { Advance::Part(kind, true) } else { Advance::Whole(kind, is_compressed) }
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

    /// Our Close is sent: a message that has begun will not be delivered, but its current frame must be got past.
    fn drop_rest(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.pong = None;
            let message = rare.message.take();
            rare.dropping_bytes = message.map_or(0, |message| message.frame_bytes_left() as u64);
        }
        self.checked_bytes = 0;
        self.tidy();
    }

    /// The event for a payload that is whole and unmasked.
    fn deliver<'b>(&mut self, opcode: Opcode, payload: &'b [u8], used: usize) -> Step<Event<'b>, Error> {
        let event = match opcode {
            Opcode::Text => match utf8::text(payload) {
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
            Opcode::Text => match utf8::text(part) {
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

    fn fault<'b>(&mut self, error: Error) -> Step<Event<'b>, Error> {
        Step::Fault(self.end_with(error))
    }

    #[cold]
    #[inline(never)]
    fn end_with(&mut self, error: Error) -> Error {
        self.end(State::Failed, State::FailedClosing);
        error
    }

    /// Nothing more is listened to, in one of two phases: before our Close, and after it.
    fn end(&mut self, before: State, after: State) {
        self.state = if self.has_sent_close() { after } else { before };
        if let Some(rare) = &mut self.rare {
            (rare.message, rare.dropping_bytes) = (None, 0);
            rare.inflation = None;
        }
        self.tidy();
    }

    fn encode_control(&self, opcode: Opcode, payload: &[u8], mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
        debug_assert_eq!(mask.is_some(), self.role == Role::Client, "the client masks, the server does not");
        match mask {
            Some(key) => encode::encode_masked(opcode, true, payload, key, out),
            None => encode::encode_frame(opcode, true, payload, out),
        }
    }

    fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Gives the memory back as soon as nothing is in it.
    fn tidy(&mut self) {
        if self.rare.as_ref().is_some_and(|rare| rare.is_empty()) {
            self.rare = None;
        }
    }
}

impl Rare {
    fn is_empty(&self) -> bool {
        self.message.is_none() && self.dropping_bytes == 0 && self.pong.is_none() && self.inflation.is_none()
    }
}

/// As much of a control frame's payload as it may have.
fn control(payload: &[u8]) -> &[u8] {
    &payload[..payload.len().min(CONTROL_BYTES_MAX)]
}

fn whole_frame(header: Header, rx: &[u8]) -> Advance {
    match header.end_in(rx) {
        Some(end) => Advance::Frame(header, end),
        None => Advance::Starved,
    }
}

/// In [`Machine::bits`]: the peer may compress its messages.
const INFLATES: u16 = 1 << 15;
/// And they may refer to those before.
const TAKEOVER: u16 = 1 << 14;
/// How many Pongs are awaited.
const PINGS: u16 = TAKEOVER - 1;
/// The longest payload of a control frame (RFC 6455, section 5.5).
const CONTROL_BYTES_MAX: usize = 125;
/// The first byte of a text message in one frame.
const FINAL_TEXT: u8 = FIN | Opcode::Text as u8;
/// The first byte of a binary message in one frame.
const FINAL_BINARY: u8 = FIN | Opcode::Binary as u8;
/// The second byte of a masked frame with a length in two bytes.
const MASKED_LENGTH_16: u8 = MASKED | 126;
