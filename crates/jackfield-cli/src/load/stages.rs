//! `plan`: the stages of a file, one run after the other.

use super::args::PlanFile;
use super::file::{self, Stage};
use super::{check_descriptors, interrupt, progress, verdict};
use crate::base::error::Error;
use crate::base::output::{say, tell};
use crate::base::proc;
use crate::bench;
use crate::bench::server::Server;
use crate::report::folder::{Folder, Folders};
use crate::report::metric::Metric;
use crate::report::{html, json, text};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Runs a plan. It ends early if a stage is interrupted, or if the server does not answer at all.
///
/// # Errors
/// The plan makes no sense, a report can't be written, or nothing could be measured.
pub(crate) fn run(args: &PlanFile) -> Result<ExitCode, Error> {
    let stages = file::read(&args.file)?;
    proc::raise_descriptor_limit();
    for stage in &stages {
        check_descriptors(&stage.plan, proc::descriptor_limit())?;
    }
    let stop = interrupt::flag()?;
    let names = stages.iter().map(|stage| &*stage.name);
    let mut folders = Folders::open(args.report.as_deref(), names, args.force)?;
    let Some(first) = stages.first() else { return Ok(ExitCode::SUCCESS) };
    let server = Server::of(&first.plan)?;
    let (mut results, mut code, mut unwritten) = (Vec::new(), ExitCode::SUCCESS, None);
    for (number, stage) in stages.iter().enumerate() {
        let outcome = bench::bench_until(&stop, &stage.plan, &server, progress(args.json))?;
        let result = json::result(&stage.plan, &server, &outcome);
        unwritten = show(args.json, stage, &result, folders.get(number)).err();
        let verdict = verdict(&stage.plan, &outcome, &stage.fail_if, &result);
        results.push((&*stage.name, result));
        if verdict != ExitCode::SUCCESS {
            code = verdict;
        }
        if outcome.end != bench::outcome::End::Complete || unwritten.is_some() {
            break;
        }
    }
    let said = say(&if args.json { whole(&results) } else { table(&results) });
    unwritten.map_or(said, Err).map(|()| code)
}

/// Prints the result of a stage, and writes its report. If one fails, the result is not lost.
fn show(is_json: bool, stage: &Stage, result: &Value, folder: Option<&mut Folder>) -> Result<(), Error> {
    let said = if is_json {
        Ok(())
    } else {
        say(&format!("stage {}: {}\n", stage.name, text::report(result, None)))
    };
    if let Some(folder) = folder {
        let page = folder.write(&format!("{result:#}\n"), &html::page(result, None))?;
        tell(&format!("report: {}", page.display()));
    }
    said
}

fn whole(results: &[(&str, Value)]) -> String {
    let stages: Vec<Value> =
        results.iter().map(|(name, result)| json!({ "name": name, "result": result })).collect();
    format!("{:#}\n", json!({ "schema": json::SCHEMA, "stages": stages }))
}

/// One line for each stage.
fn table(results: &[(&str, Value)]) -> String {
    const METRICS: [&str; 5] = ["rate", "p50", "p99", "p99.9", "errors"];
    let line = |name: &str, cells: [String; 5]| {
        let cells: String = cells.iter().map(|cell| format!(" {cell:>12}")).collect();
        format!("{name:<16}{cells}\n")
    };
    let mut text = line("stage", METRICS.map(str::to_owned));
    for (name, result) in results {
        text.push_str(&line(
            name,
            METRICS.map(|metric| {
                let metric = Metric::named(metric);
                let shown = metric.and_then(|metric| Some(metric.quantity.show(metric.value(result)?)));
                shown.unwrap_or_else(|| "-".into())
            }),
        ));
    }
    text
}
