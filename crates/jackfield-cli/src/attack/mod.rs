//! `attack`: does to one server what attackers do on the internet, and checks its goals.
//!
//! Each attack is a file: [`unfinished`] (for two of them), [`idle`], [`descriptors`], [`mutants`], [`slow_readers`]. Its
//! connections are a [`crowd`] with a role. A [`normal`] client runs beside them. The [`effect`] on it, and on the [`victim`], is
//! measured from outside. The result is rows with a [`goal`] each, which [`table`] shows.

pub mod args;
mod breed;
mod crowd;
mod descriptors;
mod effect;
pub mod goal;
mod idle;
mod mutants;
mod normal;
mod slow_readers;
pub mod table;
mod unfinished;
mod victim;

use crate::base::error::Error;
use crate::base::output::say;
use crate::base::proc;
use crate::base::progress::Progress;
use args::{Attack, What};
use goal::{Row, Sheet, Verdict};
use std::fs::{self, OpenOptions};
use std::path::Path;
use unfinished::Manner;

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
    args.json.as_deref().map(check_writable).transpose()?;
    proc::raise_descriptor_limit();
    let attacks: [(What, &'static str, Run); 6] = [
        (What::SlowHeads, "slow-heads", |args, progress| unfinished::run(args, progress, Manner::Slow)),
        (What::SilentHandshakes, "silent-handshakes", |args, progress| {
            unfinished::run(args, progress, Manner::Silent)
        }),
        (What::Idle, "idle", |args, _| idle::run(args)),
        (What::Descriptors, "descriptors", descriptors::run),
        (What::Mutants, "mutants", mutants::run),
        (What::SlowReaders, "slow-readers", slow_readers::run),
    ];
    let wanted = attacks.into_iter().filter(|(what, ..)| args.includes(*what));
    all(wanted.map(|(_, name, run)| (name, move || run(args, &Progress::new()))))
}

/// Checks that the file for the figures can be written, before anything is attacked.
fn check_writable(path: &Path) -> Result<(), Error> {
    let is_new = !path.exists();
    let opened = OpenOptions::new().write(true).create(true).truncate(false).open(path);
    opened.map_err(|error| Error::File(path.to_owned(), error))?;
    if is_new {
        // A file that can't be removed is empty.
        let _ = fs::remove_file(path);
    }
    Ok(())
}

/// The rows of these attacks, one after the other.
fn all<A: FnOnce() -> Result<Sheet, Error>>(
    attacks: impl Iterator<Item = (&'static str, A)>,
) -> Result<Vec<Row>, Error> {
    let mut rows: Vec<Row> = Vec::new();
    for (name, run) in attacks {
        match run() {
            Ok(sheet) => rows.extend(sheet.rows),
            Err(error) if rows.is_empty() => return Err(error),
            // The earlier attacks have ended the server, perhaps. That is a result, and so is what they have shown.
            Err(error) => {
                let mut sheet = Sheet::new(name);
                sheet.gave_out(&error);
                rows.extend(sheet.rows);
                break;
            }
        }
    }
    Ok(rows)
}

/// Prints the table, and writes the figures if that was asked for. False if a goal is missed.
///
/// # Errors
/// A file can't be written.
pub fn show(args: &Attack, rows: &[Row]) -> Result<bool, Error> {
    say(&table::text(rows));
    if let Some(path) = &args.json {
        let text = format!("{:#}\n", table::json(rows));
        fs::write(path, text).map_err(|error| Error::File(path.clone(), error))?;
    }
    Ok(rows.iter().all(|row| row.verdict() != Verdict::Missed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use goal::Unit;

    #[test]
    fn a_server_that_an_attack_has_ended_is_a_missed_goal() {
        let attack = |works: bool| {
            move || {
                let mut sheet = Sheet::new("first");
                sheet.at_most("failures", 0.0, Unit::Count, Ok(0.0));
                if works { Ok(sheet) } else { Err(Error::Refused("nobody is there".into())) }
            }
        };
        let run =
            |works: &[bool]| all(["a", "b", "c"].into_iter().zip(works.iter().map(|works| attack(*works))));
        let verdicts = |works: &[bool]| {
            run(works).map(|rows| rows.iter().map(|row| (row.attack, row.verdict())).collect::<Vec<_>>())
        };
        assert_eq!(verdicts(&[true, true]).ok(), Some(vec![("first", Verdict::Met); 2]));
        // What was found before is not lost, and nothing more is tried.
        let expected = vec![("first", Verdict::Met), ("b", Verdict::Missed)];
        assert_eq!(verdicts(&[true, false, true]).ok(), Some(expected));
        assert!(run(&[true, false]).is_ok_and(|rows| rows[1].shown().contains("nobody is there")));
        assert!(run(&[false, true]).is_err(), "nothing was measured");
    }
}
