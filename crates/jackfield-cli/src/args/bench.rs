//! The command line of `jackfield bench`.

use crate::bench::target::Target;
use crate::report::gate::Condition;
use crate::units::{parse_duration, parse_rate, parse_size};
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    #[command(flatten)]
    Load(Mode),
    /// This server beside the do-nothing loop and other libraries, in turns; writes docs/numbers.md and docs/report
    #[command(after_help = COMPARE)]
    Compare(Compare),
    /// How cost grows with connections, subscribers and the size of a message; writes docs/numbers.md and docs/report
    #[command(after_help = GROWTH)]
    Growth(Growth),
    /// What a second reactor brings; writes docs/numbers.md
    #[command(after_help = REACTORS)]
    Reactors(Reactors),
    /// A server in memory, which is its own peers
    #[command(hide = true)]
    World(World),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Mode {
    /// HTTP requests on connections that stay
    #[command(after_help = "Every answer's status is checked; one that is not 2xx counts as an error.")]
    Http(Http),
    /// Echo of binary messages over WebSocket
    #[command(after_help = "The server must send each message back; its length is checked.")]
    Ws(Ws),
    /// Server-sent events: one publisher, many streams
    #[command(after_help = SSE)]
    Sse(Sse),
    /// Echo of bytes over bare TCP
    #[command(after_help = "The server must send every byte back, in order.")]
    Raw(Raw),
    /// Connections that do nothing: what memory they cost
    #[command(
        after_help = "Memory is the growth of the server's VmRSS; what sockets cost the kernel is not in it."
    )]
    Idle(Idle),
    /// Connections that are opened, used once and closed
    #[command(after_help = "Latency counts from the beginning of the connect to the end of the answer.")]
    Connect(Connect),
    /// WebSockets that publish to each other: each message goes to all of them
    #[command(after_help = FANOUT)]
    Fanout(Fanout),
}

