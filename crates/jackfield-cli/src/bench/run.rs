//! A run: the threads of the load generator, and the sum of their counts.

use super::engine::Setup;
use super::fanout::Members;
use super::laps::{Lap, Laps, Sum, Teller};
use super::outcome::{End, Outcome, Sample, ServerUse};
use super::plan::{Plan, Play};
use super::server::Server;
use super::speaker::Speaker;
use super::tally::{Handshakes, new_histogram};
use super::worker::{Course, Shared, Total, Worker, nap};
use crate::base::error::Error;
use crate::base::proc;
use crate::base::progress::Progress;
use crate::base::units;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

/// Runs the plan on its threads. `make` makes the speaker of each. `interrupt` ends the run at once with the results so
/// far.
///
/// # Errors
/// If the system fails this process.
pub(crate) fn run<S: Speaker>(
    make: impl Fn() -> S + Sync,
    plan: &Plan,
    server: &Server,
    interrupt: &AtomicBool,
    progress: Progress,
) -> Result<Outcome, Error> {
    let memory_before = server.pid.and_then(proc::memory);
    let shared = Shared::new(shares(plan).count());
    let (sender, laps) = mpsc::channel();
    let mut outcome = thread::scope(|scope| {
        let mut workers = Vec::new();
        for share in shares(plan) {
            let (setup, make, shared) = (share.setup(plan, server), &make, &shared);
            let teller = Teller { thread: share.number, laps: sender.clone() };
            let work = move || Worker::new(make(), setup, shared, teller)?.run();
            let worker =
                thread::Builder::new().name(format!("load-{}", share.number)).spawn_scoped(scope, work);
            match worker {
                Ok(worker) => workers.push(worker),
                Err(error) => {
                    // This ends the threads that run already.
                    shared.is_stopped.store(true, Ordering::Relaxed);
                    return Err(Error::Io(error));
                }
            }
        }
        Lead::new(plan, &shared, laps, interrupt, progress, server.pid).run(workers)
    })?;
    if let (Some(server), Some(before)) = (&mut outcome.server, memory_before) {
        server.memory_before = before;
    }
    Ok(outcome)
}

/// One thread's part of the plan.
struct Share {
    number: usize,
    places: Range<usize>,
    rate: Option<f64>,
    operations: Option<u64>,
    offset: u64,
}

/// Divides the plan as evenly as possible. Threads on whose connections no operation can begin have none of the operations.
fn shares(plan: &Plan) -> impl Iterator<Item = Share> {
    let threads = plan.threads.max(1);
    // The publisher of events has its own connection.
    let places = plan.connections + usize::from(plan.play == Play::Sse);
    let places_of = move |number: usize| places * number / threads..places * (number + 1) / threads;
    let talkers = talkers(plan, places);
    let talks = move |number: usize| {
        let Range { start, end } = places_of(number);
        start.max(talkers.start) < end.min(talkers.end)
    };
    let talking = (0..threads).filter(|number| talks(*number)).count().max(1);
    let (operations, rate) = (plan.operations, plan.rate);
    (0..threads).map(move |number| {
        let before = (0..number).filter(|number| talks(*number)).count();
        let upto = |all: u64, number: usize| (all as u128 * number as u128 / talking as u128) as u64;
        let share_of = |all| upto(all, before + 1) - upto(all, before);
        Share {
            number,
            places: places_of(number),
            rate: rate.map(|rate| rate / talking as f64),
            operations: if talks(number) { operations.map(share_of) } else { Some(0) },
            offset: rate.map_or(0, |rate| (1e9 / rate * before as f64) as u64),
        }
    })
}

/// The places that can begin operations.
fn talkers(plan: &Plan, places: usize) -> Range<usize> {
    if plan.play == Play::Fanout { Members::of(plan).places() } else { 0..places }
}

impl Share {
    /// What comes on its connections for all operations: a message that is published comes on each that reads as it should.
    fn deliveries(&self, plan: &Plan) -> Option<u64> {
        if !plan.play.publishes() {
            return self.operations;
        }
        let Range { start, end } = self.places;
        let readers = end.min(plan.connections).saturating_sub(start.max(plan.slow_readers));
        plan.operations.map(|operations| operations.saturating_mul(readers as u64))
    }

