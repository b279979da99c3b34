//! WebSocket messages that are compressed.

use crate::{deflating, support};
use deflating::{Deflating, OFFER, upgrade};
use jackfield::test::{TestOptions, TestServer};
use jackfield::{
    Client, Deflate, DeflateMode, LateUpgrade, Limits, Listener, Message, Prepared, Server, WebSocket,
};
use std::cell::RefCell;
use std::sync::OnceLock;
use support::probe::Probe;
use support::real::{self, Live};
use support::socket::{self, FIN, TEXT};
use support::{Lab, text};

/// In the first byte of a frame: the message is compressed.
const RSV1: u8 = 0x40;
/// An offer with the smallest window for what the server sends.
const NARROW: &str = "permessage-deflate; server_max_window_bits=9";
const NO_TAKEOVER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

fn limits(deflate: Deflate) -> Limits {
    Limits::default().with(|limits| limits.deflate = deflate)
}

fn shared() -> Deflate {
    Deflate::shared()
}

fn lab(deflate: Deflate, make: fn() -> Probe) -> Lab {
    Lab::with_options(TestOptions { limits: limits(deflate), ..TestOptions::default() }, make)
}

/// A text of this number of bytes that compresses well.
fn long(bytes: usize) -> String {
    "one and two and ".repeat(bytes.div_ceil(16))[..bytes].to_owned()
}

/// Bytes that no encoding makes shorter.
pub(crate) fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

/// What the server has answered to an offer: the field's value, or none.
fn extensions(head: &str) -> Option<&str> {
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    head.split("Sec-WebSocket-Extensions: ").nth(1)?.split("\r\n").next()
}

#[track_caller]
fn check_offer(deflate: Deflate, offer: &str, answer: Option<&str>) {
    let mut lab = lab(deflate.clone(), Probe::default);
    let far = lab.connect();
    let head = lab.ask(&far, upgrade(offer));
    assert_eq!(extensions(&head), answer, "to {offer:?} with {deflate:?}");
}

#[test]
fn w15_the_first_acceptable_offer_is_accepted_by_default_without_takeover() {
    for offer in [
        "permessage-deflate",
        OFFER,
        "permessage-deflate; server_no_context_takeover",
        "permessage-deflate; client_no_context_takeover; client_max_window_bits=9",
        "permessage-bzip2, permessage-deflate",
        "permessage-deflate; unknown, permessage-deflate",
        "permessage-deflate; server_max_window_bits=8, permessage-deflate",
    ] {
        check_offer(shared(), offer, Some(NO_TAKEOVER));
        check_offer(Deflate::disabled(), offer, None);
        check_offer(Deflate::default(), offer, None);
    }
    for offer in ["permessage-bzip2", "permessage-deflate; server_max_window_bits=8", "permessage-deflate; x"]
    {
        check_offer(shared(), offer, None);
    }
    let narrow = format!("{NO_TAKEOVER}; server_max_window_bits=10");
    check_offer(shared(), "permessage-deflate; server_max_window_bits=10", Some(&narrow));
    let mut deflate = shared();
    deflate.window_bits_max = 10;
    check_offer(deflate, "permessage-deflate; server_max_window_bits=12", Some(&narrow));
    let dedicated = Deflate::dedicated();
    check_offer(dedicated.clone(), OFFER, Some("permessage-deflate"));
    let asked = "permessage-deflate; server_no_context_takeover";
    check_offer(dedicated.clone(), asked, Some(asked));
    let asked = "permessage-deflate; client_no_context_takeover";
    check_offer(dedicated, asked, Some(asked));
}

