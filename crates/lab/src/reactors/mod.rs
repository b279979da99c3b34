//! `reactors`: the gain of a second reactor, on two cores.
//!
//! The load generator needs a core too: it takes one of the two if a request costs only the kernel's work. So there are
//! three figures: servers in memory that are their own peers; a server over sockets whose handler computes, so that the
//! client has little to do; and one whose handler does nothing. In the last one only the CPU for one request shows
//! whether two reactors slow each other down.

pub(crate) mod args;

use crate::base::cores;
use crate::base::figure::Figure;
use crate::base::papers::{self, Section};
use crate::compare::check_turn;
use crate::compare::ground::root_above;
use crate::compare::rows::row;
use crate::growth::ask::{ask, field};
use args::Reactors;
use jackfield_cli::base::error::Error;
use jackfield_cli::base::machine;
use jackfield_cli::base::output::tell;
use jackfield_cli::base::proc;
use jackfield_cli::base::units;
use jackfield_cli::bench;
use jackfield_cli::bench::outcome::Outcome;
use jackfield_cli::bench::plan::{Plan, Play};
use jackfield_cli::bench::server::Server;
use jackfield_cli::serve::compute;
use std::fmt::Write;
use std::time::Duration;

/// One line of the table.
#[derive(Debug)]
struct Line {
    name: String,
    /// One value for each run, of one reactor and of two.
    one: Vec<f64>,
    two: Vec<f64>,
    show: fn(f64) -> String,
    /// The share of a core that the client used beside two reactors.
    client: Vec<f64>,
    /// Two reactors are meant to do twice as much.
    is_judged: bool,
}

/// Where the table stands in the documents.
const SECTION: Section = Section("reactors");
/// Events in memory on each thread, for each second that a server over sockets is given.
const EVENTS_PER_SECOND: f64 = 1_000_000.0;
/// How much is computed to know how long that takes, and how often.
const ROUNDS: u64 = 1_000_000;
const TRIALS: usize = 20;

/// Measures, and writes it down. False if two reactors do less than the required multiple of the work of one.
///
/// # Errors
/// There are not two cores, or a server fails.
pub(crate) fn reactors(args: &Reactors) -> Result<bool, Error> {
    check_turn(args.seconds)?;
    let &[first, second, ..] = &cores::allowed()[..] else {
        return Err(Error::Usage("two reactors need two cores, and this process may not use two".into()));
    };
    let here = || std::env::current_dir().ok().and_then(|here| root_above(&here));
    let root = args.root.clone().or_else(here);
    let numbers = args.numbers.clone().or_else(|| Some(root.as_ref()?.join("docs/numbers.md")));
    papers::check(numbers.as_deref(), None)?;
    let rounds = rounds_for(args.work, proc::own_cpu);
    let work = units::time(args.work.as_nanos() as f64);
    let mut lines = [
        Line::new("in memory, HTTP requests", rate, true),
        Line::new("in memory, WebSocket echoes of 20 B", rate, true),
        Line::new("in memory, CPU for one HTTP request", units::time, false),
        Line::new("in memory, CPU for one WebSocket echo", units::time, false),
        Line::new(&format!("over sockets, {work} of work for each request"), rate, true),
        Line::new("over sockets, no work: throughput", rate, false),
        Line::new("over sockets, no work: CPU for one request", units::time, false),
    ];
    for run in 1..=args.runs {
        for (number, reactors) in [(0, 1), (0, 2), (1, 1), (1, 2)] {
            let (rate, cpu) = in_memory(reactors, [first, second], number == 1, args.seconds)?;
            lines[number].add(reactors, rate);
            lines[number + 2].add(reactors, cpu);
        }
        for reactors in [1, 2] {
            let busy = over_sockets("/work", rounds, reactors, args.seconds)?;
            lines[4].add(reactors, busy.rate());
            let idle = over_sockets("/plaintext", 0, reactors, args.seconds)?;
            lines[5].add(reactors, idle.rate());
            lines[6].add(reactors, idle.server_ns_per_operation().unwrap_or(f64::NAN));
            if reactors == 2 {
                lines[4].client.extend(busy.client_share());
                lines[5].client.extend(idle.client_share());
            }
        }
        for line in &lines {
            tell(&format!("run {run} of {}, {}: {}", args.runs, line.name, line.last()));
        }
    }
    SECTION.write(numbers.as_deref(), &section(&lines, root.as_deref()))?;
    let is_enough = |line: &Line| {
        line.times().is_some_and(|times| args.at_least.is_none_or(|least| times.median >= least))
    };
    Ok(lines.iter().filter(|line| line.is_judged).all(is_enough))
}

impl Line {
    fn new(name: &str, show: fn(f64) -> String, is_judged: bool) -> Self {
        let (one, two, client) = (Vec::new(), Vec::new(), Vec::new());
        Self { name: name.to_owned(), one, two, show, client, is_judged }
    }

    fn add(&mut self, reactors: usize, value: f64) {
        if reactors == 1 { self.one.push(value) } else { self.two.push(value) }
    }

    /// Two in relation to one, each run by itself.
    fn times(&self) -> Option<Figure> {
        Figure::of(
            self.one.iter().zip(&self.two).map(|(one, two)| two / one).filter(|times| times.is_finite()),
        )
    }

