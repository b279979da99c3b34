//! The command line of `attack`.

use crate::base::target::Target;
use crate::base::units::parse_timeout;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// An attack, and what it is measured with.
#[derive(Clone, Debug, Args)]
pub struct Attack {
    /// Which attack to make
    #[arg(value_enum, default_value_t = What::All)]
    pub what: What,
    /// An address or URL, such as `127.0.0.1:8080` or `https://localhost:8443/` [default: the built-in server, which is started for
    /// each attack]
    pub target: Option<Target>,
    /// The process ID of the server, if it runs on this machine. Then its memory, file descriptors and processor time are measured
    #[arg(long, value_name = "PID", requires = "target")]
    pub server_pid: Option<u32>,
    /// For https: trust the certificates in this PEM file [default: those that the system trusts]
    #[arg(long, value_name = "FILE", requires = "target")]
    pub ca_file: Option<PathBuf>,
    /// For https: trust every certificate. Use it for test servers only
    #[arg(long, requires = "target", conflicts_with = "ca_file")]
    pub insecure: bool,
    /// The seed of all random choices. The same seed gives the same bytes
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How many connections to open; `mutants` ignores it [default: `slow-heads` 5000, `silent-handshakes` 1000, `idle` 15000,
    /// `descriptors` 600, `slow-readers` 3000]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    pub connections: Option<u32>,
    /// How many requests `mutants` sends. It opens a tenth as many WebSockets
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(10..=1_000_000_000))]
    pub count: u64,
    /// How many file descriptors the built-in server may open in `descriptors`
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u64).range(32..=100_000))]
    pub descriptors: u64,
    /// How long the server waits for the head of a request, such as `10s` or `500ms`. The built-in server is started with it; set it to
    /// the timeout of your own server. For `silent-handshakes` it is the time for a handshake
    #[arg(long, value_name = "TIME", value_parser = parse_timeout, default_value = "10s")]
    pub head_timeout: Duration,
    /// Write the figures to this file as JSON. An earlier file is overwritten [default: write no file]
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// An attack by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Send the heads of requests slowly, a byte at a time
    SlowHeads,
    /// Open connections to a server that speaks TLS, and send no more than the first bytes of a handshake
    SilentHandshakes,
    /// Open connections that do nothing after a request
    Idle,
    /// Open more connections than the server has file descriptors
    Descriptors,
    /// Send requests and WebSocket messages that were changed at random
    Mutants,
    /// Ask for a large body, stop reading it, and disappear
    SlowReaders,
    /// Make all attacks, one after the other
    All,
}

impl Attack {
    /// True if this attack is to be made. All attacks are those that the target can have.
    pub fn includes(&self, attack: What) -> bool {
        let is_possible = attack != What::SilentHandshakes || self.is_tls();
        self.what == attack || self.what == What::All && is_possible
    }

    /// True if the target speaks TLS.
    pub fn is_tls(&self) -> bool {
        self.target.as_ref().is_some_and(|target| target.is_tls)
    }
}

/// What the help ends with.
pub const AFTER: &str = "\
Examples:
  jackfield attack all http://127.0.0.1:8080/ --server-pid 4242
  jackfield attack slow-readers http://127.0.0.1:8080/large-file
  jackfield attack slow-heads --connections 500
  jackfield attack mutants --count 10000000 --seed 7

Attack only servers that are yours. During an attack a normal client asks for the path of the URL, which must answer with \
a status of 2xx. `slow-readers` needs a path with a body of 1 MiB or more.

Each line of the result is a figure. Some have a goal that is right for every server: the normal client is served, and \
no connection is left behind. Memory and processor time have no goal, because only you know how much is acceptable.

Exit status: 0 if every goal that could be measured is met; 1 if one is missed, or the server ended; 2 if nothing could be \
measured.";
