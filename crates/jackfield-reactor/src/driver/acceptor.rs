//! The acceptor: listeners, waiting connections, and what is done when no descriptor is left.
//!
//! Without a descriptor no connection can be accepted, and so none can be refused either: new connections would wait in the
//! backlog, and a loop that keeps trying would spin. So one descriptor is held in reserve. When no other is left, it is
//! closed, one new connection is accepted, gets the service's refusal, and is closed.

use super::reserve::Reserve;
use super::rotation::{Came, Rotation};
use crate::guard::guard;
use crate::id::ConnectionId;
use crate::stream::listener::{Listener, unwatch, watch};
use crate::stream::listeners::Listeners;
use crate::stream::shortage::is_for_lack_of_descriptors;
use crate::time::Time;
use crate::turn::service::{Incoming, Service};
use crate::wire::peer::Peer;
use crate::wires::Wires;
use crate::wires::ready::Ready;
use mio::Registry;
use std::io::{self, ErrorKind};
use std::panic::resume_unwind;
use std::sync::{Arc, Weak};
use std::time::Duration;

#[cfg(test)]
mod tests;

/// The listeners, and which of them have waiting connections.
#[derive(Debug, Default)]
pub(crate) struct Acceptor {
    places: Vec<Place>,
    rotation: Rotation,
    reserve: Reserve,
    own: Listeners,
    /// The listeners of another driver, at which this one may have to accept.
    others: Listeners,
}

#[derive(Debug)]
struct Place {
    /// `None`: it was closed.
    listener: Option<Arc<Listener>>,
    /// After a failed accept no connection is accepted here before this time.
    shut_until: Time,
}

/// How long a listener pauses after an accept has failed and the reserve descriptor does not help.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl Acceptor {
    /// An acceptor that shows its listeners there.
    pub(crate) fn new(own: Listeners) -> Self {
        Self { own, ..Self::default() }
    }

    pub(crate) fn listen(&mut self, listener: Listener, registry: &Registry) -> io::Result<()> {
        let listener = Arc::new(listener);
        self.own.push(Arc::downgrade(&listener));
        self.add(listener, registry)
    }

    /// Adds a place without a listener, because the listener belongs to another driver.
    pub(crate) fn skip(&mut self) {
        self.own.push(Weak::new());
        self.places.push(Place { listener: None, shut_until: Time(0) });
    }

    fn add(&mut self, mut listener: Arc<Listener>, registry: &Registry) -> io::Result<()> {
        watch(&mut listener, registry, self.places.len())?;
        self.places.push(Place { listener: Some(listener), shut_until: Time(0) });
        self.reserve.refill();
        Ok(())
    }

    /// Closes one listener. If no other driver accepts at it now, the system refuses new connections.
    pub(crate) fn close(&mut self, index: usize, registry: &Registry) {
        if let Some(listener) = self.places.get_mut(index).and_then(|place| place.listener.take()) {
            unwatch(&listener, registry);
            self.rotation.remove(index);
        }
    }

    /// Puts another listener, which is watched already, in the place of a closed one.
    pub(crate) fn reopen(&mut self, index: usize, listener: Arc<Listener>) {
        let Some(place) = self.places.get_mut(index) else { return };
        self.own.replace(index, &listener);
        *place = Place { listener: Some(listener), shut_until: Time(0) };
    }

    /// The service may want connections again.
    pub(crate) fn retry(&mut self) {
        self.rotation.retry();
    }

    /// Closes all listeners for ever. The indices of waiting ones do not matter any more.
    pub(crate) fn shut(&mut self) {
        self.others = Listeners::default();
        self.places.clear();
        self.rotation.clear();
        self.reserve = Reserve::default();
    }

    pub(crate) fn listeners(&self) -> Listeners {
        self.own.clone()
    }

    pub(crate) fn stand_in_for(&mut self, others: Listeners) {
        self.others = others;
    }

    /// Accepts also in place of the other driver, as far as the system allows it.
    pub(crate) fn stand_in(&mut self, registry: &Registry) {
        if self.places.is_empty() {
            for listener in self.others.all() {
                let added = listener.is_some_and(|listener| self.add(listener, registry).is_ok());
                if !added {
                    // It was closed, or it can't be watched here: then new connections wait for the other driver.
                    self.places.push(Place { listener: None, shut_until: Time(0) });
                }
            }
        }
    }

    /// Leaves the other driver's listeners to it again. Both drivers see a connection that waits there.
    pub(crate) fn step_back(&mut self, registry: &Registry) {
        if !self.others.is_empty() {
            self.places
                .drain(..)
                .filter_map(|place| place.listener)
                .for_each(|listener| unwatch(&listener, registry));
            self.rotation.clear();
            self.reserve = Reserve::default();
        }
    }

    /// Keeps events of listeners and passes on events of wires.
    #[inline(always)]
    pub(crate) fn sort(&mut self, ready: Ready) -> Option<Ready> {
        let Some(listener) = ready.id.as_listener() else { return Some(ready) };
        self.rotation.add(listener);
        None
    }

    #[inline(always)]
    pub(crate) fn is_somebody_waiting(&self) -> bool {
        !self.rotation.is_empty()
    }

    /// How long it takes until a waiting connection can be accepted, if one waits.
    #[cold]
    pub(crate) fn pause(&self, now: Time) -> Option<Duration> {
        let places = self.rotation.waiting().filter_map(|index| self.places.get(index));
        places.map(|place| place.shut_until.since(now)).min()
    }

    /// Accepts as many waiting connections as one turn may.
    #[cold]
    pub(crate) fn accept<S: Service + ?Sized>(&mut self, wires: &mut Wires, service: &mut S) {
        wires.show_watchdog(ConnectionId::NO_WIRE, 0);
        let Self { places, rotation, reserve, .. } = self;
        reserve.refill();
        rotation.accept(wires, service, |index, wires, service| match places.get_mut(index) {
            None => Came::Nothing,
            Some(place) if wires.now < place.shut_until => Came::Later,
            Some(_) if !service.may_accept(wires, index) => Came::Unwanted,
            Some(place) => place.accept_next(index, reserve, wires, service),
        });
    }
}

