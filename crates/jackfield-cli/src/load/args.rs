//! The command line of the modes of `jackfield bench` that put load on a server.

use super::values::{
    CONNECTIONS, CONNECTIONS_MAX, PIPELINE_MAX, THREADS_MAX, parse_block_size, parse_event_size,
    parse_header, parse_message_size, parse_method, parse_path, parse_timeout, parse_token,
};
use crate::base::target::Target;
use crate::base::units::{parse_duration, parse_rate, parse_size};
use crate::report::gate::Condition;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(crate) enum Mode {
    /// HTTP requests on keep-alive connections
    #[command(after_help = HTTP)]
    Http(Http),
    /// WebSocket messages and their echo
    #[command(after_help = WS)]
    Ws(Ws),
    /// Server-sent events: one publisher, many streams
    #[command(after_help = SSE)]
    Sse(Sse),
    /// Bytes over bare TCP and their echo
    #[command(after_help = "The server must send every byte back, in order.")]
    Raw(Raw),
    /// Idle connections: the memory that each costs
    #[command(
        after_help = "Memory is the growth of the server's VmRSS; what sockets cost the kernel is not in it."
    )]
    Idle(Idle),
    /// Connections that are opened, used once and closed
    #[command(after_help = CONNECT)]
    Connect(Connect),
    /// WebSockets that publish to each other: each message goes to all of them
    #[command(after_help = FANOUT)]
    Fanout(Fanout),
}

/// A run that a file describes.
#[derive(Debug, Args)]
pub(crate) struct PlanFile {
    /// The plan: a TOML file with stages, requests with weights, and thresholds
    #[arg(value_name = "PLAN.toml")]
    pub(crate) file: PathBuf,
    /// Print the results of all stages as JSON instead of text
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json: bool,
    /// Write a page, `index.html`, and all figures, `result.json`, for each stage into a subfolder of this folder
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    pub(crate) report: Option<PathBuf>,
    /// Write over reports that are there already
    #[arg(long, requires = "report", help_heading = OUTPUT)]
    pub(crate) force: bool,
}

/// What is asked for, besides its path.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    /// The method of the request
    #[arg(short = 'X', long, value_name = "METHOD", value_parser = parse_method, default_value = "GET", help_heading = REQUEST)]
    pub(crate) method: String,
    #[command(flatten)]
    pub(crate) headers: Headers,
    /// The body of the request
    #[arg(long, value_name = "TEXT", help_heading = REQUEST)]
    pub(crate) body: Option<String>,
    /// A file with the body of the request
    #[arg(long, value_name = "FILE", conflicts_with = "body", help_heading = REQUEST)]
    pub(crate) body_file: Option<PathBuf>,
}

/// Further header fields.
#[derive(Debug, Args)]
pub(crate) struct Headers {
    /// A header field, such as `Authorization: Bearer x`; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = parse_header, help_heading = REQUEST)]
    pub(crate) fields: Vec<(String, String)>,
}

