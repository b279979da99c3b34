//! A blocking connection. Its calls share one deadline, and end after Ctrl-C.

use super::task::{LOOK, Stop};
use rustls::{ClientConnection, StreamOwned};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A blocking connection, with or without TLS.
pub(crate) trait Line: Read + Write + Send {
    /// All calls from now on have this time together. What does not end in it fails with [`ErrorKind::TimedOut`], also if
    /// bytes come again and again.
    fn give(&mut self, patience: Duration);
}

/// A socket whose calls end at its deadline, and after Ctrl-C.
#[derive(Debug)]
pub(crate) struct Patient {
    socket: TcpStream,
    deadline: Instant,
    stop: Stop,
}

impl Patient {
    /// Opens a connection. The time for that and for all calls is `patience`, until another one is given.
    ///
    /// # Errors
    /// It can't be opened.
    pub(crate) fn connect(addr: SocketAddr, patience: Duration, stop: &Stop) -> io::Result<Self> {
        let deadline = Instant::now() + patience;
        let socket = TcpStream::connect_timeout(&addr, patience)?;
        socket.set_read_timeout(Some(LOOK))?;
        socket.set_write_timeout(Some(LOOK))?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, deadline, stop: stop.clone() })
    }

    /// Repeats a call until it comes to something.
    fn insist(&self, mut call: impl FnMut(&TcpStream) -> io::Result<usize>) -> io::Result<usize> {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(io::Error::other("interrupted"));
            }
            if Instant::now() >= self.deadline {
                return Err(io::Error::new(ErrorKind::TimedOut, "no answer in time"));
            }
            match call(&self.socket) {
                // Nothing has come for a short time, or a signal such as that of Ctrl-C has interrupted the call.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) => {}
                done => return done,
            }
        }
    }
}

impl Read for Patient {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.insist(|mut socket| socket.read(room))
    }
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.insist(|mut socket| socket.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

impl Line for Patient {
    fn give(&mut self, patience: Duration) {
        self.deadline = Instant::now() + patience;
    }
}

impl Line for StreamOwned<ClientConnection, Patient> {
    fn give(&mut self, patience: Duration) {
        self.sock.give(patience);
    }
}
