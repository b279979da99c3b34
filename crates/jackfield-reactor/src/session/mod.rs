//! The protocol directly above a stream. No wires here.
//!
//! A wire reads from and writes to a [`Session`]: the stream itself, TLS above it, or a preamble before either.

#[cfg(feature = "tls")]
mod below;
pub(crate) mod connecting;
#[cfg(feature = "tls")]
mod decrypt_buffer;
#[cfg(feature = "tls")]
pub(crate) mod hello;
pub(crate) mod preamble;
#[cfg(feature = "tls")]
mod records;
#[cfg(feature = "tls")]
pub(crate) mod tls;

use self::connecting::{Above, Connecting};
#[cfg(feature = "tls")]
use self::hello::{Hello, HelloAnswer};
use self::preamble::{PreambleParser, PreambleReader, Proxied};
#[cfg(feature = "tls")]
use self::tls::{Ahead, Tls};
use crate::reason::Reason;
use crate::stream::Stream;
use crate::stream::outcome::ReadOutcome;
use std::io::{self, ErrorKind, IoSlice};

/// What a wire reads from and writes to: a stream, or a protocol directly above it.
///
/// It is an enum and no trait object, so that the choice is one comparison for a plain TCP stream.
#[derive(Debug)]
pub enum Session {
    /// The stream without a further protocol.
    Plain(Stream),
    /// TLS above the stream.
    #[cfg(feature = "tls")]
    Tls(Box<Tls>),
    /// TLS whose configuration is chosen after the ClientHello was read.
    #[cfg(feature = "tls")]
    Hello(Box<Hello>),
    /// A preamble before one of the other sessions: see [`Session::with_preamble`].
    Preamble(Box<AfterPreamble>),
    /// An outgoing stream that is not connected yet.
    Connecting(Box<Connecting>),
}

/// A session that begins after a preamble: see [`Session::with_preamble`].
#[derive(Debug)]
pub struct AfterPreamble {
    preamble: PreambleReader,
    /// Bytes that came with the end of the preamble, and whether the stream was empty then.
    behind: Option<(Vec<u8>, bool)>,
    above: Session,
}

/// It is part of every wire, so it must be small. (With debug assertions mio keeps more in each socket.)
const _: () = assert!(size_of::<Session>() <= 16 || cfg!(debug_assertions));

impl From<Stream> for Session {
    fn from(stream: Stream) -> Self {
        Self::Plain(stream)
    }
}

#[cfg(feature = "tls")]
impl From<Tls> for Session {
    fn from(tls: Tls) -> Self {
        Self::Tls(Box::new(tls))
    }
}

#[cfg(feature = "tls")]
impl From<Hello> for Session {
    fn from(hello: Hello) -> Self {
        Self::Hello(Box::new(hello))
    }
}

impl Session {
    /// The session above a connected outgoing stream.
    pub(crate) fn of_client(stream: Stream, above: Above) -> Result<Self, Reason> {
        match above {
            Above::Plain => Ok(stream.into()),
            #[cfg(feature = "tls")]
            Above::Tls(config, name) => {
                Tls::client(stream, config, name).map(Self::from).map_err(|_| Reason::Tls)
            }
        }
    }

    /// Puts a preamble of at most `bytes_max` bytes before this session, such as the PROXY protocol's header. `parse` reads
    /// it, because the reactor knows no protocol. The preamble, and the handshake of the session if it has one, must be
    /// complete within [`Limits::handshake`](crate::Limits::handshake). If the first bytes are no valid preamble, or it is
    /// longer, or not complete in time, the connection is reset with [`Reason::Preamble`](crate::Reason::Preamble).
    #[must_use]
    pub fn with_preamble(self, parse: PreambleParser, bytes_max: usize) -> Self {
        let preamble = PreambleReader::new(parse, bytes_max);
        Self::Preamble(Box::new(AfterPreamble { preamble, behind: None, above: self }))
    }

