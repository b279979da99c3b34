//! Connections that do what an attack says: many at a time, on the client's side of our own reactor.

use super::task::{self, Stop};
use super::victim::Place;
use crate::base::error::Error;
use crate::base::progress::Progress;
use crate::bench::plan::Tls;
use crate::bench::worker::limits;
use jackfield_reactor::{ConnectionId, Driver, Incoming, Reason, Service, SocketOptions, Wires};
use std::time::{Duration, Instant};

/// What the connections of one attack do.
pub(crate) trait Role {
    /// The state of one connection.
    type State: std::fmt::Debug;

    /// A connection is established: writes its first bytes.
    fn open(&mut self, turn: &mut Turn<'_>) -> Self::State;

    /// Handles bytes. Returns how many were used; the rest comes again, before new ones.
    fn hear(&mut self, state: &mut Self::State, rx: &[u8], turn: &mut Turn<'_>) -> usize;

    /// The alarm that was set last.
    fn tick(&mut self, _state: &mut Self::State, _turn: &mut Turn<'_>) {}

    /// The server has finished its side.
    fn end(&mut self, _state: &mut Self::State, turn: &mut Turn<'_>) {
        turn.leave = Leave::Reset;
    }

    /// The connection has ended, by either side.
    fn gone(&mut self, _state: Self::State) {}

    /// A connection could not be established.
    fn refused(&mut self, _reason: Reason) {}
}

/// What a connection can do in its turn.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    pub(crate) now: Instant,
    /// Bytes to be sent.
    pub(crate) out: &'a mut Vec<u8>,
    /// When to call again.
    pub(crate) alarm: Option<Duration>,
    /// Stops reading.
    pub(crate) is_deaf: bool,
    pub(crate) leave: Leave,
}

impl<'a> Turn<'a> {
    /// One in which nothing was done yet.
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { now: Instant::now(), out, alarm: None, is_deaf: false, leave: Leave::Stay }
    }
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// Not yet.
    Stay,
    /// In good order.
    Finish,
    /// At once.
    Reset,
}

/// The connections.
#[derive(Debug)]
pub(crate) struct Crowd<R: Role> {
    driver: Driver,
    cast: Cast<R>,
    place: Place,
    stop: Stop,
    /// Those of its sockets.
    options: SocketOptions,
}

#[derive(Debug)]
struct Cast<R: Role> {
    role: R,
    /// By slot.
    members: Vec<Option<(ConnectionId, R::State)>>,
    out: Vec<u8>,
}

/// The longest sleep between two checks of the clock.
const TICK: Duration = Duration::from_millis(5);
/// Connections that are opened at once; backlogs of servers are bounded.
const OPENED_AT_ONCE: usize = 64;

impl<R: Role> Crowd<R> {
    /// A crowd without connections.
    ///
    /// # Errors
    /// The system gives no event queue.
    pub(crate) fn new(role: R, place: Place, stop: &Stop) -> Result<Self, Error> {
        let cast = Cast { role, members: Vec::new(), out: Vec::new() };
        let options = SocketOptions { unsent_bytes: 0, ..SocketOptions::default() };
        Ok(Self { driver: Driver::new(0, limits())?, cast, place, stop: stop.clone(), options })
    }

    /// Sets the kernel's receive buffer of connections that are opened from now on.
    pub(crate) fn set_receive_bytes(&mut self, bytes: u32) {
        self.options.receive_buffer_bytes = bytes;
    }

    pub(crate) fn role(&mut self) -> &mut R {
        &mut self.cast.role
    }

    /// The number of connections, also those that are being opened or wait for the other side's end.
    pub(crate) fn len(&self) -> usize {
        self.driver.reactor.wires.len() + self.driver.reactor.wires.lingering()
    }

    /// Begins connections at this rate, and calls `meanwhile` between turns. Returns how many were begun: some of them may not be
    /// established yet, or be refused.
    ///
    /// # Errors
    /// The system fails this process.
    pub(crate) fn open(
        &mut self,
        wanted: usize,
        per_second: f64,
        mut meanwhile: impl FnMut(usize),
    ) -> Result<usize, Error> {
        let (begin, mut begun) = (Instant::now(), 0);
        while begun < wanted && !self.driver.reactor.wires.is_full() {
            let due = (begin.elapsed().as_secs_f64() * per_second) as usize;
            let due = due.min(wanted).saturating_sub(begun);
            begun += self.connect(due);
            self.turn()?;
            meanwhile(begun);
        }
        Ok(begun)
    }

    /// Begins at most this many, and returns how many.
    pub(crate) fn connect(&mut self, wanted: usize) -> usize {
        (0..wanted.min(OPENED_AT_ONCE)).take_while(|_| self.connect_one().is_ok()).count()
    }

    /// Waits for an event, for a short time at most.
    ///
    /// # Errors
    /// Polling fails, or Ctrl-C came.
    pub(crate) fn turn(&mut self) -> Result<(), Error> {
        task::check(&self.stop)?;
        Ok(self.driver.poll(Some(TICK), &mut self.cast)?)
    }

