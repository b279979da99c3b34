//! The load generator itself: a service of the reactor that plays the client on every connection.
//!
//! It keeps a number of *places* filled with connections, and on each of them so many operations in flight. What is
//! said is the [`Speaker`]'s business, and when it is due the [`Pace`]'s. At a fixed rate, connections with room for an
//! operation queue up, and the one that waits longest gets the next that is due.

use super::alarm::Alarm;
use super::pace::Pace;
use super::plan::Tls;
use super::speaker::{Fault, Heard, Opened, Part, Speaker};
use super::tally::{Kind, Tally};
use jackfield_reactor::mio::net::TcpStream;
use jackfield_reactor::{ConnectionId, Incoming, Peer, Reason, Service, Timeout, Wires};
use rustls::HandshakeKind;
use socket2::SockRef;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

/// What the engine has to know of the plan.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) target: SocketAddr,
    pub(crate) tls: Option<Tls>,
    /// Places, by their number in the whole run: those of slow readers come first.
    pub(crate) places: Range<usize>,
    pub(crate) slow_readers: usize,
    /// Operations in flight on one connection.
    pub(crate) pipeline: usize,
    /// Operations a second, on all connections together.
    pub(crate) rate: Option<f64>,
    /// So many operations, and no more.
    pub(crate) operations: Option<u64>,
    /// What is counted for one of them: the deliveries of a publication.
    pub(crate) deliveries: u64,
    /// Each connection serves one operation, and opening it is part of that.
    pub(crate) renews: bool,
    /// An answer that takes longer is an error.
    pub(crate) timeout_ns: u64,
}

/// The client's side of all connections.
#[derive(Debug)]
pub(crate) struct Engine<S: Speaker> {
    pub(crate) tally: Tally,
    pub(crate) pace: Pace,
    speaker: S,
    setup: Setup,
    begin: Instant,
    /// By slot.
    links: Vec<Option<Link<S::State>>>,
    /// Places without a connection.
    vacant: Vec<usize>,
    /// At a fixed rate: connections with room for an operation.
    waiting: VecDeque<ConnectionId>,
    /// The connection that is looked after whenever others have heard something.
    publisher: ConnectionId,
    open: usize,
    ready: usize,
    /// A server has answered: from now on errors are counted, and not the end.
    is_proven: bool,
    failure: Option<Kind>,
    retry_at: u64,
    /// When connections are looked at next for answers that take too long.
    sweep_at: u64,
    /// Rings when an operation is due, where there are fixed times.
    alarm: Option<Alarm>,
    out: Vec<u8>,
}

#[derive(Debug)]
struct Link<T> {
    id: ConnectionId,
    place: usize,
    part: Part,
    is_slow: bool,
    is_ready: bool,
    /// In the queue of the waiting.
    is_waiting: bool,
    /// Its end is in order, or was counted already.
    is_over: bool,
    /// When the operations in flight were due.
    in_flight: VecDeque<u64>,
    /// Since then the server owes the answer that comes next, if it owes any.
    waits_since: u64,
    /// When something was heard last.
    heard_at: u64,
    /// Since then it has room for an operation, if it is in the queue.
    free_since: u64,
    state: T,
}

/// Connections that may be on their way up at a time; servers have bounded backlogs.
const OPENING_MAX: usize = 256;
/// After a connect has failed, for lack of ports above all, none is tried for so long.
const RETRY_NS: u64 = 10_000_000;
/// How often within the timeout connections are looked at, and how long it is at least and at most from one look to the
/// next.
const SWEEPS: u64 = 20;
const SWEEP_NS_MIN: u64 = 5_000_000;
const SWEEP_NS_MAX: u64 = 500_000_000;
/// How long a slow reader sleeps between two reads.
const SLOW_PAUSE: Duration = Duration::from_millis(250);
/// What the kernel may keep for a slow reader: the less, the sooner the server notices.
const SLOW_BUFFER_BYTES: usize = 4096;

impl<S: Speaker> Engine<S> {
    /// Times count from `begin`.
    pub(crate) fn new(speaker: S, setup: Setup, begin: Instant) -> Self {
        Self {
            tally: Tally::new(),
            pace: Pace::new(setup.rate, setup.operations),
            speaker,
            begin,
            links: Vec::new(),
            vacant: setup.places.clone().rev().collect(),
            waiting: VecDeque::new(),
            publisher: ConnectionId::NONE,
            open: 0,
            ready: 0,
            is_proven: false,
            failure: None,
            retry_at: 0,
            sweep_at: 0,
            alarm: None,
            out: Vec::new(),
            setup,
        }
    }

