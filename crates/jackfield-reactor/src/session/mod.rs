//! What is spoken above a stream first. No wires here.
//!
//! A wire reads from and writes to a [`Transport`].

#[cfg(feature = "tls")]
pub(crate) mod tls;

#[cfg(feature = "tls")]
use self::tls::Tls;
use crate::stream::outcome::ReadOutcome;
use crate::stream::pipe::Pipe;
use mio::net::TcpStream;
use socket2::SockRef;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

/// What a wire reads from and writes to.
///
/// An enum and not a trait object: the choice is made by one comparison, and a wire stays small.
#[derive(Debug)]
pub enum Transport {
    /// A socket.
    Tcp(TcpStream),
    /// The near end of an in-memory connection.
    Memory(Pipe),
    /// A socket with TLS above it.
    #[cfg(feature = "tls")]
    Tls(Box<Tls>),
}

/// What a new connection has sent before it is refused is read in pieces of this size, and not more than so many.
const REFUSE_READ_BYTES: usize = 4 << 10;

const REFUSE_READS_MAX: usize = 4;

impl Transport {
    /// One read. On Linux a read that does not fill its room has emptied the socket, unless its peer has finished;
    /// elsewhere only "nothing for now" says so.
    #[inline(always)]
    pub(crate) fn read(&mut self, room: &mut [u8]) -> ReadOutcome {
        let got = match self {
            Self::Tcp(stream) => stream.read(room),
            Self::Memory(pipe) => pipe.read(room),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => return tls.decrypt(room),
        };
        ReadOutcome::of_socket(got, room.len())
    }

    #[inline(always)]
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Memory(pipe) => pipe.write(bytes),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.encrypt(&[IoSlice::new(bytes)]),
        }
    }

    pub(crate) fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write_vectored(slices),
            Self::Memory(pipe) => pipe.write_vectored(slices),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.encrypt(slices),
        }
    }

    /// Encrypted bytes that the kernel did not take are invisible to the outbox: they are pushed at each writable edge.
    /// `Ok(true)`: nothing is left.
    pub(crate) fn push(&mut self) -> io::Result<bool> {
        match self {
            Self::Tcp(_) | Self::Memory(_) => Ok(true),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.push(),
        }
    }

    /// True if it encrypts what it is given, and may keep some of that for itself.
    pub(crate) fn encrypts(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Memory(_) => false,
            #[cfg(feature = "tls")]
            Self::Tls(_) => true,
        }
    }

    /// What it keeps encrypted, in bytes, and the place where that is charged.
    pub(crate) fn encrypted(&mut self) -> Option<(&mut u32, usize)> {
        match self {
            Self::Tcp(_) | Self::Memory(_) => None,
            #[cfg(feature = "tls")]
            Self::Tls(tls) => Some(tls.encrypted()),
        }
    }

    /// What of it is charged.
    pub(crate) fn encrypted_charged(&self) -> u32 {
        match self {
            Self::Tcp(_) | Self::Memory(_) => 0,
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.charged(),
        }
    }

    /// True while the transport itself still talks and nothing can be said above it.
    pub(crate) fn is_handshaking(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Memory(_) => false,
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.is_handshaking(),
        }
    }

    /// Says that nothing more will be written. `Ok(false)`: the kernel does not take that yet; to be said again at
    /// the next writable edge.
    pub(crate) fn finish(&mut self) -> io::Result<bool> {
        match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write).map(|()| true),
            Self::Memory(pipe) => {
                pipe.finish();
                Ok(true)
            }
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.close(),
        }
    }

    /// True if to close it says all that [`Transport::finish`] says, so that this need not be said before.
    pub(crate) fn closes_in_order(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Memory(_) => true,
            #[cfg(feature = "tls")]
            Self::Tls(_) => false,
        }
    }

    /// True if it is known that no bytes wait to be read. Nothing is taken.
    pub(crate) fn is_empty(&mut self) -> bool {
        match self {
            Self::Tcp(stream) => match stream.peek(&mut [0]) {
                Ok(count) => count == 0,
                Err(error) => error.kind() == io::ErrorKind::WouldBlock,
            },
            Self::Memory(pipe) => pipe.is_empty(),
            // The session alone knows, and would have to be read.
            #[cfg(feature = "tls")]
            Self::Tls(_) => false,
        }
    }

    /// One read of bytes that nobody will look at.
    pub(crate) fn discard(&mut self, room: &mut [u8]) -> ReadOutcome {
        #[cfg(feature = "tls")]
        if let Self::Tls(tls) = self {
            return ReadOutcome::of_socket(tls.socket().read(room), room.len());
        }
        self.read(room)
    }

    /// Says a last word to a new connection and lets go of it at once, without waiting for its end: for when there is no room
    /// even for waiting. Nothing is said if `word` is empty. Who is gone already, or takes nothing, hears nothing.
    pub fn refuse_and_drop(mut self, word: &[u8]) {
        if word.is_empty() {
            return;
        }
        let _ = self.write(word);
        let _ = self.finish();
        // To close over bytes that were not read would be a reset, which may destroy the word on its way.
        let mut room = [0; REFUSE_READ_BYTES];
        for _ in 0..REFUSE_READS_MAX {
            if !matches!(self.discard(&mut room), ReadOutcome::Bytes { drained: false, .. }) {
                return;
            }
        }
    }

    /// Makes the coming close a reset, so that the peer learns that something was lost.
    pub(crate) fn reset(&mut self) {
        if let Self::Memory(pipe) = self {
            return pipe.reset();
        }
        if let Some(stream) = self.socket() {
            // A socket that can't be told so is closed all the same.
            let _ = SockRef::from(&*stream).set_linger(Some(Duration::ZERO));
        }
    }

    /// The socket, if there is one.
    pub(crate) fn socket(&mut self) -> Option<&mut TcpStream> {
        match self {
            Self::Tcp(stream) => Some(stream),
            Self::Memory(_) => None,
            #[cfg(feature = "tls")]
            Self::Tls(tls) => Some(tls.socket()),
        }
    }

    /// The peer's address, asked of the system each time.
    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.peer_addr(),
            Self::Memory(pipe) => Ok(pipe.peer_addr()),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.socket_ref().peer_addr(),
        }
    }

    /// This side's address, asked of the system each time.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.local_addr(),
            Self::Memory(_) => Ok(([127, 0, 0, 1], 0).into()),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.socket_ref().local_addr(),
        }
    }
}
