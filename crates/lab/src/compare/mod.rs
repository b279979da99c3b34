//! `compare`: this server beside the loop that does nothing and beside other libraries, under the same load.
//!
//! [`rows`] has the loads and [`contender`] the servers. The servers take turns in each run (A B C A B C), each as a new
//! [`child`] process on a core of its own (`base::cores`), so that other work on the machine affects all of them alike.
//! Afterwards [`counts`] counts instructions with valgrind and system calls with strace. [`board`] has the figures, and
//! [`markdown`] and [`page`] show them.

pub(crate) mod args;
pub(crate) mod bars;
pub(crate) mod board;
pub(crate) mod child;
pub(crate) mod contender;
pub(crate) mod counts;
pub(crate) mod ground;
pub(crate) mod identity;
pub(crate) mod json;
pub(crate) mod markdown;
pub(crate) mod origin;
pub(crate) mod pace;
pub(crate) mod page;
pub(crate) mod rows;
pub(crate) mod turn;

use crate::base::papers::{self, Section};
use args::Compare;
use board::{Board, Entry};
use child::Gap;
use contender::{CONTENDERS, Contender, Kind};
use counts::Counts;
use ground::Ground;
use jackfield_cli::base::error::Error;
use jackfield_cli::base::output::tell;
use jackfield_cli::base::units;
use origin::Origin;
use pace::Pace;
use rows::{ROWS, Row};
use std::time::Duration;
use turn::Turn;

/// How it is to be measured.
#[derive(Debug)]
struct Setting {
    ground: Ground,
    runs: usize,
    duration: Duration,
    idle_connections: usize,
    counts: bool,
    rows: Vec<&'static Row>,
    contenders: Vec<&'static Contender>,
}

/// The section of the documents with the tables.
const SECTION: Section = Section("compare");
/// The figures of a shorter turn would mean nothing.
const TURN_MIN: Duration = Duration::from_millis(50);

/// Measures, and writes it down. False if this server has not been measured in each row.
///
/// # Errors
/// The command line makes no sense, or a file can't be written.
pub(crate) fn compare(args: &Compare) -> Result<bool, Error> {
    let setting = Setting::new(args)?;
    let is_whole = args.rows.is_empty() && args.servers.is_empty();
    let default = |path: &str| is_whole.then(|| setting.ground.places.root.join(path));
    let numbers = args.whereabouts.numbers.clone().or_else(|| default("docs/numbers.md"));
    let report = args.whereabouts.report.clone().or_else(|| default("docs/report"));
    papers::check(numbers.as_deref(), report.as_deref())?;
    setting.ground.enter()?;
    let boards: Vec<Board> = setting.rows.iter().map(|row| setting.measure(row)).collect();
    let origin = Origin::new(&setting.ground, setting.runs());
    let section = markdown::section(&boards, &origin);
    SECTION.write(numbers.as_deref(), &section)?;
    if let Some(report) = report {
        let json = format!("{:#}\n", json::result(&boards, &origin));
        let files = [("index.html", page::page(&boards, &origin)), ("compare.json", json)];
        papers::write_files(&report, &files.map(|(name, text)| (name.to_owned(), text)))?;
        tell(&format!("report: {}", report.join("index.html").display()));
    }
    let is_wanted = setting.contenders.iter().any(|contender| contender.kind == Kind::Ours);
    let is_measured =
        |board: &Board| board.entry(Kind::Ours).is_some_and(|entry| entry.turns.iter().all(Option::is_some));
    Ok(!is_wanted || boards.iter().all(is_measured))
}

impl Setting {
    fn new(args: &Compare) -> Result<Self, Error> {
        check_turn(args.seconds)?;
        let rows = choose(ROWS, &args.rows, |row| row.id)?;
        let contenders = choose(CONTENDERS, &args.servers, |contender| contender.name)?;
        Ok(Self {
            ground: Ground::new(&args.whereabouts)?,
            runs: args.runs as usize,
            duration: args.seconds,
            idle_connections: args.idle_connections as usize,
            counts: !args.no_counts,
            rows,
            contenders,
        })
    }

    fn runs(&self) -> String {
        format!(
            "{} of {} for each server and row, in turns; {} connections in the rows about memory",
            self.runs,
            units::time(self.duration.as_nanos() as f64),
            units::count(self.idle_connections as f64)
        )
    }

