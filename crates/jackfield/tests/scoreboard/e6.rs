//! The typed test client.

use crate::{support, tls};
use jackfield::test::{TestConnection, TestEvent, TestMessage, TestOptions, TestServer, TlsClient};
use jackfield::{
    Client, Connection, Event, Exchange, Listener, Message, Peer, Reply, Request, Server, TimerId, Upgrade,
    WebSocket,
};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use support::real::{self, Live};
use tls::Identity;
use tungstenite::client::IntoClientRequest;

const SECOND: Duration = Duration::from_secs(1);

/// A bit of everything.
#[derive(Default)]
struct Site {
    asked: usize,
    late: Option<Reply>,
}

impl Client for Site {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        self.asked += 1;
        match request.path() {
            "/late" => {
                let mut exchange = exchange;
                exchange.set_timer(TimerId(1), SECOND);
                self.late = Some(exchange.defer());
            }
            "/parts" => {
                let mut exchange = exchange;
                exchange.set_timer(TimerId(2), SECOND);
                exchange.stream(200, "text/plain").write("one");
            }
            "/feed" => {
                let mut events = exchange.events();
                events.subscribe("feed");
                events.send(Event::data("hello\nworld").event("greeting").id("1"));
            }
            "/count" => exchange.ok("text/plain", self.asked.to_string()),
            "/nothing" => drop(
                exchange
                    .response(204)
                    .header("X-Seen", request.header_str("X-Seen").unwrap_or("none"))
                    .body("text/plain", ""),
            ),
            _ => {
                let body = String::from_utf8_lossy(request.body());
                exchange.ok("text/plain", format!("{} {} {body}", request.method(), request.target()));
            }
        }
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, _timer: TimerId) {
        if let Some(mut stream) = connection.as_response() {
            stream.write("two");
            stream.finish().expect("it is whole");
        }
        if let Some(reply) = self.late.take() {
            reply.ok("text/plain", "late");
        }
    }

    fn on_upgrade(&mut self, mut upgrade: Upgrade<'_>, request: &Request<'_>) {
        if request.path() == "/chat" {
            upgrade.choose("chat");
            upgrade.accept();
        } else {
            upgrade.reject(404);
        }
    }

    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        socket.subscribe("chat");
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        match message {
            Message::Text("bye") => socket.close_with(4000, "as you like"),
            message => drop(socket.publish_to_all("chat", message)),
        }
    }
}

/// What there is to be seen, the same over plain connections and TLS.
fn visit(mut server: TestServer) {
    let answer = server.get("/a?b").send();
    assert_eq!(
        (answer.status(), answer.text(), answer.header("content-TYPE")),
        (200, "GET /a?b ", Some("text/plain"))
    );
    assert_eq!(server.post("/a").body("body").send().text(), "POST /a body");
    assert_eq!(server.request("HEAD", "/a").send().body(), b"");
    let answer = server.get("/nothing").header("X-Seen", 7).send();
    assert_eq!((answer.status(), answer.header("X-Seen")), (204, Some("7")));
    count_on_one_connection(&server.http());
    let mut late = server.get("/late").begin();
    assert_eq!(late.answer(), None);
    server.advance(SECOND);
    assert_eq!(late.answer().map(|answer| answer.text().to_owned()), Some("late".into()));
    look_at_parts(&mut server);
    chat(&server);
    follow(&mut server);
}

/// The fault: an answer in chunks that was looked at before its end was taken for a broken one.
fn look_at_parts(server: &mut TestServer) {
    let mut parts = server.get("/parts").begin();
    for _ in 0..3 {
        assert_eq!(parts.body(), b"one");
        assert_eq!(parts.answer(), None);
    }
    server.advance(SECOND);
    assert_eq!(parts.answer().map(|answer| answer.text().to_owned()), Some("onetwo".into()));
}

fn count_on_one_connection(connection: &TestConnection) {
    for asked in ["1", "2", "3"] {
        assert_eq!(connection.get("/count").send().text(), asked, "the same client");
    }
    assert!(!connection.is_closed());
    connection.close();
    assert!(connection.is_closed());
}

