//! The acceptor: listeners, who waits at them, and what is done when no descriptor is left for a new connection.
//!
//! Without a descriptor nobody can be accepted, so nobody can be told either: new connections would wait in the backlog, and
//! a loop that goes on trying would spin. One descriptor is therefore held in reserve. When the system has no other it
//! is given up for as long as it takes to accept one new connection, say the service's last word, and let go of it.

use super::reserve::{Reserve, is_for_lack_of_descriptors};
use crate::id::ConnectionId;
use crate::stream::listener::Listener;
use crate::time::Time;
use crate::turn::service::{Incoming, Service};
use crate::wire::peer::Peer;
use crate::wires::Wires;
use crate::wires::ready::Ready;
#[cfg(unix)]
use mio::unix::SourceFd;
use mio::{Interest, Registry};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

#[cfg(test)]
mod tests;

/// The listeners, and which of them have somebody waiting.
#[derive(Debug, Default)]
pub(crate) struct Acceptor {
    places: Vec<Place>,
    /// Listeners that may have new connections of which no further edge will tell, in the order in which they have
    /// their turn.
    waiting: VecDeque<usize>,
    /// Listeners that may have new connections which the service does not want now.
    unwanted: Vec<usize>,
    reserve: Reserve,
    own: Listeners,
    /// Those of another driver, at which this one may have to accept.
    others: Listeners,
}

#[derive(Debug)]
struct Place {
    /// `None`: it was closed.
    listener: Option<Arc<Listener>>,
    /// After a failed accept nobody is accepted here before this time.
    shut_until: Time,
}

/// The listeners of a driver, for another driver that can accept in its place: see
/// [`Driver::stand_in_for`](crate::Driver::stand_in_for).
#[derive(Clone, Debug, Default)]
pub struct Listeners(Arc<Mutex<Vec<Weak<Listener>>>>);

impl Listeners {
    /// One panics while it holds this only for want of memory.
    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Listener>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a listener rests after an accept has failed for whatever the reserve does not help against.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl Acceptor {
    pub(crate) fn listen(&mut self, listener: Listener, registry: &Registry) -> io::Result<()> {
        let listener = Arc::new(listener);
        self.own.lock().push(Arc::downgrade(&listener));
        self.add(listener, registry)
    }

    /// A listener that is another driver's, in the place of the next.
    pub(crate) fn skip(&mut self) {
        self.own.lock().push(Weak::new());
        self.places.push(Place { listener: None, shut_until: Time(0) });
    }

    fn add(&mut self, mut listener: Arc<Listener>, registry: &Registry) -> io::Result<()> {
        watch(&mut listener, registry, self.places.len())?;
        self.places.push(Place { listener: Some(listener), shut_until: Time(0) });
        self.reserve.refill();
        Ok(())
    }

    /// Closes one listener: where no other driver accepts at it just now, the system refuses new connections.
    pub(crate) fn close(&mut self, index: usize, registry: &Registry) {
        if let Some(listener) = self.places.get_mut(index).and_then(|place| place.listener.take()) {
            unwatch(&listener, registry);
            self.waiting.retain(|waiting| *waiting != index);
            self.unwanted.retain(|unwanted| *unwanted != index);
        }
    }

    /// Another listener in the place of one that was closed.
    pub(crate) fn reopen(&mut self, index: usize, listener: Listener, registry: &Registry) -> io::Result<()> {
        let Some(place) = self.places.get_mut(index) else { return Ok(()) };
        let mut listener = Arc::new(listener);
        watch(&mut listener, registry, index)?;
        if let Some(own) = self.own.lock().get_mut(index) {
            *own = Arc::downgrade(&listener);
        }
        *place = Place { listener: Some(listener), shut_until: Time(0) };
        Ok(())
    }

    /// The service may want connections again.
    pub(crate) fn retry(&mut self) {
        self.waiting.extend(self.unwanted.drain(..));
    }

    /// Closes all listeners for good. The indices of those who wait don't matter any more.
    pub(crate) fn shut(&mut self) {
        self.others = Listeners::default();
        self.places.clear();
        self.waiting.clear();
        self.unwanted.clear();
        self.reserve = Reserve::default();
    }

    pub(crate) fn listeners(&self) -> Listeners {
        self.own.clone()
    }

    pub(crate) fn stand_in_for(&mut self, others: Listeners) {
        self.others = others;
    }

    /// Accepts in the other's place as well, as far as the system allows it.
    pub(crate) fn stand_in(&mut self, registry: &Registry) {
        if self.places.is_empty() {
            let listeners: Vec<_> = self.others.lock().iter().map(Weak::upgrade).collect();
            for listener in listeners {
                let added = listener.is_some_and(|listener| self.add(listener, registry).is_ok());
                if !added {
                    // It was closed, or new connections wait for the other driver.
                    self.places.push(Place { listener: None, shut_until: Time(0) });
                }
            }
        }
    }

    /// Leaves the other's listeners to it again. A connection that waits there is seen by both.
    pub(crate) fn step_back(&mut self, registry: &Registry) {
        if !self.others.lock().is_empty() {
            self.places
                .drain(..)
                .filter_map(|place| place.listener)
                .for_each(|listener| unwatch(&listener, registry));
            self.waiting.clear();
            self.unwanted.clear();
            self.reserve = Reserve::default();
        }
    }

    /// Keeps the listeners' events and passes on the wires'.
    #[inline(always)]
    pub(crate) fn sort(&mut self, ready: Ready) -> Option<Ready> {
        let Some(listener) = ready.id.as_listener() else { return Some(ready) };
        if !self.waiting.contains(&listener) && !self.unwanted.contains(&listener) {
            self.waiting.push_back(listener);
        }
        None
    }

    #[inline(always)]
    pub(crate) fn is_somebody_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Somebody waits: how long it takes until one of those can be accepted.
    #[cold]
    pub(crate) fn pause(&self, now: Time) -> Option<Duration> {
        let places = self.waiting.iter().filter_map(|&index| self.places.get(index));
        places.map(|place| place.shut_until.since(now)).min()
    }

    /// Accepts those who wait, as many as one turn may: one at each listener in turn, so that a crowd at one of them does
    /// not keep the others waiting. The next turn goes on with the listener behind the last.
    #[cold]
    pub(crate) fn accept<S: Service + ?Sized>(&mut self, wires: &mut Wires, service: &mut S) {
        wires.mark(ConnectionId::IDLE, 0);
        self.reserve.refill();
        let (mut budget, mut resting) = (wires.limits.accepts_per_turn, 0);
        while budget > 0 && wires.listening && resting < self.waiting.len() {
            // It stays in front until it is done, so that a panic of the service loses none.
            let Some(&index) = self.waiting.front() else { return };
            wires.stats.visits.add(1);
            let still_waits = match self.places.get_mut(index) {
                None => false,
                Some(place) if wires.now < place.shut_until => {
                    resting += 1;
                    true
                }
                Some(_) if !service.may_accept(wires, index) => {
                    self.unwanted.push(index);
                    false
                }
                Some(place) => {
                    let came = place.accept_next(index, &mut self.reserve, wires, service);
                    if came {
                        (budget, resting) = (budget - 1, 0);
                    }
                    came
                }
            };
            self.waiting.pop_front();
            if still_waits {
                self.waiting.push_back(index);
            }
        }
    }
}

impl Place {
    /// False: nobody waits here any more.
    fn accept_next<S: Service + ?Sized>(
        &mut self,
        index: usize,
        reserve: &mut Reserve,
        wires: &mut Wires,
        service: &mut S,
    ) -> bool {
        match accept_one(self, index, reserve, wires, service) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) if !concerns_the_connection_only(&error) => {
                self.shut_until = wires.now.after(ACCEPT_PAUSE);
                wires.stats.accept_errors.add(1);
                service.on_accept_error(wires, index, &error);
            }
            _ => {}
        }
        true
    }
}

