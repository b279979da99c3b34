//! All wires of one reactor: what the service may ask and do.
//!
//! This file has the table and the questions. The acts have a file for each idea: `output`, `reading`, `closing`, `charge`
//! and `timers`, among others.

mod bandwidth;
mod broadcast;
mod buckets;
mod charge;
mod closing;
mod connect;
pub(crate) mod dial;
mod evict;
#[cfg(feature = "tls")]
mod hello;
mod limits;
pub(crate) mod memory_work;
pub(crate) mod order;
mod output;
mod peers;
mod pending;
mod pools;
mod pressure;
pub(crate) mod reading;
pub(crate) mod ready;
#[cfg(feature = "tls")]
mod start_tls;
mod timer_index;
mod timer_table;
mod timers;
mod written;

use self::order::AcceptorOrder;
use crate::budget::account::Account;
use crate::generations::Generations;
use crate::id::{ConnectionId, SLOTS_MAX};
use crate::limits::{Limits, LowestMarks};
use crate::planted::planted;
use crate::reason::Reason;
use crate::session::Session;
#[cfg(feature = "tls")]
use crate::session::tls::Tls;
use crate::stats::Stats;
use crate::stream::listener::{Listener, watch};
use crate::stream::listeners::Listeners;
use crate::stream::pipe::ReadyList;
use crate::table;
use crate::time::NEVER;
use crate::time::Time;
use crate::wheel::Wheel;
use crate::wire::Wire;
use crate::wire::carry::Carry;
use crate::wire::flags::Flags;
use crate::wire::life::Phase;
use crate::wire::outbox::Outbox;
use crate::wire::peer::Peer;
use crate::wire::timer_key;
use mio::{Interest, Registry};
use slab::Slab;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;

const BOTH_WAYS: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// What the system reports of a socket: on Linux urgent bytes too, at which it ends a read.
#[cfg(any(target_os = "android", target_os = "linux"))]
const WATCHED: Interest = BOTH_WAYS.add(Interest::PRIORITY);
#[cfg(not(any(target_os = "android", target_os = "linux")))]
const WATCHED: Interest = BOTH_WAYS;

/// All connections of one reactor. A *wire* is the I/O half of a connection.
///
/// Nearly all methods take the id of a connection. If the connection is gone, they do nothing, or return `None`, `false` or
/// zero.
#[derive(Debug)]
pub struct Wires {
    pub(crate) slab: Slab<Wire>,
    /// The next generation of each slot that was ever used.
    generations: Generations,
    retired: usize,
    /// Peers that do not fit into their wires.
    peers: Slab<Peer>,
    pub(crate) wheel: Wheel,
    /// The timers of those that have many, by slot.
    timer_indexes: HashMap<usize, timer_index::TimerIndex>,
    /// The token buckets of wires with a bandwidth limit, by slot.
    buckets: HashMap<usize, buckets::BandwidthBuckets>,
    /// Lingering wires, the oldest first. Some may have been removed already.
    lingering: VecDeque<ConnectionId>,
    lingering_count: usize,
    pub(crate) limits: Limits,
    /// The limits of the connections of each listener. Those without an entry have `limits`.
    listener_limits: Vec<Limits>,
    lowest_marks: LowestMarks,
    pub(crate) stats: Arc<Stats>,
    pub(crate) now: Time,
    /// The wire whose bytes are being passed. Its answers go into the cork, which is written once after the event.
    pub(crate) current: ConnectionId,
    pub(crate) cork: Box<Outbox>,
    /// The current wire must leave the usual path.
    pub(crate) stopped: bool,
    broadcast: pending::Broadcast,
    pub(crate) dirty: Vec<ConnectionId>,
    pub(crate) again: Vec<ConnectionId>,
    pub(crate) ending: Vec<ConnectionId>,
    pub(crate) drained: Vec<ConnectionId>,
    /// Wires from which the kernel has taken bytes, for which the layer above has asked to be told.
    written: VecDeque<ConnectionId>,
    /// The in-memory wires that have events.
    pub(crate) ready: ReadyList,
    /// The attempts of outgoing in-memory wires.
    pub(crate) dials: Vec<dial::Dial>,
    // Boxed, because a wire has it as one pointer, and the boxes are reused too.
    #[expect(clippy::vec_box)]
    outboxes: Vec<Box<Outbox>>,
    #[expect(clippy::vec_box)]
    carries: Vec<Box<Carry>>,
    pub(crate) account: Account,
    pub(crate) memory_work: memory_work::MemoryWork,
    pub(crate) handshakes_left: usize,
    registry: Option<Registry>,
    /// While true, the system does not watch new wires yet; `unwatched` lists them.
    pub(crate) is_unwatched: bool,
    pub(crate) unwatched: Vec<ConnectionId>,
    reactor: u8,
    /// When the service is woken without an event: its alarm, or [`NEXT_TURN`].
    pub(crate) alarm: Time,
    /// Its alarm, without regard to [`NEXT_TURN`].
    pub(crate) alarm_set: Time,
    /// The number of the turn in which the service was woken last.
    pub(crate) woken_in: u64,
    halted: bool,
    pub(crate) listening: bool,
    /// Orders for the driver's acceptor.
    pub(crate) acceptor: VecDeque<AcceptorOrder>,
    /// The acceptor's listeners.
    pub(crate) listeners: Listeners,
}