fn chat(server: &TestServer) {
    let refused = server.get("/elsewhere").websocket(&[]).map(drop);
    assert_eq!(refused.map_err(|answer| answer.status()), Err(404));
    let mut ann = server.get("/chat").websocket(&["chess", "chat"]).expect("it is opened");
    let mut bob = server.websocket("/chat");
    assert_eq!((ann.protocol(), bob.protocol()), (Some("chat"), None));
    ann.send("hello");
    bob.send(&b"\x00\x01"[..]);
    bob.ping(b"are you there?");
    // The fault: messages and events over 1 MiB, which a browser takes, were taken for broken.
    let long = "x".repeat(2 << 20);
    server.handle().publish("chat", &*long);
    for member in [&mut ann, &mut bob] {
        assert_eq!(member.next(), Some("hello".into()));
        assert_eq!(member.next(), Some(TestMessage::Binary(vec![0, 1])));
        assert_eq!(member.next(), Some((&*long).into()));
        assert_eq!((member.next(), member.closed()), (None, None));
    }
    ann.send("bye");
    assert_eq!(ann.closed(), Some((4000, "as you like")));
    assert!(ann.is_finished());
    bob.close(1001, "so long");
    assert_eq!(bob.closed(), Some((1001, "")));
    assert!(bob.is_finished());
    assert_eq!(server.handle().subscribers("chat"), 0);
}

fn follow(server: &mut TestServer) {
    let mut feed = server.events("/feed");
    let first = feed.next().expect("it has come");
    assert_eq!((&*first.data, &*first.event, &*first.id), ("hello\nworld", "greeting", "1"));
    assert_eq!(feed.next(), None);
    server.handle().publish("feed", "news");
    let news = TestEvent::clone(&feed.next().expect("it has come"));
    assert_eq!((&*news.data, &*news.event, &*news.id), ("news", "message", "1"));
    let long = "x".repeat(2 << 20);
    server.handle().publish("feed", &*long);
    assert_eq!(feed.next().map(|event| event.data), Some(long));
    assert!(!feed.is_finished());
    feed.close();
    assert_eq!(server.handle().subscribers("feed"), 0);
    let other = server.get("/a").events().map(drop).map_err(|answer| answer.status());
    assert_eq!(other, Err(200));
}

#[test]
fn e6_a_server_is_tested_with_requests_websockets_and_event_streams() {
    visit(TestServer::new(|_peer| Site::default()));
}

#[test]
fn e6_the_same_over_tls() {
    let identity = Identity::new();
    let options = TestOptions {
        tls: Some(identity.server_config()),
        tls_client: Some(TlsClient::new(identity.client_config(rustls::ALL_VERSIONS).into(), "localhost")),
        ..TestOptions::default()
    };
    visit(TestServer::with_options(options, |_peer| Site::default()));
}

#[test]
fn e6_a_test_has_its_own_listeners() {
    let listeners = vec![
        Listener::tcp("in memory").name("public"),
        Listener::tcp("in memory").name("admin").limits(|limits| limits.body_bytes_max = 3),
    ];
    struct Named(String);
    impl Client for Named {
        fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
            exchange.ok("text/plain", &*self.0);
        }
    }
    let options = TestOptions { listeners, ..TestOptions::default() };
    let server =
        TestServer::with_options(options, |peer| Named(peer.listener_name().unwrap_or_default().into()));
    assert_eq!(server.get("/").send().text(), "public");
    assert_eq!(server.http_to(1).get("/").send().text(), "admin");
    let statuses = [0, 1].map(|listener| server.http_to(listener).post("/").body("1234").send().status());
    assert_eq!(statuses, [200, 413]);
}

#[test]
#[should_panic(expected = "GET /late is not answered: use `begin`")]
fn e6_a_missing_answer_is_reported() {
    let _ = TestServer::new(|_peer| Site::default()).get("/late").send();
}

