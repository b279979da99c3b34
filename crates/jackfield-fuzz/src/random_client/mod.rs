//! Clients that call methods of their connection at random, in each callback, also where no program would. What the
//! methods say is compared with what the client knows of itself, and the simulation checks that nothing panics, gets stuck or
//! is left over.

mod acts;
mod answers;
mod callbacks;
mod client;
mod peers;

pub(crate) use client::{PATH, RandomClient, Shared, WORD};
pub(crate) use peers::add_called;

use client::PAST;
use jackfield::History;
use jackfield::sim::{Outside, Random, Sim};

/// On some days there are a few. By chance of their own: a seed without them is what it was.
pub(crate) fn add(sim: &mut Sim, seed: u64, common: &Shared) {
    let mut random = Random::new(seed ^ 0x3417);
    if random.chance(150) {
        prepare(sim, seed, common);
        for _ in 0..random.between(1, 5) {
            peers::add(sim, &mut random);
        }
    }
}

/// Once, before the first of them is added.
pub(crate) fn prepare(sim: &Sim, seed: u64, common: &Shared) {
    let mut common = common.borrow_mut();
    if !std::mem::replace(&mut common.is_ready, true) {
        common.seed = seed;
        sim.handle().declare_topic(PAST, History::new(5));
    }
}

/// Answers what was deferred: in the calm all of it.
pub(crate) fn act_outside(outside: &mut Outside<'_>, common: &Shared) {
    let (calm, mut common) = (outside.is_calm(), common.borrow_mut());
    while !common.replies.is_empty() && (calm || outside.random().chance(500)) {
        let reply = common.replies.swap_remove(0);
        outside.note("a random client's answer is given");
        answers::give(reply, outside.random());
    }
    while !common.upgrades.is_empty() && (calm || outside.random().chance(500)) {
        let upgrade = common.upgrades.swap_remove(0);
        outside.note("a random client is upgraded");
        match outside.random().below(5) {
            0 => upgrade.reject(403),
            1 => drop(upgrade),
            _ => upgrade.accept(),
        }
    }
}
