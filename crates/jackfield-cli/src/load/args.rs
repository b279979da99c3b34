//! The command line of the modes of `jackfield bench` that put load on a server.

use super::values::{
    CONNECTIONS, CONNECTIONS_MAX, PIPELINE_MAX, THREADS_MAX, parse_block_size, parse_event_size,
    parse_header, parse_message_size, parse_method, parse_path, parse_token,
};
use crate::base::target::Target;
use crate::base::units::{parse_duration, parse_rate, parse_size, parse_timeout};
use crate::report::gate::Condition;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(crate) enum Mode {
    /// Send HTTP requests on connections that stay open
    #[command(after_help = HTTP)]
    Http(Http),
    /// Send WebSocket messages, and wait for their echo
    #[command(after_help = WS)]
    Ws(Ws),
    /// Post server-sent events, and wait until they come on many streams
    #[command(after_help = SSE)]
    Sse(Sse),
    /// Send bytes over bare TCP, and wait for their echo
    #[command(after_help = "The server must send every byte back, in order.")]
    Raw(Raw),
    /// Open connections that do nothing, to see how much memory of the server each needs
    #[command(
        after_help = "The memory is that of the server's process (VmRSS), without that of the kernel for the sockets."
    )]
    Idle(Idle),
    /// Open a connection, send one request, close it, and again
    #[command(after_help = CONNECT)]
    Connect(Connect),
    /// Send WebSocket messages that the server passes on to every connection
    #[command(after_help = FANOUT)]
    Fanout(Fanout),
}

/// A run that a file describes.
#[derive(Debug, Args)]
pub(crate) struct PlanFile {
    /// The plan: a TOML file with stages, requests with weights, and conditions under which it has failed
    #[arg(value_name = "PLAN.toml")]
    pub(crate) file: PathBuf,
    /// Print the results of all stages as JSON instead of text
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json: bool,
    /// Write a page (`index.html`) and all figures (`result.json`) of each stage into a subfolder of this folder [default: write no files]
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    pub(crate) report: Option<PathBuf>,
    /// Overwrite reports that exist already
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
    /// The body of the request [default: none]
    #[arg(long, value_name = "TEXT", help_heading = REQUEST)]
    pub(crate) body: Option<String>,
    /// Read the body of the request from this file
    #[arg(long, value_name = "FILE", conflicts_with = "body", help_heading = REQUEST)]
    pub(crate) body_file: Option<PathBuf>,
}

/// Further header fields.
#[derive(Debug, Args)]
pub(crate) struct Headers {
    /// A header field to add, such as `Authorization: Bearer x`. May be given several times
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = parse_header, help_heading = REQUEST)]
    pub(crate) fields: Vec<(String, String)>,
}