    /// Runs turns until this time, or until `is_enough`. True if it was enough.
    ///
    /// # Errors
    /// As [`Crowd::turn`].
    pub(crate) fn play_until(
        &mut self,
        deadline: Instant,
        mut is_enough: impl FnMut(&mut Self) -> bool,
    ) -> Result<bool, Error> {
        loop {
            if is_enough(self) {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            self.turn()?;
        }
    }

    /// Ends this many connections: one half in good order, the other with a reset.
    pub(crate) fn dismiss(&mut self, count: usize) {
        let wires = &mut self.driver.reactor.wires;
        let ids: Vec<ConnectionId> = wires.ids().filter(|id| !wires.is_closing(*id)).take(count).collect();
        for (index, id) in ids.into_iter().enumerate() {
            leave(wires, id, if index % 2 == 0 { Leave::Finish } else { Leave::Reset });
        }
    }

    fn connect_one(&mut self) -> std::io::Result<()> {
        let wires = &mut self.driver.reactor.wires;
        let above = Tls::above(self.place.tls.as_ref());
        let id = wires.connect(above, self.options, 0, wires.limits().handshake)?;
        wires.dial(id, [self.place.addr.into()]);
        Ok(())
    }
}

/// Connections that are opened in a second, if there are many.
pub(crate) const PACE: f64 = 2500.0;

/// Shows how many connections are open.
pub(crate) fn describe_crowd(progress: &Progress, attack: &'static str, open: usize, wanted: usize) {
    progress.counted(attack, open as u64, wanted as u64, format!("{open} of {wanted} connections"));
}

impl<R: Role> Cast<R> {
    /// A connection is established: writes its first bytes.
    fn welcome(&mut self, wires: &mut Wires, id: ConnectionId) {
        if self.members.len() <= id.slot() {
            self.members.resize_with(id.slot() + 1, || None);
        }
        let mut state = None;
        self.act(wires, id, |role, _none, turn| state = Some(role.open(turn)));
        self.members[id.slot()] = state.map(|state| (id, state));
    }

    /// Lets a connection act, and does what it wants.
    fn act<T>(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        act: impl FnOnce(&mut R, Option<&mut R::State>, &mut Turn<'_>) -> T,
    ) -> T {
        self.out.clear();
        let mut turn = Turn::new(&mut self.out);
        let member = self.members.get_mut(id.slot()).and_then(Option::as_mut);
        let state = member.filter(|(theirs, _)| *theirs == id).map(|(_, state)| state);
        let result = act(&mut self.role, state, &mut turn);
        let Turn { alarm, is_deaf, leave: way, .. } = turn;
        if let Some(outbox) = wires.outbox(id).filter(|_| !self.out.is_empty()) {
            outbox.tail().extend_from_slice(&self.out);
        }
        if let Some(after) = alarm {
            wires.set_timer(id, 0, after);
        }
        if is_deaf {
            wires.pause(id);
        }
        leave(wires, id, way);
        result
    }
}

fn leave(wires: &mut Wires, id: ConnectionId, way: Leave) {
    match way {
        Leave::Stay => {}
        Leave::Finish => wires.close(id, Reason::Local),
        Leave::Reset => wires.abort(id, Reason::Local),
    }
}

impl<R: Role> Service for Cast<R> {
    fn on_bytes(&mut self, wires: &mut Wires, id: ConnectionId, rx: &mut [u8]) -> usize {
        self.act(wires, id, |role, state, turn| {
            state.map_or(rx.len(), |state| role.hear(state, rx, turn).min(rx.len()))
        })
    }

    fn on_end(&mut self, wires: &mut Wires, id: ConnectionId) {
        self.act(wires, id, |role, state, turn| state.map(|state| role.end(state, turn)));
    }

    fn on_timer(&mut self, wires: &mut Wires, id: ConnectionId, _key: u32) {
        self.act(wires, id, |role, state, turn| state.map(|state| role.tick(state, turn)));
    }

    fn on_close(&mut self, _wires: &mut Wires, id: ConnectionId, reason: Reason) {
        match self.members.get_mut(id.slot()).and_then(Option::take) {
            Some((_, state)) => self.role.gone(state),
            None => self.role.refused(reason),
        }
    }

    fn on_accept(&mut self, _wires: &mut Wires, _incoming: Incoming) {}

    fn on_established(&mut self, wires: &mut Wires, id: ConnectionId) {
        self.welcome(wires, id);
    }

    fn on_drain(&mut self, _wires: &mut Wires, _id: ConnectionId) {}

    fn on_idle(&mut self, _wires: &mut Wires, _id: ConnectionId, _quiet: Duration) {}

    fn on_wake(&mut self, _wires: &mut Wires) {}

    fn on_accept_error(&mut self, _wires: &mut Wires, _listener: usize, _error: &std::io::Error) {}
}
