//! TLS below every protocol: the only file that knows how rustls is driven.
//!
//! Its face is small, so that another way of driving rustls changes this file only: `decrypt` reads encrypted bytes and
//! gives plain ones, `encrypt` takes plain bytes and writes encrypted ones, `push` writes what is still encrypted, `close` says
//! goodbye, and `is_handshaking` tells the state.

use crate::reason::Reason;
use crate::stream::Stream;
use crate::stream::outcome::ReadOutcome;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;

/// A stream with TLS above it.
#[derive(Debug)]
pub struct Tls {
    stream: Stream,
    session: Connection,
    /// Bytes that were read from the stream before there was a session: they are its first. They are no more than one read
    /// and what was carried, are gone when it is read next, and are not charged.
    early: VecDeque<u8>,
    /// Bytes in plain text, said before there was a session or instead of one, that the kernel has not
    /// taken: they go before those of the session.
    before: Vec<u8>,
    /// An error of the stream that was met behind good bytes, and is told after them; or what was refused, and why.
    fault: Option<io::Error>,
    /// The peer's end came without its goodbye.
    was_cut: bool,
    plain: Plain,
    /// Bytes that were encrypted and that the kernel has not taken; rustls does not tell how many they are. At least so
    /// many: what the records add is not counted.
    encrypted: usize,
    /// What of them is charged in the account of the reactor.
    charged: u32,
    /// Bytes in plain text that were given to rustls since the kernel last had all: so many of them it may not have.
    unpushed: u32,
}

/// What a peer has said last and that was not read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ahead {
    /// Nothing, as far as is known.
    Nothing,
    /// Bytes, or an error.
    Bytes,
    /// Its end.
    End,
}

/// What is said to a peer that doesn't speak TLS at all.
#[derive(Clone, Copy, Debug)]
enum Plain {
    /// An alert, as to any other whose records are malformed; or it did speak TLS.
    Nothing,
    /// This, if the first byte is not that of a handshake.
    Answer(&'static [u8]),
    /// It was said. No record must follow.
    Said,
}

impl Tls {
    /// The server's side of a connection.
    ///
    /// # Errors
    /// If rustls refuses the configuration.
    pub fn server(stream: Stream, config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        Ok(Self::above(stream, ServerConnection::new(config)?))
    }

    /// The client's side of a connection to a server of that name.
    ///
    /// # Errors
    /// If rustls refuses the configuration.
    pub fn client(
        stream: Stream,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Self, rustls::Error> {
        Ok(Self::above(stream, ClientConnection::new(config, name)?))
    }

    /// A session of rustls above a stream.
    pub(crate) fn above(stream: Stream, session: impl Into<Connection>) -> Self {
        let mut session = session.into();
        // rustls then takes what it is given and never more than it can encrypt: see `encrypt`.
        session.set_buffer_limit(Some(ENCRYPTED_BYTES_MAX));
        Self {
            stream,
            session,
            early: VecDeque::new(),
            before: Vec::new(),
            fault: None,
            was_cut: false,
            plain: Plain::Nothing,
            encrypted: 0,
            charged: 0,
            unpushed: 0,
        }
    }

    /// Answers so, unencrypted, to a peer whose first byte is not that of a TLS handshake, such as a browser that was
    /// pointed at the port with `http:`. The connection ends with [`Reason::Tls`](crate::Reason::Tls) as without it.
    #[must_use]
    pub fn with_plain_answer(mut self, answer: &'static [u8]) -> Self {
        self.plain = Plain::Answer(answer);
        self
    }

    /// The session of rustls: what was negotiated.
    pub fn session(&self) -> &Connection {
        &self.session
    }

    /// True if the peer's end came without the goodbye of TLS, so that somebody else may have cut the connection.
    pub fn was_cut(&self) -> bool {
        self.was_cut
    }

    /// The host that the peer has asked for.
    pub(crate) fn server_name(&self) -> Option<&str> {
        match &self.session {
            Connection::Server(session) => session.server_name(),
            Connection::Client(_) => None,
        }
    }

    /// What was met last that ends the connection, if anything was.
    pub(crate) fn fault(&self) -> Option<&io::Error> {
        self.fault.as_ref()
    }

    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    pub(crate) fn stream_mut(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// Bytes that were read from the stream already: they come before what is still to be read from it.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first() {
            self.look_at_first(*first);
        }
        self.early.extend(bytes);
    }

