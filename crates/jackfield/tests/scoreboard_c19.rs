//! C19 of docs/features.md: options of sockets, as the system tells them.

mod support;

use jackfield::test::TestServer;
use jackfield::{
    Client, ConnectError, Connection, Disconnect, KeepAlive, Listener, Outgoing, Reason, Server,
};
#[cfg(target_os = "linux")]
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use socket2::SockRef;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;
use support::probe::Log;
use support::real::{Live, connect, wait_until};

const MINUTE: Duration = Duration::from_secs(60);

/// What the system says of a connection that comes to a listener: this accepts it in the server's place.
fn check(edit: impl Fn(Listener) -> Listener, check: impl Fn(SockRef<'_>)) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let listener = edit(Listener::from_std(socket.try_clone().unwrap()));
    let server = Server::builder().listen(listener).bind().unwrap();
    socket.set_nonblocking(false).unwrap();
    let _peer = connect(server.local_addr());
    check(SockRef::from(&socket.accept().unwrap().0));
}

/// A connection with the system's default options.
fn plain() -> TcpStream {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let _peer = connect(socket.local_addr().unwrap());
    socket.accept().unwrap().0
}

#[cfg(target_os = "linux")]
#[test]
fn c19_the_defaults_are_nodelay_and_the_values_of_the_system() {
    let plain = plain();
    let plain = SockRef::from(&plain);
    assert!(!plain.tcp_nodelay().unwrap());
    check(
        |listener| listener,
        |socket| {
            assert!(socket.tcp_nodelay().unwrap());
            assert!(!socket.keepalive().unwrap());
            assert_eq!(socket.linger().unwrap(), None);
            assert_eq!(socket.send_buffer_size().unwrap(), plain.send_buffer_size().unwrap());
            assert_eq!(socket.recv_buffer_size().unwrap(), plain.recv_buffer_size().unwrap());
        },
    );
}

#[cfg(target_os = "linux")]
#[test]
fn c19_each_option_reaches_the_system() {
    check(|listener| listener.nodelay(false), |socket| assert!(!socket.tcp_nodelay().unwrap()));
    let keep_alive = KeepAlive::after(MINUTE).interval(Duration::from_secs(10)).probes(3);
    check(
        |listener| listener.keep_alive(keep_alive),
        |socket| {
            assert!(socket.keepalive().unwrap());
            assert_eq!(socket.tcp_keepalive_time().unwrap(), MINUTE);
            assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(10));
            assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
        },
    );
    check(
        |listener| listener.reset_on_close(true),
        |socket| assert_eq!(socket.linger().unwrap(), Some(Duration::ZERO)),
    );
    // Linux doubles the size that is set.
    check(
        |listener| listener.send_buffer(20_000).receive_buffer(30_000),
        |socket| {
            assert_eq!(socket.send_buffer_size().unwrap(), 40_000);
            assert_eq!(socket.recv_buffer_size().unwrap(), 60_000);
        },
    );
}

#[test]
fn c19_times_that_the_system_does_not_take_are_an_error_of_the_bind() {
    let rows = [
        (KeepAlive::after(MINUTE), true),
        (KeepAlive::after(Duration::ZERO), false),
        (KeepAlive::after(MINUTE).interval(Duration::from_millis(10)), false),
        (KeepAlive::after(MINUTE).probes(1000), false),
    ];
    for (keep_alive, is_taken) in rows {
        let server = Server::bind(Listener::tcp("127.0.0.1:0").keep_alive(keep_alive));
        assert_eq!(server.is_ok(), is_taken, "{keep_alive:?}");
        assert!(server.err().is_none_or(|error| error.to_string().contains("keep-alive")));
    }
}

struct Dialer(Log);

impl Client for Dialer {
    fn on_disconnect(&mut self, _connection: &mut Connection<'_>, end: &Disconnect) {
        self.0.note(end.reason.to_string());
    }
}

#[test]
fn c19_an_outgoing_connection_has_options_too() {
    let log = Log::default();
    let client = log.clone();
    let mut server = TestServer::new(move |_peer| Dialer(client.clone()));
    let bad = Outgoing::tcp("192.0.2.1:7").nodelay(false).keep_alive(KeepAlive::after(Duration::ZERO));
    server.handle().connect(bad).unwrap();
    server.advance(Duration::from_millis(1));
    assert_eq!(log.take(), [Reason::Connect(ConnectError::Invalid).to_string()]);
}

