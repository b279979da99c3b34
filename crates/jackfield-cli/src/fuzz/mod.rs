//! `jackfield fuzz`: the fuzz targets on all cores, without another tool.

pub(crate) mod args;
mod jobs;
pub(crate) mod sim;

use crate::base::error::Error;
use crate::base::output::say;
use crate::base::progress::Progress as Line;
use crate::base::units;
use crate::base::writable::check_folder;
use args::Fuzz;
use jackfield_fuzz::{Finding, Progress, Runner, TARGETS, Tally, Target};
use jobs::jobs;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The result of one target, or of all.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    executions: u64,
    tally: Tally,
    elapsed: Duration,
}

/// The state that the jobs of one target share.
struct Bench<'a> {
    target: &'a Target,
    args: &'a Fuzz,
    seed: u64,
    line: Line,
    /// The latest progress of each job.
    jobs: Mutex<Vec<Option<Progress>>>,
    is_over: AtomicBool,
}

/// Runs `fuzz`. Returns whether all properties held.
///
/// # Errors
/// If the command line makes no sense, a folder can't be used, or the result can't be written.
pub(crate) fn fuzz(args: &Fuzz) -> Result<bool, Error> {
    args.check()?;
    match args.what.as_str() {
        "list" => say(&list())?,
        "export" => export(args.corpus(), args.force)?,
        "all" => return fuzz_all(args, TARGETS),
        name => {
            let target = Target::named(name).ok_or_else(|| {
                Error::Usage(format!("there is no target `{name}`: `jackfield fuzz list` shows them"))
            })?;
            return fuzz_all(args, std::slice::from_ref(target));
        }
    }
    Ok(true)
}

/// All targets, one on each line.
fn list() -> String {
    TARGETS.iter().map(|target| format!("{:<20} {}\n", target.name, target.about)).collect()
}

/// Writes the first inputs of all targets, or nothing if a file of somebody else's is in the way.
fn export(corpus: &Path, is_forced: bool) -> Result<(), Error> {
    check_folder(corpus)?;
    let is_another =
        |(path, bytes): &(PathBuf, Vec<u8>)| path.exists() && fs::read(path).ok().as_ref() != Some(bytes);
    let files = TARGETS.iter().flat_map(|target| target.exported(corpus));
    if let Some((path, _)) = files.filter(|_| !is_forced).find(is_another) {
        return Err(Error::Usage(format!(
            "{} is there already; name another folder with --corpus, or write over it with --force",
            path.display()
        )));
    }
    let failed = |error| Error::File(corpus.to_owned(), error);
    TARGETS.iter().try_for_each(|target| target.export(corpus)).map_err(failed)
}

fn fuzz_all(args: &Fuzz, targets: &[Target]) -> Result<bool, Error> {
    check_folder(args.findings())?;
    for target in targets {
        // Each job reads it again; here it is only found out before anything runs.
        corpus(Runner::new(target), args, target)?;
    }
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let seed = args.seed.unwrap_or_else(clock);
    say(&format!("seed {seed}, {} jobs\n", jobs(args.jobs)))?;
    let (mut whole, mut holds) = (Sum::default(), true);
    for target in targets {
        let (sum, findings) = fuzz_one(args, target, seed)?;
        say(&format!("{:<20} {}\n", target.name, sum.describe()))?;
        for finding in findings {
            say(&format!("\n{finding}\n"))?;
            holds = false;
        }
        whole.add(sum.executions, sum.tally);
        whole.elapsed += sum.elapsed;
    }
    if targets.len() > 1 {
        say(&format!("{:<20} {}\n", "all", whole.describe()))?;
    }
    Ok(holds)
}

fn fuzz_one(args: &Fuzz, target: &Target, seed: u64) -> Result<(Sum, Vec<Finding>), Error> {
    let count = jobs(args.jobs);
    let (line, jobs, is_over) = (Line::new(), Mutex::new(vec![None; count]), AtomicBool::new(false));
    let bench = Bench { target, args, seed, line, jobs, is_over };
    let began = Instant::now();
    let ended: Vec<Result<Result<Sum, Finding>, Error>> = thread::scope(|scope| {
        let started: Vec<_> = (0..count)
            .map(|job| {
                scope.spawn({
                    let bench = &bench;
                    move || bench.run(job)
                })
            })
            .collect();
        // A panic of a job is a bug of the runner itself, so the run ends.
        started
            .into_iter()
            .map(|job| job.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let (mut sum, mut findings) = (Sum { elapsed: began.elapsed(), ..Sum::default() }, Vec::new());
    for end in ended {
        match end? {
            Ok(job) => sum.add(job.executions, job.tally),
            Err(finding) => {
                sum.executions += finding.execution;
                findings.push(finding);
            }
        }
    }
    Ok((sum, findings))
}

/// Adds the inputs of the corpus.
fn corpus<'a>(runner: Runner<'a>, args: &Fuzz, target: &Target) -> Result<Runner<'a>, Error> {
    let path = args.corpus().join(target.name);
    runner.corpus(&path).map_err(|error| Error::File(path, error))
}

impl Bench<'_> {
    fn run(&self, job: usize) -> Result<Result<Sum, Finding>, Error> {
        let runner = Runner::new(self.target).seed(self.seed.wrapping_add(job as u64)).time(self.args.time());
        let runner = corpus(runner, self.args, self.target)?;
        let runner = runner.save_to(self.args.findings()).on_progress(|progress| self.tell(job, progress));
        let runner = match self.args.executions {
            Some(executions) => runner.executions(executions),
            None => runner,
        };
        let ended = runner.run();
        if ended.is_err() {
            self.is_over.store(true, Ordering::Relaxed);
        }
        Ok(match ended {
            Ok(report) => {
                Ok(Sum { executions: report.executions, tally: report.tally, elapsed: report.elapsed })
            }
            Err(finding) => Err(*finding),
        })
    }

    /// Notes the progress of a job. The first job draws the line.
    fn tell(&self, job: usize, progress: &Progress) -> ControlFlow<()> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs[job] = Some(*progress);
        if job == 0 {
            let mut sum = Sum { elapsed: progress.elapsed, ..Sum::default() };
            jobs.iter().flatten().for_each(|job| sum.add(job.executions, job.tally));
            let left = progress.left.unwrap_or_default();
            let text = format!("{}, {} s left", sum.describe(), left.as_secs());
            self.line.along(self.target.name, progress.elapsed, self.args.time(), text);
        }
        if self.is_over.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Sum {
    fn add(&mut self, executions: u64, tally: Tally) {
        self.executions += executions;
        self.tally += tally;
    }

    fn describe(&self) -> String {
        let count = |number: u64| units::count(number as f64);
        format!(
            "{} executions ({}/s), {} partitions, {} round trips",
            count(self.executions),
            units::rate(self.executions as f64 / self.elapsed.as_secs_f64().max(0.001)),
            count(self.tally.partitions),
            count(self.tally.round_trips),
        )
    }
}
