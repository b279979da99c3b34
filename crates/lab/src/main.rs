//! `lab`: what measures Jackfield itself, and needs its repository.
//!
//! [`compare`] runs servers side by side, which [`launch`] starts. [`growth`] measures how cost grows, [`reactors`] the
//! gain of a second reactor. [`attack`] has the project's own goals. Each writes its section of docs/numbers.md. The
//! load, the attacks and the pages are those of the tool, `jackfield_cli`.

mod attack;
mod base;
mod cli;
mod compare;
mod files;
mod growth;
mod launch;
mod reactors;

use clap::Parser;
use cli::{Cli, Command};
use jackfield_cli::base::output;
use jackfield_cli::serve;
use std::process::ExitCode;

/// A goal was missed.
const MISSED: u8 = 1;
/// Nothing could be measured.
const BROKEN: u8 = 2;

fn main() -> ExitCode {
    match run(&Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            output::tell(&format!("lab: {error}"));
            ExitCode::from(BROKEN)
        }
    }
}

fn run(command: &Command) -> Result<ExitCode, Box<dyn std::error::Error>> {
    Ok(match command {
        Command::Compare(args) => verdict(compare::compare(args)?, BROKEN),
        Command::Growth(args) => verdict(growth::growth(args)?, BROKEN),
        Command::Reactors(args) => verdict(reactors::reactors(args)?, MISSED),
        Command::Attack(args) => verdict(attack::attack(args)?, MISSED),
        Command::World(args) => {
            output::say(&format!("{}\n", growth::world::run(args)?))?;
            ExitCode::SUCCESS
        }
        Command::Serve(args) => {
            serve::serve(args)?;
            ExitCode::SUCCESS
        }
        Command::ServeFiles(args) => {
            files::serve(args)?;
            ExitCode::SUCCESS
        }
        Command::Launch(args) => return Err(launch::launch(args).into()),
    })
}

fn verdict(holds: bool, otherwise: u8) -> ExitCode {
    if holds { ExitCode::SUCCESS } else { ExitCode::from(otherwise) }
}
