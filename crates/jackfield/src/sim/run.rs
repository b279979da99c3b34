//! The simulation itself: a storm in which things go wrong, a calm in which all work must end, a farewell after which
//! nothing must be left.

use super::book::{Book, PROXIES, Wrong, address, digest, peer_of, proxy_header, proxy_of};
use super::network::{Party, Told};
use super::options::Options;
use super::peer::Peer;
use super::watched::{Eyes, Watched};
use super::{Random, Report, Tls, Violation};
use crate::client::{Client, ClientFactory, IntoClient, Refuse, Setup};
use crate::config::{Limits, Listener, ListenerSettings, ListenerTls, Speaks};
use crate::dispatch::Dispatcher;
use crate::gate::{Gate, Origins, Reserved};
use crate::shared::{
    Busy, Drain, Handle, Listeners, Names, Peer as Newcomer, Pool, RemoteReactor, Settings, State, WallClock,
};
use jackfield_proto::websocket::deflate::{Deflater, Inflater, WINDOW_BITS_MAX, WINDOW_BITS_MIN};
use jackfield_reactor::{
    self as reactor, Accounts, Addr, Budget, ConnectionId, MemoryDriver, Ready, Service, Time,
};
use std::cell::RefCell;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A server of the user's own clients on an in-memory network, with a clock of its own and seeded faults.
///
/// See [the module](super) for what it does and checks.
pub struct Sim {
    seed: u64,
    options: Options,
    settings: Arc<Settings>,
    random: Random,
    book: Book,
    handle: Handle,
    nodes: Vec<Node>,
    parties: Vec<Party>,
    outsiders: Vec<Outsider>,
    now: u64,
    turns: usize,
    /// Turns since time passed or a byte moved.
    turns_idle: usize,
    shut_down_at: Option<u64>,
    /// It was shut down, and this is the deadline by which nobody is left.
    drained_at: Option<u64>,
}

type Outsider = Box<dyn FnMut(&mut Outside<'_>)>;

/// One reactor.
struct Node {
    driver: MemoryDriver,
    service: Box<dyn Service>,
    held: Vec<(u64, Ready)>,
    /// It is behind until then, and by so much.
    behind: (u64, Lag),
}

/// By how much a reactor is behind.
#[derive(Clone, Copy, Default)]
struct Lag {
    waited: Duration,
    /// What of it the reactor has worked; the rest others had the processor.
    used: Duration,
}

/// What somebody outside of the reactors can do, between two of their turns.
pub struct Outside<'a> {
    handle: &'a Handle,
    random: &'a mut Random,
    book: &'a Book,
    calm: bool,
}

/// The factory, shared by the reactors, which are on one thread here.
struct Maker<F> {
    make: Rc<RefCell<F>>,
    book: Book,
    is_proxied: bool,
}

type Judged = Result<(), Wrong>;

/// More turns without time passing or a byte moving than any work needs: something spins.
const TURNS_IDLE_MAX: usize = 20_000;
/// The listeners that there always are: one of each kind.
const OF_EACH: usize = 3;
/// A jump of a minute becomes one of fifty days.
const LONG_JUMP_SCALE: u64 = 72_000;
/// 2026-01-01 00:00:00 UTC.
const BEGIN: u64 = 1_767_225_600;
/// A reactor may hear of a shutdown so much later, in milliseconds.
const LATE: u64 = 1000;
/// A longer wait, in milliseconds, may meet the deadlines of those who waited.
const SLOW: u64 = 1000;
/// For so long after a shutdown no other deadline than its own ends what is owed.
const PATIENT: u64 = 1000;
/// The head of an answer, roughly.
const HEAD_BYTES: usize = 1000;

