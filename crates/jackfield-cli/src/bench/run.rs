//! The phases of a run: open, warm up, measure, and wait for what is still on its way.

use super::engine::{Engine, Setup};
use super::outcome::{Outcome, Sample, ServerUse};
use super::pace::Bell;
use super::plan::{Plan, Play};
use super::server::Server;
use super::speaker::Speaker;
use crate::base::error::Error;
use crate::base::proc;
use crate::base::progress::Progress;
use jackfield_reactor::{Driver, Limits};
use std::time::{Duration, Instant};

/// Puts the load of one speaker on the server.
///
/// # Errors
/// If the connections don't come up, or the system fails this process.
pub(crate) fn run<S: Speaker>(speaker: S, plan: &Plan, server: &Server) -> Result<Outcome, Error> {
    let setup = setup(plan, server);
    let memory_before = server.pid.and_then(proc::memory);
    let mut run = Run {
        driver: Driver::new(0, limits())?,
        engine: Engine::new(speaker, setup),
        progress: Progress::new(),
        pid: server.pid,
        last: Meter::default(),
        samples: Vec::new(),
    };
    let begin = Instant::now();
    if plan.play != Play::Connect {
        run.open(begin + OPENING_MAX)?;
    }
    let opened_in = begin.elapsed();
    if plan.operations.is_some() {
        run.rest(SUBSCRIBING_MAX)?;
    }
    let begin = run.engine.go(&mut run.driver.reactor.wires);
    let _bell = plan.rate.map(|rate| Bell::start(run.driver.waker()?, begin, rate)).transpose()?;
    if plan.operations.is_none() {
        run.play("warm-up", plan.warm_up())?;
    }
    let mut outcome = run.measure(plan, opened_in)?;
    if let (Some(server), Some(before)) = (&mut outcome.server, memory_before) {
        server.memory_before = before;
    }
    Ok(outcome)
}

struct Run<S: Speaker> {
    driver: Driver,
    engine: Engine<S>,
    progress: Progress,
    pid: Option<u32>,
    last: Meter,
    samples: Vec<Sample>,
}

/// What the meters said.
#[derive(Clone, Copy, Debug, Default)]
struct Meter {
    at: f64,
    operations: u64,
    client_cpu: Duration,
    server_cpu: Duration,
    all_cpu: Option<Duration>,
}

/// The longest sleep between two looks at the clock.
const TICK: Duration = Duration::from_millis(10);
/// The longest wait for all connections to come up.
const OPENING_MAX: Duration = Duration::from_secs(30);
/// How long a slow server has to subscribe a WebSocket that is open: where operations are counted, none may be missed.
const SUBSCRIBING_MAX: Duration = Duration::from_millis(300);
/// The longest wait for answers after the end, where operations were due at fixed times.
const DRAIN_MAX: Duration = Duration::from_secs(1);
/// How many samples there are in a run, and how long one is at least and at most.
const SAMPLES: u32 = 100;
const SAMPLE_MIN: Duration = Duration::from_millis(100);
const SAMPLE_MAX: Duration = Duration::from_secs(1);
/// Operations in flight for a publisher that has to keep a rate.
const PUBLISHER_PIPELINE: usize = 65_536;

impl<S: Speaker> Run<S> {
    /// Waits until all connections are up.
    fn open(&mut self, deadline: Instant) -> Result<(), Error> {
        let wanted = self.engine.places();
        while self.engine.ready() < wanted {
            if Instant::now() > deadline {
                return Err(Error::TooFew(self.engine.ready(), wanted));
            }
            self.turn()?;
            self.progress.opening(self.engine.ready(), wanted, self.engine.tally.error_count());
        }
        Ok(())
    }

    /// Lets time pass.
    fn rest(&mut self, whole: Duration) -> Result<(), Error> {
        let end = Instant::now() + whole;
        while Instant::now() < end {
            self.turn()?;
        }
        Ok(())
    }

    /// Lets time pass under load.
    fn play(&mut self, phase: &'static str, whole: Duration) -> Result<(), Error> {
        let begin = Instant::now();
        let gap = (whole / SAMPLES).clamp(SAMPLE_MIN, SAMPLE_MAX).min(whole);
        self.samples.clear();
        self.last = self.read_meter(0.0);
        let mut next = begin + gap;
        loop {
            self.turn()?;
            let now = Instant::now();
            let is_over = now >= begin + whole || self.engine.is_done();
            if now >= next || is_over {
                next = now + gap;
                let sample = self.sample(now - begin);
                self.progress.along(phase, now - begin, whole, sample.describe());
                self.samples.push(sample);
            }
            if is_over {
                return Ok(());
            }
        }
    }