    /// Nanoseconds since the run began.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Connections that can be used.
    pub(crate) fn ready(&self) -> usize {
        self.ready
    }

    /// Errors of all kinds.
    #[inline]
    pub(crate) fn error_count(&self) -> u64 {
        if self.tally.errors.is_empty() { 0 } else { self.tally.error_count() }
    }

    /// Why it makes no sense to go on: the first connections failed already.
    pub(crate) fn failure(&self) -> Option<&Kind> {
        self.failure.as_ref()
    }

    /// Operations that are not over: in flight, or due and not begun. Those of slow readers don't count.
    pub(crate) fn unfinished(&self) -> usize {
        let fast = self.links.iter().flatten().filter(|link| !link.is_slow);
        self.pace.owed(self.now()) + fast.map(|link| link.in_flight.len()).sum::<usize>()
    }

    /// Fills vacant places, as far as it is time.
    #[inline]
    pub(crate) fn refill(&mut self, wires: &mut Wires) {
        if !self.vacant.is_empty() {
            self.refill_slow(wires);
        }
    }

    /// True once all operations are over that there were to be: they have succeeded, or there is nothing to wait for.
    pub(crate) fn is_done(&self) -> bool {
        let Some(operations) = self.setup.operations.filter(|operations| self.pace.taken() >= *operations)
        else {
            return false;
        };
        if self.tally.operations >= operations * self.setup.deliveries {
            return true;
        }
        let now = self.now();
        let is_waited_for = |link: &Link<S::State>| {
            let is_heard = now.saturating_sub(link.heard_at) <= self.setup.timeout_ns;
            link.owes() || self.setup.deliveries > 1 && is_heard
        };
        !self.links.iter().flatten().any(is_waited_for)
    }

    /// The first operation is due at `begin`; where operations are due at fixed times, the alarm wakes for them.
    pub(crate) fn go(&mut self, wires: &mut Wires, begin: u64, alarm: Option<Alarm>) {
        self.pace.start(begin);
        self.alarm = alarm;
        let now = self.now();
        let ids: Vec<ConnectionId> = wires.ids().collect();
        for id in ids {
            self.feed(wires, id, now);
        }
        self.set_alarm(now);
    }

    /// Gives up connections whose answer takes too long. Looks at all of them now and then only.
    #[inline]
    pub(crate) fn sweep(&mut self, wires: &mut Wires) {
        let now = self.now();
        if now >= self.sweep_at {
            self.sweep_at = now + (self.setup.timeout_ns / SWEEPS).clamp(SWEEP_NS_MIN, SWEEP_NS_MAX);
            self.sweep_all(wires, now);
        }
    }

    fn sweep_all(&mut self, wires: &mut Wires, now: u64) {
        let is_late = |link: &&Link<S::State>| {
            link.owes() && now.saturating_sub(link.waits_since) > self.setup.timeout_ns
        };
        let late: Vec<ConnectionId> =
            self.links.iter().flatten().filter(is_late).map(|link| link.id).collect();
        for id in late {
            self.time_out(wires, id);
        }
    }

    /// Counts what is not answered yet as if its time were over.
    pub(crate) fn end(&mut self) {
        let links = self.links.iter().flatten().filter(|link| link.owes());
        let waiting: usize = links.map(|link| link.in_flight.len()).sum();
        self.tally.count_errors(NO_ANSWER, waiting);
        self.tally.count_errors("due, but no connection was free to send it", self.pace.owed(self.now()));
    }

    /// Counts streams on which nothing has come since then, although something was published.
    pub(crate) fn count_silent(&mut self, since: u64) {
        if self.setup.deliveries > 1 && self.pace.taken() > 0 {
            let is_silent =
                |link: &&Link<S::State>| link.part == Part::Listens && !link.is_slow && link.heard_at < since;
            let silent = self.links.iter().flatten().filter(is_silent).count();
            self.tally.count_errors("nothing came on a stream", silent);
        }
    }

    #[cold]
    fn time_out(&mut self, wires: &mut Wires, id: ConnectionId) {
        let Some(link) = link(&mut self.links, id) else { return };
        link.is_over = true;
        let waiting = link.in_flight.len().max(1);
        self.tally.count_errors(NO_ANSWER, waiting - 1);
        self.fail(NO_ANSWER.into());
        wires.abort(id, Reason::Local);
    }

