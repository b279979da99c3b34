//! The modes of `jackfield bench` that put load on one server: from the command line to the report.

pub(crate) mod args;
mod plan;

use crate::base::error::Error;
use crate::base::proc;
use crate::bench;
use crate::bench::server::Server;
use crate::report::{self, gate, json, text};
use args::Mode;
use std::io::{self, Write};
use std::process::ExitCode;

/// Puts load on a server, and reports.
///
/// # Errors
/// Nothing could be measured.
pub(crate) fn load(mode: &Mode) -> Result<ExitCode, Error> {
    let output = &mode.common().output;
    let plan = plan::plan(mode).map_err(Error::Usage)?;
    // Read first: the run may write over it.
    let old = output.compare.as_deref().map(report::read).transpose()?;
    proc::raise_descriptor_limit();
    let server = Server::of(&plan)?;
    let outcome = bench::bench(&plan, &server)?;
    let result = json::result(&plan, &server, &outcome);
    drop(server);
    let mut text = text::report(&result, old.as_ref());
    if !output.no_report {
        report::write(&output.report, &result, old.as_ref())?;
        text.push_str(&format!("\nreport: {}\n", output.report.join("index.html").display()));
    }
    // A reader that has gone does not change the verdict.
    let _ = io::stdout().write_all(text.as_bytes());
    let is_void = outcome.operations == 0 && !plan.play.is_idle();
    let judged = judge(&output.fail_if, &result);
    Ok(if is_void { ExitCode::from(BROKEN) } else { judged })
}

fn judge(conditions: &[gate::Condition], result: &serde_json::Value) -> ExitCode {
    let complaints: Vec<String> =
        conditions.iter().filter_map(|condition| condition.complaint(&condition.judge(result))).collect();
    for complaint in &complaints {
        eprintln!("failed: {complaint}");
    }
    if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}

/// A condition of `--fail-if` was met.
const FAILED: u8 = 1;
/// Nothing could be measured.
const BROKEN: u8 = 2;
