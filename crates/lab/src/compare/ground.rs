//! Where it is measured: the repository, the peers' programs and the cores; and one server's turn there.

use super::args::Whereabouts;
use super::child::{Gap, Running};
use super::contender::{Contender, Places};
use super::identity::Identity;
use super::pace::{QUANTILES, RATE_KEPT_MIN};
use super::rows::{self, Row};
use super::turn::Turn;
use crate::base::cores::{self, Cores};
use jackfield_cli::base::error::Error;
use jackfield_cli::base::proc;
use jackfield_cli::bench;
use jackfield_cli::bench::outcome::Outcome;
use jackfield_cli::bench::plan::Plan;
use jackfield_cli::bench::server::Server;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// Where it is measured.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) places: Places,
    pub(crate) cores: Option<Cores>,
    /// Those of the machine.
    pub(crate) core_count: usize,
}

/// The longest look at connections that do nothing.
const IDLE_MAX: Duration = Duration::from_millis(300);
/// With a larger share of full handshakes, the row would measure something else.
const FULL_SHARE_MAX: f64 = 0.05;
/// The time for a server to notice that its clients have left.
const PAUSE: Duration = Duration::from_millis(200);

impl Ground {
    /// The values of the command line; the others are found.
    ///
    /// # Errors
    /// There is no repository.
    pub(crate) fn new(args: &Whereabouts) -> Result<Self, Error> {
        let here = || std::env::current_dir().ok().and_then(|here| root_above(&here));
        let root = args.root.clone().or_else(here).ok_or_else(|| {
            Error::Usage("the current directory is not in the repository; name it with `--root DIR`".into())
        })?;
        let root = root.canonicalize().map_err(|error| Error::File(root, error))?;
        let peers = args.peers.clone().unwrap_or_else(|| root.join("benches/peers/target/release"));
        Ok(Self {
            places: Places { root, peers, identity: Identity::new()? },
            cores: Cores::choose(args.server_core, args.client_core),
            // Once this process is kept on a core, it sees no other.
            core_count: thread::available_parallelism().map_or(1, usize::from),
        })
    }

    /// Pins this process to the load generator's core.
    ///
    /// # Errors
    /// It can't be kept on its core.
    pub(crate) fn enter(&self) -> Result<(), Error> {
        proc::raise_descriptor_limit();
        Ok(self.cores.map_or(Ok(()), |cores| cores::pin(cores.client))?)
    }

    /// The core of the servers.
    pub(crate) fn server_core(&self) -> Option<usize> {
        self.cores.map(|cores| cores.server)
    }

    /// One server's turn, from its start to its end. A row about memory opens `idle_connections` connections.
    ///
    /// # Errors
    /// There is no figure.
    pub(crate) fn turn(
        &self,
        contender: &Contender,
        row: &Row,
        duration: Duration,
        idle_connections: usize,
    ) -> Result<Turn, Gap> {
        let running = Running::start(contender, row, &self.places, self.server_core(), &[])?;
        let server = running.server();
        if row.is_idle() {
            self.idle_turn(row, &server, duration, idle_connections)
        } else {
            self.busy_turn(row, &server, duration)
        }
    }

    /// One server's turn at a fixed rate.
    ///
    /// # Errors
    /// There is no figure.
    pub(crate) fn paced_turn(
        &self,
        contender: &Contender,
        row: &Row,
        duration: Duration,
        rate: f64,
    ) -> Result<Turn, Gap> {
        let running = Running::start(contender, row, &self.places, self.server_core(), &[])?;
        let plan = Plan { rate: Some(rate), ..row.plan(duration, 0) };
        let outcome = self.run(row, plan, &running.server())?;
        let is_kept = outcome.rate() >= rate * RATE_KEPT_MIN;
        let latencies_are_valid = is_kept && outcome.latency_doubt().is_none();
        Ok(Turn { rate: outcome.rate(), latencies_are_valid, ..loads(&outcome) })
    }

    fn bench(&self, row: &Row, server: &Server, duration: Duration, idle: usize) -> Result<Outcome, Gap> {
        self.run(row, row.plan(duration, idle), server)
    }

    fn run(&self, row: &Row, plan: Plan, server: &Server) -> Result<Outcome, Gap> {
        let plan = self.places.identity.secure(row, plan).map_err(failure)?;
        bench::bench(&plan, server).map_err(failure)
    }

    fn busy_turn(&self, row: &Row, server: &Server, duration: Duration) -> Result<Turn, Gap> {
        let outcome = self.bench(row, server, duration, 0)?;
        if outcome.operations == 0 {
            let why = outcome.errors.keys().next().map_or("no answer came", |kind| kind);
            return Err(Gap::Failure(format!("not one operation succeeded: {why}")));
        }
        // The first handshake of each connection has nothing to resume.
        let (full, resumed) = (outcome.handshakes.full, outcome.handshakes.resumed);
        if row.resumes
            && (full + resumed) as f64 * FULL_SHARE_MAX < full.saturating_sub(row.connections as u64) as f64
        {
            return Err(Gap::Failure(format!("it resumed only {resumed} of {} sessions", full + resumed)));
        }
        Ok(Turn { rate: outcome.rate(), cost: outcome.server_ns_per_operation(), ..loads(&outcome) })
    }

    /// The growth of memory between a tenth of the connections and all of them: memory that a server needs only once is
    /// not in it.
    fn idle_turn(
        &self,
        row: &Row,
        server: &Server,
        duration: Duration,
        connections: usize,
    ) -> Result<Turn, Gap> {
        let few = (connections / 10).max(1);
        let duration = duration.min(IDLE_MAX);
        let memory = |outcome: &Outcome| outcome.server.and_then(|server| server.own_memory_end);
        let first = self.bench(row, server, duration, few)?;
        thread::sleep(PAUSE);
        let second = self.bench(row, server, duration, connections)?;
        let Some((first, last)) = memory(&first).zip(memory(&second)) else {
            return Err(Gap::Failure("its memory can't be read".into()));
        };
        let cost = last.saturating_sub(first) as f64 / (connections - few) as f64;
        let rate = second.opened_in.map_or(0.0, |time| connections as f64 / time.as_secs_f64());
        Ok(Turn { rate, cost: Some(cost), ..loads(&second) })
    }
}

fn loads(outcome: &Outcome) -> Turn {
    Turn {
        server_load: outcome.server_share().unwrap_or_default(),
        client_load: outcome.client_share().unwrap_or_default(),
        others_load: outcome.others_share().unwrap_or_default(),
        is_client_full: outcome.is_client_bound(),
        latencies: QUANTILES.map(|(_, quantile)| outcome.quantile(quantile)),
        errors: outcome.error_count(),
        error: outcome.errors.iter().max_by_key(|(_, count)| **count).map(|(kind, _)| kind.to_string()),
        ..Turn::default()
    }
}

pub(crate) fn failure(error: Error) -> Gap {
    Gap::Failure(error.to_string())
}

impl Running {
    /// The server for the load generator.
    pub(crate) fn server(&self) -> Server {
        Server::running(self.addr, rows::HOST, self.pid())
    }
}

/// The repository that a directory is in.
pub(crate) fn root_above(directory: &Path) -> Option<PathBuf> {
    directory.ancestors().find(|root| root.join("benches/peers").is_dir()).map(Path::to_owned)
}
