//! What can be sent, in each way that there is to send it, and what receivers that speak different protocols get.

use crate::support;
use allocation_counter::measure;
use jackfield::test::{FarEnd, TestServer, listener};
use jackfield::{
    Client, Connection, ConnectionId, Event, Exchange, Handle, Message, Prepared, Publication, Raw, Request,
    Sent, WebSocket,
};
use std::any::Any;
use std::borrow::Cow;
use std::sync::{Arc, LazyLock};
use support::{get, socket, text};

/// A way to send something to a subscriber, from one of its callbacks or from outside.
#[derive(Clone, Copy, Debug)]
enum Way {
    SendTo,
    Publish,
    PublishToAll,
    Handle,
    HandlePublish,
    /// By the method of what the connection speaks.
    Own,
}

const WAYS: [Way; 6] =
    [Way::SendTo, Way::Publish, Way::PublishToAll, Way::Handle, Way::HandlePublish, Way::Own];

/// A value to be made anew for each send, for some are used up.
type Make = Arc<dyn Fn() -> Publication<'static> + Send + Sync>;

/// Sends on request.
struct Sender;

/// What to send, how, and to whom.
struct Order(Way, Make, ConnectionId);

impl Client for Sender {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        connection.subscribe("all");
    }

    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        exchange.events();
    }

    fn on_post(&mut self, connection: &mut Connection<'_>, value: Box<dyn Any + Send>) {
        let Ok(order) = value.downcast::<Order>() else { return };
        let Order(way, make, to) = *order;
        match way {
            Way::SendTo => {
                connection.send_to(to, make());
            }
            Way::Publish => {
                connection.publish("all", make());
            }
            Way::PublishToAll => {
                connection.publish_to_all("all", make());
            }
            Way::Own => {
                let sent = match (connection.as_websocket(), make()) {
                    (Some(mut socket), publication) => socket.send(publication),
                    (None, publication) => match connection.as_events() {
                        Some(mut events) => events.send(publication),
                        None => connection.as_raw().map_or(Sent::Gone, |mut raw| raw.send(publication)),
                    },
                };
                assert!(matches!(sent, Sent::Queued | Sent::Unsupported), "{sent:?}");
            }
            Way::Handle | Way::HandlePublish => panic!("not from here"),
        }
    }
}

/// A WebSocket, an event stream, a raw connection and one of lines; the last two sent something first, and the last
/// one is who sends.
fn receivers(server: &mut TestServer) -> Vec<(FarEnd, ConnectionId)> {
    let kinds = [
        (listener::HTTP, socket::UPGRADE.to_owned()),
        (listener::HTTP, get("/")),
        (listener::RAW, String::new()),
        (listener::LINES, String::new()),
    ];
    kinds
        .into_iter()
        .map(|(listener, opening)| {
            let far = server.connect_to(listener);
            far.send(opening.as_bytes());
            server.run();
            far.take();
            let id = server.wires().ids().last().expect("it is there");
            (far, id)
        })
        .collect()
}

fn order(handle: &Handle, way: Way, make: &Make, from: ConnectionId, to: ConnectionId) {
    match way {
        Way::Handle => assert_eq!(handle.send(to, make()), Ok(())),
        Way::HandlePublish => drop(handle.publish("all", make())),
        Way::Own => handle.post(to, Order(way, make.clone(), to)).expect("there is room"),
        _ => handle.post(from, Order(way, make.clone(), to)).expect("there is room"),
    }
}

/// Sends something in each way. What a WebSocket, an event stream and a connection of the user's own get of it.
#[track_caller]
fn check(make: impl Fn() -> Publication<'static> + Send + Sync + 'static, expected: [&[u8]; 3]) {
    let make: Make = Arc::new(make);
    for way in WAYS {
        let mut server = TestServer::new(|_peer| Sender);
        let receivers = receivers(&mut server);
        let sender = receivers[3].1;
        for (index, (far, id)) in receivers[..3].iter().enumerate() {
            order(&server.handle(), way, &make, sender, *id);
            server.run();
            let got = far.take();
            assert!(got == expected[index], "{way:?} to {index}: {} bytes, {}", got.len(), shown(&got));
            // Who was not meant by name got it too, if it was published.
            let others = receivers.iter().map(|(far, _)| far.take().len()).sum::<usize>();
            let is_published = matches!(way, Way::Publish | Way::PublishToAll | Way::HandlePublish);
            assert!(is_published || others == 0, "{way:?} to {index}: {others}");
        }
    }
}

