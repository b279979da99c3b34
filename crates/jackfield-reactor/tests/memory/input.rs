//! What is read, and what is kept of it.

use super::*;

#[test]
fn any_split_gives_the_same_calls() {
    check_splits("say one\nsay two; timer 7 50\n\nsay three\nfill 30; cancel 7\nmute\nsay unheard\n");
    check_splits("hold; release\nsay a\npause; say b; resume\nyield\nsay c\n");
}

#[test]
fn a_byte_at_a_time_takes_a_turn_each_and_nothing_more() {
    let mut world = World::new();
    world.connect();
    world.far[0].set_read_max(Some(1));
    let line = format!("say {}\n", "x".repeat(10_000));
    let turns = world.driver.reactor.wires.stats().turns.value();
    world.send(0, &line);
    let turns = world.driver.reactor.wires.stats().turns.value() - turns;
    assert_eq!((turns as usize, world.service.shows), (line.len(), line.len()));
    assert_eq!(world.take(0).len(), 10_000);
}

/// A short read says that the socket is empty: after that it was not read again.
#[test]
fn a_final_read_includes_bytes_that_come_in_the_same_turn() {
    for bytes in ["", "say x\nhal", "hal"] {
        let mut world = World::new();
        world.connect_many(2);
        world.far[0].send(b"@1 look\n");
        world.far[1].send(bytes.as_bytes());
        world.run();
        assert_eq!(world.service.log.last().map(String::as_str), Some("1 looked"), "{bytes:?}");
    }
}

#[test]
fn the_rest_comes_again_in_front_of_the_new() {
    let mut world = World::new();
    world.connect();
    world.send(0, "say a; sa");
    world.expect(&["0 accept"]);
    world.send(0, "y b\nsay");
    world.expect(&["0 line say a; say b"]);
    world.send(0, " c\n");
    assert_eq!((world.take(0).as_str(), world.service.bytes_shown), ("abc", 9 + 16 + 6));
}

#[test]
fn more_rest_than_the_carry_holds_closes() {
    let mut world = World::with(|limits| limits.carry_bytes_max = 100);
    world.connect();
    world.send(0, &"x".repeat(100));
    world.expect(&["0 accept"]);
    world.send(0, "x");
    assert!(world.far[0].has_server_finished());
    world.send(0, "say unheard\n");
    world.finish(0);
    world.expect(&["0 close Limit(ReadBuffer)"]);
    world.is_empty();
}

#[test]
fn bytes_sent_to_a_paused_wire_come_after_resume() {
    let mut world = World::with(|limits| limits.carry_bytes_max = 100);
    world.connect();
    let rest = "say b\n".repeat(50);
    world.send(0, &format!("pause\n{rest}"));
    world.send(0, "say c\n");
    world.expect(&["0 accept", "0 line pause"]);
    world.act(0, "resume");
    assert_eq!(world.take(0), "b".repeat(50) + "c");
    world.act(0, "resume; release");
    assert_eq!(world.service.log.len(), 51);
}

#[test]
fn kept_bytes_of_a_paused_wire_come_after_resume_without_new_bytes() {
    for (stop, go) in [("pause", "resume"), ("hold", "release")] {
        let mut world = World::new();
        world.connect();
        world.send(0, &format!("{stop}\nsay a\nsay"));
        assert_eq!(world.take(0), "");
        world.act(0, go);
        assert_eq!(world.take(0), "a");
    }
}

#[test]
fn pause_and_hold_are_two_things() {
    for (first, second) in [("resume", "release"), ("release", "resume")] {
        let mut world = World::new();
        world.connect();
        world.send(0, "pause; hold\nsay a\n");
        world.act(0, first);
        world.send(0, "say b\n");
        assert_eq!(world.take(0), "");
        world.act(0, second);
        assert_eq!(world.take(0), "ab");
    }
}

#[test]
fn paused_and_resumed_within_a_callback() {
    let mut world = World::new();
    world.connect();
    world.send(0, "pause; resume\nsay a\nhold; release; say b\nsay c\n");
    assert_eq!(world.take(0), "abc");
}

#[test]
fn a_reset_is_noticed_although_the_wire_is_not_read() {
    for (why, rest) in [("pause", ""), ("hold", "say unheard\n"), ("pause; hold", "")] {
        let mut world = World::new();
        world.connect();
        world.send(0, &format!("{why}\n{rest}"));
        world.reset(0);
        world.expect(&["0 accept", &format!("0 line {why}"), "0 close Reset"]);
        world.is_empty();
    }
}

#[test]
fn a_reset_after_bytes_is_noticed_when_they_pause_the_wire() {
    let mut world = World::new();
    world.connect();
    world.far[0].send(b"pause\n");
    world.far[0].reset_after_sent();
    world.run();
    world.expect(&["0 accept", "0 line pause", "0 close Reset"]);
    world.is_empty();
}

#[test]
fn the_end_of_a_paused_wire_comes_after_its_bytes_when_it_is_resumed() {
    for rest in ["say a\n", "say a\nsay b\n"] {
        let mut world = World::new();
        world.connect();
        world.send(0, "pause\n");
        world.far[0].send(rest.as_bytes());
        world.finish(0);
        world.expect(&["0 accept", "0 line pause", "0 peer closed"]);
        world.act(0, "resume");
        assert_eq!(world.service.log.last().map(String::as_str), Some("0 end"));
        assert_eq!(world.take(0).len(), rest.len() / 6);
        world.act(0, "close");
        world.is_empty();
    }
}

#[test]
fn the_end_comes_once_and_after_the_last_byte() {
    let mut world = World::new();
    world.connect();
    world.far[0].send(b"say a\nsay b");
    world.finish(0);
    world.expect(&["0 accept", "0 line say a", "0 end"]);
    assert!(!world.far[0].has_server_finished(), "a half-closed connection can be written to");
    world.act(0, "say c");
    assert_eq!(world.take(0), "ac");
}

/// The system says with every further edge that the peer has finished.
#[test]
fn the_end_is_not_reported_again_with_a_later_edge() {
    let mut world = World::new();
    world.connect();
    world.finish(0);
    world.far[0].set_room(Some(10));
    world.act(0, "fill 30");
    let id = world.id(0);
    for _ in 0..2 {
        world.far[0].set_room(Some(10));
        world.turn(&[Ready { id, readable: true, writable: true, ended: true, ..READY }]);
    }
    world.all_arrived(0);
    world.expect(&["0 accept", "0 end"]);
}

#[test]
fn a_reset_after_the_end_is_noticed() {
    let mut world = World::new();
    world.connect();
    world.finish(0);
    world.reset(0);
    world.expect(&["0 accept", "0 end", "0 close Reset"]);
    world.is_empty();
}

#[test]
fn a_read_that_fills_its_room_is_followed_by_another() {
    let mut world = World::with(|limits| limits.read_bytes = 32);
    world.connect();
    world.send(0, &"say x\n".repeat(100));
    assert_eq!(world.take(0), "x".repeat(100));
}

/// An interrupted read forgot that its socket was unread, and an interrupted write ended its connection.
#[test]
fn interrupted_calls_are_made_again() {
    let mut world = World::new();
    world.connect();
    world.far[0].interrupt(3, 3);
    world.send(0, "say x\n");
    assert_eq!(world.take(0), "x");
    world.far[0].interrupt(1, 1);
    world.send(0, "through 9000\n");
    world.all_arrived(0);
    world.far[0].interrupt(2, 0);
    world.finish(0);
    assert_eq!(world.service.log.last().map(String::as_str), Some("0 end"));
}
