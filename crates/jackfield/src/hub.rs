//! The part of a server's reactor that knows no user type: links, topics, and what can be done to a connection.

use crate::heartbeat::Heartbeat;
use crate::limits::Limits;
use crate::link::{Awaited, Extra, Link, Protocol, key};
use crate::metrics::ReactorMetrics;
use crate::overload::Overload;
use crate::publish::FanOut;
use crate::reason::{Limit, Reason};
use crate::sent::Overflow;
use crate::settings::{Settings, WallClock};
use crate::topics::{Subscribed, Topics};
use crate::{Client, ConnectionId, Handle};
use jackfield_proto::http1::{DateBlock, Fields, Phase};
use jackfield_proto::websocket::CloseError;
use jackfield_reactor::planted::planted;
use jackfield_reactor::{self as reactor, Time, Wires, table};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The part of a server's reactor that knows no user type.
pub(crate) struct Links {
    pub(crate) table: Vec<Link>,
    pub(crate) topics: Topics,
    pub(crate) fan_out: Option<FanOut>,
    pub(crate) handle: Handle,
    pub(crate) settings: Arc<Settings>,
    pub(crate) metrics: Arc<ReactorMetrics>,
    /// Lines of answers are gathered here, so that they need no buffer of their own.
    pub(crate) fields: Fields,
    /// Who takes the present client's place after its callback.
    pub(crate) replacement: Option<Box<dyn Client>>,
    /// Shutting down: what is still there at this time is aborted.
    pub(crate) drain_until: Option<Time>,
    /// How many events the bytes of one read may become: the limit, or less while a connection with a bounded rate
    /// has its turn.
    pub(crate) events_per_turn: usize,
    /// That of every WebSocket that has none of its own.
    pub(crate) heartbeat: Arc<Heartbeat>,
    pub(crate) overload: Overload,
    pub(crate) reactor: usize,
    /// Messages for many are encoded here first.
    pub(crate) scratch: Vec<u8>,
    /// The types of clients that have left something unanswered, and what their peers got.
    reported: Vec<(&'static str, u16)>,
    date: DateBlock,
    date_until: Time,
}

/// What is kept of the scratch buffer between two uses.
const SCRATCH_BYTES_KEPT: usize = 64 << 10;

impl Links {
    pub(crate) fn new(reactor: usize, handle: Handle, settings: Arc<Settings>) -> Self {
        let heartbeat = Arc::new(Heartbeat::of_limits(&settings.limits));
        let events_per_turn = settings.limits.events_per_turn;
        let metrics = handle.remote(reactor).map(|remote| remote.metrics.clone()).unwrap_or_default();
        let limits = &settings.limits;
        let overload = Overload::new(limits.lag_target, limits.lag_window, limits.reactor.accepts_per_turn);
        Self {
            table: Vec::new(),
            topics: Topics::default(),
            fan_out: None,
            handle,
            settings,
            metrics,
            fields: Fields::new(),
            replacement: None,
            drain_until: None,
            events_per_turn,
            heartbeat,
            overload,
            reactor,
            scratch: Vec::new(),
            reported: Vec::new(),
            date: DateBlock::new(0),
            date_until: Time(0),
        }
    }

    /// A fresh link for a new connection.
    pub(crate) fn open(&mut self, id: ConnectionId, listener: usize) {
        table::extend_gently(&mut self.table, id.slot(), Link::default);
        self.table[id.slot()] = Link { listener: listener as u8, ..Link::default() };
    }

    #[inline(always)]
    pub(crate) fn link(&mut self, id: ConnectionId) -> &mut Link {
        &mut self.table[id.slot()]
    }

    /// The bounds of a new connection that are off by default.
    pub(crate) fn apply_limits(&mut self, wires: &mut Wires, id: ConnectionId, limits: &Limits) {
        if limits.rate.is_bounded() {
            self.set_rate(wires, id, limits.rate);
        }
        if !limits.max_lifetime.is_zero() {
            wires.set_timer(id, key::LIFETIME, limits.max_lifetime);
        }
    }

    /// The present second as HTTP says it, rendered once a second.
    #[inline(always)]
    fn renew_date(&mut self, now: Time) {
        if now >= self.date_until {
            self.read_wall_clock(now);
        }
    }

    /// Links and date at once, for an answer needs both.
    #[inline(always)]
    pub(crate) fn link_and_date(&mut self, id: ConnectionId, now: Time) -> (&mut Link, &DateBlock) {
        self.renew_date(now);
        (&mut self.table[id.slot()], &self.date)
    }

    #[cold]
    #[inline(never)]
    fn read_wall_clock(&mut self, now: Time) {
        let since_epoch = match self.settings.clock {
            WallClock::System => SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
            #[cfg(feature = "test-util")]
            WallClock::From(begin) => Duration::from_secs(begin) + Duration::from_millis(now.0),
        };
        self.date.renew(since_epoch.as_secs());
        self.date_until = now.after(Duration::from_millis(1000 - u64::from(since_epoch.subsec_millis())));
    }

