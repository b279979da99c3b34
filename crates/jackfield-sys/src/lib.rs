//! What the reactor asks of the system and no safe library offers: one option of a listening socket, and a cheaper
//! wait for events.
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

/// What an event queue tells of one source: epoll_ctl(2).
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Event(libc::epoll_event);

impl Event {
    /// Nothing of nobody.
    pub const NONE: Self = Self(libc::epoll_event { events: 0, u64: 0 });

    /// The token with which the source was registered.
    #[inline(always)]
    pub fn token(&self) -> u64 {
        self.0.u64
    }

    /// What is told: bits of [`READABLE`], [`WRITABLE`], [`ENDED`], [`BROKEN`] and [`HUNG_UP`].
    #[inline(always)]
    pub fn bits(&self) -> u32 {
        self.0.events
    }
}

/// Something can be read.
pub const READABLE: u32 = libc::EPOLLIN as u32;
/// Something can be written.
pub const WRITABLE: u32 = libc::EPOLLOUT as u32;
/// The peer has finished its side.
pub const ENDED: u32 = libc::EPOLLRDHUP as u32;
/// An error waits to be asked for.
pub const BROKEN: u32 = libc::EPOLLERR as u32;
/// Both sides are finished, or the connection is broken.
pub const HUNG_UP: u32 = libc::EPOLLHUP as u32;

/// Waits for events, at most for that many milliseconds; a negative number: for ever. Returns how many of them are now at
/// the front of `events`. A bare system call: the C library's own is a place at which threads can be cancelled, which
/// costs fifty instructions as soon as there are two of them.
///
/// # Errors
/// What the system says: a signal has interrupted it.
#[inline(always)]
pub fn wait(queue: &mio::Poll, events: &mut [Event], milliseconds: i32) -> io::Result<usize> {
    let events_max = i32::try_from(events.len()).unwrap_or(i32::MAX);
    // SAFETY: the queue's descriptor is open as long as it is borrowed; the system writes `events_max` events at most, each
    // of them in the form of its own type, into memory that is borrowed for that; without a mask its size is not used.
    let count = unsafe {
        libc::syscall(
            libc::SYS_epoll_pwait,
            queue.as_raw_fd(),
            events.as_mut_ptr(),
            events_max,
            milliseconds,
            std::ptr::null::<libc::sigset_t>(),
            0_usize,
        )
    };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, UdpSocket};
    use std::os::fd::AsFd;

    #[test]
    fn a_wait_tells_what_happened_and_ends_in_time() {
        let mut poll = mio::Poll::new().expect("an event queue");
        let mut events = [Event::NONE; 4];
        assert_eq!(wait(&poll, &mut events, 0).expect("nothing happens"), 0);
        assert_eq!(wait(&poll, &mut events, 1).expect("nothing happens"), 0);
        let waker = mio::Waker::new(poll.registry(), mio::Token(usize::MAX - 1)).expect("a descriptor");
        waker.wake().expect("it is there");
        assert_eq!(wait(&poll, &mut events, -1).expect("it was woken"), 1);
        assert_eq!((events[0].token(), events[0].bits()), (u64::MAX - 1, READABLE));
        waker.wake().expect("it is there");
        let mut told = mio::Events::with_capacity(4);
        poll.poll(&mut told, None).expect("it was woken");
        assert!(told.iter().all(mio::event::Event::is_readable), "mio sees the same");
    }

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
