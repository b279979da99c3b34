//! The driver for real sockets: polls, reads the clock once a turn, and accepts.

use crate::door::Door;
use crate::guard::{Panic, guard};
use crate::id::WireId;
use crate::limits::Limits;
use crate::listener::Listener;
use crate::service::Service;
use crate::time::Time;
use crate::turn::Reactor;
use crate::wires::DoorOrder;
use mio::{Events, Poll, Waker};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// Drives a reactor with mio.
#[derive(Debug)]
pub struct Driver {
    /// The reactor that is driven.
    pub reactor: Reactor,
    poll: Poll,
    events: Events,
    /// How many of them were taken in this turn.
    events_taken: usize,
    /// The time of the last poll.
    polled_at: Time,
    door: Door,
    clock: Clock,
    /// Streams that ring, kept open.
    #[cfg(unix)]
    bells: Vec<mio::net::UnixStream>,
}

/// Whole milliseconds since the start, computed only when they change.
#[derive(Debug)]
struct Clock {
    start: Instant,
    now: Time,
    next: Instant,
    /// This turn is timed, and began here.
    is_timed: bool,
    begin: Instant,
    /// The end of the turn that was timed last.
    end: Instant,
    /// The number of that turn, and whether the one before it was timed as well.
    timed_turn: u64,
    follows: bool,
    /// All turns up to this number are timed.
    watched_turn: u64,
    /// Since then no poll has told of everything that was ready.
    behind: Option<Instant>,
}

/// Events of one poll.
const EVENTS: usize = 1024;
/// How long a busy reactor would sleep: see where it polls.
const NAP: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);
/// Where turns are short, one in so many is timed at most.
const TURNS_PER_SAMPLE: u64 = 64;
/// So many turns are timed after more than a millisecond has passed between two.
const WATCHED_TURNS: u64 = 8;

impl Driver {
    /// A driver with no listeners.
    ///
    /// # Errors
    /// If the system gives no event queue.
    pub fn new(reactor: u8, limits: Limits) -> io::Result<Self> {
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let clock = Clock::new();
        Ok(Self {
            reactor: Reactor::new(reactor, clock.now, limits, Some(registry)),
            poll,
            events: Events::with_capacity(EVENTS),
            events_taken: 0,
            polled_at: Time(0),
            door: Door::default(),
            clock,
            #[cfg(unix)]
            bells: Vec::new(),
        })
    }

    /// What rings this reactor's bell, for its mailbox.
    ///
    /// # Errors
    /// If the system gives no descriptor for it. There can be one only.
    pub fn waker(&self) -> io::Result<Waker> {
        Waker::new(self.poll.registry(), WireId::BELL.token())
    }

