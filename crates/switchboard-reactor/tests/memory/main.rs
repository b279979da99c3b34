//! Whole turns on in-memory connections: what the reactor promises, one promise a test.
//!
//! The service speaks the little language of `world`; a test plays the peers and reads the log.

mod random;
mod world;

use std::time::Duration;
use switchboard_reactor::{Counter, Ready, WireId};
use world::World;

const READY: Ready =
    Ready { id: WireId::NONE, readable: false, writable: false, ended: false, broken: false };

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

mod input {
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

    /// A short read says that the socket is empty: then nobody looked any more.
    #[test]
    fn a_last_look_is_told_of_whatever_comes_in_the_same_turn() {
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
        assert!(world.far[0].is_finished());
        world.send(0, "say unheard\n");
        world.finish(0);
        world.expect(&["0 close Limit(Carry)"]);
        world.is_empty();
    }

    #[test]
    fn what_a_paused_wire_was_sent_comes_after_resume() {
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
    fn what_a_paused_wire_had_read_comes_after_resume_without_new_bytes() {
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
    fn a_reset_is_noticed_although_nobody_reads() {
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
    fn a_reset_that_comes_with_bytes_is_noticed_by_the_pause_that_they_ask_for() {
        let mut world = World::new();
        world.connect();
        world.far[0].send(b"pause\n");
        let id = world.id(0);
        world.turn(&[Ready { id, readable: true, ended: true, broken: true, ..READY }]);
        world.expect(&["0 accept", "0 line pause", "0 close Reset"]);
        world.is_empty();
    }

    #[test]
    fn the_end_of_a_paused_wire_comes_after_resume() {
        for rest in ["", "say a\n"] {
            let mut world = World::new();
            world.connect();
            world.send(0, "pause\n");
            world.far[0].send(rest.as_bytes());
            world.finish(0);
            world.expect(&["0 accept", "0 line pause"]);
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
        assert!(!world.far[0].is_finished(), "a half-closed connection can be written to");
        world.act(0, "say c");
        assert_eq!(world.take(0), "ac");
    }

    /// The system says with every further edge that the peer has finished.
    #[test]
    fn the_end_is_not_told_again_with_a_later_edge() {
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
        let id = world.id(0);
        // A socket that was finished reads as finished, broken or not.
        world.turn(&[Ready { id, readable: true, writable: true, ended: true, broken: true }]);
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
}

mod fairness {
    use super::*;

    #[test]
    fn a_flood_gives_way_to_others() {
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
    fn a_flood_behind_a_rest_gives_way_too() {
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
    fn a_wire_that_yields_goes_on_in_the_next_turn() {
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
}

mod output {
    use super::*;

    fn narrow() -> World {
        let mut world =
            World::with(|limits| (limits.outbox_bytes_high, limits.outbox_bytes_low) = (1000, 100));
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
    fn what_others_say_leaves_in_one_write_at_the_end_of_the_turn() {
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
    fn what_gathers_is_not_written_at_an_edge_that_tells_of_room_too() {
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
        world.act(0, "relieve");
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
        assert!(world.far[0].is_finished());
    }

    #[test]
    fn each_crossing_of_the_marks_is_told_once() {
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

    /// It is found drained twice before anybody is told.
    #[test]
    fn a_wire_that_is_written_to_again_before_it_is_told_is_told_once() {
        let mut world = narrow();
        world.connect();
        world.room(0, Some(0));
        world.send(0, "fill 3000\n");
        world.service.log.clear();
        world.far[0].set_room(None);
        world.far[1].send(b"@0 say x; @0 relieve; @0 say y; @0 relieve\n");
        world.run();
        world.expect(&["1 line @0 say x; @0 relieve; @0 say y; @0 relieve", "0 drain"]);
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
    fn a_wire_is_congested_by_what_others_say() {
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
    fn what_on_drain_writes_may_congest_again() {
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
    fn write_through_keeps_the_order_whatever_the_kernel_takes() {
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
    fn shared_pieces_keep_the_order_whatever_the_kernel_takes() {
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
        assert_eq!((outbox.queued(), outbox.counted()), (12_013, 3_013));
        world.room(0, None);
        world.all_arrived(0);
    }

    /// The system takes so many slices at once; that more are left does not mean that it will tell of room.
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
        assert!(world.wires().outbox(WireId::NONE).is_none());
        for bits in u64::MAX - 8..=u64::MAX {
            let id = WireId::from_bits(bits);
            assert!(world.wires().outbox(id).is_none());
            assert_eq!(world.wires().write_through(id, b"a", b"b"), None);
        }
    }
}

mod endings {
    use super::*;

    #[test]
    fn close_flushes_then_ends_then_lingers() {
        let mut world = World::new();
        world.connect();
        world.room(0, Some(3));
        world.send(0, "say hello; close 9; close; abort\n".replace("; abort", "").as_str());
        world.send(0, "unheard\n");
        assert_eq!((world.take(0).as_str(), world.far[0].is_finished()), ("hel", false));
        world.room(0, None);
        assert_eq!((world.take(0).as_str(), world.far[0].is_finished()), ("lo", true));
        // What comes after our end is dropped.
        world.send(0, "unheard\n");
        world.advance(1999);
        world.expect(&["0 accept", "0 line say hello; close 9; close"]);
        world.advance(1);
        world.expect(&["0 close Service(9)"]);
        assert!(!world.far[0].is_reset());
        world.is_empty();
    }

    #[test]
    fn the_peers_end_ends_the_lingering() {
        let mut world = World::new();
        world.connect();
        world.send(0, "say a; close\n");
        world.far[0].send(b"unheard\n");
        world.finish(0);
        world.expect(&["0 accept", "0 line say a; close", "0 close Local"]);
        assert_eq!(world.take(0), "a");
        world.is_empty();
    }

    #[test]
    fn a_peer_that_has_finished_is_not_waited_for() {
        let mut world = World::new();
        world.connect();
        world.on("0 end", "say bye; close");
        world.far[0].send(b"say a\n");
        world.finish(0);
        world.expect(&["0 accept", "0 line say a", "0 end", "0 close Local"]);
        assert_eq!(world.take(0), "abye");
        world.is_empty();
    }

    /// Its end was told of while nobody listened, and no edge will tell of it again.
    #[test]
    fn a_peer_that_finished_while_paused_is_not_waited_for() {
        let mut world = World::new();
        world.connect();
        world.send(0, "pause\n");
        world.far[0].send(b"unheard\n");
        world.finish(0);
        world.act(0, "close");
        world.expect(&["0 accept", "0 line pause", "0 close Local"]);
        world.is_empty();
    }

    #[test]
    fn a_closing_wire_with_a_backlog_notices_a_reset() {
        let mut world = World::new();
        world.connect();
        world.room(0, Some(0));
        world.send(0, "say x; close\n");
        let id = world.id(0);
        world.turn(&[Ready { id, readable: true, ended: true, broken: true, ..READY }]);
        world.expect(&["0 accept", "0 line say x; close", "0 close Local"]);
        world.is_empty();
    }

    #[test]
    fn a_peer_that_never_reads_ends_by_write_stall() {
        for close in ["", "; close 9"] {
            let mut world = World::new();
            world.connect();
            world.room(0, Some(5));
            world.advance(500);
            world.send(0, &format!("fill 10{close}\n"));
            world.advance(29_999);
            assert_eq!(world.service.log.len(), 2);
            world.advance(1);
            let reason = if close.is_empty() { "0 close Timeout(Write)" } else { "0 close Service(9)" };
            assert_eq!(world.service.log.last().map(String::as_str), Some(reason));
            assert!(world.far[0].is_reset());
            world.is_empty();
        }
    }

    #[test]
    fn a_slow_reader_is_no_stalled_one() {
        let mut world = World::new();
        world.connect();
        world.room(0, Some(0));
        world.send(0, "fill 10\n");
        for _ in 0..9 {
            world.advance(29_000);
            world.room(0, Some(1));
        }
        world.advance(29_999);
        world.expect(&["0 accept", "0 line fill 10"]);
        world.advance(1);
        world.expect(&["0 close Timeout(Write)"]);
    }

    #[test]
    fn a_stall_begins_anew_with_each_backlog() {
        let mut world = World::new();
        world.connect();
        world.room(0, Some(0));
        world.send(0, "fill 10\n");
        world.advance(1_000);
        world.room(0, None);
        world.all_arrived(0);
        world.room(0, Some(0));
        world.advance(28_000);
        world.send(0, "fill 10\n");
        world.service.log.clear();
        world.advance(29_999);
        world.expect(&[]);
        world.advance(1);
        world.expect(&["0 close Timeout(Write)"]);
    }

    #[test]
    fn abort_drops_and_resets() {
        let mut world = World::new();
        world.connect();
        world.send(0, "say unsent; abort; say unsent; close 9; abort 8\nunheard\n");
        world.expect(&[
            "0 accept",
            "0 line say unsent; abort; say unsent; close 9; abort 8",
            "0 close Local",
        ]);
        assert_eq!((world.take(0).as_str(), world.far[0].is_reset()), ("", true));
        world.is_empty();
    }

    #[test]
    fn the_first_reason_stands() {
        for (commands, reason) in [
            ("close 1; close 2; abort 3", "Service(1)"),
            ("abort 1; abort 2; close 3", "Service(1)"),
            ("mute; close 1; abort 2", "Service(1)"),
        ] {
            let mut world = World::new();
            world.connect();
            world.send(0, &format!("{commands}\n"));
            assert_eq!(world.service.log.last(), Some(&format!("0 close {reason}")));
            world.is_empty();
        }
    }

    #[test]
    fn a_muted_wire_still_listens() {
        let mut world = World::new();
        world.connect();
        world.send(0, "say a; mute; say b\nhello\n");
        world.send(0, "say c; through 9000\n");
        world.finish(0);
        world.expect(&[
            "0 accept",
            "0 line say a; mute; say b",
            "0 line hello",
            "0 line say c; through 9000",
            "0 end",
        ]);
        assert_eq!(world.take(0), "a");
        assert!(!world.far[0].is_finished());
        world.act(0, "close");
        world.is_empty();
    }

    #[test]
    fn a_muted_wire_gets_its_backlog() {
        let mut world = World::new();
        world.connect();
        world.room(0, Some(3));
        world.send(0, "fill 100; mute\n");
        world.room(0, None);
        world.all_arrived(0);
        assert_eq!(world.got[0].len(), 100);
    }

    /// What it is, what brings it about, and the reason that is told.
    type Way = (&'static str, fn(&mut World), &'static str);

    /// Every way in which a wire can end.
    const WAYS: &[Way] = &[
        (
            "peer",
            |world| {
                world.on("0 end", "close 1");
                world.finish(0);
            },
            "Service(1)",
        ),
        ("reset", |world| world.reset(0), "Reset"),
        ("close", |world| world.act(0, "close"), "Local"),
        ("close from a callback", |world| world.send(0, "close\n"), "Local"),
        ("abort", |world| world.act(0, "abort"), "Local"),
        ("abort from a callback", |world| world.send(0, "fill 10; abort\n"), "Local"),
        (
            "timer",
            |world| {
                world.on("0 timer 1", "close 2");
                world.act(0, "timer 1 100");
            },
            "Service(2)",
        ),
        (
            "silence",
            |world| {
                world.on("0 silence 100", "abort 3");
                world.act(0, "silence 100");
            },
            "Service(3)",
        ),
        (
            "write error",
            |world| {
                world.connect();
                // Nobody has told of the break yet.
                world.far[0].reset();
                let id = world.id(1);
                world.far[1].send(b"@0 say x\n");
                world.turn(&[Ready { id, readable: true, ..READY }]);
                world.act(1, "abort");
            },
            "Reset",
        ),
        (
            "stall",
            |world| {
                world.room(0, Some(0));
                world.act(0, "say x");
            },
            "Timeout(Write)",
        ),
        ("carry", |world| world.send(0, &"x".repeat(200_000)), "Limit(Carry)"),
        (
            "reset while closing",
            |world| {
                world.room(0, Some(0));
                world.act(0, "say x; close");
                world.reset(0);
            },
            "Local",
        ),
        (
            "reset while lingering",
            |world| {
                world.act(0, "say x; close");
                world.reset(0);
            },
            "Local",
        ),
        (
            "abort while lingering",
            |world| {
                world.act(0, "close");
                world.act(0, "abort 1");
            },
            "Local",
        ),
        (
            "closed by its on_drain",
            |world| {
                world.on("0 drain", "close 4");
                world.room(0, Some(0));
                world.act(0, "fill 70000");
                world.room(0, None);
            },
            "Service(4)",
        ),
    ];

    #[test]
    fn the_end_is_told_once_on_every_path() {
        for (name, act, reason) in WAYS {
            let mut world = World::new();
            world.connect();
            act(&mut world);
            world.advance(40_000);
            let closes: Vec<_> =
                world.service.log.iter().filter(|entry| entry.starts_with("0 close")).collect();
            assert_eq!(closes, [&format!("0 close {reason}")], "{name}");
            world.is_empty();
        }
    }

    #[test]
    fn a_stale_id_does_nothing() {
        let mut world = World::new();
        world.connect();
        let stale = world.id(0);
        world.act(0, "abort");
        world.connect();
        assert_eq!(world.id(1).slot(), stale.slot(), "the slot is used again");
        assert_eq!(world.id(1).generation(), stale.generation() + 1);
        world.expect(&["0 accept", "0 close Local", "1 accept"]);
        let all = "say x; fill 70000; through 9000; share 3000; relieve; pause; hold; resume; release; yield; mute; \
            timer 1 1; silence 1; sound; cancel 1; close; abort";
        world.act(0, all);
        let wires = world.wires();
        assert!(!wires.contains(stale) && !wires.is_open(stale) && !wires.goes_on(stale));
        assert!(!wires.is_congested(stale) && !wires.has_ended(stale) && !wires.cancel_timer(stale, 1));
        assert_eq!((wires.queued(stale), wires.wire_stats(stale), wires.timers()), (0, None, 0));
        assert!(wires.peer_addr(stale).is_err() && wires.local_addr(stale).is_err());
        world.turn(&[Ready { id: stale, readable: true, writable: true, ended: true, broken: true }]);
        assert_eq!(world.wires().stats().stale.value(), 1);
        world.advance(60_000);
        world.send(1, "say y\n");
        assert_eq!(world.take(1), "y");
        world.expect(&["1 line say y"]);
    }
}

mod other_wires {
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
    fn a_stranger_in_a_slot_does_not_get_the_news_of_the_one_before() {
        let mut world = World::new();
        world.connect();
        let before = world.id(0);
        // The slot is freed at the begin of the turn, by the end of the lingering, and taken again in it.
        world.act(0, "close");
        world.driver.advance(Duration::from_millis(1999), &mut world.service);
        world.act(0, "abort");
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
        let mut world =
            World::with(|limits| (limits.outbox_bytes_high, limits.outbox_bytes_low) = (1000, 100));
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
    fn an_aborted_wire_hears_of_no_timer_that_is_due_at_the_same_time() {
        for how in ["abort", "close"] {
            let mut world = World::new();
            world.connect_many(2);
            for (one, other) in [(0, 1), (1, 0)] {
                world.on(&format!("{one} timer 1"), &format!("@{other} {how}"));
                world.act(one, "timer 1 50; timer 2 50; silence 50");
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
        let mut world =
            World::with(|limits| (limits.outbox_bytes_high, limits.outbox_bytes_low) = (1000, 100));
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
}

mod time {
    use super::*;

    #[test]
    fn silence_is_told_exactly_when_it_is_due() {
        let mut world = World::new();
        world.connect();
        world.advance(100);
        world.act(0, "silence 1000");
        world.service.log.clear();
        world.advance(899);
        world.expect(&[]);
        world.send(0, "hello\n");
        world.advance(999);
        world.expect(&["0 line hello"]);
        world.advance(1);
        world.expect(&["0 silence 1000"]);
        world.advance(999);
        world.expect(&[]);
        world.advance(1);
        world.expect(&["0 silence 2000"]);
        world.send(0, "x");
        world.advance(1000);
        world.expect(&["0 silence 1000"]);
        world.act(0, "silence 0");
        world.advance(100_000);
        world.expect(&[]);
        assert_eq!(world.wires().timers(), 0);
    }

    #[test]
    fn who_is_not_listened_to_is_not_silent() {
        for (stop, go) in [("pause", "resume"), ("hold", "release"), ("fill 70000", "")] {
            let mut world = World::new();
            world.connect();
            world.room(0, Some(0));
            world.act(0, "silence 1000");
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
            world.expect(&["0 silence 1000"]);
        }
    }

    #[test]
    fn writes_count_as_sound_if_asked() {
        for (sound, expected) in [("", "0 silence 1000"), ("sound", "0 silence 1400")] {
            let mut world = World::new();
            world.connect();
            world.act(0, sound);
            world.act(0, "silence 1000");
            world.service.log.clear();
            for _ in 0..4 {
                world.advance(100);
                world.act(0, "say x");
            }
            world.advance(600);
            let told_after = if world.service.log.is_empty() { 1400 } else { 1000 };
            assert_eq!(format!("0 silence {told_after}"), expected);
            world.advance(400);
            assert_eq!(world.service.log.last().map(String::as_str), Some("0 silence 1000"));
        }
    }

    #[test]
    fn a_write_that_nobody_takes_is_no_sound() {
        let mut world = World::new();
        world.connect();
        world.room(0, Some(0));
        world.act(0, "sound; silence 1000; say x");
        world.advance(900);
        world.act(0, "say x");
        world.service.log.clear();
        world.advance(100);
        world.expect(&["0 silence 1000"]);
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

    /// A turn must end, whatever its timers ask for.
    #[test]
    fn a_timer_that_sets_itself_at_once_does_not_stop_the_turn() {
        let mut world = World::new();
        world.connect();
        world.on("0 timer 1", "timer 1 0");
        world.on("0 silence 50", "silence 50");
        world.on("0 silence 51", "silence 0");
        world.act(0, "timer 1 0; silence 50");
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
            world.act(0, "timer 1 100; timer 2 200; silence 50; @1 timer 1 5000");
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
    fn a_closing_wire_hears_of_no_timer_and_no_silence() {
        let mut world = World::new();
        world.connect();
        world.room(0, Some(0));
        world.act(0, "timer 1 100; silence 50; say x; close");
        world.service.log.clear();
        world.advance(1000);
        world.expect(&[]);
        world.room(0, None);
        world.finish(0);
        world.expect(&["0 close Local"]);
        world.is_empty();
    }
}

#[test]
fn a_full_table_takes_nobody() {
    let mut world = World::with(|limits| limits.wires_max = 1);
    world.connect();
    let far = world.driver.connect(&mut world.service, ([127, 0, 0, 1], 1).into(), 0);
    assert!(world.wires().is_full() && far.is_finished());
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
fn the_bell_is_heard_and_the_alarm_once() {
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
