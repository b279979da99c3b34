//! Makes inputs and runs a property with them.

use crate::finding::Finding;
use crate::mutator::Mutator;
use crate::tally::{self, Tally};
use crate::target::Target;
use crate::{catch, minimise};
use jackfield::sim::Random;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Fuzzes one target on this thread.
///
/// The same target, seed and corpus make the same inputs in the same order; a time only says how many of them. Several
/// threads with a runner each, and a seed each, are several times as fast.
pub struct Runner<'a> {
    target: &'a Target,
    seed: u64,
    executions_max: Option<u64>,
    time: Option<Duration>,
    input_bytes_max: usize,
    corpus: Vec<Vec<u8>>,
    findings: Option<PathBuf>,
    on_progress: Option<OnProgress<'a>>,
    clock: Clock<'a>,
}

/// The time since any moment before the run.
type Clock<'a> = Box<dyn Fn() -> Duration + 'a>;
type OnProgress<'a> = Box<dyn FnMut(&Progress) -> ControlFlow<()> + 'a>;

/// How far a runner has come.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Progress {
    /// Inputs that were run.
    pub executions: u64,
    /// What was checked with them.
    pub tally: Tally,
    /// Inputs that are changed further: seeds, corpus, and what has shown something new.
    pub corpus: usize,
    /// Since it began.
    pub elapsed: Duration,
    /// Until it ends, if it has a time.
    pub left: Option<Duration>,
}

/// What a runner has done without a finding.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Report {
    /// Inputs that were run.
    pub executions: u64,
    /// What was checked with them.
    pub tally: Tally,
    /// Inputs that were changed further in the end.
    pub corpus: usize,
    /// How long it took.
    pub elapsed: Duration,
}

/// Inputs without an own time or number.
const EXECUTIONS_DEFAULT: u64 = 100_000;
/// The longest input.
const INPUT_BYTES_MAX_DEFAULT: usize = 4096;
/// In a corpus of this size a new input replaces an old one.
const CORPUS_MAX: usize = 4000;
/// The number of executions between two looks at the clock.
const EXECUTIONS_PER_LOOK: u64 = 64;
/// Between two reports of the progress.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// A run that is under way.
struct Run<'a> {
    target: &'a Target,
    corpus: Vec<Vec<u8>>,
    /// Seeds and corpus, which are never replaced.
    kept: usize,
    mutator: Mutator<'a>,
    executions: u64,
    tally_before: Tally,
    began: Duration,
    /// When the progress was told last.
    told: Duration,
}

impl<'a> Runner<'a> {
    /// A runner with seed 0 and 100,000 executions.
    #[must_use]
    pub fn new(target: &'a Target) -> Self {
        let made = Instant::now();
        Self {
            clock: Box::new(move || made.elapsed()),
            target,
            seed: 0,
            executions_max: None,
            time: None,
            input_bytes_max: INPUT_BYTES_MAX_DEFAULT,
            corpus: Vec::new(),
            findings: None,
            on_progress: None,
        }
    }

    /// Where all its chance comes from. Default: 0.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Ends after so many executions, those of seeds and corpus included. Default: 100,000, or no bound with a
    /// [`time`](Self::time).
    #[must_use]
    pub fn executions(self, executions_max: u64) -> Self {
        Self { executions_max: Some(executions_max), ..self }
    }

    /// Ends after so long. Default: no bound.
    #[must_use]
    pub fn time(self, time: Duration) -> Self {
        Self { time: Some(time), ..self }
    }

    /// The longest input, in bytes. Default: 4,096.
    #[must_use]
    pub fn input_bytes_max(self, input_bytes_max: usize) -> Self {
        Self { input_bytes_max, ..self }
    }

    /// Adds the files of a directory to the inputs to begin with, in the order of their names. A directory that is not
    /// there has none.
    ///
    /// # Errors
    /// What the file system says.
    pub fn corpus(mut self, directory: &Path) -> io::Result<Self> {
        if !directory.exists() {
            return Ok(self);
        }
        let entries: io::Result<Vec<PathBuf>> =
            fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect();
        let mut paths = entries?;
        paths.retain(|path| path.is_file());
        paths.sort();
        for path in paths {
            self.corpus.push(fs::read(path)?);
        }
        Ok(self)
    }

    /// Saves an input that fails in this directory. Default: it is only told.
    #[must_use]
    pub fn save_to(self, directory: impl Into<PathBuf>) -> Self {
        Self { findings: Some(directory.into()), ..self }
    }

    /// Is told about ten times a second how far it has come, and may say that it is to end.
    #[must_use]
    pub fn on_progress(self, call: impl FnMut(&Progress) -> ControlFlow<()> + 'a) -> Self {
        Self { on_progress: Some(Box::new(call)), ..self }
    }

