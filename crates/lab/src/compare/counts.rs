//! The user-space instructions and system calls of one operation.
//!
//! Each server runs under valgrind, and then under strace, for two numbers of operations; the difference is that of the
//! operations alone. Both make a server many times slower, so they have passes of their own after the timed ones, with
//! one connection if the row does not need more.

use super::child::{Gap, Running};
use super::contender::{Contender, Kind};
use super::ground::{self, Ground};
use super::rows::Row;
use jackfield_cli::base::machine;
use jackfield_cli::bench;
use jackfield_cli::bench::plan::{Plan, Play};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

/// What was counted for one operation, or why it was not.
#[derive(Clone, Debug)]
pub(crate) struct Counts {
    pub(crate) instructions: Result<f64, String>,
    pub(crate) calls: Result<Calls, String>,
}

/// System calls for one operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Calls {
    pub(crate) all: f64,
    pub(crate) failed: f64,
    /// The same by name.
    pub(crate) by_name: BTreeMap<String, f64>,
}

/// The longest that a counted run may take: a server under valgrind is some fifty times slower.
const RUN_MAX: Duration = Duration::from_secs(20);

/// A program that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counter {
    Valgrind,
    Strace,
}

impl Counts {
    /// Counts, for one operation; `None` if the row has nothing that could be counted.
    pub(crate) fn of(contender: &Contender, row: &Row, ground: &Ground) -> Option<Self> {
        let most = operations(row)?;
        let count = |counter: Counter| {
            let many = most / counter.divisor();
            let few = many / 5;
            let run = |operations| counter.run(contender, row, ground, operations);
            let (short, long) = (run(few)?, run(many)?);
            Ok((short, long, (many - few) as f64 * deliveries(row)))
        };
        let instructions = count(Counter::Valgrind).and_then(|(short, long, operations)| {
            let total = |text: &str| total(text).ok_or_else(|| UNREADABLE.to_owned());
            Ok((total(&long)? - total(&short)?) / operations)
        });
        let calls = count(Counter::Strace).and_then(|(short, long, operations)| {
            let table = |text: &str| table(text).ok_or_else(|| UNREADABLE.to_owned());
            Ok(Calls::between(&table(&short)?, &table(&long)?, operations))
        });
        Some(Self { instructions, calls })
    }

    /// What was not counted, and why.
    pub(crate) fn gaps(&self) -> Vec<String> {
        let gap = |what: &str, why: Option<&String>| why.map(|why| format!("{what} not counted: {why}"));
        let gaps = [
            gap("instructions", self.instructions.as_ref().err()),
            gap("system calls", self.calls.as_ref().err()),
        ];
        gaps.into_iter().flatten().collect()
    }

    /// Both as text.
    pub(crate) fn describe(&self) -> String {
        let instructions = self.instructions.as_ref().map(|each| format!("{each:.0}"));
        let calls = self.calls.as_ref().map(Calls::show);
        let word = |what: Result<String, &String>| what.unwrap_or_else(Clone::clone);
        format!("instructions {}, system calls {}", word(instructions), word(calls))
    }
}

impl Calls {
    /// How many, and how many of them failed.
    pub(crate) fn show(&self) -> String {
        let failed =
            if self.failed < WORTH_TELLING { String::new() } else { format!(", {:.2} failed", self.failed) };
        format!("{:.2}{failed}", self.all)
    }

    /// The difference between the two runs, for each operation.
    fn between(short: &Table, long: &Table, operations: f64) -> Self {
        let mut calls = Self::default();
        for (name, (all, failed)) in long {
            let (all_before, failed_before) = short.get(name).copied().unwrap_or_default();
            let each = (all - all_before) / operations;
            calls.all += each;
            calls.failed += (failed - failed_before) / operations;
            if each.abs() >= WORTH_TELLING {
                calls.by_name.insert(name.clone(), each);
            }
        }
        calls
    }
}

const UNREADABLE: &str = "what was counted can't be read";
/// Calls that are rarer than this do not belong to the operations.
const WORTH_TELLING: f64 = 0.005;

