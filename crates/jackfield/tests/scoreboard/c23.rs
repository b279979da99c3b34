//! Raw and line connections: half-closes of either side, what comes last, and what a client can say at the end.

use crate::{support, tls};
use jackfield::test::{FarEnd, TestOptions, TestServer, listener};
use jackfield::{Connection, Drain, Limits, Listener, Rate, Raw, ReadPause, Reply, Sent, Server, TimerId};
use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::time::Duration;
use support::probe::{Log, Probe};
use support::real::{self, Live};
use support::{Lab, get, ok, outcome, socket, text};
use tls::{Identity, Secured};

const SECOND: Duration = Duration::from_secs(1);
const BOTH: [usize; 2] = [listener::RAW, listener::LINES];

/// Says what it heard last, and stays until a timer closes it.
fn staying() -> Probe {
    Probe {
        on_data: |_, _, data| if data.ends_with(b"rest") { data.len() - 4 } else { data.len() },
        on_peer_closed: |_, raw, rest| {
            raw.send([b"rest: ", rest].concat());
            raw.set_timer(TimerId(1), SECOND * 10);
        },
        on_timer: |_, connection, _| {
            if let Some(mut raw) = connection.as_raw() {
                raw.send(". bye");
                raw.close();
            }
        },
        ..Probe::default()
    }
}

fn end_of(log: &Log) -> Vec<String> {
    let events = log.events();
    let from =
        events.iter().position(|event| event.starts_with("peer closed") || event.starts_with("goodbye"));
    events[from.unwrap_or(events.len())..].to_vec()
}

/// A half-close is an event, with what came last and was not used. By default it closes.
#[test]
fn c23_a_half_close_is_reported_with_the_last_bytes() {
    for at in BOTH {
        for (said, rest) in [("", ""), ("a\nb\n", ""), ("a\nbrest", "rest")] {
            let rest = if at == listener::LINES && !rest.is_empty() { "brest" } else { rest };
            for at_once in [false, true] {
                let mut lab = Lab::new(|| Probe { on_peer_closed: |_, raw, _| raw.close(), ..staying() });
                let far = lab.connect_to(at);
                far.send(said.as_bytes());
                if !at_once {
                    lab.run();
                }
                far.finish();
                lab.run();
                let end = [format!("peer closed {rest}"), "disconnect Peer".into(), "drop".into()];
                assert_eq!(end_of(&lab.log), end, "{said:?} {at_once}");
                assert!(far.has_server_finished() && !far.is_reset());
                assert_eq!((lab.connections(), lab.lingering()), (0, 0));
            }
        }
    }
}

/// However the bytes are cut, the same line is the last.
#[test]
fn c13_a_last_line_without_a_line_end_is_reported() {
    fn make() -> Probe {
        Probe { on_peer_closed: |_, raw, rest| assert_eq!(raw.send(rest), Sent::Queued), ..Probe::default() }
    }
    for input in ["one\nhalf", "one\r\nhalf\r", "half", "one\n"] {
        for cut in 0..=input.len() {
            let mut lab = Lab::new(make);
            let far = lab.connect_to(listener::LINES);
            for part in [&input[..cut], &input[cut..]] {
                far.send(part.as_bytes());
                lab.run();
            }
            far.finish();
            lab.run();
            let last = input.rsplit('\n').next().unwrap_or_default();
            let told = lab.log.events().into_iter().find(|event| event.starts_with("peer closed"));
            assert_eq!(told, Some(format!("peer closed {}", last.escape_ascii_text())), "{input:?} {cut}");
            assert!(text(&far.take()).ends_with(last));
        }
    }
}

trait EscapeText {
    fn escape_ascii_text(&self) -> String;
}

impl EscapeText for str {
    fn escape_ascii_text(&self) -> String {
        self.as_bytes().escape_ascii().to_string()
    }
}

