//! The command line.

pub(crate) mod bench;

use crate::attack::args::Attack;
use crate::fuzz::args::{FUZZ, Fuzz, SIM, Sim};
use bench::Bench;
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

/// Tools for servers built with Jackfield, and for any other.
#[derive(Debug, Parser)]
#[command(name = "jackfield", version, styles = STYLES, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Put load on a server, and report throughput, latency, processor time and memory
    #[command(subcommand_value_name = "MODE", subcommand_help_heading = "Modes", after_help = bench::BENCH)]
    #[command(long_about = bench::BENCH_ABOUT)]
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
    /// Fuzz the protocols and the server: inputs at random, for which properties must hold
    #[command(after_help = FUZZ)]
    Fuzz(Fuzz),
    /// Simulate the server on bad networks: a schedule for each seed
    #[command(after_help = SIM)]
    Sim(Sim),
    /// Attack a server, and show whether it keeps within its goals
    #[command(after_help = crate::attack::args::AFTER)]
    Attack(Attack),
    /// The server that `bench` starts when it is given none
    #[command(hide = true)]
    Serve(Serve),
    /// Becomes another program, which runs on one core and ends with the process that has started it
    #[command(hide = true)]
    Launch(Launch),
}

/// What another program is started with.
#[derive(Debug, Args)]
pub(crate) struct Launch {
    /// The core that it runs on
    #[arg(long)]
    pub(crate) core: Option<usize>,
    /// The process that it ends with [default: whoever has started it]
    #[arg(long)]
    pub(crate) parent: Option<u32>,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    pub(crate) command: Vec<OsString>,
}

/// What the built-in server listens to.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// For HTTP, WebSocket and event streams
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// For bare TCP
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) raw: SocketAddr,
    /// End when the process that has started this one ends
    #[arg(long)]
    pub(crate) tied: bool,
    /// Leave newcomers who have said nothing to the system, as servers for short connections do
    #[arg(long)]
    pub(crate) deferred: bool,
    /// Reactors, a thread each
    #[arg(long, default_value_t = 1)]
    pub(crate) reactors: usize,
    /// Rounds of computing for each request to `/work`
    #[arg(long, default_value_t = 0)]
    pub(crate) work: u64,
    /// How many descriptors it may open [default: as many as the system lets it]
    #[arg(long)]
    pub(crate) descriptors: Option<u64>,
    /// Longest time for a request's head [default: that of the library]
    #[arg(long, value_parser = crate::units::parse_duration)]
    pub(crate) head_timeout: Option<Duration>,
}

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const EXAMPLES: &str = "\
Examples:
  jackfield bench http                          the built-in server, as fast as it can
  jackfield bench http -p 16 127.0.0.1:8080     a server of your own, 16 requests in flight
  jackfield bench ws --rate 50k --fail-if 'p99>2ms'
  jackfield bench idle -c 10000 --ws            memory of an idle WebSocket

`jackfield bench --help` explains what is measured, `jackfield bench MODE --help` lists the options.";
