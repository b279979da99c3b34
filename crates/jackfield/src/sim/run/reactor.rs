//! One reactor of the simulation, with the events that it gets later.

use crate::sim::Random;
use jackfield_reactor::{MemoryDriver, Ready, Service};
use std::time::Duration;

/// One reactor.
pub(super) struct SimReactor {
    pub(super) driver: MemoryDriver,
    pub(super) service: Box<dyn Service>,
    pub(super) held: Vec<(u64, Ready)>,
    /// Until when it lags, and by how much.
    pub(super) behind: (u64, Lag),
}

/// The lag of a reactor.
#[derive(Clone, Copy, Default)]
pub(super) struct Lag {
    pub(super) waited: Duration,
    /// The part of it in which the reactor itself has worked; in the rest others had the processor.
    pub(super) used: Duration,
}

impl SimReactor {
    pub(super) fn new(driver: MemoryDriver, service: impl Service + 'static) -> Self {
        Self { driver, service: Box::new(service), held: Vec::new(), behind: (0, Lag::default()) }
    }

    /// The ready events, with those held back that are due. Some events are held back, with this chance in a thousand;
    /// without a chance all held events are due.
    pub(super) fn take_ready(&mut self, now: u64, holds: Option<u16>, random: &mut Random) -> Vec<Ready> {
        let Self { driver, held, .. } = self;
        let mut ready: Vec<Ready> = Vec::new();
        held.retain(|(until, event)| {
            let is_due = holds.is_none() || *until <= now;
            if is_due {
                merge(&mut ready, *event);
            }
            !is_due
        });
        for event in driver.take_ready() {
            // A held event is merged with a new one of its connection, and never comes after it.
            if let Some((_, earlier)) = held.iter_mut().find(|(_, earlier)| earlier.id == event.id) {
                unite(earlier, event);
            } else if holds.is_some_and(|per_mille| random.chance(per_mille)) {
                held.push((now + random.between(1, 20) as u64, event));
            } else {
                merge(&mut ready, event);
            }
        }
        ready
    }
}

fn merge(ready: &mut Vec<Ready>, event: Ready) {
    match ready.iter_mut().find(|earlier| earlier.id == event.id) {
        Some(earlier) => unite(earlier, event),
        None => ready.push(event),
    }
}

fn unite(earlier: &mut Ready, event: Ready) {
    earlier.readable |= event.readable;
    earlier.writable |= event.writable;
    earlier.ended |= event.ended;
    earlier.broken |= event.broken;
}

/// Bytes that one reactor has moved, in both directions.
pub(super) fn bytes_moved(driver: &MemoryDriver) -> u64 {
    let stats = driver.reactor.wires.stats();
    stats.bytes_in.value().wrapping_add(stats.bytes_out.value())
}
