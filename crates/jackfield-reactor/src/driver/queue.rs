//! The event queue: mio's. On Linux the wait is a direct system call, for the reason in `stream/socket.rs`.

use crate::id::ConnectionId;
use crate::wires::ready::Ready;
use mio::{Poll, Registry, Waker};
use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

/// The most events of one wait.
const EVENTS_MAX: usize = 1024;

/// The event queue, and the events of the last wait.
pub(crate) struct Queue {
    poll: Poll,
    events: wait::Events,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.poll.fmt(f)
    }
}

impl Queue {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { poll: Poll::new()?, events: wait::Events::new() })
    }

    pub(crate) fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    pub(crate) fn waker(&self) -> io::Result<Waker> {
        Waker::new(self.poll.registry(), ConnectionId::WAKER.token())
    }

    /// Waits for events, at most this long. A signal may end the wait earlier.
    #[inline(always)]
    pub(crate) fn wait(&mut self, wait_max: Option<Duration>) -> io::Result<()> {
        match wait::wait(&mut self.poll, &mut self.events, wait_max) {
            Err(error) if error.kind() != ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// The events of the last wait.
    #[inline(always)]
    pub(crate) fn events(&self) -> impl Iterator<Item = wait::Event<'_>> {
        self.events.iter()
    }

    /// The descriptor, for another event queue.
    #[cfg(unix)]
    pub(crate) fn descriptor(&self) -> std::os::fd::RawFd {
        std::os::fd::AsRawFd::as_raw_fd(&self.poll)
    }

    /// True if there may be more events than the last wait could return.
    pub(crate) fn is_full(&self) -> bool {
        self.events().count() == EVENTS_MAX
    }
}

#[cfg(any(target_os = "android", target_os = "linux"))]
pub(crate) mod wait {
    use super::{ConnectionId, Duration, EVENTS_MAX, Poll, Ready, io};
    use jackfield_sys::{BROKEN, ENDED, READABLE, URGENT, WRITABLE};

    /// The events of the last wait.
    pub(crate) struct Events(jackfield_sys::Events);

    /// One event.
    #[derive(Clone, Copy)]
    pub(crate) struct Event<'a>(&'a jackfield_sys::Event);

    impl Events {
        pub(super) fn new() -> Self {
            Self(jackfield_sys::Events::new(EVENTS_MAX))
        }

        #[inline(always)]
        pub(super) fn iter(&self) -> impl Iterator<Item = Event<'_>> {
            self.0.iter().map(Event)
        }
    }

    #[inline(always)]
    pub(super) fn wait(poll: &mut Poll, events: &mut Events, wait_max: Option<Duration>) -> io::Result<()> {
        events.0.wait(poll.registry(), wait_max)
    }

    impl Event<'_> {
        #[inline(always)]
        pub(crate) fn id(self) -> ConnectionId {
            ConnectionId::of_event(self.0.data.u64())
        }

        /// Something can be read, and there is neither an end nor an error nor an urgent byte.
        #[inline(always)]
        pub(crate) fn is_usual(self) -> bool {
            self.0.flags & (READABLE | ENDED | BROKEN | URGENT) == READABLE
        }

        #[inline(always)]
        pub(crate) fn ready(self) -> Ready {
            let flags = self.0.flags;
            Ready {
                id: self.id(),
                readable: flags.intersects(READABLE),
                writable: flags.intersects(WRITABLE),
                ended: flags.intersects(ENDED),
                broken: flags.intersects(BROKEN),
                urgent: flags.intersects(URGENT),
            }
        }
    }
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
pub(crate) mod wait {
    use super::{ConnectionId, Duration, EVENTS_MAX, Poll, Ready, io};

    /// The events of the last wait.
    pub(crate) struct Events(mio::Events);

    impl Events {
        pub(super) fn new() -> Self {
            Self(mio::Events::with_capacity(EVENTS_MAX))
        }

        pub(super) fn iter(&self) -> impl Iterator<Item = Event<'_>> {
            self.0.iter().map(Event)
        }
    }

    /// One event.
    #[derive(Clone, Copy)]
    pub(crate) struct Event<'a>(&'a mio::event::Event);

    pub(super) fn wait(poll: &mut Poll, events: &mut Events, wait_max: Option<Duration>) -> io::Result<()> {
        poll.poll(&mut events.0, wait_max)
    }

    impl Event<'_> {
        pub(crate) fn id(self) -> ConnectionId {
            ConnectionId::of_event(self.0.token().0 as u64)
        }

        /// Something can be read, and there is neither an end nor an error.
        pub(crate) fn is_usual(self) -> bool {
            self.0.is_readable() && !self.0.is_read_closed() && !self.0.is_error()
        }

        pub(crate) fn ready(self) -> Ready {
            Ready {
                id: self.id(),
                readable: self.0.is_readable(),
                writable: self.0.is_writable(),
                ended: self.0.is_read_closed(),
                broken: self.0.is_error() || self.0.is_write_closed(),
                // Here no read is taken for the last before it would block.
                urgent: false,
            }
        }
    }
}