#[derive(Debug, Args)]
pub(crate) struct Http {
    #[command(flatten)]
    pub(crate) talk: Talk,
    /// What is asked for
    #[arg(long, value_parser = parse_path, default_value = "/plaintext", help_heading = LOAD)]
    pub(crate) path: String,
    /// Send the 900 bytes of header fields that a browser sends
    #[arg(long, help_heading = LOAD)]
    pub(crate) browser: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Ws {
    #[command(flatten)]
    pub(crate) talk: Talk,
    /// Payload of a message, such as `20`, `16KiB` or `1MiB`
    #[arg(long, value_name = "BYTES", value_parser = parse_size, default_value = "20", help_heading = LOAD)]
    pub(crate) size: usize,
    /// Where the WebSocket is
    #[arg(long, value_parser = parse_path, default_value = "/", help_heading = LOAD)]
    pub(crate) path: String,
}

#[derive(Debug, Args)]
pub(crate) struct Sse {
    #[command(flatten)]
    pub(crate) talk: Talk,
    /// Body of a publication, at least 20 bytes: it says when it was due
    #[arg(long, value_name = "BYTES", value_parser = parse_size, default_value = "56", help_heading = LOAD)]
    pub(crate) size: usize,
    /// Where the streams are
    #[arg(long, value_parser = parse_path, default_value = "/feed", help_heading = LOAD)]
    pub(crate) path: String,
    /// Where to post what is to come on the streams
    #[arg(long, value_name = "PATH", value_parser = parse_path, default_value = "/publish", help_heading = LOAD)]
    pub(crate) publish_path: String,
}

#[derive(Debug, Args)]
pub(crate) struct Raw {
    #[command(flatten)]
    pub(crate) talk: Talk,
    /// Bytes of a block, such as `20`, `16KiB` or `1MiB`
    #[arg(long, value_name = "BYTES", value_parser = parse_size, default_value = "20", help_heading = LOAD)]
    pub(crate) size: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Idle {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Open WebSockets instead of making one HTTP request on each connection
    #[arg(long, help_heading = LOAD)]
    pub(crate) ws: bool,
    /// What is asked for; with `--ws`, where the WebSocket is [default: /plaintext, or /]
    #[arg(long, value_parser = parse_path, help_heading = LOAD)]
    pub(crate) path: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Connect {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) rate: Rate,
    /// What is asked for
    #[arg(long, value_parser = parse_path, default_value = "/plaintext", help_heading = LOAD)]
    pub(crate) path: String,
}

#[derive(Debug, Args)]
pub(crate) struct Fanout {
    #[command(flatten)]
    pub(crate) talk: Talk,
    /// Payload of a message, at least 12 bytes: it says when it was due, and whose it is
    #[arg(long, value_name = "BYTES", value_parser = parse_size, default_value = "20", help_heading = LOAD)]
    pub(crate) size: usize,
    /// Where the WebSocket is
    #[arg(long, value_parser = parse_path, default_value = "/fanout", help_heading = LOAD)]
    pub(crate) path: String,
}

/// What every mode has.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// An address or URL, such as `127.0.0.1:8080`, `localhost:80` or `ws://host:9001/chat`; without one, the built-in
    /// server is started
    pub(crate) target: Option<Target>,
    /// Connections, all at the same time
    #[arg(short, long, value_name = "N", default_value_t = 64, help_heading = LOAD)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) connections: u32,
    /// How long to measure, such as `10s`, `500ms` or `2m`; a tenth of it, 1s at most, goes before as warm-up
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration, default_value = "10s", help_heading = LOAD)]
    pub(crate) duration: Duration,
    /// The process whose processor time and memory are shown, if the target is on this machine
    #[arg(long, value_name = "PID", requires = "target", help_heading = LOAD)]
    pub(crate) server_pid: Option<u32>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Output {
    /// Where `index.html` and `result.json` go
    #[arg(long, value_name = "DIR", default_value = "report", help_heading = OUTPUT)]
    pub(crate) report: PathBuf,
    /// Write no files
    #[arg(long, conflicts_with = "report", help_heading = OUTPUT)]
    pub(crate) no_report: bool,
    /// Show what has changed since an earlier `result.json`
    #[arg(long, value_name = "OLD.json", help_heading = OUTPUT)]
    pub(crate) compare: Option<PathBuf>,
    /// Exit with 1 if this is so: `p99>2ms`, `rate<100k`, `errors>0`, `server-cpu>5us`, `memory>64MiB`; may be repeated
    #[arg(long, value_name = "CONDITION", help_heading = OUTPUT)]
    pub(crate) fail_if: Vec<Condition>,
}

#[derive(Debug, Args)]
pub(crate) struct Rate {
    /// Operations a second on all connections together, such as `5000` or `20k`; latency counts from when each was
    /// due. Without it, as many as can be
    #[arg(short, long, value_name = "PER_SECOND", value_parser = parse_rate, help_heading = LOAD)]
    pub(crate) rate: Option<f64>,
}

/// What every mode has whose connections stay and do something.
#[derive(Debug, Args)]
pub(crate) struct Talk {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) rate: Rate,
    /// Operations in flight on each connection
    #[arg(short, long, value_name = "N", default_value_t = 1, help_heading = LOAD)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) pipeline: u32,
    /// So many of the connections read only four times a second; their latency does not count
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = LOAD)]
    pub(crate) slow_readers: u32,
}

/// The side-by-side comparison.
#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// How often each server takes its turn in each row; what is shown are medians
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(crate) runs: u32,
    /// How long to measure in each turn, such as `2` or `500ms`; a tenth of it, 1s at most, goes before as warm-up
    #[arg(long, value_name = "S", value_parser = parse_duration, default_value = "1")]
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

