//! C9: the address of the peer, and the address of this end, on real sockets.

use crate::{support, tls};
use jackfield::{
    BodyPlan, Client, Connection, Control, Disconnect, Drain, EventStream, Exchange, FrameAction, FrameHead,
    HeartbeatAction, Listener, Message, Raw, Reason, Request, Server, TimerId, Upgrade, WebSocket,
};
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use std::any::Any;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::real::{self, Live};
use support::{get, socket};
use tls::Identity;

/// Which callbacks have come, each with the two addresses that were known in it.
type Known = Arc<Mutex<BTreeMap<&'static str, (SocketAddr, SocketAddr)>>>;

/// Notes the addresses in each callback.
struct Addresses(Known, Arc<rustls::ServerConfig>);

impl Addresses {
    fn note(&self, callback: &'static str, connection: &Connection<'_>) {
        let addrs = (connection.peer_addr().unwrap(), connection.local_addr().unwrap());
        assert_eq!(*self.0.lock().unwrap().entry(callback).or_insert(addrs), addrs, "{callback}");
    }
}

impl Client for Addresses {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        self.note("on_connect", connection);
    }
    fn on_head(&mut self, connection: &mut Connection<'_>, _: &Request<'_>) -> BodyPlan {
        self.note("on_head", connection);
        BodyPlan::Stream
    }
    fn on_body(&mut self, connection: &mut Connection<'_>, _: &[u8]) {
        self.note("on_body", connection);
    }
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        self.note("on_request", &exchange);
        match request.path() {
            "/events" => drop(exchange.events()),
            _ => exchange.ok("text/plain", "here"),
        }
    }
    fn on_events(&mut self, events: &mut EventStream<'_>, _: Option<&str>) {
        self.note("on_events", events);
        events.close();
    }
    fn on_upgrade(&mut self, upgrade: Upgrade<'_>, _: &Request<'_>) {
        self.note("on_upgrade", &upgrade);
        upgrade.accept();
    }
    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        self.note("on_open", socket);
        socket.notify_sent(1);
        socket.set_timer(TimerId(1), Duration::ZERO);
    }
    fn wants_frames(&self) -> bool {
        true
    }
    fn on_frame(&mut self, socket: &mut WebSocket<'_>, head: &FrameHead) -> FrameAction {
        self.note("on_frame", socket);
        if head.payload_bytes() == 7 { FrameAction::TakeOver } else { FrameAction::Continue }
    }
    fn on_frame_part(&mut self, socket: &mut WebSocket<'_>, _: &[u8], _: bool) {
        self.note("on_frame_part", socket);
    }
    fn on_message(&mut self, socket: &mut WebSocket<'_>, _: Message<'_>) {
        self.note("on_message", socket);
    }
    fn on_message_part(&mut self, socket: &mut WebSocket<'_>, _: Message<'_>, _: bool) {
        self.note("on_message_part", socket);
    }
    fn on_control(&mut self, socket: &mut WebSocket<'_>, _: Control<'_>) {
        self.note("on_control", socket);
    }
    fn on_heartbeat(&mut self, socket: &mut WebSocket<'_>) -> HeartbeatAction {
        self.note("on_heartbeat", socket);
        HeartbeatAction::Ping
    }
    fn on_sent(&mut self, connection: &mut Connection<'_>, _: u64) {
        self.note("on_sent", connection);
    }
    fn on_timer(&mut self, connection: &mut Connection<'_>, _: TimerId) {
        self.note("on_timer", connection);
        let (handle, id) = (connection.handle(), connection.id());
        handle.post(id, ()).unwrap();
    }
    fn on_post(&mut self, connection: &mut Connection<'_>, _: Box<dyn Any + Send>) {
        self.note("on_post", connection);
    }
    fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        self.note("on_data", raw);
        if data == START_TLS {
            raw.send(GO_AHEAD);
            raw.start_tls(self.1.clone()).unwrap();
            return data.len();
        }
        // More than the system takes at once: `on_drain` comes when the peer has read it.
        raw.send(vec![b'x'; MUCH]);
        data.len()
    }
    fn on_secure(&mut self, raw: &mut Raw<'_>) {
        self.note("on_secure", raw);
    }
    fn on_drain(&mut self, connection: &mut Connection<'_>) {
        self.note("on_drain", connection);
    }
    fn on_line(&mut self, raw: &mut Raw<'_>, _: &[u8]) {
        self.note("on_line", raw);
    }
    fn on_line_limit(&mut self, raw: &mut Raw<'_>) {
        self.note("on_line_limit", raw);
        raw.close();
    }
    fn on_peer_closed(&mut self, raw: &mut Raw<'_>, _: &[u8]) {
        self.note("on_peer_closed", raw);
        raw.close();
    }
    fn on_goodbye(&mut self, raw: &mut Raw<'_>, _: Reason) {
        self.note("on_goodbye", raw);
    }
    fn on_disconnect(&mut self, connection: &mut Connection<'_>, _: &Disconnect) {
        self.note("on_disconnect", connection);
    }
}

