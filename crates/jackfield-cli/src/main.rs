//! `jackfield`: the command-line tool.
//!
//! [`args`] is the command line, one variant for each subcommand; [`mod@bench`] the load generator, [`report`] what is
//! made of its figures, [`serve`] the server that it starts when it is given none. A further subcommand is a variant, a
//! module, and a line in `run`. [`compare`] runs servers side by side, which [`launch`] starts; [`growth`] and
//! [`reactors`] say how cost grows, and what a second reactor brings. [`mod@fuzz`] and [`mod@sim`] look for what is wrong
//! with the server itself, and [`mod@attack`] does harm to one that runs.

mod args;
mod attack;
mod bench;
mod compare;
mod fuzz;
mod growth;
mod launch;
mod reactors;
mod report;
mod serve;
mod sim;
mod units;

use args::bench::{Bench, Mode};
use args::{Cli, Command};
use bench::Error;
use bench::plan::Plan;
use bench::server::Server;
use clap::Parser;
use report::{gate, json, text};
use std::io::{self, Write};
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
    match command {
        Command::Bench { what: Bench::Load(mode) } => Ok(run_bench(mode)?),
        Command::Bench { what: Bench::Compare(args) } => {
            let is_complete = compare::compare(args)?;
            Ok(if is_complete { ExitCode::SUCCESS } else { ExitCode::from(BROKEN) })
        }
        Command::Bench { what: Bench::Growth(args) } => {
            Ok(if growth::growth(args)? { ExitCode::SUCCESS } else { ExitCode::from(BROKEN) })
        }
        Command::Bench { what: Bench::Reactors(args) } => {
            Ok(if reactors::reactors(args)? { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
        }
        Command::Bench { what: Bench::World(args) } => {
            println!("{}", growth::world::run(args)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Fuzz(args) => Ok(verdict(fuzz::fuzz(args)?)),
        Command::Sim(args) => Ok(verdict(sim::sim(args))),
        Command::Attack(args) => Ok(verdict(attack::attack(args)?)),
        Command::Serve(args) => {
            serve::serve(args)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Launch(args) => Err(launch::launch(args).into()),
    }
}

fn verdict(holds: bool) -> ExitCode {
    if holds { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}

fn run_bench(mode: &Mode) -> Result<ExitCode, Error> {
    let output = &mode.common().output;
    let plan = Plan::new(mode).map_err(Error::Usage)?;
    // Read first: the run may write over it.
    let old = output.compare.as_deref().map(report::read).transpose()?;
    bench::proc::raise_descriptor_limit();
    let server = Server::of(&plan)?;
    let outcome = bench::bench(&plan, &server)?;
    let result = json::result(&plan, &server, &outcome);
    drop(server);
    let mut text = text::report(&result, old.as_ref());
    if !output.no_report {
        report::write(&output.report, &result, old.as_ref())?;
        text.push_str(&format!("\nreport: {}\n", output.report.join("index.html").display()));
    }
    // A reader that has gone does not change the verdict.
    let _ = io::stdout().write_all(text.as_bytes());
    let is_void = outcome.operations == 0 && !plan.play.is_idle();
    let judged = judge(&output.fail_if, &result);
    Ok(if is_void { ExitCode::from(BROKEN) } else { judged })
}

fn judge(conditions: &[gate::Condition], result: &serde_json::Value) -> ExitCode {
    let complaints: Vec<String> =
        conditions.iter().filter_map(|condition| condition.complaint(&condition.judge(result))).collect();
    for complaint in &complaints {
        eprintln!("failed: {complaint}");
    }
    verdict(complaints.is_empty())
}
