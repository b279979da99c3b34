//! The command lines of `fuzz` and `sim`.

use crate::base::units::parse_duration;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// What is fuzzed, and for how long.
#[derive(Debug, Args)]
pub(crate) struct Fuzz {
    /// The name of a target; or `list` to show all targets, `all` to fuzz one after the other, `export` to write the first inputs of each
    /// for other fuzzers
    #[arg(value_name = "list|all|export|TARGET")]
    pub(crate) what: String,
    /// How long to fuzz each target, such as `60s` or `10m`
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration, default_value = "60s")]
    pub(crate) time: Duration,
    /// End after this number of inputs for each target and thread, or when the time is over [default: when the time is over]
    #[arg(long, value_name = "N")]
    pub(crate) executions: Option<u64>,
    /// The seed of the first thread; each further thread has the next one [default: from the clock]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// How many threads [default: one for each core]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// The folder DIR/TARGET has further inputs to begin with; `export` writes there
    #[arg(long, value_name = "DIR", default_value = "fuzz/corpus")]
    pub(crate) corpus: PathBuf,
    /// Write inputs that fail into this folder
    #[arg(long, value_name = "DIR", default_value = "findings")]
    pub(crate) findings: PathBuf,
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

Exit status: 0 if every property held, 1 if one failed.";

pub(crate) const SIM: &str = "\
Examples:
  jackfield sim --seeds 100000
  jackfield sim --replay 4711

Each seed is another sequence of events for a server and its peers on a bad network: echo, chat, event streams, lines and \
HTTP. The same seed gives the same events.

Exit status: 0 if all invariants held, 1 if one did not.";
