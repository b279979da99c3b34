//! A byte stream to the peer, without TLS and without wires.

pub(crate) mod addr;
pub(crate) mod credentials;
pub(crate) mod listener;
pub(crate) mod listeners;
pub(crate) mod options;
pub(crate) mod outcome;
pub(crate) mod passed;
pub(crate) mod pipe;
pub(crate) mod shortage;
mod socket;

use self::addr::Addr;
use self::credentials::Credentials;
use self::options::SocketOptions;
use self::outcome::{ReadOutcome, Received};
use self::pipe::Pipe;
use mio::event::Source;
use mio::net::TcpStream;
#[cfg(unix)]
use mio::net::UnixStream;
use socket2::SockRef;
use std::io::{self, ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Shutdown};
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// A byte stream to the peer: a socket, or an in-memory connection.
///
/// It is an enum and no trait object, so that the choice is one comparison, and a wire stays small.
#[derive(Debug)]
pub enum Stream {
    /// A TCP socket.
    Tcp(TcpStream),
    /// A unix socket.
    #[cfg(unix)]
    Unix(UnixStream),
    /// The near end of an in-memory connection.
    Memory(Pipe),
    /// No stream: left behind when a stream was moved out. A read returns the end, a write returns an error.
    Closed,
}

/// A connection that is refused is read at most [`REFUSE_READS_MAX`] times, with a buffer of this size.
const REFUSE_READ_BYTES: usize = 4 << 10;
const REFUSE_READS_MAX: usize = 4;

impl Stream {
    /// Begins to connect to an address: see [`Stream::is_connected`].
    pub(crate) fn connect(addr: &Addr, options: &SocketOptions) -> io::Result<Self> {
        // Errors of the options are ignored: a stream that has failed already reports that in `is_connected`.
        match addr {
            Addr::Ip(addr) => {
                let stream = TcpStream::connect(*addr)?;
                let _ = options.set_tcp(SockRef::from(&stream));
                Ok(Self::Tcp(stream))
            }
            #[cfg(unix)]
            Addr::Unix(Some(path)) => {
                let stream = UnixStream::connect(path)?;
                let _ = options.set_unix(SockRef::from(&stream));
                Ok(Self::Unix(stream))
            }
            Addr::Unix(_) => Err(ErrorKind::AddrNotAvailable.into()),
        }
    }

    /// Whether an outgoing stream is connected. An error: it never will be.
    pub(crate) fn is_connected(&self) -> io::Result<bool> {
        if let Some(error) = self.take_error() {
            return Err(error);
        }
        let found = match self {
            Self::Tcp(stream) => stream.peer_addr().map(drop),
            #[cfg(unix)]
            Self::Unix(stream) => stream.peer_addr().map(drop),
            Self::Memory(pipe) => return Ok(pipe.is_connected()),
            Self::Closed => Err(ErrorKind::NotConnected.into()),
        };
        match found {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    #[cfg(unix)]
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Tcp(stream) => Some(stream.as_fd()),
            Self::Unix(stream) => Some(stream.as_fd()),
            Self::Memory(_) | Self::Closed => None,
        }
    }

    /// One read. On Linux a read that does not fill its buffer has emptied the socket, unless its peer has finished or the event
    /// was [urgent](crate::wires::ready::Ready::urgent). On other systems only `WouldBlock` shows that.
    #[inline(always)]
    pub(crate) fn read(&mut self, room: &mut [u8]) -> ReadOutcome {
        match self.receive(room) {
            Ok(received) => received.into(),
            Err(error) => self.read_again(error, room),
        }
    }

    #[inline(always)]
    pub(crate) fn receive(&mut self, room: &mut [u8]) -> io::Result<Received> {
        match self {
            Self::Tcp(stream) => socket::receive(stream, room),
            other => other.receive_otherwise(room),
        }
    }

    #[inline(never)]
    fn receive_otherwise(&mut self, room: &mut [u8]) -> io::Result<Received> {
        match self {
            Self::Tcp(stream) => socket::receive(stream, room),
            #[cfg(unix)]
            Self::Unix(stream) => socket::receive_unix(stream, room),
            Self::Memory(pipe) => Ok(Received::of(pipe.read(room)?, room.len())),
            Self::Closed => Ok(Received::of(0, room.len())),
        }
    }

    /// The outcome of a read without bytes. It is made again if a signal has interrupted it.
    #[cold]
    #[inline(never)]
    fn read_again(&mut self, error: io::Error, room: &mut [u8]) -> ReadOutcome {
        if error.kind() != ErrorKind::Interrupted {
            return ReadOutcome::from_error(error);
        }
        match uninterrupted(|| self.receive(room)) {
            Ok(received) => received.into(),
            Err(error) => ReadOutcome::from_error(error),
        }
    }

