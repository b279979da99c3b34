//! Server-sent events.

use crate::support;
use jackfield::test::{TestOptions, TestServer, listener};
use jackfield::{
    Client, Event, EventStream, Exchange, History, Limits, Message, Reply, Request, Sent, TimerId,
    last_event_id,
};
use std::time::Duration;
use support::probe::{Probe, observed};
use support::{DATE, Lab, get, outcome, socket, text};

const SECOND: Duration = Duration::from_secs(1);

fn head() -> String {
    format!(
        "HTTP/1.1 200 OK\r\n{DATE}\r\nContent-Type: text/event-stream; charset=utf-8\r\nConnection: close\r\n\
         Cache-Control: no-cache\r\nX-Accel-Buffering: no\r\n\r\n"
    )
}

#[test]
fn s1_an_exchange_becomes_an_event_stream() {
    for request in [get("/events"), "GET /events HTTP/1.0\r\n\r\n".into()] {
        let outcome = outcome(Probe::default, listener::HTTP, request.as_bytes());
        assert_eq!(text(&outcome.output), head());
        assert!(!outcome.is_finished, "it stays until somebody ends it");
    }
}

/// The fault: both lines were sent, the user's and the server's.
#[test]
fn s1_an_event_stream_has_each_header_line_once() {
    for (own, expected) in [
        (("Cache-Control", "no-store"), ["Cache-Control: no-store", "X-Accel-Buffering: no"]),
        (("cache-control", "no-store"), ["cache-control: no-store", "X-Accel-Buffering: no"]),
        (("X-Accel-Buffering", "yes"), ["X-Accel-Buffering: yes", "Cache-Control: no-cache"]),
    ] {
        let mut server = TestServer::new(move |_peer| Beginner(own.0, own.1));
        let far = server.connect();
        far.send(get("/").as_bytes());
        server.run();
        let head = text(&far.take());
        let lines: Vec<_> = head
            .lines()
            .filter(|line| {
                ["cache-control", "x-accel-buffering"]
                    .iter()
                    .any(|name| line.to_lowercase().starts_with(name))
            })
            .collect();
        assert_eq!(lines, expected, "{head}");
    }
}

/// Begins an event stream with this line.
struct Beginner(&'static str, &'static str);

impl Client for Beginner {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        exchange.response(200).header(self.0, self.1).events().expect("the line is valid");
    }
}

#[test]
fn s1_an_event_stream_has_its_own_header_lines() {
    let mut lab = Lab::new(|| Probe {
        on_request: |probe, exchange, request| {
            let value = if request.path() == "/good" { "1" } else { "a\r\nX-B: b" };
            match exchange.response(200).header("X-A", value).events() {
                Ok(mut events) => probe.log.note(format!("{:?}", events.send("begin"))),
                Err(error) => probe.log.note(error.to_string()),
            }
        },
        ..Probe::default()
    });
    let far = lab.connect();
    let expected = head().replace("Cache-Control", "X-A: 1\r\nCache-Control");
    assert_eq!(lab.ask(&far, get("/good")), expected + "data: begin\n\n");
    // What can't be written is an error here and a 500 there, and no stream begins.
    let far = lab.connect();
    assert!(lab.ask(&far, get("/bad")).starts_with("HTTP/1.1 500 "));
    assert!(lab.log.has("Queued") && lab.log.has("the field value"), "{:?}", lab.log.events());
}

#[test]
fn s1_a_stream_is_a_connection_with_timers_topics_and_sends() {
    let mut lab = Lab::new(|| Probe {
        on_request: |_, exchange, _| {
            let mut events = exchange.events();
            assert_eq!(events.send("begin"), Sent::Queued);
            events.set_timer(TimerId(7), SECOND);
        },
        on_timer: |probe, connection, timer| {
            probe.count += 1;
            let mut events = connection.as_events().expect("it is an event stream");
            events.send(Event::data("tick").id(probe.count.to_string()));
            events.set_timer(timer, SECOND);
        },
        ..Probe::default()
    });
    let far = lab.connect();
    assert_eq!(lab.ask(&far, get("/")), head() + "data: begin\n\n");
    lab.advance(SECOND * 2);
    assert_eq!(text(&far.take()), "id: 1\ndata: tick\n\nid: 2\ndata: tick\n\n");
}

