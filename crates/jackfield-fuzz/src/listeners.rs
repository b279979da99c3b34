//! Days on which there is more to the listeners with little room: new connections wait while they or the server are full, each
//! reactor accepts by itself, and all listeners are paused, resumed and stopped from outside.

use jackfield::sim::{Options, Outside, Random, Sim};
use jackfield::test::listener;

/// The first listener with little room. Those before it are never stopped, so that the others of the day go on.
const FIRST: usize = listener::LINES + 1;
/// How many times longer peers must be able to wait: they may come in one after the other.
const PATIENCE: u32 = 100;

/// What a day has of it.
#[derive(Clone, Copy, Debug)]
struct Plan {
    waits: bool,
    each_reactor: bool,
    backlogs: bool,
    pauses: bool,
    /// The most connections of the server, if that may be full too.
    connections_max: Option<usize>,
}

impl Plan {
    /// Nearly always none. By chance of its own: a seed without it is what it was.
    fn of(random: &mut Random) -> Option<Self> {
        random.chance(60).then(|| Self {
            waits: random.chance(700),
            each_reactor: random.chance(300),
            backlogs: random.chance(600),
            pauses: random.chance(600),
            connections_max: random.chance(150).then(|| random.between(3, 12)),
        })
    }
}

fn chance(seed: u64) -> Random {
    Random::new(seed ^ 0x115e)
}

/// Changes the options of such a day.
pub(crate) fn set_up(seed: u64, options: &mut Options) {
    let mut random = chance(seed);
    let Some(plan) = Plan::of(&mut random) else { return };
    if options.listeners.is_empty() {
        options.listeners = (0..random.between(2, 5)).map(|_| random.between(1, 4)).collect();
    }
    options.listeners_wait = plan.waits;
    options.listeners_each_reactor = plan.each_reactor;
    options.faults.backlogs |= plan.backlogs;
    if plan.waits {
        options.patience *= PATIENCE;
    }
    if let Some(most) = plan.connections_max.filter(|_| plan.waits) {
        options.limits.connections_max = most;
    }
}

/// Lets code outside of the reactors pause the listeners of such a day. `listeners`: how many have little room.
pub(crate) fn add(sim: &mut Sim, seed: u64, listeners: usize) {
    let mut random = chance(seed);
    if !Plan::of(&mut random).is_some_and(|plan| plan.pauses) {
        return;
    }
    let (all, mut stops, mut has_begun) = (FIRST + listeners, random.fork().below(3), false);
    sim.outside(move |outside| {
        if !std::mem::replace(&mut has_begun, true) {
            // Before most have come.
            pause_some(outside, all);
        }
        act_outside(outside, all, &mut stops);
    });
}

fn pause_some(outside: &mut Outside<'_>, all: usize) {
    for listener in 0..all {
        if outside.random().chance(300) {
            outside.pause_listener(listener);
        }
    }
}

/// One is paused, resumed or stopped now and then. In the calm all are resumed.
fn act_outside(outside: &mut Outside<'_>, all: usize, stops: &mut usize) {
    if outside.is_calm() {
        return (0..all).for_each(|listener| outside.resume_listener(listener));
    }
    let listener = outside.random().below(all);
    match outside.random().below(100) {
        0..=3 => outside.pause_listener(listener),
        4..=15 => outside.resume_listener(listener),
        16 if *stops > 0 && listener >= FIRST => {
            *stops -= 1;
            outside.stop_listener(listener);
        }
        _ => {}
    }
}