/// A client that keeps a half-closed connection can go on to send, and its idle timeout bounds it.
#[test]
fn c23_a_half_closed_connection_can_be_served_further() {
    for at in BOTH {
        let mut lab = Lab::new(staying);
        let far = lab.connect_to(at);
        far.send(b"rest");
        far.finish();
        lab.run();
        assert_eq!((text(&far.take()).as_str(), far.has_server_finished()), ("rest: rest", false));
        lab.advance(SECOND * 10);
        assert_eq!(text(&far.take()), ". bye");
        assert!(far.has_server_finished() && lab.log.has("disconnect Local"));
        // Nobody closes it.
        let mut lab = Lab::new(|| Probe { on_timer: |_, _, _| {}, ..staying() });
        let far = lab.connect_to(at);
        far.finish();
        lab.advance(SECOND * 299);
        assert_eq!(lab.connections(), 1);
        lab.advance(SECOND);
        assert!(
            lab.log.has("disconnect Timeout(Idle)") && far.has_server_finished(),
            "{:?}",
            lab.log.events()
        );
        // Or its peer breaks.
        let mut lab = Lab::new(staying);
        let far = lab.connect_to(at);
        far.finish();
        lab.run();
        far.reset();
        lab.run();
        assert!(lab.log.has("disconnect PeerReset"), "{:?}", lab.log.events());
    }
}

/// While it is read-paused it is told as well, unless something is unread: then behind that, within 30 s; what is lost
/// then is told.
#[test]
fn c23_a_half_close_is_reported_to_a_paused_connection() {
    fn make() -> Probe {
        Probe {
            on_connect: |_, connection| connection.pause_read(),
            on_post: |_, connection, _| connection.resume_read(),
            on_disconnect: |probe, _, end| probe.log.note(format!("{} unread", end.unread)),
            ..staying()
        }
    }
    for at in BOTH {
        let mut lab = Lab::new(make);
        let far = lab.connect_to(at);
        far.finish();
        lab.run();
        assert_eq!(end_of(&lab.log), ["peer closed "]);
        for resumes in [true, false] {
            let mut lab = Lab::new(make);
            let far = lab.connect_to(at);
            far.send(b"a\nrest");
            far.finish();
            lab.advance(SECOND * 29);
            assert!(!lab.log.has("peer closed"));
            if resumes {
                let id = lab.server.wires().ids().next().unwrap();
                lab.server.handle().post(id, ()).unwrap();
                lab.run();
                assert_eq!(end_of(&lab.log), ["peer closed rest"]);
            } else {
                lab.advance(SECOND);
                let events = lab.log.events();
                assert_eq!(events[1..3], ["disconnect Peer", "0 unread"], "the system had them: {events:?}");
            }
        }
    }
}

fn secured() -> (Identity, TestOptions) {
    let identity = Identity::new();
    let options = TestOptions { tls: Some(identity.server_config()), ..TestOptions::default() };
    (identity, options)
}

/// The same over TLS, whose goodbye is a half-close too.
#[test]
fn c23_over_tls_a_half_close_is_the_same() {
    let (identity, options) = secured();
    let mut lab = Lab::with_options(options, staying);
    let mut peer =
        Secured::new(lab.connect_to(listener::RAW), identity.client_config(rustls::DEFAULT_VERSIONS));
    peer.say(&mut lab.server, "some rest");
    assert_eq!(text(&peer.finish(&mut lab.server)), "rest: rest");
    lab.advance(SECOND * 10);
    assert_eq!(text(&peer.say(&mut lab.server, "")), ". bye");
    assert!(lab.log.has("peer closed rest") && lab.log.has("disconnect Local"));
}

/// Over TLS it is known too whether something is unread: neither an end nor a shutdown waits for nothing.
#[test]
fn c23_a_paused_connection_over_tls_is_not_waited_for() {
    fn make() -> Probe {
        Probe { on_connect: |_, connection| connection.pause_read(), ..with_goodbye() }
    }
    for (says, ends) in [("", true), ("", false), ("unread", true), ("unread", false)] {
        let (identity, options) = secured();
        let mut lab = Lab::with_options(options, make);
        let config = identity.client_config(rustls::DEFAULT_VERSIONS);
        let mut peer = Secured::new(lab.connect_to(listener::RAW), config);
        peer.say(&mut lab.server, says);
        if ends {
            peer.finish(&mut lab.server);
            assert_eq!(lab.log.has("peer closed"), says.is_empty(), "{says:?}");
        } else {
            lab.server.handle().shutdown(Drain::default());
            let heard = text(&peer.say(&mut lab.server, ""));
            assert_eq!(heard.starts_with("goodbye"), says.is_empty(), "{says:?}: {heard:?}");
        }
        assert_eq!(lab.connections() == 0, says.is_empty(), "{says:?}");
    }
}

