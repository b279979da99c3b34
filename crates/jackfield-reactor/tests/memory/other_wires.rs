//! What one wire does to others.

use super::*;

#[test]
fn closing_a_wire_that_is_later_in_the_same_batch() {
    for how in ["close", "abort"] {
        let mut world = World::new();
        world.connect_many(2);
        world.far[0].send(format!("@1 say last; @1 {how}\n").as_bytes());
        world.far[1].send(b"say unheard\n");
        world.run();
        world.finish(1);
        assert!(!world.service.log.iter().any(|entry| entry.starts_with("1 line")));
        assert_eq!(world.take(1), if how == "close" { "last" } else { "" });
        assert_eq!(world.wires().len(), 1);
    }
}

#[test]
fn the_next_connection_in_a_slot_gets_no_events_of_the_one_before() {
    let mut world = World::new();
    world.connect();
    let before = world.id(0);
    // The slot is freed at the begin of the turn, by the end of the lingering, and taken again in it.
    world.act(0, "close");
    world.driver.advance(Duration::from_millis(2000), &mut world.service);
    world.connect();
    assert_eq!(world.id(1).slot(), before.slot());
    world.turn(&[
        Ready { id: before, readable: true, ended: true, broken: true, ..READY },
        Ready { id: world.id(1), writable: true, ..READY },
    ]);
    world.expect(&["0 accept", "0 close Local", "1 accept"]);
    assert_eq!(world.wires().stats().stale.value(), 1);
}

#[test]
fn every_callback_may_write_to_and_close_others() {
    let mut world = World::with(|limits| (limits.outbox_bytes_high, limits.outbox_bytes_low) = (1000, 100));
    world.connect_many(6);
    world.on("0 line go", "@5 say line; @1 timer 9 10");
    world.on("1 timer 9", "@5 say -timer; @2 fill 2000; @1 close");
    world.on("2 drain", "@5 say -drain; @3 close");
    world.on(
        "3 close Local",
        "@3 say no; @5 say -close; @4 abort; @3 close; @3 abort; @3 pause; @3 timer 1 1",
    );
    world.on("4 close Local", "@5 say -abort; @5 close");
    world.far[2].set_room(Some(0));
    world.far[1].finish();
    world.send(0, "go\n");
    world.advance(10);
    world.far[3].finish();
    world.far[5].finish();
    world.room(2, None);
    assert_eq!(world.take(5), "line-timer-drain-close-abort");
    world.act(0, "abort; @2 abort");
    world.is_empty();
}

#[test]
fn an_aborted_wire_gets_no_timer_that_is_due_at_the_same_time() {
    for how in ["abort", "close"] {
        let mut world = World::new();
        world.connect_many(2);
        for (one, other) in [(0, 1), (1, 0)] {
            world.on(&format!("{one} timer 1"), &format!("@{other} {how}"));
            world.act(one, "timer 1 50; timer 2 50; idle 50");
        }
        world.advance(50);
        // The one whose timer came first has closed the other.
        let (one, other) =
            if world.service.log.iter().any(|entry| entry == "0 timer 1") { (0, 1) } else { (1, 0) };
        assert!(!world.service.log.contains(&format!("{other} timer 1")));
        world.act(one, "abort");
        world.advance(10_000);
        world.is_empty();
    }
}

#[test]
fn many_messages_to_one_blocked_wire_leave_in_order() {
    let mut world = World::with(|limits| (limits.outbox_bytes_high, limits.outbox_bytes_low) = (1000, 100));
    world.connect_many(2);
    world.room(0, Some(10));
    for _ in 0..50 {
        world.send(1, "@0 fill 99; @0 say -\n@0 fill 2000\n@0 share 3000; @0 through 50\n");
        world.room(0, Some(700));
    }
    world.room(0, None);
    world.all_arrived(0);
    assert_eq!(world.service.log.iter().filter(|entry| *entry == "0 drain").count(), 1);
}