/// The fault: without `tls`, a connection that names a server for its certificate was made in plain text.
#[test]
fn c25_an_outgoing_connection_with_an_option_that_has_no_effect_fails() {
    let raw = || Outgoing::tcp("192.0.2.1:7");
    let socket = || Outgoing::websocket("ws://192.0.2.1/");
    for (outgoing, is_begun) in [
        (raw(), true),
        (raw().lines(), true),
        (socket().subprotocol("a").header("X", "y").uncompressed(), true),
        (raw().server_name("a.example"), false),
        (socket().server_name("a.example"), false),
        (raw().subprotocol("a"), false),
        (raw().header("X", "y"), false),
        (raw().lines().uncompressed(), false),
        (socket().raw(), false),
        (socket().lines(), false),
    ] {
        let log = Log::default();
        let client = log.clone();
        let row = format!("{outgoing:?}");
        let mut server = TestServer::new(move |_peer| Dialer(client.clone()));
        server.handle().connect(outgoing).unwrap();
        server.advance(Duration::from_millis(1));
        let invalid = Reason::Connect(ConnectError::Invalid).to_string();
        assert_eq!(log.take(), if is_begun { vec![] } else { vec![invalid] }, "{row}");
        assert_eq!(server.take_dials().len(), usize::from(is_begun), "{row}");
    }
}

/// The socket of this process that is connected to this address, as a descriptor of its own. `None`: the system does not
/// let a process look at its own descriptors.
#[cfg(target_os = "linux")]
fn socket_to(addr: SocketAddr) -> Option<OwnedFd> {
    let own = pidfd_open(getpid(), PidfdFlags::empty()).ok()?;
    let descriptors = fs::read_dir("/proc/self/fd").unwrap();
    let numbers = descriptors.filter_map(|found| found.ok()?.file_name().to_str()?.parse().ok());
    let mut copies = numbers.filter_map(|number| pidfd_getfd(&own, number, PidfdGetfdFlags::empty()).ok());
    let is_it =
        |copy: &OwnedFd| SockRef::from(copy).peer_addr().is_ok_and(|peer| peer.as_socket() == Some(addr));
    copies.find(is_it)
}

#[cfg(target_os = "linux")]
#[test]
fn c19_the_options_of_an_outgoing_connection_reach_the_system() {
    let keep_alive = KeepAlive::after(MINUTE).interval(Duration::from_secs(10)).probes(3);
    let client = Log::default();
    let live =
        Live::serve(Server::builder().listen("127.0.0.1:0").reactors(1), move |_peer| Dialer(client.clone()));
    for (is_set, nodelay, keeps_alive, sizes) in
        [(false, true, false, None), (true, false, true, Some((40_000, 60_000)))]
    {
        let target = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = target.local_addr().unwrap();
        let outgoing = Outgoing::tcp(addr);
        let outgoing = if is_set {
            outgoing.nodelay(false).keep_alive(keep_alive).send_buffer(20_000).receive_buffer(30_000)
        } else {
            outgoing
        };
        live.handle.connect(outgoing).unwrap();
        let _accepted = target.accept().unwrap();
        let Some(socket) = socket_to(addr) else {
            println!("skipped: this process may not look at its own descriptors");
            return;
        };
        let socket = SockRef::from(&socket);
        // They are set on the reactor's thread, just after the call that connects.
        wait_until(|| {
            socket.tcp_nodelay().unwrap() == nodelay
                && socket.keepalive().unwrap() == keeps_alive
                && sizes.is_none_or(|sizes| {
                    // Linux doubles the size that is set.
                    (socket.send_buffer_size().unwrap(), socket.recv_buffer_size().unwrap()) == sizes
                })
        });
        if is_set {
            let times = (socket.tcp_keepalive_time().unwrap(), socket.tcp_keepalive_interval().unwrap());
            assert_eq!(times, (MINUTE, Duration::from_secs(10)));
        }
    }
}

/// Sets an option that the listener has set otherwise.
struct Tuned(Log);

impl Client for Tuned {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        let nodelay = connection.as_fd().map(|socket| {
            let socket = SockRef::from(&socket);
            socket.set_tcp_nodelay(false).unwrap();
            socket.tcp_nodelay().unwrap()
        });
        self.0.note(format!("nodelay {nodelay:?}"));
    }
}

#[test]
fn c19_the_socket_of_a_connection_is_there_for_other_options() {
    let log = Log::default();
    let clients = log.clone();
    let live = Live::serve(Server::builder().listen("127.0.0.1:0"), move |_peer| Tuned(clients.clone()));
    let _peer = live.connect();
    wait_until(|| log.has("nodelay"));
    assert_eq!(log.take(), ["nodelay Some(false)"]);
    let clients = log.clone();
    let mut server = TestServer::new(move |_peer| Tuned(clients.clone()));
    server.connect();
    server.run();
    assert_eq!(log.take(), ["nodelay None"], "one in memory has none");
}
