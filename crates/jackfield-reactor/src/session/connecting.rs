//! An outgoing stream that is not connected yet, and the protocol above it.

use crate::reason::Reason;
use crate::stream::Stream;
use crate::stream::addr::Addr;
use crate::stream::options::SocketOptions;
use crate::time::Time;
#[cfg(feature = "tls")]
use rustls::ClientConfig;
#[cfg(feature = "tls")]
use rustls::pki_types::ServerName;
use std::collections::VecDeque;
use std::io::ErrorKind;
#[cfg(feature = "tls")]
use std::sync::Arc;

/// The protocol above an outgoing connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Above {
    /// None: the plain stream.
    Plain,
    /// TLS, as a client of the server with this name.
    #[cfg(feature = "tls")]
    Tls(Arc<ClientConfig>, ServerName<'static>),
}

/// An outgoing stream that is not connected yet.
#[derive(Debug)]
pub struct Connecting {
    pub(crate) stream: Stream,
    /// The options of the stream's socket.
    pub(crate) options: SocketOptions,
    above: Above,
    /// Addresses that were not tried yet.
    rest: VecDeque<Addr>,
    /// Why the last address that was tried has failed.
    failed: ErrorKind,
    /// The deadline of the whole attempt, with the handshake above.
    deadline: Time,
    /// It has failed, and ends at its next timer.
    pub(crate) over: Option<Reason>,
}

impl Connecting {
    /// An attempt that waits for addresses.
    pub(crate) fn new(above: Above, options: SocketOptions, deadline: Time) -> Self {
        let (stream, rest) = (Stream::Closed, VecDeque::new());
        Self { stream, options, above, rest, failed: ErrorKind::NotFound, deadline, over: None }
    }

    pub(crate) fn deadline(&self) -> Time {
        self.deadline
    }

    pub(crate) fn has_more(&self) -> bool {
        !self.rest.is_empty()
    }

    pub(crate) fn add(&mut self, addrs: impl IntoIterator<Item = Addr>) {
        self.rest.extend(addrs);
    }

    /// The next address, and its deadline: all remaining addresses share the remaining time equally.
    pub(crate) fn next(&mut self, now: Time) -> Option<(Addr, Time)> {
        let share = self.deadline.since(now) / u32::try_from(self.rest.len()).unwrap_or(u32::MAX).max(1);
        self.rest.pop_front().map(|addr| (addr, now.after(share)))
    }

    /// Notes the error of an address.
    pub(crate) fn note_failure(&mut self, why: ErrorKind) {
        (self.stream, self.failed) = (Stream::Closed, why);
    }

    /// The reason of the failure, when no address is left.
    pub(crate) fn failure(&self) -> Reason {
        Reason::Connect(self.failed)
    }

    /// The connected stream, and the protocol above it.
    pub(crate) fn into_parts(self) -> (Stream, Above) {
        (self.stream, self.above)
    }
}
