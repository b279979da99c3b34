//! An in-memory connection: the near end is a wire's transport, the far end belongs to whoever plays the peer.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The near end: what the reactor holds.
#[derive(Debug)]
pub struct Pipe(Arc<Shared>);

/// The far end: what the peer holds. It stays readable after the near end is gone.
#[derive(Clone, Debug)]
pub struct FarEnd(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    peer: SocketAddr,
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    inbound: VecDeque<u8>,
    inbound_ended: bool,
    outbound: Vec<u8>,
    outbound_ended: bool,
    /// All that was ever sent outbound, taken away or not.
    outbound_total: usize,
    /// How many more bytes the near end may write; without a number, any.
    room: Option<usize>,
    /// The longest read the near end gets; without a number, any.
    read_max: Option<usize>,
    reset: bool,
    writes: usize,
    edges: Edges,
}

/// What has changed for the near end since it was last asked. A new connection can be written to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edges {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    pub(crate) ended: bool,
    pub(crate) broken: bool,
}

impl Pipe {
    /// Both ends of a new connection that comes from `peer`.
    pub fn pair(peer: SocketAddr) -> (Self, FarEnd) {
        let shared = Arc::new(Shared { peer, lines: Mutex::default() });
        (Self(shared.clone()), FarEnd(shared))
    }

    pub(crate) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut lines = self.0.lines();
        if lines.reset {
            return Err(ErrorKind::ConnectionReset.into());
        }
        if lines.inbound.is_empty() {
            return if lines.inbound_ended { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
        let count = room.len().min(lines.inbound.len()).min(lines.read_max.unwrap_or(usize::MAX));
        for (place, byte) in room.iter_mut().zip(lines.inbound.drain(..count)) {
            *place = byte;
        }
        if count < room.len() && !lines.inbound.is_empty() {
            // As if the rest arrived only now: a short read has emptied a socket.
            (lines.edges.readable, lines.edges.ended) = (true, lines.inbound_ended);
        }
        Ok(count)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    pub(crate) fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut lines = self.0.lines();
        if lines.reset {
            return Err(ErrorKind::ConnectionReset.into());
        }
        lines.writes += 1;
        let mut taken = 0;
        for slice in slices {
            let count = slice.len().min(lines.room.unwrap_or(usize::MAX));
            lines.room = lines.room.map(|room| room - count);
            lines.outbound.extend_from_slice(&slice[..count]);
            taken += count;
        }
        lines.outbound_total += taken;
        let wanted = slices.iter().any(|slice| !slice.is_empty());
        if taken == 0 && wanted { Err(ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }

    pub(crate) fn finish(&mut self) {
        self.0.lines().outbound_ended = true;
    }

    pub(crate) fn reset(&mut self) {
        self.0.lines().reset = true;
    }

    pub(crate) fn peer_addr(&self) -> SocketAddr {
        self.0.peer
    }

    /// What has changed since this was last asked: each edge is told once, as the system tells it.
    pub(crate) fn take_edges(&self) -> Option<Edges> {
        let edges = std::mem::take(&mut self.0.lines().edges);
        (edges != Edges::default()).then_some(edges)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.finish();
    }
}

impl FarEnd {
    /// Sends bytes to the server. Who has finished sends nothing more.
    pub fn send(&self, bytes: &[u8]) {
        let mut lines = self.0.lines();
        if lines.inbound_ended {
            return;
        }
        lines.inbound.extend(bytes);
        lines.edges.readable = true;
    }

    /// Finishes the peer's side, as a FIN does.
    pub fn finish(&self) {
        let mut lines = self.0.lines();
        lines.inbound_ended = true;
        (lines.edges.readable, lines.edges.ended) = (true, true);
    }

    /// Breaks the connection, as a RST does.
    pub fn reset(&self) {
        let mut lines = self.0.lines();
        lines.reset = true;
        lines.edges = Edges { readable: true, writable: true, ended: true, broken: true };
    }

    /// Lets the server write so many bytes from now on: a small number is a slow reader, `None` a boundless one.
    pub fn set_room(&self, room: Option<usize>) {
        let mut lines = self.0.lines();
        lines.room = room;
        lines.edges.writable = room != Some(0);
    }

    /// How many more bytes the server may write; `None`: any number.
    pub fn room(&self) -> Option<usize> {
        self.0.lines().room
    }

    /// How many bytes that were sent the server has not read yet.
    pub fn unread(&self) -> usize {
        self.0.lines().inbound.len()
    }

    /// Lets the server read at most so many bytes at a time: the rest arrives after it has read them.
    pub fn set_read_max(&self, read_max: Option<usize>) {
        self.0.lines().read_max = read_max;
    }

    /// What the server sent since this was last asked.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lines().outbound)
    }

    /// How many bytes the server has sent altogether.
    pub fn received(&self) -> usize {
        self.0.lines().outbound_total
    }

    /// How often the server wrote.
    pub fn writes(&self) -> usize {
        self.0.lines().writes
    }

    /// True once the server has finished its side or let go of the connection.
    pub fn is_finished(&self) -> bool {
        self.0.lines().outbound_ended
    }

    /// True once the connection was broken by either side.
    pub fn is_reset(&self) -> bool {
        self.0.lines().reset
    }
}

impl Shared {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
