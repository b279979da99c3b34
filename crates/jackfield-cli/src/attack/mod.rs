//! `attack`: what people do to servers on the open network, done to one on purpose, and whether it keeps within its
//! goals.
//!
//! Each attack is a file: [`slow_heads`], [`idle`], [`descriptors`], [`mutants`], [`slow_readers`]. Its connections are a
//! [`crowd`] with a role, beside them goes on a [`normal`] client, and what it does to the [`victim`] is read from
//! outside. What comes out are rows with a [`goal`] each, which [`table`] shows.

pub(crate) mod args;
mod breed;
mod crowd;
mod descriptors;
mod goal;
mod idle;
mod mutants;

mod normal;
mod slow_heads;
mod slow_readers;
mod table;
mod victim;

use crate::base::error::Error;
use crate::base::papers::Section;
use crate::base::proc;
use crate::base::progress::Progress;
use args::{Attack, What};
use goal::{Row, Sheet, Verdict};
use std::fs;
use std::io::{self, Write};

/// Does one attack.
type Run = fn(&Attack, &Progress) -> Result<Sheet, Error>;

/// Where the table goes in a document.
const SECTION: Section = Section("attack");
/// Attacks, and writes down what came of it. False if a goal is missed.
///
/// # Errors
/// The command line makes no sense, the server does not answer as it should from the start, or a file can't be
/// written.
pub(crate) fn attack(args: &Attack) -> Result<bool, Error> {
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
    // A reader that has gone does not change the verdict.
    let _ = io::stdout().write_all(table::text(&rows).as_bytes());
    if let Some(path) = &args.json {
        let text = format!("{:#}\n", table::json(&rows));
        fs::write(path, text).map_err(|error| Error::File(path.clone(), error))?;
    }
    if let Some(path) = &args.markdown {
        SECTION.write(Some(path), &table::markdown(&rows))?;
    }
    Ok(rows.iter().all(|row| row.verdict() != Verdict::Missed))
}