    /// Bytes that were said already: the kernel gets them before anything of this session.
    pub(crate) fn say_before(&mut self, bytes: Vec<u8>) {
        self.before = bytes;
    }

    pub(crate) fn is_client(&self) -> bool {
        matches!(self.session, Connection::Client(_))
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.session.is_handshaking()
    }

    /// Reads until the room is full or the socket is empty.
    pub(crate) fn decrypt(&mut self, room: &mut [u8]) -> ReadOutcome {
        if let Some(error) = self.fault.take() {
            return ReadOutcome::Failed(error);
        }
        let outcome = self.decrypt_records(room);
        // Flights of the handshake, alerts and key updates, whatever was read.
        match (self.push(), outcome) {
            (Err(error), ReadOutcome::Nothing) => ReadOutcome::from_error(error),
            (_, outcome) => outcome,
        }
    }

    /// What comes next, of what is here already: it is decrypted for that, up to the first bytes, and kept by rustls, which
    /// takes no more than one read.
    #[cold]
    pub(crate) fn peek(&mut self) -> Ahead {
        if self.fault.is_some() {
            return Ahead::Bytes;
        }
        loop {
            // An error is found again, and told, when it is read on.
            let Ok(state) = self.session.process_new_packets() else { return Ahead::Bytes };
            if state.plaintext_bytes_to_read() > 0 {
                return Ahead::Bytes;
            }
            if state.peer_has_closed() {
                return Ahead::End;
            }
            match self.read_records() {
                Ok(0) => {
                    self.was_cut = true;
                    return Ahead::End;
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ahead::Nothing,
                Err(error) => {
                    self.fault = Some(error);
                    return Ahead::Bytes;
                }
            }
        }
    }

    fn decrypt_records(&mut self, room: &mut [u8]) -> ReadOutcome {
        let mut count = 0;
        loop {
            match self.session.reader().read(&mut room[count..]) {
                // close_notify: the peer's end, in good order.
                Ok(0) => return bytes_or(ReadOutcome::End, count),
                Ok(more) => count += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    self.was_cut = true;
                    return bytes_or(ReadOutcome::End, count);
                }
                Err(error) => return self.bytes_before(error, count),
            }
            if count == room.len() {
                return ReadOutcome::Bytes { count, drained: false };
            }
            match self.read_records() {
                // The session says at the next read whether that is in good order.
                Ok(0) if self.is_handshaking() => return ReadOutcome::End,
                Ok(_) if matches!(self.plain, Plain::Said) => return self.refuse(io::Error::other(NO_TLS)),
                Ok(_) => {
                    if let Err(error) = self.session.process_new_packets() {
                        return self.refuse(io::Error::other(error));
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return if count == 0 {
                        ReadOutcome::Nothing
                    } else {
                        ReadOutcome::Bytes { count, drained: true }
                    };
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Of the stream nothing is invalid: rustls has no room for more of one message.
                Err(error) if error.kind() == ErrorKind::InvalidData => return self.refuse(error),
                Err(error) => return self.bytes_before(error, count),
            }
        }
    }

    /// What was read breaks TLS. What came before it can't be answered any more: the peer hears an alert and nothing after
    /// it. Of a handshake message that is too long rustls says none; in plain text it is said here, and what is encrypted
    /// already ends without a goodbye, so that it does not look like an end in good order.
    #[cold]
    fn refuse(&mut self, why: io::Error) -> ReadOutcome {
        self.fault = Some(why);
        if !self.session.wants_write() && !matches!(self.plain, Plain::Said) {
            if self.session.protocol_version().is_none() {
                self.before.extend_from_slice(&ALERT_DECODE_ERROR);
            }
            self.plain = Plain::Said;
        }
        ReadOutcome::Refused(Reason::Tls)
    }

    /// Gives rustls what was read already, or else what the stream has. The first byte of all is looked at on the way.
    fn read_records(&mut self) -> io::Result<usize> {
        let Self { stream, session, early, plain, .. } = self;
        if !early.is_empty() {
            let count = session.read_tls(early)?;
            if early.is_empty() {
                *early = VecDeque::new();
            }
            return Ok(count);
        }
        if !matches!(plain, Plain::Answer(_)) {
            return session.read_tls(&mut Below(stream));
        }
        let mut first = None;
        let count = session.read_tls(&mut First { stream, byte: &mut first })?;
        self.look_at_first(first.unwrap_or(RECORD_OF_HANDSHAKE));
        Ok(count)
    }

    /// The first byte of all that the peer says.
    fn look_at_first(&mut self, byte: u8) {
        let Plain::Answer(answer) = self.plain else { return };
        if byte == RECORD_OF_HANDSHAKE {
            self.plain = Plain::Nothing;
        } else {
            self.before.extend_from_slice(answer);
            self.plain = Plain::Said;
        }
    }

    /// The error, or first the bytes that lay before it.
    #[cold]
    fn bytes_before(&mut self, error: io::Error, count: usize) -> ReadOutcome {
        if count == 0 {
            return ReadOutcome::Failed(error);
        }
        self.fault = Some(error);
        ReadOutcome::Bytes { count, drained: false }
    }

    /// Takes until the kernel blocks: a short count means "an edge will come", as with a bare socket. rustls alone
    /// would take its fill and stop, and nothing would ever wake us.
    pub(crate) fn encrypt(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut taken = 0;
        for slice in slices {
            let mut rest: &[u8] = slice;
            while !rest.is_empty() {
                if !self.push()? {
                    return if taken == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(taken) };
                }
                let count = self.session.writer().write(rest)?;
                self.encrypted += count;
                self.unpushed += count as u32;
                (taken, rest) = (taken + count, &rest[count..]);
            }
        }
        self.push()?;
        Ok(taken)
    }

    /// Writes what is encrypted. `Ok(false)`: the kernel did not take all of it.
    pub(crate) fn push(&mut self) -> io::Result<bool> {
        while !self.before.is_empty() {
            match self.stream.write(&self.before) {
                Ok(count) => drop(self.before.drain(..count)),
                Err(error) => return not_taken(error),
            }
        }
        while self.session.wants_write() {
            match self.session.write_tls(&mut Below(&mut self.stream)) {
                Ok(count) => self.encrypted = self.encrypted.saturating_sub(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return not_taken(error),
            }
        }
        (self.encrypted, self.unpushed) = (0, 0);
        Ok(true)
    }

    /// Bytes that were encrypted and not taken yet, and the place where they are charged.
    pub(crate) fn encrypted(&mut self) -> (&mut u32, usize) {
        let bytes = self.encrypted_bytes();
        (&mut self.charged, bytes)
    }

    pub(crate) fn encrypted_bytes(&self) -> usize {
        self.encrypted + self.before.len()
    }

    /// Of the bytes in plain text that it was given so many at most have not reached the kernel whole, as records.
    pub(crate) fn unpushed_bytes(&self) -> usize {
        self.unpushed as usize + self.before.len()
    }

    pub(crate) fn charged(&self) -> u32 {
        self.charged
    }

    /// Says goodbye, so that the peer can tell the end from a cut. `Ok(false)`: the kernel did not take all of it.
    pub(crate) fn close(&mut self) -> io::Result<bool> {
        if !matches!(self.plain, Plain::Said) {
            self.session.send_close_notify();
        }
        if !self.push()? {
            return Ok(false);
        }
        self.stream.finish()?;
        Ok(true)
    }
}

/// A stream as rustls reads and writes it.
struct Below<'a>(&'a mut Stream);

impl Read for Below<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.receive(room)
    }
}