/// What a stream sends for an event, or `None` if it is unsupported.
fn sent(event: &Event<'static>) -> Option<String> {
    thread_local! {
        static EVENT: std::cell::RefCell<Event<'static>> = const { std::cell::RefCell::new(Event::empty()) };
    }
    EVENT.set(event.clone());
    let make = || Probe {
        on_request: |probe, exchange, _| {
            let mut events = exchange.events();
            if EVENT.with_borrow(|event| events.send(event)) == Sent::Unsupported {
                probe.log.note("unsupported");
            }
            events.send("end");
        },
        ..Probe::default()
    };
    let mut lab = Lab::new(make);
    let far = lab.connect();
    let output = lab.ask(&far, get("/")).strip_prefix(&head()).unwrap().to_owned();
    let output = output.strip_suffix("data: end\n\n").unwrap().to_owned();
    assert_eq!(lab.log.has("unsupported"), output.is_empty());
    (!output.is_empty()).then_some(output)
}

#[test]
fn s2_an_event_has_data_name_id_retry_and_comment() {
    for (event, lines) in [
        (Event::data("x"), "data: x\n\n"),
        (Event::data(""), "data: \n\n"),
        (Event::data("a\nb\rc\r\nd\n"), "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n"),
        (Event::data("x").event("news").id("7").retry(250), "event: news\nid: 7\nretry: 250\ndata: x\n\n"),
        (Event::comment("hi"), ": hi\n\n"),
        (Event::empty().retry(1), "retry: 1\n\n"),
        (Event::data("\u{e9}\u{20ac}"), "data: \u{e9}\u{20ac}\n\n"),
        (Event::data("x").event("first").event("second"), "event: second\ndata: x\n\n"),
    ] {
        assert_eq!(sent(&event).as_deref(), Some(lines));
    }
}

#[test]
fn s2_an_event_field_with_a_line_end_is_an_error() {
    for event in [
        Event::data("x").id("a\nb"),
        Event::data("x").id("a\rb"),
        Event::data("x").id("a\0b"),
        Event::data("x").event("a\nb"),
        Event::data("x").event("a\rb"),
        Event::data("x").event("a\0b"),
        Event::comment("a\nb"),
        Event::comment("a\rb"),
    ] {
        assert_eq!(sent(&event), None, "{event:?}");
    }
}

#[test]
fn s2_binary_does_not_fit() {
    let mut lab = Lab::new(|| Probe {
        on_request: |_, exchange, _| {
            let mut events = exchange.events();
            let id = events.id();
            let binary = Message::Binary(b"\x00");
            assert_eq!(events.send_to(id, binary), Sent::Unsupported);
            assert_eq!(events.send_to(id, "text"), Sent::Queued);
        },
        ..Probe::default()
    });
    let far = lab.connect();
    assert_eq!(lab.ask(&far, get("/")), head() + "data: text\n\n");
}

#[test]
fn s5_the_disconnect_comes_when_the_peer_leaves_and_not_at_the_next_write() {
    let mut lab = Lab::new(Probe::default);
    for leave in ["finish", "reset"] {
        let far = lab.events();
        lab.log.take();
        match leave {
            "finish" => far.finish(),
            _ => far.reset(),
        }
        lab.run();
        let reason = if leave == "finish" { "Peer" } else { "PeerReset" };
        assert_eq!(lab.log.take(), [format!("disconnect {reason}"), "drop".into()]);
        assert_eq!(text(&far.take()), "");
    }
}

#[test]
fn s5_bytes_from_the_peer_of_a_stream_are_dropped() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.events();
    for _ in 0..100 {
        assert_eq!(lab.ask(&far, get("/more").repeat(100)), "");
    }
    assert_eq!(lab.log.count("request"), 1);
    assert!(!far.has_server_finished());
}

