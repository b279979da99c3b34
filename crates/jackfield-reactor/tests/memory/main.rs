//! Whole turns on in-memory connections: what the reactor promises, one promise a test.
//!
//! The service speaks the little language of `world`; a test plays the peers and reads the log.

mod endings;
mod fairness;
mod input;
mod other_wires;
mod output;
mod random;
mod time;
mod world;

use jackfield_reactor::{CHARGED_TIMER_KEY_MAX, ConnectionId, Counter, Limits, Ready};
use std::time::Duration;
use world::World;

const READY: Ready = Ready {
    id: ConnectionId::NONE,
    readable: false,
    writable: false,
    ended: false,
    broken: false,
    urgent: false,
};

/// Feeds one input in pieces of every size and compares all that comes of it.
fn check_splits(input: &str) {
    let outcome = |size: usize| {
        let mut world = World::new();
        world.connect();
        for piece in input.as_bytes().chunks(size) {
            world.far[0].send(piece);
            world.run();
        }
        world.finish(0);
        world.act(0, "close");
        world.all_arrived(0);
        world.is_empty();
        (std::mem::take(&mut world.service.log), std::mem::take(&mut world.got))
    };
    let whole = outcome(input.len());
    for size in 1..input.len() {
        assert_eq!(outcome(size), whole, "in pieces of {size}");
    }
}

#[test]
fn a_full_table_takes_no_connection() {
    let mut world = World::with(|limits| limits.wires_max = 1);
    world.connect();
    let far = world.driver.connect(&mut world.service, ([127, 0, 0, 1], 1).into(), 0);
    assert!(world.wires().is_full() && far.has_server_finished());
    world.act(0, "abort");
    world.connect();
    assert_eq!(world.wires().len(), 1);
}

#[test]
fn what_was_done_is_counted() {
    let mut world = World::new();
    world.connect();
    world.advance(100);
    world.room(0, Some(3));
    world.send(0, "say hello\nsay");
    world.advance(50);
    let id = world.id(0);
    let stats = world.wires().wire_stats(id).expect("it is there");
    assert_eq!((stats.bytes_in, stats.bytes_out, stats.queued), (13, 3, 2));
    assert_eq!((stats.age.as_millis(), stats.quiet.as_millis()), (150, 50));
    world.room(0, None);
    world.act(0, "abort");
    let stats = world.wires().stats().clone();
    let counts = [&stats.opened, &stats.closed, &stats.bytes_in, &stats.bytes_out].map(Counter::value);
    assert_eq!(counts, [1, 1, 13, 5]);
}

#[test]
fn a_command_and_an_alarm_each_wake_the_service_once() {
    let mut world = World::new();
    world.driver.wake(&mut world.service);
    world.expect(&["wake"]);
    world.wires().set_alarm(Duration::from_secs(9));
    world.wires().set_alarm(Duration::from_millis(50));
    world.advance(49);
    world.expect(&[]);
    world.advance(10_000);
    world.expect(&["wake"]);
    assert_eq!(world.driver.reactor.timeout(world.driver.now()), None);
    world.wires().set_alarm(Duration::ZERO);
    world.run();
    world.expect(&[]);
    world.advance(1);
    world.expect(&["wake"]);
}
