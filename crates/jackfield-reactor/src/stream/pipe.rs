//! An in-memory connection. The near end is a wire's stream; the test, as the peer, has the far end.

use crate::id::ConnectionId;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The near end of an in-memory connection, which the reactor has.
#[derive(Debug)]
pub struct Pipe(Arc<Shared>);

/// The far end of an in-memory connection, for a test that plays the peer. It can still be read after the near end is gone.
/// Where its methods say *the server*, they mean the near end.
#[derive(Clone, Debug)]
pub struct FarEnd(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    inbound: VecDeque<u8>,
    inbound_ended: bool,
    outbound: Vec<u8>,
    outbound_ended: bool,
    /// The near end is gone.
    released: bool,
    /// All bytes that were ever sent by the near end.
    outbound_total: usize,
    /// How many more bytes the near end may write. `None`: any number.
    room: Option<usize>,
    /// The longest read of the near end. `None`: any length.
    read_max: Option<usize>,
    /// The longest write that is taken in one call. `None`: any length.
    write_max: Option<usize>,
    /// How many reads and writes get `WouldBlock` although they could succeed.
    stumbles: (u32, u32),
    /// How many reads and writes are interrupted by a signal.
    interrupts: (u32, u32),
    reset: bool,
    /// The connection breaks when the bytes before are read.
    reset_after_sent: bool,
    /// The error of the next read that finds no bytes.
    read_error: Option<ErrorKind>,
    /// It is an outgoing connection without an answer yet.
    is_dialled: bool,
    /// The error with which it was refused.
    refusal: Option<ErrorKind>,
    reads: usize,
    writes: usize,
    edges: Edges,
    /// The wire with the near end, and the list to which it is added when it has an event.
    home: Option<(ConnectionId, ReadyList)>,
}

/// The wires of one reactor that have an event, in order. So the cost of a turn depends on the ready wires and not on
/// all.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadyList(Arc<Mutex<Vec<ConnectionId>>>);

/// The events of the near end since the last call. A new connection is writable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edges {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    pub(crate) ended: bool,
    pub(crate) broken: bool,
}

impl Pipe {
    /// A new connection: both ends.
    pub fn pair() -> (Self, FarEnd) {
        let shared = Arc::new(Shared { lines: Mutex::default() });
        (Self(shared.clone()), FarEnd(shared))
    }

    /// Both ends of an outgoing connection, which the far end has yet to accept or refuse.
    pub(crate) fn dialled() -> (Self, FarEnd) {
        let (near, far) = Self::pair();
        near.0.lines().is_dialled = true;
        (near, far)
    }

    /// False while an outgoing connection has no answer.
    pub(crate) fn is_connected(&self) -> bool {
        !self.0.lines().is_dialled
    }

    /// Sets the wire with this end: from now on it is listed when it has an event.
    pub(crate) fn enlist(&self, id: ConnectionId, list: &ReadyList) {
        let mut lines = self.0.lines();
        if lines.edges != Edges::default() {
            list.push(id);
        }
        lines.home = Some((id, list.clone()));
    }

    pub(crate) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut lines = self.0.lines();
        lines.reads += 1;
        if lines.reset || (lines.reset_after_sent && lines.inbound.is_empty()) {
            lines.reset = true;
            return Err(ErrorKind::ConnectionReset.into());
        }
        if lines.interrupts.0 > 0 {
            lines.interrupts.0 -= 1;
            return Err(ErrorKind::Interrupted.into());
        }
        if lines.stumbles.0 > 0 {
            lines.stumbles.0 -= 1;
            let ended = lines.inbound_ended;
            lines.raise(Edges { readable: true, ended, ..Edges::default() });
            return Err(ErrorKind::WouldBlock.into());
        }
        if lines.inbound.is_empty() {
            if let Some(error) = lines.read_error.take() {
                return Err(error.into());
            }
            return if lines.inbound_ended { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
        let count = room.len().min(lines.inbound.len()).min(lines.read_max.unwrap_or(usize::MAX));
        let (front, back) = lines.inbound.as_slices();
        let cut = front.len().min(count);
        room[..cut].copy_from_slice(&front[..cut]);
        room[cut..count].copy_from_slice(&back[..count - cut]);
        lines.inbound.drain(..count);
        if count < room.len() && (!lines.inbound.is_empty() || lines.reset_after_sent) {
            // As if the rest arrived only now, because a short read means an empty socket.
            let (ended, broken) = (lines.inbound_ended || lines.reset_after_sent, lines.reset_after_sent);
            lines.raise(Edges { readable: true, ended, broken, ..Edges::default() });
        }
        Ok(count)
    }

    pub(crate) fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut lines = self.0.lines();
        if lines.reset || lines.reset_after_sent {
            return Err(ErrorKind::ConnectionReset.into());
        }
        if lines.interrupts.1 > 0 {
            lines.interrupts.1 -= 1;
            return Err(ErrorKind::Interrupted.into());
        }
        lines.writes += 1;
        let wanted: usize = slices.iter().map(|slice| slice.len()).sum();
        let room = lines.room.unwrap_or(usize::MAX);
        let most = if lines.stumbles.1 > 0 { 0 } else { lines.write_max.unwrap_or(usize::MAX) };
        lines.stumbles.1 = lines.stumbles.1.saturating_sub(1);
        let taken = wanted.min(room).min(most);
        let mut left = taken;
        for slice in slices {
            let count = slice.len().min(left);
            lines.outbound.extend_from_slice(&slice[..count]);
            left -= count;
        }
        lines.room = lines.room.map(|room| room - taken);
        lines.outbound_total += taken;
        if taken < wanted && taken < room {
            // As if the peer took the rest only now.
            lines.raise(Edges { writable: true, ..Edges::default() });
        }
        if taken == 0 && wanted > 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }

