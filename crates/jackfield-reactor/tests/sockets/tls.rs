//! TLS with a real client: rustls on a blocking socket.

use crate::identity::Identity;
use crate::server::{Plan, Server, Told, pattern, say};
use crate::{connect, read, read_to_end, reset};
use jackfield_reactor::{Limits, Reason, Tls};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, StreamOwned};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, OnceLock};

type Client = StreamOwned<ClientConnection, TcpStream>;

struct Configs {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

fn configs() -> &'static Configs {
    static CONFIGS: OnceLock<Configs> = OnceLock::new();
    CONFIGS.get_or_init(|| {
        let identity = Identity::new();
        let client = identity.client_config(rustls::DEFAULT_VERSIONS);
        Configs { server: identity.server_config(), client: client.into() }
    })
}

/// The plan with TLS below it.
fn encrypted(plan: Plan) -> Plan {
    let config = configs().server.clone();
    let session = move |stream| {
        let tls = Tls::server(stream, config.clone()).expect("a good configuration");
        tls.into()
    };
    Plan { session: Box::new(session), ..plan }
}

fn session() -> ClientConnection {
    let name = ServerName::try_from("localhost").expect("a name");
    ClientConnection::new(configs().client.clone(), name).expect("a good configuration")
}

fn connect_tls(server: &Server) -> Client {
    StreamOwned::new(session(), connect(server))
}

/// Says goodbye and waits for the other's.
fn part(mut client: Client) {
    client.conn.send_close_notify();
    client.flush().expect("it reads");
    assert_eq!(read_to_end(&mut client), b"", "the goodbye comes back, and nothing before it");
}

#[test]
fn bytes_of_any_length_are_echoed() {
    let server = Server::start(encrypted(Plan::default()));
    let mut client = connect_tls(&server);
    for len in [1, 5, 1000, 16_384, 16_385, 65_537] {
        let bytes = pattern(len);
        client.write_all(&bytes).expect("it reads");
        assert!(read(&mut client, len) == bytes, "{len} bytes came back changed");
    }
    part(client);
    assert!(matches!(server.told(), Told::Open(_)));
    assert_eq!(server.told(), Told::End { cut: false });
    assert_eq!(server.told(), Told::Closed(Reason::Peer));
    server.stop();
}

#[test]
fn a_certificate_that_is_asked_for_by_name_and_the_session_can_be_seen() {
    let plan = Plan {
        open: |wires, id| {
            let Some(Connection::Server(session)) = wires.tls(id) else { panic!("no session of a server") };
            let name = session.server_name().unwrap_or("?").to_owned();
            say(wires, id, name.as_bytes());
        },
        ..Plan::default()
    };
    let server = Server::start(encrypted(plan));
    let mut client = connect_tls(&server);
    client.flush().expect("a handshake");
    assert_eq!(read(&mut client, 9), b"localhost");
    part(client);
    assert_eq!(server.closed(), Reason::Peer);
    server.stop();
}