    /// Runs to the end, which is a report or the first finding.
    ///
    /// # Errors
    /// An input for which the property does not hold.
    pub fn run(mut self) -> Result<Report, Box<Finding>> {
        let executions_default = if self.time.is_some() { u64::MAX } else { EXECUTIONS_DEFAULT };
        let executions_max = self.executions_max.unwrap_or(executions_default);
        let mut run = Run::new(&mut self);
        for index in 0..run.kept {
            let input = run.corpus[index].clone();
            run.execute(&input).map_err(|message| self.found(&run, input, message))?;
        }
        let mut input = Vec::new();
        while run.executions < executions_max && !self.is_to_end(&mut run) {
            run.make(&mut input);
            if let Err(message) = run.execute(&input) {
                return Err(self.found(&run, input, message));
            }
            run.keep_if_new(&input);
        }
        let Progress { executions, tally, corpus, elapsed, .. } = run.progress((self.clock)(), None);
        Ok(Report { executions, tally, corpus, elapsed })
    }

    fn is_to_end(&mut self, run: &mut Run<'_>) -> bool {
        if run.executions % EXECUTIONS_PER_LOOK != 0 {
            return false;
        }
        let now = (self.clock)();
        let progress = run.progress(now, self.time);
        if self.time.is_some_and(|time| progress.elapsed >= time) {
            return true;
        }
        let Some(tell) = self.on_progress.as_mut().filter(|_| now - run.told >= PROGRESS_EVERY) else {
            return false;
        };
        run.told = now;
        tell(&progress).is_break()
    }

    fn found(&self, run: &Run<'_>, input: Vec<u8>, message: String) -> Box<Finding> {
        // It may fail in the hurry only, if it depends on what was before: then it is told as it is.
        let (input, message) = minimise::minimise(self.target, &input).unwrap_or((input, message));
        let (target, seed, execution) = (*self.target, self.seed, run.executions);
        let mut finding = Box::new(Finding { target, seed, execution, input, message, saved: None });
        finding.saved = self.findings.as_deref().map(|directory| finding.save(directory));
        finding
    }
}

impl<'a> Run<'a> {
    fn new(runner: &mut Runner<'a>) -> Self {
        tally::forget();
        let mut corpus: Vec<Vec<u8>> = runner.target.seeds.iter().map(|seed| seed.to_vec()).collect();
        corpus.append(&mut runner.corpus);
        let kept = corpus.len();
        let (random, dictionary) = (Random::new(runner.seed), runner.target.dictionary);
        let mutator = Mutator { random, dictionary, bytes_max: runner.input_bytes_max };
        let began = (runner.clock)();
        let (target, executions, tally_before) = (runner.target, 0, tally::tally());
        Self { target, corpus, kept, mutator, executions, tally_before, began, told: began }
    }

    fn execute(&mut self, input: &[u8]) -> Result<(), String> {
        self.executions += 1;
        catch::catch(|| self.target.run_in_a_hurry(input))
    }

    /// A new input: one of the corpus, changed.
    fn make(&mut self, input: &mut Vec<u8>) {
        input.clear();
        if let Some(base) = self.mutator.random.pick(&self.corpus) {
            input.extend_from_slice(base);
        }
        self.mutator.mutate(input, &self.corpus);
    }

    fn keep_if_new(&mut self, input: &[u8]) {
        if !tally::take_news() {
            return;
        }
        if self.corpus.len() < CORPUS_MAX.max(self.kept + 1) {
            self.corpus.push(input.to_vec());
        } else {
            let place = self.mutator.random.between(self.kept, self.corpus.len() - 1);
            self.corpus[place] = input.to_vec();
        }
    }

    fn progress(&self, now: Duration, time: Option<Duration>) -> Progress {
        let elapsed = now - self.began;
        Progress {
            executions: self.executions,
            tally: tally::tally().since(self.tally_before),
            corpus: self.corpus.len(),
            elapsed,
            left: time.map(|time| time.saturating_sub(elapsed)),
        }
    }
}

impl std::fmt::Debug for Runner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner")
            .field("target", &self.target)
            .field("seed", &self.seed)
            .field("executions_max", &self.executions_max)
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    const MS: Duration = Duration::from_millis(1);

    /// A runner with a clock on which each look takes a millisecond.
    fn runner(target: &Target) -> Runner<'_> {
        let now = Cell::new(Duration::ZERO);
        Runner { clock: Box::new(move || now.replace(now.get() + MS)), ..Runner::new(target) }
    }

    #[test]
    fn a_time_ends_it() {
        let target = Target::new("nothing", |_| {});
        let left = Cell::new(Vec::new());
        let run = runner(&target).time(MS * 250).on_progress(|progress| {
            let mut all = left.take();
            all.push((progress.elapsed, progress.left));
            left.set(all);
            ControlFlow::Continue(())
        });
        let report = run.run().expect("nothing fails");
        // The first look comes before the first execution, and the one that finds the time over is the 250th.
        assert_eq!((report.elapsed, report.executions), (MS * 251, 249 * EXECUTIONS_PER_LOOK));
        assert_eq!(left.take(), [100, 200].map(|ms| (MS * ms, Some(MS * (250 - ms)))));
    }

    #[test]
    fn progress_may_end_it() {
        let target = Target::new("nothing", |_| {});
        let run = runner(&target).time(MS * 600_000).on_progress(|_| ControlFlow::Break(()));
        let report = run.run().expect("nothing fails");
        assert_eq!(report.executions, 99 * EXECUTIONS_PER_LOOK, "at the first progress, after 100 ms");
    }
}