/// How a WebSocket is opened.
#[derive(Debug, Args)]
pub(crate) struct Upgrade {
    #[command(flatten)]
    pub(crate) headers: Headers,
    /// A subprotocol to offer; may be repeated, the preferred one first
    #[arg(long = "protocol", value_name = "NAME", value_parser = parse_token, help_heading = REQUEST)]
    pub(crate) protocols: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Http {
    #[command(flatten)]
    pub(crate) talk: Talk,
    #[command(flatten)]
    pub(crate) asked: Asked,
    /// The path of the request [default: the one in the URL, or /; on the built-in server /plaintext]
    #[arg(long, value_parser = parse_path, help_heading = LOAD)]
    pub(crate) path: Option<String>,
    /// Send the 900 bytes of header fields that a browser sends
    #[arg(long, help_heading = LOAD)]
    pub(crate) browser: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Ws {
    #[command(flatten)]
    pub(crate) talk: Talk,
    #[command(flatten)]
    pub(crate) upgrade: Upgrade,
    /// Send text messages; without it they are binary
    #[arg(long, help_heading = REQUEST)]
    pub(crate) text: bool,
    /// Send this message instead of one of --size bytes
    #[arg(long, value_name = "TEXT", conflicts_with = "size", help_heading = REQUEST)]
    pub(crate) message: Option<String>,
    /// A file with the message
    #[arg(long, value_name = "FILE", conflicts_with_all = ["size", "message"], help_heading = REQUEST)]
    pub(crate) message_file: Option<PathBuf>,
    /// Payload of a message, such as `20`, `16KiB` or `1MiB`
    #[arg(long, value_name = "BYTES", value_parser = parse_size, default_value = "20", help_heading = LOAD)]
    pub(crate) size: usize,
    /// The path of the WebSocket [default: the one in the URL, or /]
    #[arg(long, value_parser = parse_path, help_heading = LOAD)]
    pub(crate) path: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Sse {
    #[command(flatten)]
    pub(crate) talk: Talk,
    /// Size of an event, at least 20 bytes: it carries the time at which it was due
    #[arg(long, value_name = "BYTES", value_parser = parse_event_size, default_value = "56", help_heading = LOAD)]
    pub(crate) size: usize,
    /// The path of the streams [default: the one in the URL, or /; on the built-in server /feed]
    #[arg(long, value_parser = parse_path, help_heading = LOAD)]
    pub(crate) path: Option<String>,
    /// The path to which events are posted; needed for a server of your own [default: on the built-in server /publish]
    #[arg(long, value_name = "PATH", value_parser = parse_path, help_heading = LOAD)]
    pub(crate) publish_path: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Raw {
    #[command(flatten)]
    pub(crate) talk: Talk,
    /// Size of a block, at least 1 byte, such as `20`, `16KiB` or `1MiB`
    #[arg(long, value_name = "BYTES", value_parser = parse_block_size, default_value = "20", help_heading = LOAD)]
    pub(crate) size: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Idle {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) upgrade: Upgrade,
    /// Open WebSockets instead of making one HTTP request on each connection
    #[arg(long, help_heading = LOAD)]
    pub(crate) ws: bool,
    /// The path of the request or of the WebSocket [default: the one in the URL, or /; on the built-in server /plaintext]
    #[arg(long, value_parser = parse_path, help_heading = LOAD)]
    pub(crate) path: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Connect {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) asked: Asked,
    #[command(flatten)]
    pub(crate) number: Number,
    #[command(flatten)]
    pub(crate) rate: Rate,
    /// Over https: resume the TLS session of an earlier connection; without it each handshake is a full one
    #[arg(long, requires = "target", help_heading = LOAD)]
    pub(crate) resume: bool,
    /// The path of the request [default: the one in the URL, or /; on the built-in server /plaintext]
    #[arg(long, value_parser = parse_path, help_heading = LOAD)]
    pub(crate) path: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Fanout {
    #[command(flatten)]
    pub(crate) talk: Talk,
    #[command(flatten)]
    pub(crate) upgrade: Upgrade,
    /// Size of a message, at least 12 bytes: it carries the time at which it was due, and its publisher
    #[arg(long, value_name = "BYTES", value_parser = parse_message_size, default_value = "20", help_heading = LOAD)]
    pub(crate) size: usize,
    /// The path of the WebSocket [default: the one in the URL, or /; on the built-in server /fanout]
    #[arg(long, value_parser = parse_path, help_heading = LOAD)]
    pub(crate) path: Option<String>,
}

/// How many operations there are.
#[derive(Debug, Args)]
pub(crate) struct Number {
    /// End after this number of operations, without a warm-up; --duration is then the longest time that they may take
    #[arg(short, long, value_name = "N", help_heading = LOAD)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000_000_000))]
    pub(crate) number: Option<u64>,
}

/// What every mode has.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// An address or URL, such as `127.0.0.1:8080`, `https://host/path` or `ws://host:9001/chat`; without one, the
    /// built-in server is started
    pub(crate) target: Option<Target>,
    /// Connections that are open at the same time
    #[arg(short, long, value_name = "N", default_value_t = CONNECTIONS, help_heading = LOAD)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(CONNECTIONS_MAX)))]
    pub(crate) connections: u32,
    /// How long to measure, such as `10s`, `500ms` or `2m`, after a warm-up of a tenth of it, at most 1s [default: 10s,
    /// with --number an hour]
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration, help_heading = LOAD)]
    pub(crate) duration: Option<Duration>,
    /// An answer that takes longer is an error, and its connection is replaced by a new one
    #[arg(long, value_name = "TIME", value_parser = parse_timeout, default_value = "5s", help_heading = LOAD)]
    pub(crate) timeout: Duration,
    /// Threads of the load generator, which share the connections
    #[arg(short, long, value_name = "N", default_value_t = 1, help_heading = LOAD)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=i64::from(THREADS_MAX)))]
    pub(crate) threads: u16,
    /// Trust the certificates in this PEM file, for https and wss [default: those that the system trusts]
    #[arg(long, value_name = "FILE", requires = "target", help_heading = LOAD)]
    pub(crate) ca_file: Option<PathBuf>,
    /// Trust every certificate, for https and wss: for test servers only
    #[arg(long, requires = "target", conflicts_with = "ca_file", help_heading = LOAD)]
    pub(crate) insecure: bool,
    /// The process of the target, if it runs on this machine: its processor time and memory are shown
    #[arg(long, value_name = "PID", requires = "target", help_heading = LOAD)]
    pub(crate) server_pid: Option<u32>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Output {
    /// Print the result as JSON instead of text
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json: bool,
    /// Write a page, `index.html`, and all figures, `result.json`, into this folder
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    pub(crate) report: Option<PathBuf>,
    /// Write over a report that is in the folder already
    #[arg(long, requires = "report", help_heading = OUTPUT)]
    pub(crate) force: bool,
    /// Show what has changed since an earlier `result.json`
    #[arg(long, value_name = "OLD.json", help_heading = OUTPUT)]
    pub(crate) compare: Option<PathBuf>,
    /// Exit with code 1 if this condition is met: `p99>2ms`, `rate<100k`, `errors>0`, `server-cpu>5us`, `memory>64MiB`; may be repeated
    #[arg(long, value_name = "CONDITION", help_heading = OUTPUT)]
    pub(crate) fail_if: Vec<Condition>,
}

#[derive(Debug, Args)]
pub(crate) struct Rate {
    /// Operations a second on all connections together, such as `5000` or `20k`; latency counts from the time at which
    /// each is due. Without it, as many as possible
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
    #[command(flatten)]
    pub(crate) number: Number,
    /// Operations in flight on each connection
    #[arg(short, long, value_name = "N", default_value_t = 1, help_heading = LOAD)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(PIPELINE_MAX)))]
    pub(crate) pipeline: u32,
    /// How many of the connections are slow readers: they read four times a second, and their latency is not counted
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = LOAD)]
    pub(crate) slow_readers: u32,
}

impl Mode {
    /// The path that was asked for.
    pub(crate) fn path(&self) -> Option<&String> {
        match self {
            Self::Http(args) => args.path.as_ref(),
            Self::Ws(args) => args.path.as_ref(),
            Self::Sse(args) => args.path.as_ref(),
            Self::Raw(_) => None,
            Self::Idle(args) => args.path.as_ref(),
            Self::Connect(args) => args.path.as_ref(),
            Self::Fanout(args) => args.path.as_ref(),
        }
    }

