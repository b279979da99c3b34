//! Timers, idle timeouts and deadlines.

use super::*;

#[test]
fn idle_is_reported_exactly_when_it_is_due() {
    let mut world = World::new();
    world.connect();
    world.advance(100);
    world.act(0, "idle 1000");
    world.service.log.clear();
    world.advance(899);
    world.expect(&[]);
    world.send(0, "hello\n");
    world.advance(999);
    world.expect(&["0 line hello"]);
    world.advance(1);
    world.expect(&["0 idle 1000"]);
    world.advance(999);
    world.expect(&[]);
    world.advance(1);
    world.expect(&["0 idle 2000"]);
    world.send(0, "x");
    world.advance(1000);
    world.expect(&["0 idle 1000"]);
    world.act(0, "idle 0");
    world.advance(100_000);
    world.expect(&[]);
    assert_eq!(world.wires().timers(), 0);
}

#[test]
fn a_connection_that_is_not_read_is_not_idle() {
    for (stop, go) in [("pause", "resume"), ("hold", "release"), ("fill 70000", "")] {
        let mut world = World::new();
        world.connect();
        world.room(0, Some(0));
        world.act(0, "idle 1000");
        world.send(0, &format!("{stop}\n"));
        world.service.log.clear();
        world.advance(2500);
        world.expect(&[]);
        world.act(0, go);
        world.room(0, None);
        world.service.log.retain(|entry| entry != "0 drain");
        world.advance(999);
        world.expect(&[]);
        world.advance(1);
        world.expect(&["0 idle 1000"]);
    }
}

#[test]
fn writes_count_as_activity_if_asked() {
    for (sound, expected) in [("", "0 idle 1000"), ("sound", "0 idle 1400")] {
        let mut world = World::new();
        world.connect();
        world.act(0, sound);
        world.act(0, "idle 1000");
        world.service.log.clear();
        for _ in 0..4 {
            world.advance(100);
            world.act(0, "say x");
        }
        world.advance(600);
        let told_after = if world.service.log.is_empty() { 1400 } else { 1000 };
        assert_eq!(format!("0 idle {told_after}"), expected);
        world.advance(400);
        assert_eq!(world.service.log.last().map(String::as_str), Some("0 idle 1000"));
    }
}

#[test]
fn a_write_that_the_kernel_does_not_take_is_no_activity() {
    let mut world = World::new();
    world.connect();
    world.room(0, Some(0));
    world.act(0, "sound; idle 1000; say x");
    world.advance(900);
    world.act(0, "say x");
    world.service.log.clear();
    world.advance(100);
    world.expect(&["0 idle 1000"]);
}

/// The fault: an idle timeout for ever ended after 49.7 days.
#[test]
fn an_idle_timeout_that_is_too_long_to_count_never_comes() {
    let mut world = World::new();
    world.connect();
    let id = world.service.ids[0];
    world.driver.reactor.wires.set_idle_timeout(id, Duration::MAX);
    world.service.log.clear();
    for _ in 0..50 {
        world.advance(24 * 3600 * 1000);
    }
    world.expect(&[]);
}

#[test]
fn timers_are_set_moved_and_cancelled() {
    let mut world = World::new();
    world.connect();
    world.act(0, "timer 1 100; timer 2 200; timer 3 300; timer 1 250; cancel 2; cancel 9");
    assert_eq!(world.wires().timers(), 2);
    world.service.log.clear();
    world.advance(249);
    world.expect(&[]);
    world.advance(1);
    world.expect(&["0 timer 1"]);
    world.advance(50);
    world.expect(&["0 timer 3"]);
    assert_eq!(world.wires().timers(), 0);
}

#[test]
fn timers_set_and_cancel_each_other_in_callbacks() {
    let mut world = World::new();
    world.connect();
    world.on("0 timer 1", "cancel 1; cancel 2; timer 3 0; timer 1 10");
    world.on("0 timer 3", "cancel 1");
    world.act(0, "timer 1 100; timer 2 101");
    world.service.log.clear();
    world.advance(1000);
    world.expect(&["0 timer 1", "0 timer 3"]);
    assert_eq!(world.wires().timers(), 0);
}

