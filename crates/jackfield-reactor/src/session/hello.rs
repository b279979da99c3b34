//! The ClientHello of a peer, read before the TLS configuration is chosen.
//!
//! rustls keeps the bytes: the handshake goes on with them, and nothing is read twice.

use super::below::{Below, DECODE_ERROR, NOT_TLS, fatal_alert};
use super::records::input_bytes;
use super::tls::Tls;
use crate::reason::Reason;
use crate::stream::Stream;
use crate::stream::outcome::ReadOutcome;
use rustls::server::{Accepted, AcceptedAlert, Acceptor, ClientHello};
use rustls::{AlertDescription, Error, ServerConnection};
use std::io::{self, ErrorKind, Read};

/// A stream whose ClientHello is to be read (RFC 8446 section 4.1.2). [`Service::on_hello`](crate::Service::on_hello) then
/// chooses the TLS configuration, by the host that the peer asks for (RFC 6066 section 3) or anything else in the message.
#[derive(Debug)]
pub struct Hello {
    below: Below,
    stage: Stage,
    /// The error, if the hello was refused.
    fault: Option<io::Error>,
    /// The host that it asks for.
    server_name: Option<Box<str>>,
    /// The length of the input buffer of rustls.
    input: usize,
}

/// The state of the hello.
enum Stage {
    Reading(Box<Acceptor>),
    Received(Box<Accepted>),
    /// The service has taken it, and will answer.
    Taken,
}

/// The answer to a ClientHello: a TLS session that was made from it, or an error and the alert that the peer gets.
pub type HelloAnswer = Result<ServerConnection, (Error, AcceptedAlert)>;

impl Hello {
    /// The server's side of a connection.
    pub fn new(stream: Stream) -> Self {
        let stage = Stage::Reading(Box::default());
        Self { below: Below::new(stream), stage, fault: None, server_name: None, input: 0 }
    }

    /// As [`Tls::with_plain_answer`].
    #[must_use]
    pub fn with_plain_answer(mut self, answer: &'static [u8]) -> Self {
        self.below.set_plain_answer(answer);
        self
    }

    /// The hello, if it is complete and not taken.
    pub(crate) fn client_hello(&self) -> Option<ClientHello<'_>> {
        match &self.stage {
            Stage::Received(accepted) => Some(accepted.client_hello()),
            Stage::Reading(_) | Stage::Taken => None,
        }
    }

    /// Takes the hello, to answer it.
    pub(crate) fn take(&mut self) -> Option<Box<Accepted>> {
        match std::mem::replace(&mut self.stage, Stage::Taken) {
            Stage::Received(accepted) => Some(accepted),
            stage => {
                self.stage = stage;
                None
            }
        }
    }

    /// The server name in it.
    pub(crate) fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    pub(crate) fn fault(&self) -> Option<&io::Error> {
        self.fault.as_ref()
    }

    pub(crate) fn stream(&self) -> &Stream {
        &self.below.stream
    }

    pub(crate) fn stream_mut(&mut self) -> &mut Stream {
        &mut self.below.stream
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.below.feed(bytes);
    }

    /// Reads until the hello is complete, and nothing after it.
    pub(crate) fn read(&mut self) -> ReadOutcome {
        let outcome = self.read_records();
        match (self.below.write_pending(), outcome) {
            (Err(error), ReadOutcome::Nothing) => ReadOutcome::from_error(error),
            (_, outcome) => outcome,
        }
    }

    fn read_records(&mut self) -> ReadOutcome {
        loop {
            let Self { below, stage: Stage::Reading(acceptor), input, .. } = self else {
                return ReadOutcome::Nothing;
            };
            match acceptor.read_tls(&mut Measured { below, input }) {
                Ok(0) => return ReadOutcome::End,
                Ok(_) if self.below.has_ended_in_plaintext() => {
                    return self.refuse(io::Error::other(NOT_TLS));
                }
                Ok(_) => match acceptor.accept() {
                    Ok(None) => {}
                    Ok(Some(accepted)) => {
                        self.server_name = accepted.client_hello().server_name().map(Into::into);
                        self.stage = Stage::Received(Box::new(accepted));
                    }
                    Err(refused) => return self.refuse_with(refused),
                },
                Err(error) if error.kind() == ErrorKind::WouldBlock => return ReadOutcome::Nothing,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The stream does not give this error. rustls gives it if a handshake message is too long.
                Err(error) if error.kind() == ErrorKind::InvalidData => {
                    self.below.alert(&fatal_alert(DECODE_ERROR));
                    return self.refuse(error);
                }
                Err(error) => return ReadOutcome::Failed(error),
            }
        }
    }

    fn refuse(&mut self, why: io::Error) -> ReadOutcome {
        (self.stage, self.fault) = (Stage::Taken, Some(why));
        ReadOutcome::Refused(Reason::Tls)
    }

    fn refuse_with(&mut self, (error, mut alert): (Error, AcceptedAlert)) -> ReadOutcome {
        let mut bytes = Vec::new();
        let written = alert.write_all(&mut bytes);
        debug_assert!(written.is_ok(), "memory takes all");
        // rustls has no alert for bytes that are no message.
        if bytes.is_empty() {
            bytes.extend_from_slice(&fatal_alert(DECODE_ERROR));
        }
        self.below.alert(&bytes);
        self.refuse(io::Error::other(error))
    }

    /// Refuses the hello with an alert.
    pub(crate) fn refuse_for(&mut self, description: AlertDescription, why: &'static str) {
        self.take();
        self.below.alert(&fatal_alert(description.into()));
        self.fault = Some(io::Error::other(why));
    }

    /// Applies the answer to a hello that was taken. Returns the TLS session, or this with its alert.
    pub(crate) fn into_tls(mut self: Box<Self>, answer: HelloAnswer) -> Result<Tls, Box<Self>> {
        match answer {
            Ok(session) => Ok(Tls::on(self.below, session)),
            Err(refused) => {
                self.refuse_with(refused);
                Err(self)
            }
        }
    }

    pub(crate) fn is_taken(&self) -> bool {
        matches!(self.stage, Stage::Taken) && self.fault.is_none()
    }

    pub(crate) fn write_pending(&mut self) -> io::Result<bool> {
        self.below.write_pending()
    }

    /// The charge of what it keeps.
    pub(crate) fn charge_mut(&mut self) -> &mut u32 {
        &mut self.below.charged
    }

    /// As [`Tls::kept_bytes`].
    pub(crate) fn kept_bytes(&self) -> usize {
        self.waiting_bytes() + input_bytes(self.input) + self.below.early_bytes()
    }

    pub(crate) fn waiting_bytes(&self) -> usize {
        self.below.waiting()
    }

    pub(crate) fn charged(&self) -> u32 {
        self.below.charged
    }

    /// Ends our side. Before there is a session TLS can only send an alert.
    pub(crate) fn close(&mut self) -> io::Result<bool> {
        if !self.below.write_pending()? {
            return Ok(false);
        }
        self.below.stream.shutdown_write()?;
        Ok(true)
    }
}

/// The bytes for rustls, and the length of the buffer that it reads them into.
struct Measured<'a> {
    below: &'a mut Below,
    input: &'a mut usize,
}

impl Read for Measured<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        // Nothing of the hello was used yet.
        *self.input = self.below.records.kept() + room.len();
        self.below.read(room)
    }
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Reading(_) => "Reading",
            Self::Received(_) => "Received",
            Self::Taken => "Taken",
        })
    }
}