    /// If the peer has ended too, both directions are closed: that is reported as a hang-up, as on Linux.
    pub(crate) fn shutdown_write(&mut self) {
        let mut lines = self.0.lines();
        lines.outbound_ended = true;
        if lines.inbound_ended {
            lines.raise(Edges { readable: true, writable: true, ended: true, broken: true });
        }
    }

    /// Resets the connection: bytes that the peer has not taken are lost.
    pub(crate) fn reset(&mut self) {
        self.0.lines().break_off();
    }

    /// Whether the peer's end comes next.
    pub(crate) fn is_at_end(&self) -> bool {
        let lines = self.0.lines();
        lines.inbound.is_empty() && lines.inbound_ended && !lines.reset && !lines.reset_after_sent
    }

    /// The error, if the peer has broken it.
    pub(crate) fn take_error(&self) -> Option<io::Error> {
        let mut lines = self.0.lines();
        let refusal = lines.refusal.take();
        refusal
            .or_else(|| (lines.reset || lines.reset_after_sent).then_some(ErrorKind::ConnectionReset))
            .map(io::Error::from)
    }

    /// Whether no bytes wait to be read.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lines().inbound.is_empty()
    }

    /// Whether bytes wait to be read without an event for them.
    pub(crate) fn has_unreported_input(&self) -> bool {
        let lines = self.0.lines();
        let has_news =
            !lines.inbound.is_empty() || lines.inbound_ended || lines.reset || lines.reset_after_sent;
        has_news && lines.edges == Edges::default()
    }

    /// Whether the peer has broken it.
    pub(crate) fn is_broken(&self) -> bool {
        let lines = self.0.lines();
        lines.reset || (lines.reset_after_sent && lines.inbound.is_empty())
    }

    /// The events since the last call. Each event is returned once, as the system does it, and always with an end that
    /// was reported before.
    pub(crate) fn take_edges(&self) -> Option<Edges> {
        let mut lines = self.0.lines();
        let mut edges = std::mem::take(&mut lines.edges);
        if edges == Edges::default() {
            return None;
        }
        edges.broken |= lines.is_hung_up();
        edges.ended |= lines.inbound_ended || edges.broken;
        Some(edges)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let mut lines = self.0.lines();
        if !lines.inbound.is_empty() && !lines.edges.readable {
            // A close with unread bytes is a reset.
            lines.break_off();
        }
        lines.outbound_ended = true;
        lines.released = true;
        lines.home = None;
    }
}

impl FarEnd {
    /// Accepts an outgoing connection of the server: it is established now.
    pub fn accept(&self) {
        let mut lines = self.0.lines();
        lines.is_dialled = false;
        lines.raise(Edges { writable: true, ..Edges::default() });
    }

    /// Refuses an outgoing connection of the server, with this error.
    pub fn refuse(&self, why: ErrorKind) {
        let mut lines = self.0.lines();
        lines.refusal = Some(why);
        lines.raise(Edges { readable: true, writable: true, ended: true, broken: true });
    }

    /// Sends bytes to the server. Does nothing after [`FarEnd::finish`]. Once the server has dropped its end they reset the
    /// connection, as the system does it: what was not [taken](FarEnd::take) by then is lost.
    pub fn send(&self, bytes: &[u8]) {
        let mut lines = self.0.lines();
        if lines.inbound_ended || bytes.is_empty() {
            return;
        }
        if lines.released {
            return lines.break_off();
        }
        lines.inbound.extend(bytes);
        lines.raise(Edges { readable: true, ..Edges::default() });
    }

    /// Closes the peer's side, as a FIN does.
    pub fn finish(&self) {
        let mut lines = self.0.lines();
        lines.inbound_ended = true;
        let broken = lines.is_hung_up();
        lines.raise(Edges { readable: true, ended: true, broken, ..Edges::default() });
    }

    /// Resets the connection, as a RST does. Bytes that the server has not read are lost.
    pub fn reset(&self) {
        let mut lines = self.0.lines();
        lines.reset = true;
        lines.raise(Edges { readable: true, writable: true, ended: true, broken: true });
    }