fn shown(bytes: &[u8]) -> String {
    text(&bytes[..bytes.len().min(60)])
}

#[test]
fn text_is_a_text_message_an_event_and_its_bytes() {
    let forms: [&[u8]; 3] = [b"\x81\x02hi", b"data: hi\n\n", b"hi"];
    check(|| "hi".into(), forms);
    check(|| String::from("hi").into(), forms);
    check(|| Cow::from("hi").into(), forms);
    check(|| Cow::from(String::from("hi")).into(), forms);
    check(|| Message::Text("hi").into(), forms);
    check(|| Prepared::new("hi").into(), forms);
}

#[test]
fn bytes_fit_no_event_stream() {
    let forms: [&[u8]; 3] = [b"\x82\x02\x00\xff", b"", b"\x00\xff"];
    check(|| b"\x00\xff".into(), forms);
    check(|| b"\x00\xff"[..].into(), forms);
    check(|| b"\x00\xff".to_vec().into(), forms);
    check(|| Message::Binary(b"\x00\xff").into(), forms);
    check(|| Prepared::new(b"\x00\xff").into(), forms);
}

#[test]
fn without_event_streams_an_event_is_its_data() {
    static EVENT: LazyLock<Event<'_>> = LazyLock::new(|| Event::data("a\nb").event("tick").id("9"));
    let forms: [&[u8]; 3] = [b"\x81\x03a\nb", b"event: tick\nid: 9\ndata: a\ndata: b\n\n", b"a\nb"];
    check(|| EVENT.clone().into(), forms);
    check(|| (&*EVENT).into(), forms);
    check(|| Event::data("a\nb".to_owned()).event(Cow::from("tick")).id(9.to_string()).into(), forms);
    check(|| Prepared::new(&*EVENT).into(), forms);
}

#[test]
fn an_event_that_can_not_be_written_is_not_sent() {
    check(|| Event::comment("psst").into(), [b"", b": psst\n\n", b""]);
    check(|| Prepared::new(Event::comment("psst")).into(), [b"", b": psst\n\n", b""]);
    check(|| Event::data("x").id("a\nb").into(), [b"\x81\x01x", b"", b"x"]);
    check(|| Prepared::new(Event::data("x").id("a\nb")).into(), [b"\x81\x01x", b"", b"x"]);
}

/// Longer ones are shared, and still longer ones written from where they lie.
#[test]
fn large_ones_are_the_same() {
    for bytes in [2047, 2048, 8 << 10, 70_000_usize] {
        let data: &'static str = "x".repeat(bytes).leak();
        let header = match u16::try_from(bytes) {
            Ok(short) => [&[0x81, 126], &short.to_be_bytes()[..]].concat(),
            Err(_) => [&[0x81, 127], &(bytes as u64).to_be_bytes()[..]].concat(),
        };
        let (frame, event) = ([&header, data.as_bytes()].concat(), format!("id: 1\ndata: {data}\n\n"));
        let forms: [&[u8]; 3] = [&frame, event.as_bytes(), data.as_bytes()];
        check(move || Event::data(data).id("1").into(), forms);
        check(move || Prepared::new(Event::data(data).id("1")).into(), forms);
    }
}