    /// Rings this reactor's bell as well whenever something can be read from the stream, which nobody reads: for
    /// whatever can do no more than write a byte, such as a signal handler.
    ///
    /// # Errors
    /// If the system does not register it.
    #[cfg(unix)]
    pub fn ring_on(&mut self, stream: std::os::unix::net::UnixStream) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        let mut stream = mio::net::UnixStream::from_std(stream);
        self.poll.registry().register(&mut stream, WireId::BELL.token(), mio::Interest::READABLE)?;
        self.bells.push(stream);
        Ok(())
    }

    /// Accepts from a listener, whose index is the number of those before it.
    ///
    /// # Errors
    /// If the system does not register it.
    pub fn listen(&mut self, listener: Listener) -> io::Result<()> {
        self.door.open(Arc::new(listener), self.poll.registry())
    }

    /// The listeners of this driver, for others that are to stand in for it.
    pub fn listeners(&self) -> Vec<Weak<Listener>> {
        self.door.listeners()
    }

    /// Another driver's listeners. Nobody is accepted at them before [`Wires::stand_in`](crate::Wires::stand_in), and
    /// they don't outlive that driver's. Without effect where the system can't watch a socket from two event queues.
    pub fn stand_in_for(&mut self, listeners: Vec<Weak<Listener>>) {
        self.door.stand_in_for(listeners);
    }

    /// Turns until the service says [`Wires::halt`](crate::Wires::halt).
    ///
    /// # Errors
    /// If polling fails, which no connection can bring about.
    pub fn run<S: Service + ?Sized>(&mut self, service: &mut S) -> io::Result<()> {
        self.reactor.settle(service);
        // One guard for all turns: to enter one at each of them costs 50 instructions.
        loop {
            match guard(|| self.run_guarded(service)) {
                Ok(end) => return end,
                Err(payload) => self.recover(payload, service),
            }
        }
    }

    /// Waits for something to happen, at most so long, and takes one turn. What was done to wires since the last turn
    /// is brought to its end first.
    ///
    /// # Errors
    /// As [`Driver::run`].
    pub fn poll<S: Service + ?Sized>(
        &mut self,
        wait_max: Option<Duration>,
        service: &mut S,
    ) -> io::Result<()> {
        self.reactor.settle(service);
        guard(|| self.turn(wait_max, service)).unwrap_or_else(|payload| {
            self.recover(payload, service);
            Ok(())
        })
    }

    #[inline(always)]
    fn run_guarded<S: Service + ?Sized>(&mut self, service: &mut S) -> io::Result<()> {
        while !self.reactor.wires.is_halted() {
            self.turn(None, service)?;
        }
        Ok(())
    }

    /// Sleeps until something is ready or due, reads the clock, and takes one turn.
    #[inline(always)]
    fn turn<S: Service + ?Sized>(&mut self, wait_max: Option<Duration>, service: &mut S) -> io::Result<()> {
        self.reactor.wires.stats().at.set(WireId::IDLE.to_bits());
        let is_busy = std::mem::replace(&mut self.polled_at, self.clock.now) == self.clock.now;
        let polled = if is_busy && wait_max.is_none() && self.has_nothing_near() {
            // The length of a sleep that does not come about, by all appearances, is not worth computing.
            self.poll.poll(&mut self.events, Some(NAP))
        } else {
            let wait = self.wait(wait_max);
            self.poll.poll(&mut self.events, wait)
        };
        match polled {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        self.clock.tick(Instant::now(), self.reactor.wires.stats().turns.value());
        self.events_taken = 0;
        self.reactor.begin(self.clock.now, service);
        for event in &self.events {
            self.events_taken += 1;
            let is_usual = event.is_readable() && !event.is_read_closed() && !event.is_error();
            if is_usual && self.reactor.on_readable(WireId::from_token(event.token()), service) {
                continue;
            }
            if let Some(ready) = self.door.sort(event) {
                self.reactor.on_ready(ready, service);
            }
        }
        self.end_turn(service);
        Ok(())
    }

    /// True if nothing is due within a [`NAP`], and nobody waits at a listener.
    #[inline(always)]
    fn has_nothing_near(&self) -> bool {
        self.reactor.rests_until(self.clock.now.after(NAP)) && !self.has_newcomers()
    }

    /// How long to sleep, if nothing happens.
    #[inline(never)]
    fn wait(&self, wait_max: Option<Duration>) -> Option<Duration> {
        let wait = shorter(self.reactor.timeout(self.clock.now), wait_max);
        if self.has_newcomers() { shorter(wait, self.door.pause(self.clock.now)) } else { wait }
    }

    /// A panic costs its event: the turn that it was in goes on behind that.
    #[cold]
    fn recover<S: Service + ?Sized>(&mut self, payload: Panic, service: &mut S) {
        self.reactor.caught(payload, service);
        let Self { reactor, events, door, .. } = self;
        let mut rest = events.iter().skip(self.events_taken).filter_map(|event| door.sort(event));
        reactor.take_all(&mut rest, service);
        self.end_turn(service);
    }

    #[inline(always)]
    fn end_turn<S: Service + ?Sized>(&mut self, service: &mut S) {
        self.reactor.end(service);
        if self.reactor.wires.door != DoorOrder::None {
            self.obey();
        }
        if self.has_newcomers() {
            self.door.accept(&mut self.reactor.wires, service);
            self.reactor.welcome(service);
            self.reactor.end(service);
        }
        if self.clock.is_timed {
            self.time(service);
        }
    }

    #[cold]
    fn obey(&mut self) {
        match std::mem::replace(&mut self.reactor.wires.door, DoorOrder::None) {
            DoorOrder::None => {}
            DoorOrder::Shut => self.door.shut(),
            DoorOrder::StandIn => self.door.stand_in(self.poll.registry()),
            DoorOrder::StepBack => self.door.step_back(self.poll.registry()),
        }
    }

    fn has_newcomers(&self) -> bool {
        self.door.is_somebody_waiting() && self.reactor.wires.listening
    }

    #[cold]
    #[inline(never)]
    fn time<S: Service + ?Sized>(&mut self, service: &mut S) {
        let Self { reactor, events, clock, .. } = self;
        let end = Instant::now();
        // Of turns that were not timed it is not known that there were none.
        let idle =
            if clock.follows { clock.begin.saturating_duration_since(clock.end) } else { Duration::ZERO };
        let taken = end.saturating_duration_since(clock.begin);
        // Of what did not fit into one poll, the rest waits for the next turn and longer.
        let behind = clock.behind.take().unwrap_or(clock.begin);
        if events.iter().count() == EVENTS {
            clock.behind = Some(behind);
        }
        (clock.end, clock.is_timed) = (end, false);
        let stats = reactor.wires.stats();
        let taken = u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX);
        stats.turn_ns.set(taken);
        stats.turn_ns_max.set(stats.turn_ns_max.value().max(taken));
        service.on_lag(&mut reactor.wires, end.saturating_duration_since(behind), idle);
    }
}

