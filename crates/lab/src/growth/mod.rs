//! `growth`: how cost grows with connections, with subscribers and with the size of a message.
//!
//! Over real sockets the built-in server takes turns with the loop that does nothing, which shows how the kernel's part
//! of the cost grows. If a plot needs more connections than a machine has ports, they are in memory ([`world`]).
//! [`series`] draws the figures. The page begins with the [`headline`].

pub(crate) mod args;
pub(crate) mod ask;
mod headline;
mod series;
pub(crate) mod world;

use crate::base::figure::Figure;
use crate::base::papers::{self, Section};
use crate::compare::child::Gap;
use crate::compare::contender::{CONTENDERS, Contender, Kind};
use crate::compare::ground::Ground;
use crate::compare::origin::Origin;
use crate::compare::rows::{Row, row};
use crate::compare::{check_turn, choose, counts};
use args::Growth;
use ask::{ask, field, own_program};
use jackfield_cli::base::error::Error;
use jackfield_cli::base::output;
use jackfield_cli::base::proc;
use jackfield_cli::base::units;
use jackfield_cli::bench::plan::Play;
use jackfield_cli::report::markup;
use maud::html;
use serde_json::{Value, json};
use series::{
    CONNECTIONS, Curve, INSTRUCTIONS, MEMORY, Point, Quantity, SIZE, SUBSCRIBERS, Series, TIME, TIME_OF_BYTE,
};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// One thing that is drawn.
#[derive(Debug)]
struct Subject {
    /// Its name on the command line.
    id: &'static str,
    title: &'static str,
    across: Quantity,
    up: Quantity,
    at: &'static [usize],
    how: How,
}

/// How a point is measured.
#[derive(Clone, Copy, Debug)]
enum How {
    /// Over sockets: the load for a value of the growing quantity.
    Sockets(fn(usize) -> Row),
    /// The same, for each byte of a message.
    Bytes(fn(usize) -> Row),
    /// In memory: this of an event or of a connection.
    Memory(Measure),
}

#[derive(Clone, Copy, Debug)]
enum Measure {
    Time,
    Instructions,
    Bytes,
}

const REAL: &[usize] = &[1, 10, 100, 1_000, 10_000];
const SIZES: &[usize] =
    &[20, 128, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20];

const SUBJECTS: &[Subject] = &[
    Subject {
        id: "connections-http",
        title: "CPU for one HTTP request, one in flight on each connection",
        across: CONNECTIONS,
        up: TIME,
        at: REAL,
        how: How::Sockets(|connections| Row { connections, ..row("http", "", Play::Http) }),
    },
    Subject {
        id: "connections-ws",
        title: "CPU for one WebSocket echo of 20 B, one in flight on each connection",
        across: CONNECTIONS,
        up: TIME,
        at: REAL,
        how: How::Sockets(|connections| Row { connections, size: 20, ..row("ws", "", Play::Ws) }),
    },
    Subject {
        id: "memory-time",
        title: "Time for one event, in memory",
        across: CONNECTIONS,
        up: TIME,
        at: &[1, 10, 100, 1_000, 10_000, 100_000, 1_000_000],
        how: How::Memory(Measure::Time),
    },
    Subject {
        id: "memory-instructions",
        title: "Instructions for one event, in memory",
        across: CONNECTIONS,
        up: INSTRUCTIONS,
        at: &[1, 10, 100, 1_000, 10_000, 100_000],
        how: How::Memory(Measure::Instructions),
    },
    Subject {
        id: "memory-bytes",
        title: "Memory of one connection, in memory",
        across: CONNECTIONS,
        up: MEMORY,
        at: &[1_000, 10_000, 100_000, 1_000_000],
        how: How::Memory(Measure::Bytes),
    },
    Subject {
        id: "subscribers-ws",
        title: "CPU for one delivery of 20 B, one publisher with 16 messages in flight",
        across: SUBSCRIBERS,
        up: TIME,
        at: REAL,
        how: How::Sockets(|connections| Row {
            connections,
            size: 20,
            pipeline: 16,
            publishers: 1,
            ..row("fanout", "", Play::Fanout)
        }),
    },
    Subject {
        id: "subscribers-sse",
        title: "CPU for one delivery on an event stream, one event at a time",
        across: SUBSCRIBERS,
        up: TIME,
        at: REAL,
        how: How::Sockets(|connections| Row { connections, ..row("sse", "", Play::Sse) }),
    },
    Subject {
        id: "size",
        title: "CPU for one byte of a WebSocket echo, 4 connections, one from 1 MiB on",
        across: SIZE,
        up: TIME_OF_BYTE,
        at: SIZES,
        // Messages in flight at the end have cost something and are not counted: with long messages they must be few.
        how: How::Bytes(|size| {
            let connections = if size < 1 << 20 { 4 } else { 1 };
            Row { size, connections, ..row("ws", "", Play::Ws) }
        }),
    },
];

