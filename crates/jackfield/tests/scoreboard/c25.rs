//! C25 of docs/features.md: connections that the server begins.

use crate::{support, tls};
use jackfield::test::{Dial, FarEnd, TestOptions, TestServer, listener};
use jackfield::{
    Busy, Client, ConnectError, Connection, ConnectionId, Disconnect, Drain, Limit, Limits, Listener,
    Outgoing, Peer, Raw, Reason, Refuse, Server,
};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use support::probe::Log;
use support::real::{Live, wait_until};

/// Echoes lines on what comes in, and connects to what it is told to; notes all of what it has begun.
struct Dialer {
    log: Log,
    tag: Option<u64>,
}

impl Dialer {
    fn maker(log: &Log) -> impl FnMut(&Peer) -> Self + Clone + Send + use<> {
        let log = log.clone();
        move |peer| {
            assert_eq!(peer.is_outgoing(), peer.tag().is_some());
            if let Some(tag) = peer.tag() {
                log.note(format!("create {tag} to {} at {}", peer.addr(), peer.listener() == usize::MAX));
            }
            Self { log: log.clone(), tag: peer.tag() }
        }
    }

    fn note(&self, what: &str) {
        if let Some(tag) = self.tag {
            self.log.note(format!("{tag}: {what}"));
        }
    }
}

impl Client for Dialer {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        assert!(connection.is_open() && connection.handle().contains(connection.id()));
        // The fault: an outgoing connection had no session.
        assert_eq!(connection.tls().is_some(), connection.peer().is_tls());
        self.note(&format!("connect, tls {}", connection.peer().is_tls()));
        if let (Some(_), Some(mut raw)) = (self.tag, connection.as_raw()) {
            raw.send("hello\n");
        }
    }

    fn on_line(&mut self, raw: &mut Raw<'_>, line: &[u8]) {
        self.note(&format!("line {}", String::from_utf8_lossy(line)));
        match std::str::from_utf8(line).unwrap().split_once(' ') {
            Some(("connect", addr)) => {
                let id = raw.connect(Outgoing::tcp(addr).lines().tag(7)).unwrap();
                raw.send(format!("{}\n", id.to_bits()));
            }
            Some(("close", id)) => {
                raw.close_other(ConnectionId::from_bits(id.parse().unwrap())).unwrap();
            }
            _ if self.tag.is_some() => raw.close(),
            _ => drop(raw.send([line, b"\n"].concat())),
        }
    }

    fn on_data(&mut self, _raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        self.note(&format!("data {}", String::from_utf8_lossy(data)));
        data.len()
    }

    fn on_disconnect(&mut self, _connection: &mut Connection<'_>, end: &Disconnect) {
        self.note(&format!("disconnect {:?}", end.reason));
    }
}

/// A server in memory, and a connection to it that tells it where to connect to.
struct Lab {
    server: TestServer,
    log: Log,
    far: FarEnd,
}

impl Lab {
    fn new() -> Self {
        Self::with(TestOptions::default())
    }

    fn with(mut options: TestOptions) -> Self {
        let addrs =
            |last: &[u8]| last.iter().map(|last| SocketAddr::from(([192, 0, 2, *last], 80))).collect();
        options.names =
            vec![("two.example:80".into(), addrs(&[1, 2])), ("one.example:80".into(), addrs(&[1]))];
        let log = Log::default();
        let mut server = TestServer::with_options(options, Dialer::maker(&log));
        let far = server.connect_to(listener::LINES);
        Self { server, log, far }
    }

    /// The id that the server has told at once.
    fn ask_for(&mut self, addr: &str) -> ConnectionId {
        self.far.send(format!("connect {addr}\n").as_bytes());
        self.server.run();
        let told = String::from_utf8(self.far.take()).unwrap();
        ConnectionId::from_bits(told.trim().parse().unwrap())
    }

    fn dialled(&mut self) -> Dial {
        let mut dials = self.server.take_dials();
        assert_eq!(dials.len(), 1);
        dials.remove(0)
    }

    #[track_caller]
    fn check(&mut self, expected: &[&str]) {
        self.server.run();
        assert_eq!(self.log.take(), expected);
    }
}