impl Clock {
    fn new() -> Self {
        let start = Instant::now();
        Self {
            start,
            now: Time(0),
            next: start + MILLISECOND,
            is_timed: false,
            begin: start,
            end: start,
            timed_turn: 0,
            follows: false,
            watched_turn: 0,
            behind: None,
        }
    }

    /// A turn begins. Most fall into the millisecond of the one before and cost two comparisons.
    #[inline(always)]
    fn tick(&mut self, at: Instant, turn: u64) {
        if at >= self.next {
            self.begin_millisecond(at, turn);
        } else if turn <= self.watched_turn {
            self.begin_timed(at, turn);
        }
    }

    /// Another millisecond has begun: nearly always the next one, under load. If not, a turn was long, or the reactor
    /// slept, and the next turns will tell which: long ones often alternate with short ones. Where turns are short, a few
    /// are timed, and the others are not worth a further look at the clock.
    #[inline(never)]
    fn begin_millisecond(&mut self, at: Instant, turn: u64) {
        self.now = Time(self.now.0 + 1);
        self.next += MILLISECOND;
        if at >= self.next {
            let passed = at - self.start;
            self.now = Time(passed.as_secs() * 1000 + u64::from(passed.subsec_millis()));
            self.next = self.start + Duration::from_millis(self.now.0 + 1);
            self.watched_turn = turn + WATCHED_TURNS;
        }
        if turn <= self.watched_turn || turn - self.timed_turn >= TURNS_PER_SAMPLE {
            self.begin_timed(at, turn);
        }
    }

    #[inline(never)]
    fn begin_timed(&mut self, at: Instant, turn: u64) {
        self.follows = turn - self.timed_turn <= 1;
        (self.is_timed, self.begin, self.timed_turn) = (true, at, turn);
    }
}

fn shorter(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Turns of so many microseconds, in turns, with nothing between them: how many of a thousand were timed, and of how
    /// many of these it is known that there was no sleep before them.
    fn timed(lengths: &[u64]) -> (usize, usize) {
        let mut clock = Clock::new();
        let (mut at, mut timed, mut known) = (clock.start, 0, 0);
        for (turn, length) in (0..1000).zip(lengths.iter().cycle()) {
            clock.tick(at, turn);
            let is_timed = std::mem::take(&mut clock.is_timed);
            (timed, known) = (timed + usize::from(is_timed), known + usize::from(is_timed && clock.follows));
            at += Duration::from_micros(*length);
        }
        assert_eq!(
            clock.now.0,
            (at - Duration::from_micros(lengths[999 % lengths.len()]) - clock.start).as_millis() as u64
        );
        (timed, known)
    }

    /// A server at its limit accepts in one turn and serves in the next, and only the short ones were timed.
    #[test]
    fn long_turns_are_timed_though_they_alternate_with_short_ones() {
        for lengths in [&[5000][..], &[5000, 20], &[20, 20, 5000, 20, 20, 20], &[2500, 40, 300]] {
            let (timed, known) = timed(lengths);
            assert!(timed >= 990 && known >= 990, "{timed} and {known} with {lengths:?}");
        }
    }

    #[test]
    fn of_short_turns_few_are_timed() {
        for lengths in [&[4][..], &[20], &[100], &[4, 20, 100]] {
            let (timed, _known) = timed(lengths);
            assert!(timed <= 1000 / 64 + 1, "{timed} with {lengths:?}");
        }
    }
}
