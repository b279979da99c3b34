//! Simulations: your client code and the production reactor on an in-memory network, with a virtual clock and with faults that
//! depend on a seed. Thousands of faulty runs take a second.
//!
//! A [`Sim`] has a server whose clients come from your closure, and [`peer`]s that talk to it. It has three parts. In the
//! *storm*, [`Faults`] decides what goes wrong: bytes arrive one by one or late, readiness is reported twice or wrongly,
//! peers stop reading, vanish or half-close, the clock jumps, reactors lag, callbacks panic. In the *calm* the faults stop,
//! and all work must end. In the *farewell* all peers leave, and nothing may remain. All random choices come from the seed:
//! the same seed gives the same trace, byte for byte. With [`Options::tls`] all connections use TLS, and the faults happen
//! below it, to its records; a peer may also begin TLS later ([`peer::PeerConnection::start_tls`]). [`Sim::add_outgoing`] adds
//! a peer that the server connects to.
//!
//! ```
//! use jackfield::sim::{self, Options, Sim, peer};
//! use jackfield::{Client, Message, WebSocket};
//!
//! struct Echo;
//!
//! impl Client for Echo {
//!     fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
//!         socket.send(message);
//!     }
//! }
//!
//! sim::each_seed(20, |seed, options| {
//!     let mut sim = Sim::new(seed, options, |_peer| Echo);
//!     sim.add(peer::WebSocket::echo(10)).add(peer::WebSocket::echo(10)).add(peer::Silent::default());
//!     sim.run();
//! });
//! ```
//!
//! # What is always checked
//!
//! | check | what it says |
//! | --- | --- |
//! | `callbacks` | `on_connect` is first, `on_disconnect` comes once and is last, no callback runs inside another or with another's id |
//! | `protocol` | a peer gets what its protocol and its expectations allow, in order: answers, echoes, events |
//! | `promises` | each sent byte arrived; a peer that misses a message was told why; a shutdown waits for answers, and for each moment |
//! | `promises` | round trips and counts of bytes are right; a paused listener accepts nobody |
//! | `liveness` | when the faults stop, all work ends within [`Options::patience`]; at the end no peer is left; nothing spins |
//! | `state` | between two turns nothing waits for an event that will not come |
//! | `accounts` | at the end connections, timers, buffers, topics and mailboxes are back at zero; then nothing more is taken |
//! | `limits` | no limit is exceeded, also those of one turn: commands, timers, connections to look at, new connections |
//! | `no panic` | no callback panics except those with an injected panic; so your own assertions are checks too |
//!
//! # A seed that fails
//!
//! is printed with the command that replays it. [`each_seed`] runs only the seed in `JACKFIELD_SIM_SEED`, if that is set, and
//! prints its trace. `JACKFIELD_SIM_SEEDS` is the number of seeds to run instead of the test's own.

mod book;
mod call;
mod dial;
mod dial_target;
mod hosts;
mod network;
mod options;
pub mod peer;
mod places;
mod random;
mod run;
mod watched;

pub use crate::secure::Tls;
pub use call::Call;
pub use options::{Faults, Options};
pub use random::Random;
pub use run::{Outside, Sim};

use jackfield_reactor::Time;

/// The result of a simulation that did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// The number of turns that the reactors took.
    pub turns: usize,
    /// The virtual time at its end.
    pub time: Time,
    /// The number of peers.
    pub peers: usize,
    /// A hash of the trace.
    pub trace_hash: u64,
    /// The trace as text; empty unless [`Options::trace`] is on.
    pub trace: String,
}

/// A check of the simulation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The seed with which it happens again.
    pub seed: u64,
    /// The name of the check that failed: see [the module](self).
    pub oracle: &'static str,
    /// What is wrong.
    pub text: String,
    /// The trace until then as text; empty unless [`Options::trace`] is on.
    pub trace: String,
}

impl std::error::Error for Violation {}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seed, oracle, text, .. } = self;
        write!(f, "the simulation with seed {seed} failed ({oracle}): {text}\n{}", replay_command(*seed))
    }
}

/// Runs a simulation for each seed from 0 to `seeds` - 1, each with its own mix of faults. Two environment variables change
/// the seeds: see [the module](self).
///
/// # Panics
/// A simulation fails. The seed is printed, with the command that replays it.
pub fn each_seed(seeds: u64, mut run: impl FnMut(u64, Options)) {
    if let Some(seed) = variable("JACKFIELD_SIM_SEED") {
        return run(seed, options_of(seed, true));
    }
    for seed in 0..variable("JACKFIELD_SIM_SEEDS").unwrap_or(seeds) {
        run(seed, options_of(seed, false));
    }
}

/// The options that [`each_seed`] uses for a seed: its own mix of faults, and one or two reactors.
#[must_use]
pub fn options_of(seed: u64, trace: bool) -> Options {
    let mut random = Random::new(!seed);
    let reactors = random.between(1, 2);
    let faults = rare_faults(Faults::mixed(&mut random), seed);
    // Times of 32 bits end after 49.7 days.
    let mut random = Random::new(seed ^ 0x0da7);
    let begin = if random.chance(100) { (1 << 32) - random.size(60_000) as u64 } else { 0 };
    Options { faults, reactors, begin, trace, ..Options::default() }
}

/// With separate random numbers, so that seeds without these faults run as before.
fn rare_faults(faults: Faults, seed: u64) -> Faults {
    let mut random = Random::new(seed ^ 0xfa17);
    let mut often = |most: u16| if random.chance(100) { random.below(usize::from(most)) as u16 } else { 0 };
    let (tricklers, neighbours) = (often(400), often(100));
    let long_jumps = random.chance(100);
    let notices = if random.chance(200) { random.below(500) as u16 } else { 0 };
    let mut random = Random::new(seed ^ 0xd1a1);
    let dials = if random.chance(700) { random.below(500) as u16 } else { 0 };
    let jobs = if random.chance(700) { random.below(900) as u16 } else { 0 };
    let backlogs = Random::new(seed ^ 0xacce).chance(30);
    Faults { tricklers, neighbours, long_jumps, notices, dials, jobs, backlogs, ..faults }
}

/// A number from the environment.
fn variable(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is to be a number, and is `{value}`")))
}

/// The command that replays a seed: the present test again, if it reads the variable.
fn replay_command(seed: u64) -> String {
    let package = std::env::var("CARGO_PKG_NAME").unwrap_or_default();
    let package = if package.is_empty() { package } else { format!(" -p {package}") };
    let test = std::thread::current().name().filter(|name| *name != "main").unwrap_or_default().to_owned();
    format!("replay: JACKFIELD_SIM_SEED={seed} cargo test{package} {test} -- --nocapture")
}
