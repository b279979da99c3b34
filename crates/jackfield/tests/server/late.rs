//! Late decisions have the verbs of early ones: what a peer gets is the same, byte by byte.

use crate::support;
use jackfield::test::{FarEnd, TestOptions};
use jackfield::{
    Client, Drain, Event, Exchange, FieldError, Fields, Handle, LateUpgrade, Reply, ReplyStream, Request,
    Sent, Server, Upgrade,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::thread;
use std::time::Duration;
use support::congested::low_marks_and;
use support::probe::Probe;
use support::real::Live;
use support::socket::{SWITCHED, UPGRADE};
use support::{Lab, get, statuses, text};

thread_local! {
    static REPLIES: RefCell<Vec<Reply>> = const { RefCell::new(Vec::new()) };
    static UPGRADES: RefCell<Vec<LateUpgrade>> = const { RefCell::new(Vec::new()) };
}

/// What a peer gets to a request that is answered at once, and to one whose answer comes later.
#[track_caller]
fn check(name: &str, early: fn(&mut Probe, Exchange<'_>, &Request<'_>), late: fn(Reply, &Handle)) {
    for request in [get("/"), get("/").replace("HTTP/1.1", "HTTP/1.0"), get("/").replacen("GET", "HEAD", 1)] {
        let mut lab = Lab::new(move || Probe { on_request: early, ..Probe::default() });
        let far = lab.connect();
        far.send(request.as_bytes());
        lab.run();
        let expected = (text(&far.take()), far.has_server_finished(), far.is_reset());

        let mut lab = Lab::new(|| Probe {
            on_request: |_, exchange, _| REPLIES.with_borrow_mut(|replies| replies.push(exchange.defer())),
            ..Probe::default()
        });
        let (far, handle) = (lab.connect(), lab.server.handle());
        far.send(request.as_bytes());
        lab.run();
        assert!(far.take().is_empty());
        REPLIES.with_borrow_mut(|replies| replies.drain(..).for_each(|reply| late(reply, &handle)));
        lab.run();
        assert_eq!(
            (text(&far.take()), far.has_server_finished(), far.is_reset()),
            expected,
            "{name} to {request}"
        );
    }
}

/// The peer is there, so the answer is queued.
#[track_caller]
fn queued(sent: Sent) {
    assert_eq!(sent, Sent::Queued);
}

fn trailers() -> Fields {
    let mut trailers = Fields::new();
    trailers.push("X-Sum", "7").expect("it is valid");
    trailers
}

/// A map that JSON does not have.
fn no_json() -> BTreeMap<(u8, u8), u8> {
    BTreeMap::from([((1, 2), 3)])
}

#[test]
fn a_reply_has_the_verbs_of_an_exchange() {
    check(
        "ok",
        |_, exchange, _| exchange.ok("text/plain", "body"),
        |reply, _| queued(reply.ok("text/plain", "body")),
    );
    check("not found", |_, exchange, _| exchange.not_found(), |reply, _| queued(reply.not_found()));
    check("error", |_, exchange, _| exchange.error(418), |reply, _| queued(reply.error(418)));
    check(
        "redirect",
        |_, exchange, _| exchange.redirect(302, "/x"),
        |reply, _| queued(reply.redirect(302, "/x")),
    );
    check(
        "header",
        |_, exchange, _| exchange.response(503).header("Retry-After", 7).body("", "").expect("it is valid"),
        |reply, _| queued(reply.response(503).header("Retry-After", 7).body("", "").expect("it is valid")),
    );
    check("json", |_, exchange, _| exchange.json(&[1, 2]), |reply, _| queued(reply.json(&[1, 2])));
    check(
        "json with a header",
        |_, exchange, _| exchange.response(201).header("X", "y").json(&[1, 2]).expect("it is valid"),
        |reply, _| queued(reply.response(201).header("X", "y").json(&[1, 2]).expect("it is valid")),
    );
    check("no json", |_, exchange, _| exchange.json(&no_json()), |reply, _| queued(reply.json(&no_json())));
    check(
        "stream",
        |_, exchange, _| {
            let mut body = exchange.stream(200, "text/plain");
            let sent = [body.write("a"), body.write(b"b")];
            assert!(sent == [Sent::Queued; 2] || sent == [Sent::Gone; 2], "it is for HEAD: {sent:?}");
            body.finish_with(&trailers()).expect("it is whole");
        },
        |reply, _| {
            let mut body = reply.stream(200, "text/plain");
            let sent = [body.write("a"), body.write(vec![b'b'])];
            assert!(sent == [Sent::Queued; 2] || sent == [Sent::Gone; 2], "it is for HEAD: {sent:?}");
            body.finish_with(trailers());
        },
    );
    check(
        "stream of a known length",
        |_, exchange, _| {
            let mut body =
                exchange.response(206).header("X", "y").stream("text/plain", Some(2)).expect("it is valid");
            body.write("ab");
            body.finish().expect("it is whole");
        },
        |reply, _| {
            let mut body =
                reply.response(206).header("X", "y").stream("text/plain", Some(2)).expect("it is valid");
            body.write("ab");
            body.finish();
        },
    );
    check(
        "events",
        |_, exchange, _| {
            exchange.response(200).header("X", "y").events().expect("it is valid").send(Event::data("x"));
        },
        |reply, handle| {
            let id = reply.response(200).header("X", "y").events().expect("it is valid");
            handle.send(id, Event::data("x")).expect("there is room");
        },
    );
}

/// A line that can't be written is the same mistake everywhere.
#[test]
fn one_rule_for_what_cant_be_written() {
    const EVIL: &str = "a\r\nEvil: 1";
    check("type", |_, exchange, _| exchange.ok(EVIL, "x"), |reply, _| queued(reply.ok(EVIL, "x")));
    check(
        "location",
        |_, exchange, _| exchange.redirect(302, EVIL),
        |reply, _| queued(reply.redirect(302, EVIL)),
    );
    type Case = (fn(Exchange<'_>) -> Result<(), FieldError>, FieldError);
    let cases: [Case; 6] = [
        (|exchange| exchange.response(200).header("X", EVIL).body("", ""), FieldError::Value),
        (|exchange| exchange.response(200).header("X Y", 1).body("", ""), FieldError::Name),
        (|exchange| exchange.response(200).header("Content-Length", 1).body("", ""), FieldError::Reserved),
        (|exchange| exchange.response(200).body(EVIL, ""), FieldError::Value),
        (
            |exchange| exchange.response(200).header("content-type", "a/b").body("text/plain", ""),
            FieldError::Repeated,
        ),
        (
            |exchange| exchange.response(200).header("Content-Type", "a/b").events().map(drop),
            FieldError::Repeated,
        ),
    ];
    thread_local! {
        static ANSWER: RefCell<Option<Case>> = const { RefCell::new(None) };
    }
    for case in cases {
        ANSWER.set(Some(case));
        let mut lab = Lab::new(|| Probe {
            on_request: |_, exchange, _| {
                let (answer, error) = ANSWER.take().expect("it is there");
                assert_eq!(answer(exchange), Err(error));
            },
            ..Probe::default()
        });
        let far = lab.connect();
        let told = lab.say(&far, get("/"));
        assert_eq!(statuses(&told), [500], "{}", text(&told));
        assert!(!text(&told).contains("Evil"), "{}", text(&told));
    }
}

/// What a peer gets to an upgrade that is decided on at once, and to one that is decided on later.
#[track_caller]
fn decide(name: &str, early: fn(Upgrade<'_>), late: fn(LateUpgrade), status: u16, line: &str) {
    thread_local! {
        static EARLY: RefCell<Option<fn(Upgrade<'_>)>> = const { RefCell::new(None) };
    }
    EARLY.set(Some(early));
    let mut lab = Lab::new(|| Probe {
        on_upgrade: |_, upgrade, _| EARLY.take().expect("it is there")(upgrade),
        ..Probe::default()
    });
    let far = lab.connect();
    let expected = lab.say(&far, UPGRADE);
    assert_eq!(statuses(&expected), [status], "{name}");
    assert!(text(&expected).contains(line), "{name}: {}", text(&expected));

    let mut lab = Lab::new(|| Probe {
        on_upgrade: |_, upgrade, _| UPGRADES.with_borrow_mut(|upgrades| upgrades.push(upgrade.defer())),
        ..Probe::default()
    });
    let far = lab.connect();
    far.send(UPGRADE.as_bytes());
    lab.run();
    UPGRADES.with_borrow_mut(|upgrades| upgrades.drain(..).for_each(late));
    lab.run();
    assert_eq!(text(&far.take()), text(&expected), "{name}");
}

#[test]
fn a_late_upgrade_has_the_verbs_of_an_upgrade() {
    decide("accept", |upgrade| upgrade.accept(), LateUpgrade::accept, 101, SWITCHED);
    decide("reject", |upgrade| upgrade.reject(403), |upgrade| upgrade.reject(403), 403, "Forbidden");
    const BASIC: &str = "Basic realm=\"x\"";
    decide(
        "response",
        |upgrade| upgrade.response(401).header("WWW-Authenticate", BASIC).body("", "").expect("it is valid"),
        |upgrade| upgrade.response(401).header("WWW-Authenticate", BASIC).body("", "").expect("it is valid"),
        401,
        "WWW-Authenticate: Basic realm=",
    );
    decide(
        "body",
        |upgrade| upgrade.response(404).header("X", "y").body("text/plain", "who?").expect("it is valid"),
        |upgrade| upgrade.response(404).header("X", "y").body("text/plain", "who?").expect("it is valid"),
        404,
        "\r\n\r\nwho?",
    );
    decide(
        "header",
        |mut upgrade| {
            upgrade.header("Set-Cookie", "a=b").expect("it is valid");
            upgrade.header("X-Count", 7_u64).expect("it is valid");
            upgrade.accept();
        },
        |mut upgrade| {
            upgrade.header("Set-Cookie", "a=b").expect("it is valid");
            upgrade.header("X-Count", 7_u64).expect("it is valid");
            upgrade.accept();
        },
        101,
        "Set-Cookie: a=b\r\nX-Count: 7\r\n",
    );
    decide(
        "what the handshake writes itself",
        |mut upgrade| {
            for name in
                ["Sec-WebSocket-Accept", "sec-websocket-protocol", "Sec-WebSocket-Extensions", "Upgrade"]
            {
                assert_eq!(upgrade.header(name, "x"), Err(FieldError::Reserved), "{name}");
            }
            upgrade.accept();
        },
        |mut upgrade| {
            for name in
                ["Sec-WebSocket-Accept", "sec-websocket-protocol", "Sec-WebSocket-Extensions", "Upgrade"]
            {
                assert_eq!(upgrade.header(name, "x"), Err(FieldError::Reserved), "{name}");
            }
            upgrade.accept();
        },
        101,
        SWITCHED,
    );
}

/// A request whose answer is deferred.
fn deferred(options: TestOptions) -> (Lab, FarEnd, Reply) {
    deferred_by(options, Probe::default)
}

/// The same by a client that also does what this probe does.
fn deferred_by(options: TestOptions, make: fn() -> Probe) -> (Lab, FarEnd, Reply) {
    let mut lab = Lab::with_options(options, move || Probe {
        on_request: |_, exchange, _| REPLIES.with_borrow_mut(|replies| replies.push(exchange.defer())),
        ..make()
    });
    let far = lab.connect();
    far.send(get("/").as_bytes());
    lab.run();
    let reply = REPLIES.with_borrow_mut(Vec::pop).expect("it is there");
    (lab, far, reply)
}

/// A body that is never finished must not look like a whole one, and must not delay anything.
#[test]
fn a_late_body_that_is_dropped_is_broken_off() {
    let (mut lab, far, reply) = deferred(TestOptions::default());
    let mut body = reply.stream(200, "text/plain");
    body.write("a part");
    lab.run();
    assert!(text(&far.take()).contains("a part"));
    drop(body);
    lab.run();
    assert!(far.is_reset());
    assert!(lab.log.has("disconnect Local"), "{:?}", lab.log.events());
}

/// The client ends an answer itself while a thread still has its late body. Its connection serves the next request, whose answer
/// must get neither the parts nor the end of that body.
#[test]
fn a_late_part_does_not_reach_a_later_exchange() {
    let ends: [fn(ReplyStream); 2] = [ReplyStream::finish, drop];
    for end in ends {
        let (mut lab, far, first) = deferred_by(TestOptions::default(), || Probe {
            on_post: |_, connection, _| {
                let body = connection.as_response().expect("its body is being sent");
                body.finish().expect("no length was announced");
            },
            ..Probe::default()
        });
        let mut late = first.stream(200, "text/plain");
        lab.run();
        assert!(lab.server.handle().post(late.id(), ()).is_ok());
        lab.run();
        assert!(text(&far.take()).ends_with("\r\n\r\n0\r\n\r\n"));
        far.send(get("/2").as_bytes());
        lab.run();
        let mut body = REPLIES.with_borrow_mut(Vec::pop).expect("it was deferred").stream(200, "text/plain");
        lab.run();
        assert_eq!(late.write("of the first"), Sent::Queued, "the connection is there, so it is posted");
        lab.run();
        end(late);
        lab.run();
        assert_eq!(body.write("b"), Sent::Queued);
        body.finish();
        lab.run();
        let got = text(&far.take());
        assert!(got.ends_with("\r\n\r\n1\r\nb\r\n0\r\n\r\n"), "{got}");
    }
}

#[test]
fn a_late_event_stream_for_a_peer_that_has_ended_ends() {
    let mut lab = Lab::new(|| Probe {
        on_request: |_, exchange, _| REPLIES.with_borrow_mut(|replies| replies.push(exchange.defer())),
        ..Probe::default()
    });
    let far = lab.connect();
    far.send(get("/").as_bytes());
    far.finish();
    lab.run();
    let reply = REPLIES.with_borrow_mut(Vec::pop).expect("it was deferred");
    reply.events();
    lab.run();
    assert_eq!((lab.server.handle().count(), far.has_server_finished() || far.is_reset()), (0, true));
}

/// A client that waits for an answer, a decision or a part may have left: the late value can be asked for that.
#[test]
fn late_values_know_whether_their_client_is_there() {
    let mut lab = Lab::new(|| Probe {
        on_request: |_, exchange, _| REPLIES.with_borrow_mut(|replies| replies.push(exchange.defer())),
        on_upgrade: |_, upgrade, _| UPGRADES.with_borrow_mut(|upgrades| upgrades.push(upgrade.defer())),
        ..Probe::default()
    });
    let peers = [get("/1"), get("/2"), UPGRADE.into()].map(|request| {
        let far = lab.connect();
        far.send(request.as_bytes());
        lab.run();
        far
    });
    let mut replies = REPLIES.with_borrow_mut(std::mem::take);
    let upgrade = UPGRADES.with_borrow_mut(Vec::pop).expect("it is there");
    let mut body = replies.pop().expect("it is there").stream(200, "text/plain");
    let reply = replies.pop().expect("it is there");
    lab.run();
    assert_eq!([reply.is_connected(), body.is_connected(), upgrade.is_connected()], [true; 3]);
    assert_eq!(body.write("a"), Sent::Queued);
    peers.iter().for_each(|far| far.reset());
    lab.run();
    assert_eq!([reply.is_connected(), body.is_connected(), upgrade.is_connected()], [false; 3]);
    assert_eq!(body.write("b"), Sent::Gone);
    // They have no receiver, and have no effect.
    assert_eq!(reply.ok("text/plain", "x"), Sent::Gone);
    body.finish();
    upgrade.accept();
    lab.run();
    assert_eq!(lab.connections(), 0);
}

/// A peer that reads slowly: what has no room is not taken, nothing is lost, and the connection stays.
#[test]
fn h22_a_late_part_without_room_is_not_taken() {
    let options = low_marks_and(|limits| limits.reactor.outbox_bytes_max = 4000);
    let mut lab = Lab::with_options(options, || Probe {
        on_request: |_, exchange, _| REPLIES.with_borrow_mut(|replies| replies.push(exchange.defer())),
        on_drain: |probe, _| probe.log.note("drain"),
        ..Probe::default()
    });
    let far = lab.connect();
    far.set_room(Some(0));
    far.send(get("/").as_bytes());
    lab.run();
    let mut body = REPLIES.with_borrow_mut(Vec::pop).expect("it is there").stream(200, "text/plain");
    let (mut accepted, mut results) = (0, Vec::new());
    for _ in 0..3 {
        loop {
            let sent = body.write(vec![b'x'; 500]);
            lab.run();
            accepted += usize::from(sent.is_accepted());
            results.push(sent);
            if !sent.is_accepted() {
                break;
            }
        }
        assert_eq!((results.last(), body.wait_for_room(Duration::ZERO)), (Some(&Sent::Full), false));
        assert!(results.contains(&Sent::Congested) && body.is_connected(), "{results:?}");
        assert!((4..=9).contains(&accepted), "the cap is 4000 bytes: {results:?}");
    }
    far.set_room(None);
    lab.run();
    assert!(lab.log.has("drain") && body.wait_for_room(Duration::ZERO), "{:?}", lab.log.events());
    assert_eq!(body.write("y"), Sent::Queued);
    body.finish();
    lab.run();
    let got = text(&far.take());
    assert_eq!(got.matches('x').count(), 500 * accepted + "text/plain".matches('x').count());
    assert!(got.ends_with("1\r\ny\r\n0\r\n\r\n"), "{got}");
}

/// Parts that still wait in the mailbox count as well, so that no thread fills it while the reactor is busy.
#[test]
fn h22_late_parts_in_the_mailbox_are_bounded() {
    let options = low_marks_and(|limits| limits.reactor.outbox_bytes_max = 4000);
    let (mut lab, far, reply) = deferred(options);
    let mut body = reply.stream(200, "text/plain");
    for _ in 0..3 {
        let sent: Vec<Sent> = (0..20).map(|_| body.write(vec![b'z'; 500])).collect();
        let accepted = sent.iter().filter(|sent| sent.is_accepted()).count();
        assert_eq!((sent[0], sent[5], sent[6], accepted), (Sent::Queued, Sent::Congested, Sent::Full, 6));
        lab.run();
        assert_eq!(text(&far.take()).matches('z').count(), 500 * accepted);
    }
}

/// A full mailbox takes no part, although there would be room in the outbox; the thread tries again.
#[test]
fn h22_a_late_part_for_a_full_mailbox_is_not_taken() {
    let options = low_marks_and(|limits| limits.mailbox_max = 2);
    let (mut lab, far, reply) = deferred(options);
    let mut body = reply.stream(200, "text/plain");
    assert_eq!(["1", "2", "3"].map(|part| body.write(part)), [Sent::Queued, Sent::Queued, Sent::Full]);
    assert!(body.wait_for_room(Duration::from_secs(3600)), "it does not wait that long");
    lab.run();
    assert_eq!(body.write("4"), Sent::Queued);
    body.finish();
    lab.run();
    let got = text(&far.take());
    assert!(got.ends_with("\r\n\r\n1\r\n1\r\n1\r\n2\r\n1\r\n4\r\n0\r\n\r\n"), "{got}");
}

/// Writes more than the system's buffers and its own hold, from a thread.
struct Patient;

const LONG: usize = 24 << 20;

impl Client for Patient {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        let reply = exchange.defer();
        thread::spawn(move || {
            let mut body = reply.response(200).stream("", Some(LONG as u64)).expect("it is valid");
            for _ in 0..LONG >> 16 {
                while body.write(vec![7; 1 << 16]) == Sent::Full {
                    let _ = body.wait_for_room(Duration::from_secs(3600));
                }
            }
            body.finish();
        });
    }
}

#[cfg(unix)]
#[test]
fn h22_a_thread_that_waits_for_room_sends_everything() {
    let live = Live::serve(Server::builder().listen("127.0.0.1:0").reactors(1), |_peer| Patient);
    let mut peer = live.connect();
    peer.write_all(get("/").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").as_bytes())
        .expect("it is sent");
    let mut got = Vec::new();
    peer.read_to_end(&mut got).expect("it ends in good order");
    assert_eq!(got.iter().filter(|byte| **byte == 7).count(), LONG);
}

/// Each way to complete a reply tells whether the peer is known to be gone, however it has left.
#[test]
fn h2_a_completed_reply_tells_whether_its_peer_is_there() {
    type Complete = fn(Reply) -> Sent;
    const WAYS: [Complete; 6] = [
        |reply| reply.respond(200, "text/plain", "x"),
        |reply| reply.ok("text/plain", "x"),
        Reply::not_found,
        |reply| reply.error(418),
        |reply| reply.redirect(302, "/x"),
        |reply| reply.response(200).header("X", "y").body("text/plain", "x").expect("it is valid"),
    ];
    type Leave = fn(&mut Lab, &FarEnd);
    let leaves: [(&str, Leave, Sent); 5] = [
        ("it stays", |_, _| (), Sent::Queued),
        ("it closes its side", |_, far| far.finish(), Sent::Gone),
        ("it breaks", |_, far| far.reset(), Sent::Gone),
        (
            "the server aborts it",
            |lab, _| {
                let id = lab.server.wires().ids().next().expect("it is there");
                lab.server.handle().abort(id).expect("there is room");
            },
            Sent::Gone,
        ),
        ("the server ends", |lab, _| lab.server.handle().shutdown(Drain::now()), Sent::Gone),
    ];
    for (name, leave, sent) in leaves {
        for complete in WAYS {
            let mut lab = Lab::new(|| Probe {
                on_request: |_, exchange, _| {
                    REPLIES.with_borrow_mut(|replies| replies.push(exchange.defer()));
                },
                ..Probe::default()
            });
            let far = lab.connect();
            far.send(get("/").as_bytes());
            lab.run();
            leave(&mut lab, &far);
            lab.run();
            far.take();
            let reply = REPLIES.with_borrow_mut(Vec::pop).expect("it waits");
            assert_eq!(complete(reply), sent, "{name}");
            lab.run();
            assert_eq!(!far.take().is_empty(), sent == Sent::Queued, "{name}");
        }
    }
}
