//! The driver for real sockets: it polls, reads the clock once a turn, and accepts.

mod acceptor;
mod backlog;
pub(crate) mod check;
mod clock;
pub(crate) mod in_memory;
mod queue;
mod reserve;
mod rotation;
#[cfg(test)]
mod tests;

use self::acceptor::Acceptor;
use self::clock::{Clock, Instant};
use self::queue::Queue;
use crate::guard::{Panic, guard};
use crate::id::ConnectionId;
use crate::limits::Limits;
use crate::stream::listener::Listener;
use crate::stream::listeners::Listeners;
use crate::time::Time;
use crate::turn::Reactor;
use crate::turn::service::Service;
use crate::wires::order::AcceptorOrder;
use mio::Waker;
use std::io;
use std::time::Duration;

/// Drives a reactor with mio: sockets, the system's event queue and the real clock.
#[derive(Debug)]
pub struct Driver {
    /// The reactor.
    pub reactor: Reactor,
    queue: Queue,
    /// How many events of this turn were handled.
    events_taken: usize,
    /// The time of the last poll.
    polled_at: Time,
    acceptor: Acceptor,
    clock: Clock,
    /// Streams whose other ends wake it, kept open.
    #[cfg(unix)]
    wake_streams: Vec<mio::net::UnixStream>,
}

/// The timeout of a busy reactor's wait: see [`Driver::turn`].
const NAP: Duration = Duration::from_secs(1);

impl Driver {
    /// A driver without listeners, for the reactor with this number.
    ///
    /// # Errors
    /// The system gives no event queue.
    pub fn new(reactor: u8, limits: Limits) -> io::Result<Self> {
        let queue = Queue::new()?;
        let registry = queue.registry().try_clone()?;
        let clock = Clock::new();
        let reactor = Reactor::new(reactor, clock.now, limits, Some(registry));
        Ok(Self {
            acceptor: Acceptor::new(reactor.wires.listeners.clone()),
            reactor,
            queue,
            events_taken: 0,
            polled_at: Time(0),
            clock,
            #[cfg(unix)]
            wake_streams: Vec::new(),
        })
    }

    /// The waker of this reactor, for its mailbox.
    ///
    /// # Errors
    /// The system gives no descriptor for it. Each driver has one waker only.
    pub fn waker(&self) -> io::Result<Waker> {
        self.queue.waker()
    }

