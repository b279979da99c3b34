//! How a wire ends.

use super::*;
use std::sync::Arc;

#[test]
fn close_flushes_then_ends_then_lingers() {
    let mut world = World::new();
    world.connect();
    world.room(0, Some(3));
    world.send(0, "say hello; close 9; close; abort\n".replace("; abort", "").as_str());
    world.send(0, "unheard\n");
    assert_eq!((world.take(0).as_str(), world.far[0].has_server_finished()), ("hel", false));
    world.room(0, None);
    assert_eq!((world.take(0).as_str(), world.far[0].has_server_finished()), ("lo", true));
    // It is over for the layer above when our end was sent. What comes after that is dropped.
    world.expect(&["0 accept", "0 line say hello; close 9; close", "0 close Service(9)"]);
    assert_eq!((world.wires().len(), world.wires().lingering()), (0, 1));
    world.send(0, "unheard\n");
    world.advance(1999);
    assert!(!world.far[0].is_released());
    world.advance(1);
    assert!(world.far[0].is_released() && !world.far[0].is_reset());
    world.expect(&[]);
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

/// The event of its end came while the wire was paused, and no further edge will report it.
#[test]
fn a_peer_that_finished_while_paused_is_not_waited_for() {
    let mut world = World::new();
    world.connect();
    world.send(0, "pause\n");
    world.far[0].send(b"unheard\n");
    world.finish(0);
    world.act(0, "close");
    world.expect(&["0 accept", "0 line pause", "0 peer closed", "0 close Local"]);
    world.is_empty();
}

#[test]
fn a_closing_wire_with_a_backlog_notices_a_reset() {
    let mut world = World::new();
    world.connect();
    world.room(0, Some(0));
    world.send(0, "say x; close\n");
    world.reset(0);
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
        // A closing one has to get on.
        world.advance(if close.is_empty() { 29_999 } else { 14_999 });
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

/// With a floor a peer that takes less of what is queued in each time is given up, whether more is queued meanwhile or not.
#[test]
fn an_open_wire_whose_peer_takes_too_little_ends_if_there_is_a_floor() {
    for (least, per_second, ends) in
        [(1, 1, false), (1000, 20, true), (1000, 32, true), (1000, 36, false), (3000, 110, false)]
    {
        for more in [false, true] {
            let mut world = World::with(|limits| limits.write_stall_bytes_min = least);
            world.connect();
            world.room(0, Some(0));
            world.act(0, "fill 30000");
            for _ in 0..300 {
                world.advance(1000);
                if world.far[0].is_reset() {
                    break;
                }
                if more {
                    world.act(0, "fill 40");
                }
                world.room(0, Some(per_second));
                world.take(0);
            }
            assert_eq!(world.far[0].is_reset(), ends, "{least} of {per_second} a second, more: {more}");
        }
    }
    // The last bytes are fewer than the floor.
    let mut world = World::with(|limits| limits.write_stall_bytes_min = 1000);
    world.connect();
    world.room(0, Some(0));
    world.act(0, "fill 500");
    world.advance(29_000);
    world.room(0, None);
    world.advance(100_000);
    assert!(!world.far[0].is_reset());
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
    world.expect(&["0 accept", "0 line say unsent; abort; say unsent; close 9; abort 8", "0 close Local"]);
    assert_eq!((world.take(0).as_str(), world.far[0].is_reset()), ("", true));
    world.is_empty();
}

#[test]
fn the_first_reason_counts() {
    for (commands, reason) in [
        ("close 1; close 2; abort 3", "Service(1)"),
        ("abort 1; abort 2; close 3", "Service(1)"),
        ("close_output; close 1; abort 2", "Service(1)"),
    ] {
        let mut world = World::new();
        world.connect();
        world.send(0, &format!("{commands}\n"));
        assert_eq!(world.service.log.last(), Some(&format!("0 close {reason}")));
        world.is_empty();
    }
}

#[test]
fn a_wire_with_closed_output_is_still_read() {
    let mut world = World::new();
    world.connect();
    world.send(0, "say a; close_output; say b\nhello\n");
    world.send(0, "say c; through 9000\n");
    world.finish(0);
    world.expect(&[
        "0 accept",
        "0 line say a; close_output; say b",
        "0 line hello",
        "0 line say c; through 9000",
        "0 end",
    ]);
    assert_eq!(world.take(0), "a");
    assert!(!world.far[0].has_server_finished());
    world.act(0, "close");
    world.is_empty();
}

#[test]
fn a_wire_with_closed_output_gets_its_backlog() {
    let mut world = World::new();
    world.connect();
    world.room(0, Some(3));
    world.send(0, "fill 100; close_output\n");
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
        "idle",
        |world| {
            world.on("0 idle 100", "abort 3");
            world.act(0, "idle 100");
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
    ("carry", |world| world.send(0, &"x".repeat(200_000)), "Limit(ReadBuffer)"),
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
fn the_end_is_reported_once_on_every_path() {
    for (name, act, reason) in WAYS {
        let mut world = World::new();
        world.connect();
        act(&mut world);
        world.advance(40_000);
        let closes: Vec<_> = world.service.log.iter().filter(|entry| entry.starts_with("0 close")).collect();
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
    let all = "say x; fill 70000; through 9000; share 3000; flush_early; pause; hold; resume; release; yield; close_output; \
        timer 1 1; idle 1; sound; cancel 1; close; abort";
    world.act(0, all);
    let wires = world.wires();
    assert!(!wires.contains(stale) && !wires.is_open(stale) && !wires.may_handle_bytes(stale));
    assert!(!wires.is_congested(stale) && !wires.has_peer_ended(stale) && !wires.cancel_timer(stale, 1));
    assert_eq!((wires.queued_bytes(stale), wires.wire_stats(stale), wires.timers()), (0, None, 0));
    assert!(wires.peer(stale).is_none() && wires.local_addr(stale).is_err());
    world.turn(&[Ready { id: stale, readable: true, writable: true, ended: true, broken: true, ..READY }]);
    assert_eq!(world.wires().stats().stale.value(), 1);
    world.advance(60_000);
    world.send(1, "say y\n");
    assert_eq!(world.take(1), "y");
    world.expect(&["1 line say y"]);
}

/// Its peer finds the last bytes and the end after them together, before others have their turn.
#[test]
fn a_wire_that_ends_in_its_own_event_does_not_wait_for_the_end_of_the_turn() {
    let mut world = World::new();
    world.connect_many(3);
    world.service.log.clear();
    world.on("0 close Local", "@1 say b; @2 abort");
    world.far[0].send(b"@1 say a; abort\n");
    world.far[1].send(b"say c\n");
    world.far[2].send(b"say unheard\n");
    world.run();
    world.expect(&["0 line @1 say a; abort", "0 close Local", "1 line say c", "2 close Local"]);
    assert_eq!((world.take(1).as_str(), world.take(2).as_str()), ("abc", ""));
}

/// One that another has ended before is in the list, and not its last: the end of the turn sees to it.
#[test]
fn wires_that_end_together_are_each_closed_once() {
    for how in ["close", "abort"] {
        let mut world = World::new();
        world.connect_many(4);
        world.service.log.clear();
        world.far[0].send(format!("@1 say a; @1 {how}; {how}; @2 {how}\n").as_bytes());
        world.far[3].send(b"say d\n");
        world.run();
        (0..3).for_each(|wire| world.finish(wire));
        for wire in 0..3 {
            let entry = format!("{wire} close Local");
            assert_eq!(world.service.log.iter().filter(|known| **known == entry).count(), 1, "{entry}");
        }
        assert_eq!((world.take(3).as_str(), world.wires().len()), ("d", 1));
    }
}

/// A3: what keeps a wire from being read, and what takes that away again.
const STOPS: [(&str, &str); 4] =
    [("pause", "resume"), ("hold", "release"), ("throttle", "unthrottle"), ("fill 70000", "")];

#[test]
fn a_reset_is_noticed_for_any_reason_not_to_read() {
    for (stop, _) in STOPS {
        for unread in ["", "unheard\n"] {
            let mut world = World::new();
            world.connect();
            world.room(0, Some(0));
            world.send(0, &format!("{stop}\n"));
            world.send(0, unread);
            world.far[0].reset_after_sent();
            world.run();
            world.expect(&["0 accept", &format!("0 line {stop}"), "0 close Reset"]);
            world.is_empty();
        }
    }
}

#[test]
fn an_end_without_unread_bytes_is_reported_although_the_wire_is_not_read() {
    for (stop, _) in STOPS {
        let mut world = World::new();
        world.connect();
        world.room(0, Some(0));
        world.on("0 end", "abort");
        world.send(0, &format!("{stop}\n"));
        world.finish(0);
        world.expect(&["0 accept", &format!("0 line {stop}"), "0 end", "0 close Local"]);
        world.is_empty();
    }
}

/// A2: it had said all it wanted in one go, so that the news of its end came together with its bytes.
#[test]
fn an_end_that_comes_with_the_last_bytes_is_reported_immediately() {
    for (stop, _) in STOPS {
        let mut world = World::new();
        world.connect();
        world.room(0, Some(0));
        world.on("0 end", "abort");
        world.far[0].send(format!("{stop}\n").as_bytes());
        world.finish(0);
        world.expect(&["0 accept", &format!("0 line {stop}"), "0 end", "0 close Local"]);
    }
}

#[test]
fn an_end_after_unread_bytes_is_announced_at_once_and_reported_after_them() {
    for (stop, go) in STOPS {
        let mut world = World::new();
        world.connect();
        world.room(0, Some(0));
        world.send(0, &format!("{stop}\n"));
        world.service.log.clear();
        world.send(0, "x\n");
        world.finish(0);
        world.expect(&["0 peer closed"]);
        world.advance(29_999);
        world.expect(&[]);
        world.act(0, go);
        world.room(0, None);
        world.service.log.retain(|entry| entry != "0 drain");
        world.expect(&["0 line x", "0 end"]);
        world.act(0, "close");
        world.is_empty();
    }
}

#[test]
fn a_paused_wire_whose_peer_has_closed_is_kept_for_a_limited_time() {
    let mut world = World::with(|limits| limits.unread_wait = Duration::from_secs(7));
    world.connect();
    world.send(0, "pause\n");
    world.far[0].send(b"unheard\n");
    world.finish(0);
    world.advance(6_999);
    world.expect(&["0 accept", "0 line pause", "0 peer closed"]);
    world.advance(1);
    world.expect(&["0 close Peer"]);
    world.is_empty();
}

/// A1: both directions are closed, which looks like a reset, and is the normal end: five of nine answers were cut.
#[test]
fn output_is_not_destroyed_when_both_sides_have_ended() {
    for (stop, _) in STOPS {
        let mut world = World::new();
        world.connect();
        world.send(0, &format!("say hello; {stop}; close\n"));
        assert!(world.far[0].has_server_finished() && !world.far[0].is_released(), "it lingers");
        // The kernel has it, and the peer not yet.
        world.finish(0);
        assert!(!world.far[0].is_reset(), "{stop}");
        assert_eq!(&world.far[0].take()[..5], b"hello", "{stop}");
        assert!(world.far[0].is_released());
        world.is_empty();
    }
}

/// Readiness is a hint: a wrong hint ends nothing.
#[test]
fn hints_that_are_wrong_end_nothing() {
    for how in ["", "pause", "hold", "say x; close_output", "fill 100; close", "say x; close"] {
        let mut world = World::new();
        world.connect();
        world.room(0, Some(2));
        world.send(0, &format!("{how}\n"));
        world.service.log.clear();
        let id = world.id(0);
        for bits in 0..32u8 {
            let [readable, writable, ended, broken, urgent] = [1, 2, 4, 8, 16].map(|bit| bits & bit != 0);
            world.turn(&[Ready { id, readable, writable, ended, broken, urgent }]);
        }
        world.service.log.retain(|entry| entry != "0 peer closed");
        world.expect(&[]);
        assert!(!world.far[0].is_released() && !world.far[0].is_reset(), "{how}");
        world.room(0, None);
        world.all_arrived(0);
        world.finish(0);
        world.act(0, "resume; release; close");
        world.is_empty();
    }
}

/// A4: it took a little now and then, and so for ever.
#[test]
fn a_closing_wire_whose_peer_takes_too_little_in_an_interval_ends() {
    for (taken, intervals) in [(16 << 10, None), ((16 << 10) - 1, Some(1)), (1, Some(1))] {
        let mut world = World::new();
        world.connect();
        world.room(0, Some(0));
        world.send(0, "fill 60000; close 9\n");
        world.service.log.clear();
        for interval in 1..=4 {
            world.advance(10_000);
            world.room(0, Some(taken));
            world.advance(5_000);
            let has_ended = intervals.is_some_and(|end| interval >= end);
            assert_eq!(world.far[0].is_reset(), has_ended, "{taken} bytes in interval {interval}");
        }
        world.expect(&["0 close Service(9)"]);
    }
}

/// A5: a peer that still sends what is too long reads the answer to it when it is done.
#[test]
fn a_wire_lingers_as_long_as_something_comes_but_not_for_ever() {
    let mut world = World::new();
    world.connect();
    world.send(0, "say 413; close\n");
    world.expect(&["0 accept", "0 line say 413; close", "0 close Local"]);
    for second in 1..30 {
        world.advance(1000);
        assert!(!world.far[0].is_released(), "after {second} s");
        world.send(0, "more\n");
    }
    world.advance(999);
    assert!(!world.far[0].is_released());
    world.advance(1);
    assert!(world.far[0].is_released() && !world.far[0].is_reset());
    assert_eq!(world.take(0), "413");
    world.is_empty();
}

/// The longest time was asked for only when the linger was over.
#[test]
fn i515_a_wire_lingers_no_longer_than_the_longest_time() {
    for sends in [false, true] {
        let mut world = World::with(|limits| limits.linger_max = Duration::from_secs(1));
        world.connect();
        world.send(0, "close\n");
        world.advance(999);
        if sends {
            world.send(0, "more\n");
        }
        assert!(!world.far[0].is_released());
        world.advance(1);
        assert!(world.far[0].is_released() && !world.far[0].is_reset());
        world.is_empty();
    }
}

#[test]
fn lingering_connections_are_bounded_and_take_no_place() {
    let mut world = World::with(|limits| (limits.wires_max, limits.lingering_max) = (1, 3));
    for wire in 0..5 {
        world.connect();
        world.act(wire, "close");
        assert_eq!((world.wires().len(), world.wires().lingering()), (0, 3.min(wire + 1)));
    }
    let released: Vec<bool> = world.far.iter().map(jackfield_reactor::FarEnd::is_released).collect();
    assert_eq!(released, [true, true, false, false, false], "the oldest go");
    let gone = world.id(4);
    assert!(!world.wires().contains(gone) && world.wires().wire_stats(gone).is_none());
    assert_eq!(world.wires().ids().count(), 0);
    world.finish(3);
    world.advance(2000);
    assert!(world.wires().is_empty());
    world.is_empty();
}

/// A8: the lower half of the time was kept, which begins anew after 49.7 days.
#[test]
fn ages_and_idle_times_are_whole() {
    let mut world = World::new();
    world.connect();
    let days = Duration::from_secs(50 * 86_400);
    world.driver.skip(days);
    world.run();
    world.driver.turn(&mut world.service);
    let id = world.id(0);
    let stats = world.wires().wire_stats(id).expect("it is there");
    assert_eq!((stats.age, stats.quiet), (days, days));
    world.act(0, "idle 4000000000");
    world.advance(1);
    world.expect(&["0 accept", "0 idle 4320000001"]);
}

/// An abort in `on_close` destroyed what had been sent before.
#[test]
fn nothing_ends_a_wire_whose_end_was_sent_at_once() {
    for commands in ["abort 9", "close 9", "say unsent; close 9; abort 9"] {
        let mut world = World::new();
        world.connect();
        world.on("0 close Local", commands);
        world.send(0, "fill 200000; close\n");
        assert!(world.far[0].has_server_finished() && !world.far[0].is_reset(), "{commands}");
        world.all_arrived(0);
        assert_eq!((world.got[0].len(), world.wires().lingering()), (200_000, 1), "{commands}");
        world.finish(0);
        world.is_empty();
    }
}

/// What came in reads that used up all that may be read in a turn was taken for nothing, and the answer to it was reset.
#[test]
fn a_wire_lingers_as_long_as_full_reads_come() {
    let mut world = World::new();
    world.connect();
    world.send(0, "say 413; close\n");
    let full = "x".repeat(world.wires().limits().read_bytes);
    for second in 1..30 {
        world.advance(1000);
        assert!(!world.far[0].is_released(), "after {second} s");
        world.send(0, &full);
    }
    world.advance(1000);
    assert!(world.far[0].is_released() && !world.far[0].is_reset());
    assert_eq!(world.take(0), "413");
    world.is_empty();
}

/// What was left was noted as four gigabytes at most, so that of more nothing seemed to be taken.
#[test]
#[cfg(target_pointer_width = "64")]
fn a_closing_wire_may_have_more_than_four_gigabytes_left() {
    for (taken, is_reset) in [(16 << 10, false), ((16 << 10) - 1, true)] {
        let mut world = World::new();
        world.connect();
        world.room(0, Some(0));
        let (id, body): (_, Arc<[u8]>) = (world.id(0), vec![0; 16 << 20].into());
        let outbox = world.wires().outbox(id).expect("it is open");
        (0..300).for_each(|_| outbox.push_shared_body(body.clone()));
        world.act(0, "close");
        world.advance(10_000);
        world.far[0].set_room(Some(taken));
        world.driver.run(&mut world.service);
        world.driver.advance(Duration::from_millis(5_000), &mut world.service);
        assert_eq!(world.far[0].is_reset(), is_reset, "{taken} bytes in an interval");
    }
}

/// The system takes portions of this size: one in each interval will do.
#[test]
fn a_closing_wire_whose_peer_takes_a_portion_in_each_interval_gets_all() {
    let mut world = World::new();
    world.connect();
    world.room(0, Some(0));
    world.send(0, "fill 300000; close\n");
    for _ in 0..9 {
        world.advance(14_999);
        world.room(0, Some(32 << 10));
        assert!(!world.far[0].is_reset());
    }
    world.room(0, None);
    world.all_arrived(0);
}
