//! `jackfield`: the command-line tool.
//!
//! [`cli`] is the command line, one variant for each subcommand. [`mod@load`] puts load on one server, with the engine of
//! [`mod@bench`] and the pages of [`report`]; [`serve`] is the server that is started when none is named. [`compare`] runs
//! servers side by side, which [`launch`] starts; [`growth`] and [`reactors`] say how cost grows, and what a second
//! reactor brings. [`mod@fuzz`] looks for what is wrong with the protocols and the server, and [`mod@attack`] does harm to
//! a server that runs. A further subcommand is a room with its arguments, a variant, and a line in `run`.

mod attack;
mod base;
mod bench;
mod cli;
mod compare;
mod fuzz;
mod growth;
mod launch;
mod load;
mod reactors;
mod report;
mod serve;

use clap::Parser;
use cli::{Bench, Cli, Command};
use std::process::ExitCode;

/// A condition of `--fail-if` was met, a property does not hold, or a goal was missed.
const FAILED: u8 = 1;
/// Nothing could be measured.
const BROKEN: u8 = 2;

fn main() -> ExitCode {
    match run(&Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("jackfield: {error}");
            ExitCode::from(BROKEN)
        }
    }
}

fn run(command: &Command) -> Result<ExitCode, Box<dyn std::error::Error>> {
    Ok(match command {
        Command::Bench { what } => bench(what)?,
        Command::Fuzz(args) => verdict(fuzz::fuzz(args)?, FAILED),
        Command::Sim(args) => verdict(fuzz::sim::sim(args)?, FAILED),
        Command::Attack(args) => verdict(attack::attack(args)?, FAILED),
        Command::Serve(args) => {
            serve::serve(args)?;
            ExitCode::SUCCESS
        }
        Command::Launch(args) => return Err(launch::launch(args).into()),
    })
}

fn bench(what: &Bench) -> Result<ExitCode, Box<dyn std::error::Error>> {
    Ok(match what {
        Bench::Load(mode) => load::load(mode)?,
        Bench::Plan(args) => load::stages::run(args)?,
        Bench::Compare(args) => verdict(compare::compare(args)?, BROKEN),
        Bench::Growth(args) => verdict(growth::growth(args)?, BROKEN),
        Bench::Reactors(args) => verdict(reactors::reactors(args)?, FAILED),
        Bench::World(args) => {
            println!("{}", growth::world::run(args)?);
            ExitCode::SUCCESS
        }
    })
}

fn verdict(holds: bool, otherwise: u8) -> ExitCode {
    if holds { ExitCode::SUCCESS } else { ExitCode::from(otherwise) }
}
