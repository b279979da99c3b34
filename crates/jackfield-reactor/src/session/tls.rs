//! TLS below every protocol: the only file that knows how rustls is driven.
//!
//! Its face is small, so that another way of driving rustls changes this file only: `decrypt` reads encrypted bytes and
//! gives plain ones, `encrypt` takes plain bytes and writes encrypted ones, `push` writes what is still encrypted, `close` says
//! goodbye, and `is_handshaking` tells the state.

use super::below::{Bare, Below, DECODE_ERROR, NO_TLS, fatal_alert, not_taken};
use crate::reason::Reason;
use crate::stream::Stream;
use crate::stream::outcome::ReadOutcome;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;

/// A stream with TLS above it.
#[derive(Debug)]
pub struct Tls {
    below: Below,
    session: Connection,
    /// An error of the stream that was met behind good bytes, and is told after them; or what was refused, and why.
    fault: Option<io::Error>,
    /// The peer's end came without its goodbye.
    was_cut: bool,
    /// Bytes that were encrypted and that the kernel has not taken; rustls does not tell how many they are. At least so
    /// many: what the records add is not counted.
    encrypted: usize,
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
        Self::on(Below::new(stream), session)
    }

    /// The same above a stream that has been read from.
    pub(super) fn on(below: Below, session: impl Into<Connection>) -> Self {
        let mut session = session.into();
        // rustls then takes what it is given and never more than it can encrypt: see `encrypt`.
        session.set_buffer_limit(Some(ENCRYPTED_BYTES_MAX));
        Self { below, session, fault: None, was_cut: false, encrypted: 0, unpushed: 0 }
    }

    /// Takes what was read behind the hello that it was made from. False: that breaks TLS.
    pub(super) fn read_behind_hello(&mut self) -> bool {
        match self.session.process_new_packets() {
            Ok(_) => true,
            Err(error) => {
                self.refuse(io::Error::other(error));
                false
            }
        }
    }

    /// Answers so, unencrypted, to a peer whose first byte is not that of a TLS handshake, such as a browser that was
    /// pointed at the port with `http:`. The connection ends with [`Reason::Tls`](crate::Reason::Tls) as without it.
    #[must_use]
    pub fn with_plain_answer(mut self, answer: &'static [u8]) -> Self {
        self.below.set_plain_answer(answer);
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
        &self.below.stream
    }

    pub(crate) fn stream_mut(&mut self) -> &mut Stream {
        &mut self.below.stream
    }

    /// Bytes that were read from the stream already: they come before what is still to be read from it.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.below.feed(bytes);
    }

    /// Bytes that were said already: the kernel gets them before anything of this session.
    pub(crate) fn say_before(&mut self, bytes: &[u8]) {
        self.below.say(bytes);
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
                Ok(_) if self.below.has_said_last() => return self.refuse(io::Error::other(NO_TLS)),
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
        if !self.session.wants_write() && !self.below.has_said_last() {
            let is_plain = self.session.protocol_version().is_none();
            self.below.alert(if is_plain { &DECODE_ERROR_ALERT } else { &[] });
        }
        ReadOutcome::Refused(Reason::Tls)
    }

    fn read_records(&mut self) -> io::Result<usize> {
        let Self { below, session, .. } = self;
        below.read_into(|stream| session.read_tls(stream))
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
        if !self.below.push()? {
            return Ok(false);
        }
        while self.session.wants_write() {
            match self.session.write_tls(&mut Bare(&mut self.below.stream)) {
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
        (&mut self.below.charged, bytes)
    }

    pub(crate) fn encrypted_bytes(&self) -> usize {
        self.encrypted + self.below.waiting()
    }

    /// Of the bytes in plain text that it was given so many at most have not reached the kernel whole, as records.
    pub(crate) fn unpushed_bytes(&self) -> usize {
        self.unpushed as usize + self.below.waiting()
    }

    pub(crate) fn charged(&self) -> u32 {
        self.below.charged
    }

    /// Says goodbye, so that the peer can tell the end from a cut. `Ok(false)`: the kernel did not take all of it.
    pub(crate) fn close(&mut self) -> io::Result<bool> {
        if !self.below.has_said_last() {
            self.session.send_close_notify();
        }
        if !self.push()? {
            return Ok(false);
        }
        self.below.stream.shutdown_write()?;
        Ok(true)
    }
}

/// What was read so far is told first, and the end when it is asked for again.
fn bytes_or(end: ReadOutcome, count: usize) -> ReadOutcome {
    if count == 0 { end } else { ReadOutcome::Bytes { count, drained: false } }
}

/// What rustls may hold encrypted before the kernel takes it: one write's worth of records.
const ENCRYPTED_BYTES_MAX: usize = 64 << 10;
/// What is said of a handshake message that is too long.
const DECODE_ERROR_ALERT: [u8; 7] = fatal_alert(DECODE_ERROR);
