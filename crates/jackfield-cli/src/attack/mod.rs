//! `attack`: does to one server what attackers do on the internet, and checks its goals.
//!
//! Each attack is a file: [`slow_heads`], [`idle`], [`descriptors`], [`mutants`], [`slow_readers`]. Its connections are a
//! [`crowd`] with a role. A [`normal`] client runs beside them. The effect on the [`victim`] is measured from outside.
//! The result is rows with a [`goal`] each, which [`table`] shows.

pub mod args;
mod breed;
mod crowd;
mod descriptors;
pub mod goal;
mod idle;
mod mutants;

mod normal;
mod slow_heads;
mod slow_readers;
pub mod table;
mod victim;

use crate::base::error::Error;
use crate::base::proc;
use crate::base::progress::Progress;
use args::{Attack, What};
use goal::{Row, Sheet, Verdict};
use std::fs;
use std::io::{self, Write};

/// Does one attack.
type Run = fn(&Attack, &Progress) -> Result<Sheet, Error>;

/// Attacks, and shows what came of it. False if a goal is missed.
///
/// # Errors
/// As [`rows`] and [`show`].
pub fn attack(args: &Attack) -> Result<bool, Error> {
    show(args, &rows(args)?)
}

/// Attacks, and says what came of it.
///
/// # Errors
/// The command line makes no sense, or the server does not answer as it should from the start.
pub fn rows(args: &Attack) -> Result<Vec<Row>, Error> {
    proc::raise_descriptor_limit();
    let attacks: [(What, Run); 5] = [
        (What::SlowHeads, slow_heads::run),
        (What::Idle, |args, _| idle::run(args)),
        (What::Descriptors, descriptors::run),
        (What::Mutants, mutants::run),
        (What::SlowReaders, slow_readers::run),
    ];
    let mut rows: Vec<Row> = Vec::new();
    for (what, run) in attacks {
        if args.what.includes(what) {
            rows.extend(run(args, &Progress::new())?.rows);
        }
    }
    Ok(rows)
}

/// Prints the table, and writes the figures if that was asked for. False if a goal is missed.
///
/// # Errors
/// A file can't be written.
pub fn show(args: &Attack, rows: &[Row]) -> Result<bool, Error> {
    // A reader that has gone does not change the verdict.
    let _ = io::stdout().write_all(table::text(rows).as_bytes());
    if let Some(path) = &args.json {
        let text = format!("{:#}\n", table::json(rows));
        fs::write(path, text).map_err(|error| Error::File(path.clone(), error))?;
    }
    Ok(rows.iter().all(|row| row.verdict() != Verdict::Missed))
}