impl Counter {
    fn name(self) -> &'static str {
        match self {
            Self::Valgrind => "valgrind",
            Self::Strace => "strace",
        }
    }

    /// What it writes to.
    fn file(self) -> PathBuf {
        env::temp_dir().join(format!("jackfield-{}-{}", self.name(), std::process::id()))
    }

    /// By how much fewer operations will do.
    fn divisor(self) -> u64 {
        match self {
            Self::Valgrind => 1,
            // What it counts is nearly the same in each operation, and each call costs it a lot.
            Self::Strace => 4,
        }
    }

    /// Why it can't count what this server does.
    fn refuses(self, contender: &Contender) -> Option<&'static str> {
        (self == Self::Valgrind && contender.kind == Kind::Bun)
            .then_some("it compiles as it runs (JIT), and does not start under valgrind in bearable time")
    }

    /// The counter, and its arguments before those of the server.
    fn command(self, file: &Path) -> Result<Vec<String>, String> {
        let program =
            machine::program(self.name()).ok_or_else(|| format!("{} is not installed", self.name()))?;
        let file = file.to_string_lossy();
        let args: Vec<String> = match self {
            Self::Valgrind => vec![
                "--tool=cachegrind".into(),
                "--cache-sim=no".into(),
                "--read-inline-info=no".into(),
                format!("--cachegrind-out-file={file}"),
            ],
            // The server has to end with strace, which is the launcher's business.
            Self::Strace => {
                let launcher = env::current_exe().map_err(|error| error.to_string())?;
                let launcher = launcher.to_string_lossy().into_owned();
                ["-f", "-c", "-o", &file, &launcher, "launch", "--"].map(str::to_owned).to_vec()
            }
        };
        Ok([vec![program.to_string_lossy().into_owned()], args].concat())
    }

    /// The counter's output about a run of this number of operations.
    fn run(
        self,
        contender: &Contender,
        row: &Row,
        ground: &Ground,
        operations: u64,
    ) -> Result<String, String> {
        if let Some(why) = self.refuses(contender) {
            return Err(why.to_owned());
        }
        let file = self.file();
        let command = self.command(&file)?;
        let explain = |gap| match gap {
            Gap::Lasting(why) | Gap::Failure(why) => format!("under {}: {why}", self.name()),
        };
        let running = Running::start(contender, row, &ground.places, ground.server_core(), &command);
        let running = running.map_err(explain)?;
        let plan = ground.places.identity.secure(row, plan(row, operations));
        let outcome = plan.and_then(|plan| bench::bench(&plan, &running.server()));
        running.stop();
        let text = take(&file);
        let outcome = outcome.map_err(ground::failure).map_err(explain)?;
        if outcome.operations < operations * deliveries(row) as u64 {
            let error = outcome.errors.keys().next().map_or("too slow", |kind| kind);
            return Err(explain(Gap::Failure(format!("not all operations succeeded: {error}"))));
        }
        text.map_err(|why| explain(Gap::Failure(why)))
    }
}

/// The instructions of a program from its beginning to its end.
///
/// # Errors
/// They can't be counted, as a sentence.
pub(crate) fn instructions(program: &str, args: &[String]) -> Result<f64, String> {
    let counter = Counter::Valgrind;
    let file = counter.file();
    let command = counter.command(&file)?;
    let output = Command::new(&command[0]).args(&command[1..]).arg(program).args(args).output();
    let text = take(&file);
    let output = output.map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("it failed under {}", counter.name()));
    }
    total(&text?).ok_or_else(|| UNREADABLE.to_owned())
}

/// A counter's output.
fn take(file: &Path) -> Result<String, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("nothing was counted: {error}"));
    // If that fails, the system cleans up the temporary file.
    let _ = fs::remove_file(file);
    text
}

/// Operations of the longer run, or publications where things are published. `None`: nothing is counted.
fn operations(row: &Row) -> Option<u64> {
    match row.play {
        Play::IdleHttp | Play::IdleWs => None,
        // It is not known when slow readers have read all of it.
        _ if row.slow_readers > 0 => None,
        Play::Sse | Play::Fanout => Some(1_280),
        Play::Connect => Some(2_000),
        Play::Http | Play::Ws | Play::Raw if row.size > 4096 => Some(2_000),
        Play::Http | Play::Ws | Play::Raw => Some(8_000),
    }
}

fn deliveries(row: &Row) -> f64 {
    if row.play.publishes() { row.connections as f64 } else { 1.0 }
}

fn plan(row: &Row, operations: u64) -> Plan {
    let plan = row.plan(RUN_MAX, 0);
    let connections = if row.play.publishes() { plan.connections } else { 1 };
    Plan { connections, operations: Some(operations), ..plan }
}

/// The instructions of a whole run.
fn total(cachegrind: &str) -> Option<f64> {
    cachegrind.lines().rev().find_map(|line| line.strip_prefix("summary:"))?.trim().parse().ok()
}

/// Calls by name, and how many of them failed.
type Table = BTreeMap<String, (f64, f64)>;

/// Lines of the share, the seconds, the time for each, the calls, if there were any the errors, and the name.
fn table(strace: &str) -> Option<Table> {
    let line = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (calls, errors, name) = match fields[..] {
            [_, _, _, calls, name] => (calls, "0", name),
            [_, _, _, calls, errors, name] => (calls, errors, name),
            _ => return None,
        };
        Some((name.to_owned(), (calls.parse().ok()?, errors.parse().ok()?)))
    };
    let table: Table = strace.lines().filter_map(line).filter(|(name, _)| name != "total").collect();
    (!table.is_empty()).then_some(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_of_the_counters_is_read() {
        assert_eq!(total("events: Ir\nfn=a\n1 2\nsummary: 123456 \n"), Some(123_456.0));
        assert_eq!(total("summary: none"), None);
        let text = "% time     seconds  usecs/call     calls    errors syscall\n\
            ------ ----------- ----------- --------- --------- ----------------\n\
            60.00    0.002000           1      2000       100 recvfrom\n\
            40.00    0.001000           1      1900           sendto\n\
            ------ ----------- ----------- --------- --------- ----------------\n\
            100.00    0.003000           1      3900       100 total\n";
        let long = table(text).expect("it is a table");
        assert_eq!((long.len(), long["recvfrom"]), (2, (2000.0, 100.0)));
        assert_eq!(table("nothing\n"), None);
        let short = Table::from([("recvfrom".to_owned(), (1000.0, 50.0)), ("mmap".to_owned(), (9.0, 0.0))]);
        let calls = Calls::between(&short, &long, 1000.0);
        assert_eq!((calls.all, calls.failed, calls.by_name["sendto"]), (2.9, 0.05, 1.9));
    }
}