    /// All turns of all servers in one row, and after them what can be counted.
    fn measure(&self, row: &'static Row) -> Board {
        let takes_part = self.contenders.iter().filter(|contender| contender.takes_part(row));
        let entry = |contender: &&'static Contender| Entry {
            contender,
            turns: Vec::new(),
            gap: None,
            remark: contender.remark(row, &self.ground.places),
            counts: None,
        };
        let mut entries: Vec<Entry> = takes_part.map(entry).collect();
        let mut is_hopeless = vec![false; entries.len()];
        for run in 1..=self.runs {
            for (entry, is_hopeless) in entries.iter_mut().zip(&mut is_hopeless) {
                if *is_hopeless {
                    entry.turns.push(None);
                    continue;
                }
                let turn = self.ground.turn(entry.contender, row, self.duration, self.idle_connections);
                let (name, said) = (entry.contender.name, describe(&turn));
                tell(&format!("{}, run {run} of {}, {name}: {said}", row.id, self.runs));
                *is_hopeless = matches!(turn, Err(Gap::Lasting(_)));
                match turn {
                    Ok(turn) => entry.turns.push(Some(turn)),
                    Err(Gap::Lasting(why) | Gap::Failure(why)) => {
                        entry.turns.push(None);
                        entry.gap = Some(why);
                    }
                }
            }
        }
        for entry in entries.iter_mut().filter(|entry| self.counts && entry.is_measured()) {
            entry.counts = Counts::of(entry.contender, row, &self.ground);
            if let Some(counts) = &entry.counts {
                tell(&format!("{}, counted, {}: {}", row.id, entry.contender.name, counts.describe()));
            }
        }
        let mut board = Board { row, entries, paces: Vec::new() };
        if row.is_paced {
            board.paces = self.measure_paces(&board);
        }
        board
    }

    /// All turns at fixed rates of the servers that have a figure.
    fn measure_paces(&self, board: &Board) -> Vec<Pace> {
        let Board { row, entries, .. } = board;
        let Some(slowest) = board.slowest() else { return Vec::new() };
        let measure = |(share, part): (&'static str, f64)| {
            let rate = (slowest * part).round();
            let mut turns: Vec<Vec<Option<Turn>>> = entries.iter().map(|_| Vec::new()).collect();
            for run in 1..=self.runs {
                for (entry, turns) in entries.iter().zip(&mut turns) {
                    let turn = || self.ground.paced_turn(entry.contender, row, self.duration, rate);
                    let turn = entry.is_measured().then(turn).and_then(Result::ok);
                    let p99 =
                        turn.as_ref().map_or_else(|| "failed".into(), |turn| units::time(turn.latencies[1]));
                    tell(&format!(
                        "{} at {rate}/s, run {run} of {}, {}: p99 {p99}",
                        row.id, self.runs, entry.contender.name
                    ));
                    turns.push(turn);
                }
            }
            Pace { share, rate, turns }
        };
        pace::SHARES.map(measure).into()
    }
}

/// # Errors
/// Nothing can be measured in so short a time.
pub(crate) fn check_turn(duration: Duration) -> Result<(), Error> {
    if duration < TURN_MIN {
        return Err(Error::Usage("nothing can be measured in less than 50ms".into()));
    }
    Ok(())
}

fn describe(turn: &Result<Turn, Gap>) -> String {
    match turn {
        Ok(turn) => format!(
            "{}/s, cost {}, server {:.0} %, client {:.0} %, others {:.0} %, errors {}",
            units::count(turn.rate),
            turn.cost.map_or_else(|| "unknown".into(), |cost| format!("{cost:.0}")),
            turn.server_load * 100.0,
            turn.client_load * 100.0,
            turn.others_load * 100.0,
            turn.errors,
        ),
        Err(Gap::Lasting(why) | Gap::Failure(why)) => why.clone(),
    }
}

/// The named ones, in the order of the list; all of them, if none is named.
pub(crate) fn choose<T>(
    all: &'static [T],
    wanted: &[String],
    name: fn(&T) -> &'static str,
) -> Result<Vec<&'static T>, Error> {
    if let Some(unknown) = wanted.iter().find(|wanted| !all.iter().any(|one| name(one) == *wanted)) {
        let names: Vec<&str> = all.iter().map(name).collect();
        return Err(Error::Usage(format!("`{unknown}` is not one of {}", names.join(", "))));
    }
    Ok(all
        .iter()
        .filter(|one| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name(one)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_chosen_in_their_own_order() {
        let chosen = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
            let rows = choose(ROWS, &wanted, |row| row.id)?;
            Ok::<Vec<&str>, Error>(rows.iter().map(|row| row.id).collect())
        };
        assert_eq!(chosen(&["ws", "http"]).ok(), Some(vec!["http", "ws"]));
        assert_eq!(chosen(&[]).map(|all| all.len()).ok(), Some(ROWS.len()));
        let error = chosen(&["http", "tls"]).map_err(|error| error.to_string());
        assert!(error.is_err_and(|error| error.contains("`tls`") && error.contains("idle-ws")));
    }
}