/// Accepts the next connection, and refuses it if that took the last descriptor.
fn accept_one<S: Service + ?Sized>(
    place: &Place,
    listener: usize,
    reserve: &mut Reserve,
    wires: &mut Wires,
    service: &mut S,
) -> io::Result<()> {
    let incoming = |(stream, addr)| Incoming { stream, peer: Peer::new(addr, listener) };
    let Some(socket) = &place.listener else { return Err(ErrorKind::WouldBlock.into()) };
    match socket.accept() {
        Err(error) if is_for_lack_of_descriptors(&error) && reserve.give_up() => {
            // Some systems say so even if nobody waits.
            let accepted = socket.accept().map(incoming);
            let told = accepted.map(|incoming| refuse(incoming, wires, service));
            reserve.refill();
            told
        }
        accepted => {
            let incoming = incoming(accepted?);
            wires.is_unwatched = socket.deferred;
            service.on_accept(wires, incoming);
            wires.is_unwatched = false;
            Ok(())
        }
    }
}

/// Sends the service's last bytes to a new connection for which no descriptor is free, and closes it immediately.
pub(crate) fn refuse<S: Service + ?Sized>(incoming: Incoming, wires: &mut Wires, service: &mut S) {
    let Incoming { stream, peer } = incoming;
    wires.stats.exhausted.add(1);
    stream.refuse_and_drop(service.on_exhausted(wires, &peer));
}

/// By its descriptor, and not through the socket: two event queues may watch it.
#[cfg(unix)]
fn watch(listener: &mut Arc<Listener>, registry: &Registry, index: usize) -> io::Result<()> {
    let token = ConnectionId::listener(index).token();
    registry.register(&mut SourceFd(&listener.descriptor()), token, Interest::READABLE)
}

#[cfg(unix)]
fn unwatch(listener: &Listener, registry: &Registry) {
    // It fails only if it was not watched.
    let _ = registry.deregister(&mut SourceFd(&listener.descriptor()));
}

/// One event queue only can watch a socket here.
#[cfg(not(unix))]
fn watch(listener: &mut Arc<Listener>, registry: &Registry, index: usize) -> io::Result<()> {
    let token = ConnectionId::listener(index).token();
    let listener = Arc::get_mut(listener).ok_or(ErrorKind::Unsupported)?;
    registry.register(listener.source(), token, Interest::READABLE)
}

#[cfg(not(unix))]
fn unwatch(_listener: &Listener, _registry: &Registry) {}

/// Errors of `accept` that are about the new connection only: the next one may be fine.
fn concerns_the_connection_only(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted)
}