#[test]
fn s6_events_leave_at_the_end_of_the_callback_in_one_write() {
    let mut lab = Lab::new(|| Probe {
        on_request: |_, exchange, request| {
            let mut events = exchange.events();
            for _ in 0..100 {
                events.send("x");
            }
            if request.path() == "/end" {
                events.close();
            }
        },
        ..Probe::default()
    });
    for path in ["/", "/end"] {
        let far = lab.connect();
        let output = lab.ask(&far, get(path));
        assert_eq!(output, head() + &"data: x\n\n".repeat(100));
        assert_eq!(far.writes(), 1);
        assert_eq!(far.has_server_finished(), path == "/end");
    }
}

#[test]
fn s7_a_stream_is_filled_as_it_drains() {
    let mut lab = Lab::new(|| Probe {
        on_request: |probe, exchange, _| {
            let mut events = exchange.events();
            while events.send("x".repeat(1000)) == Sent::Queued {
                probe.count += 1;
            }
        },
        on_drain: |probe, connection| {
            let Some(mut events) = connection.as_events() else { return };
            while probe.count < 1000 && events.send("x".repeat(1000)) == Sent::Queued {
                probe.count += 1;
            }
        },
        ..Probe::default()
    });
    let far = lab.connect();
    far.set_room(Some(0));
    far.send(get("/").as_bytes());
    lab.run();
    let mut output = Vec::new();
    while lab.log.count("drain") < 10 {
        far.set_room(Some(10_000));
        lab.run();
        output.extend(far.take());
    }
    far.set_room(None);
    lab.run();
    output.extend(far.take());
    let output = text(&output).strip_prefix(&head()).unwrap().to_owned();
    let event = format!("data: {}\n\n", "x".repeat(1000));
    let count = output.len() / event.len();
    assert!(count >= 1000 && output == event.repeat(count), "{count} events");
}

#[test]
fn s8_a_comment_comes_after_15_idle_seconds() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.events();
    lab.advance(Duration::from_millis(14_999));
    assert_eq!(text(&far.take()), "");
    lab.advance(Duration::from_millis(1));
    assert_eq!(text(&far.take()), ":\n\n");
    lab.advance(SECOND * 60);
    assert_eq!(text(&far.take()), ":\n\n".repeat(4));
    // An event breaks the silence too.
    let id = lab.server.wires().ids().next().unwrap();
    lab.advance(SECOND * 10);
    lab.server.handle().send(id, "x").unwrap();
    lab.advance(SECOND * 10);
    assert_eq!(text(&far.take()), "data: x\n\n");
    lab.advance(SECOND * 5);
    assert_eq!(text(&far.take()), ":\n\n");
}

#[test]
fn s8_the_comment_can_be_moved_or_off_and_streams_never_idle_out() {
    for (heartbeat, comments) in [(SECOND, 1000), (Duration::ZERO, 0)] {
        let limits = Limits::default().with(|limits| limits.events_heartbeat = heartbeat);
        let mut lab = Lab::with_options(TestOptions { limits, ..TestOptions::default() }, Probe::default);
        let far = lab.events();
        lab.advance(SECOND * 1000);
        assert_eq!(text(&far.take()), ":\n\n".repeat(comments));
        assert!(!far.has_server_finished());
    }
}

#[test]
fn s11_streams_and_sockets_share_topics() {
    let mut lab = Lab::new(|| Probe {
        on_request: |_, exchange, _| {
            exchange.events().subscribe("news");
        },
        on_open: |_, socket| {
            socket.subscribe("news");
        },
        ..Probe::default()
    });
    let (streams, sockets) = ([lab.events(), lab.events()], [lab.websocket(), lab.websocket()]);
    for message in ["short", &"long ".repeat(1000)] {
        let published = lab.server.handle().publish("news", message);
        assert_eq!((published.reactors, published.full), (1, 0));
        lab.run();
        for far in &streams {
            assert_eq!(text(&far.take()), format!("data: {message}\n\n"));
        }
        for far in &sockets {
            assert_eq!(socket::texts(&far.take()), [message]);
        }
    }
    // What an event stream can't carry reaches the others only.
    lab.server.handle().publish("news", b"\x00".as_slice());
    lab.run();
    assert_eq!(text(&streams[0].take()), "");
    assert_eq!(socket::frames(&sockets[0].take()).len(), 1);
}

