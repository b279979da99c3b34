//! TLS over memory, as server and as client.

use crate::identity::Identity;
use crate::world::{HEADER, PEER, SIZES, World, client, client_config, configs, name, server};
use jackfield_reactor::{FarEnd, Hello, Limits, Reason, Session, Tls};
use rustls::server::ProducesTickets;
use rustls::version::TLS12;
use rustls::{
    CipherSuiteCommon, ClientConnection, Connection, ServerConfig, ServerConnection, SupportedCipherSuite,
    Tls12CipherSuite,
};
use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Duration;

fn tls() -> World {
    World::new(|stream| Tls::server(stream, configs().server.clone()).expect("a good configuration").into())
}

#[test]
fn a_conversation_is_the_same_however_its_bytes_are_split() {
    for size in SIZES {
        let (mut world, mut peer) = (tls(), client());
        world.converse(&mut peer, size);
        assert!(!peer.is_handshaking(), "in pieces of {size}");
        assert_eq!(world.say(&mut peer, b"hello\nwor", size), b"hello\n");
        assert_eq!(world.say(&mut peer, b"ld\n", size), b"world\n");
        let long = [&[b'x'; 40_000][..], b"\n"].concat();
        assert!(world.say(&mut peer, &long, size.max(7)) == long);
        world.service.log.truncate(3);
        peer.send_close_notify();
        world.converse(&mut peer, size);
        world.far.finish();
        world.run();
        let close = format!("close Peer {PEER} at 3");
        assert_eq!(
            world.log(),
            [&format!("established {PEER}")[..], "line hello", "line world", "end", &close],
            "in pieces of {size}"
        );
        assert!(world.driver.reactor.wires.is_empty() && world.far.has_server_finished());
    }
}

/// The fault: a close_notify that came in one read with the last data was noticed only at the end of the stream.
#[test]
fn a_goodbye_right_behind_data_is_noticed_without_the_end_of_the_stream() {
    let (mut world, mut peer) = (tls(), client());
    world.converse(&mut peer, 1 << 20);
    world.far.send(&encrypt(&mut peer, b"hello\n", true));
    world.run();
    assert_eq!(world.log()[1..3], ["line hello", "end"]);
}

/// The lengths of the records, encrypted and with their headers (RFC 8446 section 5.1).
fn records(mut bytes: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while !bytes.is_empty() {
        let length = 5 + usize::from(u16::from_be_bytes([bytes[3], bytes[4]]));
        lengths.push(length);
        bytes = &bytes[length..];
    }
    lengths
}

/// What a record of TLS 1.3 with AES-GCM has beside its plain bytes.
const RECORD_BYTES: usize = 22;

/// A message by TLS costs the system calls of one in plain text, and as few records as can be, whether it was copied into
/// the outbox, is written through, or is shared.
#[test]
fn a_message_is_one_read_and_its_answer_one_write_in_full_records() {
    let (mut world, mut peer) = (tls(), client());
    world.converse(&mut peer, 1 << 20);
    let mut plain = World::from(PEER, Session::Plain);
    for kind in ["echo", "through", "share"] {
        for length in [10, 100, 4000, 8192, 16_384 - HEADER.len(), 16_384, 40_000, 46_079] {
            let line = [kind.as_bytes(), &vec![b'x'; length - kind.len()]].concat();
            let message = [&line[..], b"\n"].concat();
            let what = format!("{kind} of {length} bytes");
            let before = (plain.far.reads(), plain.far.writes());
            let answer = plain.send(&message, 1 << 20);
            let calls = (plain.far.reads() - before.0, plain.far.writes() - before.1);
            assert_eq!(calls, (1, 1), "reads and writes in plain text: {what}");

            let before = (world.far.reads(), world.far.writes());
            let encrypted = encrypt(&mut peer, &message, false);
            let encrypted = world.send(&encrypted, 1 << 20);
            assert_eq!((world.far.reads() - before.0, world.far.writes() - before.1), calls, "{what}");
            let mut full = vec![16_384 + RECORD_BYTES; answer.len() / 16_384];
            full.extend((answer.len() % 16_384 > 0).then_some(answer.len() % 16_384 + RECORD_BYTES));
            assert_eq!(records(&encrypted), full, "{what}");
            assert!(heard(&mut peer, &encrypted) == answer, "{what}");
        }
    }
    // As much as one write takes.
    let before = world.far.writes();
    world.far.set_write_max(None);
    world.queue(64 << 10);
    world.run();
    assert_eq!(records(&world.far.take()), [16_384 + RECORD_BYTES; 4]);
    assert_eq!(world.far.writes() - before, 1);
}

