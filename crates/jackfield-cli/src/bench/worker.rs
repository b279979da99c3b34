//! One thread of the load generator: its share of the connections, from the first connect to the last answer.

use super::alarm::Alarm;
use super::engine::{Engine, Setup};
use super::laps::{Lap, Teller};
use super::published::Published;
use super::speaker::Speaker;
use super::tally::{Handshakes, Kind};
use crate::base::proc;
use hdrhistogram::Histogram;
use jackfield_reactor::{Driver, Limits};
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// The state that all threads of a run share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// All times count from here, in nanoseconds.
    pub(crate) epoch: Instant,
    /// Set when all connections are open.
    pub(crate) course: OnceLock<Course>,
    /// The run ends at once.
    pub(crate) is_stopped: AtomicBool,
    pub(crate) published: Arc<Published>,
    /// Connections that can be used.
    pub(crate) ready: AtomicUsize,
    pub(crate) errors: AtomicU64,
    /// The server has answered once: from now on errors are counted and do not end the run.
    pub(crate) is_proven: AtomicBool,
    /// The reason to give up.
    pub(crate) failure: OnceLock<Kind>,
}

/// The times of the phases.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    /// The first operation is due.
    pub(crate) begin: u64,
    /// The begin of the measured time.
    pub(crate) measure: u64,
    pub(crate) end: u64,
    /// How long after the end answers are waited for, if they are.
    pub(crate) patience: Option<u64>,
    /// The length of a lap.
    pub(crate) lap: u64,
}

/// All counts of one thread.
#[derive(Debug)]
pub(crate) struct Total {
    /// The measured time, if it began.
    pub(crate) measured: Option<(u64, u64)>,
    pub(crate) operations: u64,
    pub(crate) slow_operations: u64,
    pub(crate) paced_operations: u64,
    pub(crate) late_operations: u64,
    /// Latencies that are in no lap.
    pub(crate) latencies: Histogram<u64>,
    pub(crate) errors: BTreeMap<Kind, u64>,
    pub(crate) handshakes: Handshakes,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    /// The thread's use of a core within the measured time.
    pub(crate) cpu: Duration,
    /// The number of its turns in that time.
    pub(crate) turns: u64,
}

/// One thread of the load generator.
pub(crate) struct Worker<'a, S: Speaker> {
    driver: Driver,
    engine: Engine<S>,
    shared: &'a Shared,
    teller: Teller,
    /// The shortest time between two reads of answers, at high rates.
    nap: Option<Duration>,
    /// The load is on.
    is_begun: bool,
    /// It publishes nothing more, and the other threads know that.
    has_left: bool,
    /// The part of its counters that this thread has published.
    ready: usize,
    errors: u64,
    operations: u64,
}

/// What a thread has used.
struct Meter {
    at: u64,
    bytes_in: u64,
    bytes_out: u64,
    cpu: Duration,
    turns: u64,
}

/// The longest sleep between two looks at the clock.
const TICK: Duration = Duration::from_millis(10);

impl<'a, S: Speaker> Worker<'a, S> {
    /// # Errors
    /// If the system gives no event queue.
    pub(crate) fn new(speaker: S, setup: Setup, shared: &'a Shared, teller: Teller) -> io::Result<Self> {
        let nap = nap(setup.rate);
        if nap.is_some() {
            sleep_exactly();
        }
        let limits = Limits { handshake: Duration::from_nanos(setup.timeout_ns), ..limits() };
        Ok(Self {
            driver: Driver::new(0, limits)?,
            engine: Engine::new(speaker, setup, shared.epoch, shared.published.clone()),
            shared,
            teller,
            nap,
            is_begun: false,
            has_left: false,
            ready: 0,
            errors: 0,
            operations: 0,
        })
    }