#[test]
fn s12_a_stream_that_is_not_read_is_closed_at_the_cap() {
    let (options, seen) = observed();
    let mut lab = Lab::with_options(options, || Probe {
        on_request: |_, exchange, _| {
            exchange.events().subscribe("news");
        },
        ..Probe::default()
    });
    let far = lab.events();
    far.set_room(Some(0));
    let handle = lab.server.handle();
    let event = "x".repeat(1000);
    for _ in 0..1000 {
        handle.publish("news", &*event);
        lab.run();
    }
    assert!(!seen.has("dropped"), "below 1 MiB nothing is lost");
    for _ in 0..100 {
        handle.publish("news", &*event);
        lab.run();
    }
    assert_eq!(seen.count("dropped"), 1);
    far.set_room(None);
    lab.run();
    assert!(far.has_server_finished());
    far.finish();
    lab.run();
    assert!(lab.log.has("disconnect Limit(Backlog)"), "{:?}", lab.log.events());
}

/// Streams events, at once or later, or answers that there will be no further ones.
#[derive(Default)]
struct Opener {
    reply: Option<Reply>,
}

impl Client for Opener {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        match request.path() {
            "/later" => self.reply = Some(exchange.defer()),
            "/now" => {
                if let Some(reply) = self.reply.take() {
                    reply.events();
                }
                exchange.ok("text/plain", "done");
            }
            "/end" if last_event_id(request) == Some("end") => exchange.stop_event_source(),
            "/end" => drop(exchange.events().finish(Event::data("").event("end").id("end"))),
            _ => drop(exchange.events().send("first")),
        }
    }

    fn on_events(&mut self, events: &mut EventStream<'_>, last_event_id: Option<&str>) {
        events.send(format!("from {last_event_id:?}"));
    }
}

/// What a stream sends after its head.
fn said(server: &mut TestServer, request: impl AsRef<[u8]>) -> String {
    let far = server.connect();
    far.send(request.as_ref());
    server.run();
    let all = text(&far.take());
    all.split_once("\r\n\r\n").map(|(_, rest)| rest.to_owned()).unwrap_or_default()
}

#[test]
fn s4_a_stream_that_begins_is_an_event_with_the_last_id() {
    let mut server = TestServer::new(|_peer| Opener::default());
    assert_eq!(said(&mut server, get("/events")), "data: first\n\ndata: from None\n\n");
    let request = "GET /events HTTP/1.1\r\nHost: h\r\nLast-Event-ID: 7\r\n\r\n";
    assert_eq!(said(&mut server, request), "data: first\n\ndata: from Some(\"7\")\n\n");
    // The answer to a HEAD is no stream.
    assert_eq!(said(&mut server, "HEAD /events HTTP/1.1\r\nHost: h\r\n\r\n"), "");
}

#[test]
fn s4_a_deferred_stream_has_the_last_id_too() {
    struct Later;
    impl Client for Later {
        fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
            let reply = exchange.defer();
            match request.path() {
                "/text" => assert_eq!(reply.ok("text/plain", "no stream"), Sent::Queued),
                _ => drop(reply.events()),
            }
        }

        fn on_events(&mut self, events: &mut EventStream<'_>, last_event_id: Option<&str>) {
            events.send(format!("from {last_event_id:?}"));
        }
    }
    let mut server = TestServer::new(|_peer| Later);
    let with_id =
        |path: &str, id: &str| format!("GET {path} HTTP/1.1\r\nHost: h\r\nLast-Event-ID: {id}\r\n\r\n");
    assert_eq!(said(&mut server, get("/later")), "data: from None\n\n");
    assert_eq!(said(&mut server, with_id("/later", "e.5")), "data: from Some(\"e.5\")\n\n");
    assert_eq!(said(&mut server, get("/later?lastEventId=e.5")), "data: from Some(\"e.5\")\n\n");
    // The id of an earlier request on the same connection is not this one's.
    let both = with_id("/text", "e.5") + &get("/later");
    let rest = said(&mut server, both);
    assert!(rest.ends_with("data: from None\n\n"), "{rest}");
}