/// How a WebSocket is opened.
#[derive(Debug, Args)]
pub(crate) struct Upgrade {
    #[command(flatten)]
    pub(crate) headers: Headers,
    /// A subprotocol to offer. May be given several times: the first one is preferred
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
    /// Add the header fields that a browser sends: about 900 bytes
    #[arg(long, help_heading = LOAD)]
    pub(crate) browser: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Ws {
    #[command(flatten)]
    pub(crate) talk: Talk,
    #[command(flatten)]
    pub(crate) upgrade: Upgrade,
    /// Send text messages [default: binary messages]
    #[arg(long, help_heading = REQUEST)]
    pub(crate) text: bool,
    /// Send this message instead of one of --size bytes
    #[arg(long, value_name = "TEXT", conflicts_with = "size", help_heading = REQUEST)]
    pub(crate) message: Option<String>,
    /// Read the message from this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["size", "message"], help_heading = REQUEST)]
    pub(crate) message_file: Option<PathBuf>,
    /// Size of a message in bytes, such as `20`, `16KiB` or `1MiB`
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
    /// Size of an event in bytes, at least 20, such as `56` or `16KiB`
    #[arg(long, value_name = "BYTES", value_parser = parse_event_size, default_value = "56", help_heading = LOAD)]
    pub(crate) size: usize,
    /// The path of the streams [default: the one in the URL, or /; on the built-in server /feed]
    #[arg(long, value_parser = parse_path, help_heading = LOAD)]
    pub(crate) path: Option<String>,
    /// The path to which events are posted. A server of your own needs it [default: on the built-in server /publish]
    #[arg(long, value_name = "PATH", value_parser = parse_path, help_heading = LOAD)]
    pub(crate) publish_path: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Raw {
    #[command(flatten)]
    pub(crate) talk: Talk,
    /// Size of a block in bytes, at least 1, such as `20`, `16KiB` or `1MiB`
    #[arg(long, value_name = "BYTES", value_parser = parse_block_size, default_value = "20", help_heading = LOAD)]
    pub(crate) size: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Idle {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) upgrade: Upgrade,
    /// Open a WebSocket on each connection, instead of sending one HTTP request
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
    /// Over https: resume the TLS session of an earlier connection [default: each handshake is a full one]
    #[arg(long, help_heading = LOAD)]
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
    /// Size of a message in bytes, at least 12, such as `20` or `16KiB`
    #[arg(long, value_name = "BYTES", value_parser = parse_message_size, default_value = "20", help_heading = LOAD)]
    pub(crate) size: usize,
    /// The path of the WebSocket [default: the one in the URL, or /; on the built-in server /fanout]
    #[arg(long, value_parser = parse_path, help_heading = LOAD)]
    pub(crate) path: Option<String>,
}

/// How many operations there are.
#[derive(Debug, Args)]
pub(crate) struct Number {
    /// End after this number of operations, or after --duration. There is no warm-up then [default: until --duration is over]
    #[arg(short, long, value_name = "N", help_heading = LOAD)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000_000_000))]
    pub(crate) number: Option<u64>,
}

/// What every mode has.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// An address or URL, such as `127.0.0.1:8080`, `https://host/path` or `ws://host:9001/chat` [default: the built-in server, which
    /// is started]
    pub(crate) target: Option<Target>,
    /// How many connections are open at the same time
    #[arg(short, long, value_name = "N", default_value_t = CONNECTIONS, help_heading = LOAD)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(CONNECTIONS_MAX)))]
    pub(crate) connections: u32,
    /// How long to measure, such as `10s`, `500ms` or `2m`. A warm-up goes before: a tenth of it, at most 1s [default: 10s, with
    /// --number 1h]
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration, help_heading = LOAD)]
    pub(crate) duration: Option<Duration>,
    /// How long an answer may take, such as `5s` or `500ms`. If it takes longer, that is an error, and a new connection is opened. All
    /// connections together may take this time to open, and at least 30s
    #[arg(long, value_name = "TIME", value_parser = parse_timeout, default_value = "5s", help_heading = LOAD)]
    pub(crate) timeout: Duration,
    /// How many threads of this tool share the connections
    #[arg(short, long, value_name = "N", default_value_t = 1, help_heading = LOAD)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=i64::from(THREADS_MAX)))]
    pub(crate) threads: u16,
    /// For https and wss: trust the certificates in this PEM file [default: those that the system trusts]
    #[arg(long, value_name = "FILE", help_heading = LOAD)]
    pub(crate) ca_file: Option<PathBuf>,
    /// For https and wss: trust every certificate. Use it for test servers only
    #[arg(long, conflicts_with = "ca_file", help_heading = LOAD)]
    pub(crate) insecure: bool,
    /// The process ID of the server, if it runs on this machine. Then its processor time and memory are shown
    #[arg(long, value_name = "PID", help_heading = LOAD)]
    pub(crate) server_pid: Option<u32>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Output {
    /// Print the result as JSON instead of text
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json: bool,
    /// Write a page (`index.html`) and all figures (`result.json`) into this folder [default: write no files]
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    pub(crate) report: Option<PathBuf>,
    /// Overwrite a report that is in the folder already
    #[arg(long, requires = "report", help_heading = OUTPUT)]
    pub(crate) force: bool,
    /// Show what has changed since an earlier run, whose `result.json` this is. With --json it is a part of the result
    #[arg(long, value_name = "OLD.json", help_heading = OUTPUT)]
    pub(crate) compare: Option<PathBuf>,
    /// Exit with code 1 if this is true, such as `p99>2ms`, `rate<100k`, `errors>0`, `server-cpu>5us` or `memory>64MiB`. May be given
    /// several times
    #[arg(long, value_name = "CONDITION", help_heading = OUTPUT)]
    pub(crate) fail_if: Vec<Condition>,
}

#[derive(Debug, Args)]
pub(crate) struct Rate {
    /// How many operations to begin in a second, on all connections together, such as `5000` or `20k`. The latency of each counts from
    /// the time at which it should begin. Above 10k for each thread, those of 100 µs are due at the same moment [default: as many as
    /// possible]
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
    /// How many operations each connection may begin before the first of them is answered
    #[arg(short, long, value_name = "N", default_value_t = 1, help_heading = LOAD)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(PIPELINE_MAX)))]
    pub(crate) pipeline: u32,
    /// How many of the connections read slowly, only four times a second. Their latency is not counted
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
  jackfield bench http --rate 5k -d 1m --fail-if 'p99>20ms' https://shop.example/
  jackfield bench http -X POST -H 'Content-Type: text/plain' --body hello http://127.0.0.1:8080/";

const WS: &str = "\
The server must send each message back; the length of the echo is checked.

Examples:
  jackfield bench ws ws://127.0.0.1:9001/
  jackfield bench ws --size 16KiB --rate 1k wss://echo.example/
  jackfield bench ws --text --message '{\"op\":\"ping\"}' --protocol json.v1 ws://127.0.0.1:9001/";

const CONNECT: &str = "\
The latency of an operation is the time from the beginning of the connection to the end of the answer. Over https, full and \
resumed handshakes are counted too. Their latency ends with the handshake.

Examples:
  jackfield bench connect http://127.0.0.1:8080/
  jackfield bench connect https://shop.example/
  jackfield bench connect --resume https://shop.example/";

const REQUEST: &str = "Request";
const LOAD: &str = "Load";
const OUTPUT: &str = "Output";

const SSE: &str = "\
The throughput counts deliveries: an event that comes on 10 streams counts 10 times. Without --rate, --pipeline says how \
many events may be posted before the first of them has come on every stream.";

const FANOUT: &str = "\
The server must send each message to every connection, its sender included. The throughput counts deliveries: a message \
that comes on 10 connections counts 10 times. Slow readers send nothing.";

/// What the help of `plan` ends with.
pub(crate) const PLAN: &str = "\
A plan:
  target = 'http://127.0.0.1:8080'   # without it the built-in server is started
  connections = 64                   # also: threads, pipeline, timeout, ca_file, insecure, server_pid
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

Each stage is a separate run, with new connections and a warm-up. The file that ca_file names is looked for from the current folder, \
not from the plan's.";