/// The section of the documents with the tables.
const SECTION: Section = Section("growth");
/// Events in memory that are timed, for each second that a server over sockets is given.
const EVENTS_PER_SECOND: f64 = 400_000.0;
/// Events whose instructions are counted, in the shorter and the longer of two runs.
const EVENTS_COUNTED: [usize; 2] = [2_000, 12_000];
/// Descriptors that are not connections.
const DESCRIPTORS_BESIDES: usize = 64;
/// How it was measured.
const METHOD: &str = "\
CPU is the server's processor time, with the kernel's. Figures are medians, with the least and the most of all runs in
parentheses. *limit* is a loop that only receives and sends: its growth is the part of the kernel and of the processor's caches.
*In memory* there is no kernel: the peers are in the same process, up to 64 connections that are far apart in memory become ready at a
time, and only the server's turns are timed. Instructions are those of the process, with the peers. Memory is the growth of the
process's pages, without the memory of the peers.";

/// Measures, and writes it down. False if there is a gap in a figure of this server.
///
/// # Errors
/// The command line makes no sense, or a file can't be written.
pub(crate) fn growth(args: &Growth) -> Result<bool, Error> {
    if let Some(path) = &args.from {
        return again(path, args.whereabouts.report.as_deref()).map(|()| true);
    }
    check_turn(args.seconds)?;
    let subjects = choose(SUBJECTS, &args.plots, |subject| subject.id)?;
    let ground = Ground::new(&args.whereabouts)?;
    let default = |path: &str| args.is_whole().then(|| ground.places.root.join(path));
    let numbers = args.whereabouts.numbers.clone().or_else(|| default("docs/numbers.md"));
    let report = args.whereabouts.report.clone().or_else(|| default("docs/report"));
    papers::check(numbers.as_deref(), report.as_deref())?;
    ground.enter()?;
    let job = Job { ground: &ground, runs: args.runs as usize, duration: args.seconds, most: args.most };
    let all: Vec<Series> = subjects.iter().map(|subject| job.measure(subject)).collect();
    let runs = format!("{} of {} at each point", args.runs, units::time(args.seconds.as_nanos() as f64));
    let origin = Origin::new(&ground, runs);
    SECTION.write(numbers.as_deref(), &section(&all, &origin))?;
    if let Some(report) = report {
        let json = json!({ "schema": 1, "origin": origin.json(), "plots": all.iter().map(Series::json).collect::<Vec<Value>>() });
        papers::write_files(&report, &[("growth.json".to_owned(), format!("{json:#}\n"))])?;
        write_pages(&report, &all, &origin)?;
    }
    let ours = all.iter().flat_map(|series| series.lines.iter().filter(|curve| curve.name != "limit"));
    Ok(ours.flat_map(|curve| &curve.points).all(|point| point.figure.is_ok()))
}

/// Writes the page and its plots anew, with the figures of an earlier run.
fn again(path: &Path, report: Option<&Path>) -> Result<(), Error> {
    let text = fs::read_to_string(path).map_err(|error| Error::File(path.to_owned(), error))?;
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    let all =
        earlier(&json).ok_or_else(|| Error::Usage(format!("{} is not of `lab growth`", path.display())))?;
    let beside = path.parent().unwrap_or(Path::new("."));
    write_pages(report.unwrap_or(beside), &all, &Origin::of(&json["origin"]))
}

