//! No wire keeps the others from their turn.

use super::*;
use jackfield_reactor::MemoryDriver;

#[test]
fn a_flood_does_not_block_others() {
    let mut world = World::with(|limits| limits.read_bytes = 60);
    world.connect();
    world.connect();
    world.expect(&["0 accept", "1 accept"]);
    world.far[0].send("say x\n".repeat(30).as_bytes());
    world.far[1].send(b"say me\n");
    world.driver.turn(&mut world.service);
    assert_eq!((world.take(0).len(), world.take(1).as_str()), (10, "me"));
    world.run();
    assert_eq!(world.take(0).len(), 20);
}

#[test]
fn a_flood_after_kept_bytes_does_not_block_others() {
    let mut world = World::with(|limits| limits.read_bytes = 60);
    world.connect();
    world.send(0, "sa");
    world.far[0].send("y x\nsa".repeat(30).as_bytes());
    world.driver.turn(&mut world.service);
    assert_eq!(world.take(0).len(), 10);
    world.run();
    world.finish(0);
    world.all_arrived(0);
    assert_eq!(world.got[0].len(), 30);
}

#[test]
fn a_wire_that_yields_continues_in_the_next_turn() {
    let mut world = World::new();
    world.connect();
    world.connect();
    world.far[0].send(&b"say x; yield\n".repeat(3));
    world.far[1].send(b"say y\n");
    for turn in 1..=3 {
        world.driver.turn(&mut world.service);
        assert_eq!(world.take(0), "x", "in turn {turn}");
    }
    assert_eq!(world.take(1), "y");
    world.run();
}

/// `run` panics if a wire is looked at again and again.
#[test]
fn a_wire_that_is_not_read_does_not_spin() {
    for why in ["pause", "hold", "pause; yield", "fill 100", "yield; pause", "pause; hold; release"] {
        let mut world = World::with(|limits| {
            (limits.read_bytes, limits.outbox_bytes_high, limits.outbox_bytes_low) = (32, 64, 16);
        });
        world.connect();
        world.far[0].set_room(Some(0));
        world.send(0, &format!("{why}\n{}", "say x\n".repeat(50)));
        assert_ne!(world.driver.reactor.timeout(world.driver.now()), Some(Duration::ZERO));
        world.far[0].finish();
        world.room(0, None);
        world.act(0, "resume; release");
        world.all_arrived(0);
        assert_eq!(world.service.log.last().map(String::as_str), Some("0 end"));
    }
}

/// All timers that were due fired in one turn, without a bound.
#[test]
fn timers_that_are_due_together_do_not_block_others() {
    let mut world = World::with(|limits| limits.timers_per_turn = 3);
    world.connect_many(2);
    world.act(0, &(1..=10).map(|key| format!("timer {key} 50")).collect::<Vec<_>>().join("; "));
    world.service.log.clear();
    world.driver.skip(Duration::from_millis(50));
    world.far[1].send(b"say me\n");
    world.driver.turn(&mut world.service);
    assert_eq!((world.service.log.len(), world.take(1).as_str()), (4, "me"));
    assert_eq!(world.driver.reactor.timeout(world.driver.now()), Some(Duration::ZERO), "it goes on at once");
    world.run();
    assert_eq!(world.service.log.len(), 11, "none is lost");
}

#[test]
fn wires_that_are_processed_again_do_not_block_others() {
    let mut world = World::with(|limits| limits.looks_per_turn = 3);
    world.connect_many(11);
    (0..10).for_each(|wire| world.send(wire, "pause\nsay x\n"));
    let all = (0..10).map(|wire| format!("@{wire} resume")).collect::<Vec<_>>().join("; ");
    world.far[10].send(format!("{all}\n").as_bytes());
    world.driver.turn(&mut world.service);
    let mut said = Vec::new();
    for _ in 0..5 {
        world.driver.turn(&mut world.service);
        said.push((0..10).map(|wire| world.take(wire).len()).sum::<usize>());
    }
    assert_eq!(said, [3, 3, 3, 1, 0], "in each turn");
}

