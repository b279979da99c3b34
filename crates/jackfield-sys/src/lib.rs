//! What the reactor asks of the system and no safe library offers: one option of a listening socket.
//!
//! Of the two crates that may hold `unsafe` this is the one that knows sockets, so that the protocols need not.

#![cfg(any(target_os = "android", target_os = "linux"))]

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Lets newcomers to a listening socket wait in the system until they have said something, for about so many seconds:
/// `TCP_DEFER_ACCEPT` (tcp(7)). Zero: they are there at once.
///
/// # Errors
/// What the system says, such as that this is no TCP socket.
pub fn defer_accept(socket: BorrowedFd<'_>, seconds: i32) -> io::Result<()> {
    let length = size_of::<i32>() as libc::socklen_t;
    // SAFETY: the descriptor is open as long as it is borrowed, and the option's value is an `i32` that outlives the call.
    let failed = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            length,
        )
    };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, UdpSocket};
    use std::os::fd::AsFd;

    #[test]
    fn the_system_takes_it_for_tcp_only() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("an address is free");
        let socket = UdpSocket::bind("127.0.0.1:0").expect("an address is free");
        for seconds in [1, 0] {
            assert!(defer_accept(listener.as_fd(), seconds).is_ok());
            assert!(defer_accept(socket.as_fd(), seconds).is_err());
        }
    }
}