    /// Gives the scratch buffer back after its use. A peak is not kept.
    pub(crate) fn keep_scratch(&mut self, scratch: Vec<u8>) {
        if scratch.capacity() <= SCRATCH_BYTES_KEPT {
            self.scratch = scratch;
        }
    }

    /// Books what the machine of a connection's protocol holds on the heap, wherever that may have changed.
    #[cold]
    #[inline(never)]
    pub(crate) fn charge(&mut self, wires: &mut Wires, id: ConnectionId) {
        let bytes = match &self.link(id).protocol {
            Protocol::Http(machine) => machine.heap_bytes(),
            Protocol::WebSocket(machine) => machine.heap_bytes(),
            _ => 0,
        };
        wires.charge_above(id, bytes);
    }

    /// A callback has left its exchange or upgrade unanswered. In debug builds its client's type is named, once for
    /// each callback and reactor.
    #[cold]
    pub(crate) fn report_unanswered(&mut self, client: &'static str, status: u16) {
        if cfg!(debug_assertions) && !self.reported.contains(&(client, status)) {
            self.reported.push((client, status));
            let callback = if status == 503 { "on_upgrade" } else { "on_request" };
            log::warn!("`{client}` gave no answer in `{callback}`: its peer gets {status}");
        }
    }

    /// Closes a connection in the good order of whatever it speaks.
    pub(crate) fn close(&mut self, wires: &mut Wires, id: ConnectionId, why: Reason) {
        if !wires.contains(id) {
            return;
        }
        match self.link(id).protocol {
            Protocol::WebSocket(_) => {
                let code = if why == Reason::Shutdown { 1001 } else { 1000 };
                // Both codes may be sent.
                let _ = self.close_websocket(wires, id, Some(code), "", why);
            }
            _ => self.end(wires, id, why),
        }
    }

    /// Closes the connection after what is queued, without another word.
    pub(crate) fn end(&mut self, wires: &mut Wires, id: ConnectionId, why: Reason) {
        if wires.contains(id) {
            self.link(id).reason.get_or_insert(why);
            wires.close(id, reactor::Reason::Local);
        }
    }

    /// Closes the connection after its last answer.
    pub(crate) fn end_answered(&mut self, wires: &mut Wires, id: ConnectionId) {
        let why = if self.drain_until.is_some() { Reason::Shutdown } else { Reason::Local };
        if matches!(&self.link(id).protocol, Protocol::Http(machine) if machine.is_last_request()) {
            wires.take_as_ended(id);
        }
        self.end(wires, id, why);
    }

    /// Drops what is queued and resets the connection.
    pub(crate) fn abort(&mut self, wires: &mut Wires, id: ConnectionId, why: Reason) {
        if wires.contains(id) {
            self.link(id).reason.get_or_insert(why);
            wires.abort(id, reactor::Reason::Local);
        }
    }

    /// Begins the closing handshake: our Close is the last word, and the peer's is awaited for a while.
    pub(crate) fn close_websocket(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        code: Option<u16>,
        text: &str,
        why: Reason,
    ) -> Result<(), CloseError> {
        let Some(outbox) = wires.outbox(id) else { return Ok(()) };
        let link = &mut self.table[id.slot()];
        let Protocol::WebSocket(machine) = &mut link.protocol else { return Ok(()) };
        machine.close(code, text, None, outbox.tail())?;
        link.reason.get_or_insert(why);
        self.charge(wires, id);
        wires.close_output(id);
        // The answer to it must be heard.
        wires.unthrottle(id);
        wires.set_timer(id, key::CLOSE, self.settings.limits.close_wait);
        Ok(())
    }

    /// Drains a connection: requests that have come, or whose head has, are answered first.
    pub(crate) fn drain(&mut self, wires: &mut Wires, id: ConnectionId, close_code: u16, why: Reason) {
        let is_idle = wires.is_paused_and_empty(id);
        match &mut self.link(id).protocol {
            Protocol::Http(machine)
                if matches!(machine.phase(), Phase::Open | Phase::Deferred | Phase::Streaming) =>
            {
                machine.close_after();
            }
            // A request may be there that nobody has read yet: it is answered, with the word that it is the last. If
            // the connection is not read just now, that is waited for.
            Protocol::Http(machine) if machine.phase() == Phase::Idle && !is_idle => {
                machine.close_after();
                self.link(id).reason.get_or_insert(why);
                wires.read_finally(id);
            }
            Protocol::WebSocket(_) => {
                let closed = self.close_websocket(wires, id, Some(close_code), "", why);
                if closed.is_err() {
                    self.end(wires, id, why);
                }
            }
            _ => self.end(wires, id, why),
        }
    }

