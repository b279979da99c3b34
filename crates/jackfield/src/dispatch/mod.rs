//! The only code that is instantiated for each user type. It takes the reactor's events of a wire, makes events of the
//! connection's protocol with its machine, and calls the client.
//!
//! Clients are in a separate table, so that a callback borrows one client and, independently, everything else.
//! Callbacks are guarded (those for bytes by the reactor): a panic ends only its connection.

mod admission;
mod batch;
mod call;
mod commands;
mod connect;
mod custom;
mod ending;
#[cfg(feature = "expiry")]
mod expiry;
mod feed;
mod frames;
mod http;
mod listening;
mod provisional;
mod proxy;
#[cfg(feature = "tls")]
mod secure;
mod sent;
mod ticks;
mod timers;
mod websocket;

use crate::client::{Client, ClientFactory, Connection, Setup, Tick};
#[cfg(feature = "tls")]
use crate::config::HostAnswer;
use crate::config::Outgoing;
use crate::guard::{Panic, guard};
use crate::links::{Admission, Links, Protocol};
use crate::shared::{Callback, Command, Drain, Settings};
use batch::Batch;
use call::{call, drop_replacement_and_report, handle_panic, run};
use feed::{feed, feed_unusual};
use jackfield_proto::http1::HeaderSlots;
use jackfield_proto::websocket::Scratch;
use jackfield_reactor::planted::planted;
use jackfield_reactor::{self as reactor, ConnectionId, Eviction, Incoming, Pressure, Service, Time, Wires};
#[cfg(feature = "tls")]
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The server's part of one reactor: the factory, the clients, and the links.
pub(crate) struct Dispatcher<F: ClientFactory> {
    factory: F,
    /// By the slots of their wires.
    clients: Vec<Option<F::Client>>,
    links: Links,
    settings: Arc<Settings>,
    /// Lent to the machines: holds a message or request that was put together from parts, during its callback.
    scratch: Scratch,
    /// Lent to the machines: the positions of the present request's fields.
    slots: HeaderSlots,
    commands: Vec<Command>,
    batch: Batch,
    /// Hosts that threads have found, and whose handshakes do not go on yet.
    #[cfg(feature = "tls")]
    found_hosts: VecDeque<(ConnectionId, HostAnswer)>,
    /// Connections from which the kernel has taken bytes, and which have notices.
    written: Vec<ConnectionId>,
    ticks: Vec<Tick>,
    /// Outgoing connections that are begun at the start.
    outgoing: Vec<Outgoing>,
    /// The number of wires that only exist until their refusal is sent.
    refusals: usize,
    /// Sockets whose listeners were stopped.
    closed_sockets: Vec<usize>,
    /// New connections, at most one for each socket, whose places another reactor took first. They wait for the next.
    held: Vec<Incoming>,
    /// The slot at which the next search for an idle connection begins.
    evict_from: usize,
    /// The time of the last report of a failed accept.
    accept_error_at: Option<Time>,
}

/// Each lent buffer keeps this capacity for the next message; more is freed.
const SCRATCH_BYTES_KEPT: usize = 64 << 10;

/// A failed accept is reported to the observer at most once in this time.
const ACCEPT_ERROR_EVERY: Duration = Duration::from_secs(1);

impl<F: ClientFactory> Dispatcher<F> {
    pub(crate) fn new(setup: Setup, factory: F, settings: Arc<Settings>) -> Self {
        #[cfg_attr(not(feature = "expiry"), expect(unused_mut, reason = "nothing is watched"))]
        let Setup { reactor, handle, mut ticks, outgoing } = setup;
        #[cfg(feature = "expiry")]
        ticks.extend(expiry::watch(reactor, &handle, &settings));
        Self {
            factory,
            clients: Vec::new(),
            links: Links::new(reactor, handle, settings.clone()),
            settings,
            scratch: Scratch::new(),
            slots: HeaderSlots::new(),
            commands: Vec::new(),
            batch: Batch::default(),
            #[cfg(feature = "tls")]
            found_hosts: VecDeque::new(),
            written: Vec::new(),
            ticks,
            outgoing,
            refusals: 0,
            closed_sockets: Vec::new(),
            held: Vec::new(),
            evict_from: 0,
            accept_error_at: None,
        }
    }

