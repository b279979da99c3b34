//! The modes of `jackfield bench` that put load on one server: from the command line to the report.

pub(crate) mod args;
mod file;
pub(crate) mod interrupt;
mod plan;
pub(crate) mod stages;
mod values;

use crate::base::error::Error;
use crate::base::output::{say, tell};
use crate::base::proc;
use crate::base::progress::Progress;
use crate::bench;
use crate::bench::outcome::{End, Outcome};
use crate::bench::plan::Plan;
use crate::bench::server::Server;
use crate::report::folder::Folder;
use crate::report::{self, compare, gate, html, json, text};
use args::{Mode, Output};
use serde_json::Value;
use std::process::ExitCode;

/// A condition of `--fail-if` was met, or the server did not answer as it should.
const FAILED: u8 = 1;
/// Descriptors that this program needs besides those of its connections and threads.
const OTHER_DESCRIPTORS: usize = 32;
/// Those of a thread: its event queue and its timer, two of each.
const THREAD_DESCRIPTORS: usize = 4;

/// Puts load on a server, and reports.
///
/// # Errors
/// Nothing could be measured. If possible, this is found before the run.
pub(crate) fn load(mode: &Mode) -> Result<ExitCode, Error> {
    let output = &mode.common().output;
    let plan = plan::plan(mode).map_err(Error::Usage)?;
    for condition in &output.fail_if {
        condition
            .check(&plan, "--server-pid PID")
            .map_err(|why| Error::Usage(format!("--fail-if: {why}")))?;
    }
    // Read first, because the run may overwrite it.
    let old = output.compare.as_deref().map(report::read).transpose()?;
    proc::raise_descriptor_limit();
    check_descriptors(&plan, proc::descriptor_limit())?;
    let stop = interrupt::flag()?;
    let folder = output.report.as_deref().map(|path| Folder::open(path, output.force)).transpose()?;
    let server = Server::of(&plan)?;
    let outcome = bench::bench_until(&stop, &plan, &server, progress(output.json))?;
    let mut result = json::result(&plan, &server, &outcome);
    drop(server);
    if let Some(old) = &old {
        result["compared"] = compare::json(old, &result);
    }
    let shown = show(output, &result, old.as_ref(), folder);
    let code = verdict(&plan, &outcome, &output.fail_if, &result);
    shown.map(|()| code)
}

/// What is shown during a run: with `--json` nothing besides the result, unless there is a terminal.
fn progress(is_json: bool) -> Progress {
    if is_json { Progress::new() } else { Progress::or_lines() }
}

/// # Errors
/// This process may not have that many connections.
fn check_descriptors(plan: &Plan, limit: Option<usize>) -> Result<(), Error> {
    let wanted = plan.connections + plan.threads * THREAD_DESCRIPTORS + OTHER_DESCRIPTORS;
    let threads = if plan.threads == 1 { String::new() } else { format!(" on {} threads", plan.threads) };
    match limit {
        Some(limit) if limit < wanted => Err(Error::Usage(format!(
            "{} connections{threads} need {wanted} file descriptors, and the system lets this process open {limit}; use fewer \
             connections, or raise the limit with `ulimit -n {wanted}` (above the hard limit, as root)",
            plan.connections
        ))),
        _ => Ok(()),
    }
}

/// Prints the result, and writes the report. If one fails, the result is not lost.
fn show(output: &Output, result: &Value, old: Option<&Value>, folder: Option<Folder>) -> Result<(), Error> {
    let said = say(&if output.json { format!("{result:#}\n") } else { text::report(result, old) });
    if let Some(mut folder) = folder {
        let page = folder.write(&format!("{result:#}\n"), &html::page(result, old))?;
        if !output.json {
            say(&format!("\nreport: {}\n", page.display()))?;
        }
    }
    said
}

fn verdict(plan: &Plan, outcome: &Outcome, fail_if: &[gate::Condition], result: &Value) -> ExitCode {
    let complaints: Vec<String> =
        fail_if.iter().filter_map(|condition| complaint(condition, result)).collect();
    for complaint in &complaints {
        tell(&format!("failed: {complaint}"));
    }
    let is_void = outcome.operations == 0 && !plan.play.is_idle();
    let resumed_none = plan.tls.as_ref().is_some_and(|tls| tls.resumes) && outcome.handshakes.resumed == 0;
    match &outcome.end {
        End::Interrupted => {
            tell("interrupted: this is what was measured until then");
            ExitCode::from(interrupt::EXIT)
        }
        End::Failed(why) => {
            tell(&format!("jackfield: {}", Error::Refused(why.to_string())));
            ExitCode::from(FAILED)
        }
        End::Complete if is_void || resumed_none || !complaints.is_empty() => ExitCode::from(FAILED),
        End::Complete => ExitCode::SUCCESS,
    }
}

fn complaint(condition: &gate::Condition, result: &Value) -> Option<String> {
    condition.complaint(&condition.judge(result))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::plan::Play;
    use std::time::Duration;

    /// The fault: each thread has an event queue and may have a timer, which have two descriptors each.
    #[test]
    fn i469_threads_need_descriptors() {
        let plan = Plan { connections: 300, threads: 100, ..Plan::new(Play::Http, Duration::from_secs(1)) };
        assert!(check_descriptors(&plan, Some(731)).is_err() && check_descriptors(&plan, Some(732)).is_ok());
    }

    #[test]
    fn too_few_descriptors_are_found_before_the_run() {
        let plan = Plan { connections: 30_000, ..Plan::new(Play::Http, Duration::from_secs(1)) };
        for limit in [None, Some(30_036)] {
            assert!(check_descriptors(&plan, limit).is_ok());
        }
        let error = check_descriptors(&plan, Some(20_000)).map_err(|error| error.to_string());
        for words in ["30000 connections", "`ulimit -n 30036`", "20000"] {
            assert!(error.as_ref().is_err_and(|error| error.contains(words)), "{error:?}");
        }
    }
}
