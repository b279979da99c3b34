//! TLS below every protocol: the only file that knows how rustls is driven.
//!
//! Its face is small, so that another way of driving rustls changes this file only: `open` reads sealed bytes and
//! gives plain ones, `seal` takes plain bytes and writes sealed ones, `push` writes what is still sealed, `close` says
//! goodbye, and `is_handshaking` tells the state.

use crate::transport::Got;
use mio::net::TcpStream;
use rustls::{ServerConfig, ServerConnection};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

/// A socket with TLS above it.
#[derive(Debug)]
pub struct Tls {
    socket: TcpStream,
    session: ServerConnection,
}

impl Tls {
    /// The server's side of a new connection.
    ///
    /// # Errors
    /// If rustls refuses the configuration.
    pub fn server(socket: TcpStream, config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        let mut session = ServerConnection::new(config)?;
        // rustls then takes what it is given and never more than it can seal: see `seal`.
        session.set_buffer_limit(Some(SEALED_BYTES_MAX));
        Ok(Self { socket, session })
    }

    /// The session: what was negotiated.
    pub fn session(&self) -> &ServerConnection {
        &self.session
    }

    pub(crate) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    pub(crate) fn socket_ref(&self) -> &TcpStream {
        &self.socket
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.session.is_handshaking()
    }

    /// Reads until the room is full or the socket is empty.
    pub(crate) fn open(&mut self, room: &mut [u8]) -> Got {
        let got = self.open_records(room);
        // Flights of the handshake, alerts and key updates, whatever was read.
        match (self.push(), got) {
            (Err(error), Got::Nothing) => Got::from_error(error),
            (_, got) => got,
        }
    }

    fn open_records(&mut self, room: &mut [u8]) -> Got {
        let mut count = 0;
        loop {
            match self.session.reader().read(&mut room[count..]) {
                // close_notify: the peer's end, in good order.
                Ok(0) if count == 0 => return Got::End,
                Ok(0) => return Got::Bytes { count, drained: false },
                Ok(more) => count += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) if count > 0 => return Got::Bytes { count, drained: false },
                Err(error) => return Got::Failed(error),
            }
            if count == room.len() {
                return Got::Bytes { count, drained: false };
            }
            match self.session.read_tls(&mut self.socket) {
                Ok(0) if count == 0 => return Got::End,
                Ok(0) => return Got::Bytes { count, drained: false },
                Ok(_) => {
                    if let Err(error) = self.session.process_new_packets() {
                        return Got::Failed(io::Error::new(ErrorKind::InvalidData, error));
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return if count == 0 { Got::Nothing } else { Got::Bytes { count, drained: true } };
                }
                Err(_) if count > 0 => return Got::Bytes { count, drained: false },
                Err(error) => return Got::Failed(error),
            }
        }
    }

    /// Takes until the kernel blocks: a short count means "an edge will come", as with a bare socket. rustls alone
    /// would take its fill and stop, and nothing would ever wake us.
    pub(crate) fn seal(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut taken = 0;
        for slice in slices {
            let mut rest: &[u8] = slice;
            while !rest.is_empty() {
                if !self.push()? {
                    return if taken == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(taken) };
                }
                let count = self.session.writer().write(rest)?;
                (taken, rest) = (taken + count, &rest[count..]);
            }
        }
        self.push()?;
        Ok(taken)
    }

    /// Writes what is sealed. `Ok(false)`: the kernel did not take all of it.
    pub(crate) fn push(&mut self) -> io::Result<bool> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Says goodbye, so that the peer can tell the end from a cut.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        self.session.send_close_notify();
        self.push()?;
        self.socket.shutdown(Shutdown::Write)
    }
}

/// What rustls may hold sealed before the kernel takes it: one write's worth of records.
const SEALED_BYTES_MAX: usize = 64 << 10;
