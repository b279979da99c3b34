//! Bytes that come before the session.

use crate::world::{PEER, SIZES, World, client, configs};
use jackfield_reactor::{Addr, PreambleRead, Proxied, Session, Stream, Tls, Wires};
use std::net::SocketAddr;
use std::time::Duration;

/// `from ADDR;`, or `local;` of a proxy that speaks for itself.
fn parse(bytes: &[u8]) -> PreambleRead {
    let Some(end) = bytes.iter().position(|byte| *byte == b';') else { return PreambleRead::Incomplete };
    let text = String::from_utf8_lossy(&bytes[..end]);
    let proxied = match text.strip_prefix("from ").map(str::parse::<SocketAddr>) {
        Some(Ok(source)) => Some(Proxied { source: source.into(), destination: Addr::Ip(PEER) }),
        None if text == "local" => None,
        _ => return PreambleRead::Invalid,
    };
    PreambleRead::Done { bytes: end + 1, proxied }
}

fn behind(stream: Stream) -> Session {
    Session::Plain(stream).with_preamble(parse, 40)
}

#[test]
fn the_source_is_known_before_the_first_byte() {
    let rows = [
        ("from 203.0.113.9:99;", "203.0.113.9:99"),
        ("from [2001:db8::1]:2;", "[2001:db8::1]:2"),
        ("local;", "192.0.2.7:4000"),
    ];
    for size in SIZES {
        for (preamble, source) in rows {
            let mut world = World::new(behind);
            assert_eq!(world.send(format!("{preamble}hello\nx").as_bytes(), size), b"hello\n");
            world.far.finish();
            world.run();
            let close = format!("close Peer {PEER} at 3");
            assert_eq!(world.log(), [&format!("established {source}"), "line hello", "end", &close]);
        }
    }
}

/// The simulation found it (seed 19478): an end that came together with the last bytes of the preamble was never read.
#[test]
fn an_end_right_after_it_is_read() {
    for (bytes, expected) in [
        ("from 203.0.113.9:99;", &["established 203.0.113.9:99", "end"][..]),
        ("from 203.0.113.9:99;hello\n", &["established 203.0.113.9:99", "line hello", "end"]),
        ("from 203.0.", &[]),
    ] {
        let mut world = World::new(behind);
        world.far.send(bytes.as_bytes());
        world.far.finish();
        world.run();
        let log = world.log();
        let (last, before) = log.split_last().expect("it is closed");
        assert_eq!(before, expected, "{bytes}");
        assert!(last.starts_with(&format!("close Peer {PEER}")), "{last}");
    }
}

#[test]
fn tls_begins_after_it() {
    for size in SIZES {
        let (mut world, mut peer) = (
            World::new(|stream| {
                let tls = Tls::server(stream, configs().server.clone()).expect("a good configuration");
                Session::from(tls).with_preamble(parse, 40)
            }),
            client(),
        );
        let mut words = b"from 203.0.113.9:99;".to_vec();
        peer.write_tls(&mut words).expect("memory");
        let answers = world.send(&words, size);
        let mut rest = &answers[..];
        while !rest.is_empty() {
            peer.read_tls(&mut rest).expect("memory");
            peer.process_new_packets().expect("well-formed records");
        }
        assert_eq!(world.say(&mut peer, b"secret\n", size), b"secret\n", "in pieces of {size}");
        assert_eq!(world.log(), ["established 203.0.113.9:99", "line secret"]);
    }
}

/// The first byte of TLS came together with the preamble, and one in the middle of a record was taken for the first.
#[test]
fn a_peer_that_speaks_tls_after_it_is_never_answered_in_plain_text() {
    let behind_both = |stream| {
        let tls = Tls::server(stream, configs().server.clone()).expect("a good configuration");
        Session::from(tls.with_plain_answer(b"speak TLS")).with_preamble(parse, 40)
    };
    let preamble = b"from 203.0.113.9:99;";
    for cut in [10, 20, 21, 25, 100] {
        let (mut world, mut peer) = (World::new(behind_both), client());
        let mut words = preamble.to_vec();
        peer.write_tls(&mut words).expect("memory");
        let mut answers = world.send(&words[..cut], cut);
        answers.extend(world.send(&words[cut..], 1000));
        assert!(!answers.starts_with(b"speak"), "cut at {cut}");
        let mut rest = &answers[..];
        while !rest.is_empty() {
            peer.read_tls(&mut rest).expect("memory");
            peer.process_new_packets().expect("well-formed records");
        }
        assert_eq!(world.say(&mut peer, b"secret\n", 1000), b"secret\n", "cut at {cut}");
        // And one that does not speak it is.
        let mut world = World::new(behind_both);
        assert_eq!(world.send(&[preamble, &b"GET / HTTP/1.1\r\n"[..]].concat(), cut), b"speak TLS");
    }
}

