//! The simulation: a storm with faults, a calm in which all work must end, and a farewell after which nothing may be
//! left over.
//!
//! A [`Sim`] is created here. `phases` runs it, with `turn` and `time`; `bounds` and `end` check the result.

mod asking;
mod backlog;
mod bounds;
mod calls;
mod end;
mod factory;
mod outside;
mod phases;
mod reactor;
mod settings;
mod time;
mod turn;
mod waiting;
mod workers;

pub use outside::Outside;

use factory::Maker;
use outside::Outsider;
use reactor::SimReactor;
use settings::{OF_EACH, settings};
use waiting::Waiting;
use workers::Workers;

use super::Random;
use super::book::{Book, Record};
use super::hosts::AskedHost;
use super::network::Party;
use super::options::Options;
use super::peer::Peer;
use crate::client::{Client, IntoClient, Setup};
use crate::dispatch::Dispatcher;
use crate::shared::{Drain, Handle, HeldJobs, Listeners, Peer as RemotePeer, Pool, RemoteReactor, Settings};
use jackfield_reactor::{Budget, MemoryDriver};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The longest spread of a shutdown, in milliseconds.
const SPREAD_MAX: usize = 60_000;
/// Peers that wait in backlogs come in waves, so many milliseconds apart.
const WAVE: u64 = 100;

/// A server with your clients on an in-memory network, with a virtual clock and faults that depend on the seed.
///
/// [The module](crate::sim) says what it does and what it checks.
pub struct Sim {
    seed: u64,
    options: Options,
    settings: Arc<Settings>,
    random: Random,
    book: Book,
    handle: Handle,
    reactors: Vec<SimReactor>,
    parties: Vec<Party>,
    /// Connections that are not accepted yet.
    waiting: Vec<Waiting>,
    outsiders: Vec<Outsider>,
    workers: Workers,
    now: u64,
    turns: usize,
    /// Turns since the clock moved or a byte moved.
    turns_idle: usize,
    /// The server is shut down in the storm, if that lasts so long.
    may_shut_down: bool,
    /// The shutdowns that are still to come, with their times.
    shutdowns: VecDeque<(u64, Drain)>,
    /// The server was shut down, and this is the deadline by which all connections must have ended.
    drained_at: Option<u64>,
}

impl Sim {
    /// A server whose clients come from the closure `make`, without peers. All random choices depend on `seed`.
    pub fn new<F, M>(seed: u64, options: Options, make: F) -> Self
    where
        F: FnMut(&RemotePeer) -> M + 'static,
        M: IntoClient,
        M::Client: Client + 'static,
    {
        let mut random = Random::new(seed);
        let bombs = (random.fork(), options.faults.panics);
        // With separate random numbers, so that seeds without notices run as before.
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
        let settings = Arc::new(settings(&options, &book, seed));
        drivers.iter_mut().for_each(|driver| settings.tell_limits(&mut driver.reactor.wires));
        let sockets = OF_EACH + options.listeners.len();
        let listeners = Listeners::in_memory(&settings.listeners[..sockets]);
        let remotes = drivers.iter().map(|driver| remote(driver, &options)).collect();
        let broker = options.broker.clone();
        let jobs = HeldJobs::default();
        let workers = Workers::new(jobs.clone(), seed);
        let observer = Box::new(settings.observer.clone());
        let handle = Handle::new(remotes, listeners, observer, broker, Pool::Held(jobs));
        handle.start_broker(&settings.observer);
        let make = Rc::new(RefCell::new(make));
        let reactors = drivers.into_iter().enumerate().map(|(number, driver)| {
            let factory = Maker { make: make.clone(), book: book.clone(), is_proxied: options.proxy };
            let service = Dispatcher::new(Setup::new(number, handle.clone()), factory, settings.clone());
            SimReactor::new(driver, service)
        });
        let reactors = reactors.collect();
        let shut_down_at = (options.faults.shutdown && random.chance(100))
            .then(|| options.begin + random.size(20_000) as u64);
        let shutdowns = shutdowns(shut_down_at, options.limits.drain, seed);
        let (parties, waiting, outsiders) = (Vec::new(), Vec::new(), Vec::new());
        let (now, turns, turns_idle) = (options.begin, 0, 0);
        book.set_now(now);
        Self {
            seed,
            options,
            settings,
            random,
            book,
            handle,
            reactors,
            parties,
            waiting,
            outsiders,
            workers,
            now,
            turns,
            turns_idle,
            may_shut_down: shut_down_at.is_some(),
            shutdowns,
            drained_at: None,
        }
    }

    /// Adds a peer, which connects soon after the beginning.
    pub fn add(&mut self, peer: impl Peer + 'static) -> &mut Self {
        let number = self.parties.len();
        self.book.pages().records.push(Record::default());
        let random = self.random.fork();
        let asked = AskedHost::by(number, self.seed, &self.options);
        let name = asked.as_ref().and_then(AskedHost::name);
        let secure = self.options.tls.as_ref().map(|tls| tls.client_side(name));
        let mut party = Party::new(number, Box::new(peer), secure, &self.options.faults, random);
        if let Some(asked) = asked {
            self.expect_host(&mut party, &asked);
        }
        if self.options.faults.backlogs {
            party.wake -= party.wake % WAVE;
        }
        party.wake += self.now;
        self.parties.push(party);
        self
    }

    /// Adds code that runs outside of the reactors, as on another thread. It is called between turns, at random times, and
    /// repeatedly in the calm and the farewell, so that it can give pending answers.
    pub fn outside(&mut self, act: impl FnMut(&mut Outside<'_>) + 'static) -> &mut Self {
        self.outsiders.push(Box::new(act));
        self
    }

    /// The simulation's random numbers, for code that creates peers.
    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// The server's handle, as other threads have it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

fn remote(driver: &MemoryDriver, options: &Options) -> RemoteReactor {
    RemoteReactor::new(None, &options.limits, &driver.reactor.wires)
}

/// The shutdowns that begin at this time: the first may be spread, and sometimes a shorter one follows.
fn shutdowns(first: Option<u64>, deadline: Duration, seed: u64) -> VecDeque<(u64, Drain)> {
    let Some(at) = first else { return VecDeque::new() };
    // With separate random numbers, so that seeds without a spread run as before.
    let mut random = Random::new(seed ^ 0x5b7e);
    let most = usize::try_from(deadline.as_millis()).unwrap_or(usize::MAX).min(SPREAD_MAX);
    let spread = if random.chance(500) { random.below(most + 1) } else { 0 };
    let spread_over =
        |deadline, ms: usize| Drain::within(deadline).spread_over(Duration::from_millis(ms as u64));
    let mut all = VecDeque::from([(at, spread_over(deadline, spread))]);
    if random.chance(300) {
        let [later, shorter] = [(); 2].map(|()| random.below(most + 1) as u64);
        let drain = spread_over(Duration::from_millis(shorter), random.below(spread + 1));
        all.push_back((at + later, drain));
    }
    all
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
