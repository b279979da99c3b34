//! The command line of `attack`.

use crate::base::target::Target;
use crate::base::units::parse_duration;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// An attack, and what it is measured with.
#[derive(Debug, Args)]
pub struct Attack {
    /// Which attack
    #[arg(value_enum, default_value_t = What::All, hide_default_value = true)]
    pub what: What,
    /// An address or URL, such as `127.0.0.1:8080` or `https://localhost:8443/`; without one, the built-in server is started anew for
    /// each attack
    pub target: Option<Target>,
    /// The process of the target, if it runs on this machine: its memory, descriptors and processor time are measured
    #[arg(long, value_name = "PID", requires = "target")]
    pub server_pid: Option<u32>,
    /// Trust the certificates in this PEM file, for https [default: those that the system trusts]
    #[arg(long, value_name = "FILE", requires = "target")]
    pub ca_file: Option<PathBuf>,
    /// Trust every certificate, for https: for test servers only
    #[arg(long, requires = "target", conflicts_with = "ca_file")]
    pub insecure: bool,
    /// The seed of everything random: the same seed gives the same bytes
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Connections of `slow-heads`, `idle`, `descriptors` and `slow-readers` [default: 5,000, 15,000, 600 and 3,000]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    pub connections: Option<u32>,
    /// Requests of `mutants`; the number of WebSocket sessions is a tenth of it
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(10..=1_000_000_000))]
    pub count: u64,
    /// The descriptors that the built-in server may open in `descriptors`
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u64).range(32..=100_000))]
    pub descriptors: u64,
    /// How long a request's head may take: the timeout of the built-in server, and the one that the target should have
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10s")]
    pub head_timeout: Duration,
    /// Write the figures to a file as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// An attack by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Connections that send a request's head a byte at a time, slowly
    SlowHeads,
    /// Connections that are idle
    Idle,
    /// More connections than the server has descriptors
    Descriptors,
    /// Mutated requests and WebSocket sessions
    Mutants,
    /// Readers that stop reading a large body, and disappear
    SlowReaders,
    /// All of them, one after the other
    All,
}

impl What {
    /// True if this attack is part of it.
    pub fn includes(self, attack: Self) -> bool {
        self == Self::All || self == attack
    }
}

/// What the help ends with.
pub const AFTER: &str = "\
Examples:
  jackfield attack all http://127.0.0.1:8080/ --server-pid 4242
  jackfield attack slow-readers http://127.0.0.1:8080/large-file
  jackfield attack slow-heads --connections 500
  jackfield attack mutants --count 10000000 --seed 7

The well-behaved client beside the attack asks for the path of the URL, which must answer 200. `slow-readers` needs a \
path with a body of 1 MiB or more. Memory, descriptors and processor time of your server are read if it runs on this \
machine and --server-pid names it. Attack only servers that are yours.

A row has a goal if the goal is right for any server: the well-behaved client is served, nothing is left behind. \
Only you know what a connection may cost.

Exit status: 0 when every goal that could be measured is met, 1 when one is missed, 2 when nothing could be measured.";