    /// Runs a callback of a connection's client, if it has one.
    fn with_client(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        callback: Callback,
        call: impl FnOnce(&mut F::Client, &mut Connection<'_>),
    ) {
        let Self { clients, links, .. } = self;
        if wires.is_closing(id) && !planted(34) {
            return;
        }
        if let Some(Some(client)) = clients.get_mut(id.slot()) {
            wires.show_watchdog(id, callback as u8);
            links.metrics.callbacks.add(1);
            let mut connection = Connection { id, wires, links };
            run(client, &mut connection, |client, connection| call(client, connection));
            connection.wires.clear_watchdog();
        }
    }
}

impl<F: ClientFactory> Service for Dispatcher<F> {
    fn may_accept(&mut self, wires: &mut Wires, socket: usize) -> bool {
        self.may_accept_at(wires, socket)
    }

    fn on_accept(&mut self, wires: &mut Wires, incoming: Incoming) {
        self.admit(wires, incoming);
    }

    fn on_preamble(&mut self, wires: &mut Wires, id: ConnectionId) {
        self.admit_proxied(wires, id);
    }

    #[cfg(feature = "tls")]
    fn on_hello(&mut self, wires: &mut Wires, id: ConnectionId) {
        self.find_host(wires, id);
    }

    fn on_established(&mut self, wires: &mut Wires, id: ConnectionId) {
        self.begin(wires, id);
    }

    #[inline(always)]
    fn on_bytes(&mut self, wires: &mut Wires, id: ConnectionId, rx: &mut [u8]) -> usize {
        let Self { clients, links, scratch, slots, settings, .. } = self;
        let Some(Some(client)) = clients.get_mut(id.slot()) else {
            return self.on_bytes_without_client(wires, id, rx);
        };
        let link = links.link(id);
        let limits = &settings.listeners[usize::from(link.listener)].limits;
        let (takes_slow_path, is_websocket) =
            (link.checks.takes_slow_path(), matches!(link.protocol, Protocol::WebSocket(_)));
        let mut connection = Connection { id, wires, links };
        let used = if takes_slow_path {
            feed_unusual(client, &mut connection, rx, scratch, slots, limits)
        } else if is_websocket {
            websocket::feed(client, &mut connection, rx, scratch, limits)
        } else {
            feed(client, &mut connection, rx, scratch, slots, limits)
        };
        scratch.trim(SCRATCH_BYTES_KEPT);
        used
    }

    fn on_panic(&mut self, wires: &mut Wires, id: ConnectionId, payload: Panic) {
        // It may have been lowered for a connection with a rate.
        self.links.events_per_turn = self.settings.limits.events_per_turn;
        // The panic has ended the callback for which it is known.
        self.links.round_trip = None;
        handle_panic(&mut Connection { id, wires, links: &mut self.links }, payload);
    }

    fn on_end(&mut self, wires: &mut Wires, id: ConnectionId) {
        if self.speaks_own(id) {
            self.on_input_end(wires, id);
        } else {
            self.links.on_peer_end(wires, id);
        }
    }

    fn on_peer_closed(&mut self, wires: &mut Wires, id: ConnectionId) {
        self.links.on_peer_left(wires, id);
    }

    fn on_drain(&mut self, wires: &mut Wires, id: ConnectionId) {
        let mask = self.links.mask_for(id);
        let Some(outbox) = wires.outbox(id) else { return };
        let had_pong = match &mut self.links.link(id).protocol {
            Protocol::WebSocket(machine) => !planted(35) && machine.encode_queued_pong(mask, outbox.tail()),
            _ => false,
        };
        if had_pong {
            self.links.charge(wires, id);
        }
        self.links.send_queued(wires, id);
        self.links.queue_replay(wires, id);
        self.links.continue_pull(wires, id);
        self.links.queue_fragments(wires, id);
        self.with_client(wires, id, Callback::Drain, |client, connection| client.on_drain(connection));
    }

    fn on_idle(&mut self, wires: &mut Wires, id: ConnectionId, quiet: Duration) {
        self.on_quiet(wires, id, quiet);
    }

    fn on_timer(&mut self, wires: &mut Wires, id: ConnectionId, key: u32) {
        self.on_due(wires, id, key);
    }