    /// One read of plain bytes.
    #[inline(always)]
    pub(crate) fn read(&mut self, room: &mut [u8]) -> ReadOutcome {
        match self {
            Self::Plain(stream) => stream.read(room),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.decrypt(room),
            #[cfg(feature = "tls")]
            Self::Hello(hello) => hello.read(),
            Self::Preamble(behind) => behind.read(room),
            Self::Connecting(_) => ReadOutcome::Nothing,
        }
    }

    #[inline(always)]
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            other => other.write_vectored(&[IoSlice::new(bytes)]),
        }
    }

    #[inline(never)]
    pub(crate) fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write_vectored(slices),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.encrypt(slices),
            #[cfg(feature = "tls")]
            Self::Hello(_) => Err(ErrorKind::WouldBlock.into()),
            Self::Preamble(behind) => behind.above.write_vectored(slices),
            Self::Connecting(_) => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// Writes encrypted bytes that the kernel has not taken. The outbox does not see them, so this is called at each
    /// writable event. `Ok(true)`: nothing is left.
    pub(crate) fn write_pending(&mut self) -> io::Result<bool> {
        match self {
            Self::Plain(_) | Self::Connecting(_) => Ok(true),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.write_pending(),
            #[cfg(feature = "tls")]
            Self::Hello(hello) => hello.write_pending(),
            Self::Preamble(behind) => behind.above.write_pending(),
        }
    }

    /// True if it encrypts, and may keep encrypted bytes.
    pub(crate) fn encrypts(&self) -> bool {
        match self {
            Self::Plain(_) | Self::Connecting(_) => false,
            #[cfg(feature = "tls")]
            Self::Tls(_) | Self::Hello(_) => true,
            Self::Preamble(behind) => behind.above.encrypts(),
        }
    }

    /// The charge of what it keeps.
    pub(crate) fn charge_mut(&mut self) -> Option<&mut u32> {
        match self {
            Self::Plain(_) | Self::Connecting(_) => None,
            #[cfg(feature = "tls")]
            Self::Tls(tls) => Some(tls.charge_mut()),
            #[cfg(feature = "tls")]
            Self::Hello(hello) => Some(hello.charge_mut()),
            Self::Preamble(behind) => behind.above.charge_mut(),
        }
    }

    /// The bytes that it keeps beyond what each session has: encrypted ones that the kernel has not taken, and input of the
    /// peer that is not complete.
    pub(crate) fn kept_bytes(&self) -> usize {
        match self {
            Self::Plain(_) | Self::Connecting(_) => 0,
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.kept_bytes(),
            #[cfg(feature = "tls")]
            Self::Hello(hello) => hello.kept_bytes(),
            Self::Preamble(behind) => behind.above.kept_bytes(),
        }
    }

    /// The number of encrypted bytes that it keeps.
    pub(crate) fn encrypted_bytes(&self) -> usize {
        match self {
            Self::Plain(_) | Self::Connecting(_) => 0,
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.encrypted_bytes(),
            #[cfg(feature = "tls")]
            Self::Hello(hello) => hello.waiting_bytes(),
            Self::Preamble(behind) => behind.above.encrypted_bytes(),
        }
    }

    /// The number of plain bytes that it was given and that the kernel may not have yet.
    pub(crate) fn unwritten_bytes(&self) -> usize {
        match self {
            Self::Plain(_) | Self::Connecting(_) => 0,
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.unwritten_bytes(),
            #[cfg(feature = "tls")]
            Self::Hello(hello) => hello.waiting_bytes(),
            Self::Preamble(behind) => behind.above.unwritten_bytes(),
        }
    }

    /// What it is charged for [`Session::kept_bytes`].
    pub(crate) fn charged(&self) -> u32 {
        match self {
            Self::Plain(_) | Self::Connecting(_) => 0,
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.charged(),
            #[cfg(feature = "tls")]
            Self::Hello(hello) => hello.charged(),
            Self::Preamble(behind) => behind.above.charged(),
        }
    }

    /// True if the last read has emptied the stream although it did not say so, because what the session keeps is to be charged
    /// first.
    pub(crate) fn has_emptied_stream(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls().is_some_and(Tls::has_emptied_stream);
        #[cfg(not(feature = "tls"))]
        false
    }

    /// How many encrypted bytes the last read has taken from the stream. Zero without TLS.
    pub(crate) fn encrypted_bytes_read(&self) -> usize {
        #[cfg(feature = "tls")]
        return self.tls().map_or(0, Tls::encrypted_bytes_read);
        #[cfg(not(feature = "tls"))]
        0
    }

    /// True during the handshake, when nothing can be sent above the session.
    pub(crate) fn is_handshaking(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Connecting(_) => true,
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.is_handshaking(),
            #[cfg(feature = "tls")]
            Self::Hello(_) => true,
            Self::Preamble(behind) => {
                !behind.preamble.is_done || behind.behind.is_some() || behind.above.is_handshaking()
            }
        }
    }

    /// True if this side sends first.
    pub(crate) fn sends_first(&self) -> bool {
        match self {
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.is_client(),
            _ => false,
        }
    }

    /// True if it has a preamble that was not read yet.
    pub(crate) fn awaits_preamble(&self) -> bool {
        matches!(self, Self::Preamble(behind) if !behind.preamble.is_done)
    }

    /// The addresses in the preamble, when it was read. Returned once.
    pub(crate) fn take_proxied(&mut self) -> Option<Proxied> {
        let Self::Preamble(behind) = self else { return None };
        behind.preamble.proxied.take()
    }

    /// Replaces the preamble by the session after it.
    pub(crate) fn leave_preamble(&mut self) {
        if let Self::Preamble(behind) = self {
            *self = std::mem::replace(&mut behind.above, Self::Plain(Stream::Closed));
        }
    }

    /// Adds bytes that were read before this session began. They are its first.
    #[cold]
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        #[cfg(feature = "tls")]
        match self {
            Self::Tls(tls) => tls.feed(bytes),
            Self::Hello(hello) => hello.feed(bytes),
            _ => {}
        }
        #[cfg(not(feature = "tls"))]
        let _ = bytes;
    }

    /// Ends our side. `Ok(false)`: the kernel does not take that yet; call it again at the next writable event.
    pub(crate) fn shutdown_write(&mut self) -> io::Result<bool> {
        match self {
            Self::Plain(stream) => stream.shutdown_write().map(|()| true),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.close(),
            #[cfg(feature = "tls")]
            Self::Hello(hello) => hello.close(),
            Self::Preamble(behind) => behind.above.shutdown_write(),
            Self::Connecting(_) => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// True if closing the socket already sends all that [`Session::shutdown_write`] would send.
    pub(crate) fn closes_in_order(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// True if it is known that no bytes wait to be read. It takes no bytes, but TLS decrypts those that are there.
    pub(crate) fn is_empty(&mut self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_empty(),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.peek() != Ahead::Bytes,
            #[cfg(feature = "tls")]
            Self::Hello(_) => false,
            Self::Preamble(_) | Self::Connecting(_) => false,
        }
    }

    /// True if it is known that the peer's end comes next. It takes no bytes, but TLS decrypts those that are there.
    pub(crate) fn is_at_end(&mut self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_at_end(),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.peek() == Ahead::End,
            #[cfg(feature = "tls")]
            Self::Hello(_) => false,
            Self::Preamble(_) | Self::Connecting(_) => false,
        }
    }

    /// Reads bytes to drop them.
    pub(crate) fn discard(&mut self, room: &mut [u8]) -> ReadOutcome {
        self.stream_mut().read(room)
    }

    /// The stream below.
    pub(crate) fn stream(&self) -> &Stream {
        match self {
            Self::Plain(stream) => stream,
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.stream(),
            #[cfg(feature = "tls")]
            Self::Hello(hello) => hello.stream(),
            Self::Preamble(behind) => behind.above.stream(),
            Self::Connecting(connecting) => &connecting.stream,
        }
    }

    /// The stream below.
    pub(crate) fn stream_mut(&mut self) -> &mut Stream {
        match self {
            Self::Plain(stream) => stream,
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.stream_mut(),
            #[cfg(feature = "tls")]
            Self::Hello(hello) => hello.stream_mut(),
            Self::Preamble(behind) => behind.above.stream_mut(),
            Self::Connecting(connecting) => &mut connecting.stream,
        }
    }

    /// Keeps the stream alone, for a wire that only discards what still comes.
    pub(crate) fn keep_stream_only(&mut self) {
        *self = Self::Plain(std::mem::replace(self.stream_mut(), Stream::Closed));
    }

    /// The TLS session, if there is one.
    #[cfg(feature = "tls")]
    pub(crate) fn tls(&self) -> Option<&Tls> {
        match self {
            Self::Plain(_) | Self::Connecting(_) | Self::Hello(_) => None,
            Self::Tls(tls) => Some(tls),
            Self::Preamble(behind) => behind.above.tls(),
        }
    }

    /// The hello, if it is awaited or not answered yet.
    #[cfg(feature = "tls")]
    pub(crate) fn hello(&self) -> Option<&Hello> {
        match self {
            Self::Hello(hello) => Some(hello),
            Self::Preamble(behind) => behind.above.hello(),
            Self::Plain(_) | Self::Connecting(_) | Self::Tls(_) => None,
        }
    }

    /// The hello, to take or to refuse it.
    #[cfg(feature = "tls")]
    pub(crate) fn hello_mut(&mut self) -> Option<&mut Hello> {
        match self {
            Self::Hello(hello) => Some(hello),
            Self::Preamble(_) | Self::Plain(_) | Self::Connecting(_) | Self::Tls(_) => None,
        }
    }

    /// Answers a hello that was taken. False: with an alert, or the bytes after the hello break TLS.
    #[cfg(feature = "tls")]
    pub(crate) fn answer_hello(&mut self, answer: HelloAnswer) -> bool {
        match std::mem::replace(self, Self::Plain(Stream::Closed)) {
            Self::Hello(hello) => {
                let (session, is_secured) = match hello.into_tls(answer) {
                    Ok(mut tls) => {
                        let is_in_order = tls.read_after_hello();
                        (tls.into(), is_in_order)
                    }
                    Err(hello) => (Self::Hello(hello), false),
                };
                *self = session;
                is_secured
            }
            other => {
                *self = other;
                false
            }
        }
    }
}

