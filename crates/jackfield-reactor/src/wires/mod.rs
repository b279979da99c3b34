//! Every wire of one reactor: what the layer above may ask of them and do to them.
//!
//! Here is the table and what can be asked. What can be done is one file for each idea: `output`, `reading`,
//! `closing`, `charge` and `timers`.

mod bandwidth;
mod broadcast;
mod buckets;
mod charge;
mod closing;
mod connect;
pub(crate) mod dial;
pub(crate) mod duty;
mod evict;
#[cfg(feature = "tls")]
mod hello;
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
use crate::limits::Limits;
use crate::planted::planted;
use crate::reason::Reason;
use crate::session::Session;
#[cfg(feature = "tls")]
use crate::session::tls::Tls;
use crate::stats::Stats;
use crate::stream::listener::Listener;
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

/// Every wire of one reactor. Not generic: user types never reach it.
///
/// Each method takes the id of the wire that is meant. An id whose wire is gone does nothing, or answers `None`.
#[derive(Debug)]
pub struct Wires {
    pub(crate) slab: Slab<Wire>,
    /// The next generation of each slot that was ever used.
    generations: Generations,
    retired: usize,
    /// What of the peers does not fit into their wires.
    peers: Slab<Peer>,
    pub(crate) wheel: Wheel,
    /// The timers of those that have many, by slot.
    timer_indexes: HashMap<usize, timer_index::TimerIndex>,
    /// What those whose bandwidth is limited may still receive and send, by slot.
    buckets: HashMap<usize, buckets::Buckets>,
    /// Those that linger, and besides them some that are gone: the oldest first.
    lingering: VecDeque<ConnectionId>,
    lingering_count: usize,
    pub(crate) limits: Limits,
    pub(crate) stats: Arc<Stats>,
    pub(crate) now: Time,
    /// The wire whose bytes are being handed up, and its cork: answers are written once, after the event.
    pub(crate) current: ConnectionId,
    pub(crate) cork: Box<Outbox>,
    /// Something happened to the current wire that takes it off the usual path.
    pub(crate) stopped: bool,
    broadcast: pending::Broadcast,
    pub(crate) dirty: Vec<ConnectionId>,
    pub(crate) again: Vec<ConnectionId>,
    pub(crate) ending: Vec<ConnectionId>,
    pub(crate) drained: Vec<ConnectionId>,
    /// Of these the kernel has taken something, and the layer above wants to know it.
    written: Vec<ConnectionId>,
    /// The in-memory wires that have something to be told.
    pub(crate) ready: ReadyList,
    /// What in-memory wires of our own are to be connected to.
    pub(crate) dials: Vec<dial::Dial>,
    // Boxed: a wire holds one as a single pointer, and the boxes themselves are reused too.
    #[expect(clippy::vec_box)]
    outboxes: Vec<Box<Outbox>>,
    #[expect(clippy::vec_box)]
    carries: Vec<Box<Carry>>,
    pub(crate) account: Account,
    pub(crate) memory_work: duty::MemoryWork,
    pub(crate) handshakes_left: usize,
    registry: Option<Registry>,
    /// Those that are taken up now are not watched by the system yet, and are these.
    pub(crate) is_unwatched: bool,
    pub(crate) unwatched: Vec<ConnectionId>,
    reactor: u8,
    /// When the service wants to be woken although nothing happens: its alarm, or [`NEXT_TURN`].
    pub(crate) alarm: Time,
    /// Its alarm, whatever is to happen in the next turn.
    pub(crate) alarm_set: Time,
    halted: bool,
    pub(crate) listening: bool,
    /// What the driver is to do with its acceptor, once.
    pub(crate) acceptor: VecDeque<AcceptorOrder>,
}

