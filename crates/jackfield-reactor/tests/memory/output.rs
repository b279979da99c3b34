//! What is written, how often, and in which order.

use super::*;

fn narrow() -> World {
    let mut world = World::with(|limits| (limits.outbox_bytes_high, limits.outbox_bytes_low) = (1000, 100));
    world.connect();
    world
}

#[test]
fn all_answers_of_an_event_leave_in_one_write() {
    let mut world = World::new();
    world.connect();
    world.send(0, "say a; say b\nsay c\nsay d\n");
    assert_eq!((world.take(0).as_str(), world.far[0].writes()), ("abcd", 1));
    world.send(0, "share 3000; say x; body 4000; own 5000\nsay y\n");
    world.all_arrived(0);
    assert_eq!(world.far[0].writes(), 2);
}

#[test]
fn messages_from_others_leave_in_one_write_at_the_end_of_the_turn() {
    let mut world = World::new();
    world.connect_many(3);
    world.far[0].send(b"@2 say a; @2 say b\n@2 share 3000\n");
    world.far[1].send(b"@2 say c\n");
    world.run();
    world.all_arrived(2);
    assert_eq!(world.far[2].writes(), 1);
    // Said before its own event of the same turn.
    world.far[0].send(b"@2 say d\n");
    world.far[2].send(b"say e\n");
    world.run();
    assert_eq!((world.take(2).as_str(), world.far[2].writes()), ("de", 2));
}

/// An edge by which bytes can be read tells of room as well, whether that was asked for or not.
#[test]
fn collected_output_is_not_written_at_a_writable_edge() {
    let mut world = World::new();
    world.connect_many(2);
    world.far[0].send(b"@1 say a\n");
    world.far[1].send(b"say b\n");
    let news = [0, 1].map(|wire| Ready { id: world.id(wire), readable: true, writable: true, ..READY });
    world.turn(&news);
    assert_eq!((world.take(1).as_str(), world.far[1].writes()), ("ab", 1));
}

#[test]
fn nothing_to_write_is_not_written() {
    let mut world = World::new();
    world.connect_many(2);
    world.send(0, "touch; @1 touch\n");
    assert_eq!((world.far[0].writes(), world.far[1].writes()), (0, 0));
}

#[test]
fn a_blocked_wire_is_not_written_to_before_it_has_room() {
    let mut world = narrow();
    world.connect();
    world.room(0, Some(5));
    world.send(0, "fill 50\n");
    assert_eq!(world.far[0].writes(), 1);
    world.send(0, "fill 50\nthrough 20\n");
    world.send(1, "@0 fill 2000; @0 fill 20; @0 fill 10\n@0 through 9000\n");
    world.act(0, "flush_early");
    assert_eq!(world.far[0].writes(), 1, "each of these would have been in vain");
    world.room(0, Some(7));
    assert_eq!(world.far[0].writes(), 2);
    world.room(0, None);
    world.all_arrived(0);
    assert_eq!(world.far[0].writes(), 3);
}

#[test]
fn closing_a_blocked_wire_writes_nothing_in_vain() {
    let mut world = narrow();
    world.room(0, Some(5));
    world.send(0, "fill 50; close\n");
    assert_eq!(world.far[0].writes(), 1);
    world.room(0, None);
    world.all_arrived(0);
    assert!(world.far[0].has_server_finished());
}

#[test]
fn each_crossing_of_the_marks_is_reported_once() {
    let mut world = narrow();
    world.room(0, Some(0));
    world.send(0, "fill 1000\n");
    let id = world.id(0);
    assert!(!world.wires().is_congested(id));
    world.send(0, "say x; say y\n");
    world.expect(&["0 accept", "0 line fill 1000", "0 line say x; say y"]);
    world.room(0, Some(901));
    world.expect(&[]);
    world.room(0, Some(1));
    world.expect(&["0 drain"]);
    world.room(0, Some(50));
    world.room(0, None);
    world.expect(&[]);
    world.room(0, Some(0));
    world.send(0, "fill 1001\n");
    world.room(0, None);
    world.expect(&["0 line fill 1001", "0 drain"]);
    world.all_arrived(0);
}

/// It is found drained twice before the service gets the event.
#[test]
fn a_wire_written_to_again_before_on_drain_gets_on_drain_once() {
    let mut world = narrow();
    world.connect();
    world.room(0, Some(0));
    world.send(0, "fill 3000\n");
    world.service.log.clear();
    world.far[0].set_room(None);
    world.far[1].send(b"@0 say x; @0 flush_early; @0 say y; @0 flush_early\n");
    world.run();
    world.expect(&["1 line @0 say x; @0 flush_early; @0 say y; @0 flush_early", "0 drain"]);
    world.all_arrived(0);
}