impl<F, M> ClientFactory for Maker<F>
where
    F: FnMut(&Newcomer) -> M,
    M: IntoClient,
{
    type Client = Watched<M::Client>;

    fn create(&mut self, newcomer: &Newcomer) -> Result<Self::Client, Refuse> {
        let peer = peer_of(newcomer.addr());
        let expected = if self.is_proxied { Some(Addr::from(proxy_of(peer))) } else { None };
        if *newcomer.addr() != Addr::from(address(peer)) || newcomer.proxy() != expected.as_ref() {
            let text =
                format!("peer {peer} is taken for {} by way of {:?}", newcomer.addr(), newcomer.proxy());
            self.book.wrong("promises", text);
        }
        self.book.note(format_args!("peer {peer} reaches reactor {}", newcomer.reactor));
        let client = (self.make.borrow_mut())(newcomer).into_client()?;
        Ok(Watched::new(client, self.book.clone(), peer))
    }
}

impl Sim {
    /// A server with the client from the closure for each connection, and nobody there yet. All that is left to
    /// chance depends on the seed.
    pub fn new<F, M>(seed: u64, options: Options, make: F) -> Self
    where
        F: FnMut(&Newcomer) -> M + 'static,
        M: IntoClient,
        M::Client: Client + 'static,
    {
        let mut random = Random::new(seed);
        let bombs = (random.fork(), options.faults.panics);
        // By chance of its own: a seed without them is what it was before there were any.
        let notices = (Random::new(seed ^ 0x5e17), options.faults.notices);
        let book = Book::new(options.trace, bombs, notices);
        let mut drivers: Vec<MemoryDriver> = (0..options.reactors.max(1))
            .map(|number| MemoryDriver::new(number as u8, options.limits.reactor.clone()))
            .collect();
        let budget = Arc::new(Budget::new(options.limits.memory_bytes_max));
        for driver in &mut drivers {
            driver.reactor.wires.share_budget(budget.clone());
            driver.skip(Duration::from_millis(options.begin));
        }
        // Every second one records its exchanges, so that the usual way is looked at too.
        let settings = Arc::new(settings(&options, &book, seed % 2 == 0));
        let sockets = OF_EACH + options.listeners.len();
        let listeners = Listeners::new(&settings.listeners, vec![None; sockets]);
        let remotes = drivers.iter().map(|driver| remote(driver, &options)).collect();
        let broker = options.broker.clone();
        let handle =
            Handle::new(remotes, listeners, Box::new(settings.observer.clone()), broker, Pool::Inline);
        handle.start_broker(&settings.observer);
        let make = Rc::new(RefCell::new(make));
        let nodes = drivers.into_iter().enumerate().map(|(number, driver)| {
            let factory = Maker { make: make.clone(), book: book.clone(), is_proxied: options.proxy };
            let service = Dispatcher::new(Setup::new(number, handle.clone()), factory, settings.clone());
            Node { driver, service: Box::new(service), held: Vec::new(), behind: (0, Lag::default()) }
        });
        let nodes = nodes.collect();
        let shut_down_at = (options.faults.shutdown && random.chance(100))
            .then(|| options.begin + random.size(20_000) as u64);
        let (parties, outsiders) = (Vec::new(), Vec::new());
        let (now, turns, turns_idle) = (options.begin, 0, 0);
        book.set_now(now);
        Self {
            seed,
            options,
            settings,
            random,
            book,
            handle,
            nodes,
            parties,
            outsiders,
            now,
            turns,
            turns_idle,
            shut_down_at,
            drained_at: None,
        }
    }

    /// A peer, who connects soon after the beginning.
    pub fn add(&mut self, peer: impl Peer + 'static) -> &mut Self {
        let number = self.parties.len();
        self.book.pages().records.push(super::book::Record::default());
        let random = self.random.fork();
        let secure = self.options.tls.as_ref().map(Tls::peer);
        let mut party = Party::new(number, Box::new(peer), secure, &self.options.faults, random);
        party.wake += self.now;
        self.parties.push(party);
        self
    }