/// What a connection has done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireStats {
    /// Bytes read, as plain text.
    pub bytes_in: u64,
    /// Bytes the kernel took, as plain text.
    #[doc(alias = "BytesSent")]
    pub bytes_out: u64,
    /// Bytes that wait for the kernel.
    pub queued: usize,
    /// Time since it was taken up.
    pub age: Duration,
    /// Time since something was heard.
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
            limits,
            stats: Arc::default(),
            now,
            current: ConnectionId::IDLE,
            cork: Box::default(),
            stopped: false,
            broadcast: pending::Broadcast::default(),
            dirty: Vec::new(),
            again: Vec::new(),
            ending: Vec::new(),
            drained: Vec::new(),
            written: Vec::new(),
            ready: ReadyList::default(),
            dials: Vec::new(),
            outboxes: Vec::new(),
            carries: Vec::new(),
            account: Account::new(Arc::default()),
            memory_work: duty::MemoryWork::new(),
            handshakes_left: 0,
            registry,
            is_unwatched: false,
            unwatched: Vec::new(),
            reactor,
            alarm: NEVER,
            alarm_set: NEVER,
            halted: false,
            listening: true,
            acceptor: VecDeque::new(),
        }
    }

    /// Takes a connection up. It is registered once, for both directions and by edges, and never again: at once, or if it
    /// comes from a deferred listener, when its first bytes have been read and it is still there.
    ///
    /// # Errors
    /// [`io::ErrorKind::OutOfMemory`] if the table is full, or what the system said when it did not register the
    /// socket. The transport is dropped, and with it the connection.
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
                registry.register(source, id.token(), BOTH_WAYS)?;
            }
        } else if let Some(pipe) = session.stream().as_pipe() {
            pipe.enlist(id, &self.ready);
        }
        let begins = session.begins();
        let peer = self.keep_peer(peer);
        self.slab.insert(Wire::new(id, session, peer, self.now));
        self.stats.opened.add(1);
        self.begin_handshake(id);
        if begins {
            // It speaks when it is read.
            self.read_soon(id);
        }
        Ok(id)
    }

    /// What the session itself says must be over in time.
    pub(super) fn begin_handshake(&mut self, id: ConnectionId) {
        if self.peek(id).is_some_and(|wire| wire.phase == Phase::Handshake) {
            self.arm(id, timer_key::HANDSHAKE, self.now.after(self.limits.handshake).0);
        }
    }

    /// Lets the system watch a wire, which it has not done yet: what happened meanwhile is the first thing that it tells.
    pub(crate) fn watch(&mut self, id: ConnectionId) {
        let Some(wire) = self.slab.get_mut(id.slot()).filter(|wire| wire.id == id) else { return };
        let (Some(registry), Some(source)) = (&self.registry, wire.session.stream_mut().source()) else {
            return;
        };
        if let Err(error) = registry.register(source, id.token(), BOTH_WAYS) {
            self.abort(id, Reason::of_error(&error));
        }
    }

    /// True if no further connection can be taken up.
    pub fn is_full(&self) -> bool {
        self.len() >= self.limits.wires_max || self.slab.len() >= SLOTS_MAX
    }

    /// True while the connection exists, even if it is already closing. One that lingers is gone.
    pub fn contains(&self, id: ConnectionId) -> bool {
        self.known(id).is_some()
    }

    /// How many connections there are, without those that linger.
    pub fn len(&self) -> usize {
        self.slab.len() - self.retired - self.lingering_count
    }

    /// How many linger: [`Service::on_close`](crate::Service::on_close) was called, and what their peers still send is read
    /// and dropped, so that nothing that was sent to them is destroyed.
    pub fn lingering(&self) -> usize {
        self.lingering_count
    }

    /// True if there is no connection, and none lingers.
    pub fn is_empty(&self) -> bool {
        self.slab.len() == self.retired
    }

    /// The ids of all connections, by slot.
    pub fn ids(&self) -> impl Iterator<Item = ConnectionId> {
        self.stats.visits.add(self.slab.len() as u64);
        self.slab.iter().filter(|(_, wire)| wire.is_known()).map(|(_, wire)| wire.id)
    }

    /// A part of a walk over all connections: the ids in the next `most` slots from this one on, and where the next part
    /// begins, if there is one. A connection that is taken up meanwhile may be in none of the parts.
    pub fn part(&self, from: usize, most: usize) -> (Vec<ConnectionId>, Option<usize>) {
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

    /// The bounds of this reactor.
    #[inline(always)]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Which connection each slot has, for other threads.
    pub fn generations(&self) -> &Generations {
        &self.generations
    }

    /// The counters of this reactor.
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    /// What the connection has done so far.
    pub fn wire_stats(&self, id: ConnectionId) -> Option<WireStats> {
        let wire = self.known(id)?;
        Some(WireStats {
            bytes_in: wire.bytes_in,
            bytes_out: wire.bytes_out,
            queued: self.queued(id),
            age: if planted(89) { self.now.low_since(wire.since) } else { self.now.since(wire.since) },
            quiet: self.now.since(wire.heard),
        })
    }

    /// Bytes that were read and handed up, and that the layer above has not used yet.
    pub fn unread(&self, id: ConnectionId) -> usize {
        self.peek(id).and_then(|wire| wire.carry.as_ref()).map_or(0, |carry| carry.len())
    }

    /// The connection's TLS session, if it has one.
    #[cfg(feature = "tls")]
    pub fn tls(&self, id: ConnectionId) -> Option<&rustls::Connection> {
        self.peek(id)?.session.tls().map(Tls::session)
    }

    /// True if what it says and hears is encrypted.
    pub fn is_encrypted(&self, id: ConnectionId) -> bool {
        self.peek(id).is_some_and(|wire| wire.session.encrypts())
    }

    /// True while the connection takes new output.
    pub fn is_open(&self, id: ConnectionId) -> bool {
        self.peek(id).is_some_and(|wire| wire.phase == Phase::Open)
    }

    /// True once the connection is closing or aborted: nothing it says or hears matters any more.
    pub fn is_closing(&self, id: ConnectionId) -> bool {
        self.peek(id).is_none_or(|wire| wire.phase >= Phase::Closing)
    }

    /// True once the peer has finished its side.
    pub fn has_ended(&self, id: ConnectionId) -> bool {
        self.peek(id).is_some_and(|wire| wire.has(Flags::ENDED))
    }

    /// Shows a watchdog on another thread what is being done to a connection.
    pub fn mark(&self, id: ConnectionId, label: u8) {
        self.stats.at.set(id.to_bits());
        self.stats.doing.set(label.into());
    }

    /// Shows that its bytes are being handed up, which the reactor does by itself whenever that begins.
    pub fn mark_bytes(&self, id: ConnectionId) {
        if let Some(wire) = self.peek(id) {
            self.mark(id, wire.label);
        }
    }

    /// What the connection's bytes are for, in the words of the layer above.
    pub fn set_label(&mut self, id: ConnectionId, label: u8) {
        if let Some(wire) = self.get(id) {
            wire.label = label;
        }
    }

    /// Lets the driver return from its loop at the end of the turn.
    pub fn halt(&mut self) {
        self.halted = true;
    }

    /// True once [`Wires::halt`] was called.
    pub fn is_halted(&self) -> bool {
        self.halted
    }

    /// Whether the driver accepts new connections. What came before and is still in the backlog waits.
    pub fn set_listening(&mut self, listening: bool) {
        self.listening = listening;
    }

    /// Lets the driver close its listeners: new connections are refused by the system from now on, those in the backlog
    /// included.
    pub fn stop_listening(&mut self) {
        self.listening = false;
        self.acceptor.push_back(AcceptorOrder::Shut);
    }

    /// Lets the driver accept again at listeners at which [`Service::may_accept`](crate::Service::may_accept) said no.
    pub fn accept_again(&mut self) {
        self.acceptor.push_back(AcceptorOrder::Retry);
    }

    /// Lets the driver close one listener: new connections there are refused by the system from now on, those in its backlog
    /// included.
    pub fn close_listener(&mut self, listener: usize) {
        self.acceptor.push_back(AcceptorOrder::Close(listener));
    }

    /// Lets the driver accept at this listener, in the place of the one of that index that was closed.
    pub fn reopen_listener(&mut self, index: usize, listener: Listener) {
        self.acceptor.push_back(AcceptorOrder::Reopen(index, Box::new(listener)));
    }

    /// Lets the driver accept in place of another that can't just now, or not any more: see
    /// [`Driver::stand_in_for`](crate::Driver::stand_in_for).
    pub fn stand_in(&mut self, stands_in: bool) {
        if self.listening {
            self.acceptor.push_back(if stands_in { AcceptorOrder::StandIn } else { AcceptorOrder::StepBack });
        }
    }

    /// Bytes that the tables take, used or not: their share in the cost of a connection.
    pub fn table_bytes(&self) -> usize {
        self.slab.capacity() * size_of::<Wire>()
            + self.peers.capacity() * size_of::<Peer>()
            + self.generations.table_bytes()
            + self.wheel.table_bytes()
    }

    /// True if the peer ended its side of a TLS connection without the goodbye that TLS has for it: what it sent may
    /// have been cut short by somebody else. Many a peer is just impolite.
    #[cfg(feature = "tls")]
    pub fn was_cut(&self, id: ConnectionId) -> bool {
        self.peek(id).and_then(|wire| wire.session.tls()).is_some_and(Tls::was_cut)
    }

    /// A wire that the layer above has not heard the last of.
    pub(crate) fn known(&self, id: ConnectionId) -> Option<&Wire> {
        self.peek(id).filter(|wire| wire.is_known())
    }

    #[inline(always)]
    pub(crate) fn get(&mut self, id: ConnectionId) -> Option<&mut Wire> {
        self.slab.get_mut(id.slot()).filter(|wire| wire.id == id || planted(1))
    }

    pub(crate) fn peek(&self, id: ConnectionId) -> Option<&Wire> {
        self.slab.get(id.slot()).filter(|wire| wire.id == id || planted(1))
    }

    #[cfg(test)]
    pub(crate) fn set_generation(&mut self, slot: usize, generation: u32) {
        self.generations.set(slot, generation);
    }
}