/// The plots.
#[derive(Debug, Args)]
pub(crate) struct Growth {
    /// How often each point is measured; what is shown are medians
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(crate) runs: u32,
    /// How long to measure each time; a tenth of it goes before as warm-up
    #[arg(long, value_name = "S", value_parser = parse_duration, default_value = "1")]
    pub(crate) seconds: Duration,
    /// Only these plots; then docs/ stays as it is, unless it is named
    #[arg(long, value_name = "ID,..", value_delimiter = ',')]
    pub(crate) plots: Vec<String>,
    /// Leave out points beyond so many connections, subscribers or bytes
    #[arg(long, value_name = "N")]
    pub(crate) most: Option<usize>,
    #[command(flatten)]
    pub(crate) whereabouts: Whereabouts,
}

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
    /// Exit with 1 if two reactors do less than so many times the work of one, in memory or with a handler that computes
    #[arg(long, value_name = "TIMES")]
    pub(crate) at_least: Option<f64>,
    /// The repository [default: the one that the current directory is in]
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// The file whose generated section is replaced [default: docs/numbers.md]
    #[arg(long, value_name = "FILE")]
    pub(crate) numbers: Option<PathBuf>,
}

/// What a server in memory does.
#[derive(Clone, Debug, Args)]
pub(crate) struct World {
    /// On each thread
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: usize,
    /// On each thread
    #[arg(long, default_value_t = 100_000)]
    pub(crate) events: usize,
    /// Each with a server of its own
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
    /// The cores that the threads run on, in order
    #[arg(long, value_delimiter = ',')]
    pub(crate) cores: Vec<usize>,
    /// WebSockets instead of HTTP
    #[arg(long)]
    pub(crate) ws: bool,
    /// Only make the peers' ends, to know what they take
    #[arg(long)]
    pub(crate) only_ends: bool,
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

fn parse_path(text: &str) -> Result<String, String> {
    if text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("a path begins with `/` and has visible ASCII characters only".into())
    }
}

const LOAD: &str = "Load";
const OUTPUT: &str = "Output";

pub(crate) const BENCH_ABOUT: &str = "\
Put load on a server, and report throughput, latency, processor time and memory.

Without a target the built-in server is started as a process of its own, so the command always works, and shows what \
the server itself costs. A report with plots goes to report/index.html, its figures to report/result.json.

Without --rate each connection begins an operation as soon as one ends: that finds the throughput, but its latencies \
are those of a server that is always full. With --rate operations are due at fixed times, and latency counts from \
there, however late they could be sent: that finds the latency at a given load.";

pub(crate) const BENCH: &str = "\
Examples:
  jackfield bench http --connections 64 --pipeline 16 --duration 10s
  jackfield bench http --rate 20k http://127.0.0.1:8080/plaintext --server-pid 4242
  jackfield bench ws --size 16KiB --compare report/result.json
  jackfield bench sse --connections 100 --rate 500
  jackfield bench fanout --connections 64 --slow-readers 2
  jackfield bench compare
  jackfield bench growth
  jackfield bench reactors --at-least 1.8

Exit status: 0 when all went well, 1 when a --fail-if condition was met, 2 when nothing could be measured.";

const COMPARE: &str = "\
Rows: http, http-16, http-browser, ws, ws-16, ws-1k, ws-16k, fanout, sse, sse-16, raw, connect, idle-http, idle-ws.

The limit and the peers are built beforehand; who is missing stands in the tables as a gap:
  benches/peers/install.sh
It builds the peers twice: in the rows about memory the allocator is left to the system, as it is in this server.

Behind the timed turns of each row instructions are counted with valgrind and system calls with strace.

Exit status: 0 when this server was measured in each row, 2 when it was not.";

const GROWTH: &str = "\
Plots: connections-http, connections-ws, memory-time, memory-instructions, memory-bytes, subscribers-ws, subscribers-sse, size.

Exit status: 0 when each point of this server was measured, 2 when there is a gap.";

const REACTORS: &str = "\
Three figures, for the load generator runs on the same cores:
  in memory      each thread is its own server and its own peers; what is left is what reactors share
  with work      over sockets, each request computes for --work: the client leaves nearly all of both cores
  without work   over sockets, with what the client leaves; only the CPU for one request can be compared";

const SSE: &str = "\
Throughput counts deliveries: each publication comes on every stream. Without --rate, --pipeline publications are on \
their way at a time.";

const FANOUT: &str = "\
Throughput counts deliveries: each message comes on every connection, its publisher's included. Without --rate, each \
connection has --pipeline messages on their round at a time. Slow readers publish nothing.";
