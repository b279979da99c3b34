//! TLS above a connection that speaks already.

use crate::world::{PEER, SIZES, World, client, configs};
use jackfield_reactor::{ConnectionId, Session};
use rustls::Connection;
use std::io::ErrorKind;
use std::time::Duration;

fn plain() -> World {
    World::new(Session::Plain)
}

fn hello(session: &mut Connection) -> Vec<u8> {
    let mut hello = Vec::new();
    session.write_tls(&mut hello).expect("memory");
    hello
}

#[test]
fn output_before_starttls_is_plain_and_later_output_is_not() {
    for size in SIZES {
        let (mut world, mut peer) = (plain(), client());
        assert_eq!(world.send(b"hello\nstarttls\n", size), b"hello\ngo\n");
        assert_eq!(world.say(&mut peer, b"secret\n", size), b"secret\n", "in pieces of {size}");
        let established = format!("established {PEER}");
        assert_eq!(world.log(), ["line hello", "line starttls", &established, "line secret"]);
    }
}

/// Whether it comes with the command, in part with it, or after it.
#[test]
fn plain_text_after_the_command_is_never_used() {
    let words = b"hello\nstarttls\nsecret\nmore\n";
    for cut in 0..=words.len() {
        let mut world = plain();
        let (first, second) = words.split_at(cut);
        let mut answers = world.send(first, 1 << 20);
        answers.extend(world.send(second, 1 << 20));
        world.far.finish();
        world.run();
        let close = format!("close Tls {PEER} at 3");
        assert_eq!(world.log(), ["line hello", "line starttls", &close], "cut at {cut}");
        assert!(answers.starts_with(b"hello\ngo\n\x15"), "an alert is all that follows, cut at {cut}");
    }
}

/// No peer should do so, but what belongs to TLS is told from what does not by its form and not by its time.
#[test]
fn a_handshake_that_follows_the_command_at_once_is_the_same_however_it_is_split() {
    let mut lengths = Vec::new();
    for size in SIZES {
        let (mut world, mut peer) = (plain(), client());
        let words = [b"starttls\n".to_vec(), hello(&mut peer)].concat();
        let answers = world.send(&words, size);
        let flight = answers.strip_prefix(b"go\n").expect("the answer in plain text comes first");
        lengths.push(flight.len());
        let mut rest = flight;
        while !rest.is_empty() {
            peer.read_tls(&mut rest).expect("memory");
            peer.process_new_packets().expect("well-formed records");
        }
        assert_eq!(world.say(&mut peer, b"secret\n", size), b"secret\n", "in pieces of {size}");
    }
    assert!(lengths.iter().all(|length| *length == lengths[0]), "{lengths:?}");
}

#[test]
fn plain_text_that_the_kernel_did_not_take_goes_first() {
    let (mut world, mut peer) = (plain(), client());
    world.far.set_room(Some(4));
    let words = [b"hello\nstarttls\n".to_vec(), hello(&mut peer)].concat();
    world.far.send(&words);
    world.driver.run(&mut world.service);
    assert_eq!(world.far.take(), b"hell");
    world.far.set_room(Some(2));
    world.driver.run(&mut world.service);
    assert_eq!(world.far.take(), b"o\n");
    world.far.set_room(None);
    world.run();
    let answers = world.far.take();
    assert!(answers.starts_with(b"go\n\x16"), "{:?}", &answers[..4]);
    assert_eq!(world.driver.accounts().queued, 0);
}

