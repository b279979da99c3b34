//! Simulation of the user's server: see also `sim.rs`, which runs thousands of seeds, and `planted.rs`, which proves it.

use jackfield::sim::peer::Silent;
use jackfield::sim::{self, Faults, Options, Sim};
use jackfield::{Client, ConnectionId, Limits, Observer, Pressure};
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