/// A half-close by this side: the peer sees the end after all queued output, and its input is still read.
#[test]
fn c11_after_a_half_close_the_peers_bytes_still_arrive() {
    fn make() -> Probe {
        Probe {
            on_data: |_, raw, data| {
                if data.starts_with(b"end") {
                    raw.send(vec![b'x'; 10_000]);
                    raw.shutdown_write();
                    raw.shutdown_write();
                    assert_eq!(raw.send("more"), Sent::Gone);
                }
                data.len()
            },
            ..Probe::default()
        }
    }
    for steps in [None, Some(3000)] {
        let mut lab = Lab::new(make);
        let far = lab.connect_to(listener::RAW);
        far.set_room(steps);
        lab.run();
        far.send(b"end");
        lab.run();
        while far.bytes_received() < 10_000 {
            assert!(!far.has_server_finished());
            far.set_room(steps);
            lab.run();
        }
        assert!(far.has_server_finished() && !far.is_reset());
        lab.advance(SECOND * 100);
        for _ in 0..3 {
            lab.say(&far, "more");
        }
        assert_eq!((lab.log.count("data more"), lab.connections()), (3, 1));
        far.finish();
        lab.run();
        assert_eq!(end_of(&lab.log), ["peer closed ", "disconnect Peer", "drop"]);
        assert_eq!(lab.lingering(), 0);
    }
    // A peer that says nothing more is idle, one that takes nothing stalls, and one that is closed lingers.
    for (room, why, wait) in [(None, "Idle", 300), (Some(0), "Write", 30)] {
        let mut lab = Lab::new(make);
        let far = lab.connect_to(listener::RAW);
        far.set_room(room);
        far.send(b"end");
        lab.advance(SECOND * (wait - 1));
        assert_eq!(lab.connections(), 1, "{why}");
        lab.advance(SECOND);
        assert!(lab.log.has(&format!("disconnect Timeout({why})")), "{:?}", lab.log.events());
    }
}

#[test]
fn c11_a_half_close_over_tls_sends_close_notify() {
    let (identity, options) = secured();
    let mut lab = Lab::with_options(options, || Probe {
        on_line: |_, raw, line| {
            raw.send(line);
            raw.shutdown_write();
        },
        ..Probe::default()
    });
    let config = identity.client_config(rustls::DEFAULT_VERSIONS);
    let mut peer = Secured::new(lab.connect_to(listener::LINES), config);
    assert_eq!(text(&peer.say(&mut lab.server, "end\n")), "end");
    assert!(peer.far.has_server_finished() && peer.has_heard_goodbye());
    peer.say(&mut lab.server, "more\n");
    assert!(lab.log.has("line more"));
    peer.finish(&mut lab.server);
    assert!(lab.log.has("disconnect Peer"), "{:?}", lab.log.events());
}

/// With TLS bytes come all the same: its goodbye. A socket that is closed by then is reset, and what was on its way is lost.
#[test]
fn c11_over_tls_the_goodbye_of_a_peer_that_announced_its_end_is_awaited() {
    let request = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let old = "GET / HTTP/1.0\r\n\r\n";
    let close = socket::close(4000, "");
    for (upgrade, last, expected) in [
        ("", request.as_bytes(), "200 OK"),
        ("", old.as_bytes(), "200 OK"),
        (socket::UPGRADE, &close, "\x0f"),
    ] {
        let (identity, options) = secured();
        let mut lab = Lab::with_options(options, Probe::default);
        let config = identity.client_config(rustls::DEFAULT_VERSIONS);
        let mut peer = Secured::new(lab.connect(), config);
        peer.say(&mut lab.server, upgrade);
        peer.send(last);
        lab.run();
        assert_eq!((lab.connections(), lab.lingering()), (0, 1), "{expected:?} is on its way");
        peer.send_goodbye();
        lab.run();
        assert_eq!(lab.lingering(), 1, "only its FIN is the end");
        peer.far.finish();
        lab.run();
        assert!(lab.lingering() == 0 && !peer.far.is_reset());
        let heard = text(&peer.hear());
        assert!(heard.contains(expected) && peer.has_heard_goodbye(), "{heard:?}");
    }
}

