//! One reactor's part of a server without the user's types: the third table, beside the wires and the clients.
//!
//! This room knows no client and no context, and reads and writes nothing itself.

#[cfg_attr(not(feature = "deflate"), path = "not_agreed.rs")]
mod agreed;
mod bucket;
mod checks;
mod client_ip;
mod close;
#[cfg_attr(not(feature = "deflate"), path = "no_compression.rs")]
mod compression;
mod connect;
mod date;
mod drain;
mod enforce;
mod exchange;
mod fan_out;
mod fragments;
mod frame;
mod leave;
mod link;
mod masks;
mod notices;
mod open;
mod opening;
mod output;
mod peer;
mod protocol;
mod put_off;
mod record;
mod replay;
mod resume;
mod round_trip;
mod shutdown;
mod status;
mod subscribe;
mod upgrade;

pub(crate) use checks::Checks;
#[cfg(feature = "sim")]
pub(crate) use drain::moment_within;
pub(crate) use enforce::awaits_pong;
pub(crate) use frame::FrameState;
pub(crate) use link::{Admission, Awaited, key};
pub(crate) use opening::OpeningResult;
pub(crate) use output::EVENT_STREAM;
pub(crate) use protocol::Protocol;
#[cfg(feature = "sim")]
pub(crate) use round_trip::RoundTrip;

use crate::config::{Heartbeat, Limits};
use crate::gate::Overload;
use crate::guard::{Panic, discard};
use crate::links::compression::Compressors;
use crate::links::date::Date;
use crate::links::fan_out::FanOut;
use crate::links::link::Link;
use crate::links::masks::Masks;
use crate::links::record::OpenRecord;
use crate::links::replay::{Delivered, ReplayQueue};
use crate::links::shutdown::Shutdown;
use crate::shared::{Handle, ReactorMetrics, Settings};
use crate::topics::Topics;
use jackfield_proto::http1::Fields;
use jackfield_reactor::{Bandwidth, ConnectionId, WRITE_THROUGH_BYTES_MIN, Wires, table};
use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// One reactor's part of a server without the types of the user.
pub(crate) struct Links {
    pub(crate) table: Vec<Link>,
    pub(crate) topics: Topics,
    pub(crate) fan_out: Option<FanOut>,
    /// For topics with a history and members here: the members' position.
    delivered: HashMap<Arc<str>, Delivered>,
    /// Connections that wait for the next portion of their missed messages.
    replaying: ReplayQueue,
    /// Connections that can't resume before a new message comes.
    awaiting: ReplayQueue,
    /// Connections that were closed during a publish to them. They leave their topics after it.
    leaving: Vec<ConnectionId>,
    pub(crate) handle: Handle,
    pub(crate) settings: Arc<Settings>,
    pub(crate) metrics: Arc<ReactorMetrics>,
    open_record: OpenRecord,
    /// The round trip of the pong that is being delivered, exactly.
    pub(crate) round_trip: Option<Duration>,
    /// Header lines of answers are gathered here, so that they need no buffer of their own.
    pub(crate) fields: Fields,
    /// The replacement of the present client after its callback: a `Box<dyn Client>`.
    pub(crate) replacement: Option<Box<dyn Any>>,
    /// The text of a callback's panic, for peers that are told.
    pub(crate) panic_text: String,
    shutdown: Option<Shutdown>,
    /// How many events may be made of the bytes of one read: the limit, or less while a connection with a rate is
    /// served.
    pub(crate) events_per_turn: usize,
    /// For each listener the heartbeat of the WebSockets that have none of their own.
    pub(crate) heartbeats: Box<[Arc<Heartbeat>]>,
    pub(crate) overload: Overload,
    /// For each listening socket the checks before clients see requests.
    checks: Box<[Checks]>,
    pub(crate) compressors: Compressors,
    /// Connections in the middle of a message that is sent in fragments.
    fragmenting: usize,
    /// Those of them whose readers continue in the next turn.
    pulling: VecDeque<ConnectionId>,
    /// Messages shorter than this are encoded at once: they are neither compressed nor written from their own buffer.
    pub(crate) short_bytes: usize,
    pub(crate) reactor: usize,
    /// Messages for many are encoded here first.
    pub(crate) scratch: Vec<u8>,
    /// The types of clients that have left something unanswered, and the status that their peers got.
    reported: Vec<(&'static str, u16)>,
    date: Date,
    pub(crate) masks: Masks,
}

impl Links {
    pub(crate) fn new(reactor: usize, handle: Handle, settings: Arc<Settings>) -> Self {
        handle.shared().addresses.seed(settings.seed);
        let heartbeats =
            settings.listeners.iter().map(|listener| Arc::new(Heartbeat::of_limits(&listener.limits)));
        let heartbeats = heartbeats.collect();
        let events_per_turn = settings.limits.events_per_turn;
        let metrics = handle.remote(reactor).map(|remote| remote.metrics.clone()).unwrap_or_default();
        let limits = &settings.limits;
        let overload = Overload::new(limits.lag_target, limits.lag_window, limits.reactor.accepts_per_turn);
        let date = Date::new(settings.clock);
        let checks = Checks::of_sockets(&settings);
        let compressors = Compressors::new(&settings, handle.reactors(), &metrics);
        let short_bytes = compressors.message_bytes_min().min(WRITE_THROUGH_BYTES_MIN);
        let masks = Masks::new(settings.seed, reactor);
        Self {
            table: Vec::new(),
            topics: Topics::default(),
            fan_out: None,
            delivered: HashMap::new(),
            replaying: ReplayQueue::new(),
            awaiting: ReplayQueue::new(),
            leaving: Vec::new(),
            handle,
            settings,
            metrics,
            open_record: OpenRecord::new(),
            round_trip: None,
            fields: Fields::new(),
            replacement: None,
            panic_text: String::new(),
            shutdown: None,
            events_per_turn,
            heartbeats,
            overload,
            checks,
            compressors,
            fragmenting: 0,
            pulling: VecDeque::new(),
            short_bytes,
            reactor,
            scratch: Vec::new(),
            reported: Vec::new(),
            date,
            masks,
        }
    }

