//! Reads and writes of sockets.
//!
//! On Linux these are direct system calls. With two threads in the process each call through the C library costs some
//! fifty instructions more, because a thread may be cancelled in it; Rust never does that.

use super::outcome::Received;
use std::io::{self, IoSlice};

#[cfg(any(target_os = "android", target_os = "linux"))]
mod calls {
    use super::{IoSlice, Received, io};
    use rustix::net::{RecvAncillaryBuffer, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendFlags};
    use std::io::IoSliceMut;
    use std::os::fd::AsFd;

    #[inline(always)]
    pub(crate) fn receive(socket: &mut impl AsFd, room: &mut [u8]) -> io::Result<Received> {
        let length = room.len();
        Ok(Received::of(rustix::net::recv(socket, room, RecvFlags::empty())?.0, length))
    }

    /// Receives from a unix socket. The kernel ends a read after the bytes of a message with descriptors. It closes these,
    /// because nothing here takes them, and tells that something was left out: then more bytes may be there.
    pub(crate) fn receive_unix(socket: &mut impl AsFd, room: &mut [u8]) -> io::Result<Received> {
        let length = room.len();
        let mut control = RecvAncillaryBuffer::default();
        let got =
            rustix::net::recvmsg(socket, &mut [IoSliceMut::new(room)], &mut control, RecvFlags::empty())?;
        let mut received = Received::of(got.bytes, length);
        received.drained &= !got.flags.contains(ReturnFlags::CTRUNC);
        Ok(received)
    }

    /// Sends bytes. If the peer is gone, that is an error and no signal.
    #[inline(always)]
    pub(crate) fn send(socket: &mut impl AsFd, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(socket, bytes, SendFlags::NOSIGNAL)?)
    }

    /// As [`send`], for several slices. `writev` would be a signal.
    #[inline(always)]
    pub(crate) fn send_vectored(socket: &mut impl AsFd, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut control = SendAncillaryBuffer::default();
        match slices {
            [only] => send(socket, only),
            _ => Ok(rustix::net::sendmsg(socket, slices, &mut control, SendFlags::NOSIGNAL)?),
        }
    }
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
mod calls {
    use super::{IoSlice, Received, io};
    use std::io::{Read, Write};

    pub(crate) fn receive(socket: &mut impl Read, room: &mut [u8]) -> io::Result<Received> {
        Ok(Received::of(socket.read(room)?, room.len()))
    }

    #[cfg(unix)]
    pub(crate) use receive as receive_unix;

    pub(crate) fn send(socket: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
        socket.write(bytes)
    }

    pub(crate) fn send_vectored(socket: &mut impl Write, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        socket.write_vectored(slices)
    }
}

#[cfg(unix)]
pub(super) use calls::receive_unix;
pub(super) use calls::{receive, send, send_vectored};