    #[inline(always)]
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => match socket::send(stream, bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    self.write_vectored(&[IoSlice::new(bytes)])
                }
                done => done,
            },
            other => other.write_vectored(&[IoSlice::new(bytes)]),
        }
    }

    #[inline(never)]
    pub(crate) fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        uninterrupted(|| match self {
            Self::Tcp(stream) => socket::send_vectored(stream, slices),
            #[cfg(unix)]
            Self::Unix(stream) => socket::send_vectored(stream, slices),
            Self::Memory(pipe) => pipe.write_vectored(slices),
            Self::Closed => Err(ErrorKind::NotConnected.into()),
        })
    }

    /// Ends our side.
    pub(crate) fn shutdown_write(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            #[cfg(unix)]
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
            Self::Memory(pipe) => {
                pipe.shutdown_write();
                Ok(())
            }
            Self::Closed => Ok(()),
        }
    }

    /// True if it is known that no bytes wait to be read. Takes no bytes.
    pub(crate) fn is_empty(&self) -> bool {
        let mut first = [MaybeUninit::uninit()];
        let peeked = match self {
            Self::Tcp(stream) => SockRef::from(stream).peek(&mut first),
            #[cfg(unix)]
            Self::Unix(stream) => SockRef::from(stream).peek(&mut first),
            Self::Memory(pipe) => return pipe.is_empty(),
            Self::Closed => return true,
        };
        match peeked {
            Ok(count) => count == 0,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    }

    /// True if it is known that the peer's end comes next. Takes no bytes.
    pub(crate) fn is_at_end(&self) -> bool {
        let mut first = [MaybeUninit::uninit()];
        let peeked = match self {
            Self::Tcp(stream) => SockRef::from(stream).peek(&mut first),
            #[cfg(unix)]
            Self::Unix(stream) => SockRef::from(stream).peek(&mut first),
            Self::Memory(pipe) => return pipe.is_at_end(),
            Self::Closed => return true,
        };
        matches!(peeked, Ok(0))
    }

    /// The error that has broken the connection, if any: without a read, and reported once.
    pub(crate) fn take_error(&self) -> Option<io::Error> {
        match self {
            Self::Tcp(stream) => stream.take_error().ok().flatten(),
            #[cfg(unix)]
            Self::Unix(stream) => stream.take_error().ok().flatten(),
            Self::Memory(pipe) => pipe.take_error(),
            Self::Closed => None,
        }
    }

    /// Sends `word` to a new connection that is refused, and closes it immediately. It does not wait for the peer: it is for a
    /// server that has no room even for that. If `word` is empty, nothing is sent. If the peer is gone or takes nothing,
    /// `word` is lost.
    pub fn refuse_and_drop(mut self, word: &[u8]) {
        if word.is_empty() {
            return;
        }
        let _ = self.write(word);
        let _ = self.shutdown_write();
        // A close with unread bytes would send a reset, which may destroy the refusal on its way.
        let mut room = [0; REFUSE_READ_BYTES];
        for _ in 0..REFUSE_READS_MAX {
            if !matches!(self.read(&mut room), ReadOutcome::Bytes { drained: false, .. }) {
                return;
            }
        }
    }

    /// Resets a new connection immediately, without sending anything. The kernel keeps nothing of it.
    pub fn reset_and_drop(mut self) {
        self.set_reset_on_close();
    }

    /// Makes the next close a reset, so that the peer sees that bytes were lost.
    pub(crate) fn set_reset_on_close(&mut self) {
        match self {
            // If the option can't be set, the socket is closed without a reset.
            Self::Tcp(stream) => drop(SockRef::from(&*stream).set_linger(Some(Duration::ZERO))),
            Self::Memory(pipe) => pipe.reset(),
            // A unix socket has no reset. Unread bytes are lost at its end.
            #[cfg(unix)]
            Self::Unix(_) => {}
            Self::Closed => {}
        }
    }

    /// The process at the other end of a unix socket, if the system reports it.
    pub(crate) fn credentials(&self) -> Option<Credentials> {
        match self {
            #[cfg(any(target_os = "android", target_os = "linux"))]
            Self::Unix(stream) => Credentials::of(stream),
            _ => None,
        }
    }

    /// The source for the event queue, if there is one.
    pub(crate) fn source(&mut self) -> Option<&mut dyn Source> {
        match self {
            Self::Tcp(stream) => Some(stream),
            #[cfg(unix)]
            Self::Unix(stream) => Some(stream),
            Self::Memory(_) | Self::Closed => None,
        }
    }

    pub(crate) fn as_pipe(&self) -> Option<&Pipe> {
        match self {
            Self::Memory(pipe) => Some(pipe),
            _ => None,
        }
    }

    /// This side's address, from the system. It is known as long as the stream exists, after a reset too.
    pub(crate) fn local_addr(&self) -> io::Result<Addr> {
        match self {
            Self::Tcp(stream) => stream.local_addr().map(Addr::Ip),
            #[cfg(unix)]
            Self::Unix(stream) => stream.local_addr().map(|addr| Addr::of_own_unix(&addr)),
            Self::Memory(_) => Ok(Addr::Ip((Ipv4Addr::LOCALHOST, 0).into())),
            Self::Closed => Err(ErrorKind::NotConnected.into()),
        }
    }
}

/// Makes a call again if a signal has interrupted it; otherwise readiness would be lost.
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