/// A turn must end, even if its timers always set new ones.
#[test]
fn a_timer_that_sets_itself_at_once_does_not_stop_the_turn() {
    let mut world = World::new();
    world.connect();
    world.on("0 timer 1", "timer 1 0");
    world.on("0 idle 50", "idle 50");
    world.on("0 idle 51", "idle 0");
    world.act(0, "timer 1 0; idle 50");
    world.advance(100);
    assert!(world.service.log.len() <= 105);
    world.act(0, "abort");
    world.is_empty();
}

#[test]
fn timers_go_with_their_wire() {
    for how in ["close", "abort"] {
        let mut world = World::new();
        world.connect_many(2);
        world.act(0, "timer 1 100; timer 2 200; idle 50; @1 timer 1 5000");
        world.act(0, how);
        world.finish(0);
        assert_eq!(world.wires().timers(), 1);
        world.service.log.clear();
        world.advance(1000);
        world.expect(&[]);
        world.act(1, "abort");
        world.is_empty();
    }
}

#[test]
fn a_closing_wire_gets_no_timer_and_no_idle_timeout() {
    let mut world = World::new();
    world.connect();
    world.room(0, Some(0));
    world.act(0, "timer 1 100; idle 50; say x; close");
    world.service.log.clear();
    world.advance(1000);
    world.expect(&[]);
    world.room(0, None);
    world.finish(0);
    world.expect(&["0 close Local"]);
    world.is_empty();
}

/// B5: 16,000 timers of one connection formed a list, and took 421 ms.
#[test]
fn many_timers_of_one_connection_cost_the_same_each() {
    let mut world = World::new();
    world.connect_many(2);
    let id = world.id(0);
    let wires = world.wires();
    let visited = |wires: &jackfield_reactor::Wires| wires.stats().visits.value();
    for count in [4_000u32, 16_000] {
        let before = visited(wires);
        (0..count).for_each(|key| wires.set_timer(id, key, Duration::from_secs(100 + u64::from(key))));
        (0..count).for_each(|key| wires.set_timer(id, key, Duration::from_secs(200 + u64::from(key))));
        assert_eq!(wires.timers(), count as usize);
        (0..count).for_each(|key| assert!(wires.cancel_timer(id, key)));
        let each = (visited(wires) - before) / u64::from(3 * count);
        assert!(each <= 9, "{each} places for each of {count} timers, set, moved and cancelled");
        assert_eq!((wires.timers(), wires.cancel_timer(id, 7)), (0, false));
    }
    world.act(0, &(1..=30).map(|key| format!("timer {key} {key}")).collect::<Vec<_>>().join("; "));
    world.service.log.clear();
    world.advance(30);
    let fired: Vec<String> = (1..=30).map(|key| format!("0 timer {key}")).collect();
    assert_eq!(world.service.log, fired, "each fires once");
    world.act(
        0,
        &(1..=30).map(|key| format!("timer {key} 500; @1 timer {key} 900")).collect::<Vec<_>>().join("; "),
    );
    assert_eq!(world.wires().timers(), 60);
    world.act(0, "abort");
    assert_eq!(world.wires().timers(), 30, "they go with their connection, and with no other");
    world.act(1, "abort");
    world.is_empty();
}

/// What a connection has the reactor hold for its timers is charged to it.
#[test]
fn many_timers_are_charged() {
    let mut world = World::new();
    world.connect();
    let id = world.id(0);
    let second = Duration::from_secs(1);
    world.wires().set_timer(id, 0, second);
    (CHARGED_TIMER_KEY_MAX + 1..).take(4).for_each(|key| world.wires().set_timer(id, key, second));
    assert_eq!(
        world.wires().memory_of(id),
        0,
        "one is part of each connection, and so are those of the service"
    );
    for timers in 1..4 {
        world.wires().set_timer(id, timers, second);
        assert!((timers as usize * 49..timers as usize * 55).contains(&world.wires().memory_of(id)));
    }
    (1..4).for_each(|key| assert!(world.wires().cancel_timer(id, key)));
    assert_eq!(world.wires().memory_of(id), 0, "they are given back");
    world.wires().charge_service(id, 1000);
    (0..10_008).for_each(|key| world.wires().set_timer(id, key, Duration::from_secs(1)));
    let charged = world.wires().memory_of(id) - 1000;
    assert!((10_000 * 49..10_000 * 80).contains(&charged), "{charged} bytes for 10,000 timers");
    world.wires().charge_service(id, 2000);
    assert_eq!(world.wires().memory_of(id), charged + 2000);
    world.act(0, "abort");
    assert_eq!(world.wires().memory_bytes(), 0);
    world.is_empty();
}
