//! TLS below every protocol: the only file that knows how rustls is driven.
//!
//! Its interface is small, so that another way of driving rustls changes only this file: `decrypt` reads encrypted bytes and
//! returns plain ones, `encrypt` takes plain bytes and writes encrypted ones, `write_pending` writes encrypted bytes that wait, `close`
//! sends close_notify, and `is_handshaking` tells the state.

use super::below::{Bare, Below, DECODE_ERROR, NOT_TLS, fatal_alert, not_taken};
use super::decrypt_buffer::DecryptBuffer;
use super::records::{READ_BYTES, input_bytes};
use crate::reason::Reason;
use crate::stream::Stream;
use crate::stream::outcome::ReadOutcome;
use rustls::pki_types::ServerName;
use rustls::{
    ClientConfig, ClientConnection, Connection, IoState, ProtocolVersion, ServerConfig, ServerConnection,
};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;

/// TLS above a stream.
#[derive(Debug)]
pub struct Tls {
    below: Below,
    session: Connection,
    fault: Option<Fault>,
    /// The peer's FIN came without close_notify.
    was_cut: bool,
    /// Its close_notify has come. No event of the stream may tell of it any more.
    peer_has_closed: bool,
    /// Encrypted bytes that the last read has taken from the stream.
    encrypted_bytes_read: usize,
    /// A lower bound of the encrypted bytes that the kernel has not taken: rustls does not tell their number, and the
    /// bytes that records add are not counted. Zero only if all plain bytes have reached it.
    encrypted: usize,
    /// Plain bytes that were given to rustls since the kernel last took everything: at most this many have not reached
    /// it.
    unwritten: u32,
    /// Bytes of the input buffer of rustls beyond its first.
    input: usize,
    /// The last read has emptied the stream, but did not say so: see [`Tls::ask_for_charge`].
    has_emptied_stream: bool,
}

/// What ends it.
#[derive(Debug)]
enum Fault {
    /// An error of the stream that is reported after the bytes before it.
    Stream(io::Error),
    /// The reason of a refusal.
    Refused(io::Error),
}

