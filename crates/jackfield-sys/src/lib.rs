//! What the reactor asks of the system and no safe library offers: two options of sockets, and events that may go from one
//! thread to another.
//!
//! Of the two crates that may hold `unsafe` this is the one that knows sockets, so that the protocols need not.

#![cfg(any(target_os = "android", target_os = "linux"))]

use rustix::event::{Timespec, epoll};
mod passed;

pub use passed::take_passed;

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

pub use rustix::event::epoll::Event;

/// Lets new connections to a listening socket wait in the system until they have said something, for about so many seconds:
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

/// The process, the user and the group at the other end of a unix socket, as they were when it connected: `SO_PEERCRED`
/// (unix(7)). The process is 0 if it is in a namespace that this process does not see, as that of a container may be.
///
/// # Errors
/// What the system says, such as that this is no socket.
pub fn peer_credentials(socket: BorrowedFd<'_>) -> io::Result<(i32, u32, u32)> {
    let mut found = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the descriptor is open as long as it is borrowed. The system writes at most `length` bytes, which `found` has,
    // and any bytes are numbers.
    let failed = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut found).cast(),
            &raw mut length,
        )
    };
    if failed == 0 { Ok((found.pid, found.uid, found.gid)) } else { Err(io::Error::last_os_error()) }
}

/// Something can be read.
pub const READABLE: epoll::EventFlags = epoll::EventFlags::IN;
/// Something can be written.
pub const WRITABLE: epoll::EventFlags = epoll::EventFlags::OUT;
/// The peer has closed its side, or both sides are closed.
pub const ENDED: epoll::EventFlags = epoll::EventFlags::RDHUP.union(epoll::EventFlags::HUP);
/// An error waits to be asked for, or both sides are closed.
pub const BROKEN: epoll::EventFlags = epoll::EventFlags::ERR.union(epoll::EventFlags::HUP);

/// An urgent byte of TCP waits to be read.
pub const URGENT: epoll::EventFlags = epoll::EventFlags::PRI;

/// What an event queue told at the last wait.
pub struct Events {
    /// The first of them are those of the last wait.
    all: Box<[Event]>,
    count: usize,
}

// SAFETY: an event may hold a pointer, which would belong to one thread. The only ones that are made or read here hold a
// number: the token that mio gave the system.
unsafe impl Send for Events {}

/// What the system can be asked to wait for in milliseconds, nearly 25 days.
const WAIT_MAX: Duration = Duration::from_millis(i32::MAX as u64);

impl Events {
    /// Room for so many events of one wait.
    pub fn new(events_max: usize) -> Self {
        let none = Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(0) };
        Self { all: vec![none; events_max].into(), count: 0 }
    }

    /// Waits for events, at most that long, rounded up to milliseconds; `None`: for ever. A bare system call: the C
    /// library's own is a place at which threads can be cancelled, which costs fifty instructions as soon as there are two of
    /// them.
    ///
    /// # Errors
    /// What the system says: a signal has interrupted it.
    #[inline(always)]
    pub fn wait(&mut self, queue: impl AsFd, wait_max: Option<Duration>) -> io::Result<()> {
        let timeout = wait_max.map(|wait| {
            let wait = wait.min(WAIT_MAX);
            Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: wait.subsec_nanos().into() }
        });
        self.count = 0;
        self.count = epoll::wait(queue, &mut self.all[..], timeout.as_ref())?;
        Ok(())
    }

    /// What the last wait told.
    #[inline(always)]
    pub fn iter(&self) -> impl Iterator<Item = &Event> {
        self.all[..self.count].iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, UdpSocket};

    #[test]
    fn a_wait_returns_events_and_ends_in_time() {
        let mut poll = mio::Poll::new().expect("an event queue");
        let mut events = Events::new(4);
        let mut wait = |poll: &mio::Poll, wait_max| {
            events.wait(poll.registry(), wait_max).expect("no signal");
            events.iter().map(|event| (event.data.u64(), event.flags)).collect::<Vec<_>>()
        };
        assert_eq!(wait(&poll, Some(Duration::ZERO)), []);
        assert_eq!(wait(&poll, Some(Duration::from_nanos(1))), []);
        let waker = mio::Waker::new(poll.registry(), mio::Token(usize::MAX - 1)).expect("a descriptor");
        for wait_max in [None, Some(Duration::MAX), Some(WAIT_MAX)] {
            waker.wake().expect("it is there");
            assert_eq!(wait(&poll, wait_max), [(u64::MAX - 1, READABLE)]);
        }
        waker.wake().expect("it is there");
        let mut told = mio::Events::with_capacity(4);
        poll.poll(&mut told, None).expect("it was woken");
        assert!(told.iter().all(mio::event::Event::is_readable), "mio sees the same");
    }

    #[test]
    fn a_peer_of_this_process_is_this_process() {
        let (near, _far) = std::os::unix::net::UnixStream::pair().expect("two descriptors");
        let (pid, ..) = peer_credentials(near.as_fd()).expect("it is a socket");
        assert_eq!(u32::try_from(pid), Ok(std::process::id()));
        let none = std::fs::File::open("/dev/null").expect("it is there");
        assert!(peer_credentials(none.as_fd()).is_err());
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