    fn setup(&self, plan: &Plan, server: &Server) -> Setup {
        Setup {
            target: server.addr,
            tls: plan.tls.clone(),
            places: self.places.clone(),
            slow_readers: plan.slow_readers,
            pipeline: if plan.play == Play::Sse { PUBLISHER_PIPELINE } else { plan.pipeline },
            rate: self.rate,
            offset_ns: self.offset,
            operations: self.operations,
            deliveries: self.deliveries(plan),
            publishes: plan.play.publishes(),
            renews: plan.play == Play::Connect,
            timeout_ns: nanos(plan.timeout),
        }
    }
}

/// The thread that leads the others through the run.
struct Lead<'a> {
    plan: &'a Plan,
    shared: &'a Shared,
    laps: Receiver<(usize, Lap)>,
    interrupt: &'a AtomicBool,
    progress: Progress,
    pid: Option<u32>,
    /// All operations, if their number is given; with what is published, its deliveries.
    whole: Option<u64>,
    /// Those that have ended.
    done: u64,
    warm_up: Vec<Sample>,
    samples: Vec<Sample>,
    /// The latencies of all laps of the measured time.
    latencies: Histogram<u64>,
    last: Meter,
}

/// The meters at one time.
#[derive(Clone, Copy, Debug, Default)]
struct Meter {
    at: f64,
    client_cpu: Duration,
    server_cpu: Duration,
    all_cpu: Option<Duration>,
}

impl Meter {
    /// What was used since this time.
    fn since(&self, first: &Self) -> Self {
        Self {
            at: self.at - first.at,
            client_cpu: self.client_cpu.saturating_sub(first.client_cpu),
            server_cpu: self.server_cpu.saturating_sub(first.server_cpu),
            all_cpu: self.all_cpu.zip(first.all_cpu).map(|(now, then)| now.saturating_sub(then)),
        }
    }
}

/// The longest sleep between two checks.
const TICK: Duration = Duration::from_millis(10);
/// All connections together have this time to come up, also if the timeout is shorter.
const OPENING_MIN: Duration = Duration::from_secs(30);
/// How long a slow server may take to subscribe an open WebSocket. If operations or deliveries are counted, none may be missed.
const SUBSCRIBING_MAX: Duration = Duration::from_millis(300);
/// The number of samples of a run, and the shortest and longest sample.
const SAMPLES: u32 = 100;
const SAMPLE_MIN: Duration = Duration::from_millis(100);
const SAMPLE_MAX: Duration = Duration::from_secs(1);
/// Operations in flight for a publisher with a rate.
const PUBLISHER_PIPELINE: usize = 65_536;

type Workers<'s> = Vec<ScopedJoinHandle<'s, std::io::Result<Total>>>;

impl<'a> Lead<'a> {
    fn new(
        plan: &'a Plan,
        shared: &'a Shared,
        laps: Receiver<(usize, Lap)>,
        interrupt: &'a AtomicBool,
        progress: Progress,
        pid: Option<u32>,
    ) -> Self {
        Self {
            plan,
            shared,
            laps,
            interrupt,
            progress,
            pid,
            whole: shares(plan).map(|share| share.deliveries(plan)).sum(),
            done: 0,
            warm_up: Vec::new(),
            samples: Vec::new(),
            latencies: new_histogram(),
            last: Meter::default(),
        }
    }

