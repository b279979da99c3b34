//! The command lines of `fuzz` and `sim`.

use crate::base::units::parse_duration;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// What is fuzzed, and for how long.
#[derive(Debug, Args)]
pub(crate) struct Fuzz {
    /// `list` shows the targets, `all` fuzzes one after the other, `export` writes their seeds for other fuzzers; or
    /// the name of a target
    #[arg(value_name = "list|all|export|TARGET")]
    pub(crate) what: String,
    /// How long to fuzz each target, such as `60s` or `10m`
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration, default_value = "60s")]
    pub(crate) time: Duration,
    /// End after this number of inputs of each target and job, unless the time is over earlier
    #[arg(long, value_name = "N")]
    pub(crate) executions: Option<u64>,
    /// The seed of the first job; the others have the next seeds [default: from the clock]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Threads [default: one for each core]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// More inputs to begin with, in DIR/TARGET; `export` writes the inputs of each target there
    #[arg(long, value_name = "DIR", default_value = "fuzz/corpus")]
    pub(crate) corpus: PathBuf,
    /// The folder for inputs that fail
    #[arg(long, value_name = "DIR", default_value = "findings")]
    pub(crate) findings: PathBuf,
}

/// Which schedules are simulated.
#[derive(Debug, Args)]
pub(crate) struct Sim {
    /// How many
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) seeds: u64,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) from: u64,
    /// Only this seed, with its trace
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "from", "jobs"])]
    pub(crate) replay: Option<u64>,
    /// Threads [default: one for each core]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
}

pub(crate) const FUZZ: &str = "\
Examples:
  jackfield fuzz list
  jackfield fuzz http1_machine --time 10m
  jackfield fuzz all --time 60s --seed 7 --jobs 2

The same seed makes the same inputs. Exit status: 0 when every property held, 1 when one failed: then the input is saved, and \
a test for it is printed.";

pub(crate) const SIM: &str = "\
Examples:
  jackfield sim --seeds 100000
  jackfield sim --replay 4711

Each seed is a schedule of a server with several peers: echo, chat, event streams, lines and HTTP on a bad network. Exit \
status: 0 when all invariants held, 1 when one did not.";
