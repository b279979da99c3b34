//! The command line.

use crate::attack::ToGoals;
use crate::compare::args::{COMPARE, Compare};
use crate::files::ServeFiles;
use crate::growth::args::{GROWTH, Growth, World};
use crate::launch::Launch;
use crate::reactors::args::{REACTORS, Reactors};
use clap::{Parser, Subcommand};
use jackfield_cli::serve::Serve;

/// Measures Jackfield for its own documents.
#[derive(Debug, Parser)]
#[command(name = "lab")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Jackfield beside other servers; writes docs/numbers.md and docs/report
    #[command(after_help = COMPARE)]
    Compare(Compare),
    /// How cost grows; writes docs/numbers.md and docs/report
    #[command(after_help = GROWTH)]
    Growth(Growth),
    /// What a second reactor brings; writes docs/numbers.md
    #[command(after_help = REACTORS)]
    Reactors(Reactors),
    /// `jackfield attack`, judged by the goals that Jackfield has set itself; writes docs/numbers.md
    Attack(ToGoals),
    /// A server in memory, which is its own peers
    #[command(hide = true)]
    World(World),
    /// The server that is measured
    #[command(hide = true)]
    Serve(Serve),
    /// The server of files that is measured
    #[command(hide = true)]
    ServeFiles(ServeFiles),
    /// Become another program, which runs on one core and ends together with its parent process
    #[command(hide = true)]
    Launch(Launch),
}