    fn measure(&mut self, plan: &Plan, opened_in: Duration) -> Result<Outcome, Error> {
        let now = self.engine.now();
        let is_fixed = self.engine.pace.is_fixed();
        // An operation that was due before has no part in a run of fixed times.
        self.engine.tally.restart(if is_fixed { now } else { 0 });
        if is_fixed {
            self.engine.pace.stop(now.saturating_add(nanos(plan.duration)));
        }
        let stats = self.driver.reactor.wires.stats().clone();
        let (bytes_in, bytes_out) = (stats.bytes_in.value(), stats.bytes_out.value());
        let (begin, meter) = (Instant::now(), self.read_meter(0.0));
        self.play("measure", plan.duration)?;
        let (elapsed, end) = (begin.elapsed(), self.read_meter(0.0));
        let all_cpu = end.all_cpu.zip(meter.all_cpu).map(|(end, begin)| end.saturating_sub(begin));
        let operations = self.engine.tally.operations;
        let (bytes_in, bytes_out) = (stats.bytes_in.value() - bytes_in, stats.bytes_out.value() - bytes_out);
        let memory_end = self.pid.and_then(proc::memory);
        if is_fixed {
            self.drain()?;
        }
        self.engine.tally.freeze();
        let tally = &self.engine.tally;
        let memory_max = self.samples.iter().map(|sample| sample.memory).max().unwrap_or(0);
        let server = self.pid.zip(memory_end).map(|(pid, memory_end)| ServerUse {
            pid,
            cpu: end.server_cpu.saturating_sub(meter.server_cpu),
            memory_before: 0,
            memory_max: memory_max.max(memory_end),
            memory_end,
            own_memory_end: proc::own_memory(pid),
        });
        Ok(Outcome {
            elapsed,
            operations,
            slow_operations: tally.slow_operations,
            latencies: tally.latencies().clone(),
            errors: tally.errors.clone(),
            opened_in,
            bytes_in,
            bytes_out,
            client_cpu: end.client_cpu.saturating_sub(meter.client_cpu),
            all_cpu,
            server,
            samples: std::mem::take(&mut self.samples),
        })
    }

    /// Waits for the answers to what was due before the end: an operation that is left out because it took too long
    /// would make the latencies look better than they are.
    fn drain(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + DRAIN_MAX;
        while self.engine.unfinished() > 0 && Instant::now() < deadline {
            self.turn()?;
        }
        let unfinished = self.engine.unfinished();
        self.engine.tally.count_errors("unanswered at the end", unfinished);
        Ok(())
    }

    fn turn(&mut self) -> Result<(), Error> {
        self.engine.refill(&mut self.driver.reactor.wires);
        self.driver.poll(Some(TICK), &mut self.engine)?;
        match self.engine.failure() {
            Some(why) => Err(Error::Refused(why.to_string())),
            None => Ok(()),
        }
    }

    fn sample(&mut self, passed: Duration) -> Sample {
        let meter = self.read_meter(passed.as_secs_f64());
        let interval = self.engine.tally.end_interval();
        let span = (meter.at - self.last.at).max(1e-9);
        let share = |now: Duration, last: Duration| now.saturating_sub(last).as_secs_f64() / span;
        let sample = Sample {
            at: meter.at,
            rate: meter.operations.saturating_sub(self.last.operations) as f64 / span,
            p50: interval.p50,
            p99: interval.p99,
            errors: self.engine.tally.error_count(),
            client_cpu: share(meter.client_cpu, self.last.client_cpu),
            server_cpu: share(meter.server_cpu, self.last.server_cpu),
            memory: self.pid.and_then(proc::memory).unwrap_or(0),
        };
        self.last = meter;
        sample
    }

    fn read_meter(&self, at: f64) -> Meter {
        Meter {
            at,
            operations: self.engine.tally.operations,
            client_cpu: proc::own_cpu(),
            server_cpu: self.pid.and_then(proc::cpu).unwrap_or_default(),
            all_cpu: proc::cpu_of_all(),
        }
    }
}

fn setup(plan: &Plan, server: &Server) -> Setup {
    let is_sse = plan.play == Play::Sse;
    Setup {
        target: server.addr,
        // The publisher has a connection of its own.
        places: plan.connections + usize::from(is_sse),
        slow_readers: plan.slow_readers,
        pipeline: if is_sse { PUBLISHER_PIPELINE } else { plan.pipeline },
        rate: plan.rate,
        operations: plan.operations,
        deliveries: if plan.play.publishes() { plan.connections as u64 } else { 1 },
        renews: plan.play == Play::Connect,
    }
}

/// A client must read while it writes, however much that is: two sides that both wait for the other to read would wait
/// for ever.
pub(crate) fn limits() -> Limits {
    Limits {
        outbox_bytes_high: usize::MAX,
        outbox_bytes_max: usize::MAX,
        write_stall: Duration::from_secs(3600),
        linger: Duration::from_millis(200),
        ..Limits::default()
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
