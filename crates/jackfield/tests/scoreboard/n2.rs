//! Simulation of the user's server: see also `sim.rs`, which runs thousands of seeds, and `planted.rs`, which proves it.

use jackfield::sim::peer::{self, Silent};
use jackfield::sim::{self, Faults, Options, Sim};
use jackfield::{Client, ConnectionId, Limits, Message, Observer, Pressure, WebSocket};
use jackfield_fuzz::{bad_day, bad_day_with};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

struct Nobody;

impl Client for Nobody {}

#[test]
fn n2_bad_days_of_echo_and_chat_hold_the_invariants() {
    for seed in 0..300 {
        bad_day(seed, sim::options_of(seed, false)).run();
    }
}

#[test]
fn n2_the_same_seed_gives_the_same_trace() {
    for seed in 0..50 {
        let [one, two] = [(); 2].map(|()| bad_day(seed, sim::options_of(seed, true)).try_run());
        assert_eq!(one, two);
    }
    let [traced, untraced] = [true, false].map(|trace| bad_day(7, sim::options_of(7, trace)).run());
    assert_eq!(traced.trace_hash, untraced.trace_hash);
}

#[test]
fn n2_an_idle_day_takes_few_turns() {
    let day = Duration::from_secs(24 * 60 * 60);
    let limits = Limits::default().with(|limits| limits.http_idle = day);
    let options =
        Options { limits, faults: Faults { silence: true, ..Faults::none() }, ..Options::default() };
    let mut sim = Sim::new(4, options, |_peer| Nobody);
    for _ in 0..10 {
        sim.add(Silent::default());
    }
    let report = sim.run();
    assert!(report.time.0 >= 24 * 60 * 60 * 1000, "{report:?}");
    assert!(report.turns < 300, "{report:?}");
}

struct Echo;

impl Client for Echo {
    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        socket.send(message);
    }
}

/// The traces of twenty short days of an echo with these faults, one behind the other.
fn traces(faults: &Faults) -> String {
    let limits = Limits::default().with(|limits| limits.lag_window = Duration::from_millis(10));
    let day = |seed| {
        let options =
            Options { limits: limits.clone(), faults: faults.clone(), trace: true, ..Options::default() };
        let mut sim = Sim::new(seed, options, |_peer| Echo);
        for _ in 0..5 {
            sim.add(peer::WebSocket::echo(20));
        }
        sim.try_run().unwrap().trace
    };
    (0..20).map(day).collect()
}

/// How often the peers did this.
fn count(traces: &str, act: &str) -> u64 {
    traces.matches(act).count() as u64
}

/// When the faults ended, in milliseconds of all days together.
fn storm_millis(traces: &str) -> u64 {
    let ends = traces.lines().filter_map(|line| line.strip_suffix(" the calm"));
    ends.map(|time| time.trim().parse::<u64>().unwrap()).sum()
}

/// What a trace counts.
type Count = fn(&str) -> u64;

/// With a rate of zero none of them happens, so each rate has an effect of its own.
#[test]
fn n2_each_kind_of_fault_happens() {
    let none = Faults::none();
    let without = traces(&none);
    let rows = [
        (Faults { cuts: 300, ..none.clone() }, " is cut: Reset"),
        (Faults { accept_errors: 400, ..none.clone() }, " can't accept: "),
        (Faults { accept_errors: 400, ..none.clone() }, " is refused: Descriptors"),
        (Faults { panics: 40, ..none.clone() }, ": its callback panics"),
        (Faults { lags: 100, ..none.clone() }, " is overloaded: true"),
    ];
    for (faults, line) in rows {
        assert!(traces(&faults).contains(line) && !without.contains(line), "{line}");
    }
    // More pieces in each direction, or more time.
    let rows: [(Faults, Count); 4] = [
        (Faults { splits: 900, ..none.clone() }, |traces| count(traces, " sends ")),
        (Faults { slow_readers: 600, ..none.clone() }, |traces| count(traces, " takes ")),
        (Faults { delays: 200, ..none.clone() }, storm_millis),
        (Faults { clock_jumps: 10, ..none }, storm_millis),
    ];
    for (faults, measure) in rows {
        let (with, without) = (measure(&traces(&faults)), measure(&without));
        assert!(with > without, "{faults:?}: {with}, and {without} without");
    }
}

/// Counts the observer's calls about memory.
#[derive(Default)]
struct Counts {
    changes: AtomicUsize,
    evicted: AtomicUsize,
}

impl Observer for Counts {
    fn on_pressure(&self, _pressure: Pressure, _budget_bytes: usize) {
        self.changes.fetch_add(1, Ordering::Relaxed);
    }

    fn on_evicted(&self, _id: ConnectionId, _bytes: usize) {
        self.evicted.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn n5_the_invariants_hold_where_memory_is_scarce() {
    let counts = Arc::new(Counts::default());
    for seed in 0..200 {
        let options = Options { observer: counts.clone(), ..sim::options_of(seed, false) };
        bad_day_with(seed, options, |limits| {
            limits.memory_bytes_max = 1000 + (seed as usize % 10) * 1000;
            limits.reactor.memory_wait = Duration::from_secs(seed % 5);
        })
        .run();
    }
    let [changes, evicted] = [&counts.changes, &counts.evicted].map(|count| count.load(Ordering::Relaxed));
    assert!(changes > 100 && evicted > 30, "{changes} changes of pressure, {evicted} evictions");
}