    #[cold]
    fn refill_slow(&mut self, wires: &mut Wires) {
        let now = self.now();
        while now >= self.retry_at && (self.setup.renews || self.open - self.ready < OPENING_MAX) {
            if self.vacant.is_empty() || self.setup.renews && self.pace.due(now).is_none() {
                return;
            }
            // A place of its own for each: the order in which they are filled again does not matter.
            let Some(place) = self.vacant.pop() else { return };
            if let Err(error) = self.connect(wires, place, now) {
                self.vacant.push(place);
                self.retry_at = now + RETRY_NS;
                self.fail(kind_of_connect(&error));
            }
        }
    }

    fn connect(&mut self, wires: &mut Wires, place: usize, now: u64) -> std::io::Result<()> {
        let is_slow = place < self.setup.slow_readers;
        let stream = TcpStream::connect(self.setup.target)?;
        if !self.setup.renews {
            // One request alone is not delayed.
            stream.set_nodelay(true)?;
        }
        if is_slow {
            SockRef::from(&stream).set_recv_buffer_size(SLOW_BUFFER_BYTES)?;
        }
        let session = Tls::session(self.setup.tls.as_ref(), stream)?;
        let id = wires.insert(session, Peer::new(self.setup.target, 0))?;
        let (state, part) = self.speaker.connect(place);
        let link = Link {
            id,
            place,
            part,
            is_slow,
            is_ready: false,
            is_waiting: false,
            is_over: false,
            in_flight: VecDeque::new(),
            waits_since: now,
            heard_at: now,
            free_since: now,
            state,
        };
        self.open += 1;
        if self.links.len() <= id.slot() {
            self.links.resize_with(id.slot() + 1, || None);
        }
        self.links[id.slot()] = Some(link);
        if part == Part::Publishes {
            self.publisher = id;
        }
        // Above TLS nothing is said before the handshake is over.
        if self.setup.tls.is_none() {
            self.begin(wires, id, now);
        }
        Ok(())
    }

    /// Says the first words.
    fn begin(&mut self, wires: &mut Wires, id: ConnectionId, now: u64) {
        let Some(link) = link(&mut self.links, id) else { return };
        self.out.clear();
        let opened = self.speaker.open(&mut link.state, &mut self.out);
        if let Some(outbox) = wires.outbox(id).filter(|_| !self.out.is_empty()) {
            outbox.tail().extend_from_slice(&self.out);
        }
        if opened == Opened::Ready {
            self.make_ready(wires, id);
            self.feed(wires, id, now);
        }
    }

    fn make_ready(&mut self, wires: &mut Wires, id: ConnectionId) {
        let Some(link) = link(&mut self.links, id) else { return };
        link.is_ready = true;
        self.ready += 1;
        if link.is_slow {
            nap(wires, id);
        }
    }

    /// Begins what the connection has room for and what is due.
    #[inline]
    fn feed(&mut self, wires: &mut Wires, id: ConnectionId, now: u64) {
        if self.pace.is_fixed() && !self.setup.renews {
            self.queue_up(id, now);
            self.serve(wires, now);
        } else {
            while self.begin_operation(wires, id, now) {}
        }
    }

    /// Gives what is due to those who wait for it, one each.
    fn serve(&mut self, wires: &mut Wires, now: u64) {
        while self.pace.due(now).is_some() {
            let Some(id) = self.waiting.pop_front() else { return };
            if let Some(link) = link(&mut self.links, id) {
                link.is_waiting = false;
                let free_since = link.free_since;
                let due = self.pace.due(now).unwrap_or(now);
                if self.begin_operation(wires, id, now) {
                    // Since then it could have been sent: the rest is this program's own delay.
                    self.tally.record_delay(now - due.max(free_since).min(now));
                }
                self.queue_up(id, now);
            }
        }
    }

    fn queue_up(&mut self, id: ConnectionId, now: u64) {
        let Some(link) = link(&mut self.links, id) else { return };
        if !link.is_waiting && link.has_room(&self.speaker, self.setup.pipeline) {
            (link.is_waiting, link.free_since) = (true, now);
            self.waiting.push_back(id);
        }
    }

