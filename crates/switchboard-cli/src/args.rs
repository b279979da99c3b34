//! The command line.

use crate::bench::target::Target;
use crate::report::gate::Condition;
use crate::units::{parse_duration, parse_rate, parse_size};
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Tools for servers built with Switchboard, and for any other.
#[derive(Debug, Parser)]
#[command(name = "switchboard", version, styles = STYLES, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Put load on a server, and report throughput, latency, processor time and memory
    #[command(subcommand_value_name = "MODE", subcommand_help_heading = "Modes", after_help = BENCH)]
    #[command(long_about = BENCH_ABOUT)]
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
    /// The server that `bench` starts when it is given none
    #[command(hide = true)]
    Serve(Serve),
    /// Becomes another program, which runs on one core and ends with the process that has started it
    #[command(hide = true)]
    Launch(Launch),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    #[command(flatten)]
    Load(Mode),
    /// This server beside the do-nothing loop and other libraries, in turns; writes docs/numbers.md and docs/report
    #[command(after_help = COMPARE)]
    Compare(Compare),
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
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) rate: Rate,
    #[command(flatten)]
    pub(crate) pipeline: Pipeline,
    #[command(flatten)]
    pub(crate) slow: Slow,
    /// What is asked for
    #[arg(long, value_parser = parse_path, default_value = "/plaintext", help_heading = LOAD)]
    pub(crate) path: String,
}

#[derive(Debug, Args)]
pub(crate) struct Ws {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) rate: Rate,
    #[command(flatten)]
    pub(crate) pipeline: Pipeline,
    #[command(flatten)]
    pub(crate) slow: Slow,
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
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) rate: Rate,
    #[command(flatten)]
    pub(crate) pipeline: Pipeline,
    #[command(flatten)]
    pub(crate) slow: Slow,
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
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) rate: Rate,
    #[command(flatten)]
    pub(crate) pipeline: Pipeline,
    #[command(flatten)]
    pub(crate) slow: Slow,
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
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) rate: Rate,
    #[command(flatten)]
    pub(crate) pipeline: Pipeline,
    #[command(flatten)]
    pub(crate) slow: Slow,
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

#[derive(Debug, Args)]
pub(crate) struct Pipeline {
    /// Operations in flight on each connection
    #[arg(short, long, value_name = "N", default_value_t = 1, help_heading = LOAD)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) pipeline: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Slow {
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
    #[arg(long, value_name = "S", value_parser = parse_duration, default_value = "2")]
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
    /// Where `index.html` and `compare.json` go [default: docs/report]
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
}

/// What another program is started with.
#[derive(Debug, Args)]
pub(crate) struct Launch {
    /// The core that it runs on
    #[arg(long)]
    pub(crate) core: Option<usize>,
    /// The process that it ends with
    #[arg(long)]
    pub(crate) parent: u32,
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

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const EXAMPLES: &str = "\
Examples:
  switchboard bench http                          the built-in server, as fast as it can
  switchboard bench http -p 16 127.0.0.1:8080     a server of your own, 16 requests in flight
  switchboard bench ws --rate 50k --fail-if 'p99>2ms'
  switchboard bench idle -c 10000 --ws            memory of an idle WebSocket

`switchboard bench --help` explains what is measured, `switchboard bench MODE --help` lists the options.";

const BENCH_ABOUT: &str = "\
Put load on a server, and report throughput, latency, processor time and memory.

Without a target the built-in server is started as a process of its own, so the command always works, and shows what \
the server itself costs. A report with plots goes to report/index.html, its figures to report/result.json.

Without --rate each connection begins an operation as soon as one ends: that finds the throughput, but its latencies \
are those of a server that is always full. With --rate operations are due at fixed times, and latency counts from \
there, however late they could be sent: that finds the latency at a given load.";

const BENCH: &str = "\
Examples:
  switchboard bench http --connections 64 --pipeline 16 --duration 10s
  switchboard bench http --rate 20k http://127.0.0.1:8080/plaintext --server-pid 4242
  switchboard bench ws --size 16KiB --compare report/result.json
  switchboard bench sse --connections 100 --rate 500
  switchboard bench fanout --connections 64 --slow-readers 2
  switchboard bench compare --runs 5 --seconds 2

Exit status: 0 when all went well, 1 when a --fail-if condition was met, 2 when nothing could be measured.";

const COMPARE: &str = "\
Rows: http, http-16, ws, ws-16, ws-1k, ws-16k, fanout, sse, sse-16, connect, idle-http, idle-ws.

The limit and the peers are built beforehand; who is missing stands in the tables as a gap:
  cargo build --release --manifest-path benches/peers/Cargo.toml
  cargo build --release --manifest-path benches/peers/Cargo.toml --no-default-features --target-dir benches/peers/target/plain
  npm install --prefix benches/peers/bun
  apt-get install nginx
The second one is for the rows about memory: it leaves the allocator to the system, as it is in this server.

Exit status: 0 when this server was measured in each row, 2 when it was not.";

const SSE: &str = "\
Throughput counts deliveries: each publication comes on every stream. Without --rate, --pipeline publications are on \
their way at a time.";

const FANOUT: &str = "\
Throughput counts deliveries: each message comes on every connection, its publisher's included. Without --rate, each \
connection has --pipeline messages on their round at a time. Slow readers publish nothing.";