    /// Opens the connections, puts the load on, and counts.
    ///
    /// # Errors
    /// If the system fails this process.
    pub(crate) fn run(mut self) -> io::Result<Total> {
        let Some(course) = self.open()? else { return Ok(self.total(None)) };
        let is_fixed = self.engine.pace.is_fixed();
        let from = if is_fixed { course.measure } else { 0 };
        // What another thread publishes may come before this one begins.
        self.engine.restart(from);
        self.pause(course.begin)?;
        // A thread that wakes regularly needs no alarm.
        let needs_alarm = self.engine.pace.is_fixed() && self.nap.is_none();
        let alarm = if needs_alarm { Some(Alarm::new(&mut self.driver)?) } else { None };
        let begin = course.begin.max(self.shared.now());
        self.engine.pace.stop(course.end);
        self.engine.go(&mut self.driver.reactor.wires, begin, alarm);
        self.is_begun = true;
        if course.measure > course.begin {
            self.play(course.begin, course.measure, false, &course)?;
            self.engine.restart(from);
            self.operations = 0;
            if self.shared.is_stopped.load(Ordering::Relaxed) {
                return Ok(self.total(None));
            }
        }
        let start = self.meter();
        self.play(start.at, course.end, true, &course)?;
        let mut end = self.meter();
        // The wait for what does not come is over then too.
        end.at = self.engine.quiet_since().map_or(end.at, |quiet| quiet.clamp(start.at, end.at));
        self.engine.pace.stop(course.end.min(end.at));
        self.engine.tally.end(is_fixed);
        match (course.patience, self.shared.is_stopped.load(Ordering::Relaxed)) {
            // Ctrl-C: what is missing may be on its way.
            (None, true) => {}
            (None, false) => self.engine.count_silent(course.measure),
            (Some(_), true) => self.engine.count_overdue(),
            (Some(patience), false) => self.drain(end.at.saturating_add(patience))?,
        }
        Ok(self.total(Some((start, end))))
    }

    /// Opens connections until the course is set. `None`: the run has ended.
    fn open(&mut self) -> io::Result<Option<Course>> {
        loop {
            if let Some(course) = self.shared.course.get() {
                return Ok(Some(*course));
            }
            if !self.turn()? {
                return Ok(None);
            }
        }
    }

    /// Lets time pass without load.
    fn pause(&mut self, end: u64) -> io::Result<()> {
        loop {
            let left = Duration::from_nanos(end.saturating_sub(self.shared.now()));
            if left.is_zero() || !self.turn_within(left)? {
                return Ok(());
            }
        }
    }

    /// Lets time pass under load, and tells of each lap.
    fn play(&mut self, begin: u64, end: u64, is_measured: bool, course: &Course) -> io::Result<()> {
        let mut number = 1;
        loop {
            let goes_on = self.turn()?;
            if self.engine.has_taken_all() {
                self.leave();
            }
            let now = self.shared.now();
            let is_over = !goes_on || now >= end || self.engine.is_done();
            let passed = now.saturating_sub(begin) / course.lap;
            if passed >= number || is_over {
                self.tell(is_measured, number.max(passed), is_over);
                number = passed + 1;
            }
            if is_over {
                return Ok(());
            }
        }
    }

    fn tell(&mut self, is_measured: bool, number: u64, is_last: bool) {
        let operations = self.engine.tally.operations;
        let latencies = self.engine.tally.take_latencies();
        let lap = Lap { is_measured, number, is_last, operations: operations - self.operations, latencies };
        self.operations = operations;
        self.teller.tell(lap);
    }

    /// Waits until then for the answers to operations that were due before the end, and for the deliveries of what was published:
    /// without the slow ones the latencies would look better than they are.
    fn drain(&mut self, until: u64) -> io::Result<()> {
        let goes_on = self.wait(until, Engine::has_begun_all)?;
        self.leave();
        if goes_on && self.wait(until, Engine::has_all)? {
            self.engine.end();
        } else {
            self.engine.count_overdue();
        }
        Ok(())
    }

    /// Tells the other threads, once, that this one publishes nothing more.
    fn leave(&mut self) {
        if !std::mem::replace(&mut self.has_left, true) {
            self.shared.published.leave();
        }
    }