#[test]
fn c25_the_factory_makes_the_client_of_an_outgoing_connection() {
    let mut lab = Lab::new();
    let id = lab.ask_for("192.0.2.1:80");
    let Dial { id: dialled, addr, far } = lab.dialled();
    assert_eq!((dialled, addr.to_string()), (id, "192.0.2.1:80".into()));
    lab.check(&[]);
    let handle = lab.server.handle();
    assert!(!handle.contains(id), "it has no client before it is up");
    assert_eq!((handle.outgoing(), handle.ids().len()), (1, 1));
    far.accept();
    lab.check(&["create 7 to 192.0.2.1:80 at true", "7: connect, tls false"]);
    assert_eq!((handle.contains(id), handle.count()), (true, 1), "it counts apart from those that come in");
    assert_eq!((handle.outgoing(), handle.ids().len()), (1, 2));
    assert_eq!(far.take(), b"hello\n");
    // From another thread it is reached by its id, as any other.
    handle.send(id, "from outside\n").unwrap();
    lab.check(&[]);
    assert_eq!(far.take(), b"from outside\n");
    far.send(b"good");
    lab.check(&[]);
    far.send(b" bye\n");
    lab.check(&["7: line good bye", "7: disconnect Local"]);
    far.finish();
    lab.server.advance(Duration::from_secs(60));
    assert!(far.has_server_finished() && !handle.contains(id));
}

/// The fault: its next address was tried if the first one failed in the turn in which it was ended.
#[test]
fn c25_a_connection_that_was_ended_is_not_dialled_again() {
    let mut lab = Lab::new();
    let id = lab.ask_for("two.example:80");
    let first = lab.dialled().far;
    lab.far.send(format!("close {}\n", id.to_bits()).as_bytes());
    first.refuse(ErrorKind::ConnectionRefused);
    lab.check(&["create 7 to 192.0.2.1:80 at true", "7: disconnect Local"]);
    assert_eq!(lab.server.take_dials().len(), 0);
}

#[test]
fn c25_all_addresses_of_a_name_are_tried() {
    let mut lab = Lab::new();
    lab.ask_for("two.example:80");
    lab.dialled().far.refuse(ErrorKind::ConnectionRefused);
    lab.check(&[]);
    let second = lab.dialled();
    assert_eq!(second.addr.to_string(), "192.0.2.2:80");
    second.far.accept();
    lab.check(&["create 7 to 192.0.2.2:80 at true", "7: connect, tls false"]);
}

/// What becomes of it, and what is done to the attempt.
#[track_caller]
fn check_failure(addr: &str, fate: impl FnOnce(&mut Lab, ConnectionId), expected: Reason) {
    let mut lab = Lab::new();
    let id = lab.ask_for(addr);
    fate(&mut lab, id);
    lab.server.advance(Duration::from_millis(1));
    let events = lab.log.take();
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events[0].starts_with("create 7 to "), "{events:?}");
    assert_eq!(events[1], format!("7: disconnect {expected:?}"));
    // At a shutdown the connection that asked for it ends as well.
    assert!(lab.server.handle().metrics().ended(expected) >= 1);
    lab.server.advance(Duration::from_secs(100));
    assert_eq!(lab.log.take(), [""; 0], "once");
}

#[test]
fn c25_a_failed_outgoing_connection_is_reported_once_and_in_time() {
    let refused = |lab: &mut Lab, _| lab.dialled().far.refuse(ErrorKind::ConnectionRefused);
    let connect = |error| Reason::Connect(error);
    check_failure("one.example:80", refused, connect(ConnectError::Io(ErrorKind::ConnectionRefused)));
    let reset = |lab: &mut Lab, _| lab.dialled().far.reset();
    check_failure("one.example:80", reset, connect(ConnectError::Io(ErrorKind::ConnectionReset)));
    let silent = |lab: &mut Lab, _| {
        lab.server.advance(Duration::from_millis(9_999));
        assert_eq!(lab.log.events(), [""; 0]);
        lab.server.advance(Duration::from_millis(1));
    };
    check_failure("two.example:80", silent, connect(ConnectError::Timeout));
    check_failure("none.example:80", |_, _| {}, connect(ConnectError::Name));
    check_failure("no port", |_, _| {}, connect(ConnectError::Name));
    let closed = |lab: &mut Lab, id| lab.server.handle().close(id).unwrap();
    check_failure("one.example:80", closed, Reason::Local);
    let aborted = |lab: &mut Lab, id| lab.server.handle().abort(id).unwrap();
    check_failure("one.example:80", aborted, Reason::Local);
    let shut_down = |lab: &mut Lab, _| lab.server.handle().shutdown(Drain::default());
    check_failure("one.example:80", shut_down, Reason::Shutdown);
}