#[test]
fn w15_options_are_checked_and_each_listener_has_its_own_mode() {
    let fault = |change: fn(&mut Limits)| {
        let server = Server::builder().listen("127.0.0.1:0").limits(change).bind();
        server.err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(
        fault(|limits| limits.deflate.window_bits_max = 8)
            .contains("`deflate.window_bits_max` must be 9 to 15")
    );
    assert!(fault(|limits| limits.deflate.level = 0).contains("`deflate.level` must be 1 to 9"));
    assert_eq!(fault(|limits| limits.deflate = Deflate::dedicated()), "");
    let on = |change: fn(&mut Limits)| {
        let listener = Listener::tcp("127.0.0.1:0").limits(change);
        Server::builder().listen(listener).bind().err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(on(|limits| limits.deflate.mode = DeflateMode::Shared), "");
    assert!(on(|limits| limits.deflate.level = 9).contains("is a limit of the whole server"));

    let plain = || Listener::tcp("127.0.0.1:0");
    let with = |mode: DeflateMode| plain().limits(move |limits| limits.deflate.mode = mode);
    let listeners = vec![with(DeflateMode::Shared), plain(), with(DeflateMode::Dedicated)];
    let mut lab = Lab::with_options(TestOptions { listeners, ..TestOptions::default() }, Probe::default);
    for (number, answer) in [Some(NO_TAKEOVER), None, Some("permessage-deflate")].into_iter().enumerate() {
        let far = lab.connect_to(number);
        let head = lab.ask(&far, upgrade(OFFER));
        assert_eq!(extensions(&head), answer, "listener {number}");
    }
}

#[test]
fn w15_long_messages_are_compressed_and_short_ones_are_not() {
    let mut lab = lab(shared(), Probe::default);
    let mut peer = Deflating::open(&mut lab, OFFER);
    for bytes in [0, 1, 255, 256, 257, 2047, 2048, 8191, 8192, 100_000, 1 << 20] {
        let message = long(bytes);
        let (heard, took) = peer.say(&mut lab, &message);
        assert_eq!(heard, [message], "{bytes} bytes");
        let is_shorter = took < bytes / 2;
        assert_eq!(is_shorter, bytes >= 256, "{took} bytes for {bytes}");
    }
    // What gets no shorter goes out as it is.
    let mut far = lab.connect();
    lab.say(&far, upgrade(OFFER));
    for bytes in [300, 9000, 100_000] {
        let noise = noise(bytes);
        let frames = socket::frames(&lab.say(&far, socket::binary(&noise)));
        assert_eq!((frames[0].first, &frames[0].payload), (FIN | socket::BINARY, &noise), "{bytes}");
    }
    // Without an agreement nothing is compressed, and nothing may be.
    far = lab.websocket();
    assert_eq!(socket::frames(&lab.say(&far, socket::text(&long(500))))[0].first, FIN | TEXT);
    let answer = lab.say(&far, socket::masked(FIN | RSV1 | TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\x00"));
    assert_eq!(socket::frames(&answer)[0].code(), Some(1002));
}

#[test]
fn w15_the_least_size_the_window_and_the_level_are_kept_to() {
    let mut deflate = shared();
    (deflate.message_bytes_min, deflate.window_bits_max, deflate.level) = (10, 9, 9);
    let mut lab = lab(deflate, Probe::default);
    let mut peer = Deflating::open(&mut lab, OFFER);
    assert_eq!(peer.answer, format!("{NO_TAKEOVER}; server_max_window_bits=9"));
    assert!(peer.say(&mut lab, &long(100)).1 < 60);
    assert!(peer.say(&mut lab, &long(9)).1 > 9);
    // The repetition is out of reach of 512 bytes.
    let block = text(&noise(300).iter().map(|byte| b'a' + byte % 26).collect::<Vec<u8>>());
    let apart = [block.clone(), "-".repeat(600), block].concat();
    let (heard, took) = peer.say(&mut lab, &apart);
    assert_eq!(heard, [apart]);
    assert!(took > 330, "{took}");
}

#[test]
fn w15_compressed_messages_come_as_messages_in_any_split() {
    let hello = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
    let input = [
        upgrade(OFFER).into_bytes(),
        socket::masked(FIN | RSV1 | TEXT, hello),
        socket::masked(RSV1 | TEXT, &hello[..3]),
        socket::ping(b"between"),
        socket::masked(FIN | socket::CONTINUATION, &hello[3..]),
        socket::text("plain"),
        socket::close(1000, ""),
    ]
    .concat();
    let play = |parts: &[&[u8]]| {
        let mut lab = lab(shared(), Probe::default);
        let far = lab.connect();
        for part in parts {
            far.send(part);
            lab.run();
        }
        (lab.log.events(), far.take(), far.has_server_finished())
    };
    let whole = play(&[&input]);
    assert_eq!(
        whole.0[1..6],
        ["upgrade /ws", "open", "text Hello", "ping between", "text Hello"],
        "{:?}",
        whole.0
    );
    assert!(whole.2);
    for cut in 1..input.len() {
        assert_eq!(play(&[&input[..cut], &input[cut..]]), whole, "cut at {cut}");
    }
    assert_eq!(play(&input.chunks(1).collect::<Vec<_>>()), whole);
}

#[test]
fn w15_a_message_that_can_not_be_decompressed_ends_with_1007() {
    for payload in [&b"\xff"[..], b"\xf2\x48\xcd\x00\x11\x00\x00", b"\x00\x05\x00\xfa"] {
        let mut lab = lab(shared(), Probe::default);
        let far = lab.connect();
        lab.say(&far, upgrade(OFFER));
        let answer = lab.say(&far, socket::masked(FIN | RSV1 | TEXT, payload));
        assert_eq!(socket::frames(&answer)[0].code(), Some(1007), "{payload:?}");
        assert!(!lab.log.has("text"), "{:?}", lab.log.events());
    }
}

#[test]
fn d7_a_bomb_ends_with_1009_while_it_is_decompressed() {
    const BOMB_BYTES: usize = 8 << 20;
    let limits = limits(shared()).with(|limits| limits.websocket.message_bytes_max = 100_000);
    let options = TestOptions { limits, ..TestOptions::default() };
    let mut lab = Lab::with_options(options, Probe::default);
    let mut peer = Deflating::open(&mut lab, OFFER);
    let honest = long(100_000);
    assert_eq!(peer.say(&mut lab, &honest).0, [honest]);
    // Legal as it comes: the limit is passed by what comes out.
    let bomb = peer.encode(Message::Binary(&vec![0; BOMB_BYTES]));
    assert!(bomb.len() < 100_000, "{}", bomb.len());
    peer.far.send(&bomb);
    let held = allocation_counter::measure(|| lab.run());
    assert!(held.bytes_max < 400_000, "{} bytes for a limit of 100,000", held.bytes_max);
    assert_eq!(peer.hear(), ["close 1009"]);
    assert!(!lab.log.has("binary"), "{:?}", lab.log.events());
}

thread_local! {
    static LATE: RefCell<Vec<LateUpgrade>> = const { RefCell::new(Vec::new()) };
}

#[test]
fn w15_a_decision_that_comes_late_takes_the_offer_too() {
    let make = || Probe {
        on_upgrade: |_, upgrade, _| LATE.with(|late| late.borrow_mut().push(upgrade.defer())),
        ..Probe::default()
    };
    let mut lab = lab(shared(), make);
    let far = lab.connect();
    lab.say(&far, upgrade(OFFER));
    LATE.with(|late| late.borrow_mut().remove(0)).accept();
    lab.run();
    let head = text(&far.take());
    assert!(head.contains(&format!("Sec-WebSocket-Extensions: {NO_TAKEOVER}\r\n")), "{head}");
    assert!(lab.say(&far, socket::text(&long(500)))[0] & RSV1 != 0);
}

#[test]
fn w15_context_takeover_uses_the_messages_before() {
    let mut lab = lab(Deflate::dedicated(), Probe::default);
    let mut peer = Deflating::open(&mut lab, OFFER);
    let message = text(&noise(2000).iter().map(|byte| b'a' + byte % 26).collect::<Vec<u8>>());
    let (heard, first) = peer.say(&mut lab, &message);
    assert_eq!(heard, [message.as_str()]);
    let (heard, again) = peer.say(&mut lab, &message);
    assert_eq!(heard, [message.as_str()]);
    assert!(first > 1000 && again < 100, "{first} bytes, then {again}");

    // The client may ask for each message by itself.
    let mut peer = Deflating::open(&mut lab, "permessage-deflate; server_no_context_takeover");
    let sizes = [0, 1].map(|_| peer.say(&mut lab, &message).1);
    assert_eq!(sizes[0], sizes[1]);
}

fn joining() -> Probe {
    Probe {
        on_open: |_, socket| {
            socket.subscribe("room");
        },
        on_message: |_, socket, message| {
            if message.len() % 2 == 1 {
                socket.send(message);
            } else {
                socket.publish_to_all("room", message);
            }
        },
        ..Probe::default()
    }
}

/// What is published is in the window of each peer, which the connection's own compressor does not know.
#[test]
fn w15_publishing_does_not_break_context_takeover() {
    for sizes in [[1001, 1000, 1001, 1001, 1000, 1000, 1001], [5001, 5000, 5001, 301, 100, 101, 4000]] {
        let mut lab = lab(Deflate::dedicated(), joining);
        let mut peer = Deflating::open(&mut lab, OFFER);
        let mut other = Deflating::open(&mut lab, OFFER);
        let mut narrow = Deflating::open(&mut lab, NARROW);
        let plain = lab.websocket();
        for bytes in sizes {
            let message = long(bytes);
            let (heard, _) = peer.say(&mut lab, &message);
            assert_eq!(heard, [message.as_str()], "{bytes}");
            let theirs = if bytes % 2 == 0 { vec![message.as_str()] } else { Vec::new() };
            assert_eq!(other.hear(), theirs, "{bytes}");
            assert_eq!(narrow.hear(), theirs, "{bytes}");
            assert_eq!(socket::texts(&plain.take()), theirs, "{bytes}");
            let (heard, _) = other.say(&mut lab, &long(bytes | 1));
            assert_eq!(heard, [long(bytes | 1)], "{bytes}");
        }
    }
}

/// The same for a publish after a message of its own, with subscribers that have no compressor of their own.
#[test]
fn w15_messages_published_after_ones_own_break_no_takeover() {
    let mut lab = lab(Deflate::dedicated(), || Probe {
        on_open: |_, socket| _ = socket.subscribe("room"),
        on_message: |_, socket, message| {
            if message.len() % 2 == 1 {
                socket.send(message);
            } else {
                socket.publish("room", message);
                socket.publish_to_all("room", message);
            }
        },
        ..Probe::default()
    });
    let mut peer = Deflating::open(&mut lab, OFFER);
    let offer = "permessage-deflate; server_no_context_takeover";
    let mut others: Vec<_> = (0..5).map(|_| Deflating::open(&mut lab, offer)).collect();
    for bytes in [1001, 1000, 1001, 301, 500, 301] {
        let message = long(bytes);
        assert_eq!(peer.say(&mut lab, &message).0, [message.as_str()], "{bytes}");
        let theirs = if bytes % 2 == 0 { vec![message.as_str(); 2] } else { Vec::new() };
        assert!(others.iter_mut().all(|other| other.hear() == theirs), "{bytes}");
    }
}

#[test]
fn w15_dedicated_compressors_stay_within_their_memory() {
    let mut deflate = Deflate::dedicated();
    // Enough for two.
    deflate.memory_bytes_max = 1 << 20;
    let mut lab = lab(deflate, Probe::default);
    let mut peers: Vec<_> = (0..3).map(|_| Deflating::open(&mut lab, OFFER)).collect();
    let answers: Vec<_> = peers.iter().map(|peer| peer.answer.as_str()).collect();
    assert_eq!(answers, ["permessage-deflate", "permessage-deflate", NO_TAKEOVER]);
    let idle = lab.server.wires().memory_bytes();
    for peer in &mut peers {
        assert_eq!(peer.say(&mut lab, &long(1000)).0, [long(1000)]);
    }
    let held = lab.server.wires().memory_bytes() - idle;
    // Two of their own, and a shared one.
    assert!(((1 << 20)..(1400 << 10)).contains(&held), "{held} bytes are charged");
    // A place is free again when its connection has ended.
    peers[0].far.reset();
    lab.run();
    assert_eq!(Deflating::open(&mut lab, OFFER).answer, "permessage-deflate");
}

#[test]
fn w15_compressors_are_charged() {
    for (deflate, least, most) in
        [(shared(), 400 << 10, 460 << 10), (Deflate::dedicated(), 400 << 10, 480 << 10)]
    {
        let mut lab = lab(deflate, Probe::default);
        let mut peer = Deflating::open(&mut lab, OFFER);
        peer.say(&mut lab, "short");
        let before = lab.server.wires().memory_bytes();
        let made = allocation_counter::measure(|| drop(peer.say(&mut lab, &long(5000))));
        let charged = lab.server.wires().memory_bytes();
        assert!((least..most).contains(&charged), "{charged} bytes are charged, {before} before");
        assert!(made.bytes_current > 0);
        drop(peer);
    }
}

/// A compressor has some 370 KiB for the largest window and 250 KiB for the smallest, and a decompressor 47 KiB.
#[test]
fn w15_a_reactor_has_one_shared_compressor_for_a_window_or_each_connection_its_own() {
    let wide = [OFFER; 10];
    let mixed = [NARROW, OFFER, NARROW, OFFER, NARROW, OFFER, OFFER, OFFER, OFFER, OFFER];
    for (deflate, offers, kib) in
        [(shared(), wide, 350..460), (shared(), mixed, 590..710), (Deflate::dedicated(), wide, 3800..4600)]
    {
        let mut lab = lab(deflate, Probe::default);
        let mut peers = offers.map(|offer| Deflating::open(&mut lab, offer));
        let idle = lab.server.wires().memory_bytes();
        for peer in &mut peers {
            assert_eq!(peer.say(&mut lab, &long(5000)).0, [long(5000)]);
        }
        let held = (lab.server.wires().memory_bytes() - idle) >> 10;
        assert!(kib.contains(&held), "{held} KiB instead of {kib:?}");
    }
}

/// Where long messages come in parts, those that are compressed come whole, and may not be that long.
#[test]
fn w10_a_compressed_message_comes_in_no_parts() {
    let limits = limits(shared()).with(|limits| limits.websocket.stream_above = 1000);
    let mut lab = Lab::with_options(TestOptions { limits, ..TestOptions::default() }, Probe::default);
    let mut peer = Deflating::open(&mut lab, OFFER);
    assert_eq!(peer.say(&mut lab, &long(1000)).0, [long(1000)]);
    assert_eq!(peer.say(&mut lab, &long(1001)).0, ["close 1009"]);
    assert!(!lab.log.has("part"), "{:?}", lab.log.events());
}

/// What is encoded for many is compressed for one window; what is sent to one connection alone, for its own.
#[test]
fn w16_a_connection_with_another_window_gets_it_uncompressed() {
    let mut lab = lab(shared(), || Probe {
        on_open: |_, socket| _ = socket.subscribe("room"),
        on_message: |_, socket, order| match order.as_bytes() {
            b"send" => _ = socket.send(long(5000)),
            b"publish" => _ = socket.publish_to_all("room", long(5000)),
            b"prepared" => _ = socket.send_to_others(Prepared::new(long(5000))),
            _ => _ = socket.send_to_others(long(5000)),
        },
        ..Probe::default()
    });
    let (mut wide, mut narrow) = (Deflating::open(&mut lab, OFFER), Deflating::open(&mut lab, NARROW));
    for peer in [&mut wide, &mut narrow] {
        let (heard, took) = peer.say(&mut lab, "send");
        assert_eq!((heard, took < 1000), (vec![long(5000)], true), "{took} bytes");
    }
    let (speaker, handle) = (lab.websocket(), lab.server.handle());
    for order in ["publish", "prepared", "others", "thread"] {
        if order == "thread" {
            handle.ids().into_iter().for_each(|id| handle.send(id, long(5000)).unwrap());
        } else {
            speaker.send(&socket::text(order));
        }
        let before = [wide.heard_bytes, narrow.heard_bytes];
        lab.run();
        assert_eq!([wide.hear(), narrow.hear()], [[long(5000)], [long(5000)]], "{order}");
        let took = [wide.heard_bytes - before[0], narrow.heard_bytes - before[1]];
        assert!(took[0] < 1000 && took[1] > 5000, "{order}: {took:?} bytes");
    }
}

/// The fault: the first message of a later turn was compressed for the broadcast of an earlier turn, and then again.
#[test]
fn w16_a_message_to_many_is_compressed_once() {
    for bytes in [300, 1000, 2048, 100_000] {
        for deflate in [shared(), Deflate::dedicated()] {
            let mut lab = lab(deflate, joining);
            let mut peers: Vec<_> = (0..100).map(|_| Deflating::open(&mut lab, OFFER)).collect();
            let before = lab.server.handle().metrics().compressed;
            let message = long(bytes & !1);
            for turn in 1..=2 {
                let mut took = Vec::new();
                peers[0].far.send(&socket::text(&message));
                lab.run();
                for peer in &mut peers {
                    let before = peer.heard_bytes;
                    assert_eq!(peer.hear(), [message.as_str()]);
                    took.push(peer.heard_bytes - before);
                }
                assert_eq!(lab.server.handle().metrics().compressed, before + turn, "{bytes}");
                assert!(took.iter().all(|&took| took < bytes / 3), "{took:?}");
            }
        }
    }
}

/// Found by a benchmark: the message was compressed before a subscriber had agreed on compression.
#[test]
fn w16_nothing_is_compressed_for_members_that_have_not_agreed_on_it() {
    for bytes in [300, 1000, 2048, 100_000] {
        let mut lab = lab(shared(), joining);
        let (far, other) = (lab.websocket(), lab.websocket());
        let message = long(bytes & !1);
        assert_eq!(socket::texts(&lab.say(&far, socket::text(&message))), [message.as_str()]);
        assert_eq!(socket::texts(&other.take()), [message.as_str()]);
        assert_eq!(lab.server.handle().metrics().compressed, 0, "{bytes}");
    }
}

#[test]
fn w16_something_prepared_is_compressed_once_however_often_it_goes_out() {
    static PICTURE: OnceLock<Prepared> = OnceLock::new();
    let make = || Probe {
        on_message: |_, socket, _| {
            let prepared = PICTURE.get_or_init(|| Prepared::new(long(50_000)));
            socket.send(prepared);
            socket.publish_to_all("nobody", prepared);
        },
        ..Probe::default()
    };
    let mut labs = [shared(), shared()].map(|deflate| lab(deflate, make));
    for lab in &mut labs {
        for _ in 0..3 {
            let mut peer = Deflating::open(lab, OFFER);
            assert_eq!(peer.say(lab, "go").0, [long(50_000)]);
        }
        let far = lab.websocket();
        assert_eq!(socket::texts(&lab.say(&far, socket::text("go"))), [long(50_000)]);
    }
    let counts = labs.map(|lab| lab.server.handle().metrics().compressed);
    assert_eq!(counts, [1, 0], "the second server finds it compressed");

    // Made for another window it is of no use, and goes out as it is.
    let mut narrow = shared();
    narrow.window_bits_max = 9;
    let mut lab = lab(narrow, make);
    let mut peer = Deflating::open(&mut lab, OFFER);
    let (heard, took) = peer.say(&mut lab, "go");
    assert_eq!((heard, took > 50_000), (vec![long(50_000)], true));
}

/// A client of no size.
struct Idle;

impl Client for Idle {
    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        socket.send(message);
    }
}

#[test]
fn w15_an_idle_connection_that_may_compress_costs_no_more() {
    const CONNECTIONS: usize = 1000;
    let live_bytes = |deflate: Deflate, lines: &str| {
        let options = TestOptions { limits: limits(deflate), ..TestOptions::default() };
        let mut kept = None;
        let all = allocation_counter::measure(|| {
            let mut server = TestServer::with_options(options, |_peer| Idle);
            let ends: Vec<_> = (0..CONNECTIONS).map(|_| server.connect()).collect();
            // The same number of bytes for both: what is asked for is in a line that is known, or in one that is not.
            let request = socket::upgrade_with(lines);
            for far in &ends {
                far.send(request.as_bytes());
                server.run();
                far.take();
                far.send(&socket::text("hello"));
                server.run();
                assert_eq!(far.take(), [b"\x81\x05", &b"hello"[..]].concat());
            }
            kept = Some((server, ends));
        });
        all.bytes_current
    };
    let plain = live_bytes(shared(), &format!("Xec-WebSocket-Extensions: {OFFER}\r\n"));
    for deflate in [shared(), Deflate::dedicated()] {
        let agreed = live_bytes(deflate, &format!("Sec-WebSocket-Extensions: {OFFER}\r\n"));
        let more = (agreed - plain) / CONNECTIONS as i64;
        assert!(more <= 16, "{more} bytes more for each");
    }
}

/// From another thread, on two reactors.
#[test]
fn w16_a_message_for_all_reactors_is_compressed_once() {
    struct Member;
    impl Client for Member {
        fn on_open(&mut self, socket: &mut WebSocket<'_>) {
            socket.subscribe("room");
        }
    }
    let builder = Server::builder().listen("127.0.0.1:0").reactors(2);
    let live = Live::serve(builder.limits(|limits| limits.deflate = Deflate::shared()), |_peer| Member);
    let mut streams: Vec<_> = (0..4).map(|_| live.connect()).collect();
    for stream in &mut streams {
        assert!(real::ask(stream, upgrade(OFFER)).contains(NO_TAKEOVER));
    }
    real::wait_until(|| live.handle.subscribers("room") == 4);
    live.handle.publish("room", long(3000));
    for stream in &mut streams {
        assert_eq!(real::read_exactly(stream, 1), [FIN | RSV1 | TEXT]);
    }
    assert_eq!(live.handle.metrics().compressed, 1);
}

/// The fault I387: with a compressor of its own, a message was sent compressed also if that made it longer.
#[test]
fn w15_with_takeover_a_message_that_gets_no_shorter_goes_out_as_it_is() {
    let mut lab = lab(Deflate::dedicated(), Probe::default);
    let mut peer = Deflating::open(&mut lab, OFFER);
    let first = long(5000);
    for bytes in [300, 9000, 100_000] {
        for _ in 0..2 {
            let (heard, took) = peer.say(&mut lab, &first);
            assert_eq!((&heard[0], took < 500), (&first, true), "{took} bytes");
        }
        let noise = noise(bytes);
        let frame = peer.encode(Message::Binary(&noise));
        peer.far.send(&frame);
        lab.run();
        assert_eq!(peer.hear(), [text(&noise)]);
    }
    let noise = noise(9000);
    let frame = peer.encode(Message::Binary(&noise));
    peer.far.send(&frame);
    lab.run();
    let frames = socket::frames(&peer.far.take());
    assert_eq!((frames[0].first, &frames[0].payload), (FIN | socket::BINARY, &noise));
}