/// The plain bytes of these records.
fn heard(peer: &mut Connection, mut records: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    while !records.is_empty() {
        peer.read_tls(&mut records).expect("memory");
        peer.process_new_packets().expect("well-formed records");
        // It ends with "nothing for now".
        let _ = peer.reader().read_to_end(&mut plain);
    }
    plain
}

/// What a session takes at once is full records, however the slices are cut.
#[test]
fn many_pieces_of_any_length_are_full_records() {
    let (mut world, mut peer) = (tls(), client());
    world.converse(&mut peer, 1 << 20);
    world.far.set_write_max(None);
    let lengths = (0..100).map(|piece| 2048 + piece * 37 % 3000);
    let mut all = Vec::new();
    let id = world.id();
    for (number, length) in lengths.enumerate() {
        let bytes = vec![number as u8; length];
        all.extend_from_slice(&bytes);
        world.driver.reactor.wires.outbox(id).expect("it is open").push_owned_body(bytes);
    }
    world.run();
    let encrypted = world.far.take();
    let mut full = vec![16_384 + RECORD_BYTES; all.len() / 16_384];
    full.push(all.len() % 16_384 + RECORD_BYTES);
    assert_eq!(records(&encrypted), full);
    assert!(heard(&mut peer, &encrypted) == all);
}

/// These bytes, encrypted, and the peer's close_notify after them if it says goodbye.
fn encrypt(peer: &mut Connection, words: &[u8], says_goodbye: bool) -> Vec<u8> {
    peer.writer().write_all(words).expect("room");
    if says_goodbye {
        peer.send_close_notify();
    }
    let mut records = Vec::new();
    while peer.wants_write() {
        peer.write_tls(&mut records).expect("memory");
    }
    records
}

/// The fault: a peer that is done with its protocol still sends close_notify, and the socket was closed by then. That is a reset, and
/// what had not arrived of the answer was lost.
#[test]
fn i480_the_goodbye_of_a_peer_that_is_done_destroys_no_answer() {
    for is_noticed in [true, false] {
        let (mut world, mut peer) = (tls(), client());
        world.converse(&mut peer, 1 << 20);
        world.far.set_write_max(None);
        world.far.send(&encrypt(&mut peer, b"done\n", false));
        world.run();
        assert_eq!(world.log()[1..], ["line done", &format!("close Local {PEER} at 3")]);
        assert!(world.far.has_server_finished() && !world.far.is_released(), "it lingers");
        world.far.send(&encrypt(&mut peer, b"", true));
        if is_noticed {
            world.run();
        }
        world.far.finish();
        world.run();
        assert!(world.far.is_released() && !world.far.is_reset());
        assert_eq!(heard(&mut peer, &world.far.take()), b"done\n");
    }
    // After its close_notify only a FIN can come.
    let (mut world, mut peer) = (tls(), client());
    world.converse(&mut peer, 1 << 20);
    world.far.send(&encrypt(&mut peer, b"hello\n", true));
    world.run();
    assert!(world.far.is_released() && !world.far.is_reset());
}

/// In plain text only a FIN comes from a peer that is done.
#[test]
fn a_peer_that_is_done_is_not_waited_for_in_plain_text() {
    let mut world = World::from(PEER, Session::Plain);
    world.far.send(b"done\n");
    world.run();
    assert!(world.far.is_released());
    world.far.finish();
    assert!(!world.far.is_reset());
    assert_eq!(world.far.take(), b"done\n");
    // One that sends more all the same is reset.
    let mut world = World::from(PEER, Session::Plain);
    world.far.send(b"done\n");
    world.run();
    world.far.send(b"more\n");
    assert!(world.far.is_reset() && world.far.take().is_empty());
}