/// An answer: its status, its fields but for the date, and its body.
type Answer = (u16, Vec<(String, String)>, String);

/// A server on a socket, in plain text or with TLS.
fn live(tls: Option<&Identity>) -> Live {
    let listener = Listener::tcp("127.0.0.1:0");
    let listener = match tls {
        Some(identity) => listener.tls_config(identity.server_config()),
        None => listener,
    };
    Live::serve(Server::builder().listen(listener), |_peer: &Peer| Site::default())
}

/// The same in memory.
fn in_memory(tls: Option<&Identity>) -> TestServer {
    let client = |identity: &Identity| {
        TlsClient::new(identity.client_config(rustls::ALL_VERSIONS).into(), "localhost")
    };
    let (config, client) = (tls.map(Identity::server_config), tls.map(client));
    let options = TestOptions { tls: config, tls_client: client, ..TestOptions::default() };
    TestServer::with_options(options, |_peer| Site::default())
}

/// A curl that asks for a target, over TLS if it gets the file of a certificate.
fn curl_at(live: &Live, certificate: Option<&Path>, target: &str) -> Command {
    let mut command = Command::new("curl");
    command.args(["-sS", "--max-time", "60"]);
    let port = live.addr().port();
    let scheme = match certificate {
        Some(path) => {
            command.arg("--cacert").arg(path).arg("--resolve").arg(format!("localhost:{port}:127.0.0.1"));
            "https"
        }
        None => "http",
    };
    command.arg(format!("{scheme}://localhost:{port}{target}"));
    command
}

