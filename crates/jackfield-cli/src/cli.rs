//! The command line.

use crate::attack::args::{self as attack, Attack};
use crate::fuzz::args::{FUZZ, Fuzz, SIM, Sim};
use crate::load::args::{Mode, PLAN, PlanFile};
use crate::serve::Serve;
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, Subcommand};

/// Tools for servers built with Jackfield, and for any other.
#[derive(Debug, Parser)]
#[command(name = "jackfield", version, styles = STYLES, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Put load on a server, and show throughput, latency, processor time and memory
    #[command(subcommand_value_name = "MODE", subcommand_help_heading = "Modes", after_help = BENCH)]
    #[command(long_about = BENCH_ABOUT)]
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
    /// Fuzz Jackfield's protocols and server with random inputs
    #[command(after_help = FUZZ)]
    Fuzz(Fuzz),
    /// Simulate Jackfield's server on bad networks
    #[command(after_help = SIM)]
    Sim(Sim),
    /// Attack a server of yours, and show how it reacts
    #[command(after_help = attack::AFTER)]
    Attack(Attack),
    /// The built-in server, which `bench` and `attack` start
    #[command(hide = true)]
    Serve(Serve),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    #[command(flatten)]
    Load(Box<Mode>),
    /// Send HTTP requests by a plan in a file: several stages, and several paths with weights
    #[command(after_help = PLAN)]
    Plan(PlanFile),
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

`jackfield bench --help` explains the measurements, `jackfield bench MODE --help` lists the options.";

const BENCH_ABOUT: &str = "\
Put load on a server, and show throughput, latency, processor time and memory.

Without a target the built-in server is started as a separate process. Then the result shows the cost of Jackfield itself. \
With --report DIR a page with plots is written to DIR/index.html, and all figures to DIR/result.json.

Without --rate each connection begins an operation as soon as the last one ends. That finds the highest throughput, but \
the latencies are those of a full server. With --rate each operation has a time at which it should begin, and its latency \
counts from there, even if it is sent later. That finds the latency at a given load.";

const BENCH: &str = "\
Examples:
  jackfield bench http --connections 64 --pipeline 16 --duration 10s
  jackfield bench http --rate 20k http://127.0.0.1:8080/plaintext --server-pid 4242
  jackfield bench ws --size 16KiB --report old
  jackfield bench ws --size 16KiB --compare old/result.json
  jackfield bench http --json --fail-if 'errors>0' http://127.0.0.1:8080/ > result.json
  jackfield bench sse --connections 100 --rate 500
  jackfield bench fanout --connections 64 --slow-readers 2

Exit status: 0 if all went well; 1 if a --fail-if condition was met, no operation succeeded, --resume resumed no session, or \
the server answered wrongly from the start; 2 if nothing could be measured, for example because the command line is wrong, \
or if the result can't be written; 130 after Ctrl-C, which shows the results until then.";