/// The plots of an earlier run.
fn earlier(json: &Value) -> Option<Vec<Series>> {
    let series = |plot: &Value| {
        let Subject { id, title, across, up, .. } =
            *SUBJECTS.iter().find(|subject| plot["id"] == subject.id)?;
        Some(Series { id, title, across, up, lines: Curve::all_of(plot)? })
    };
    json["plots"].as_array()?.iter().map(series).collect()
}

fn write_pages(report: &Path, all: &[Series], origin: &Origin) -> Result<(), Error> {
    let mut files = vec![("growth.html".to_owned(), page(all, origin))];
    files.extend(all.iter().map(|series| (file_name(series), series.file())));
    papers::write_files(report, &files)?;
    output::tell(&format!("report: {}", report.join("growth.html").display()));
    Ok(())
}

/// How it is to be measured.
#[derive(Debug)]
struct Job<'a> {
    ground: &'a Ground,
    runs: usize,
    duration: Duration,
    /// The largest value of the growing quantity.
    most: Option<usize>,
}

impl Job<'_> {
    fn measure(&self, subject: &Subject) -> Series {
        let lines = match subject.how {
            How::Sockets(row) => self.over_sockets(subject, row, |_| 1.0),
            // In picoseconds.
            How::Bytes(row) => self.over_sockets(subject, row, |at| 1000.0 / at as f64),
            How::Memory(measure) => self.in_memory(subject, measure),
        };
        let Subject { id, title, across, up, .. } = *subject;
        Series { id, title, across, up, lines }
    }

    /// How many are timed in memory.
    fn events(&self) -> usize {
        (self.duration.as_secs_f64() * EVENTS_PER_SECOND) as usize
    }

    fn points<'b>(&self, subject: &'b Subject) -> impl Iterator<Item = usize> + use<'b> {
        let most = self.most.unwrap_or(usize::MAX);
        subject.at.iter().copied().filter(move |at| *at <= most)
    }

    fn over_sockets(&self, subject: &Subject, row: fn(usize) -> Row, factor: fn(usize) -> f64) -> Vec<Curve> {
        let who = |kind| CONTENDERS.iter().find(|contender| contender.kind == kind);
        let contenders: Vec<&Contender> = [Kind::Ours, Kind::Limit].into_iter().filter_map(who).collect();
        let curve = |contender: &&Contender| Curve { name: contender.name.to_owned(), points: Vec::new() };
        let mut curves: Vec<Curve> = contenders.iter().map(curve).collect();
        for at in self.points(subject) {
            let row = row(at);
            let mut turns: Vec<Result<Vec<f64>, String>> = vec![Ok(Vec::new()); contenders.len()];
            for _ in 0..self.runs {
                for (contender, turns) in contenders.iter().zip(&mut turns) {
                    if let Ok(costs) = turns {
                        match self.turn(contender, &row) {
                            Ok(cost) => costs.push(cost * factor(at)),
                            Err(why) => *turns = Err(why),
                        }
                    }
                }
            }
            for (curve, turns) in curves.iter_mut().zip(turns) {
                let figure = turns
                    .and_then(|costs| Figure::of(costs.into_iter()).ok_or_else(|| "not measured".to_owned()));
                tell(subject, &curve.name, at, &figure);
                curve.points.push(Point { at, figure });
            }
        }
        curves
    }

    fn turn(&self, contender: &Contender, row: &Row) -> Result<f64, String> {
        let descriptors = proc::descriptor_limit();
        if descriptors.is_some_and(|most| row.connections + DESCRIPTORS_BESIDES > most) {
            return Err(format!("only {} descriptors are allowed", descriptors.unwrap_or_default()));
        }
        match self.ground.turn(contender, row, self.duration, 0) {
            Ok(turn) if turn.errors > 0 => Err(turn.error.unwrap_or_default()),
            Ok(turn) => turn.cost.ok_or_else(|| "too little to tell".to_owned()),
            Err(Gap::Lasting(why) | Gap::Failure(why)) => Err(why),
        }
    }

    fn in_memory(&self, subject: &Subject, measure: Measure) -> Vec<Curve> {
        let curve = |(name, ws)| {
            let points = self.points(subject).map(|at| {
                let runs = if matches!(measure, Measure::Time) { self.runs } else { 1 };
                let figures: Result<Vec<f64>, String> =
                    (0..runs).map(|_| in_memory(measure, at, ws, self.events())).collect();
                let figure = figures.and_then(|figures| {
                    Figure::of(figures.into_iter()).ok_or_else(|| "not measured".to_owned())
                });
                tell(subject, name, at, &figure);
                Point { at, figure }
            });
            Curve { name: name.to_owned(), points: points.collect() }
        };
        [("HTTP request", false), ("WebSocket echo of 20 B", true)].map(curve).into()
    }
}