#[test]
fn a_congested_wire_is_not_read_until_it_drains() {
    let mut world = narrow();
    world.room(0, Some(0));
    world.send(0, "fill 1001\nsay b\n");
    world.send(0, "say c\n");
    world.expect(&["0 accept", "0 line fill 1001"]);
    world.room(0, None);
    world.expect(&["0 drain", "0 line say b", "0 line say c"]);
    world.all_arrived(0);
}

#[test]
fn a_wire_is_congested_by_messages_from_others() {
    let mut world = narrow();
    world.connect();
    world.room(0, Some(0));
    world.send(1, "@0 fill 1001\n");
    world.send(0, "say b\n");
    world.expect(&["0 accept", "1 accept", "1 line @0 fill 1001"]);
    world.room(0, None);
    world.expect(&["0 drain", "0 line say b"]);
    world.all_arrived(0);
}

#[test]
fn output_written_in_on_drain_may_congest_again() {
    let mut world = narrow();
    world.on("0 drain", "fill 3000");
    world.room(0, Some(0));
    world.send(0, "fill 3000\n");
    for _ in 0..3 {
        world.service.log.clear();
        world.room(0, Some(3000));
        world.expect(&["0 drain"]);
    }
    world.room(0, None);
    world.all_arrived(0);
}

#[test]
fn write_through_keeps_the_order_however_much_the_kernel_takes() {
    for room in (0..60).chain([8_000, 9_000, 20_000, 30_000]) {
        let mut world = World::new();
        world.connect();
        world.room(0, Some(room));
        world.send(0, "say before\nthrough 9000; say between; through 10; through 9000\nsay after\n");
        world.act(0, "say late; through 9000");
        world.room(0, None);
        world.all_arrived(0);
    }
}

#[test]
fn shared_pieces_keep_the_order_however_much_the_kernel_takes() {
    for room in [0, 1, 5, 2999, 3000, 3001, 3005, 7004, 12_003, 12_010] {
        let mut world = World::new();
        world.connect();
        world.room(0, Some(room));
        world.send(0, "share 3000; say hello; body 4000; own 5000; say bye; share 10\n");
        world.room(0, Some(room));
        world.room(0, None);
        world.all_arrived(0);
    }
}

#[test]
fn bodies_do_not_count() {
    let mut world = narrow();
    world.room(0, Some(0));
    world.act(0, "say abc; share 3000; body 4000; own 5000; body 10");
    let id = world.id(0);
    let outbox = world.wires().outbox(id).expect("an open wire");
    assert_eq!((outbox.queued_bytes(), outbox.counted_bytes()), (12_013, 3_013));
    world.room(0, None);
    world.all_arrived(0);
}

/// The system takes a bounded number of slices at once; if more are left, it may not report room again.
#[test]
fn more_pieces_than_one_write_takes_all_leave() {
    for pieces in [1022, 1023, 1024, 1025, 3000] {
        let mut world = World::with(|limits| limits.outbox_bytes_high = usize::MAX);
        world.connect();
        world.act(0, &"body 2048;".repeat(pieces));
        world.all_arrived(0);
        world.send(0, &format!("{}\nthrough 9000000; say x; through 100\n", "body 2048;".repeat(pieces)));
        world.all_arrived(0);
        assert_eq!(world.driver.reactor.timeout(world.driver.now()), None, "nobody waits for the kernel");
    }
}

#[test]
fn nothing_is_written_to_no_wire() {
    let mut world = World::new();
    world.connect();
    assert!(world.wires().outbox(ConnectionId::NONE).is_none());
    for bits in u64::MAX - 8..=u64::MAX {
        let id = ConnectionId::from_bits(bits);
        assert!(world.wires().outbox(id).is_none());
        assert_eq!(world.wires().write_through(id, b"a", b"b"), None);
    }
}

#[test]
fn each_of_the_first_255_listeners_may_have_its_own_limits() {
    let World { mut driver, mut service, .. } = World::new();
    let usual = Limits::default().outbox_bytes_high;
    for listener in [0, 3, 254, 255, 300] {
        let limits = Limits { outbox_bytes_high: 1000 + listener, ..Limits::default() };
        driver.reactor.wires.set_listener_limits(listener, limits);
    }
    let marks = driver.reactor.wires.lowest_marks();
    assert_eq!((marks.high, marks.max), (1000, Limits::default().outbox_bytes_max));
    for (listener, high) in [(0, 1000), (1, usual), (3, 1003), (254, 1254), (255, usual), (300, usual)] {
        // Addresses of different kinds are stored in different places.
        for peer in ["192.0.2.1:7", "[2001:db8::1]:7"] {
            driver.connect(&mut service, peer.parse().expect("it is valid"), listener);
            let id = *service.ids.last().expect("it is there");
            let wires = &driver.reactor.wires;
            assert_eq!(wires.limits_of(id).outbox_bytes_high, high, "listener {listener}, {peer}");
            assert_eq!(wires.peer(id).map(|peer| peer.listener), Some(listener));
        }
    }
    assert_eq!(driver.reactor.wires.limits_of(ConnectionId::NONE).outbox_bytes_high, usual);
}
