//! `attack`: does to one server what attackers do on the internet, and checks its goals.
//!
//! Each attack is a file: [`unfinished`] (for two of them), [`idle`], [`descriptors`], [`mutants`], [`slow_readers`]. Its
//! connections are a [`crowd`] with a role. A [`normal`] client runs beside them, on a [`mod@line`]. The [`effect`] on it, and
//! on the [`victim`], is measured from outside. The result is rows with a [`goal`] each, which [`table`] shows.

mod answer;
pub mod args;
mod breed;
mod crowd;
mod descriptors;
mod effect;
pub mod goal;
mod idle;
mod line;
mod mutants;
mod normal;
mod slow_readers;
pub mod table;
pub mod task;
mod unfinished;
mod victim;
pub mod what;

use crate::base::error::Error;
use crate::base::output::{say, tell};
use crate::base::proc;
use crate::base::progress::Progress;
use crate::load::interrupt;
use args::Attack;
use goal::{Row, Sheet, Verdict};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use task::{Stop, Task};
use unfinished::Manner;
use what::What;

/// Does one attack.
type Run = fn(&Task<'_>) -> Result<Sheet, Error>;

/// The exit code if a goal was missed.
const MISSED: u8 = 1;

/// Attacks, and shows what came of it.
///
/// # Errors
/// As [`check`], [`rows`] and [`show`].
pub fn attack(args: &Attack) -> Result<ExitCode, Error> {
    check(args)?;
    let stop = interrupt::flag()?;
    let holds = show(args, &rows(args, &stop)?)?;
    if stop.load(Ordering::Relaxed) {
        tell("interrupted: these are the attacks that had ended");
        return Ok(ExitCode::from(interrupt::EXIT));
    }
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::from(MISSED) })
}

/// Looks for all that can be found wrong before an attack.
///
/// # Errors
/// The command line makes no sense.
pub fn check(args: &Attack) -> Result<(), Error> {
    proc::raise_descriptor_limit();
    args.check(proc::descriptor_limit())
}

/// Attacks, and says what came of it. After Ctrl-C these are the attacks that had ended.
///
/// # Errors
/// The server does not answer as it should from the start.
pub fn rows(args: &Attack, stop: &Stop) -> Result<Vec<Row>, Error> {
    let attacks: [(What, &'static str, Run); 6] = [
        (What::SlowHeads, "slow-heads", |task| unfinished::run(task, Manner::Slow)),
        (What::SilentHandshakes, "silent-handshakes", |task| unfinished::run(task, Manner::Silent)),
        (What::Idle, "idle", idle::run),
        (What::Descriptors, "descriptors", descriptors::run),
        (What::Mutants, "mutants", mutants::run),
        (What::SlowReaders, "slow-readers", slow_readers::run),
    ];
    let wanted = attacks.into_iter().filter(|(what, ..)| args.includes(*what));
    all(wanted.map(|(_, name, run)| {
        let task = Task { args, progress: Progress::new(), stop: stop.clone() };
        // What fails after Ctrl-C says nothing about the server.
        (name, move || run(&task).map_err(|error| task::check(&task.stop).err().unwrap_or(error)))
    }))
}

/// The rows of these attacks, one after the other.
fn all<A: FnOnce() -> Result<Sheet, Error>>(
    attacks: impl Iterator<Item = (&'static str, A)>,
) -> Result<Vec<Row>, Error> {
    let mut rows: Vec<Row> = Vec::new();
    for (name, run) in attacks {
        match run() {
            Ok(sheet) => rows.extend(sheet.rows),
            Err(Error::Interrupted) => break,
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

/// Prints the table, or the figures as JSON. False if a goal is missed.
///
/// # Errors
/// They can't be written.
pub fn show(args: &Attack, rows: &[Row]) -> Result<bool, Error> {
    say(&if args.json { format!("{:#}\n", table::json(rows)) } else { table::text(rows) })?;
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

    #[test]
    fn after_ctrl_c_the_attacks_that_had_ended_are_shown() {
        let mut sheet = Sheet::new("first");
        sheet.at_most("failures", 0.0, Unit::Count, Ok(0.0));
        let ends = [Ok(sheet), Err(Error::Interrupted), Err(Error::Refused("it was not to be tried".into()))];
        let rows = all(ends.into_iter().map(|end| ("a", move || end)));
        assert!(rows.is_ok_and(|rows| rows.len() == 1 && rows[0].verdict() == Verdict::Met));
        assert!(all([("a", || Err(Error::Interrupted))].into_iter()).is_ok_and(|rows| rows.is_empty()));
    }
}