    /// Begins what is due, without being woken for it.
    pub(crate) fn begin_due(&mut self, wires: &mut Wires) {
        let now = self.now();
        self.serve(wires, now);
    }

    /// How long it is until something is due, but not longer than this; this, if all that is due waits for connections.
    pub(crate) fn until_next(&self, most: Duration) -> Duration {
        let now = self.now();
        let next = self.pace.next().filter(|next| *next > now);
        next.map_or(most, |next| Duration::from_nanos(next - now).min(most))
    }

    /// Wakes when the next operation is due.
    fn set_alarm(&self, now: u64) {
        if let Some((alarm, due)) = self.alarm.as_ref().zip(self.pace.next()) {
            alarm.set(Duration::from_nanos(due.saturating_sub(now)));
        }
    }

    /// False if the connection has no room, or nothing is due.
    #[inline]
    fn begin_operation(&mut self, wires: &mut Wires, id: ConnectionId, now: u64) -> bool {
        let Some(link) = link(&mut self.links, id) else { return false };
        if !link.has_room(&self.speaker, self.setup.pipeline) || self.pace.due(now).is_none() {
            return false;
        }
        let Some(outbox) = wires.outbox(id) else { return false };
        let Some(due) = self.pace.take(now) else { return false };
        self.speaker.send(&mut link.state, due, outbox.tail());
        if !self.speaker.is_settled(&mut link.state) {
            if link.in_flight.is_empty() {
                link.waits_since = now;
            }
            link.in_flight.push_back(due);
        }
        true
    }

    /// What follows from what was heard on a connection.
    fn follow_up(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        now: u64,
        became_ready: bool,
        is_over: bool,
    ) {
        if !self.out.is_empty() {
            if let Some(outbox) = wires.outbox(id) {
                outbox.tail().extend_from_slice(&self.out);
            }
        }
        if became_ready {
            self.make_ready(wires, id);
        }
        if is_over {
            // The end that the server promised is awaited: the side that ends first has to remember the connection.
            return;
        }
        self.feed(wires, id, now);
        if self.publisher != ConnectionId::NONE && self.publisher != id {
            self.feed(wires, self.publisher, now);
        }
    }

    /// Counts an error; before a server has ever answered, it is the end.
    #[cold]
    fn fail(&mut self, kind: Kind) {
        if !self.is_proven && self.failure.is_none() {
            self.failure = Some(kind.clone());
        }
        self.tally.error(kind);
    }

    #[cold]
    fn give_up(&mut self, wires: &mut Wires, id: ConnectionId, fault: Fault) {
        if let Some(link) = link(&mut self.links, id) {
            link.is_over = true;
            self.tally.count_errors("unanswered", link.in_flight.len());
        }
        self.fail(fault.0);
        wires.abort(id, Reason::Local);
    }
}

impl<T> Link<T> {
    /// What is remembered of the connection, and where to tell what is heard on it now.
    #[inline]
    fn listen<'a>(
        &'a mut self,
        now: u64,
        out: &'a mut Vec<u8>,
        tally: &'a mut Tally,
    ) -> (&'a mut T, Heard<'a>) {
        let heard = Heard {
            now,
            out,
            tally,
            in_flight: &mut self.in_flight,
            is_slow: self.is_slow,
            is_ready: self.is_ready,
            is_over: self.is_over,
        };
        (&mut self.state, heard)
    }

    /// The server has something to answer. A slow reader does not wait for it.
    fn owes(&self) -> bool {
        !self.is_slow && !self.is_over && (!self.is_ready || !self.in_flight.is_empty())
    }

    #[inline]
    fn has_room<S: Speaker<State = T>>(&self, speaker: &S, pipeline: usize) -> bool {
        self.is_ready
            && !self.is_over
            && self.part != Part::Listens
            && self.in_flight.len() < pipeline
            && speaker.may_send(&self.state)
    }
}