    /// Somebody outside of the reactors, such as another thread: called between two turns, at any time, and again and
    /// again in the calm and after it, so that an answer that is owed can be given at last.
    pub fn outside(&mut self, act: impl FnMut(&mut Outside<'_>) + 'static) -> &mut Self {
        self.outsiders.push(Box::new(act));
        self
    }

    /// Chance, as the seed has it: for whoever builds the peers.
    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// The server for other threads.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs to the end.
    ///
    /// # Panics
    /// If something is wrong: with the seed, what it is, and the command that replays it.
    pub fn run(self) -> Report {
        match self.try_run() {
            Ok(report) => {
                print!("{}", report.trace);
                report
            }
            Err(violation) => {
                print!("{}", violation.trace);
                panic!("{violation}");
            }
        }
    }

    /// Runs to the end, which is a report or the first thing that was wrong.
    ///
    /// # Errors
    /// What was wrong.
    pub fn try_run(mut self) -> Result<Report, Violation> {
        let played = catch_unwind(AssertUnwindSafe(|| self.play()));
        let wrong = match played {
            Ok(Ok(())) => None,
            Ok(Err(wrong)) => Some(wrong),
            Err(payload) => {
                let text = payload.downcast_ref::<&str>().copied();
                let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
                Some(Wrong { oracle: "no panic", text: text.unwrap_or("no text").into() })
            }
        };
        let pages = self.book.pages();
        let (trace_hash, trace) = (pages.trace.hash(), pages.trace.text().to_owned());
        drop(pages);
        match wrong {
            Some(Wrong { oracle, text }) => {
                // What is in an unsound state is better not dropped: that would ask for more of the same.
                let seed = self.seed;
                std::mem::forget(self);
                Err(Violation { seed, oracle, text, trace })
            }
            None => {
                let (turns, time) = (self.turns, Time(self.now));
                Ok(Report { seed: self.seed, turns, time, peers: self.parties.len(), trace_hash, trace })
            }
        }
    }

    fn play(&mut self) -> Judged {
        self.storm()?;
        self.calm()?;
        self.farewell()?;
        self.judge_end()
    }

    fn storm(&mut self) -> Judged {
        let end = self.now + millis(self.options.storm);
        self.fall_behind(self.options.faults.lags.saturating_mul(10));
        while self.now < end && !self.parties.iter().all(Party::is_settled) {
            if self.random.chance(200) {
                self.act_outside(false);
            }
            if self.shut_down_at.is_some_and(|at| self.now >= at) {
                self.shut_down();
            }
            if self.step(false)? || self.pass_time(end, false) {
                continue;
            }
            // Only somebody outside can go on.
            self.act_outside(true);
            if !self.is_rung() {
                break;
            }
        }
        Ok(())
    }

    /// The faults stop: all work must end, soon.
    fn calm(&mut self) -> Judged {
        self.book.note(format_args!("the calm"));
        self.book.defuse();
        let now = self.now;
        self.parties.iter_mut().for_each(|party| party.calm_down(now));
        let patience = self.options.patience + self.drain();
        let end = self.now + millis(patience);
        loop {
            self.act_outside(true);
            if self.step(true)? {
                continue;
            }
            self.check_rest()?;
            if self.parties.iter().all(Party::is_settled) {
                return Ok(());
            }
            if !self.pass_time(end, true) {
                let stuck = self.parties.iter().filter(|party| !party.is_settled());
                let stuck: Vec<String> = stuck.map(Party::waits_for).collect();
                return Err(wrong("liveness", format!("stuck in the calm: {}", stuck.join("; "))));
            }
        }
    }

    /// Everybody leaves, or falls silent: nothing must be left, at last.
    fn farewell(&mut self) -> Judged {
        self.book.note(format_args!("the farewell"));
        for party in &mut self.parties {
            party.leave(&self.options.faults, &self.book);
        }
        let (mut condemned, mut tricklers) = (HashSet::new(), Vec::new());
        let end = self.now + millis(self.farewell_max());
        loop {
            // Some have a client only when their handshake is done. A mailbox may be full.
            tricklers.extend(self.condemn_tricklers(&mut condemned));
            tricklers.retain(|id| self.handle.close(*id) == Err(Busy::Full));
            // A request whose turn comes only now may be answered from there.
            self.act_outside(true);
            if self.step(true)? {
                continue;
            }
            self.check_rest()?;
            if self.nodes.iter().all(|node| node.driver.reactor.wires.is_empty()) {
                return Ok(());
            }
            if !self.pass_time(end, true) {
                let ids: Vec<ConnectionId> =
                    self.nodes.iter().flat_map(|node| node.driver.reactor.wires.ids()).collect();
                return Err(wrong("liveness", format!("still there after the farewell: {ids:?}")));
            }
        }
    }

    /// Who trickles leaves only if the server wants it to, which must not take for ever.
    fn condemn_tricklers(&mut self, condemned: &mut HashSet<ConnectionId>) -> Vec<ConnectionId> {
        let mut pages = self.book.pages();
        let mut ids = Vec::new();
        for party in self.parties.iter().filter(|party| party.trickles()) {
            let record = &mut pages.records[party.number];
            record.commanded = true;
            if let Some(id) = record.id.filter(|id| record.end.is_none() && condemned.insert(*id)) {
                pages.trace.note(format_args!("{id} is closed, for it trickles"));
                ids.push(id);
            }
        }
        ids
    }

    /// The longest that a connection may outlive its peer's interest.
    fn farewell_max(&self) -> Duration {
        let limits = &self.options.limits;
        let silence = limits.http_idle.max(limits.raw_idle).max(limits.heartbeat + limits.heartbeat_dead);
        let work = limits.head_timeout.max(limits.body_interval * 2).max(limits.message_timeout);
        let end = limits.reactor.handshake
            + limits.reactor.linger
            + limits.close_wait
            + limits.reactor.write_stall * 4;
        silence.max(limits.websocket_idle) * 2 + work + end + limits.events_heartbeat * 200 + self.drain()
    }

    fn drain(&self) -> Duration {
        if self.shut_down_at.is_some() { self.options.limits.drain } else { Duration::ZERO }
    }

    fn shut_down(&mut self) {
        if self.handle.state() < State::Draining {
            self.book.note(format_args!("the server shuts down"));
            self.drained_at = Some(self.now + millis(self.options.limits.drain) + LATE);
            self.book.pages().drains_until = Some(self.now + millis(self.options.limits.drain).min(PATIENT));
            self.handle.shutdown(Drain { deadline: self.options.limits.drain, ..Drain::default() });
        }
    }

    fn act_outside(&mut self, calm: bool) {
        let Self { outsiders, handle, random, book, .. } = self;
        for act in outsiders {
            act(&mut Outside { handle, random, book, calm });
        }
    }

    /// Lets peers and reactors do what they can do now. False: nobody could.
    fn step(&mut self, calm: bool) -> Result<bool, Wrong> {
        let mut moved = false;
        for index in 0..self.parties.len() {
            let party = &self.parties[index];
            if party.wake > self.now || !party.has_work() {
                continue;
            }
            moved = true;
            if party.far.is_some() {
                self.parties[index].act(self.now, calm, &self.book);
            } else {
                self.accept(index, calm);
            }
        }
        for index in 0..self.nodes.len() {
            moved |= self.turn(index, calm)?;
        }
        match self.book.pages().wrong.clone() {
            Some(wrong) => Err(wrong),
            None => Ok(moved),
        }
    }

    /// All listeners are the first reactor's.
    fn accept(&mut self, index: usize, calm: bool) {
        let party = &mut self.parties[index];
        let Node { driver, service, .. } = &mut self.nodes[0];
        let service = &mut **service;
        let listener = party.peer.listener();
        let whence = if self.options.proxy { proxy_of(index) } else { address(index) };
        if !calm && self.random.chance(self.options.faults.accept_errors) {
            let no_descriptor = self.random.chance(500);
            if no_descriptor && self.random.chance(500) {
                return party.connected(driver.refuse(service, whence, listener));
            }
            // The descriptor in reserve is gone too, or it was about something else.
            let error = std::io::Error::from(std::io::ErrorKind::ConnectionAborted);
            let error = if no_descriptor { std::io::Error::other("too many open files") } else { error };
            driver.fail_accept(service, listener, &error);
            party.wake = self.now + 100;
            return;
        }
        let is_http = listener == Speaks::Http as usize || listener >= OF_EACH;
        let reserves = is_http && !self.options.reserved.is_empty();
        let mut pages = self.book.pages();
        pages.records[index].accepted_at = self.now;
        pages.records[index].may_be_provisional = reserves && !pages.overloaded.is_empty();
        drop(pages);
        let far = driver.connect(service, whence, listener);
        if self.options.proxy {
            far.send(proxy_header(index).as_bytes());
        }
        party.connected(far);
        if calm {
            party.calm_down(self.now);
        }
    }

    /// A turn of one reactor, if there is something to be done in it.
    fn turn(&mut self, index: usize, calm: bool) -> Result<bool, Wrong> {
        let ready = self.readiness(index, calm);
        let Node { driver, service, behind, .. } = &mut self.nodes[index];
        let is_due = driver.deadline().is_some_and(|deadline| deadline.0 <= self.now);
        if ready.is_empty() && !is_due {
            return Ok(false);
        }
        for event in &ready {
            let Ready { id, readable, writable, ended, broken } = event;
            let flags = [(readable, 'r'), (writable, 'w'), (ended, 'e'), (broken, 'b')];
            let flags: String = flags.iter().filter(|(set, _)| **set).map(|(_, flag)| flag).collect();
            match id.reactor() == index {
                true => self.book.note(format_args!("reactor {index} is told {id} {flags}")),
                false => self.book.note(format_args!("reactor {index} is rung")),
            }
        }
        let bytes = bytes_moved(driver);
        driver.turn_with(ready, &mut **service);
        let has_moved = bytes_moved(driver) != bytes;
        let (end, lag) = *behind;
        if !calm && self.now < end {
            self.book.lags(lag.used, self.options.limits.lag_window);
            driver.lag_beside(&mut **service, lag.waited, lag.used);
        }
        self.turns += 1;
        self.turns_idle = if has_moved { 0 } else { self.turns_idle + 1 };
        driver.check().map_err(|text| wrong("state", text))?;
        self.check_limits(index)?;
        self.check_notices()?;
        if self.turns_idle > TURNS_IDLE_MAX || self.turns > self.options.turns_max {
            let turns = (self.turns_idle, self.turns);
            return Err(wrong(
                "liveness",
                format!("it spins: {turns:?} turns, idle and all, at {} ms", self.now),
            ));
        }
        Ok(true)
    }

    /// What the reactor is told: what is ready, somewhat later, more often, and in another order than it became so.
    fn readiness(&mut self, index: usize, calm: bool) -> Vec<Ready> {
        let (now, random, faults) = (self.now, &mut self.random, &self.options.faults);
        let Node { driver, held, .. } = &mut self.nodes[index];
        let mut ready: Vec<Ready> = Vec::new();
        held.retain(|(until, event)| {
            let is_due = calm || *until <= now;
            if is_due {
                merge(&mut ready, *event);
            }
            !is_due
        });
        for event in driver.take_ready() {
            // What is held is told with what comes meanwhile, and never after it.
            if let Some((_, earlier)) = held.iter_mut().find(|(_, earlier)| earlier.id == event.id) {
                unite(earlier, event);
            } else if !calm && random.chance(faults.held) {
                held.push((now + random.between(1, 20) as u64, event));
            } else {
                merge(&mut ready, event);
            }
        }
        let rung = self.handle.remote(index).is_some_and(|remote| remote.has_commands());
        if rung && (calm || !random.chance(faults.held)) {
            ready.push(MemoryDriver::wake_event());
        }
        if calm || ready.is_empty() {
            return ready;
        }
        if random.chance(faults.spurious) {
            ready.extend(ready.last().copied());
        }
        if random.chance(faults.spurious) {
            let pages = self.book.pages();
            let gone =
                pages.records.iter().filter(|record| record.end.is_some()).filter_map(|record| record.id);
            let gone: Vec<ConnectionId> = gone.filter(|id| id.reactor() == index).collect();
            let bits = random.bits();
            let told = |bit: u64| bits & 1 << bit != 0;
            ready.extend(random.pick(&gone).map(|&id| Ready {
                id,
                readable: told(0),
                writable: told(1),
                ended: told(2),
                broken: told(3),
            }));
        }
        random.shuffle(&mut ready);
        ready
    }

    fn check_limits(&self, index: usize) -> Judged {
        let Accounts { wires, backlog, .. } = self.nodes[index].driver.accounts();
        let limits = &self.options.limits;
        let counts = self.handle.shared().counts_of_listeners();
        for (count, most) in counts.iter().skip(OF_EACH).zip(&self.options.listeners) {
            if count > most {
                return Err(wrong(
                    "limits",
                    format!("{count} connections of a listener that may have {most}"),
                ));
            }
        }
        let most = limits.reactor.wires_max.min(limits.connections_max + 256);
        if wires > most {
            return Err(wrong("limits", format!("{wires} connections where {most} may be")));
        }
        // A message is taken if what was there before is below the bound; small answers gather for one event.
        let gathered = limits.events_per_turn * (reactor::WRITE_THROUGH_BYTES_MIN + HEAD_BYTES);
        let most = limits.reactor.outbox_bytes_max + self.options.message_bytes_max + gathered;
        if backlog > most {
            return Err(wrong("limits", format!("{backlog} bytes wait for one peer where {most} may")));
        }
        Ok(())
    }

    /// What the server said to have left has reached the network.
    fn check_notices(&self) -> Judged {
        for (peer, bytes) in self.book.take_left() {
            let left = self.parties[peer].far.as_ref().map_or(0, |far| far.received() as u64);
            if left < bytes {
                let text = format!("{bytes} bytes are said to have left to peer {peer}, and {left} have");
                return Err(wrong("promises", text));
            }
        }
        Ok(())
    }

    /// Nobody waits for a notice that is due.
    fn check_waiting_notices(&self) -> Judged {
        let pages = self.book.pages();
        let waiting = pages.records.iter().filter(|record| record.end.is_none() && !record.bombed);
        for (id, (tag, bytes)) in waiting.filter_map(|record| record.id.zip(record.notices.front())) {
            let wires = &self.nodes[id.reactor()].driver.reactor.wires;
            if wires.is_open(id) && !wires.has_backlog(id) {
                let text = format!("{id} waits for the notice {tag} of {bytes} bytes, and all has left");
                return Err(wrong("liveness", text));
            }
        }
        Ok(())
    }

    fn check_rest(&self) -> Judged {
        self.check_waiting_notices()?;
        let is_drained = self.drained_at.is_some_and(|at| self.now > at);
        if let Some(node) =
            self.nodes.iter().find(|node| is_drained && node.driver.reactor.wires.ids().next().is_some())
        {
            let ids: Vec<ConnectionId> = node.driver.reactor.wires.ids().collect();
            return Err(wrong(
                "liveness",
                format!("still there after the deadline of the shutdown: {ids:?}"),
            ));
        }
        self.nodes.iter().try_for_each(|node| node.driver.check_rest().map_err(|text| wrong("state", text)))
    }

    fn is_rung(&self) -> bool {
        self.handle.shared().remotes.iter().any(|remote| remote.has_commands())
    }

    /// Lets time pass up to the next thing that is to happen. False: nothing is before the end.
    fn pass_time(&mut self, end: u64, calm: bool) -> bool {
        let peers = self.parties.iter().filter(|party| party.has_work()).map(|party| party.wake);
        let reactors = self.nodes.iter().filter_map(|node| node.driver.deadline().map(|deadline| deadline.0));
        let held = self.nodes.iter().flat_map(|node| node.held.iter().map(|(until, _)| *until));
        let bell = self.is_rung().then_some(self.now + 1);
        let shutdown = self.shut_down_at.filter(|at| *at > self.now && !calm);
        let Some(mut next) = peers.chain(reactors).chain(held).chain(bell).chain(shutdown).min() else {
            return false;
        };
        if next > end {
            return false;
        }
        if !calm && self.random.chance(self.options.faults.clock_jumps) {
            let scale = if self.options.faults.long_jumps { LONG_JUMP_SCALE } else { 1 };
            next += self.random.size(60_000) as u64 * scale;
        }
        let span = next.saturating_sub(self.now);
        if span > SLOW {
            // Whoever waited for this meets the deadlines of others.
            self.parties.iter_mut().for_each(|party| party.conduct.slow = true);
        }
        self.now += span;
        self.turns_idle = if span > 0 { 0 } else { self.turns_idle };
        self.book.set_now(self.now);
        for node in &mut self.nodes {
            node.driver.skip(Duration::from_millis(span));
        }
        if !calm {
            self.fall_behind(self.options.faults.lags);
            self.be_held_up();
        }
        true
    }

    fn fall_behind(&mut self, per_mille: u16) {
        let Self { nodes, random, now, book, .. } = self;
        for (index, node) in nodes.iter_mut().enumerate() {
            if random.chance(per_mille) {
                let (end, lag) = (*now + random.below(2000) as u64, random.between(1, 50) as u64);
                book.note(format_args!("reactor {index} is behind by {lag} ms until {end}"));
                let lag = Duration::from_millis(lag);
                node.behind = (end, Lag { waited: lag, used: lag });
            }
        }
    }

    /// Others have the processor for a while, which is no overload.
    fn be_held_up(&mut self) {
        let Self { nodes, random, now, book, options, .. } = self;
        for (index, node) in nodes.iter_mut().enumerate() {
            if random.chance(options.faults.neighbours) {
                let (end, waited) = (*now + random.below(2000) as u64, random.between(50, 1000) as u64);
                book.note(format_args!("reactor {index} is held up for {waited} ms until {end}"));
                node.behind = (end, Lag { waited: Duration::from_millis(waited), used: Duration::ZERO });
            }
        }
    }

    /// What the compressors that a reactor keeps may take: one for each window, and what is decompressed.
    fn compressors_max(&self) -> usize {
        if !self.settings.listeners.iter().any(|listener| listener.limits.compresses()) {
            return 0;
        }
        let each = (WINDOW_BITS_MIN..=WINDOW_BITS_MAX).map(|bits| Deflater::heap_bytes_of(bits) + (64 << 10));
        each.sum::<usize>() + Inflater::HEAP_BYTES
    }

    fn judge_end(&mut self) -> Judged {
        for (index, node) in self.nodes.iter().enumerate() {
            let accounts = node.driver.accounts();
            // What a reactor has made to compress with it keeps.
            let held = accounts.held.saturating_sub(self.compressors_max());
            if (Accounts { held, ..accounts }) != Accounts::default() {
                return Err(wrong("accounts", format!("reactor {index} has something left: {accounts:?}")));
            }
        }
        let shared = self.handle.shared();
        let connections = shared.connections.load(Ordering::Relaxed);
        let loads = shared.remotes.iter().map(|remote| remote.load.load(Ordering::Relaxed));
        let topics = shared.topic_index.len();
        let commands: usize = shared.remotes.iter().map(|remote| remote.waiting().0).sum();
        let of_listeners =
            shared.counts_of_listeners().iter().fold(0, |all: usize, count| all.wrapping_add(*count));
        let left = [connections, of_listeners, loads.sum(), topics, commands];
        if left != [0; 5] {
            let text = format!(
                "connections, those of listeners, loads, topics and commands that are left: {left:?}"
            );
            return Err(wrong("accounts", text));
        }
        let halted = self.nodes.iter().all(|node| node.driver.reactor.wires.is_halted());
        if self.handle.state() >= State::Draining && !halted {
            return Err(wrong("liveness", "shut down, and a reactor goes on".into()));
        }
        let (asked, finished) = (self.handle.metrics().requests, self.book.pages().finished);
        if self.settings.observer.wants_finished(0) && asked != finished {
            let text = format!("{finished} exchanges were told to be over, of {asked}");
            return Err(wrong("promises", text));
        }
        let records = self.book.pages().records.clone();
        let may_end = self.shut_down_at.is_some() || self.book.pages().nobody_was_evicted;
        let was_told = Told { settings: &self.settings, may_end };
        for (party, record) in self.parties.iter().zip(&records) {
            if record.id.is_some() && !record.dropped {
                return Err(wrong(
                    "accounts",
                    format!("the client of peer {} was not dropped", party.number),
                ));
            }
            party
                .judge(record, &was_told)
                .map_err(|text| wrong("promises", format!("peer {}: {text}", party.number)))?;
        }
        Ok(())
    }
}

fn wrong(oracle: &'static str, text: String) -> Wrong {
    Wrong { oracle, text }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn merge(ready: &mut Vec<Ready>, event: Ready) {
    match ready.iter_mut().find(|earlier| earlier.id == event.id) {
        Some(earlier) => unite(earlier, event),
        None => ready.push(event),
    }
}

fn unite(earlier: &mut Ready, event: Ready) {
    earlier.readable |= event.readable;
    earlier.writable |= event.writable;
    earlier.ended |= event.ended;
    earlier.broken |= event.broken;
}

/// Bytes of one reactor, both ways.
fn bytes_moved(driver: &MemoryDriver) -> u64 {
    let stats = driver.reactor.wires.stats();
    stats.bytes_in.value().wrapping_add(stats.bytes_out.value())
}

fn remote(driver: &MemoryDriver, options: &Options) -> RemoteReactor {
    RemoteReactor::new(None, &options.limits, &driver.reactor.wires)
}

fn settings(options: &Options, book: &Book, records: bool) -> Settings {
    let tls = options.tls.as_ref().map(|tls| ListenerTls::Ready(tls.server.clone()));
    let proxied = |listener: Listener| match options.proxy {
        true => listener.proxy_required([PROXIES]),
        false => listener,
    };
    let listeners = ListenerSettings::one_of_each(&options.limits, proxied).into_iter();
    let more = options.listeners.iter().enumerate().map(|(number, &connections_max)| {
        let limits = Limits { connections_max, ..options.limits.clone() };
        proxied(Listener::tcp("in memory"))
            .settings(OF_EACH + number, &limits)
            .unwrap_or_else(|faults| panic!("{faults:?}"))
    });
    let listeners = listeners.chain(more);
    Settings {
        exposes_errors: false,
        listeners: listeners
            .map(|listener| ListenerSettings { tls: tls.clone(), ..listener })
            .chain(ListenerSettings::of_outgoing(&options.limits))
            .collect(),
        limits: options.limits.clone(),
        gate: Gate { origins: Origins::Any, reserved: Reserved(options.reserved.clone()), ..Gate::default() },
        watchdog: false,
        offload_threads: 1,
        #[cfg(feature = "tls")]
        acme: None,
        #[cfg(feature = "expiry")]
        expiry_days: 0,
        #[cfg(feature = "tls")]
        handshake_threads: 0,
        observer: Arc::new(Eyes {
            observer: options.observer.clone(),
            book: book.clone(),
            has_tls: options.tls.is_some(),
            records,
        }),
        access_log: None,
        clock: WallClock::From(BEGIN),
        names: Names::Table(Vec::new()),
        seed: Some(0),
    }
}

impl Outside<'_> {
    /// The server, as any thread has it.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        self.handle
    }