    fn run(mut self, workers: Workers<'_>) -> Result<Outcome, Error> {
        let begin = Instant::now();
        let end = self.open(begin, &workers);
        let opened = self.shared.ready.load(Ordering::Relaxed);
        let is_up = end.is_none() && self.plan.play != Play::Connect;
        let opened_in = is_up.then(|| begin.elapsed());
        let mut used = None;
        if end.is_none() {
            let course = self.course();
            // It is set only here.
            let _ = self.shared.course.set(course);
            used = self.follow(&course, &workers);
        }
        self.shared.is_stopped.fetch_or(end.is_some(), Ordering::Relaxed);
        let memory_end = self.pid.and_then(proc::memory);
        // The last answers may take long: Ctrl-C ends that too.
        while !self.heed_interrupt() && !workers.iter().all(ScopedJoinHandle::is_finished) {
            thread::sleep(LOOK);
        }
        let mut totals = Vec::new();
        for worker in workers {
            // A panic of a thread is a bug of this program, so the run ends.
            totals.push(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        let failure = self.shared.failure.get().map(|why| End::Failed(why.clone()));
        let interruption = self.heed_interrupt().then_some(End::Interrupted);
        let end = failure.or(end).or(interruption);
        let mut outcome = self.sum(totals, end.unwrap_or(End::Complete));
        outcome.opened = opened;
        // The server may have closed them again at once.
        outcome.opened_in = opened_in.filter(|_| !matches!(outcome.end, End::Failed(_)));
        outcome.client_cpu = used.map(|used| used.client_cpu);
        outcome.all_cpu = used.and_then(|used| used.all_cpu);
        let memory_max = outcome.samples.iter().map(|sample| sample.memory).max().unwrap_or(0);
        outcome.server = self.pid.zip(memory_end).map(|(pid, memory_end)| ServerUse {
            pid,
            cpu: used.map(|used| used.server_cpu),
            memory_before: 0,
            memory_max: memory_max.max(memory_end),
            memory_end,
            own_memory_end: proc::own_memory(pid),
        });
        Ok(outcome)
    }

    /// Waits until all connections are open. Returns the reason if they are not.
    fn open(&self, begin: Instant, workers: &Workers<'_>) -> Option<End> {
        let wanted = self.plan.connections + usize::from(self.plan.play == Play::Sse);
        // In this mode opening connections is measured.
        if self.plan.play == Play::Connect {
            return None;
        }
        let longest = opening_max(self.plan.timeout);
        loop {
            let ready = self.shared.ready.load(Ordering::Relaxed);
            self.progress.opening(ready, wanted, self.shared.errors.load(Ordering::Relaxed));
            if ready >= wanted {
                return None;
            }
            if self.heed_interrupt() {
                return Some(End::Interrupted);
            }
            let is_over = begin.elapsed() > longest || workers.iter().any(ScopedJoinHandle::is_finished);
            if is_over || self.shared.is_stopped.load(Ordering::Relaxed) {
                return Some(End::Failed(too_few_came_up(ready, wanted, longest).into()));
            }
            thread::sleep(LOOK);
        }
    }

    /// Passes Ctrl-C on to the threads. Returns whether it came.
    fn heed_interrupt(&self) -> bool {
        let is_interrupted = self.interrupt.load(Ordering::Relaxed);
        self.shared.is_stopped.fetch_or(is_interrupted, Ordering::Relaxed);
        is_interrupted
    }

    fn course(&self) -> Course {
        let is_counted = self.plan.operations.is_some() || self.plan.play.publishes();
        let rest = if is_counted { SUBSCRIBING_MAX } else { Duration::ZERO };
        let begin = self.shared.now() + nanos(rest);
        let warm_up = if self.plan.operations.is_some() { Duration::ZERO } else { self.plan.warm_up() };
        let measure = begin + nanos(warm_up);
        let end = measure.saturating_add(nanos(self.plan.duration));
        // If messages go in rounds, the last round never ends.
        let patience = (!self.plan.is_constant).then(|| nanos(self.plan.timeout));
        let lap = (self.plan.duration / SAMPLES).clamp(SAMPLE_MIN, SAMPLE_MAX).min(self.plan.duration);
        Course { begin, measure, end, patience, lap: nanos(lap) }
    }

    /// Collects the laps of the threads until the measured time is over. Returns what was used in it, unless it was over before
    /// the meters could be read.
    fn follow(&mut self, course: &Course, workers: &Workers<'_>) -> Option<Meter> {
        let mut laps = Laps::new(workers.len());
        let mut first = None;
        self.last = self.read_meter(seconds(course.begin) - seconds(course.measure));
        while !laps.are_over() {
            let before = Duration::from_nanos(course.measure.saturating_sub(self.shared.now()));
            if first.is_none() && before.is_zero() {
                let meter = self.read_meter(0.0);
                (self.last, first) = (meter, Some(meter));
            }
            self.heed_interrupt();
            let wait = if first.is_none() { before.min(TICK) } else { TICK };
            match self.laps.recv_timeout(wait) {
                Ok((thread, lap)) => {
                    if let Some(sum) = laps.take(thread, &lap) {
                        self.sample(&sum, course);
                    }
                }
                Err(RecvTimeoutError::Timeout) if !workers.iter().all(ScopedJoinHandle::is_finished) => {}
                Err(_) => break,
            }
        }
        for sum in laps.rest().filter(|sum| sum.is_measured) {
            self.latencies += sum.latencies;
        }
        let at = Duration::from_nanos(self.shared.now().saturating_sub(course.measure)).as_secs_f64();
        let last = self.read_meter(at);
        first.map(|first| last.since(&first))
    }

    /// What all threads have counted since the last sample.
    fn sample(&mut self, sum: &Sum, course: &Course) {
        // Before the measured time it is below zero.
        let at = seconds(self.shared.now()) - seconds(course.measure);
        let meter = self.read_meter(at);
        let used = meter.since(&self.last);
        let span = used.at.max(1e-9);
        let quantile = |q| (!sum.latencies.is_empty()).then(|| sum.latencies.value_at_quantile(q));
        let sample = Sample {
            at: meter.at,
            rate: sum.operations as f64 / span,
            p50: quantile(0.5),
            p99: quantile(0.99),
            errors: self.shared.errors.load(Ordering::Relaxed),
            client_cpu: used.client_cpu.as_secs_f64() / span,
            server_cpu: used.server_cpu.as_secs_f64() / span,
            memory: self.pid.and_then(proc::memory).unwrap_or(0),
        };
        self.last = meter;
        let (phase, begin, end) = if sum.is_measured {
            ("measure", course.measure, course.end)
        } else {
            ("warm-up", course.begin, course.measure)
        };
        let passed = Duration::from_nanos(self.shared.now().saturating_sub(begin));
        let whole = Duration::from_nanos(end - begin);
        self.done += sum.operations;
        if let Some(all) = self.whole {
            let [done, of] = [self.done, all].map(|count| units::count(count as f64));
            let shown = format!("{}, {done} of {of} {}", sample.describe(), self.plan.play.unit());
            self.progress.counted(phase, self.done, all, shown);
        } else {
            let left = whole.saturating_sub(passed).as_secs();
            self.progress.along(phase, passed, whole, format!("{}, {left} s left", sample.describe()));
        }
        if sum.is_measured {
            self.latencies += &sum.latencies;
            self.samples.push(sample);
        } else {
            self.warm_up.push(Sample { at: sample.at.min(0.0), ..sample });
        }
    }

    /// Sums the counts of all threads.
    fn sum(&mut self, totals: Vec<Total>, end: End) -> Outcome {
        let mut outcome = Outcome {
            end,
            threads: totals.len(),
            resolution: nap(shares(self.plan).find_map(|share| share.rate)).unwrap_or_default(),
            elapsed: Duration::ZERO,
            operations: 0,
            slow_operations: 0,
            paced_operations: 0,
            late_operations: 0,
            latencies: std::mem::replace(&mut self.latencies, new_histogram()),
            errors: BTreeMap::new(),
            handshakes: Handshakes::new(),
            opened: 0,
            opened_in: None,
            bytes_in: 0,
            bytes_out: 0,
            client_cpu: None,
            busiest: 0.0,
            turns: 0,
            all_cpu: None,
            server: None,
            warm_up: std::mem::take(&mut self.warm_up),
            samples: std::mem::take(&mut self.samples),
        };
        let (mut from, mut upto) = (u64::MAX, 0);
        for total in totals {
            outcome.operations += total.operations;
            outcome.slow_operations += total.slow_operations;
            outcome.paced_operations += total.paced_operations;
            outcome.late_operations += total.late_operations;
            outcome.turns += total.turns;
            outcome.handshakes.add(&total.handshakes);
            outcome.bytes_in += total.bytes_in;
            outcome.bytes_out += total.bytes_out;
            outcome.latencies += &total.latencies;
            for (kind, count) in total.errors {
                *outcome.errors.entry(kind).or_default() += count;
            }
            if let Some((begin, end)) = total.measured {
                (from, upto) = (from.min(begin), upto.max(end));
                let share =
                    total.cpu.as_secs_f64() / Duration::from_nanos(end - begin).as_secs_f64().max(1e-9);
                outcome.busiest = outcome.busiest.max(share);
            }
        }
        outcome.elapsed = Duration::from_nanos(upto.saturating_sub(from).max(1));
        outcome
    }

    fn read_meter(&self, at: f64) -> Meter {
        Meter {
            at,
            client_cpu: proc::own_cpu(),
            server_cpu: self.pid.and_then(proc::cpu).unwrap_or_default(),
            all_cpu: proc::cpu_of_all(),
        }
    }
}

/// The longest wait for all connections to come up: each may take the timeout.
fn opening_max(timeout: Duration) -> Duration {
    timeout.max(OPENING_MIN)
}

/// What is said if they do not.
fn too_few_came_up(ready: usize, wanted: usize, waited: Duration) -> String {
    let seconds = waited.as_secs_f64();
    format!(
        "only {ready} of {wanted} connections came up within {seconds} s; use fewer connections, or a longer timeout"
    )
}

/// The time between two checks of the threads: short, because the time to open connections is measured.
const LOOK: Duration = Duration::from_millis(1);

fn seconds(nanos: u64) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64()
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fault: it was 30 s, whatever the timeout was.
    #[test]
    fn i417_connections_may_take_the_timeout_to_come_up() {
        for (timeout, longest) in [(1, 30), (5, 30), (30, 30), (60, 60), (600, 600)] {
            assert_eq!(opening_max(Duration::from_secs(timeout)), Duration::from_secs(longest));
        }
        let said = too_few_came_up(3, 9, Duration::from_secs(60));
        assert!(
            said.starts_with("only 3 of 9 connections came up within 60 s; use fewer connections"),
            "{said}"
        );
    }

    /// The fault: if all was done before the meters were read for the first time, the second reading stood for both, and nothing
    /// had been used.
    #[test]
    fn i468_what_a_run_uses_is_unknown_if_it_is_over_before_the_meters_are_read() {
        for (measure, is_known) in [(0, true), (u64::MAX, false)] {
            let plan = Plan::new(Play::Http, Duration::from_secs(1));
            let (shared, stop, (sender, laps)) = (Shared::new(1), AtomicBool::new(false), mpsc::channel());
            let lap = Lap {
                is_measured: true,
                number: 1,
                is_last: true,
                operations: 1,
                latencies: new_histogram(),
            };
            sender.send((0, lap)).expect("somebody receives it");
            let mut lead = Lead::new(&plan, &shared, laps, &stop, Progress::new(), None);
            let course = Course { begin: 0, measure, end: u64::MAX, patience: None, lap: 1 };
            let used = thread::scope(|scope| {
                let worker = scope.spawn(|| Err(std::io::Error::other("it does nothing")));
                lead.follow(&course, &vec![worker])
            });
            assert_eq!(used.is_some(), is_known);
            assert_eq!(lead.done, 1);
        }
    }

    /// The fault: a thread with slow readers alone had a share of the operations too, and nobody began them.
    #[test]
    fn i530_threads_that_publish_nothing_have_no_share_of_the_operations() {
        for (slow_readers, publishers, operations) in [
            (0, usize::MAX, [2, 2, 2, 2]),
            (1, usize::MAX, [2, 2, 2, 2]),
            (2, usize::MAX, [0, 2, 3, 3]),
            (7, usize::MAX, [0, 0, 0, 8]),
            (2, 3, [0, 4, 4, 0]),
        ] {
            let plan = Plan {
                connections: 8,
                threads: 4,
                slow_readers,
                publishers,
                operations: Some(8),
                rate: Some(100.0),
                ..Plan::new(Play::Fanout, Duration::from_secs(1))
            };
            let found: Vec<u64> = shares(&plan).filter_map(|share| share.operations).collect();
            assert_eq!(found, operations, "{slow_readers} {publishers}");
            let rate: f64 =
                shares(&plan).filter(|share| share.operations > Some(0)).filter_map(|share| share.rate).sum();
            assert!((rate - 100.0).abs() < 1e-6, "{rate}");
        }
    }

    #[test]
    fn the_shares_are_the_whole() {
        for (connections, threads, operations, rate) in [(64, 1, 100, 1e3), (10, 3, 10, 1e4), (7, 7, 3, 1.0)]
        {
            let plan = Plan {
                connections,
                threads,
                operations: Some(operations),
                rate: Some(rate),
                ..Plan::new(Play::Http, Duration::from_secs(1))
            };
            let shares: Vec<Share> = shares(&plan).collect();
            assert_eq!(shares.len(), threads);
            assert!(shares.windows(2).all(|pair| pair[0].places.end == pair[1].places.start));
            assert_eq!((shares[0].places.start, shares[threads - 1].places.end), (0, connections));
            assert_eq!(shares.iter().filter_map(|share| share.operations).sum::<u64>(), operations);
            let sum: f64 = shares.iter().filter_map(|share| share.rate).sum();
            assert!((sum - rate).abs() < 1e-6);
            assert!(shares.windows(2).all(|pair| pair[0].offset < pair[1].offset), "they take turns");
        }
    }
}