/// What comes next from the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ahead {
    /// Nothing that is known.
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
    /// rustls refuses the configuration.
    pub fn server(stream: Stream, config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        Ok(Self::above(stream, ServerConnection::new(config)?))
    }

    /// The client's side of a connection to the server with this name.
    ///
    /// # Errors
    /// rustls refuses the configuration.
    pub fn client(
        stream: Stream,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Self, rustls::Error> {
        Ok(Self::above(stream, ClientConnection::new(config, name)?))
    }

    /// A rustls session above a stream.
    pub(crate) fn above(stream: Stream, session: impl Into<Connection>) -> Self {
        Self::on(Below::new(stream), session)
    }

    /// The same above a stream from which bytes were read already.
    pub(super) fn on(below: Below, session: impl Into<Connection>) -> Self {
        let mut session = session.into();
        // With a limit rustls takes no more than it can encrypt: see `encrypt`.
        session.set_buffer_limit(Some(ENCRYPTED_BYTES_MAX));
        Self {
            below,
            session,
            fault: None,
            was_cut: false,
            peer_has_closed: false,
            encrypted_bytes_read: 0,
            encrypted: 0,
            unwritten: 0,
            input: 0,
            has_emptied_stream: false,
        }
    }

    /// Handles the bytes that were read after the ClientHello. False: they break TLS.
    pub(super) fn read_after_hello(&mut self) -> bool {
        match self.session.process_new_packets() {
            Ok(state) => {
                self.peer_has_closed = state.peer_has_closed();
                self.measure_input();
                true
            }
            Err(error) => {
                self.refuse(io::Error::other(error));
                false
            }
        }
    }

    /// Sets the unencrypted answer to a peer whose first byte does not begin a TLS handshake, such as a browser that
    /// opened the port with `http:`. The connection ends with [`Reason::Tls`](crate::Reason::Tls), with or without it.
    #[must_use]
    pub fn with_plain_answer(mut self, answer: &'static [u8]) -> Self {
        self.below.set_plain_answer(answer);
        self
    }

    /// The rustls session, which knows what was negotiated.
    pub fn session(&self) -> &Connection {
        &self.session
    }

    /// True if the peer's FIN came without close_notify, so that an attacker may have cut the connection.
    pub fn was_cut(&self) -> bool {
        self.was_cut
    }

    /// The server name that the peer has asked for.
    pub(crate) fn server_name(&self) -> Option<&str> {
        match &self.session {
            Connection::Server(session) => session.server_name(),
            Connection::Client(_) => None,
        }
    }

    /// The last error that ends the connection, if there was one.
    pub(crate) fn fault(&self) -> Option<&io::Error> {
        let (Fault::Stream(error) | Fault::Refused(error)) = self.fault.as_ref()?;
        Some(error)
    }

    pub(crate) fn stream(&self) -> &Stream {
        &self.below.stream
    }

    pub(crate) fn stream_mut(&mut self) -> &mut Stream {
        &mut self.below.stream
    }

    /// Adds bytes that were read from the stream already. They come before those that are still in it.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.below.feed(bytes);
    }

    /// Sends these bytes before any byte of this session.
    pub(crate) fn queue_plaintext(&mut self, bytes: &[u8]) {
        self.below.queue_plaintext(bytes);
    }

    /// How many encrypted bytes the last read has taken. Records with little in them cost as much as full ones.
    pub(crate) fn encrypted_bytes_read(&self) -> usize {
        self.encrypted_bytes_read
    }

    pub(crate) fn is_client(&self) -> bool {
        matches!(self.session, Connection::Client(_))
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.session.is_handshaking()
    }

    /// Reads until the socket is empty, the room has no space for another read, or twice as many encrypted bytes as the room
    /// has were read.
    pub(crate) fn decrypt(&mut self, room: &mut [u8]) -> ReadOutcome {
        match self.fault.take() {
            None => {}
            Some(Fault::Stream(error)) => return ReadOutcome::Failed(error),
            Some(refused) => {
                self.fault = Some(refused);
                return ReadOutcome::Refused(Reason::Tls);
            }
        }
        let mut outcome = self.decrypt_records(&mut DecryptBuffer::new(room));
        self.has_emptied_stream = false;
        if self.keeps_input() || self.encrypted_bytes_read > READ_BYTES {
            self.measure_input();
            outcome = self.ask_for_charge(outcome);
        }
        // Writes what TLS itself sends (handshake, alerts, key updates), also after an error.
        match (self.write_pending(), outcome) {
            (Err(error), ReadOutcome::Nothing) => ReadOutcome::from_error(error),
            (_, outcome) => outcome,
        }
    }

    /// What comes next from the bytes that are here already. They are decrypted up to the first plain bytes, which
    /// rustls keeps, at most one read. The caller charges what is kept.
    #[cold]
    pub(crate) fn peek(&mut self) -> Ahead {
        if self.fault.is_some() {
            return Ahead::Bytes;
        }
        let ahead = self.peek_records();
        if self.keeps_input() {
            self.measure_input();
        }
        ahead
    }

    fn peek_records(&mut self) -> Ahead {
        let (mut given, mut read) = (0, 0);
        loop {
            // The next read finds the error again and reports it.
            let Ok(state) = self.process(given) else { return Ahead::Bytes };
            if state.plaintext_bytes_to_read() > 0 {
                return Ahead::Bytes;
            }
            if self.peer_has_closed {
                return Ahead::End;
            }
            if read >= DATALESS_BYTES_MAX {
                self.refuse(io::Error::other(NO_DATA));
                return Ahead::Bytes;
            }
            given = match self.session.read_tls(&mut self.below) {
                Ok(0) => {
                    self.was_cut = true;
                    return Ahead::End;
                }
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => 0,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ahead::Nothing,
                Err(error) => {
                    self.fault = Some(Fault::Stream(error));
                    return Ahead::Bytes;
                }
            };
            read += given;
        }
    }

    /// Lets rustls process the bytes that it was given.
    fn process(&mut self, given: usize) -> Result<IoState, rustls::Error> {
        let was_handshaking = self.is_handshaking();
        let state = self.session.process_new_packets()?;
        self.peer_has_closed |= state.peer_has_closed();
        if was_handshaking || state.plaintext_bytes_to_read() > 0 {
            self.below.records.end_dataless();
        } else {
            self.below.records.add_dataless(given);
        }
        Ok(state)
    }

    fn decrypt_records(&mut self, room: &mut DecryptBuffer<'_>) -> ReadOutcome {
        let most = DATALESS_BYTES_MAX.max(2 * room.len());
        self.encrypted_bytes_read = 0;
        self.below.begin_reads();
        loop {
            match room.add(|bytes| self.session.reader().read(bytes)) {
                // close_notify: a clean end of the peer.
                Ok(0) => return bytes_or(ReadOutcome::End, room.count()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    self.was_cut = true;
                    return bytes_or(ReadOutcome::End, room.count());
                }
                Err(error) => return self.bytes_before(error, room.count()),
            }
            let (count, bytes_max) =
                (room.count(), room.space().min(most.saturating_sub(self.encrypted_bytes_read)));
            // Otherwise it would be read as long as the peer sends: rustls has a limit for each kind of record without plain bytes, but
            // each kind ends the count of another, and session tickets have none.
            if count == 0 && self.encrypted_bytes_read >= most {
                return self.refuse(io::Error::other(NO_DATA));
            }
            if count > 0 && room.has_none_ahead() {
                let drained = self.below.was_last_read_short() && !room.is_full() && !self.peer_has_closed;
                if drained || self.peer_has_closed || bytes_max < READ_BYTES {
                    return ReadOutcome::Bytes { count, drained };
                }
            }
            match self.read_records(room, bytes_max) {
                // The session reports at the next read whether that end is clean.
                Ok(0) if self.is_handshaking() => return ReadOutcome::End,
                Ok(_) if self.below.has_ended_in_plaintext() => {
                    return self.refuse(io::Error::other(NOT_TLS));
                }
                Ok(read) => {
                    self.encrypted_bytes_read += read;
                    if let Err(error) = self.process(read) {
                        return self.refuse(io::Error::other(error));
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock && count == 0 => {
                    return ReadOutcome::Nothing;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return ReadOutcome::Bytes { count, drained: !self.peer_has_closed };
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The stream does not give this error. rustls gives it if a message is too long.
                Err(error) if error.kind() == ErrorKind::InvalidData => return self.refuse(error),
                Err(error) => return self.bytes_before(error, count),
            }
        }
    }

    /// The bytes that were read break TLS. Earlier messages can't be answered any more: the peer gets an alert and nothing
    /// after it. rustls sends no alert for a handshake message that is too long. If the session is not encrypted yet, the
    /// alert is sent here; otherwise the connection ends without close_notify, so that it does not look like a clean end.
    #[cold]
    fn refuse(&mut self, why: io::Error) -> ReadOutcome {
        self.fault = Some(Fault::Refused(why));
        if !self.session.wants_write() && !self.below.has_ended_in_plaintext() {
            let is_plain = self.session.protocol_version().is_none();
            self.below.alert(if is_plain { &DECODE_ERROR_ALERT } else { &[] });
        }
        ReadOutcome::Refused(Reason::Tls)
    }

    /// Gives rustls its next encrypted bytes: those that were read ahead, or else those of one read.
    fn read_records(&mut self, room: &mut DecryptBuffer<'_>, bytes_max: usize) -> io::Result<usize> {
        let Self { below, session, .. } = self;
        if room.has_none_ahead() {
            if bytes_max < READ_BYTES {
                return session.read_tls(below);
            }
            room.read_ahead(bytes_max, |bytes| below.read(bytes))?;
        }
        room.feed_ahead(|bytes| session.read_tls(bytes))
    }

    /// True if rustls keeps input of the peer, or did when it was last measured.
    fn keeps_input(&self) -> bool {
        self.below.records.kept() + self.input > 0
    }

    /// After a long record rustls keeps an input buffer of its size until it is asked to read again. Here nothing is read, and
    /// the buffer is measured.
    #[cold]
    fn measure_input(&mut self) {
        let Self { below, session, .. } = self;
        if !session.is_handshaking() {
            below.records.end_handshake();
        } else if session.wants_write() {
            below.records.answer();
        }
        let mut room = Room(0);
        let _ = session.read_tls(&mut room);
        let kept = below.records.kept();
        self.input = if kept == 0 { 0 } else { input_bytes(kept + room.0) };
    }

    /// The usual read charges nothing. If what is kept has changed, this read is made an unusual one.
    fn ask_for_charge(&mut self, outcome: ReadOutcome) -> ReadOutcome {
        match outcome {
            ReadOutcome::Bytes { count, drained: true }
                if self.kept_bytes() != self.below.charged as usize =>
            {
                self.has_emptied_stream = true;
                ReadOutcome::Bytes { count, drained: false }
            }
            outcome => outcome,
        }
    }

    pub(crate) fn has_emptied_stream(&self) -> bool {
        self.has_emptied_stream
    }

    /// Returns the bytes that came before an error, or else the error.
    #[cold]
    fn bytes_before(&mut self, error: io::Error, count: usize) -> ReadOutcome {
        if count == 0 {
            return ReadOutcome::Failed(error);
        }
        self.fault = Some(Fault::Stream(error));
        ReadOutcome::Bytes { count, drained: false }
    }

    /// Encrypts until the kernel blocks. Then a short count means that a writable event will come, as with a bare
    /// socket. If it stopped when the buffer of rustls is full, no event might come.
    pub(crate) fn encrypt(&mut self, mut slices: &[IoSlice<'_>]) -> io::Result<usize> {
        // Bytes of the first slice that were taken, and all that were.
        let (mut begun, mut taken) = (0, 0);
        while !slices.is_empty() {
            let is_flushed = match self.write_pending() {
                Ok(is_flushed) => is_flushed,
                Err(error) => return self.lose(taken, error),
            };
            if !is_flushed {
                return if taken == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(taken) };
            }
            let mut next = [IoSlice::new(&[]); SLICES_MAX];
            let given = slices.len().min(SLICES_MAX);
            next[..given].copy_from_slice(&slices[..given]);
            next[0].advance(begun);
            // All of them together, so that they share records.
            let count = self.session.writer().write_vectored(&next[..given])?;
            if count > 0 && self.has_dropped() {
                self.fault = Some(Fault::Refused(io::Error::other(KEY_USED_UP)));
                return Err(ErrorKind::InvalidData.into());
            }
            self.encrypted += count;
            self.unwritten += count as u32;
            (begun, taken) = (begun + count, taken + count);
            while let Some(first) = slices.first().filter(|first| first.len() <= begun) {
                begun -= first.len();
                slices = &slices[1..];
            }
        }
        match self.write_pending() {
            Ok(_) => Ok(taken),
            Err(error) => self.lose(taken, error),
        }
    }

    /// The stream has failed: of the bytes that were taken only those count that the kernel has. If there are some, the next write
    /// finds the error again.
    #[cold]
    fn lose(&mut self, taken: usize, error: io::Error) -> io::Result<usize> {
        let lost = taken.min(self.encrypted);
        self.encrypted -= lost;
        self.unwritten = self.unwritten.saturating_sub(lost as u32);
        if taken > lost { Ok(taken - lost) } else { Err(error) }
    }

    /// True if rustls has dropped the bytes that it has just taken. It does that, and queues an alert in their place, when the
    /// key of TLS 1.2 has encrypted as many records as it may. Nothing else was queued before.
    fn has_dropped(&mut self) -> bool {
        if self.session.protocol_version() != Some(ProtocolVersion::TLSv1_2) {
            return false;
        }
        let mut records = RecordKinds { are_data: false };
        // It takes nothing, so that is an error.
        let _ = self.session.write_tls(&mut records);
        !records.are_data
    }

    /// Writes encrypted bytes. `Ok(false)`: the kernel did not take all of them.
    pub(crate) fn write_pending(&mut self) -> io::Result<bool> {
        if !self.below.write_pending()? {
            return Ok(false);
        }
        while self.session.wants_write() {
            match self.session.write_tls(&mut Bare(&mut self.below.stream)) {
                // As long as something is left that is one byte at least.
                Ok(count) => {
                    let least = usize::from(self.unwritten > 0);
                    self.encrypted = self.encrypted.saturating_sub(count).max(least);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return not_taken(error),
            }
        }
        (self.encrypted, self.unwritten) = (0, 0);
        Ok(true)
    }

    /// The charge of what it keeps.
    pub(crate) fn charge_mut(&mut self) -> &mut u32 {
        &mut self.below.charged
    }

    /// Bytes that it keeps beyond what each session has: encrypted ones that the kernel has not taken, and input of the peer.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.encrypted_bytes() + self.input + self.below.early_bytes()
    }

    pub(crate) fn encrypted_bytes(&self) -> usize {
        self.encrypted + self.below.waiting()
    }

    /// An upper bound of the plain bytes that have not reached the kernel as complete records.
    pub(crate) fn unwritten_bytes(&self) -> usize {
        self.unwritten as usize + self.below.waiting()
    }

    pub(crate) fn charged(&self) -> u32 {
        self.below.charged
    }

    /// Sends close_notify, so that the peer can tell a clean end from a cut. `Ok(false)`: the kernel did not take all
    /// of it.
    pub(crate) fn close(&mut self) -> io::Result<bool> {
        // What is left of an alert is not taken for bytes from above only if those are written before it.
        if !self.write_pending()? {
            return Ok(false);
        }
        if !self.below.has_ended_in_plaintext() {
            self.session.send_close_notify();
        }
        if !self.write_pending()? {
            return Ok(false);
        }
        self.below.stream.shutdown_write()?;
        Ok(true)
    }
}

/// A stream that has no bytes for now. It notes the room that it is offered.
struct Room(usize);

impl Read for Room {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0 = room.len();
        Err(ErrorKind::WouldBlock.into())
    }
}

/// Looks at records that wait to be written, and takes none.
struct RecordKinds {
    /// There are some, and all have bytes from above.
    are_data: bool,
}

impl Write for RecordKinds {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, records: &[IoSlice<'_>]) -> io::Result<usize> {
        self.are_data = records.iter().all(|record| record.first() == Some(&RECORD_OF_DATA));
        Err(ErrorKind::WouldBlock.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the bytes that were read so far; the end is reported at the next call.
fn bytes_or(end: ReadOutcome, count: usize) -> ReadOutcome {
    if count == 0 { end } else { ReadOutcome::Bytes { count, drained: false } }
}

/// The most encrypted bytes that rustls may hold: the records of one write.
const ENCRYPTED_BYTES_MAX: usize = 64 << 10;
/// The least encrypted bytes without a plain one that end a connection, if they come in one read. Handshakes are shorter, and so are the
/// session tickets of a server.
const DATALESS_BYTES_MAX: usize = 2 * ENCRYPTED_BYTES_MAX;
/// The error for a peer that sends them.
const NO_DATA: &str = "the peer sends too many records without data";
/// The most slices that are encrypted together. Of the shortest pieces that an outbox does not copy, as many fill what rustls
/// may hold.
const SLICES_MAX: usize = 32;
/// The first byte of a record with bytes from above (RFC 5246 section 6.2.1).
const RECORD_OF_DATA: u8 = 23;
/// The error when rustls drops bytes.
const KEY_USED_UP: &str = "the key of this connection has encrypted as many records as it may";
/// The alert for a handshake message that is too long.
const DECODE_ERROR_ALERT: [u8; 7] = fatal_alert(DECODE_ERROR);
