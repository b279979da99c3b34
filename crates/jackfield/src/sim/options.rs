//! What a simulation is made of.

use super::{Random, Tls};
use crate::config::{Host, Limits};
use crate::shared::{Broker, NoObserver, Observer};
use std::sync::Arc;
use std::time::Duration;

/// What a simulation is made of, besides its seed and its clients.
#[derive(Clone)]
pub struct Options {
    /// The server's limits. Default: those of a server.
    pub limits: Limits,
    /// What goes wrong, and how often. Default: [`Faults::default`].
    pub faults: Faults,
    /// What happens to the server as a whole is told to it.
    pub observer: Arc<dyn Observer>,
    /// Paths that are served even under overload, as [`ServerBuilder::overload_exempt`](crate::ServerBuilder::overload_exempt).
    /// Default: none.
    pub reserved: Vec<String>,
    /// TLS on every connection; the faults are below it. Default: none.
    pub tls: Option<Tls>,
    /// With [`Options::tls`]: the usual host of all listeners, in place of the configuration there. Some peers ask for others, with
    /// names in `.hosts.sim`, which are found on another thread and have the same certificate, or for one that there is not.
    /// Default: none.
    pub host: Option<Host>,
    /// HTTP listeners besides [`listener`](crate::test::listener)'s, with how many connections each may have. The first has the
    /// index 3. Default: none.
    pub listeners: Vec<usize>,
    /// Its own time begins so many milliseconds after zero: what wraps does so on the way. Default: 0.
    pub begin: u64,
    /// What carries publications between servers, as [`ServerBuilder::broker`](crate::ServerBuilder::broker). Its work is done
    /// by somebody [outside](super::Sim::outside). Default: none.
    pub broker: Option<Arc<dyn Broker>>,
    /// Every connection comes by way of a proxy, and begins with its header. Default: none.
    pub proxy: bool,
    /// Reactors. They take their turns one after the other, in any order. Default: 1.
    pub reactors: usize,
    /// For so long of its own time it lets things go wrong; then the faults stop. It ends earlier if every peer has
    /// done its work. Default: 60 s.
    pub storm: Duration,
    /// For so long of its own time after the storm peers may still need to end their work; whoever needs more is
    /// taken for stuck. Default: 5 s.
    pub patience: Duration,
    /// More turns than any simulation needs. Default: 200,000.
    pub turns_max: usize,
    /// The longest message or body that is sent: what one peer's backlog may have above its bound. Default: 1 MiB.
    pub message_bytes_max: usize,
    /// Keeps the trace as a text too. Default: only its hash.
    pub trace: bool,
}

/// What goes wrong, and how often in a thousand cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Reads and writes are cut anywhere, and sent bytes arrive in pieces.
    pub splits: u16,
    /// Reads and writes find nothing for now, although there is something.
    pub stumbles: u16,
    /// Readiness is told although nothing has happened, told twice, or told of connections that are gone.
    pub spurious: u16,
    /// Readiness is told later, and together with what comes meanwhile.
    pub held: u16,
    /// A peer waits for up to some seconds before it goes on.
    pub delays: u16,
    /// A peer takes little at a time of what is sent to it.
    pub slow_readers: u16,
    /// A peer never takes anything beyond a few bytes.
    pub never_readers: u16,
    /// A peer ends its side after any byte, or breaks the connection there. Half as often a record of TLS is forged.
    pub cuts: u16,
    /// A peer ends its side when it has said everything, and waits for the answers.
    pub half_closes: u16,
    /// A new connection can't be accepted for lack of descriptors, and is a little later.
    pub accept_errors: u16,
    /// The clock jumps over deadlines, by up to a minute.
    pub clock_jumps: u16,
    /// A callback panics, before or after it has done its work.
    pub panics: u16,
    /// A reactor falls behind, for up to two seconds: whatever is ready waits for each of its turns. It only says so,
    /// and takes no time; but from then on it is overloaded.
    pub lags: u16,
    /// A peer takes a few bytes each five seconds, to the end. At the farewell the server closes its connection.
    pub tricklers: u16,
    /// Others have the processor while a reactor takes a turn, so that it is late without having done anything.
    pub neighbours: u16,
    /// Behind what a client has sent in a callback a notice of it is asked for, which the user's client does not hear of. That is
    /// no fault, but chance all the same.
    pub notices: u16,
    /// An address to which the server connects refuses, resets, or does not answer.
    pub dials: u16,
    /// A job on another thread, such as the search for a host, takes up to twenty seconds.
    pub jobs: u16,
    /// A jump of the clock may be over fifty days.
    pub long_jumps: bool,
    /// Whether peers may fall silent when they have done their work, instead of leaving.
    pub silence: bool,
    /// Whether the server may be shut down while peers are still there.
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
    /// A bad day: some of everything.
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
            long_jumps: true,
            silence: true,
            shutdown: true,
        }
    }
}

impl Faults {
    /// Nothing goes wrong.
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
            long_jumps: false,
            silence: false,
            shutdown: false,
        }
    }

    /// Another mix for each seed: some faults are often, some rare, some do not happen at all. Different mixes find
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
            long_jumps: false,
        };
        // The last of all, so that a seed without it is what it was before.
        Self { lags: often(100), ..faults }
    }
}