    fn last(&self) -> String {
        let last = |values: &[f64]| values.last().map_or_else(String::new, |value| (self.show)(*value));
        format!("{} with one reactor, {} with two", last(&self.one), last(&self.two))
    }

    fn cells(&self) -> String {
        let median = |values: &[f64]| Figure::of(values.iter().copied()).map(|figure| figure.median);
        let show = |values: &[f64]| median(values).map_or_else(|| "–".to_owned(), self.show);
        let times = self.times().map_or_else(
            || "–".to_owned(),
            |times| format!("{:.2} ({:.2} – {:.2})", times.median, times.least, times.most),
        );
        let client =
            median(&self.client).map_or_else(|| "–".to_owned(), |share| format!("{:.0} %", share * 100.0));
        format!("| {} | {} | {} | {times} | {client} |", self.name, show(&self.one), show(&self.two))
    }
}

/// Events a second of this number of servers in memory, each on a thread and a core of its own, and the CPU time of one event.
fn in_memory(threads: usize, cores: [usize; 2], ws: bool, duration: Duration) -> Result<(f64, f64), Error> {
    let events = (duration.as_secs_f64() * EVENTS_PER_SECOND) as usize;
    let (threads_arg, events) = (threads.to_string(), events.to_string());
    let cores = cores.map(|core| core.to_string()).join(",");
    let mut args = vec!["world", "--threads", &threads_arg, "--events", &events, "--cores", &cores];
    if ws {
        args.push("--ws");
    }
    let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
    let failed = |why| Error::Usage(format!("a server in memory failed: {why}"));
    let said = ask(&args).map_err(failed)?;
    let field = |name| field(&said, name).map_err(failed);
    let events = field("events")?;
    Ok((events / (field("elapsed_ns")? / 1e9), field("cpu_ns")? / events))
}

fn over_sockets(path: &str, work: u64, reactors: usize, duration: Duration) -> Result<Outcome, Error> {
    proc::raise_descriptor_limit();
    let args = ["--reactors".to_owned(), reactors.to_string(), "--work".to_owned(), work.to_string()];
    let server = Server::start(false, &args)?;
    let plan = Plan { path: path.to_owned(), ..row("", "", Play::Http).plan(duration, 0) };
    let outcome = bench::bench(&plan, &server)?;
    match outcome.errors.keys().next() {
        Some(error) => Err(Error::Refused(error.to_string())),
        None => Ok(outcome),
    }
}

/// How much can be computed in this processor time, which a clock counts.
fn rounds_for(time: Duration, clock: impl Fn() -> Duration) -> u64 {
    let trial = |_| {
        let begin = clock();
        compute(ROUNDS);
        clock().saturating_sub(begin)
    };
    let best = (0..TRIALS).map(trial).min().unwrap_or_default().max(Duration::from_nanos(1));
    (time.as_secs_f64() / best.as_secs_f64() * ROUNDS as f64) as u64
}

fn rate(value: f64) -> String {
    format!("{}/s", units::count(value))
}

const METHOD: &str = "\
Figures are medians; *times* is two reactors divided by one, for each run, with the least and the most. *In memory* each
thread is a server with its own peers, and the threads share only the process. Two threads may do less than twice the work for
two reasons: they hinder each other, or they did not have two whole cores. The CPU for one event, with the peers, tells which: it
grows only for the first reason. *With work* the handler computes for the time that the row names, so the client (the last column
is its share of a core) leaves nearly all of both cores to the server. *Without work* the client needs a whole core: with one
reactor both cores are full already, so the throughput of two reactors means nothing. There too the CPU for one request tells
whether the reactors hinder each other.";

fn section(lines: &[Line], root: Option<&std::path::Path>) -> String {
    let mut text = String::new();
    if cfg!(debug_assertions) {
        text.push_str("**Taken with a debug build: these figures say nothing.**\n\n");
    }
    let commit = root.and_then(machine::commit_in).unwrap_or_else(|| "unknown".into());
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(text, "- Command: `{}`\n- Commit: `{commit}`\n\n{METHOD}\n", machine::command());
    text.push_str("| | one reactor | two reactors | times | client |\n| --- | ---: | ---: | ---: | ---: |\n");
    for line in lines {
        let _ = writeln!(text, "{}", line.cells());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_same_run() {
        let mut line = Line::new("a", rate, true);
        for (reactors, value) in [(1, 100.0), (2, 190.0), (1, 200.0), (2, 400.0), (1, 100.0), (2, 180.0)] {
            line.add(reactors, value);
        }
        assert_eq!(line.times(), Some(Figure { median: 1.9, least: 1.8, most: 2.0 }));
        assert_eq!(line.cells(), "| a | 100/s | 190/s | 1.90 (1.80 – 2.00) | – |");
        assert_eq!(Line::new("b", rate, true).cells(), "| b | – | – | – | – |");
    }

    #[test]
    fn work_takes_time_in_proportion() {
        // A trial takes 2 ms, by this clock.
        let now = std::cell::Cell::new(Duration::ZERO);
        let clock = || now.replace(now.get() + Duration::from_millis(2));
        assert_eq!(rounds_for(Duration::from_millis(2), clock), ROUNDS);
        assert_eq!(rounds_for(Duration::from_millis(20), clock), ROUNDS * 10);
        // Where no time passes the answer is large, and no panic.
        assert!(rounds_for(Duration::from_millis(1), || Duration::ZERO) > ROUNDS * 1000);
    }
}