impl AfterPreamble {
    /// Reads the preamble, and then the bytes after it.
    #[cold]
    fn read(&mut self, room: &mut [u8]) -> ReadOutcome {
        let Self { preamble, behind, above } = self;
        if let Some((rest, drained)) = behind.take() {
            return above.read_on(&rest, drained, room);
        }
        if preamble.is_done {
            return above.read(room);
        }
        match preamble.read(above.stream_mut(), room) {
            Err(outcome) => outcome,
            Ok(rest) => {
                *behind = Some(rest);
                ReadOutcome::Preamble
            }
        }
    }
}

impl Session {
    /// Reads the session, beginning with bytes that were read already.
    #[cold]
    fn read_on(&mut self, rest: &[u8], drained: bool, room: &mut [u8]) -> ReadOutcome {
        match self {
            #[cfg(feature = "tls")]
            Self::Tls(tls) => {
                tls.feed(rest);
                tls.decrypt(room)
            }
            #[cfg(feature = "tls")]
            Self::Hello(hello) => {
                hello.feed(rest);
                hello.read()
            }
            _ if !rest.is_empty() => {
                room[..rest.len()].copy_from_slice(rest);
                ReadOutcome::Bytes { count: rest.len(), drained }
            }
            // The peer's end may follow the preamble without a further event.
            _ => self.read(room),
        }
    }
}