    /// After an answer that was not given in its own callback: on to the next request, or to the end.
    pub(crate) fn after_answer(&mut self, wires: &mut Wires, id: ConnectionId) {
        let has_ended = wires.has_ended(id);
        let Protocol::Http(machine) = &self.link(id).protocol else { return };
        match machine.phase() {
            Phase::Done => self.end_answered(wires, id),
            Phase::Idle if has_ended => {
                // The end was read early, while an upgrade was being decided on: what came before it has its turn
                // first.
                wires.put_off_end(id);
                self.read_on(wires, id);
                wires.yield_turn(id);
            }
            Phase::Idle => self.read_on(wires, id),
            _ => {}
        }
    }

    /// After an answer, or a decision, that was waited for: what the peer has sent meanwhile is looked at.
    pub(crate) fn read_on(&mut self, wires: &mut Wires, id: ConnectionId) {
        wires.release(id);
        if self.link(id).awaited == Awaited::Early {
            self.link(id).awaited = Awaited::Nothing;
            wires.yield_turn(id);
        }
    }

    /// Too much is queued for a peer: what happens is its connection's policy.
    #[cold]
    pub(crate) fn overflow(&mut self, wires: &mut Wires, id: ConnectionId, is_published: bool) {
        let policy = self.link(id).overflow;
        match policy {
            Overflow::Close => {
                let why = Reason::Limit(Limit::Backlog);
                // 1013 may be sent, and on another protocol it is not.
                let _ = self.close_websocket(wires, id, Some(1013), "too slow", why);
                // The end of a body that the close delimits must not look like its end.
                match self.link(id).protocol {
                    Protocol::Http(_) => self.abort(wires, id, why),
                    _ => self.end(wires, id, why),
                }
            }
            Overflow::GiveBack if !is_published => return,
            Overflow::GiveBack | Overflow::DropNewest => {}
        }
        self.count_dropped(id);
    }

    /// A message was lost, and that is told.
    #[cold]
    pub(crate) fn count_dropped(&mut self, id: ConnectionId) {
        self.link(id).extra().dropped += 1;
        self.metrics.dropped.add(1);
        self.settings.observer.on_dropped(id);
    }

    pub(crate) fn subscribe(&mut self, wires: &mut Wires, id: ConnectionId, topic: &str) -> Subscribed {
        if !wires.is_open(id) {
            return Subscribed::Gone;
        }
        let limits = &self.settings.limits;
        let extra = self.table[id.slot()].extra();
        let place = self.topics.place(topic);
        if place.is_some_and(|place| extra.topics.iter().any(|subscription| subscription.topic == place)) {
            return Subscribed::Already;
        }
        if extra.topics.len() >= limits.topics_max || topic.is_empty() || topic.len() > limits.topic_bytes_max
        {
            return Subscribed::Refused;
        }
        self.end_fan_out(wires);
        let subscription = self.topics.join(id, topic, &self.handle.shared().topic_index);
        self.link(id).extra().topics.push(subscription);
        Subscribed::New
    }

    pub(crate) fn unsubscribe(&mut self, wires: &mut Wires, id: ConnectionId, topic: &str) -> bool {
        self.end_fan_out(wires);
        let Some(place) = self.topics.place(topic) else { return false };
        let Some(extra) = &mut self.table[id.slot()].extra else { return false };
        let Some(index) = extra.topics.iter().position(|subscription| subscription.topic == place) else {
            return false;
        };
        let subscription = extra.topics.swap_remove(index);
        self.leave_topic(id, subscription);
        true
    }

    /// Ends all subscriptions of a connection.
    pub(crate) fn leave_topics(&mut self, wires: &mut Wires, id: ConnectionId) {
        self.end_fan_out(wires);
        let Some(extra) = &mut self.table[id.slot()].extra.as_mut().filter(|_| !planted(32)) else { return };
        for subscription in std::mem::take(&mut extra.topics) {
            self.leave_topic(id, subscription);
        }
    }

    /// Who stood last among the members now stands in the leaver's place, and has to know.
    fn leave_topic(&mut self, id: ConnectionId, left: crate::topics::Subscription) {
        let moved = self.topics.leave(id.reactor(), left, &self.handle.shared().topic_index);
        let Some(Extra { topics, .. }) =
            moved.and_then(|moved| self.table[moved.slot()].extra.as_deref_mut())
        else {
            return;
        };
        let mut others = topics.iter_mut().filter(|_| !planted(33));
        if let Some(subscription) = others.find(|subscription| subscription.topic == left.topic) {
            subscription.position = left.position;
        }
    }

    pub(crate) fn topics_of(&self, id: ConnectionId) -> impl Iterator<Item = &str> {
        let extra = self.table.get(id.slot()).and_then(|link| link.extra.as_deref());
        let topics = extra.map_or(&[][..], |extra| &extra.topics);
        topics.iter().filter_map(|subscription| self.topics.name(subscription.topic))
    }
}