/// What is taken as the last id of such a request.
#[track_caller]
fn check_last(path: &str, lines: impl AsRef<[u8]>, expected: &str) {
    let mut server = TestServer::new(|_peer| Opener::default());
    let head = format!("GET {path} HTTP/1.1\r\nHost: h\r\n");
    let request = [head.as_bytes(), lines.as_ref(), b"\r\n"].concat();
    assert_eq!(said(&mut server, request), format!("data: first\n\ndata: from {expected}\n\n"));
}

#[test]
fn s9_the_last_id_is_in_the_header_or_in_the_query() {
    check_last("/", "", "None");
    check_last("/", "Last-Event-ID: e.5\r\n", "Some(\"e.5\")");
    check_last("/?lastEventId=e.5", "", "Some(\"e.5\")");
    check_last("/?a=b&lastEventId=e.5&c", "", "Some(\"e.5\")");
    check_last("/?lastEventId=e.4", "Last-Event-ID: e.5\r\n", "Some(\"e.5\")");
    check_last("/?lastEventId=", "", "None");
    check_last("/?lasteventid=e.5", "", "None");
    check_last("/", "Last-Event-ID: \r\n", "None");
    let (longest, longer) = ("x".repeat(256), "x".repeat(257));
    check_last("/", format!("Last-Event-ID: {longest}\r\n"), &format!("Some({longest:?})"));
    // It had an id, so it is not new: what it is taken for fits no history.
    check_last("/", format!("Last-Event-ID: {longer}\r\n"), "Some(\"?\")");
    check_last(&format!("/?lastEventId={longer}"), "", "Some(\"?\")");
    check_last("/", b"Last-Event-ID: e.\xff\r\n", "Some(\"?\")");
    check_last("/?lastEventId=e.5", b"Last-Event-ID: e.\xff\r\n", "Some(\"?\")");
}

/// A client with an id that is no text, or too long, was taken for a new one: it missed messages and was not told.
#[test]
fn s9_an_id_that_can_not_be_read_gets_a_resync() {
    struct Feed;
    impl Client for Feed {
        fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
            exchange.events().subscribe_from("feed", last_event_id(request).unwrap_or_default());
        }
    }
    let mut server = TestServer::new(|_peer| Feed);
    assert!(server.handle().declare_topic("feed", History::new(10)));
    for id in [&b"e.\xff"[..], &[b'x'; 257]] {
        let request = [b"GET / HTTP/1.1\r\nHost: h\r\nLast-Event-ID: ", id, b"\r\n\r\n"].concat();
        let far = server.connect();
        far.send(&request);
        server.run();
        assert!(text(&far.take()).contains("event: resync\ndata: {\"missed\":null}\n"), "{id:?}");
        // Also when it could be read in the query.
        let request =
            [b"GET /?lastEventId=e.1 HTTP/1.1\r\nHost: h\r\nLast-Event-ID: ", id, b"\r\n\r\n"].concat();
        let far = server.connect();
        far.send(&request);
        server.run();
        assert!(text(&far.take()).contains("event: resync\ndata: {\"missed\":null}\n"), "{id:?}");
    }
}

#[test]
fn s13_an_end_at_which_an_event_source_stops() {
    let mut server = TestServer::new(|_peer| Opener::default());
    let far = server.connect();
    far.send(get("/end").as_bytes());
    server.run();
    assert!(text(&far.take()).ends_with("\r\n\r\nevent: end\nid: end\ndata: \n\n"));
    assert!(far.has_server_finished(), "the stream has ended");
    let far = server.connect();
    far.send(b"GET /end HTTP/1.1\r\nHost: h\r\nLast-Event-ID: end\r\n\r\n");
    server.run();
    assert!(text(&far.take()).starts_with("HTTP/1.1 204 No Content\r\n"));
}