/// Writes without reading until the server is congested, then does both.
fn there_and_back(client: &mut Client, bytes: &[u8], server: &Server) -> Vec<u8> {
    client.sock.set_nonblocking(true).expect("a socket");
    let (mut sent, mut got, mut piece) = (0, Vec::new(), vec![0; 10_000]);
    let mut may_read = false;
    while got.len() < bytes.len() {
        let before = (sent, got.len());
        match client.write(&bytes[sent..]) {
            Ok(count) => sent += count,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        if may_read {
            match client.read(&mut piece) {
                Ok(count) => got.extend_from_slice(&piece[..count]),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        } else {
            // Both directions fill up until the server tells of it.
            may_read = server.has_told(Told::Congested);
        }
        if (sent, got.len()) == before {
            std::thread::yield_now();
        }
    }
    client.sock.set_nonblocking(false).expect("a socket");
    got
}

#[test]
fn sixteen_mebibytes_both_ways_with_a_reader_that_comes_late() {
    let server = Server::start(encrypted(Plan::default()));
    let mut client = connect_tls(&server);
    let bytes = pattern(16 << 20);
    let got = there_and_back(&mut client, &bytes, &server);
    assert!(got == bytes, "the bytes came back changed");
    part(client);
    assert_eq!(server.closed(), Reason::Peer);
    server.stop();
}

#[test]
fn all_output_before_the_close_arrives_and_then_close_notify() {
    // Through every way into the outbox, and more than any buffer on the way holds.
    let plan = Plan {
        open: |wires, id| {
            say(wires, id, &pattern(1000));
            wires.write_through(id, b"head", &pattern(5 << 20));
            wires.outbox(id).expect("open").push_owned_body(pattern(5 << 20));
            wires.close(id, Reason::Local);
        },
        ..Plan::default()
    };
    let server = Server::start(encrypted(plan));
    let mut client = connect_tls(&server);
    assert!(read(&mut client, 1000) == pattern(1000));
    assert_eq!(read(&mut client, 4), b"head");
    assert!(read(&mut client, 5 << 20) == pattern(5 << 20));
    // An end without the goodbye would be an error here.
    assert!(read_to_end(&mut client) == pattern(5 << 20));
    drop(client);
    assert_eq!(server.closed(), Reason::Local);
    server.stop();
}

#[test]
fn a_cut_connection_is_distinguished_from_one_that_ended() {
    for bytes in [&b""[..], b"hello"] {
        let server = Server::start(encrypted(Plan::default()));
        let mut client = connect_tls(&server);
        client.write_all(b"x").expect("it reads");
        assert_eq!(read(&mut client, 1), b"x");
        client.write_all(bytes).expect("it reads");
        client.sock.shutdown(Shutdown::Write).expect("open");
        assert_eq!(read_to_end(&mut client), bytes, "it is answered all the same");
        assert!(matches!(server.told(), Told::Open(_)));
        assert_eq!(server.told(), Told::End { cut: true });
        assert_eq!(server.told(), Told::Closed(Reason::Peer));
        server.stop();
    }
}

#[test]
fn a_reset_is_noticed() {
    let server = Server::start(encrypted(Plan::default()));
    let mut client = connect_tls(&server);
    client.write_all(b"x").expect("it reads");
    assert_eq!(read(&mut client, 1), b"x");
    reset(client.sock);
    assert_eq!(server.closed(), Reason::Reset);
    server.stop();
}

#[test]
fn a_client_that_leaves_during_the_handshake() {
    let server = Server::start(encrypted(Plan::default()));
    let mut session = session();
    let mut client = connect(&server);
    session.write_tls(&mut client).expect("a ClientHello");
    client.shutdown(Shutdown::Write).expect("open");
    drop(read_to_end(&mut client));
    assert_eq!(server.told(), Told::Closed(Reason::Peer), "it was never open");
    server.stop();
}

#[test]
fn garbage_is_answered_by_an_alert() {
    // As long as the server reads at once, and longer.
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 5], &[0x16; 100], &[0; 100_000]] {
        let server = Server::start(encrypted(Plan::default()));
        let mut client = connect(&server);
        client.write_all(garbage).expect("the system takes it");
        let got = read_to_end(&mut client);
        assert_eq!(got.first(), Some(&0x15), "an alert");
        drop(client);
        assert_eq!(server.told(), Told::Closed(Reason::Tls), "it was never open");
        server.stop();
    }
}

#[test]
fn a_forged_record_ends_it() {
    let server = Server::start(encrypted(Plan::default()));
    let mut client = connect_tls(&server);
    client.write_all(b"x").expect("it reads");
    assert_eq!(read(&mut client, 1), b"x");
    client.sock.write_all(&[0x17, 3, 3, 0, 20]).expect("it reads");
    client.sock.write_all(&[9; 20]).expect("it reads");
    let error = client.read(&mut [0]).expect_err("an alert");
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    drop(client);
    assert_eq!(server.closed(), Reason::Tls);
    server.stop();
}

const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nSpeak TLS.\n";