/// Receivers that do not read hold one encoding together: an encoding for each, or a copy, would be memory.
#[test]
fn a_prepared_message_is_encoded_once_for_all_its_receivers() {
    const RECEIVERS: usize = 1000;
    let kinds: [fn(&str) -> Prepared; 2] =
        [|data| Prepared::new(data), |data| Prepared::new(Event::data(data).event("tick").id("9"))];
    let data = "x".repeat(16 << 10);
    for opening in [socket::UPGRADE.to_owned(), get("/")] {
        let mut server = TestServer::new(|_peer| Sender);
        let ends: Vec<FarEnd> = (0..RECEIVERS).map(|_| server.connect()).collect();
        ends.iter().for_each(|far| far.send(opening.as_bytes()));
        server.run();
        let (handle, ids) = (server.handle(), server.handle().ids());
        for kind in kinds {
            for far in &ends {
                far.take();
                far.set_room(Some(0));
            }
            let sending = measure(|| {
                let prepared = kind(&data);
                ids.iter().for_each(|id| assert_eq!(handle.send(*id, &prepared), Ok(())));
                server.run();
            });
            assert!(sending.bytes_total < (RECEIVERS * data.len() / 4) as u64, "{sending:?}");
            ends.iter().for_each(|far| far.set_room(None));
            server.run();
            let first = ends[0].take();
            assert!(text(&first).contains(&data) && first.len() < data.len() + 40, "{}", shown(&first));
            assert!(ends[1..].iter().all(|far| far.take() == first));
        }
    }
}

/// Each receiver of a broadcast gets it in the form of its protocol, and the result says how many receivers there were.
#[test]
fn a_broadcast_counts_its_receivers() {
    let mut server = TestServer::new(|_peer| Sender);
    let receivers = receivers(&mut server);
    let before = server.handle().metrics().messages_out;
    for text in ["x", "y"] {
        server.handle().publish("all", text);
        server.run();
        assert!(receivers.iter().all(|(far, _)| !far.take().is_empty()), "all four of them");
    }
    server.handle().publish("all", b"\x00");
    server.run();
    let got: Vec<usize> = receivers.iter().map(|(far, _)| far.take().len()).collect();
    assert_eq!(got, [3, 0, 1, 1]);
    assert_eq!(server.handle().metrics().messages_out - before, 4 + 4 + 3);
}

/// What is said may be made of the connection that says it: these compile, and say that.
#[test]
fn a_message_may_be_made_of_the_connection_that_sends_it() {
    struct Announcer;

    impl Client for Announcer {
        fn on_connect(&mut self, connection: &mut Connection<'_>) {
            connection.subscribe(&format!("of {}", connection.id()));
            connection.publish_to_all(&format!("of {}", connection.id()), format!("{}\n", connection.id()));
        }

        fn on_line(&mut self, raw: &mut Raw<'_>, _line: &[u8]) {
            raw.subscribe(&format!("raw {}", raw.id()));
            raw.publish_to_all(&format!("raw {}", raw.id()), format!("{}\n", raw.id()));
            raw.send_to(raw.id(), format!("{}\n", raw.id()));
            raw.publish("nobody", raw.id().to_string());
            raw.send_to_others(raw.id().to_string());
            raw.send(format!("{}\n", raw.id()));
        }

        fn on_open(&mut self, socket: &mut WebSocket<'_>) {
            socket.send_to(socket.id(), format!("{}", socket.id()));
            socket.publish("nobody", format!("{}", socket.id()));
            socket.close_with(1000, &format!("{}", socket.id()));
        }

        fn on_request(&mut self, mut exchange: Exchange<'_>, _request: &Request<'_>) {
            exchange.publish("nobody", format!("{}", exchange.id()));
            let mut events = exchange.events();
            events.publish("nobody", Event::data(events.id().to_string()).id(events.now().0.to_string()));
            events.send_to(events.id(), format!("{}", events.id()));
        }
    }

    let mut server = TestServer::new(|_peer| Announcer);
    let far = server.connect_to(listener::LINES);
    let id = server.wires().ids().next().expect("there is one");
    far.send(b"go\n");
    server.run();
    assert_eq!(text(&far.take()), format!("{id}\n").repeat(4));
    let far = server.connect();
    far.send(socket::UPGRADE.as_bytes());
    server.run();
    let answer = text(&far.take());
    assert_eq!(answer.matches("r0-").count(), 2, "{answer}");
    let far = server.connect();
    far.send(get("/").as_bytes());
    server.run();
    let answer = text(&far.take());
    assert_eq!(answer.matches("data: r0-").count(), 1, "{answer}");
}
