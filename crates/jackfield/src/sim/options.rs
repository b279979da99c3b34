//! The options of a simulation.

use super::{Random, Tls};
use crate::config::{Host, Limits};
use crate::shared::{Broker, NoObserver, Observer};
use std::sync::Arc;
use std::time::Duration;

/// The options of a simulation: everything but its seed and its peers.
#[derive(Clone)]
pub struct Options {
    /// The server's limits. Default: [`Limits::default`].
    pub limits: Limits,
    /// Which faults happen, and how often. Default: [`Faults::default`].
    pub faults: Faults,
    /// The server's observer. Default: none.
    pub observer: Arc<dyn Observer>,
    /// Paths that are served even under overload, as
    /// [`ServerBuilder::overload_exempt`](crate::ServerBuilder::overload_exempt). Default: none.
    pub reserved: Vec<String>,
    /// TLS on every connection. Faults happen below it, to its records. Default: none.
    pub tls: Option<Tls>,
    /// The default host of all listeners; it needs [`Options::tls`], and replaces the server configuration there. Some
    /// peers then ask for a name in `.hosts.sim`, which is looked up on another thread and has the same certificate. Others
    /// ask for a name that does not exist. Default: none.
    pub host: Option<Host>,
    /// More HTTP listeners after those of [`listener`](crate::test::listener). Each number is the most connections of that
    /// listener. The first one has the index 3. Default: none.
    pub listeners: Vec<usize>,
    /// Whether new connections wait while one of these or the server is full: [`WhenFull::Wait`](crate::WhenFull::Wait).
    /// So that others come in, peers that are done leave, some in the storm and the rest in the calm. Default: `false`, a full
    /// listener refuses them.
    pub listeners_wait: bool,
    /// Whether each reactor accepts by itself at these: [`Listener::each_reactor`](crate::Listener::each_reactor). Default:
    /// `false`, the first one accepts.
    pub listeners_each_reactor: bool,
    /// The longest handshake at these, in place of the server's. Default: the server's.
    pub listener_handshake: Option<Duration>,
    /// The time at which the virtual clock begins, in milliseconds. A large value tests what wraps around. Default: 0.
    pub begin: u64,
    /// The broker that carries publications between servers, as [`ServerBuilder::broker`](crate::ServerBuilder::broker).
    /// Code that is called [outside](super::Sim::outside) of the reactors must do its work. Default: none.
    pub broker: Option<Arc<dyn Broker>>,
    /// Whether all connections come from a proxy and begin with a PROXY protocol header. Default: `false`.
    pub proxy: bool,
    /// The number of reactors. They take their turns one after the other, in any order. Default: 1.
    pub reactors: usize,
    /// The longest storm, in virtual time. The faults stop after it. The storm ends earlier if all peers are done. Default:
    /// 60 s.
    pub storm: Duration,
    /// How long the calm may last, in virtual time: peers that are not done then count as stuck. If the server shuts down,
    /// its drain time is added. Default: 5 s.
    pub patience: Duration,
    /// The most turns. A simulation that takes more fails. Default: 200,000.
    pub turns_max: usize,
    /// The size of the longest message or body that is sent, in bytes. The backlog of a peer may exceed its limit by this
    /// much. Default: 1 MiB.
    pub message_bytes_max: usize,
    /// Whether the trace is also kept as text. Default: `false`, only its hash is kept.
    pub trace: bool,
}