    /// What every mode has.
    pub(crate) fn common(&self) -> &Common {
        match self {
            Self::Http(args) => &args.talk.common,
            Self::Ws(args) => &args.talk.common,
            Self::Sse(args) => &args.talk.common,
            Self::Raw(args) => &args.talk.common,
            Self::Idle(args) => &args.common,
            Self::Connect(args) => &args.common,
            Self::Fanout(args) => &args.talk.common,
        }
    }
}

const HTTP: &str = "\
Each answer must have a status of 2xx; any other is an error.

Examples:
  jackfield bench http http://127.0.0.1:8080/
  jackfield bench http -c 100 -n 50000 http://127.0.0.1:8080/
  jackfield bench http --rate 5k -d 1m --fail-if 'p99>20ms' --fail-if 'errors>0' https://shop.example/
  jackfield bench http -X POST -H 'Content-Type: application/json' --body '{\"a\":1}' http://127.0.0.1:8080/items";

const WS: &str = "\
The server must send each message back; the length of the echo is checked.

Examples:
  jackfield bench ws ws://127.0.0.1:9001/
  jackfield bench ws --size 16KiB --rate 1k wss://echo.example/
  jackfield bench ws --text --message '{\"op\":\"ping\"}' --protocol json.v1 ws://127.0.0.1:9001/";

const CONNECT: &str = "\
Latency counts from the beginning of the connect to the end of the answer. Over https, handshakes are counted besides, as \
full or resumed, with their own latency: from the beginning of the connect to the end of the handshake.

Examples:
  jackfield bench connect http://127.0.0.1:8080/
  jackfield bench connect https://shop.example/
  jackfield bench connect --resume https://shop.example/";

const REQUEST: &str = "Request";
const LOAD: &str = "Load";
const OUTPUT: &str = "Output";

const SSE: &str = "\
Throughput counts deliveries: each publication comes on every stream. Without --rate, --pipeline publications are on \
their way at a time.";

const FANOUT: &str = "\
Throughput counts deliveries: each message comes on every connection, its publisher's included. Without --rate, each \
connection has --pipeline messages on their round at a time. Slow readers publish nothing.";

/// What the help of `plan` ends with.
pub(crate) const PLAN: &str = "\
A plan:
  target = 'http://127.0.0.1:8080'   # without it the built-in server is started
  connections = 64                   # also: threads, pipeline, timeout, ca_file, insecure
  fail_if = ['errors>0']             # in every stage

  [[request]]
  path = '/'
  weight = 9                         # nine of ten

  [[request]]
  path = '/items'
  method = 'POST'
  headers = { Content-Type = 'application/json' }
  body = '{\"a\":1}'

  [[stage]]
  name = 'usual'
  duration = '30s'
  rate = '2k'
  fail_if = ['p99>20ms']

  [[stage]]
  name = 'full'                      # without a rate: as fast as it can
  duration = '10s'
  connections = 256

Each stage is a run of its own, with a warm-up: its connections are opened anew.";