impl<S: Speaker> Service for Engine<S> {
    fn on_bytes(&mut self, wires: &mut Wires, id: ConnectionId, rx: &mut [u8]) -> usize {
        let now = self.now();
        let Some(link) = link(&mut self.links, id) else { return rx.len() };
        self.out.clear();
        let (was_ready, was_in_flight) = (link.is_ready, link.in_flight.len());
        link.heard_at = now;
        let (state, mut heard) = link.listen(now, &mut self.out, &mut self.tally);
        let used = match self.speaker.receive(state, rx, &mut heard) {
            Ok(used) => used,
            Err(fault) => {
                self.give_up(wires, id, fault);
                return rx.len();
            }
        };
        let (became_ready, mut is_over) = (heard.is_ready && !was_ready, heard.is_over);
        if self.setup.renews && !is_over && link.in_flight.is_empty() {
            // The server was asked to close and does not.
            is_over = true;
            wires.close(id, Reason::Local);
        }
        if became_ready || link.in_flight.len() < was_in_flight {
            link.waits_since = now;
        }
        link.is_over = is_over;
        self.is_proven |= became_ready || link.is_ready;
        let naps = link.is_slow && link.is_ready;
        self.follow_up(wires, id, now, became_ready, is_over);
        if naps {
            nap(wires, id);
        }
        used
    }

    fn on_end(&mut self, wires: &mut Wires, id: ConnectionId) {
        let now = self.now();
        if let Some(link) = link(&mut self.links, id) {
            self.out.clear();
            let (state, mut heard) = link.listen(now, &mut self.out, &mut self.tally);
            self.speaker.end(state, &mut heard);
            link.is_over = heard.is_over;
        }
        wires.close(id, Reason::Peer);
    }

    fn on_close(&mut self, _wires: &mut Wires, id: ConnectionId, reason: Reason) {
        let Some(link) = self.links.get_mut(id.slot()).and_then(Option::take) else { return };
        self.open -= 1;
        self.ready -= usize::from(link.is_ready);
        self.vacant.push(link.place);
        if !link.is_over {
            self.tally.count_errors("unanswered", link.in_flight.len());
            self.fail(kind_of(reason, link.is_slow));
        }
    }

    fn on_timer(&mut self, wires: &mut Wires, id: ConnectionId, _key: u32) {
        wires.resume(id);
    }

    fn on_wake(&mut self, wires: &mut Wires) {
        let now = self.now();
        self.serve(wires, now);
        self.set_alarm(now);
    }

    fn on_accept(&mut self, _wires: &mut Wires, _incoming: Incoming) {}

    fn on_established(&mut self, wires: &mut Wires, id: ConnectionId) {
        let now = self.now();
        let is_resumed =
            wires.tls(id).is_some_and(|session| session.handshake_kind() == Some(HandshakeKind::Resumed));
        if let Some(link) = link(&mut self.links, id) {
            self.tally.record_handshake(is_resumed, link.waits_since, now);
        }
        self.begin(wires, id, now);
    }

    fn on_drain(&mut self, _wires: &mut Wires, _id: ConnectionId) {}

    fn on_idle(&mut self, _wires: &mut Wires, _id: ConnectionId, _quiet: Duration) {}

    fn on_accept_error(&mut self, _wires: &mut Wires, _listener: usize, _error: &std::io::Error) {}
}

#[inline]
fn link<T>(links: &mut [Option<Link<T>>], id: ConnectionId) -> Option<&mut Link<T>> {
    links.get_mut(id.slot())?.as_mut().filter(|link| link.id == id)
}

/// Reads nothing for a while.
fn nap(wires: &mut Wires, id: ConnectionId) {
    wires.pause(id);
    wires.set_timer(id, 0, SLOW_PAUSE);
}

/// The name of an answer that did not come in time.
const NO_ANSWER: &str = "no answer in time";

/// Under which name a connect that failed is counted.
fn kind_of_connect(error: &std::io::Error) -> Kind {
    match error.kind() {
        ErrorKind::AddrNotAvailable => {
            "connect: all local ports are in use (Linux: see net.ipv4.ip_local_port_range)".into()
        }
        _ => format!("connect: {error}").into(),
    }
}

/// Under which name the end of a connection is counted that should not have ended.
fn kind_of(reason: Reason, is_slow: bool) -> Kind {
    match reason {
        Reason::Peer | Reason::Reset if is_slow => "slow reader cut off".into(),
        Reason::Peer => "closed by the server".into(),
        Reason::Reset => "reset by the server".into(),
        Reason::Tls => {
            "TLS: the handshake failed, or the certificate is not trusted (see --ca-file and --insecure)"
                .into()
        }
        Reason::Timeout(Timeout::Handshake) => NO_ANSWER.into(),
        Reason::Timeout(Timeout::Write) => "nothing could be sent for a long time".into(),
        Reason::Io(kind) => kind.to_string().into(),
        other => format!("{other:?}").into(),
    }
}