const START_TLS: &[u8] = b"STARTTLS";
/// The answer to it. A client that did not wait for it could be read together with its greeting of TLS.
const GO_AHEAD: &str = "go ahead";
/// Far more than the buffers of the system hold, and less than the cap of a connection's queue.
const MUCH: usize = 12 << 20;

#[test]
fn c9_both_addresses_are_known_in_every_callback() {
    let known = Known::default();
    let made = known.clone();
    let builder = Server::builder()
        .reactors(1)
        .limits(|limits| {
            limits.heartbeat = Duration::from_millis(1);
            limits.websocket.stream_above = 200;
            limits.reactor.outbox_bytes_max = 2 * MUCH;
            limits.line_bytes_max = 100;
        })
        .listen(Listener::tcp("127.0.0.1:0"))
        .listen(Listener::tcp("127.0.0.1:0").raw())
        .listen(Listener::tcp("127.0.0.1:0").lines());
    let identity = Identity::new();
    let config = identity.server_config();
    let live = Live::serve(builder, move |_peer| Addresses(made.clone(), config.clone()));
    // The callbacks of one connection, whose addresses are right in each.
    let check = |at: usize, act: &dyn Fn(&mut TcpStream), expected: &[&str]| {
        known.lock().unwrap().clear();
        let mut stream = real::connect(live.addrs[at]);
        let addrs = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
        act(&mut stream);
        let has_all = || expected.iter().all(|callback| known.lock().unwrap().contains_key(callback));
        real::wait_until(has_all);
        assert!(known.lock().unwrap().values().all(|known| *known == addrs), "{known:?}, {addrs:?}");
        drop(stream);
        real::wait_until(|| known.lock().unwrap().contains_key("on_disconnect"));
        assert!(known.lock().unwrap().values().all(|known| *known == addrs), "{known:?}, {addrs:?}");
    };
    let say = |stream: &mut TcpStream, bytes: &[u8]| stream.write_all(bytes).unwrap();
    let post = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx";
    check(0, &|stream| say(stream, post), &["on_connect", "on_head", "on_body", "on_request"]);
    check(0, &|stream| say(stream, get("/events").as_bytes()), &["on_request", "on_events"]);
    let frames = [
        socket::UPGRADE.as_bytes().to_vec(),
        socket::text("a message"),
        socket::text("a frame"),
        socket::text(&"long".repeat(100)),
        socket::ping(b""),
    ];
    let of_sockets = [
        "on_upgrade",
        "on_open",
        "on_frame",
        "on_frame_part",
        "on_message",
        "on_message_part",
        "on_control",
        "on_heartbeat",
        "on_sent",
        "on_timer",
        "on_post",
    ];
    check(0, &|stream| say(stream, &frames.concat()), &of_sockets);
    let read = |stream: &mut TcpStream| {
        say(stream, b"x");
        real::read_exactly(stream, MUCH);
        stream.shutdown(Shutdown::Write).unwrap();
    };
    check(1, &read, &["on_data", "on_drain", "on_peer_closed"]);
    check(2, &|stream| say(stream, &[b"a line\n", &[b'x'; 200][..]].concat()), &["on_line", "on_line_limit"]);
    let secure = |stream: &mut TcpStream| {
        say(stream, START_TLS);
        assert_eq!(real::read_exactly(stream, GO_AHEAD.len()), GO_AHEAD.as_bytes());
        let config = Arc::new(identity.client_config(rustls::DEFAULT_VERSIONS));
        let name = ServerName::try_from("localhost").unwrap();
        ClientConnection::new(config, name).unwrap().complete_io(stream).unwrap();
    };
    check(1, &secure, &["on_secure"]);
    let goodbye = |stream: &mut TcpStream| {
        real::wait_until(|| known.lock().unwrap().contains_key("on_connect"));
        live.handle.shutdown(Drain::within(real::LONG));
        let _ = stream.read(&mut [0]);
    };
    check(1, &goodbye, &["on_goodbye", "on_disconnect"]);
}