/// What was queued arrives, and then the peer sees a reset.
#[test]
fn c11_an_abort_can_wait_for_the_flush() {
    fn make() -> Probe {
        Probe {
            on_request: |_, exchange, request| match request.path() {
                "/reset" => {
                    let mut exchange = exchange;
                    exchange.abort_after_flush();
                }
                _ => exchange.ok("text/plain", "ok"),
            },
            ..Probe::default()
        }
    }
    let mut lab = Lab::new(make);
    let far = lab.connect();
    far.set_room(Some(10));
    far.send((get("/ok") + &get("/reset")).as_bytes());
    lab.run();
    assert!(!far.is_reset());
    far.set_room(None);
    lab.run();
    assert!(far.is_reset());
    assert_eq!(far.bytes_received(), ok("ok").len());
    assert_eq!(end_of_all(&lab.log), ["disconnect Local", "drop"]);
    let live = Live::serve(Server::builder().listen("127.0.0.1:0").reactors(1), |_peer| make());
    let mut stream = live.connect();
    stream.write_all((get("/ok") + &get("/reset")).as_bytes()).unwrap();
    assert!(real::read_answer(&mut stream).ends_with("\r\n\r\nok"));
    assert_eq!(stream.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

fn end_of_all(log: &Log) -> Vec<String> {
    let events = log.events();
    events[events.len().saturating_sub(2)..].to_vec()
}

/// Says goodbye with the reason.
fn with_goodbye() -> Probe {
    Probe {
        on_goodbye: |_, raw, why| {
            raw.send(format!("goodbye: {why}\n"));
        },
        on_disconnect: |probe, _, end| probe.log.note(format!("{} unread", end.unread)),
        on_line: |_, raw, line| match line {
            b"pause" => raw.pause_read(),
            line => assert_eq!(raw.send([line, b"\n"].concat()), Sent::Queued),
        },
        on_data: |_, raw, data| {
            if data == b"pause" {
                raw.pause_read();
            } else {
                raw.send(&*data);
            }
            data.len()
        },
        on_post: |_, connection, _| connection.resume_read(),
        ..Probe::default()
    }
}

#[test]
fn l9_a_client_can_send_a_last_message() {
    for at in BOTH {
        // At a shutdown, read-paused or not, and half-closed.
        for said in ["", "pause"] {
            let mut lab = Lab::new(with_goodbye);
            let far = lab.connect_to(at);
            far.send(said.as_bytes());
            far.send(if at == listener::LINES && !said.is_empty() { b"\n" } else { b"" });
            lab.run();
            lab.server.handle().shutdown(Drain::default());
            lab.run();
            assert_eq!(text(&far.take()), "goodbye: the server was shut down\n", "{said:?}");
            assert!(far.has_server_finished() && !far.is_reset());
            assert_eq!(end_of(&lab.log), ["goodbye Shutdown", "disconnect Shutdown", "0 unread", "drop"]);
        }
        let mut lab = Lab::new(|| Probe { on_peer_closed: |_, _, _| {}, ..with_goodbye() });
        let far = lab.connect_to(at);
        far.finish();
        lab.run();
        lab.server.handle().shutdown(Drain::default());
        lab.run();
        assert_eq!(lab.log.count("goodbye"), 1);
        assert!(text(&far.take()).starts_with("goodbye") && lab.connections() == 0);
        // At its idle timeout, and at the end of its lifetime.
        let mut lab = Lab::new(with_goodbye);
        let far = lab.connect_to(at);
        lab.advance(SECOND * 299);
        assert_eq!(lab.log.count("goodbye"), 0);
        lab.advance(SECOND);
        assert_eq!(text(&far.take()), "goodbye: timeout: nothing came for too long\n");
        assert!(far.has_server_finished() && lab.log.has("disconnect Timeout(Idle)"));
        let limits = Limits::default().with(|limits| limits.max_lifetime = SECOND * 100);
        let mut lab = Lab::with_limits(limits, with_goodbye);
        let far = lab.connect_to(at);
        lab.advance(SECOND * 100);
        assert_eq!(text(&far.take()), "goodbye: timeout: the longest lifetime is over\n");
        assert!(far.has_server_finished() && lab.log.has("disconnect Timeout(Lifetime)"));
    }
}

/// Input from before a shutdown is delivered, even if it takes more than one turn.
#[test]
fn l9_output_of_raw_and_line_clients_is_delivered_at_a_shutdown() {
    let lines: String = (0..1000).map(|number| format!("{number}\n")).collect();
    for at in BOTH {
        for paused in [false, true] {
            let mut lab = Lab::new(with_goodbye);
            let far = lab.connect_to(at);
            if paused {
                lab.say(&far, if at == listener::LINES { "pause\n" } else { "pause" });
            }
            far.send(lines.as_bytes());
            lab.server.handle().shutdown(Drain::default());
            lab.run();
            if paused {
                assert_eq!((text(&far.take()).as_str(), lab.connections()), ("", 1), "it is waited for");
                let id = lab.server.wires().ids().next().unwrap();
                lab.server.handle().post(id, ()).unwrap();
                lab.run();
            }
            assert_eq!(text(&far.take()), lines.clone() + "goodbye: the server was shut down\n");
            assert!(lab.log.has("disconnect Shutdown") && lab.log.has("0 unread"));
        }
    }
}

/// Input that a read-paused client never gets is reported at the deadline.
#[test]
fn l9_undelivered_output_is_reported() {
    let mut lab = Lab::new(with_goodbye);
    let far = lab.connect_to(listener::LINES);
    lab.say(&far, "pause\none\ntwo\n");
    lab.server.handle().shutdown(Drain::within(SECOND * 5));
    lab.advance(SECOND * 4);
    assert_eq!(lab.connections(), 1);
    lab.advance(SECOND);
    assert!(lab.log.has("disconnect Shutdown") && lab.log.has("8 unread"), "{:?}", lab.log.events());
}

/// A byte of your own ends lines; a CR is then a byte like any other.
#[test]
fn c13_lines_can_end_with_another_byte() {
    fn make() -> Probe {
        Probe {
            on_connect: |_, connection| raw_of(connection, |raw| raw.read_lines_until(b';')),
            ..Probe::default()
        }
    }
    let outcome = outcome(make, listener::RAW, b"one\n;two\r;;rest");
    assert_eq!(outcome.log, ["connect", r"line one\n", r"line two\r", "line "]);
    let seen = Log::default();
    let log = seen.clone();
    let builder = Server::builder().listen(Listener::tcp("127.0.0.1:0").lines_until(0)).reactors(1);
    let live = Live::serve(builder, move |_peer| Probe::default().noted_in(&log));
    let mut stream = live.connect();
    stream.write_all(b"a\nb\0half\r").unwrap();
    assert_eq!(real::read_exactly(&mut stream, 4), b"a\nb\n");
    drop(stream);
    real::wait_until(|| seen.has("disconnect"));
    assert!(seen.has(r"line a\nb") && seen.has(r"peer closed half\r"), "{:?}", seen.events());
}

fn raw_of(connection: &mut Connection<'_>, act: impl FnOnce(&mut Raw<'_>)) {
    if let Some(mut raw) = connection.as_raw() {
        act(&mut raw);
    }
}

/// A bridge of two connections, whose peers both send all before they read anything.
fn bridge(reads: bool) -> (TestServer, [FarEnd; 2], Log) {
    let log = Log::default();
    let seen = log.clone();
    let mut server = TestServer::new(move |_peer| {
        Probe {
            count: usize::from(reads),
            on_connect: |probe, connection| {
                if probe.count == 1 {
                    connection.set_read_while_congested(true);
                }
                assert_eq!(connection.read_pause(), None);
            },
            on_data: |_, raw, data| {
                let other = raw.connection_ids().into_iter().find(|id| *id != raw.id());
                if let Some(other) = other {
                    raw.send_to(other, &*data);
                }
                data.len()
            },
            ..Probe::default()
        }
        .noted_in(&seen)
    });
    let ends = [server.connect_to(listener::RAW), server.connect_to(listener::RAW)];
    for far in &ends {
        far.set_room(Some(0));
    }
    server.run();
    (server, ends, log)
}

#[test]
fn c24_a_bridge_reads_on_while_it_is_congested_if_it_is_asked_to() {
    const BYTES: usize = 400_000;
    for reads in [false, true] {
        let (mut server, ends, log) = bridge(reads);
        for _ in 0..10 {
            for far in &ends {
                far.send(&[7; BYTES / 10]);
                server.run();
            }
        }
        let unread: usize = ends.iter().map(FarEnd::unread_bytes).sum();
        assert_eq!(unread == 0, reads, "each waits for the other: {unread}");
        // It is an event for either that there is room again.
        ends.iter().for_each(|far| far.set_room(None));
        server.run();
        assert_eq!(ends.each_ref().map(|far| far.bytes_received()), [BYTES; 2]);
        assert_eq!(log.count("drain"), if reads { 2 } else { 1 });
    }
}

/// Each reason for which a connection is not read can be asked for.
#[test]
fn c24_whether_and_why_a_connection_is_not_read_can_be_asked() {
    let mut lab = Lab::new(|| Probe {
        on_line: |probe, raw, line| {
            match line {
                b"pause" => raw.pause_read(),
                b"resume" => raw.resume_read(),
                b"fill" => assert_eq!(raw.send(vec![0; 100_000]), Sent::Congested),
                b"on" => raw.set_read_while_congested(true),
                _ => raw.set_read_while_congested(false),
            }
            probe.log.note(format!("is {:?} {}", raw.read_pause(), raw.is_read_paused()));
        },
        on_timer: |_, _, _| {},
        on_post: |probe, connection, _| {
            probe.log.note(format!("is {:?}", connection.read_pause()));
            connection.set_read_while_congested(true);
            probe.log.note(format!("and {:?}", connection.read_pause()));
            connection.set_read_while_congested(false);
            probe.log.note(format!("then {:?}", connection.read_pause()));
            connection.set_read_while_congested(true);
        },
        ..Probe::default()
    });
    let far = lab.connect_to(listener::LINES);
    far.set_room(Some(0));
    lab.say(&far, "pause\nresume\n");
    assert!(lab.log.has("is Some(User) true"));
    let far = lab.connect_to(listener::LINES);
    far.set_room(Some(0));
    lab.say(&far, "on\nfill\n");
    assert_eq!(lab.log.take().last().map(String::as_str), Some("is None false"));
    lab.say(&far, "off\n");
    assert_eq!(lab.log.take().last().map(String::as_str), Some("is Some(Congested) true"));
    lab.say(&far, "pause\n");
    assert!(!lab.log.has("line"), "it is not read");
    let id = lab.server.wires().ids().last().unwrap();
    lab.server.handle().post(id, ()).unwrap();
    lab.run();
    let events = lab.log.take();
    assert_eq!(events[..4], ["post", "is Some(Congested)", "and None", "then Some(Congested)"]);
    assert_eq!(events[4..], ["line pause", "is Some(User) true"], "what was unread is read");
}

thread_local! {
    static OWED: RefCell<Vec<Reply>> = const { RefCell::new(Vec::new()) };
}

/// Limits, a listener, what its peers send, the reason that all of them meet, and what ends it.
type Paused = (fn(&mut Limits), usize, Vec<u8>, ReadPause, fn(&mut Lab, &[FarEnd]));

/// Four connections; each that is not read says why, and when it is over none says anything.
#[track_caller]
fn check_pause((change, at, bytes, expected, end): Paused) {
    let mut lab = Lab::with_limits(Limits::default().with(change), || Probe {
        on_request: |_, exchange, _| OWED.with_borrow_mut(|owed| owed.push(exchange.defer())),
        on_post: |probe, connection, _| {
            probe.log.note(format!("is {:?} {}", connection.read_pause(), connection.is_read_paused()));
        },
        ..Probe::default()
    });
    let ends = [(); 4].map(|()| lab.connect_to(at));
    for piece in bytes.chunks(10_000) {
        ends.iter().for_each(|far| far.send(piece));
        lab.run();
    }
    let asked = |lab: &mut Lab| {
        lab.log.take();
        let all: Vec<_> = lab.server.wires().ids().collect();
        all.into_iter().for_each(|id| lab.server.handle().post(id, ()).unwrap());
        lab.run();
        let mut told = lab.log.take();
        told.retain(|event| event.starts_with("is "));
        told
    };
    let told = asked(&mut lab);
    assert!(told.contains(&format!("is {:?} true", Some(expected))), "{expected:?}: {told:?}");
    end(&mut lab, &ends);
    let told = asked(&mut lab);
    assert!(!told.is_empty() && told.iter().all(|told| told == "is None false"), "{expected:?}: {told:?}");
}

#[test]
fn c24_an_answer_a_rate_and_memory_are_reasons_too() {
    // A part of it.
    let post =
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 400000\r\n\r\n".to_owned() + &"x".repeat(300_000);
    let rows: [Paused; 3] = [
        (
            |_| {},
            listener::HTTP,
            get("/").into(),
            ReadPause::Answer,
            |lab, _| {
                for reply in OWED.take() {
                    reply.ok("text/plain", "late");
                }
                lab.run();
            },
        ),
        (
            |limits| limits.rate = Rate::new(2, 0),
            listener::LINES,
            b"x\n".repeat(3),
            ReadPause::Rate,
            |lab, _| lab.advance(SECOND),
        ),
        // What all of them hold is nearly all that there is.
        (
            |limits| limits.memory_bytes_max = 1 << 20,
            listener::HTTP,
            post.into(),
            ReadPause::Memory,
            |lab, ends| {
                ends[1..].iter().for_each(FarEnd::reset);
                lab.run();
            },
        ),
    ];
    rows.into_iter().for_each(check_pause);
}