/// The counters of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WireStats {
    /// Bytes that were read, counted as plain text.
    pub bytes_in: u64,
    /// Bytes that were written to the kernel, counted as plain text. Over TLS, as long as the kernel has taken only a part of
    /// a write, up to 200 bytes too many: the overhead of the records.
    #[doc(alias = "BytesSent")]
    pub bytes_out: u64,
    /// Bytes that wait for the kernel, also those that TLS has encrypted already.
    pub queued: usize,
    /// Time since the connection was added.
    pub age: Duration,
    /// How long it has been idle: the time since the last byte came from the peer, since reading it went on after a pause, or,
    /// if writes count as activity, since the last write.
    pub quiet: Duration,
}

impl Wires {
    pub(crate) fn new(reactor: u8, now: Time, limits: Limits, registry: Option<Registry>) -> Self {
        Self {
            slab: Slab::new(),
            generations: Generations::default(),
            retired: 0,
            peers: Slab::new(),
            wheel: Wheel::new(now.0),
            timer_indexes: HashMap::new(),
            buckets: HashMap::new(),
            lingering: VecDeque::new(),
            lingering_count: 0,
            lowest_marks: LowestMarks::of(&limits),
            limits,
            listener_limits: Vec::new(),
            stats: Arc::default(),
            now,
            current: ConnectionId::NO_WIRE,
            cork: Box::default(),
            stopped: false,
            broadcast: pending::Broadcast::default(),
            dirty: Vec::new(),
            again: Vec::new(),
            ending: Vec::new(),
            drained: Vec::new(),
            written: VecDeque::new(),
            ready: ReadyList::default(),
            dials: Vec::new(),
            outboxes: Vec::new(),
            carries: Vec::new(),
            account: Account::new(Arc::default()),
            memory_work: memory_work::MemoryWork::new(),
            handshakes_left: 0,
            registry,
            is_unwatched: false,
            unwatched: Vec::new(),
            reactor,
            alarm: NEVER,
            alarm_set: NEVER,
            woken_in: 0,
            halted: false,
            listening: true,
            acceptor: VecDeque::new(),
            listeners: Listeners::default(),
        }
    }

