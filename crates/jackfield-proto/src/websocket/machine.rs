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
//! loop, and only when it has found an event is the buffer borrowed for it. [`Machine::short_frame_bytes`] and
//! [`Machine::medium_frame_bytes`] are for the frames that nearly all frames are, small enough to be part of the caller, and
//! [`Machine::step_long`] for the rest.

mod advance;
mod deliver;
mod plain;

use super::frame::{Accepts, Role};
use super::head::{FrameHead, NextFrame};
use super::inflation::Inflation;
use super::scratch::Scratch;
use super::spanning::Spanning;
use super::{CloseError, Error, Event, Limits, Opcode, close, encode};
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
    /// have come after those that it kept; the kept bytes must not change. After [`Step::Fault`], and after the peer's
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
        if let Some(bytes) = self.short_frame_bytes(rx, limits) {
            return match self.take_short_frame(&mut rx[..bytes]) {
                Ok(message) => Step::Event(bytes, Event::Message(message)),
                Err(error) => Step::Fault(error),
            };
        }
        if let Some(bytes) = self.medium_frame_bytes(rx, limits) {
            return match self.take_medium_frame(&mut rx[..bytes]) {
                Ok(message) => Step::Event(bytes, Event::Message(message)),
                Err(error) => Step::Fault(error),
            };
        }
        self.step_long(rx, scratch, limits)
    }

    /// The frame at the front of `rx`, for a caller that looks at frames before the machine gets them. Call it only where a
    /// frame begins: after the last byte of the previous frame.
    ///
    /// To leave the frame to the machine, give the machine no bytes after the end of the frame, so that you know where the
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
    pub fn encode_queued_pong(&mut self, mask: Option<[u8; 4]>, out: &mut Vec<u8>) -> bool {
        let Some(pong) = self.rare.as_mut().and_then(|rare| rare.pong.take()) else { return false };
        self.encode_control(Opcode::Pong, &pong, mask, out);
        self.tidy();
        true
    }

    /// Whether a Pong waits.
    #[inline]
    pub fn has_queued_pong(&self) -> bool {
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

    /// What the other end may send.
    #[inline]
    fn accepts(&self, limits: &Limits) -> Accepts {
        Accepts { role: self.role, compressed: self.bits & INFLATES != 0, unmasked: limits.accept_unmasked }
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

/// In [`Machine::bits`]: the peer may compress its messages.
const INFLATES: u16 = 1 << 15;
/// And they may refer to those before.
const TAKEOVER: u16 = 1 << 14;
/// How many Pongs are awaited.
const PINGS: u16 = TAKEOVER - 1;
/// The longest payload of a control frame (RFC 6455, section 5.5).
const CONTROL_BYTES_MAX: usize = 125;