    /// Chance.
    pub fn random(&mut self) -> &mut Random {
        self.random
    }

    /// True when the faults have stopped: what is owed is to be given now.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        self.calm
    }

    /// Any connection that there is or was.
    pub fn any_connection(&mut self) -> Option<ConnectionId> {
        let ids: Vec<ConnectionId> =
            self.book.pages().records.iter().filter_map(|record| record.id).collect();
        self.random.pick(&ids).copied()
    }

    /// Closes or aborts a connection, which excuses what it still owes.
    pub fn end(&mut self, id: ConnectionId, aborts: bool) {
        let mut pages = self.book.pages();
        pages.trace.note(format_args!("outside: {id} is to be ended, by abort: {aborts}"));
        for record in pages.records.iter_mut().filter(|record| record.id == Some(id)) {
            record.commanded = true;
        }
        drop(pages);
        let done = if aborts { self.handle.abort(id) } else { self.handle.close(id) };
        if done.is_err() {
            self.note("the mailbox is full");
        }
    }

    /// Writes something into the trace.
    pub fn note(&self, text: &str) {
        self.book.note(format_args!("outside: {text} ({:08x})", digest(text.as_bytes())));
    }
}

impl std::fmt::Debug for Sim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sim")
            .field("seed", &self.seed)
            .field("now", &self.now)
            .field("turns", &self.turns)
            .finish()
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seed, oracle, text, .. } = self;
        write!(
            f,
            "the simulation with seed {seed} failed ({oracle}): {text}\n{}",
            super::replay_command(*seed)
        )
    }
}
