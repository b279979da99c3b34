//! The driver for real sockets: polls, reads the clock once a turn, and accepts.

use crate::guard::{Panic, guard};
use crate::id::WireId;
use crate::limits::Limits;
use crate::listener::Listener;
use crate::service::{Incoming, Service};
use crate::time::Time;
use crate::transport::Transport;
use crate::turn::{Reactor, Ready};
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Waker};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
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
    turn_began: Instant,
    door: Door,
    clock: Clock,
    /// Streams that ring, kept open.
    #[cfg(unix)]
    bells: Vec<mio::net::UnixStream>,
}

/// The listeners, and which of them have somebody waiting.
#[derive(Debug, Default)]
struct Door {
    listeners: Vec<Listener>,
    /// Listeners that may have newcomers of whom no further edge will tell.
    waiting: Vec<usize>,
    /// After a failed accept nobody is accepted before this time.
    shut_until: Time,
}

/// Whole milliseconds since the beginning, computed only when they change.
#[derive(Debug)]
struct Clock {
    begin: Instant,
    now: Time,
    next: Instant,
}

/// Events of one poll.
const EVENTS: usize = 1024;
/// How long nobody is accepted after an accept has failed, for lack of descriptors above all.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// One turn in so many is timed.
const TURNS_PER_SAMPLE: u64 = 64;

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
            turn_began: clock.begin,
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
        self.poll.registry().register(&mut stream, WireId::BELL.token(), Interest::READABLE)?;
        self.bells.push(stream);
        Ok(())
    }

    /// Accepts from a listener, whose index is the number of those before it.
    ///
    /// # Errors
    /// If the system does not register it.
    pub fn listen(&mut self, mut listener: Listener) -> io::Result<()> {
        let index = self.door.listeners.len();
        let token = WireId::listener(index).token();
        self.poll.registry().register(&mut listener.socket, token, Interest::READABLE)?;
        self.door.listeners.push(listener);
        Ok(())
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
        let wait = shorter(self.reactor.timeout(self.clock.now), wait_max);
        let wait = if self.has_newcomers() { self.door.wait(self.clock.now, wait) } else { wait };
        match self.poll.poll(&mut self.events, wait) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        self.turn_began = self.clock.tick();
        self.events_taken = 0;
        self.reactor.begin(self.clock.now, service);
        for event in &self.events {
            self.events_taken += 1;
            if let Some(ready) = self.door.sort(event) {
                self.reactor.on_ready(ready, service);
            }
        }
        self.end_turn(service);
        Ok(())
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
        self.reactor.settle(service);
        if self.has_newcomers() {
            self.accept(service);
        } else if self.reactor.wires.has_shut_door {
            // Closed by being dropped; the indices of the others don't matter any more.
            self.door.listeners.clear();
            self.door.waiting.clear();
        }
        self.sample();
    }

    /// Times one turn in some.
    #[inline(always)]
    fn sample(&self) {
        let stats = self.reactor.wires.stats();
        if stats.turns.value() % TURNS_PER_SAMPLE == 0 {
            let taken = u64::try_from(self.turn_began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            stats.turn_ns.set(taken);
            stats.turn_ns_max.set(stats.turn_ns_max.value().max(taken));
        }
    }

    fn has_newcomers(&self) -> bool {
        !self.door.waiting.is_empty() && self.reactor.wires.listening
    }

    #[cold]
    fn accept<S: Service + ?Sized>(&mut self, service: &mut S) {
        let Self { reactor, door, clock, .. } = self;
        let mut budget = reactor.wires.limits.accepts_per_turn;
        door.waiting.retain(|&listener| {
            while reactor.wires.listening && clock.now >= door.shut_until {
                if budget == 0 {
                    return true;
                }
                budget -= 1;
                match door.listeners[listener].accept() {
                    Ok((stream, peer)) => {
                        let incoming = Incoming { transport: Transport::Tcp(stream), peer, listener };
                        service.on_accept(&mut reactor.wires, incoming);
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                    Err(error) if is_the_newcomers(&error) => {}
                    Err(error) => {
                        door.shut_until = clock.now.after(ACCEPT_PAUSE);
                        service.on_accept_error(&mut reactor.wires, listener, &error);
                    }
                }
            }
            true
        });
        reactor.settle(service);
    }
}

impl Door {
    /// Keeps the listeners' events and passes on the wires'.
    #[inline(always)]
    fn sort(&mut self, event: &Event) -> Option<Ready> {
        let id = WireId::from_token(event.token());
        if let Some(listener) = id.as_listener() {
            if !self.waiting.contains(&listener) {
                self.waiting.push(listener);
            }
            return None;
        }
        Some(Ready {
            id,
            readable: event.is_readable(),
            writable: event.is_writable(),
            ended: event.is_read_closed(),
            broken: event.is_error() || event.is_write_closed(),
        })
    }

    /// Somebody waits: not longer than until the door is open again.
    fn wait(&self, now: Time, wait: Option<Duration>) -> Option<Duration> {
        shorter(wait, Some(self.shut_until.since(now)))
    }
}

impl Listener {
    fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = self.socket.accept()?;
        if cfg!(not(target_os = "linux")) {
            stream.set_nodelay(self.nodelay)?;
        }
        Ok((stream, peer))
    }
}

impl Clock {
    fn new() -> Self {
        let begin = Instant::now();
        Self { begin, now: Time(0), next: begin }
    }

    /// Reads the clock. Most turns fall into the millisecond of the one before and cost one comparison.
    #[inline(always)]
    fn tick(&mut self) -> Instant {
        let at = Instant::now();
        if at >= self.next {
            let passed = at - self.begin;
            let now = passed.as_secs() * 1000 + u64::from(passed.subsec_millis());
            self.now = Time(now);
            self.next = self.begin + Duration::from_millis(now + 1);
        }
        at
    }
}

/// Errors of `accept` that are about the newcomer only: the next one may be fine.
fn is_the_newcomers(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted)
}

fn shorter(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