    /// Resets the connection, but the server can still read the bytes that were sent before.
    pub fn reset_after_sent(&self) {
        let mut lines = self.0.lines();
        lines.reset_after_sent = true;
        lines.raise(Edges { readable: true, writable: true, ended: true, broken: true });
    }

    /// Makes the next read of the server that finds no bytes return this error, once, as a socket does. No event tells of it.
    pub fn fail_read(&self, error: ErrorKind) {
        self.0.lines().read_error = Some(error);
    }

    /// Makes the next `reads` reads and `writes` writes of the server return `WouldBlock` although they could succeed. A
    /// new edge follows each, as if the bytes or the room came only then.
    pub fn stumble(&self, reads: u32, writes: u32) {
        self.0.lines().stumbles = (reads, writes);
    }

    /// Makes the next `reads` reads and `writes` writes of the server return `Interrupted`, as a signal does.
    pub fn interrupt(&self, reads: u32, writes: u32) {
        self.0.lines().interrupts = (reads, writes);
    }

    /// Reports to the server that it can read or write, even if it can't.
    pub fn nudge(&self, readable: bool, writable: bool) {
        self.0.lines().raise(Edges { readable, writable, ..Edges::default() });
    }

    /// Limits each write of the server to this many bytes. The rest can be written immediately, after a new edge. `None`: no
    /// limit.
    pub fn set_write_max(&self, write_max: Option<usize>) {
        self.0.lines().write_max = write_max;
    }

    /// True once the server has dropped its end: bytes that are sent now are never read, and reset the connection.
    pub fn is_released(&self) -> bool {
        self.0.lines().released
    }

    /// The number of bytes that the server has sent and [`FarEnd::take`] has not taken yet.
    pub fn waiting_bytes(&self) -> usize {
        self.0.lines().outbound.len()
    }

    /// Sets how many more bytes the server may write. A small number plays a slow reader. `None`: no limit.
    pub fn set_room(&self, room: Option<usize>) {
        let mut lines = self.0.lines();
        lines.room = room;
        lines.edges.writable = false;
        if room != Some(0) {
            lines.raise(Edges { writable: true, ..Edges::default() });
        }
    }

    /// How many more bytes the server may write. `None`: no limit.
    pub fn room(&self) -> Option<usize> {
        self.0.lines().room
    }

    /// The number of sent bytes that the server has not read yet.
    pub fn unread_bytes(&self) -> usize {
        self.0.lines().inbound.len()
    }

    /// Limits each read of the server to this many bytes. The rest arrives after that read. `None`: no limit.
    pub fn set_read_max(&self, read_max: Option<usize>) {
        self.0.lines().read_max = read_max;
    }

    /// Takes the bytes that the server has sent since the last call.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lines().outbound)
    }

    /// Drops the bytes that the server has sent since the last [`FarEnd::take`]. The buffer keeps its capacity, so later
    /// writes allocate nothing: for tests and benchmarks that count allocations.
    pub fn discard(&self) {
        self.0.lines().outbound.clear();
    }

    /// The number of bytes that the server has sent in total.
    pub fn bytes_received(&self) -> usize {
        self.0.lines().outbound_total
    }

    /// How often the server tried to read.
    pub fn reads(&self) -> usize {
        self.0.lines().reads
    }

    /// How often the server tried to write, without interrupted writes and writes after a reset.
    pub fn writes(&self) -> usize {
        self.0.lines().writes
    }

    /// True once the server has closed its side or dropped its end.
    pub fn has_server_finished(&self) -> bool {
        self.0.lines().outbound_ended
    }

    /// True once either side has reset the connection.
    pub fn is_reset(&self) -> bool {
        let lines = self.0.lines();
        lines.reset || lines.reset_after_sent
    }
}

impl Lines {
    /// Both directions are closed, as the system sees it.
    fn is_hung_up(&self) -> bool {
        self.reset || self.reset_after_sent || (self.inbound_ended && self.outbound_ended)
    }

    /// The near end resets the connection.
    fn break_off(&mut self) {
        self.reset = true;
        self.outbound.clear();
    }

    fn raise(&mut self, news: Edges) {
        let edges = &mut self.edges;
        let was_listed = *edges != Edges::default();
        edges.readable |= news.readable;
        edges.writable |= news.writable;
        edges.ended |= news.ended;
        edges.broken |= news.broken;
        if let (false, Some((id, list))) = (was_listed, &self.home) {
            list.push(*id);
        }
    }
}

impl ReadyList {
    fn push(&self, id: ConnectionId) {
        self.lock().push(id);
    }

    /// Takes all listed wires. The list keeps its capacity.
    pub(crate) fn take(&self) -> Vec<ConnectionId> {
        let mut list = self.lock();
        if list.is_empty() {
            return Vec::new();
        }
        let room = Vec::with_capacity(list.len());
        std::mem::replace(&mut *list, room)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<ConnectionId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