impl Place {
    /// Accepts one connection at a listener.
    fn accept_next<S: Service + ?Sized>(
        &mut self,
        index: usize,
        reserve: &mut Reserve,
        wires: &mut Wires,
        service: &mut S,
    ) -> Came {
        match accept_one(self, index, reserve, wires, service) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Came::Nothing,
            Err(error) if !concerns_the_connection_only(&error) => {
                self.shut_until = wires.now.after(ACCEPT_PAUSE);
                wires.stats.accept_errors.add(1);
                service.on_accept_error(wires, index, &error);
            }
            _ => {}
        }
        Came::One
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
            // Some systems report this even if no connection waits.
            let accepted = socket.accept().map(incoming);
            let refused = accepted.map(|incoming| refuse(incoming, wires, service));
            reserve.refill();
            refused
        }
        accepted => {
            let incoming = incoming(accepted?);
            wires.is_unwatched = socket.deferred;
            let passed = guard(|| service.on_accept(wires, incoming));
            wires.is_unwatched = false;
            // The caller has to handle a panic, and may go on.
            passed.map_err(|payload| resume_unwind(payload))
        }
    }
}

/// Sends the service's last bytes to a new connection for which no descriptor is free, and closes it immediately.
pub(crate) fn refuse<S: Service + ?Sized>(incoming: Incoming, wires: &mut Wires, service: &mut S) {
    let Incoming { stream, peer } = incoming;
    wires.stats.exhausted.add(1);
    stream.refuse_and_drop(service.on_exhausted(wires, &peer));
}

/// Errors of `accept` that concern only the new connection: the next one may succeed.
fn concerns_the_connection_only(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted)
}