/// A server that answers in plain text to a peer without TLS.
fn with_plain_answer() -> Server {
    let config = configs().server.clone();
    let session = move |stream| {
        let tls = Tls::server(stream, config.clone()).expect("a good configuration");
        tls.with_plain_answer(PLAIN).into()
    };
    Server::start(Plan { session: Box::new(session), ..Plan::default() })
}

#[test]
fn a_peer_without_tls_is_answered_in_plain_text_if_asked() {
    let server = with_plain_answer();
    for request in [&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], b"G", &[b'P'; 200_000]] {
        let mut client = connect(&server);
        client.write_all(request).expect("the system takes it");
        assert_eq!(read_to_end(&mut client), PLAIN);
        drop(client);
        assert_eq!(server.told(), Told::Closed(Reason::Tls));
    }
    // Who does speak it notices nothing.
    let mut client = connect_tls(&server);
    client.write_all(b"x").expect("it reads");
    assert_eq!(read(&mut client, 1), b"x");
    part(client);
    assert_eq!(server.closed(), Reason::Peer);
    let client = connect(&server);
    client.shutdown(Shutdown::Write).expect("open");
    assert_eq!(server.closed(), Reason::Peer);
    server.stop();
}

/// A socket to which every byte is written alone.
struct Drop1(TcpStream);

impl Read for Drop1 {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(room)
    }
}

impl Write for Drop1 {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(&bytes[..bytes.len().min(1)])
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_peer_that_sends_a_byte_at_a_time() {
    let server = Server::start(encrypted(Plan::default()));
    let socket = connect(&server);
    socket.set_nodelay(true).expect("a socket");
    let mut client = StreamOwned::new(session(), Drop1(socket));
    let bytes = pattern(3000);
    client.write_all(&bytes).expect("it reads");
    assert!(read(&mut client, 3000) == bytes);
    client.conn.send_close_notify();
    client.flush().expect("it reads");
    assert_eq!(read_to_end(&mut client), b"");
    assert_eq!(server.closed(), Reason::Peer);
    server.stop();
}

#[test]
fn with_one_handshake_a_turn_all_are_completed() {
    let limits = Limits { handshakes_per_turn: 1, ..Limits::default() };
    let server = Server::start(encrypted(Plan { limits, ..Plan::default() }));
    let mut clients: Vec<Client> = (0..20).map(|_| connect_tls(&server)).collect();
    // All say hello before any goes on.
    for client in &mut clients {
        client.conn.write_tls(&mut client.sock).expect("a ClientHello");
    }
    for client in clients.iter_mut().rev() {
        client.write_all(b"hello").expect("it reads");
        assert_eq!(read(client, 5), b"hello");
    }
    for client in clients {
        part(client);
        assert_eq!(server.closed(), Reason::Peer);
    }
    server.stop();
}

/// The client's first bytes come in one flight with the end of its handshake.
fn eager(server: &Server) -> Client {
    let mut client = connect_tls(server);
    client.conn.writer().write_all(b"hello").expect("room");
    while client.conn.is_handshaking() {
        client.conn.complete_io(&mut client.sock).expect("a handshake");
    }
    client.flush().expect("it reads");
    client
}

#[test]
fn paused_as_soon_as_it_can_be_talked_to() {
    let plan = Plan { open: |wires, id| wires.pause(id), ..Plan::default() };
    let server = Server::start(encrypted(plan));
    let mut client = eager(&server);
    let Told::Open(id) = server.told() else { panic!("told of something else first") };
    server.ask(|_| {});
    server.ask(move |wires| wires.resume(id));
    assert_eq!(read(&mut client, 5), b"hello");
    part(client);
    assert_eq!(server.closed(), Reason::Peer);
    server.stop();
}

#[test]
fn closed_as_soon_as_it_can_be_talked_to() {
    let plan = Plan {
        open: |wires, id| wires.close(id, Reason::Service(4)),
        bytes: |_, _, _| panic!("called after close"),
        ..Plan::default()
    };
    let server = Server::start(encrypted(plan));
    let mut client = eager(&server);
    assert_eq!(read_to_end(&mut client), b"");
    drop(client);
    assert_eq!(server.closed(), Reason::Service(4));
    server.stop();
}