impl Write for Below<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The same, and the first byte that was read.
struct First<'a> {
    stream: &'a mut Stream,
    byte: &'a mut Option<u8>,
}

impl Read for First<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.receive(room)?;
        *self.byte = room[..count].first().copied();
        Ok(count)
    }
}

/// `Ok(false)`: the kernel takes nothing for now.
#[cold]
fn not_taken(error: io::Error) -> io::Result<bool> {
    if error.kind() == ErrorKind::WouldBlock { Ok(false) } else { Err(error) }
}

/// What was read so far is told first, and the end when it is asked for again.
fn bytes_or(end: ReadOutcome, count: usize) -> ReadOutcome {
    if count == 0 { end } else { ReadOutcome::Bytes { count, drained: false } }
}

/// What rustls may hold encrypted before the kernel takes it: one write's worth of records.
const ENCRYPTED_BYTES_MAX: usize = 64 << 10;
/// What is wrong with a peer whose first byte is not that of a handshake.
const NO_TLS: &str = "the peer does not speak TLS";
/// A fatal alert: a record of two bytes (RFC 8446, sections 5.1, 6 and 6.2).
const ALERT_DECODE_ERROR: [u8; 7] = [21, 3, 3, 0, 2, 2, 50];
/// The first byte of every TLS connection (RFC 8446, section 5.1).
const RECORD_OF_HANDSHAKE: u8 = 0x16;
