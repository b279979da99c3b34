//! Reads and writes of sockets.
//!
//! On Linux these are direct system calls. With two threads in the process each call through the C library costs some
//! fifty instructions more, because a thread may be cancelled in it; Rust never does that.

use std::io::{self, IoSlice};

#[cfg(any(target_os = "android", target_os = "linux"))]
mod calls {
    use super::{IoSlice, io};
    use rustix::net::{RecvFlags, SendFlags};
    use std::os::fd::AsFd;

    #[inline(always)]
    pub(crate) fn receive(socket: &mut impl AsFd, room: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::net::recv(socket, room, RecvFlags::empty())?.0)
    }

    /// Sends bytes. If the peer is gone, that is an error and no signal.
    #[inline(always)]
    pub(crate) fn send(socket: &mut impl AsFd, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(socket, bytes, SendFlags::NOSIGNAL)?)
    }

    #[inline(always)]
    pub(crate) fn send_vectored(socket: &mut impl AsFd, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(rustix::io::writev(socket, slices)?)
    }
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
mod calls {
    use super::{IoSlice, io};
    use std::io::{Read, Write};

    pub(crate) fn receive(socket: &mut impl Read, room: &mut [u8]) -> io::Result<usize> {
        socket.read(room)
    }

    pub(crate) fn send(socket: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
        socket.write(bytes)
    }

    pub(crate) fn send_vectored(socket: &mut impl Write, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        socket.write_vectored(slices)
    }
}

pub(super) use calls::{receive, send, send_vectored};
