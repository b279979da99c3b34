//! The parts of the tool `jackfield`. This is no stable interface: it may change with each release, and is public only
//! for the measurements in Jackfield's own repository.
//!
//! [`cli`] is the command line, one variant for each subcommand. [`mod@load`] puts load on one server, with the engine of
//! [`mod@bench`] and the pages of [`report`]; [`serve`] is the server that is started when none is named. [`mod@fuzz`]
//! searches for faults in the protocols and the server, and [`mod@attack`] attacks a running server. Another subcommand
//! needs a room with its arguments, a variant, and a line in `run`.

#[doc(hidden)]
pub mod attack;
#[doc(hidden)]
pub mod base;
#[doc(hidden)]
pub mod bench;
mod cli;
mod fuzz;
mod load;
#[doc(hidden)]
pub mod report;
#[doc(hidden)]
pub mod serve;

use base::error::Error;
use base::output::tell;
use clap::Parser;
use cli::{Bench, Cli, Command};
use std::process::ExitCode;

/// A condition of `--fail-if` was met, a property does not hold, a goal was missed, or the server did not answer as it should.
const FAILED: u8 = 1;
/// Nothing could be measured.
const BROKEN: u8 = 2;

/// The tool, from its command line to its exit status.
#[must_use]
pub fn main() -> ExitCode {
    match run(&Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            tell(&format!("jackfield: {error}"));
            let is_refused = matches!(error.downcast_ref(), Some(Error::Refused(_)));
            ExitCode::from(if is_refused { FAILED } else { BROKEN })
        }
    }
}

fn run(command: &Command) -> Result<ExitCode, Box<dyn std::error::Error>> {
    Ok(match command {
        Command::Bench { what } => bench(what)?,
        Command::Fuzz(args) => verdict(fuzz::fuzz(args)?, FAILED),
        Command::Sim(args) => verdict(fuzz::sim::sim(args)?, FAILED),
        Command::Attack(args) => attack::attack(args)?,
        Command::Serve(args) => {
            serve::serve(args)?;
            ExitCode::SUCCESS
        }
    })
}

fn bench(what: &Bench) -> Result<ExitCode, Box<dyn std::error::Error>> {
    Ok(match what {
        Bench::Load(mode) => load::load(mode)?,
        Bench::Plan(args) => load::stages::run(args)?,
    })
}

fn verdict(holds: bool, otherwise: u8) -> ExitCode {
    if holds { ExitCode::SUCCESS } else { ExitCode::from(otherwise) }
}
