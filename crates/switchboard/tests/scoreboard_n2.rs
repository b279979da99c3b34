//! Simulation of the user's server: see also `sim.rs`, which runs thousands of seeds, and `planted.rs`, which proves it.

use std::time::Duration;
use switchboard::sim::peer::Silent;
use switchboard::sim::{self, Faults, Options, Sim};
use switchboard::{Client, Limits};
use switchboard_fuzz::bad_day;

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
fn n2_a_day_of_silence_takes_few_turns() {
    let day = Duration::from_secs(24 * 60 * 60);
    let limits = Limits { http_idle: day, ..Limits::default() };
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
