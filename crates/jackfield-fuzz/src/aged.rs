//! A topic that keeps its publications for a short time. What is published from outside reaches its member all the same, however long
//! nobody has looked at the topic before.

use jackfield::proto::sse::DecodedEvent;
use jackfield::sim::peer::Events;
use jackfield::sim::{Outside, Random, Sim};
use jackfield::{EventStream, History};
use std::time::Duration;

/// Where its member comes in.
pub(crate) const PATH: &str = "/aged";
const TOPIC: &str = "aged";
const MESSAGES_MAX: usize = 30;

/// Nearly always nobody. With a second member, on another reactor, the clock could jump between the two.
pub(crate) fn add(sim: &mut Sim, seed: u64) {
    let mut random = Random::new(seed ^ 0xa9ed);
    if !random.chance(60) {
        return;
    }
    let age = Duration::from_millis(random.between(1, 5000) as u64);
    sim.handle().declare_topic(TOPIC, History::new(1000).max_age(age));
    let (mut next, mut published) = (None, 0);
    sim.add(Events::endless(PATH, move |_, event| hear(&mut next, event)));
    sim.outside(move |outside| publish(outside, &mut published));
}

pub(crate) fn enter(events: &mut EventStream<'_>) {
    events.subscribe(TOPIC);
}

fn publish(outside: &mut Outside<'_>, published: &mut usize) {
    if *published < MESSAGES_MAX && outside.random().chance(100) {
        outside.handle().publish(TOPIC, published.to_string());
        *published += 1;
    }
}

/// From the first message on that came all come.
fn hear(next: &mut Option<usize>, event: &DecodedEvent<'_>) -> Result<(), String> {
    let number: usize = event.data.parse().map_err(|_| format!("{}: {}", event.event, event.data))?;
    match next.replace(number + 1) {
        Some(next) if next != number => Err(format!("message {number} came where {next} was to come")),
        _ => Ok(()),
    }
}