#[test]
fn a_cut_is_distinguished_from_a_clean_end() {
    let (mut world, mut peer) = (tls(), client());
    world.say(&mut peer, b"hello\n", 1000);
    world.far.finish();
    world.run();
    assert_eq!(world.log()[2..], ["cut", &format!("close Peer {PEER} at 3")]);
}

#[test]
fn a_malformed_record_ends_it() {
    for size in SIZES {
        let (mut world, mut peer) = (tls(), client());
        world.say(&mut peer, b"hello\n", 1000);
        world.send(&[&[0x17, 3, 3, 0, 20][..], &[9; 20]].concat(), size);
        world.far.finish();
        world.run();
        assert_eq!(world.log()[2..], [format!("close Tls {PEER} at 3")], "in pieces of {size}");
    }
}

/// A record of a handshake.
fn record(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("a short one").to_be_bytes();
    [&[0x16, 3, 1, length[0], length[1]], payload].concat()
}

/// It was ended as if in good order.
#[test]
fn a_handshake_message_that_is_too_long_gets_a_fatal_alert() {
    let header = |length: u32| [&[1][..], &length.to_be_bytes()[1..]].concat();
    let crumbs: Vec<u8> =
        header(60_000).iter().chain(&[0; 60_000]).flat_map(|byte| record(&[*byte])).collect();
    let cases = [
        record(&header(0xff_ffff)),
        record(&header(0x1_0000)),
        record(&[header(0x1_0000), vec![0; 1000]].concat()),
        [record(&header(0xff_ffff)[..2]), record(&header(0xff_ffff)[2..])].concat(),
        // A message that is allowed, in so many records that there is no room for them.
        crumbs,
        record(&[header(4), vec![0; 4]].concat()),
    ];
    // As a listener with a ready configuration begins, and as one with hosts does.
    type Begin = (&'static str, fn() -> World);
    let begins: [Begin; 2] = [("tls", tls), ("hello", || World::new(|stream| Hello::new(stream).into()))];
    let rows = begins.iter().flat_map(|begin| cases.iter().enumerate().map(move |case| (begin, case)));
    for ((session, begin), (number, bytes)) in rows {
        for size in [1, 5, 1000, 1 << 20].into_iter().filter(|size| bytes.len() / size < 1000) {
            let mut world = begin();
            let answer = world.send(bytes, size);
            assert_eq!(
                (answer.len(), &answer[..1], &answer[3..6]),
                (7, &[21][..], &[0, 2, 2][..]),
                "{session}, {number}"
            );
            assert!(world.far.has_server_finished() && !world.far.is_reset());
            world.far.finish();
            world.run();
            let case = format!("{session}, {number} in pieces of {size}");
            assert_eq!(world.log(), [format!("close Tls {PEER} at 3")], "{case}");
        }
    }
}

#[test]
fn a_peer_that_does_not_speak_tls_is_answered_in_plain_text_if_asked() {
    for size in SIZES {
        let mut world = World::new(|stream| {
            let tls = Tls::server(stream, configs().server.clone()).expect("a good configuration");
            tls.with_plain_answer(b"speak TLS\n").into()
        });
        assert_eq!(world.send(b"GET / HTTP/1.1\r\n\r\n", size), b"speak TLS\n", "in pieces of {size}");
        world.far.finish();
        world.run();
        assert_eq!(world.log(), [format!("close Tls {PEER} at 3")]);
    }
}

#[test]
fn a_handshake_that_does_not_end_is_ended() {
    let mut world = tls();
    world.send(&[0x16, 3, 1], 1);
    world.advance(Duration::from_secs(10));
    assert_eq!(world.log(), [format!("close Timeout(Handshake) {PEER} at 3")]);
    assert!(world.far.is_reset());
}

/// The others wait for the next turn.
#[test]
fn a_turn_goes_on_with_as_many_handshakes_as_its_limit_says() {
    for (handshakes_per_turn, expected) in [(1, 1), (3, 3), (64, 20)] {
        let limits = Limits { handshakes_per_turn, ..Limits::default() };
        let mut world = World::with_limits(limits, PEER, |stream| {
            Tls::server(stream, configs().server.clone()).expect("a good configuration").into()
        });
        let mut far_ends: Vec<FarEnd> =
            (1..20).map(|_| world.driver.connect(&mut world.service, PEER, 3)).collect();
        far_ends.push(world.far.clone());
        world.run();
        for far in &far_ends {
            let mut hello = Vec::new();
            client().write_tls(&mut hello).expect("memory");
            far.send(&hello);
        }
        let mut answered = 0;
        while answered < 20 {
            world.driver.turn(&mut world.service);
            let now = far_ends.iter().filter(|far| far.bytes_received() > 0).count();
            assert_eq!(now - answered, expected.min(20 - answered), "with {handshakes_per_turn} a turn");
            answered = now;
        }
        world.run();
    }
}

#[test]
fn a_wire_that_is_closed_while_its_peer_does_not_read_ends_after_an_interval() {
    for room in [0, 1, 1000, 100_000] {
        let (mut world, mut peer) = (tls(), client());
        world.converse(&mut peer, 1000);
        world.far.set_room(Some(room));
        world.say(&mut peer, b"flood\n", 1000);
        world.advance(Duration::from_millis(14_999));
        assert_eq!(world.log()[1..], ["line flood"], "{room} bytes are taken");
        world.advance(Duration::from_millis(1));
        assert_eq!(world.log()[2..], [format!("close Local {PEER} at 3")], "{room} bytes are taken");
        assert!(world.far.is_reset() && world.driver.reactor.wires.is_empty());
    }
}

#[test]
fn the_clients_side_sends_first() {
    for size in SIZES {
        let mut world = World::new(|stream| -> Session {
            Tls::client(stream, client_config(), name()).expect("a good configuration").into()
        });
        let mut peer = server();
        world.converse(&mut peer, size);
        assert!(!peer.is_handshaking(), "in pieces of {size}");
        assert_eq!(world.say(&mut peer, b"hello\n", size), b"hello\n");
        assert_eq!(world.log(), [&format!("established {PEER}"), "line hello"]);
    }
}

#[test]
fn the_address_is_known_after_a_reset() {
    for peer in ["192.0.2.7:4000", "[2001:db8::7]:4000"] {
        let mut world = World::from(peer.parse().expect("an address"), Session::Plain);
        world.send(b"hello\n", 1000);
        world.far.reset();
        world.run();
        assert_eq!(world.log(), ["line hello", &format!("close Reset {peer} at 3")]);
    }
}

/// With TLS a wire can be blocked without anything in its outbox. An outbox that was asked for and not used was charged
/// for, became the cork of the next event, and stayed charged when that had nothing to say.
#[test]
fn an_outbox_that_was_not_used_is_not_charged() {
    let (mut world, mut peer) = (tls(), client());
    world.say(&mut peer, b"hello\n", 1000);
    let [line, half] = ["line\n", "half"].map(|words| {
        let mut records = Vec::new();
        peer.writer().write_all(words.as_bytes()).expect("room");
        peer.write_tls(&mut records).expect("memory");
        records
    });
    world.far.set_room(Some(0));
    world.far.send(&line);
    world.run();
    let wires = &mut world.driver.reactor.wires;
    let id = wires.ids().next().expect("one");
    assert!(wires.memory_of(id) > 0 && wires.queued_bytes(id) == 0, "TLS has it all");
    assert!(wires.outbox(id).is_some());
    world.run();
    world.far.send(&half);
    world.run();
    world.driver.check().expect("all is in order");
}

/// What the kernel took of the records counted for nothing as long as some of them were left; and that it told of room counted
/// even if it took nothing.
#[test]
fn a_peer_that_takes_little_at_a_time_has_not_stalled_and_one_that_takes_nothing_has() {
    let ten = Duration::from_secs(10);
    // Most of the first is not in TLS yet, and all of the second is.
    for bytes in [1 << 19, 60_000] {
        let (mut world, mut peer) = (tls(), client());
        world.say(&mut peer, b"hello\n", 1000);
        world.far.set_write_max(None);
        world.far.set_room(Some(0));
        world.queue(bytes);
        world.run();
        for round in 0..12 {
            world.advance(ten);
            assert_eq!(world.log().len(), 2, "of {bytes} bytes, round {round}");
            world.far.set_room(Some(1000));
            world.run();
        }
        for _ in 0..3 {
            assert_eq!(world.log().len(), 2, "of {bytes} bytes");
            world.advance(ten);
            world.far.nudge(false, true);
            world.run();
        }
        assert_eq!(world.log()[2..], [format!("close Timeout(Write) {PEER} at 3")], "of {bytes} bytes");
    }
}

/// What was blocked left with our end, and its deadline stayed: half a minute later it was a stall.
#[test]
fn a_half_close_leaves_no_deadline_behind() {
    let (mut world, mut peer) = (tls(), client());
    world.say(&mut peer, b"hello\n", 1000);
    world.far.set_write_max(None);
    world.far.set_room(Some(0));
    world.queue(1000);
    world.run();
    let id = world.id();
    world.driver.reactor.wires.shutdown_write(id);
    // There is room before the system has told of it.
    world.far.set_room(None);
    world.run();
    assert!(world.far.has_server_finished(), "our end is sent");
    world.advance(Duration::from_secs(60));
    assert_eq!(world.log(), [&format!("established {PEER}"), "line hello"]);
    assert_eq!(world.say(&mut peer, b"more\n", 1000).len(), 1000, "and the peer is read on");
    assert_eq!(world.log()[2..], ["line more"]);
}

/// How many bytes TLS keeps is known by a lower bound, which was zero before the last bytes of a record had left.
#[test]
fn the_last_bytes_of_a_record_are_waited_for() {
    // A record of 100 bytes is 122 bytes long.
    for room in [0, 1, 99, 100, 101, 121] {
        let (mut world, mut peer) = (tls(), client());
        world.say(&mut peer, b"hello\n", 1000);
        world.far.set_write_max(None);
        let before = world.far.bytes_received();
        world.far.set_room(Some(room));
        world.queue(100);
        world.run();
        let id = world.id();
        assert!(world.driver.reactor.wires.has_backlog(id), "{room} bytes were taken");
        world.driver.reactor.wires.abort_after_flush(id, Reason::Local);
        world.run();
        assert!(!world.far.is_reset(), "{room} bytes were taken");
        world.far.set_room(None);
        world.run();
        assert_eq!(world.log()[2..], [format!("close Local {PEER} at 3")]);
        assert_eq!(world.far.bytes_received() - before, 122, "{room} bytes were taken");
        assert!(world.far.is_reset());
    }
}

/// What was left of an alert behind the bytes counted as one of them, which had not left.
#[test]
fn i431_what_is_left_of_an_alert_is_no_byte_from_above() {
    // The record of 100 bytes is 122 bytes long, and that of close_notify 24.
    for (room, is_taken) in [(121, false), (122, true), (123, true), (145, true)] {
        let (mut world, mut peer) = (tls(), client());
        world.say(&mut peer, b"hello\n", 1000);
        world.far.set_write_max(None);
        world.far.set_room(Some(0));
        world.queue(100);
        world.run();
        let id = world.id();
        let out = |world: &World| world.driver.reactor.wires.wire_stats(id).map(|stats| stats.bytes_out);
        let before = out(&world).expect("it is there");
        world.driver.reactor.wires.shutdown_write(id);
        world.run();
        world.far.set_room(Some(room));
        world.run();
        let after = out(&world).expect("its end is not sent yet");
        assert_eq!(after == before + 100, is_taken, "{room} bytes were taken: {before} and {after}");
        world.far.set_room(None);
        world.run();
        assert!(world.far.has_server_finished(), "{room} bytes were taken");
    }
}

/// Shakes hands up to the peer's last flight, which is returned.
fn last_flight(world: &mut World, peer: &mut Connection) -> Vec<u8> {
    let mut flights = Vec::new();
    for _ in 0..2 {
        flights.clear();
        peer.write_tls(&mut flights).expect("memory");
        if peer.is_handshaking() {
            let mut answer = &world.send(&flights, 1 << 20)[..];
            while !answer.is_empty() {
                peer.read_tls(&mut answer).expect("memory");
                peer.process_new_packets().expect("well-formed records");
            }
        }
    }
    flights
}

/// It ended as a socket that has failed.
#[test]
fn a_malformed_record_behind_the_handshake_has_its_reason_although_reading_was_paused() {
    let (mut world, mut peer) = (tls(), client());
    let flight = last_flight(&mut world, &mut peer);
    world.service.pauses = true;
    world.send(&[&flight[..], &[0x17, 3, 3, 0, 20], &[9; 20]].concat(), 1 << 20);
    assert_eq!(world.log(), [format!("established {PEER}")]);
    let id = world.id();
    world.driver.reactor.wires.resume(id);
    world.far.finish();
    world.run();
    assert_eq!(world.log()[1..], [format!("close Tls {PEER} at 3")]);
}

/// A socket tells its error once. It was forgotten, and the connection seemed to be in order.
#[test]
fn an_error_behind_the_handshake_ends_it_although_reading_was_paused() {
    let (mut world, mut peer) = (tls(), client());
    let flight = last_flight(&mut world, &mut peer);
    world.service.pauses = true;
    world.far.fail_read(ErrorKind::TimedOut);
    world.send(&flight, 1 << 20);
    assert_eq!(world.log(), [format!("established {PEER}"), format!("close Io(TimedOut) {PEER} at 3")]);
}

/// A server whose keys of TLS 1.2 may encrypt this many records, and a peer that speaks no later version.
fn with_record_limit(records: u64) -> (World, Connection) {
    let identity = Identity::with_key(&["localhost"], &rcgen::PKCS_ED25519);
    let mut provider = rustls::crypto::ring::default_provider();
    provider.cipher_suites =
        provider.cipher_suites.iter().filter_map(|suite| limited(*suite, records)).collect();
    let builder = ServerConfig::builder_with_provider(provider.into());
    let builder =
        builder.with_protocol_versions(&[&TLS12]).expect("a version of its suites").with_no_client_auth();
    let (chain, key) = identity.chain();
    let config = Arc::new(builder.with_single_cert(chain, key).expect("a good certificate"));
    let world =
        World::new(move |stream| Tls::server(stream, config.clone()).expect("a good configuration").into());
    let peer = ClientConnection::new(identity.client_config(&[&TLS12]).into(), name());
    (world, peer.expect("a good configuration").into())
}

/// The same suite with another limit. `None`: it is of another version.
fn limited(suite: SupportedCipherSuite, records: u64) -> Option<SupportedCipherSuite> {
    let SupportedCipherSuite::Tls12(suite) = suite else { return None };
    let Tls12CipherSuite { ref common, prf_provider, kx, sign, aead_alg } = *suite;
    let common = CipherSuiteCommon {
        suite: common.suite,
        hash_provider: common.hash_provider,
        confidentiality_limit: records,
    };
    let suite = Tls12CipherSuite { common, prf_provider, kx, sign, aead_alg };
    Some(SupportedCipherSuite::Tls12(Box::leak(Box::new(suite))))
}

/// rustls says that it has taken the bytes, and drops them. The connection seemed to go on, and its peer got nothing more.
#[test]
fn a_key_that_is_used_up_ends_it() {
    const RECORDS: u64 = 10;
    // An answer of two bytes has a record as long as that of an alert; the last one has several records.
    for length in [1, 5, 40_000] {
        let (mut world, mut peer) = with_record_limit(RECORDS);
        let line = [&vec![b'x'; length][..], b"\n"].concat();
        let each = line.len().div_ceil(16_384);
        // The handshake has used up one.
        let answers = (RECORDS as usize - 1) / each;
        for number in 0..answers {
            assert!(world.say(&mut peer, &line, 1 << 20) == line, "answer {number} of {length} bytes");
        }
        world.say(&mut peer, &line, 1 << 20);
        assert_eq!(
            world.log().last(),
            Some(&&*format!("close Tls {PEER} at 3")),
            "answers of {length} bytes"
        );
        assert_eq!(world.log().len(), answers + 3, "answers of {length} bytes");
        // It is no clean end.
        assert!(world.far.is_reset() && world.driver.reactor.wires.is_empty(), "answers of {length} bytes");
    }
}

/// A turn read a mebibyte and a half of records with one byte in each, because only plain bytes were counted.
#[test]
fn small_records_use_up_the_share_of_a_turn() {
    let (mut world, mut peer) = (tls(), client());
    world.say(&mut peer, b"hello\n", 1000);
    let mut records = Vec::new();
    for _ in 0..20_000 {
        peer.writer().write_all(b"x").expect("room");
        peer.write_tls(&mut records).expect("memory");
    }
    world.far.send(&records);
    let mut turns = 0;
    while world.far.unread_bytes() > 0 {
        let before = world.far.unread_bytes();
        world.driver.turn(&mut world.service);
        let read = before - world.far.unread_bytes();
        assert!((1..=140_000).contains(&read), "{read} bytes in turn {turns}");
        turns += 1;
    }
    world.run();
    let id = world.id();
    assert_eq!(world.driver.reactor.wires.unread(id), 20_000);
    assert_eq!(turns, records.len().div_ceil(128 << 10));
}

/// Makes session tickets of this length.
#[derive(Debug)]
struct Tickets(usize);

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        1000
    }

    fn encrypt(&self, _plain: &[u8]) -> Option<Vec<u8>> {
        Some(vec![7; self.0])
    }

    fn decrypt(&self, _cipher: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

/// A connection of the client's side, its server, and the records of that many session tickets, which are not sent yet.
fn with_tickets(count: usize, length: usize, pauses: bool) -> (World, Connection, Vec<u8>) {
    let mut world = World::new(|stream| -> Session {
        Tls::client(stream, client_config(), name()).expect("a good configuration").into()
    });
    world.service.pauses = pauses;
    let mut config = ServerConfig::clone(&configs().server);
    (config.send_tls13_tickets, config.ticketer) = (count, Arc::new(Tickets(length)));
    let mut peer: Connection = ServerConnection::new(config.into()).expect("a good configuration").into();
    loop {
        let came = world.send(&[], 1 << 20);
        assert!(heard(&mut peer, &came).is_empty());
        let mut records = Vec::new();
        while peer.wants_write() {
            peer.write_tls(&mut records).expect("memory");
        }
        if !peer.is_handshaking() {
            return (world, peer, records);
        }
        world.far.send(&records);
    }
}

/// What a message with a session ticket has beside the ticket (RFC 8446 sections 4 and 4.6.1).
const TICKET_BYTES: usize = 49;

/// rustls has no limit for session tickets, and a turn went on as long as they came. A wire that is not read is looked at when its
/// peer has closed.
#[test]
fn i350_a_peer_that_sends_records_without_data_is_refused() {
    for is_looked_at in [false, true] {
        let (mut world, _peer, tickets) = with_tickets(100, 16_384 - TICKET_BYTES, is_looked_at);
        assert_eq!(records(&tickets), [16_384 + RECORD_BYTES; 100]);
        let id = world.id();
        world.far.send(&tickets);
        world.far.finish();
        world.driver.turn(&mut world.service);
        let read = tickets.len() - world.far.unread_bytes();
        // A share of 128 KiB is read, and then another one is dropped.
        assert!((1..=280_000).contains(&read), "{read} bytes, looked at: {is_looked_at}");
        world.driver.reactor.wires.resume(id);
        world.run();
        assert_eq!(world.log()[1..], [format!("close Tls {PEER} at 3")], "looked at: {is_looked_at}");
    }
}

/// rustls keeps complete records as long as their message is not complete. Only an unfinished record was charged.
#[test]
fn i351_records_of_an_unfinished_message_are_charged() {
    for is_looked_at in [false, true] {
        let (mut world, mut peer, ticket) = with_tickets(1, 60_000, is_looked_at);
        let id = world.id();
        let before = world.driver.reactor.wires.memory_of(id);
        let mut sent = 0;
        for record in ticket.chunks(16_384 + RECORD_BYTES) {
            world.far.send(record);
            world.run();
            sent += record.len();
            let wires = &mut world.driver.reactor.wires;
            assert_eq!(wires.is_paused_and_empty(id), is_looked_at);
            // Each session has a buffer of 4 KiB.
            let (least, charged) = (sent - (4 << 10), wires.memory_of(id) - before);
            assert!((least..=64 << 10).contains(&charged), "{charged} of {sent}, looked at: {is_looked_at}");
        }
        world.driver.reactor.wires.resume(id);
        assert_eq!(world.say(&mut peer, b"hello\n", 1 << 20), b"hello\n");
        assert_eq!(world.driver.reactor.wires.memory_of(id), before, "looked at: {is_looked_at}");
    }
}