    fn on_wake(&mut self, wires: &mut Wires) {
        // The callback of the event before it has returned.
        wires.clear_watchdog();
        // While it shuts down too: the earlier deadline counts.
        let signalled = &self.links.handle.shared().signalled;
        if signalled.load(Ordering::Relaxed) && signalled.swap(false, Ordering::SeqCst) {
            let limits = &self.settings.limits;
            self.links.handle.shutdown(Drain::within(limits.drain).spread_over(limits.drain_spread));
        }
        #[cfg(all(feature = "signals", feature = "tls", unix))]
        if self.links.handle.shared().reload.take() {
            self.links.handle.reload_tls_later(self.settings.observer.clone());
        }
        self.read_commands(wires);
        if !self.ticks.is_empty() {
            self.run_ticks(wires);
        }
        self.tell_sent(wires);
        self.links.continue_replays(wires);
        self.links.continue_fragments(wires);
        self.drain_next(wires);
        self.links.halt_if_drained(wires);
    }

    fn on_close(&mut self, wires: &mut Wires, id: ConnectionId, reason: reactor::Reason) {
        self.links.leave_topics(wires, id);
        self.links.drop_queue(wires, id);
        self.links.end_exchange(wires, id);
        if let Some(Some(client)) = self.clients.get_mut(id.slot()) {
            wires.show_watchdog(id, Callback::Disconnect as u8);
            let end = self.links.make_disconnect(wires, id, reason);
            let mut connection = Connection { id, wires, links: &mut self.links };
            // There is nothing left to be closed.
            if let Err(payload) = guard(|| {
                call(client, &mut connection, |client, connection| client.on_disconnect(connection, &end));
            }) {
                drop_replacement_and_report(&mut connection, payload);
            }
            if !planted(38) {
                self.drop_client(id);
            }
        } else if self.is_connecting(id) {
            self.connect_failed(wires, id, reason);
        } else {
            self.on_end_without_client(wires, id, reason);
        }
        wires.generations().end(id);
        let link = std::mem::take(self.links.link(id));
        self.links.forget(&link);
        match link.admission {
            Admission::Uncounted => {}
            _ if planted(36) => {}
            Admission::Outgoing if planted(85) => {}
            Admission::Outgoing => self.links.handle.uncount_outgoing(id.reactor()),
            _ => self.links.uncount(wires, id, link.listener.into()),
        }
        // There may be a reader in it, which is the user's.
        self.drop_guarded(id, link);
        wires.clear_watchdog();
    }

    fn on_removed(&mut self, wires: &mut Wires) {
        self.links.halt_if_drained(wires);
    }

    fn on_pressure(&mut self, wires: &mut Wires, pressure: Pressure) {
        if pressure == Pressure::High {
            self.links.handle.report_pressure(wires.reactor());
        }
        self.settings.observer.on_pressure(pressure, wires.budget().bytes_max());
    }

    fn on_evict(&mut self, wires: &mut Wires, id: ConnectionId, why: Eviction) {
        self.links.evict(wires, id, why);
    }

    fn on_accept_error(&mut self, wires: &mut Wires, listener: usize, error: &io::Error) {
        let now = wires.now();
        if self.accept_error_at.is_none_or(|at| now.since(at) >= ACCEPT_ERROR_EVERY) {
            self.accept_error_at = Some(now);
            let number = self.settings.listeners.get(listener).map_or(listener, |listener| listener.number);
            self.settings.observer.on_accept_error(number, error);
        }
    }

    fn on_exhausted(&mut self, wires: &mut Wires, peer: &reactor::Peer) -> &[u8] {
        self.exhausted(wires, peer)
    }

    fn on_loop_lag(&mut self, wires: &mut Wires, lag: Duration, idle: Duration) {
        self.links.take_lag(wires.now(), lag, idle);
    }
}

impl<F: ClientFactory> Dispatcher<F> {
    fn drop_client(&mut self, id: ConnectionId) {
        let client = self.clients[id.slot()].take();
        self.drop_guarded(id, client);
    }

    /// Drops a value of the user's, whose `Drop` may panic.
    fn drop_guarded<T>(&self, id: ConnectionId, value: T) {
        if let Err(payload) = guard(|| drop(value)) {
            self.links.report_panic(id, payload);
        }
    }
}