fn tell(subject: &Subject, name: &str, at: usize, figure: &Result<Figure, String>) {
    let said = figure.as_ref().map_or_else(Clone::clone, |figure| (subject.up.show)(figure.median));
    output::tell(&format!("{}, {name}, {}: {said}", subject.id, (subject.across.show)(at as f64)));
}

/// One figure of a server in memory, which is a process of its own.
fn in_memory(measure: Measure, connections: usize, ws: bool, events: usize) -> Result<f64, String> {
    let args = |events: usize, more: &[&str]| -> Vec<String> {
        let numbers = [connections.to_string(), events.to_string()];
        let fixed = ["world", "--connections", &numbers[0], "--events", &numbers[1]];
        let ws = if ws { &["--ws"][..] } else { &[] };
        [&fixed[..], ws, more].concat().into_iter().map(str::to_owned).collect()
    };
    match measure {
        Measure::Time => Ok(field(&ask(&args(events, &[]))?, "server_ns")? / events as f64),
        Measure::Bytes => {
            let all = field(&ask(&args(0, &[]))?, "bytes")?;
            let ends = field(&ask(&args(0, &["--only-ends"]))?, "bytes")?;
            Ok((all - ends) / connections as f64)
        }
        Measure::Instructions => {
            let [few, many] = EVENTS_COUNTED;
            let program = own_program()?;
            let count = |events| counts::instructions(&program, &args(events, &[]));
            Ok((count(many)? - count(few)?) / (many - few) as f64)
        }
    }
}

fn file_name(series: &Series) -> String {
    format!("growth-{}.svg", series.id)
}

/// The generated section of `docs/numbers.md`.
fn section(all: &[Series], origin: &Origin) -> String {
    let mut text = origin.markdown();
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(text, "\n{METHOD}");
    for series in all {
        let _ = writeln!(text, "\n### {}\n\n{}", series.title, series.table());
        let _ = writeln!(text, "![{}](report/{})", series.title, file_name(series));
    }
    text
}

/// The page with all plots.
fn page(all: &[Series], origin: &Origin) -> String {
    const TITLE: &str = "How cost grows";
    let body = html! {
        header {
            h1 { (TITLE) }
            p.lead { (headline::of(all)) }
        }
        h2 { "The figures" }
        @for series in all {
            div.sides {
                (series.plot())
                div.scroll {
                    table {
                        thead { tr { @for column in series.columns() { th.number { (column) } } } }
                        tbody { @for cells in series.cells() { tr { @for cell in cells { td.number { (cell) } } } } }
                    }
                }
            }
        }
        h2 { "How it was measured" }
        p { (METHOD.replace('*', "").replace('\n', " ")) }
        (origin.markup())
    };
    markup::page(TITLE, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The committed figures.
    const FIGURES: &str = include_str!("../../../../docs/report/growth.json");

    #[test]
    fn the_page_begins_with_its_result_and_can_be_made_of_the_figures() {
        let json: Value = serde_json::from_str(FIGURES).expect("it is JSON");
        let all = earlier(&json).expect("it is what is written");
        let again: Vec<Value> = all.iter().map(Series::json).collect();
        assert_eq!(Value::Array(again), json["plots"]);
        let origin = Origin::of(&json["origin"]);
        assert_eq!(origin.json(), json["origin"]);
        let page = page(&all, &origin);
        let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("`{text}` is missing: {page}"));
        assert!(place("With 10,000 connections") < place("CPU for one HTTP request"));
        assert!(place("CPU for one byte") < place("How it was measured"));
        assert!(place("How it was measured") < place("Circumstances"));
        assert!(
            earlier(&json!({ "plots": [{ "id": "unknown" }] })).is_none() && earlier(&json!(1)).is_none()
        );
    }
}
