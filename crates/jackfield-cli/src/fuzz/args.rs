//! The command lines of `fuzz` and `sim`.

use crate::base::error::Error;
use crate::base::units::parse_duration;
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is fuzzed, and for how long.
#[derive(Debug, Args)]
pub(crate) struct Fuzz {
    /// The name of a target; or `list` to show all targets, `all` to fuzz one after the other, `export` to write the first inputs of each
    /// for other fuzzers
    #[arg(value_name = "list|all|export|TARGET")]
    pub(crate) what: String,
    /// How long to fuzz each target, such as `60s` or `10m` [default: 60s]
    #[arg(short, long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) time: Option<Duration>,
    /// End after this number of inputs for each target and thread, or when the time is over [default: when the time is over]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) executions: Option<u64>,
    /// The seed of the first thread; each further thread has the next one [default: from the clock]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// How many threads [default: one for each core]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// The folder DIR/TARGET has further inputs to begin with; `export` writes there [default: fuzz/corpus]
    #[arg(long, value_name = "DIR")]
    pub(crate) corpus: Option<PathBuf>,
    /// Write inputs that fail into this folder [default: findings]
    #[arg(long, value_name = "DIR")]
    pub(crate) findings: Option<PathBuf>,
    /// With `export`: overwrite files that have changed
    #[arg(long)]
    pub(crate) force: bool,
}

impl Fuzz {
    /// Looks for options that mean nothing to what is asked for.
    ///
    /// # Errors
    /// There is one.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let (lists, exports) = (self.what == "list", self.what == "export");
        let fuzzes = !lists && !exports;
        let options = [
            ("--time", self.time.is_some(), fuzzes),
            ("--executions", self.executions.is_some(), fuzzes),
            ("--seed", self.seed.is_some(), fuzzes),
            ("--jobs", self.jobs.is_some(), fuzzes),
            ("--findings", self.findings.is_some(), fuzzes),
            ("--corpus", self.corpus.is_some(), !lists),
            ("--force", self.force, exports),
        ];
        match options.into_iter().find(|(_, is_given, has_use)| *is_given && !has_use) {
            Some((option, ..)) => Err(Error::Usage(format!("{} has no use for {option}", self.what))),
            None => Ok(()),
        }
    }

    /// How long to fuzz each target.
    pub(crate) fn time(&self) -> Duration {
        self.time.unwrap_or(Duration::from_secs(60))
    }

    pub(crate) fn corpus(&self) -> &Path {
        self.corpus.as_deref().unwrap_or(Path::new("fuzz/corpus"))
    }

    pub(crate) fn findings(&self) -> &Path {
        self.findings.as_deref().unwrap_or(Path::new("findings"))
    }
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let time = parse_duration(text)?;
    if time.is_zero() { Err("the time must be above zero".into()) } else { Ok(time) }
}

/// Which schedules are simulated.
#[derive(Debug, Args)]
pub(crate) struct Sim {
    /// How many seeds to simulate
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) seeds: u64,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) from: u64,
    /// Simulate only this seed, and print all that happens
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "from", "jobs"])]
    pub(crate) replay: Option<u64>,
    /// How many threads [default: one for each core]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
}

pub(crate) const FUZZ: &str = "\
Examples:
  jackfield fuzz list
  jackfield fuzz http1_machine --time 10m
  jackfield fuzz all --time 60s --seed 7 --jobs 2

The same seed makes the same inputs. If a property fails, the input is saved, and a test for it is printed.

Exit status: 0 if every property held; 1 if one failed; 2 if the command line is wrong, or a folder can't be used.";

pub(crate) const SIM: &str = "\
Examples:
  jackfield sim --seeds 100000
  jackfield sim --replay 4711

Each seed is another sequence of events for a server and its peers on a bad network: echo, chat, event streams, lines and \
HTTP. The same seed gives the same events.

Exit status: 0 if all invariants held, 1 if one did not.";