/// Over TLS it ended with a close_notify, before any handshake.
#[test]
fn a_connection_without_one_is_reset_and_nothing_is_sent() {
    let over_tls = |stream| {
        let tls = Tls::server(stream, configs().server.clone()).expect("a good configuration");
        Session::from(tls).with_preamble(parse, 40)
    };
    for (kind, make) in [("plain", behind as fn(Stream) -> Session), ("TLS", over_tls)] {
        // The second is as long as it may be, and not whole.
        for first in ["GET / HTTP/1.1;", &"x".repeat(40)] {
            for size in SIZES {
                let mut world = World::new(make);
                let answer = world.send(first.as_bytes(), size);
                assert!(answer.is_empty(), "{kind}, in pieces of {size}: {answer:?}");
                assert_eq!(
                    world.log(),
                    [format!("close Preamble {PEER} at 3")],
                    "{kind}, in pieces of {size}"
                );
                assert!(world.far.is_reset(), "{kind}, in pieces of {size}");
            }
        }
    }
}

/// Bytes that followed the preamble were delivered after the abort; over TLS the handshake was begun.
#[test]
fn what_is_behind_a_preamble_that_is_refused_is_not_read() {
    let over_tls = |stream| {
        let tls = Tls::server(stream, configs().server.clone()).expect("a good configuration");
        Session::from(tls).with_preamble(parse, 40)
    };
    let mut hello = Vec::new();
    client().write_tls(&mut hello).expect("memory");
    let rows = [(&b"hello\n"[..], behind as fn(Stream) -> Session), (b"", behind), (&hello, over_tls)];
    for (words, make) in rows {
        let mut world = World::new(make);
        world.service.refuses = true;
        let answer = world.send(&[b"from 203.0.113.9:99;", words].concat(), 1 << 20);
        assert_eq!(world.log(), [format!("close Local {PEER} at 3")]);
        assert!(answer.is_empty() && world.far.is_reset());
        assert_eq!(world.driver.reactor.wires.stats().bytes_in.value(), 0);
    }
}

/// A preamble that did not come was taken for a handshake that does not end.
#[test]
fn a_preamble_has_a_deadline_and_the_peer_may_end_before() {
    let over_tls = |stream| {
        let tls = Tls::server(stream, configs().server.clone()).expect("a good configuration");
        Session::from(tls).with_preamble(parse, 40)
    };
    let late = Some(Duration::from_secs(10));
    let rows = [
        ("from 2", late, "Preamble", behind as fn(Stream) -> Session),
        ("", late, "Preamble", behind),
        ("from 2", None, "Peer", behind),
        ("from 2", late, "Preamble", over_tls),
        ("from 2", None, "Peer", over_tls),
        // Now it is the handshake that does not come.
        ("local;", late, "Timeout(Handshake)", over_tls),
        ("local;", None, "Peer", over_tls),
    ];
    for (words, waits, reason, make) in rows {
        let mut world = World::new(make);
        world.send(words.as_bytes(), 1);
        let id = world.id();
        assert_eq!(world.driver.reactor.wires.awaits_preamble(id), words != "local;", "{words}");
        match waits {
            Some(span) => world.advance(span),
            None => {
                world.far.finish();
                world.run();
            }
        }
        assert_eq!(world.log(), [format!("close {reason} {PEER} at 3")], "{words} {waits:?}");
    }
}

/// What came with the end of a handshake and was put off was never counted.
#[test]
fn bytes_of_a_delayed_read_are_counted_once() {
    for words in ["local;", "local;hello\n", "local;hello\nmore\n"] {
        let mut world = World::new(behind);
        world.service.pauses = true;
        world.far.send(words.as_bytes());
        world.run();
        assert_eq!(world.log(), [format!("established {PEER}")], "{words}");
        let id = world.driver.reactor.wires.ids().next().expect("one");
        let wires = &mut world.driver.reactor.wires;
        let count = |wires: &Wires| {
            (wires.wire_stats(id).expect("it is there").bytes_in, wires.stats().bytes_in.value())
        };
        let expected = (words.len() - "local;".len()) as u64;
        assert_eq!(count(wires), (expected, expected), "{words}");
        wires.resume(id);
        world.run();
        assert_eq!(count(&world.driver.reactor.wires), (expected, expected), "{words}");
        assert_eq!(world.far.take(), words.as_bytes()["local;".len()..]);
    }
}