/// It holds memory when there is none, and its client must get that reason: it got the reason that no WebSocket was
/// opened.
#[test]
fn c25_an_evicted_outgoing_connection_ends_with_the_memory_limit() {
    let limits = Limits::default().with(|limits| limits.memory_bytes_max = 100);
    let log = Log::default();
    let mut server =
        TestServer::with_options(TestOptions { limits, ..TestOptions::default() }, Dialer::maker(&log));
    server.handle().connect(Outgoing::tcp("192.0.2.1:80").tag(7)).unwrap();
    server.run();
    let events = log.take();
    assert_eq!(
        events.last().unwrap(),
        &format!("7: disconnect {:?}", Reason::Limit(Limit::Memory)),
        "{events:?}"
    );
    assert_eq!((events.len(), server.handle().outgoing()), (2, 0));
}

/// Its peer takes nothing, so what is queued for it is not waited for.
#[test]
fn c25_closing_an_unfinished_outgoing_connection_ends_it_immediately() {
    let log = Log::default();
    let mut server = TestServer::with_options(TestOptions::default(), Dialer::maker(&log));
    server.handle().connect(Outgoing::websocket("ws://192.0.2.1/").tag(7)).unwrap();
    server.run();
    let Dial { id, far, .. } = server.take_dials().remove(0);
    far.set_room(Some(0));
    far.accept();
    server.run();
    assert_eq!(log.take(), [""; 0]);
    server.handle().close(id).unwrap();
    server.run();
    assert_eq!(log.take().last().unwrap(), &format!("7: disconnect {:?}", Reason::Local));
    assert_eq!((server.handle().outgoing(), server.wires().len()), (0, 0));
}

#[test]
fn c25_the_number_of_outgoing_connections_is_limited() {
    let options = TestOptions {
        limits: Limits::default().with(|limits| limits.outgoing_max = 2),
        ..TestOptions::default()
    };
    let mut lab = Lab::with(options);
    lab.ask_for("one.example:80");
    let second = lab.ask_for("one.example:80");
    let dials = lab.server.take_dials();
    dials[0].far.accept();
    let refused = lab.server.handle();
    let third = lab.server.handle();
    third
        .run_on(0, |reactor| {
            assert_eq!(reactor.connect(Outgoing::tcp("one.example:80")), Err(Busy::Full));
        })
        .unwrap();
    lab.server.run();
    assert_eq!(refused.metrics().panics, 0);
    // One that has failed leaves its place.
    refused.abort(second).unwrap();
    lab.server.run();
    refused.run_on(0, |reactor| assert!(reactor.connect(Outgoing::tcp("one.example:80")).is_ok())).unwrap();
    lab.server.run();
    assert_eq!((refused.metrics().panics, lab.server.take_dials().len()), (0, 1));
    refused.shutdown(Drain::default());
    lab.server.run();
    assert_eq!(refused.connect(Outgoing::tcp("one.example:80")), Err(Busy::Stopped));
}

/// A factory that refuses, or panics, when it is asked for the client of a connection of our own.
#[test]
fn c25_a_factory_can_decline_an_outgoing_connection() {
    for is_up in [false, true] {
        for panics in [false, true] {
            let mut server = TestServer::new(move |_peer: &Peer| {
                assert!(!panics, "no client");
                Err::<Dialer, _>(Refuse::Silent)
            });
            let handle = server.handle();
            handle.connect(Outgoing::tcp("192.0.2.1:80")).unwrap();
            server.run();
            let far = server.take_dials().remove(0).far;
            if is_up {
                far.accept();
            } else {
                far.refuse(ErrorKind::ConnectionRefused);
            }
            server.run();
            far.finish();
            server.advance(Duration::from_secs(60));
            assert_eq!((handle.metrics().panics, handle.ids().len()), (u64::from(panics), 0));
            assert_eq!(server.wires().len(), 0);
            // Its place is free.
            handle.connect(Outgoing::tcp("192.0.2.1:80")).unwrap();
        }
    }
}

fn dialer(log: &Log, listeners: [Listener; 2]) -> Live {
    let [first, second] = listeners;
    let builder = Server::builder().listen(first).listen(second).reactors(2);
    Live::serve(builder, Dialer::maker(log))
}

fn lines() -> Listener {
    Listener::tcp("127.0.0.1:0").lines()
}

