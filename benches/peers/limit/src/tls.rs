//! rustls, driven as barely as it can be: what TLS costs at least.

use rustix::io::Errno;
use rustix::net::{self, SendFlags};
use rustls::{ServerConfig, ServerConnection};
use std::io::{BufRead, ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// The session of a connection.
pub struct Tls(ServerConnection);

/// What became of an attempt to send.
#[derive(PartialEq)]
pub enum Pushed {
    All,
    NoRoom,
    Failed,
}

struct Socket<'a>(&'a OwnedFd);

impl Tls {
    pub fn new(config: Arc<ServerConfig>) -> Option<Self> {
        let mut session = ServerConnection::new(config).ok()?;
        session.set_buffer_limit(None);
        Some(Self(session))
    }

    /// Decrypts what was received: false if that breaks TLS.
    pub fn decrypt(&mut self, mut records: &[u8], plain: &mut Vec<u8>) -> bool {
        plain.clear();
        while !records.is_empty() {
            if self.0.read_tls(&mut records).is_err() || self.0.process_new_packets().is_err() {
                return false;
            }
            let mut reader = self.0.reader();
            while let Ok(bytes @ [_, ..]) = reader.fill_buf() {
                plain.extend_from_slice(bytes);
                let count = bytes.len();
                reader.consume(count);
            }
        }
        true
    }

    /// Encrypts what is to be sent.
    pub fn encrypt(&mut self, plain: &[u8]) {
        // Its buffer has no bound.
        let _ = self.0.writer().write_all(plain);
    }

    /// Sends what is encrypted.
    pub fn push(&mut self, socket: &OwnedFd) -> Pushed {
        while self.0.wants_write() {
            match self.0.write_tls(&mut Socket(socket)) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Pushed::NoRoom,
                Err(_) => return Pushed::Failed,
            }
        }
        Pushed::All
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        loop {
            match net::send(self.0, bytes, SendFlags::NOSIGNAL) {
                Err(Errno::INTR) => {}
                sent => return Ok(sent?),
            }
        }
    }

    fn write_vectored(&mut self, parts: &[std::io::IoSlice<'_>]) -> std::io::Result<usize> {
        match parts {
            [only] => self.write(only),
            // The standard library has told the system that SIGPIPE is not wanted.
            _ => Ok(rustix::io::writev(self.0, parts)?),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