/// What curl gets, without the date. `None`: there is no curl.
fn curl(
    live: &Live,
    certificate: Option<&Path>,
    (method, target, body): (&str, &str, &str),
) -> Option<Answer> {
    let mut command = curl_at(live, certificate, target);
    command.args(["-i", "-H", "X-Seen: 7"]);
    match method {
        "HEAD" => command.arg("--head"),
        _ => command.args(["-X", method]),
    };
    if !body.is_empty() {
        command.args(["--data-binary", body]);
    }
    let Ok(output) = command.output() else {
        support::skip::skip("curl can't be started");
        return None;
    };
    assert!(output.status.success(), "{method} {target}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect(&text);
    let (status, fields) = head.split_once("\r\n").expect(head);
    let fields = fields.lines().map(|line| line.split_once(": ").expect(line));
    let fields = fields.filter(|(name, _)| *name != "Date").map(|(name, value)| (name.into(), value.into()));
    Some((status.split(' ').nth(1).unwrap().parse().unwrap(), fields.collect(), body.into()))
}

/// The same by the test client.
fn tested(server: &TestServer, (method, target, body): (&str, &str, &str)) -> Answer {
    let answer = server.request(method, target).header("X-Seen", 7).body(body).send();
    let fields = answer.headers().filter(|(name, _)| *name != "Date");
    let fields = fields.map(|(name, value)| (name.into(), String::from_utf8_lossy(value).into_owned()));
    (answer.status(), fields.collect(), answer.text().into())
}

#[test]
fn e6_real_clients_get_the_same_answers() {
    let identity = Identity::new();
    let (certificate, _) = identity.files("e6");
    for (tls, certificate) in [(None, None), (Some(&identity), Some(&*certificate))] {
        let (server, live) = (in_memory(tls), live(tls));
        for request in [
            ("GET", "/a?b", ""),
            ("POST", "/a", "body"),
            ("PUT", "/%C5%BElu%C5%A5", "two words"),
            ("DELETE", "/count", ""),
            ("HEAD", "/a", ""),
            ("GET", "/nothing", ""),
        ] {
            let Some(answer) = curl(&live, certificate, request) else { return };
            assert_eq!(tested(&server, request), answer, "{request:?}");
        }
    }
}

/// A message as text, the same of both clients.
fn seen(message: Option<TestMessage>) -> String {
    match message {
        Some(TestMessage::Text(text)) => text,
        Some(TestMessage::Binary(bytes)) => format!("{bytes:?}"),
        other => panic!("{other:?}"),
    }
}

/// What a WebSocket in memory gets.
fn told(server: &TestServer) -> Vec<String> {
    let mut ann = server.get("/chat").websocket(&["chess", "chat"]).expect("it is opened");
    ann.send("hello");
    ann.send(&b"\x00\x01"[..]);
    let mut expected =
        vec![ann.protocol().unwrap_or_default().to_owned(), seen(ann.next()), seen(ann.next())];
    ann.send("bye");
    expected.push(format!("{:?}", ann.closed().expect("it is closed")));
    expected
}

/// What that of tungstenite gets.
fn heard(stream: impl Read + Write) -> Vec<String> {
    let mut request = "ws://localhost/chat".into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", "chess, chat".parse().unwrap());
    let (mut socket, answer) = tungstenite::client(request, stream).unwrap_or_else(|error| panic!("{error}"));
    let mut heard = vec![answer.headers()["Sec-WebSocket-Protocol"].to_str().unwrap().to_owned()];
    for message in ["hello".into(), tungstenite::Message::binary(vec![0, 1]), "bye".into()] {
        socket.send(message).unwrap();
        heard.push(match socket.read().unwrap() {
            tungstenite::Message::Text(text) => text.to_string(),
            tungstenite::Message::Binary(bytes) => format!("{:?}", bytes.to_vec()),
            tungstenite::Message::Close(Some(close)) => {
                format!("{:?}", (u16::from(close.code), &*close.reason))
            }
            other => panic!("{other:?}"),
        });
    }
    heard
}

#[test]
fn e6_a_real_websocket_gets_the_same_messages() {
    let plain = live(None);
    assert_eq!(heard(real::connect(plain.addr())), told(&in_memory(None)));
    let identity = Identity::new();
    let secured = live(Some(&identity));
    let stream = identity.connect(secured.addr(), identity.client_config(rustls::ALL_VERSIONS));
    assert_eq!(heard(stream), told(&in_memory(Some(&identity))));
}

#[test]
fn e6_a_real_event_stream_gets_the_same_events() {
    let identity = Identity::new();
    let (certificate, _) = identity.files("e6-events");
    check_events(None, None);
    check_events(Some(&identity), Some(&certificate));
}

#[track_caller]
fn check_events(tls: Option<&Identity>, certificate: Option<&Path>) {
    let event = TestEvent::clone(&in_memory(tls).events("/feed").next().expect("it has come"));
    let live = live(tls);
    let mut command = curl_at(&live, certificate, "/feed");
    command.arg("-N").stdout(Stdio::piped());
    let Ok(mut curl) = command.spawn() else { return support::skip::skip("curl can't be started") };
    let lines = BufReader::new(curl.stdout.take().unwrap()).lines().map_while(Result::ok);
    let lines: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    // Both fail if it has ended by itself.
    let _ = curl.kill();
    let _ = curl.wait();
    let field = |name: &str| {
        let of_name = lines.iter().filter_map(|line| line.strip_prefix(name));
        of_name.collect::<Vec<_>>().join("\n")
    };
    let heard = [field("data: "), field("event: "), field("id: ")];
    assert_eq!(heard.each_ref().map(|text| &**text), [&*event.data, &*event.event, &*event.id], "{lines:?}");
}

/// The fault: the one that was looked at first got the first answer.
#[test]
fn e6_each_request_of_a_connection_gets_its_own_answer() {
    let mut server = TestServer::new(|_peer| Site::default());
    let connection = server.http();
    let (mut first, mut second) = (connection.get("/late").begin(), connection.get("/second").begin());
    let third = connection.get("/third").begin();
    assert!(second.answer().is_none() && first.answer().is_none());
    drop(third);
    server.advance(SECOND);
    let fourth = connection.get("/fourth").send();
    assert_eq!(second.answer().expect("it is there").text(), "GET /second ");
    assert_eq!(first.answer().expect("it is there").text(), "late");
    assert_eq!((fourth.text(), second.body()), ("GET /fourth ", &b"GET /second "[..]));
}