    /// Adds a connection. Its socket is registered once with the system, for both directions and edge-triggered. A
    /// connection from a listener with [`ListenOptions::deferred`](crate::ListenOptions::deferred) is first read, and
    /// registered only if it is still there after that.
    ///
    /// # Errors
    /// [`io::ErrorKind::OutOfMemory`] if [`Wires::is_full`], or the error of the system when it did not register the
    /// socket. The session is dropped, which closes the connection.
    pub fn insert(&mut self, mut session: Session, peer: Peer) -> io::Result<ConnectionId> {
        if self.is_full() {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        table::reserve_gently(&mut self.slab);
        let slot = self.slab.vacant_key();
        let id = ConnectionId::new(self.reactor, self.generations.begin(slot), slot);
        if let (Some(registry), Some(source)) = (&self.registry, session.stream_mut().source()) {
            if self.is_unwatched {
                self.unwatched.push(id);
            } else {
                let watched = registry.register(source, id.token(), WATCHED);
                watched.inspect_err(|_| self.generations.end(id))?;
            }
        } else if let Some(pipe) = session.stream().as_pipe() {
            pipe.enlist(id, &self.ready);
        }
        let begins = session.sends_first();
        let peer = self.keep_peer(peer);
        self.slab.insert(Wire::new(id, session, peer, self.now));
        self.stats.opened.add(1);
        self.begin_handshake(id);
        if begins {
            // It sends first, when it is read.
            self.read_soon(id);
        }
        Ok(id)
    }

    /// Sets the deadline of the handshake.
    pub(super) fn begin_handshake(&mut self, id: ConnectionId) {
        if self.wire(id).is_some_and(|wire| wire.phase == Phase::Handshake) {
            self.arm(id, timer_key::HANDSHAKE, self.now.after(self.limits_of(id).handshake).0);
        }
    }

    /// Lets the system watch a wire from now on. Its first event reports what has happened before.
    pub(crate) fn register(&mut self, id: ConnectionId) {
        let Some(wire) = self.slab.get_mut(id.slot()).filter(|wire| wire.id == id) else { return };
        let (Some(registry), Some(source)) = (&self.registry, wire.session.stream_mut().source()) else {
            return;
        };
        if let Err(error) = registry.register(source, id.token(), WATCHED) {
            self.abort(id, Reason::of_error(&error));
        }
    }

    /// True if no more connections can be added.
    pub fn is_full(&self) -> bool {
        self.len() >= self.limits.wires_max || self.slab.len() >= SLOTS_MAX
    }

    /// True while the connection exists, also while it is closing. False while it lingers.
    pub fn contains(&self, id: ConnectionId) -> bool {
        self.known(id).is_some()
    }

    /// The number of connections, without those that linger.
    pub fn len(&self) -> usize {
        self.slab.len() - self.retired - self.lingering_count
    }

    /// The number of connections that linger. [`Service::on_close`](crate::Service::on_close) was called for them and our
    /// FIN was sent. What their peers still send is read and dropped, because a close with unread bytes is a reset, which
    /// may destroy output on its way.
    pub fn lingering(&self) -> usize {
        self.lingering_count
    }

    /// True if there is no connection, and none lingers.
    pub fn is_empty(&self) -> bool {
        self.slab.len() == self.retired
    }

    /// The ids of all connections, in the order of their slots.
    pub fn ids(&self) -> impl Iterator<Item = ConnectionId> {
        self.stats.visits.add(self.slab.len() as u64);
        self.slab.iter().filter(|(_, wire)| wire.is_known()).map(|(_, wire)| wire.id)
    }

    /// A part of a loop over all connections: the ids in the next `most` slots, beginning with the slot `from`. The second
    /// value is the slot where the next part begins, or `None` after the last. A connection that is added during the loop
    /// may be left out.
    pub fn ids_in_slots(&self, from: usize, most: usize) -> (Vec<ConnectionId>, Option<usize>) {
        let end = from.saturating_add(most.max(1)).min(self.generations.len());
        let wires = (from..end).filter_map(|slot| self.slab.get(slot));
        let ids = wires.filter(|wire| wire.is_known()).map(|wire| wire.id).collect();
        self.stats.visits.add(end.saturating_sub(from) as u64);
        (ids, (end < self.generations.len()).then_some(end))
    }

    /// The time of this turn.
    #[inline(always)]
    pub fn now(&self) -> Time {
        self.now
    }

    /// The number of this reactor.
    #[inline(always)]
    pub fn reactor(&self) -> usize {
        self.reactor.into()
    }

    /// Which connections exist and which are listed, for other threads.
    pub fn generations(&self) -> &Generations {
        &self.generations
    }

    /// The ids of the connections that are [listed](Generations::mark_listed), by slot.
    pub fn listed_ids(&self) -> Vec<ConnectionId> {
        let mut ids = Vec::new();
        let looks = self.generations.for_each_listed(self.reactor, |id| ids.push(id));
        self.stats.visits.add(looks as u64);
        ids
    }

    /// The counters of this reactor.
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    /// The counters of this connection.
    pub fn wire_stats(&self, id: ConnectionId) -> Option<WireStats> {
        let wire = self.known(id)?;
        // TLS may keep a part of what it was given. An alert of its own is not counted.
        let kept = (wire.session.encrypted_bytes() as u64).min(wire.bytes_out);
        Some(WireStats {
            bytes_in: wire.bytes_in,
            bytes_out: wire.bytes_out - kept,
            queued: self.queued_bytes(id) + kept as usize,
            age: if planted(89) { self.now.low_since(wire.since) } else { self.now.since(wire.since) },
            quiet: self.now.since(wire.last_received),
        })
    }

    /// Bytes that were passed to `on_bytes` and not used yet.
    pub fn unread(&self, id: ConnectionId) -> usize {
        self.wire(id).and_then(|wire| wire.carry.as_ref()).map_or(0, |carry| carry.len())
    }

    /// The connection's TLS session, if it has one.
    #[cfg(feature = "tls")]
    pub fn tls(&self, id: ConnectionId) -> Option<&rustls::Connection> {
        self.wire(id)?.session.tls().map(Tls::session)
    }

    /// True if the connection uses TLS, also while its handshake is not complete.
    pub fn is_encrypted(&self, id: ConnectionId) -> bool {
        self.wire(id).is_some_and(|wire| wire.session.encrypts())
    }

    /// True while the connection takes output.
    pub fn is_open(&self, id: ConnectionId) -> bool {
        self.wire(id).is_some_and(|wire| wire.phase == Phase::Open)
    }

    /// True while a handshake is in progress: the connection takes no output yet.
    pub fn is_handshaking(&self, id: ConnectionId) -> bool {
        self.wire(id).is_some_and(|wire| wire.phase == Phase::Handshake)
    }

    /// True if the connection is closing, aborted or gone: nothing more is taken from it or for it.
    pub fn is_closing(&self, id: ConnectionId) -> bool {
        self.wire(id).is_none_or(|wire| wire.phase >= Phase::Closing)
    }

    /// True once the peer's end of the stream (its FIN, or close_notify over TLS) was read.
    pub fn has_peer_ended(&self, id: ConnectionId) -> bool {
        self.wire(id).is_some_and(|wire| wire.has(Flags::PEER_ENDED))
    }

    /// Shows a watchdog on another thread which connection is handled and what is done, as [`Stats::at`](crate::Stats::at)
    /// and [`Stats::doing`](crate::Stats::doing).
    pub fn show_watchdog(&self, id: ConnectionId, label: u8) {
        self.stats.at.set(id.to_bits());
        self.stats.doing.set(label.into());
    }

    /// Shows a watchdog that no callback runs: what the reactor does now is its own work.
    pub fn clear_watchdog(&self) {
        self.show_watchdog(ConnectionId::NO_WIRE, 0);
    }

    /// Shows a watchdog that bytes of the connection are handled, with the label of [`Wires::set_label`]. The reactor does
    /// this before each `on_bytes`.
    pub fn show_watchdog_bytes(&self, id: ConnectionId) {
        if let Some(wire) = self.wire(id) {
            self.show_watchdog(id, wire.label);
        }
    }

    /// Sets the label that a watchdog sees while bytes of this connection are handled. The service defines its meaning.
    pub fn set_label(&mut self, id: ConnectionId, label: u8) {
        if let Some(wire) = self.wire_mut(id) {
            wire.label = label;
        }
    }

    /// Makes [`Driver::run`](crate::Driver::run) return at the end of the turn.
    pub fn halt(&mut self) {
        self.halted = true;
    }

    /// True once [`Wires::halt`] was called.
    pub fn is_halted(&self) -> bool {
        self.halted
    }

    /// Sets whether the driver accepts new connections. If not, they wait in the backlog.
    pub fn set_listening(&mut self, listening: bool) {
        self.listening = listening;
    }

    /// Makes the driver close its listeners. The system refuses new connections then, and drops those in the backlog.
    pub fn stop_listening(&mut self) {
        self.listening = false;
        self.acceptor.push_back(AcceptorOrder::Shut);
    }

    /// Makes the driver ask [`Service::may_accept`](crate::Service::may_accept) again at the listeners for which it said
    /// no.
    pub fn accept_again(&mut self) {
        self.acceptor.push_back(AcceptorOrder::Retry);
    }

    /// Makes the driver close one listener. The system refuses new connections there, and drops those in its backlog.
    pub fn close_listener(&mut self, listener: usize) {
        self.acceptor.push_back(AcceptorOrder::Close(listener));
    }

    /// Makes the driver accept at the listener that `open` gives, under the index of one that was closed. If another driver has not
    /// left the closed one yet, at which it accepted in place of this one, that is taken again, for its address is in use.
    ///
    /// # Errors
    /// That of `open`, or the system does not watch the listener. It is closed then.
    pub fn reopen_listener(
        &mut self,
        index: usize,
        open: impl FnOnce() -> io::Result<Listener>,
    ) -> io::Result<()> {
        let mut listener = self.listeners.get(index).map_or_else(|| open().map(Arc::new), Ok)?;
        if let Some(registry) = &self.registry {
            watch(&mut listener, registry, index)?;
        }
        self.acceptor.push_back(AcceptorOrder::Reopen(index, listener));
        Ok(())
    }

    /// Makes the driver accept at the listeners of another driver, which is overloaded or blocked, or ends that. See
    /// [`Driver::stand_in_for`](crate::Driver::stand_in_for).
    pub fn stand_in(&mut self, stands_in: bool) {
        if self.listening {
            self.acceptor.push_back(if stands_in { AcceptorOrder::StandIn } else { AcceptorOrder::StepBack });
        }
    }

    /// The bytes that the tables take, used or not. They are part of the cost of a connection.
    pub fn table_bytes(&self) -> usize {
        self.slab.capacity() * size_of::<Wire>()
            + self.peers.capacity() * size_of::<Peer>()
            + self.generations.table_bytes()
            + self.wheel.table_bytes()
    }

    /// True if the peer closed its side of a TLS connection without close_notify (RFC 8446 section 6.1). An attacker may
    /// have cut its last bytes off; but many peers never send close_notify.
    #[cfg(feature = "tls")]
    pub fn was_cut(&self, id: ConnectionId) -> bool {
        self.wire(id).and_then(|wire| wire.session.tls()).is_some_and(Tls::was_cut)
    }

    /// A wire for which `on_close` has not come yet.
    pub(crate) fn known(&self, id: ConnectionId) -> Option<&Wire> {
        self.wire(id).filter(|wire| wire.is_known())
    }

    #[inline(always)]
    pub(crate) fn wire_mut(&mut self, id: ConnectionId) -> Option<&mut Wire> {
        self.slab.get_mut(id.slot()).filter(|wire| wire.id == id || planted(1))
    }

    pub(crate) fn wire(&self, id: ConnectionId) -> Option<&Wire> {
        self.slab.get(id.slot()).filter(|wire| wire.id == id || planted(1))
    }

    #[cfg(test)]
    pub(crate) fn set_generation(&mut self, slot: usize, generation: u32) {
        self.generations.set(slot, generation);
    }
}