/// The service is woken in the next turn, which does not sleep, and its alarm is not forgotten for that.
#[test]
fn work_over_the_budget_is_done_in_the_next_turn() {
    let mut world = World::new();
    world.wires().set_alarm(Duration::from_millis(50));
    world.wires().request_next_turn();
    assert_eq!(world.driver.reactor.timeout(world.driver.now()), Some(Duration::ZERO));
    world.run();
    world.expect(&["wake"]);
    world.wires().request_next_turn();
    world.wires().set_alarm(Duration::from_millis(70));
    world.run();
    world.expect(&["wake"]);
    world.advance(69);
    world.expect(&[]);
    world.advance(1);
    world.expect(&["wake"]);
    assert_eq!(world.driver.reactor.timeout(world.driver.now()), None);
}

/// An alarm, the rest of a turn before, and commands: each alone would wake the service.
#[test]
fn the_service_is_woken_once_in_a_turn() {
    let mut world = World::new();
    for next_turn in [false, true] {
        world.wires().set_alarm(Duration::from_millis(50));
        if next_turn {
            world.wires().request_next_turn();
        }
        world.driver.skip(Duration::from_millis(50));
        world.driver.turn_with(vec![MemoryDriver::wake_event(); 2], &mut world.service);
        world.expect(&["wake"]);
        world.driver.wake(&mut world.service);
        world.expect(&["wake"]);
    }
}

/// Each listener has its turn, and a turn of the reactor accepts no more than it may.
#[test]
fn a_crowd_in_one_backlog_does_not_keep_others_waiting() {
    let mut world = World::with(|limits| limits.accepts_per_turn = 2);
    let arrive = |world: &mut World, listener| {
        world.far.push(world.driver.arrive(([127, 0, 0, 1], 4000).into(), listener));
        world.got.push(Vec::new());
    };
    (0..7).for_each(|_| arrive(&mut world, 0));
    arrive(&mut world, 2);
    world.send(0, "say first\n");
    assert_eq!(world.take(0), "first", "all are accepted, with what came before");
    (0..7).for_each(|_| arrive(&mut world, 0));
    arrive(&mut world, 2);
    arrive(&mut world, 1);
    let mut left = Vec::new();
    for _ in 0..6 {
        assert_eq!(world.driver.deadline().is_some(), world.service.ids.len() < 17, "it does not sleep");
        world.driver.turn(&mut world.service);
        left.push([0, 1, 2].map(|listener| world.driver.waiting_at(listener)));
    }
    assert_eq!(left, [[6, 1, 0], [5, 0, 0], [3, 0, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0]]);
}

/// After the listeners are closed nobody is accepted, and those that wait are refused.
#[test]
fn closed_listeners_refuse_those_that_wait() {
    let mut world = World::new();
    let before = world.driver.arrive(([127, 0, 0, 1], 4000).into(), 0);
    world.wires().stop_listening();
    world.driver.turn(&mut world.service);
    let after = world.driver.arrive(([127, 0, 0, 1], 4000).into(), 0);
    world.run();
    assert!(world.driver.is_shut() && world.service.ids.is_empty());
    assert!(before.has_server_finished() && after.has_server_finished());
}

/// One listener is closed: it refuses those that wait and those that come later, and the others go on.
#[test]
fn a_closed_listener_refuses_and_others_go_on() {
    let mut world = World::new();
    let peer = ([127, 0, 0, 1], 4000).into();
    let before = world.driver.arrive(peer, 1);
    world.wires().close_listener(1);
    world.driver.turn(&mut world.service);
    let after = world.driver.arrive(peer, 1);
    let at_once = world.driver.connect(&mut world.service, peer, 1);
    world.run();
    assert!([before, after, at_once].iter().all(|far| far.has_server_finished()));
    assert!(world.service.ids.is_empty() && world.driver.waiting_at(1) == 0);
    world.connect();
    assert_eq!(world.service.ids.len(), 1);
}

/// A turn that accepted a connection fired as many timers again as it may.
#[test]
fn a_turn_that_accepts_fires_no_more_timers_than_others() {
    let mut world = World::with(|limits| limits.timers_per_turn = 3);
    world.connect();
    world.act(0, &(1..=10).map(|key| format!("timer {key} 50")).collect::<Vec<_>>().join("; "));
    world.service.log.clear();
    world.driver.skip(Duration::from_millis(50));
    world.far.push(world.driver.arrive(([127, 0, 0, 1], 4000).into(), 0));
    world.got.push(Vec::new());
    world.driver.turn(&mut world.service);
    assert_eq!((world.service.log.len(), world.service.ids.len()), (4, 2), "{:?}", world.service.log);
    world.run();
    assert_eq!(world.service.log.len(), 11, "none is lost");
}