    /// A fresh link for a new connection.
    pub(crate) fn open(&mut self, id: ConnectionId, listener: usize) {
        table::extend_gently(&mut self.table, id.slot(), Link::default);
        let checks = self.checks.get(listener).copied().unwrap_or_default();
        self.table[id.slot()] = Link { listener: listener as u8, checks, ..Link::default() };
    }

    /// A panic of the user's code, in a callback for this connection or in code that belongs to none.
    #[cold]
    pub(crate) fn report_panic(&self, id: ConnectionId, payload: Panic) {
        self.metrics.panics.add(1);
        self.settings.observer.on_panic(id, &*payload);
        discard(payload);
    }

    #[inline(always)]
    pub(crate) fn link(&mut self, id: ConnectionId) -> &mut Link {
        &mut self.table[id.slot()]
    }

    /// The mask of its next frame, if it is an outgoing WebSocket.
    pub(crate) fn mask_for(&mut self, id: ConnectionId) -> Option<[u8; 4]> {
        match &self.table[id.slot()].protocol {
            Protocol::WebSocket(socket) if socket.is_client() => Some(self.masks.mask()),
            _ => None,
        }
    }

    /// The limits of a connection: those of its listener.
    pub(crate) fn limits_of(&self, id: ConnectionId) -> &Limits {
        &self.settings.listeners[usize::from(self.table[id.slot()].listener)].limits
    }

    /// Applies the limits of a new connection that are disabled by default.
    pub(crate) fn apply_limits(&mut self, wires: &mut Wires, id: ConnectionId, limits: &Limits) {
        if limits.rate.is_bounded() {
            self.set_rate(wires, id, limits.rate);
        }
        if limits.bandwidth != Bandwidth::default() {
            wires.set_bandwidth(id, limits.bandwidth);
        }
        if !limits.max_lifetime.is_zero() {
            wires.set_timer(id, key::LIFETIME, limits.max_lifetime);
        }
    }
}
