//! The command line of `lab reactors`.

use clap::Args;
use jackfield_cli::base::units::parse_duration;
use std::path::PathBuf;
use std::time::Duration;

/// One reactor and two.
#[derive(Debug, Args)]
pub(crate) struct Reactors {
    /// How often each is measured, in turns; what is shown are medians
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(crate) runs: u32,
    /// How long to measure each time; a tenth of it goes before as warm-up
    #[arg(long, value_name = "S", value_parser = parse_duration, default_value = "2")]
    pub(crate) seconds: Duration,
    /// What a request's handler computes, in processor time: the more, the more room the load generator leaves
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "200us")]
    pub(crate) work: Duration,
    /// Exit with 1 if two reactors do less than this multiple of the work of one, in memory or with a handler that computes
    #[arg(long, value_name = "TIMES")]
    pub(crate) at_least: Option<f64>,
    /// The repository [default: the one that the current directory is in]
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// The file whose generated section is replaced [default: docs/numbers.md]
    #[arg(long, value_name = "FILE")]
    pub(crate) numbers: Option<PathBuf>,
}

pub(crate) const REACTORS: &str = "\
Three figures, for the load generator runs on the same cores:
  in memory      each thread is its own server and its own peers; what is left is what reactors share
  with work      over sockets, each request computes for --work: the client leaves nearly all of both cores
  without work   over sockets, with what the client leaves; only the CPU for one request can be compared";