    /// Lets time pass, at most until then, until something is reached. False if the run is to end.
    fn wait(&mut self, until: u64, is_reached: impl Fn(&Engine<S>) -> bool) -> io::Result<bool> {
        while !is_reached(&self.engine) && self.shared.now() < until {
            if !self.turn()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// One turn of the reactor. False if the run is to end.
    fn turn(&mut self) -> io::Result<bool> {
        self.turn_within(TICK)
    }

    /// The same, with a sleep of this time at most.
    fn turn_within(&mut self, most: Duration) -> io::Result<bool> {
        let nap = self.nap.filter(|_| self.is_begun);
        if let Some(nap) = nap {
            thread::sleep(self.engine.until_next(nap));
        }
        self.engine.prepare(&mut self.driver.reactor.wires);
        let sleep = if nap.is_some() { Duration::ZERO } else { most.min(TICK) };
        self.driver.poll(Some(sleep), &mut self.engine)?;
        self.engine.sweep(&mut self.driver.reactor.wires);
        self.publish();
        Ok(!self.shared.is_stopped.load(Ordering::Relaxed))
    }

    /// Publishes changed counters to the other threads.
    fn publish(&mut self) {
        let (ready, errors) = (self.engine.ready(), self.engine.error_count());
        if ready != self.ready {
            self.shared.ready.fetch_add(ready.wrapping_sub(self.ready), Ordering::Relaxed);
            self.ready = ready;
        }
        let was_proven = self.shared.is_proven.load(Ordering::Relaxed);
        let is_proven = was_proven || self.engine.is_proven();
        if is_proven && !was_proven {
            self.shared.is_proven.store(true, Ordering::Relaxed);
        }
        if errors != self.errors {
            self.shared.errors.fetch_add(errors.wrapping_sub(self.errors), Ordering::Relaxed);
            self.errors = errors;
            if let Some(why) = self.engine.first_error().filter(|_| !is_proven) {
                // The first reason is kept.
                let _ = self.shared.failure.set(why.clone());
                self.shared.is_stopped.store(true, Ordering::Relaxed);
            }
        }
    }

    fn meter(&self) -> Meter {
        let stats = self.driver.reactor.wires.stats();
        Meter {
            at: self.shared.now(),
            bytes_in: stats.bytes_in.value(),
            bytes_out: stats.bytes_out.value(),
            cpu: proc::thread_cpu(),
            turns: stats.turns.value(),
        }
    }

    fn total(mut self, measured: Option<(Meter, Meter)>) -> Total {
        self.engine.tally.freeze();
        let tally = &mut self.engine.tally;
        let mut total = Total {
            measured: None,
            operations: tally.operations,
            slow_operations: tally.slow_operations,
            paced_operations: tally.paced_operations,
            late_operations: tally.late_operations,
            latencies: tally.take_latencies(),
            errors: std::mem::take(&mut tally.errors),
            handshakes: std::mem::replace(&mut tally.handshakes, Handshakes::new()),
            bytes_in: 0,
            bytes_out: 0,
            cpu: Duration::ZERO,
            turns: 0,
        };
        if let Some((start, end)) = measured {
            total.measured = Some((start.at, end.at));
            total.bytes_in = end.bytes_in - start.bytes_in;
            total.bytes_out = end.bytes_out - start.bytes_out;
            total.turns = end.turns - start.turns;
            total.cpu = end.cpu.saturating_sub(start.cpu);
        }
        total
    }
}

impl Shared {
    /// For so many threads.
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            published: Arc::new(Published::new(threads)),
            epoch: Instant::now(),
            course: OnceLock::new(),
            is_stopped: AtomicBool::new(false),
            ready: AtomicUsize::new(0),
            errors: AtomicU64::new(0),
            is_proven: AtomicBool::new(false),
            failure: OnceLock::new(),
        }
    }

    /// Nanoseconds since the run began.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// How long a thread with this rate sleeps between two reads of answers. A wake-up for each answer costs as much as the
/// answer itself, so at high rates several are read together.
pub(crate) fn nap(rate: Option<f64>) -> Option<Duration> {
    rate.filter(|rate| *rate >= NAP_RATE_MIN).map(|_| NAP)
}

/// From this rate on several answers come in one nap.
const NAP_RATE_MIN: f64 = 40_000.0;
/// The latency of an answer may be too long by this, and never too short.
const NAP: Duration = Duration::from_micros(100);

/// Linux wakes sleepers up to 50 microseconds late, to wake several at once, unless it is asked not to.
fn sleep_exactly() {
    #[cfg(target_os = "linux")]
    // Without it latencies are a little longer.
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
}

/// A client sends as much as its user wants, and must always read while it writes: otherwise both sides could wait for each other
/// for ever.
pub(crate) fn limits() -> Limits {
    Limits {
        wire_memory_bytes_max: usize::MAX,
        outbox_bytes_high: usize::MAX,
        outbox_bytes_max: usize::MAX,
        write_stall: Duration::from_secs(3600),
        linger: Duration::from_millis(200),
        // A connection that has ended reads nothing more.
        linger_max: Duration::from_millis(200),
        ..Limits::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::raw::Raw;
    use super::*;
    use std::sync::mpsc;

    /// The fault: a handshake was ended after the 10 seconds of a server, whatever `--timeout` said.
    #[test]
    fn a_handshake_may_take_as_long_as_an_answer() {
        for seconds in [1, 5, 30, 3600] {
            let timeout = Duration::from_secs(seconds);
            let speaker = Raw::new(1);
            let target = ([127, 0, 0, 1], 1).into();
            let setup = Setup { timeout_ns: timeout.as_nanos() as u64, ..Setup::of_one(target) };
            let (shared, (laps, _)) = (Shared::new(1), mpsc::channel());
            let teller = Teller { thread: 0, laps };
            let worker = Worker::new(speaker, setup, &shared, teller).expect("there is an event queue");
            assert_eq!(worker.driver.reactor.wires.limits().handshake, timeout);
        }
    }
}