/// The target is a listener of the same server; and a name that every system has.
#[test]
fn c25_over_tcp_to_our_own_listener() {
    let log = Log::default();
    let server = dialer(&log, [lines(), lines()]);
    let port = server.addrs[0].port();
    for target in [server.addrs[0].to_string(), format!("localhost:{port}")] {
        server.handle.connect(Outgoing::tcp(&target).lines().tag(9)).unwrap();
        wait_until(|| log.count("9: disconnect") == 1);
        let expected = [
            &format!("create 9 to 127.0.0.1:{port} at true"),
            "9: connect, tls false",
            "9: line hello",
            "9: disconnect Local",
        ];
        assert_eq!(log.take(), expected);
    }
}

#[test]
fn c25_a_closed_port_and_an_invalid_name() {
    let log = Log::default();
    let server = dialer(&log, [lines(), lines()]);
    // Only root could listen there.
    server.handle.connect(Outgoing::tcp("127.0.0.1:1").tag(1)).unwrap();
    wait_until(|| {
        log.has(&format!(
            "1: disconnect {:?}",
            Reason::Connect(ConnectError::Io(ErrorKind::ConnectionRefused))
        ))
    });
    // A label has 63 bytes at most (RFC 1035 section 2.3.4), so no name server is asked.
    server.handle.connect(Outgoing::tcp(format!("{}:80", "x".repeat(64))).tag(2)).unwrap();
    wait_until(|| log.has(&format!("2: disconnect {:?}", Reason::Connect(ConnectError::Name))));
    assert!(!log.has("1: connect") && !log.has("2: connect"));
}

#[cfg(unix)]
#[test]
fn c25_to_a_unix_socket() {
    use std::io::{Read, Write};
    let log = Log::default();
    let server = dialer(&log, [lines(), lines()]);
    let path = std::env::temp_dir().join(format!("jackfield-c25-{}", std::process::id()));
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    server.handle.connect(Outgoing::unix(&path).lines().tag(3)).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let mut hello = [0; 6];
    stream.read_exact(&mut hello).unwrap();
    stream.write_all(b"welcome\n").unwrap();
    wait_until(|| log.has("3: disconnect"));
    let create = format!("create 3 to unix:{} at true", path.display());
    assert_eq!(log.take(), [&create, "3: connect, tls false", "3: line welcome", "3: disconnect Local"]);
    std::fs::remove_file(&path).unwrap();
    server.handle.connect(Outgoing::unix(&path).tag(4)).unwrap();
    wait_until(|| {
        log.has(&format!("4: disconnect {:?}", Reason::Connect(ConnectError::Io(ErrorKind::NotFound))))
    });
}

#[test]
fn c25_tls_is_established_before_on_connect() {
    let (identity, stranger) = (tls::Identity::new(), tls::Identity::new());
    let log = Log::default();
    let server = dialer(&log, [lines(), lines().tls_config(identity.server_config())]);
    let port = server.addrs[1].port();
    let config = |identity: &tls::Identity| Arc::new(identity.client_config(rustls::ALL_VERSIONS));
    let target = || Outgoing::tcp(format!("127.0.0.1:{port}")).lines();
    server.handle.connect(target().tls(config(&identity)).server_name("localhost").tag(1)).unwrap();
    wait_until(|| log.has("1: disconnect"));
    let create = format!("create 1 to 127.0.0.1:{port} at true");
    assert_eq!(log.take(), [&create, "1: connect, tls true", "1: line hello", "1: disconnect Local"]);
    // Somebody else's certificate, a name that it is not for, and a listener that does not speak TLS at all.
    let plain = Outgoing::tcp(server.addrs[0]).lines().tls(config(&identity)).server_name("localhost");
    let attempts = [
        target().tls(config(&stranger)).server_name("localhost"),
        target().tls(config(&identity)).server_name("other.example"),
        plain.timeout(Duration::from_millis(200)),
        target().tls(config(&identity)).server_name("no name"),
    ];
    for (tag, attempt) in (2..).zip(attempts) {
        server.handle.connect(attempt.tag(tag)).unwrap();
        wait_until(|| log.has(&format!("{tag}: disconnect Connect(")));
        assert!(!log.has(&format!("{tag}: connect")));
    }
}

#[test]
fn c25_connections_begun_in_the_setup_connect_when_the_reactor_starts() {
    let log = Log::default();
    let notes = log.clone();
    let mut server = TestServer::with_setup(TestOptions::default(), move |setup| {
        setup.connect(Outgoing::tcp("192.0.2.1:80").tag(5));
        Dialer::maker(&notes)
    });
    server.run();
    server.take_dials().remove(0).far.accept();
    server.run();
    assert_eq!(log.take(), ["create 5 to 192.0.2.1:80 at true", "5: connect, tls false"]);
}