/// Which faults happen in the storm. Each number is a rate: how often in a thousand cases, from 0 to 1,000. Zero disables
/// the fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// A peer's reads and writes are cut at random places, and its bytes arrive in pieces.
    pub splits: u16,
    /// Reads and writes return `WouldBlock` although they could succeed.
    pub stumbles: u16,
    /// Readiness is reported although nothing has happened, or twice, or for a connection that has ended.
    pub spurious: u16,
    /// Readiness is reported late, together with what has become ready meanwhile.
    pub held: u16,
    /// A peer waits for up to 5 s before it continues.
    pub delays: u16,
    /// A peer reads only small portions of what is sent to it.
    pub slow_readers: u16,
    /// A peer reads nothing: at most 300 bytes can be written to it.
    pub never_readers: u16,
    /// A peer closes its side or resets the connection after a random byte. With TLS a record is changed on its way, half
    /// as often.
    pub cuts: u16,
    /// A peer closes its side when it has sent everything, and waits for the answers. Only for peers that can do that:
    /// [`Peer::outlives_half_close`](super::peer::Peer::outlives_half_close).
    pub half_closes: u16,
    /// A new connection can't be accepted. It comes again after 100 ms, or is refused because no descriptor is free.
    pub accept_errors: u16,
    /// The clock jumps by up to a minute, past deadlines.
    pub clock_jumps: u16,
    /// A callback panics, before or after it has done its work.
    pub panics: u16,
    /// A reactor lags for up to two seconds: in each turn it reports that events waited for 1 to 50 ms. The virtual clock
    /// does not move for it. The reactor becomes overloaded.
    pub lags: u16,
    /// A peer reads a few bytes every five seconds, and never stops. In the farewell the server closes its connection.
    pub tricklers: u16,
    /// Other processes have the processor during a turn, so that it is late although the reactor has done nothing.
    pub neighbours: u16,
    /// After a callback has sent something, the simulation asks for a notice of when it has left. Your client does not get
    /// the notice. This is no fault, but it is random too.
    pub notices: u16,
    /// An address to which the server connects refuses, resets, or does not answer.
    pub dials: u16,
    /// A job on another thread, such as a lookup of a host, takes up to twenty seconds.
    pub jobs: u16,
    /// Whether new connections come in waves, and wait in the backlog of their listener for a turn that accepts them.
    /// Otherwise each is accepted at once.
    pub backlogs: bool,
    /// Whether a jump of the clock may be longer than fifty days.
    pub long_jumps: bool,
    /// Whether peers that are done may stay connected and send nothing, instead of leaving.
    pub silence: bool,
    /// Whether the server may be shut down while peers are connected. The shutdown may be spread, and a shorter one may follow.
    pub shutdown: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            faults: Faults::default(),
            observer: Arc::new(NoObserver),
            reserved: Vec::new(),
            tls: None,
            host: None,
            listeners: Vec::new(),
            listeners_wait: false,
            listeners_each_reactor: false,
            listener_handshake: None,
            begin: 0,
            broker: None,
            proxy: false,
            reactors: 1,
            storm: Duration::from_secs(60),
            patience: Duration::from_secs(5),
            turns_max: 200_000,
            message_bytes_max: 1 << 20,
            trace: false,
        }
    }
}

impl Default for Faults {
    /// The default rates: some faults of each kind.
    fn default() -> Self {
        Self {
            splits: 300,
            stumbles: 50,
            spurious: 50,
            held: 100,
            delays: 50,
            slow_readers: 200,
            never_readers: 20,
            cuts: 100,
            half_closes: 200,
            accept_errors: 50,
            clock_jumps: 2,
            panics: 5,
            lags: 5,
            tricklers: 10,
            neighbours: 5,
            notices: 50,
            dials: 200,
            jobs: 100,
            backlogs: true,
            long_jumps: true,
            silence: true,
            shutdown: true,
        }
    }
}

impl Faults {
    /// No faults.
    #[must_use]
    pub fn none() -> Self {
        Self {
            splits: 0,
            stumbles: 0,
            spurious: 0,
            held: 0,
            delays: 0,
            slow_readers: 0,
            never_readers: 0,
            cuts: 0,
            half_closes: 0,
            accept_errors: 0,
            clock_jumps: 0,
            panics: 0,
            lags: 0,
            tricklers: 0,
            neighbours: 0,
            notices: 0,
            dials: 0,
            jobs: 0,
            backlogs: false,
            long_jumps: false,
            silence: false,
            shutdown: false,
        }
    }

    /// Rates that depend on the seed: some faults are frequent, some are rare, and some do not happen. Different mixes find
    /// different bugs.
    #[must_use]
    pub fn mixed(random: &mut Random) -> Self {
        let mut often = |most: u16| match random.below(3) {
            0 => 0,
            1 => most / 10,
            _ => random.below(usize::from(most) + 1) as u16,
        };
        let faults = Self {
            splits: often(900),
            stumbles: often(200),
            spurious: often(200),
            held: often(400),
            delays: often(200),
            slow_readers: often(600),
            never_readers: often(100),
            cuts: often(400),
            half_closes: often(600),
            accept_errors: often(200),
            clock_jumps: often(10),
            panics: often(40),
            silence: often(1) == 0,
            shutdown: often(1) == 0,
            lags: 0,
            tricklers: 0,
            neighbours: 0,
            notices: 0,
            dials: 0,
            jobs: 0,
            backlogs: false,
            long_jumps: false,
        };
        // The last random number, so that seeds without it run as before.
        Self { lags: often(100), ..faults }
    }
}
