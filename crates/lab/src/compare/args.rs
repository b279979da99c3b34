//! The command line of `lab compare`.

use clap::Args;
use jackfield_cli::base::units::parse_duration;
use std::path::PathBuf;
use std::time::Duration;

/// The side-by-side comparison.
#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// How often each server takes its turn in each row; what is shown are medians
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(crate) runs: u32,
    /// How long to measure in each turn, such as `2` or `500ms`; a tenth of it, 1s at most, goes before as warm-up
    #[arg(long, value_name = "S", value_parser = parse_duration, default_value = "3")]
    pub(crate) seconds: Duration,
    /// Connections whose memory is counted
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(2..=50_000))]
    pub(crate) idle_connections: u32,
    /// Only these rows; then docs/ stays as it is, unless it is named
    #[arg(long, value_name = "ID,..", value_delimiter = ',')]
    pub(crate) rows: Vec<String>,
    /// Only these servers, `ours` and `limit` among them; then docs/ stays as it is, unless it is named
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    pub(crate) servers: Vec<String>,
    /// Count no instructions and no system calls: valgrind and strace are not used
    #[arg(long)]
    pub(crate) no_counts: bool,
    #[command(flatten)]
    pub(crate) whereabouts: Whereabouts,
}

/// Where things are and where they go, for whatever writes into the documents.
#[derive(Clone, Debug, Args)]
pub(crate) struct Whereabouts {
    /// The core that the servers run on [default: the last one]
    #[arg(long, value_name = "N")]
    pub(crate) server_core: Option<usize>,
    /// The core that the load generator runs on [default: the first one]
    #[arg(long, value_name = "N")]
    pub(crate) client_core: Option<usize>,
    /// The repository [default: the one that the current directory is in]
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Where the peers' programs are [default: benches/peers/target/release]
    #[arg(long, value_name = "DIR")]
    pub(crate) peers: Option<PathBuf>,
    /// The file whose generated section is replaced [default: docs/numbers.md]
    #[arg(long, value_name = "FILE")]
    pub(crate) numbers: Option<PathBuf>,
    /// Where the page, its plots and the JSON go [default: docs/report]
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
}

pub(crate) const COMPARE: &str = "\
Rows: http, http-16, http-browser, ws, ws-16, ws-1k, ws-16k, fanout, sse, sse-16, raw, file-1k, file-1m, connect,
tls-http, tls-ws-16k, tls-full, tls-resumed, tls-idle, idle-http, idle-ws.

The limit and the peers are built beforehand; who is missing stands in the tables as a gap:
  benches/peers/install.sh
It builds the peers twice: in the rows about memory the allocator is left to the system, as it is in this server.

The rows http and ws are also measured at two fixed rates: half and four fifths of what the slowest server can do.

Behind the timed turns of each row instructions are counted with valgrind and system calls with strace.

Exit status: 0 when this server was measured in each row, 2 when it was not.";