    /// Wakes this reactor also when bytes can be read from `stream`. The bytes are never read. For code that can only write
    /// a byte, such as a signal handler.
    ///
    /// # Errors
    /// The system does not register the stream.
    #[cfg(unix)]
    pub fn wake_on(&mut self, stream: std::os::unix::net::UnixStream) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        let mut stream = mio::net::UnixStream::from_std(stream);
        self.queue.registry().register(&mut stream, ConnectionId::WAKER.token(), mio::Interest::READABLE)?;
        self.wake_streams.push(stream);
        Ok(())
    }

    /// Accepts connections at this listener. Its index is the number of listeners that were added before.
    ///
    /// # Errors
    /// The system does not register it.
    pub fn listen(&mut self, listener: Listener) -> io::Result<()> {
        self.acceptor.listen(listener, self.queue.registry())
    }

    /// Skips one listener index: the listener with this index belongs to another driver. For several drivers that have
    /// sockets of their own under the same indexes.
    pub fn skip_listener(&mut self) {
        self.acceptor.skip();
    }

    /// The listeners of this driver, for [`Driver::stand_in_for`] of other drivers.
    pub fn listeners(&self) -> Listeners {
        self.acceptor.listeners()
    }

    /// Gives this driver the listeners of another one, at which it can accept in its place. It does not accept there before
    /// [`Wires::stand_in`](crate::Wires::stand_in). It does not keep them open: they close with the other driver's. Without
    /// effect where the system can't watch a socket with two event queues.
    pub fn stand_in_for(&mut self, listeners: Listeners) {
        self.acceptor.stand_in_for(listeners);
    }

    /// Sets the time to now, for work that is begun outside of a turn: that may be long after the last turn, or after the
    /// driver was made.
    pub fn set_time(&mut self) {
        self.set_time_at(Instant::now());
    }

    fn set_time_at(&mut self, at: Instant) {
        self.clock.set(at);
        self.reactor.wires.now = self.clock.now;
    }

    /// Takes turns until the service calls [`Wires::halt`](crate::Wires::halt).
    ///
    /// # Errors
    /// Polling fails. No connection can cause that.
    pub fn run<S: Service + ?Sized>(&mut self, service: &mut S) -> io::Result<()> {
        self.reactor.settle(service);
        // One guard for all turns, because a guard for each turn costs 50 instructions.
        loop {
            match guard(|| self.run_guarded(service)) {
                Ok(end) => {
                    self.reactor.wires.clear_watchdog();
                    return end;
                }
                Err(payload) => self.recover(payload, service),
            }
        }
    }

    /// Waits until something is ready or due, for at most `wait_max`, and takes one turn. `None`: waits without a limit.
    /// Before that, work that was begun outside of a turn is completed.
    ///
    /// # Errors
    /// As [`Driver::run`].
    pub fn poll<S: Service + ?Sized>(
        &mut self,
        wait_max: Option<Duration>,
        service: &mut S,
    ) -> io::Result<()> {
        self.reactor.settle(service);
        let polled = guard(|| self.turn(wait_max, service)).unwrap_or_else(|payload| {
            self.recover(payload, service);
            Ok(())
        });
        // The caller's code until the next poll is no callback.
        self.reactor.wires.clear_watchdog();
        polled
    }

    /// How long another event loop may wait for the descriptor of this driver. After that time [`Driver::poll`] must be
    /// called, because a timer or other work is due. `None`: there is no limit.
    pub fn timeout(&self) -> Option<Duration> {
        if self.reactor.is_unsettled() {
            // It was begun outside of a turn.
            return Some(Duration::ZERO);
        }
        self.timeout_at(self.clock.at(Instant::now()))
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
        self.reactor.wires.stats().at.set(ConnectionId::NO_WIRE.to_bits());
        let is_busy = std::mem::replace(&mut self.polled_at, self.clock.now) == self.clock.now;
        if is_busy && wait_max.is_none() && self.has_nothing_near() {
            // Events are probably ready, so the exact timeout is not worth computing.
            self.queue.wait(Some(NAP))?;
        } else {
            let wait = self.wait(wait_max, Instant::now);
            self.queue.wait(wait)?;
        }
        self.clock.tick(Instant::now(), self.reactor.wires.stats().turns.value());
        self.events_taken = 0;
        self.reactor.begin(self.clock.now, service);
        for event in self.queue.events() {
            self.events_taken += 1;
            if event.is_usual() && self.reactor.on_readable(event.id(), service) {
                continue;
            }
            if let Some(ready) = self.acceptor.sort(event.ready()) {
                self.reactor.on_ready(ready, service);
            }
        }
        self.end_turn(service);
        Ok(())
    }

    /// True if nothing is due within a [`NAP`], and no connection waits at a listener.
    #[inline(always)]
    fn has_nothing_near(&self) -> bool {
        self.reactor.rests_until(self.clock.now.after(NAP)) && !self.has_new_connections()
    }

    /// The longest sleep. What the last turn and the caller have taken since the last poll is no part of it. So the clock is read
    /// again, but only for a sleep that ends in time.
    #[inline(never)]
    fn wait(&self, wait_max: Option<Duration>, read_clock: impl FnOnce() -> Instant) -> Option<Duration> {
        if wait_max == Some(Duration::ZERO) {
            return wait_max;
        }
        let due = self.timeout_at(self.clock.now).map(|due| match due {
            Duration::ZERO => due,
            due => due.saturating_sub(self.clock.passed(read_clock())),
        });
        shorter(due, wait_max)
    }

    /// The time from `now` until something is due.
    fn timeout_at(&self, now: Time) -> Option<Duration> {
        let wait = self.reactor.timeout(now);
        if self.has_new_connections() { shorter(wait, self.acceptor.pause(now)) } else { wait }
    }

    /// After a panic: the turn continues after its event.
    #[cold]
    fn recover<S: Service + ?Sized>(&mut self, payload: Panic, service: &mut S) {
        self.reactor.caught(payload, service);
        let Self { reactor, queue, acceptor, .. } = self;
        let mut rest =
            queue.events().skip(self.events_taken).filter_map(|event| acceptor.sort(event.ready()));
        reactor.take_all(&mut rest, service);
        drop(rest);
        self.end_turn(service);
    }

    #[inline(always)]
    fn end_turn<S: Service + ?Sized>(&mut self, service: &mut S) {
        self.reactor.end(service);
        if !self.reactor.wires.acceptor.is_empty() {
            self.obey();
        }
        if self.has_new_connections() {
            self.acceptor.accept(&mut self.reactor.wires, service);
            self.reactor.end_with_new(service);
        }
        if self.clock.is_timed {
            self.time(service);
        }
    }

    #[cold]
    fn obey(&mut self) {
        let registry = self.queue.registry();
        while let Some(order) = self.reactor.wires.acceptor.pop_front() {
            match order {
                AcceptorOrder::Shut => self.acceptor.shut(),
                AcceptorOrder::StandIn => self.acceptor.stand_in(registry),
                AcceptorOrder::StepBack => self.acceptor.step_back(registry),
                AcceptorOrder::Retry => self.acceptor.retry(),
                AcceptorOrder::Close(listener) => self.acceptor.close(listener, registry),
                AcceptorOrder::Reopen(index, listener) => self.acceptor.reopen(index, listener),
            }
        }
    }

    fn has_new_connections(&self) -> bool {
        self.acceptor.is_somebody_waiting() && self.reactor.wires.listening
    }

    #[cold]
    #[inline(never)]
    fn time<S: Service + ?Sized>(&mut self, service: &mut S) {
        let Self { reactor, queue, clock, .. } = self;
        let end = Instant::now();
        // After a turn that was not timed it is unknown whether the reactor slept.
        let idle =
            if clock.follows { clock.begin.saturating_duration_since(clock.end) } else { Duration::ZERO };
        let taken = end.saturating_duration_since(clock.begin);
        // Events that did not fit into one poll wait at least until the next turn.
        let lag = clock.own_lag(end, queue.is_full());
        (clock.end, clock.is_timed) = (end, false);
        reactor.wires.stats().time_turn(u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX));
        service.on_loop_lag(&mut reactor.wires, lag, idle);
    }
}

/// The descriptor of the event queue, for another event loop. It is readable when [`Driver::poll`] has something to do. It
/// does not show what is due by time: [`Driver::timeout`] does. Only wait for it; do not read or close it.
#[cfg(unix)]
impl std::os::fd::AsRawFd for Driver {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.queue.descriptor()
    }
}

fn shorter(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