/// On a timer or on a message of another connection: bytes that were carried then belong to the session too.
#[test]
fn it_can_begin_outside_of_the_connections_own_events() {
    for carried in ["", "half a line"] {
        let (mut world, mut peer) = (plain(), client());
        world.send(format!("hello\n{carried}").as_bytes(), 1 << 20);
        let id = world.driver.reactor.wires.ids().next().expect("one");
        let wires = &mut world.driver.reactor.wires;
        if let Some(outbox) = wires.outbox(id) {
            outbox.tail().extend_from_slice(b"now\n");
        }
        wires.start_tls(id, configs().server.clone()).expect("it is plain and open");
        assert!(
            wires.outbox(id).is_none() && !wires.may_handle_bytes(id),
            "nothing is said before it is established"
        );
        let again = wires.start_tls(id, configs().server.clone()).expect_err("once only");
        assert_eq!(again.kind(), ErrorKind::NotConnected);
        if carried.is_empty() {
            assert_eq!(world.send(&[], 1 << 20), b"now\n");
            assert_eq!(world.say(&mut peer, b"secret\n", 1 << 20), b"secret\n");
            let wires = &mut world.driver.reactor.wires;
            let above = wires.start_tls(id, configs().server.clone()).expect_err("it is not plain");
            assert_eq!(above.kind(), ErrorKind::InvalidInput);
        } else {
            world.far.finish();
            world.run();
            assert_eq!(world.log()[1..], [format!("close Tls {PEER} at 3")]);
        }
    }
}

#[test]
fn a_handshake_by_starttls_has_a_deadline() {
    let mut world = plain();
    world.send(b"starttls\n", 1);
    world.advance(Duration::from_secs(10));
    assert_eq!(world.log()[1..], [format!("close Timeout(Handshake) {PEER} at 3")]);
}

/// The fault: nobody was told that a connection had drained which had begun TLS while it was congested.
#[test]
fn a_congested_connection_is_told_after_the_handshake_that_it_has_drained() {
    let (mut world, mut peer) = (plain(), client());
    world.far.set_room(Some(0));
    world.queue(100_000);
    world.driver.run(&mut world.service);
    let id = world.id();
    assert!(world.driver.reactor.wires.is_congested(id));
    world.driver.reactor.wires.start_tls(id, configs().server.clone()).expect("it is plain and open");
    world.far.set_room(None);
    assert_eq!(world.send(&[], 1 << 20).len(), 100_000);
    assert_eq!(world.say(&mut peer, b"secret\n", 1 << 20), b"secret\n");
    assert_eq!(world.log(), [&format!("established {PEER}")[..], "line secret", "drain"]);
}

/// A broadcast that was still to be copied out found the connection without its stream, and aborted it.
#[test]
fn a_broadcast_goes_out_before_it() {
    let (mut world, mut peer) = (plain(), client());
    let id = world.driver.reactor.wires.ids().next().expect("one");
    let wires = &mut world.driver.reactor.wires;
    wires.outbox(id).expect("it is open").tail().extend_from_slice(b"now\n");
    wires.begin_broadcast(vec![id], Vec::new(), usize::MAX);
    assert!(wires.extend_broadcast(&[b'x'; 70_000], ConnectionId::NONE));
    wires.start_tls(id, configs().server.clone()).expect("it is plain and open");
    wires.end_broadcast();
    let plain = world.send(&[], 1 << 20);
    assert_eq!((&plain[..4], plain.len()), (&b"now\n"[..], 70_004));
    assert_eq!(world.say(&mut peer, b"secret\n", 1 << 20), b"secret\n");
}

#[test]
fn output_before_starttls_is_counted() {
    for (room, taken) in [(None, 9), (Some(2), 2)] {
        let mut world = plain();
        world.far.set_room(room);
        world.far.send(b"hello\nstarttls\n");
        world.driver.run(&mut world.service);
        let wires = &world.driver.reactor.wires;
        let id = wires.ids().next().expect("one");
        let stats = wires.wire_stats(id).expect("it is there");
        let counts = (stats.bytes_out, stats.queued, wires.stats().bytes_out.value());
        assert_eq!(counts, (taken, 9 - taken as usize, 9), "with room for {room:?}");
    }
}

/// The layer above knows the connection, although it is in a handshake.
#[test]
fn an_eviction_in_the_handshake_is_reported() {
    let mut world = plain();
    world.send(b"starttls\n", 1 << 20);
    let id = world.driver.reactor.wires.ids().next().expect("one");
    world.driver.reactor.wires.charge_service(id, 65 << 20);
    world.run();
    let close = format!("close Limit(Memory) {PEER} at 3");
    assert_eq!(world.log(), ["line starttls", "evicted TooLarge", &close]);
}
