//! The driver, one turn at a time.
#![cfg(unix)]

use jackfield_reactor::{
    Above, Addr, ConnectionId, Driver, Incoming, Limits, ListenOptions, Listener, MemoryDriver, Peer, Reason,
    Service, SocketOptions, Stream, Wires, mio,
};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Counts its events.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    accepted: usize,
    errors: Vec<ErrorKind>,
    woken: usize,
    /// The bytes of all connections.
    bytes: Vec<u8>,
    /// The listeners at which connections were accepted, one after the other.
    listeners: Vec<usize>,
    /// So many new connections bring a bug to light.
    bugs: usize,
    /// New connections are to wait.
    is_full: bool,
}

impl Service for Counts {
    fn may_accept(&mut self, _: &mut Wires, _: usize) -> bool {
        !self.is_full
    }
    fn on_accept(&mut self, wires: &mut Wires, incoming: Incoming) {
        if self.bugs > 0 {
            self.bugs -= 1;
            panic!("a bug of the service");
        }
        self.listeners.push(incoming.peer.listener);
        wires.insert(incoming.stream.into(), incoming.peer).expect("there is room");
        self.accepted += 1;
    }
    fn on_accept_error(&mut self, _: &mut Wires, _: usize, error: &io::Error) {
        self.errors.push(error.kind());
    }
    fn on_wake(&mut self, _: &mut Wires) {
        self.woken += 1;
    }
    fn on_established(&mut self, _: &mut Wires, _: ConnectionId) {}
    fn on_bytes(&mut self, _: &mut Wires, _: ConnectionId, rx: &mut [u8]) -> usize {
        assert_ne!(rx, BUG, "a bug of the service");
        self.bytes.extend_from_slice(rx);
        rx.len()
    }
    fn on_end(&mut self, _: &mut Wires, _: ConnectionId) {}
    fn on_drain(&mut self, _: &mut Wires, _: ConnectionId) {}
    fn on_idle(&mut self, _: &mut Wires, _: ConnectionId, _: Duration) {}
    fn on_timer(&mut self, _: &mut Wires, _: ConnectionId, _: u32) {}
    fn on_close(&mut self, _: &mut Wires, _: ConnectionId, reason: Reason) {
        if let Reason::Connect(kind) = reason {
            self.errors.push(kind);
        }
    }
}

/// What makes the service panic.
const BUG: &[u8] = b"bug";
/// Longer than anything takes here.
const LONG: Duration = Duration::from_secs(60);
/// A driver, and no other test has one meanwhile: a process has one table of descriptors, which some of the tests close.
fn only_driver(limits: Limits) -> (MutexGuard<'static, ()>, Driver) {
    static DESCRIPTORS: Mutex<()> = Mutex::new(());
    let alone = DESCRIPTORS.lock().unwrap_or_else(PoisonError::into_inner);
    (alone, Driver::new(0, limits).expect("an event queue"))
}

#[test]
fn a_turn_waits_at_most_the_given_time_and_is_woken_by_a_stream() {
    let (_alone, mut driver) = only_driver(Limits::default());
    let (stream, mut writer) = UnixStream::pair().expect("two descriptors");
    driver.wake_on(stream).expect("it can be registered");
    let mut counts = Counts::default();
    driver.poll(Some(Duration::from_millis(5)), &mut counts).expect("polling does not fail");
    assert_eq!(counts.woken, 0);
    for wakes in 1..=3 {
        writer.write_all(b"x").expect("it is open");
        driver.poll(Some(LONG), &mut counts).expect("polling does not fail");
        assert_eq!(counts.woken, wakes, "nobody reads the stream, and each byte wakes it all the same");
    }
}

/// A connection that had failed before the first turn was reported when something else was due.
#[test]
fn work_that_was_begun_outside_of_a_turn_is_due() {
    let (_alone, mut driver) = only_driver(Limits::default());
    assert_eq!(driver.timeout(), None);
    let wires = &mut driver.reactor.wires;
    let id = wires.connect(Above::Plain, SocketOptions::default(), 0, LONG).expect("there is room");
    wires.abort(id, Reason::Local);
    assert_eq!(driver.timeout(), Some(Duration::ZERO));
    driver.poll(Some(Duration::ZERO), &mut Counts::default()).expect("polling does not fail");
    assert!(driver.reactor.wires.is_empty() && driver.timeout() != Some(Duration::ZERO));
}

/// The fault: what was begun before the first turn began when the driver was made, which may be long before.
#[test]
fn before_the_first_turn_the_time_can_be_set() {
    let (_alone, mut driver) = only_driver(Limits::default());
    assert_eq!(driver.reactor.wires.now().0, 0);
    std::thread::sleep(Duration::from_millis(20));
    driver.set_time();
    assert!(driver.reactor.wires.now().0 >= 20);
}

#[test]
#[should_panic(expected = "a bug of the service")]
fn a_panic_that_the_service_does_not_handle_reaches_the_caller() {
    let (_alone, mut driver) = only_driver(Limits::default());
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut client = TcpStream::connect(socket.local_addr().expect("it is bound")).expect("it listens");
    driver
        .listen(Listener::from_std(socket, &ListenOptions::default()).expect("it can be set"))
        .expect("it can be registered");
    client.write_all(BUG).expect("it is open");
    let mut counts = Counts::default();
    while driver.poll(Some(LONG), &mut counts).is_ok() {}
}

/// D9: the connections that waited after the one that caused the panic were forgotten.
#[test]
fn a_panic_at_one_new_connection_keeps_the_next_ones() {
    let (_alone, mut driver) = only_driver(Limits::default());
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = socket.local_addr().expect("it is bound");
    driver
        .listen(Listener::from_std(socket, &ListenOptions::default()).expect("it can be set"))
        .expect("it can be registered");
    let _clients: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(addr).expect("it listens")).collect();
    let mut counts = Counts { bugs: 1, ..Counts::default() };
    assert!(catch_unwind(AssertUnwindSafe(|| driver.poll(Some(LONG), &mut counts))).is_err());
    while counts.accepted < 2 {
        driver.poll(Some(LONG), &mut counts).expect("polling does not fail");
    }
}

/// The fault: connections that were added by other ways after that were not watched.
#[cfg(any(target_os = "android", target_os = "linux"))]
#[test]
fn i484_after_a_panic_at_a_deferred_connection_others_are_watched() {
    let (_alone, mut driver) = only_driver(Limits::default());
    let options = ListenOptions { deferred: true, ..ListenOptions::default() };
    let listener = Listener::bind("127.0.0.1:0".parse().expect("an address"), &options).expect("it listens");
    let addr = listener.local_addr().expect("an address").as_ip().expect("of a network");
    driver.listen(listener).expect("it can be registered");
    let mut client = TcpStream::connect(addr).expect("it listens");
    client.write_all(b"hello").expect("it is open");
    let mut counts = Counts { bugs: 1, ..Counts::default() };
    let caught = catch_unwind(AssertUnwindSafe(|| while driver.poll(Some(LONG), &mut counts).is_ok() {}));
    assert!(caught.is_err());
    // No other connection waits at the listener.
    driver.poll(Some(Duration::ZERO), &mut counts).expect("polling does not fail");
    let (near, mut far) = UnixStream::pair().expect("two descriptors");
    near.set_nonblocking(true).expect("it is a socket");
    let stream = Stream::Unix(mio::net::UnixStream::from_std(near));
    driver.reactor.wires.insert(stream.into(), Peer::new(Addr::Unix(None), 0)).expect("there is room");
    far.write_all(b"other").expect("it is open");
    for _ in 0..3 {
        driver.poll(Some(Duration::ZERO), &mut counts).expect("polling does not fail");
    }
    assert_eq!(counts.bytes, b"other");
}

/// D9, without sockets: the connections behind the one at which the service panics stay in the backlog.
#[test]
fn a_panic_in_memory_keeps_the_next_connections() {
    let mut driver = MemoryDriver::new(0, Limits::default());
    let mut counts = Counts { bugs: 1, is_full: true, ..Counts::default() };
    let peer = "127.0.0.1:1".parse().expect("an address");
    let _far_ends: Vec<_> = (0..3).map(|_| driver.connect(&mut counts, peer, 0)).collect();
    counts.is_full = false;
    driver.reactor.wires.accept_again();
    driver.reactor.wires.accept_again();
    assert!(catch_unwind(AssertUnwindSafe(|| driver.turn(&mut counts))).is_err());
    driver.turn(&mut counts);
    assert_eq!(counts.accepted, 2);
}

#[test]
fn new_connections_wait_while_not_even_the_reserve_helps() {
    let (_alone, mut driver) = only_driver(Limits::default());
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let listener = Listener::from_std(socket, &ListenOptions::default()).expect("it can be set");
    let addr = listener.local_addr().expect("it is bound").as_ip().expect("an IP address");
    driver.listen(listener).expect("it can be registered");
    let clients: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(addr).expect("it listens")).collect();

    // With so few the one in reserve can't be used for anything else.
    let limits = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(3), ..limits }).expect("less is allowed");
    let mut counts = Counts::default();
    // One for each attempt, and perhaps one right before a pause is over.
    for _ in 0..9 {
        if counts.errors.len() < 3 {
            driver.poll(Some(LONG), &mut counts).expect("polling does not fail");
        }
    }
    setrlimit(Resource::Nofile, limits).expect("it was allowed before");
    assert_eq!((counts.accepted, counts.errors.len()), (0, 3), "each attempt is told, and it does not spin");

    for _ in 0..3 {
        if counts.accepted < clients.len() {
            driver.poll(Some(LONG), &mut counts).expect("polling does not fail");
        }
    }
    assert_eq!((counts.accepted, counts.errors.len()), (3, 3), "nobody is lost");
    assert_eq!(driver.reactor.wires.len(), 3);
}

#[test]
fn a_connect_without_a_free_descriptor_has_its_own_error() {
    let (_alone, mut driver) = only_driver(Limits::default());
    let connect = driver.reactor.wires.connect(Above::Plain, SocketOptions::default(), 0, LONG);
    let id = connect.expect("there is room");
    let addr: std::net::SocketAddr = "127.0.0.1:9".parse().expect("an address");
    let limits = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(3), ..limits }).expect("less is allowed");
    driver.reactor.wires.dial(id, [Addr::from(addr)]);
    setrlimit(Resource::Nofile, limits).expect("it was allowed before");
    let mut counts = Counts::default();
    // It ends by a timer.
    driver.poll(Some(LONG), &mut counts).expect("polling does not fail");
    assert_eq!(counts.errors, [ErrorKind::QuotaExceeded]);
}

/// A crowd at one listener kept another from its turn: its one connection came in turn 400, after 1,596 others.
#[test]
fn a_crowd_at_one_listener_does_not_keep_others_waiting() {
    let limits = Limits { accepts_per_turn: 4, ..Limits::default() };
    let (_alone, mut driver) = only_driver(limits);
    let sockets = [(); 3].map(|()| std::net::TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let addrs = sockets.each_ref().map(|socket| socket.local_addr().expect("it is bound"));
    for socket in &sockets {
        let socket = socket.try_clone().expect("a descriptor");
        let listener = Listener::from_std(socket, &ListenOptions::default()).expect("it can be set");
        driver.listen(listener).expect("it is watched");
    }
    let mut crowd: Vec<_> = (0..40).map(|_| TcpStream::connect(addrs[0]).expect("a connection")).collect();
    crowd.extend(addrs[1..].iter().map(|addr| TcpStream::connect(addr).expect("a connection")));
    // A connect may be over before the connection can be accepted.
    for socket in &sockets {
        poll(&mut [PollFd::new(socket, PollFlags::IN)], None).expect("it can be waited for");
    }
    let mut came = Counts::default();
    while came.listeners.len() < crowd.len() {
        let before = came.listeners.len();
        driver.poll(Some(LONG), &mut came).expect("it polls");
        assert!(came.listeners.len() <= before + 4, "the budget is for all of them: {:?}", came.listeners);
    }
    let first_of = |listener| came.listeners.iter().position(|&index| index == listener);
    assert!(
        first_of(1) < Some(4) && first_of(2) < Some(4),
        "each has its turn in the first: {:?}",
        came.listeners
    );
}

/// The fault: the service was told of a failed accept, later, and could not know that nothing is accepted there.
#[test]
fn a_listener_that_cant_be_watched_is_not_reopened() {
    let (_alone, mut driver) = only_driver(Limits::default());
    let nothing = UnixListener::from(OwnedFd::from(File::open("/dev/null").unwrap()));
    let listener = Listener::from_std_unix(nothing, &ListenOptions::default()).unwrap();
    assert!(driver.reactor.wires.reopen_listener(0, || Ok(listener)).is_err());
}

/// The id of a connection that could not be watched counted as one that exists, for other threads.
#[test]
fn i398_a_connection_that_cant_be_watched_leaves_no_id() {
    let (_alone, mut driver) = only_driver(Limits::default());
    let insert = |wires: &mut Wires, descriptor: OwnedFd| {
        let stream = mio::net::UnixStream::from_std(UnixStream::from(descriptor));
        wires.insert(Stream::Unix(stream).into(), Peer::new(Addr::Unix(None), 0))
    };
    let wires = &mut driver.reactor.wires;
    assert!(insert(wires, File::open("/dev/null").expect("it is there").into()).is_err());
    let first = ConnectionId::new(0, 0, 0);
    assert!(!wires.generations().contains(first));
    let (near, _far) = UnixStream::pair().expect("two descriptors");
    assert_eq!(insert(wires, near.into()).expect("it is watched"), first, "it would have had this id");
    assert!(wires.generations().contains(first));
}

/// To accept one connection costs the same with N open ones and with 4 N, at a listener between two others.
#[test]
fn an_accept_costs_the_same_however_many_connections_there_are() {
    let [few, many] = [40, 160].map(|open| {
        let (_alone, mut driver) = only_driver(Limits::default());
        let listeners = [(); 3].map(|()| {
            Listener::bind("127.0.0.1:0".parse().expect("an address"), &ListenOptions::default())
                .expect("it listens")
        });
        let addr = listeners[1].local_addr().expect("an address").as_ip().expect("of a network");
        listeners.into_iter().for_each(|listener| driver.listen(listener).expect("it is watched"));
        let mut counts = Counts::default();
        let mut connect = |open: usize| {
            let peers: Vec<_> = (0..open).map(|_| TcpStream::connect(addr).expect("it listens")).collect();
            let (before, wanted) = (driver.reactor.wires.stats().visits.value(), counts.accepted + open);
            while counts.accepted < wanted {
                driver.poll(Some(LONG), &mut counts).expect("polling does not fail");
            }
            (peers, driver.reactor.wires.stats().visits.value() - before)
        };
        let (_peers, all) = connect(open);
        assert!(all >= open as u64, "each accept is counted: {all}");
        connect(1).1
    });
    assert!(few == many && (1..=2).contains(&few), "{few} places with 40, {many} with 160");
}

/// A read ends before an urgent byte, and before the bytes of a message with descriptors: what came after them stayed unread.
#[cfg(any(target_os = "android", target_os = "linux"))]
mod i395 {
    use super::*;
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, send, sendmsg};
    use std::io::IoSlice;
    use std::mem::MaybeUninit;
    use std::os::fd::AsFd;

    /// Accepts one connection, lets its peer send before it is read, and looks at what the service gets.
    fn check(listener: Listener, connect: impl FnOnce() -> OwnedFd, send: impl Fn(&OwnedFd)) {
        let (_alone, mut driver) = only_driver(Limits::default());
        driver.listen(listener).expect("it can be registered");
        let peer = connect();
        let mut counts = Counts::default();
        while counts.accepted == 0 {
            driver.poll(Some(LONG), &mut counts).expect("polling does not fail");
        }
        check_reads(driver, counts, &peer, send);
    }

    fn check_reads(mut driver: Driver, mut counts: Counts, peer: &OwnedFd, send: impl Fn(&OwnedFd)) {
        for sent in [&b"HELLO\n"[..], b"HELLO\nHELLO\n"] {
            send(peer);
            for _ in 0..3 {
                driver.poll(Some(Duration::ZERO), &mut counts).expect("polling does not fail");
            }
            assert_eq!(counts.bytes, sent);
            assert_ne!(driver.timeout(), Some(Duration::ZERO), "it does not spin");
        }
    }

    fn check_tcp(send: impl Fn(&OwnedFd)) {
        let listener = Listener::bind("127.0.0.1:0".parse().expect("an address"), &ListenOptions::default());
        let listener = listener.expect("it listens");
        let addr = listener.local_addr().expect("an address").as_ip().expect("of a network");
        let connect = || {
            let peer = TcpStream::connect(addr).expect("it listens");
            peer.set_nodelay(true).expect("it is a TCP socket");
            peer.into()
        };
        check(listener, connect, send);
    }

    fn check_unix(send: impl Fn(&OwnedFd)) {
        let dir = std::env::temp_dir().join(format!("jackfield-i395-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a folder");
        let path = dir.join("socket");
        let listener = Listener::bind_unix(&path, &ListenOptions::default()).expect("it listens");
        check(listener, || UnixStream::connect(&path).expect("it listens").into(), send);
        let _ = std::fs::remove_dir_all(&dir);
    }

    fn send_urgent(peer: &OwnedFd) {
        for (bytes, flags) in
            [(&b"HEL"[..], SendFlags::empty()), (b"!", SendFlags::OOB), (b"LO\n", SendFlags::empty())]
        {
            send(peer, bytes, flags).expect("it is open");
        }
    }

    fn send_descriptor(peer: &OwnedFd) {
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let (mut control, given) = (SendAncillaryBuffer::new(&mut room), [peer.as_fd()]);
        assert!(control.push(SendAncillaryMessage::ScmRights(&given)));
        sendmsg(peer, &[IoSlice::new(b"HEL")], &mut control, SendFlags::empty()).expect("it is open");
        send(peer, b"LO\n", SendFlags::empty()).expect("it is open");
    }

    #[test]
    fn i395_bytes_after_an_urgent_one_are_read() {
        check_tcp(send_urgent);
    }

    /// The fault: only accepted connections were watched for urgent bytes.
    #[test]
    fn i481_bytes_after_an_urgent_one_are_read_on_a_connection_of_our_own_too() {
        let (_alone, mut driver) = only_driver(Limits::default());
        let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let wires = &mut driver.reactor.wires;
        let id = wires.connect(Above::Plain, SocketOptions::default(), 0, LONG).expect("there is room");
        wires.dial(id, [Addr::from(server.local_addr().expect("it is bound"))]);
        let (peer, _) = server.accept().expect("it comes");
        peer.set_nodelay(true).expect("it is a TCP socket");
        let mut counts = Counts::default();
        // Until it is connected, and was read for the first time.
        while driver.reactor.wires.is_handshaking(id) || driver.timeout() == Some(Duration::ZERO) {
            driver.poll(Some(LONG), &mut counts).expect("polling does not fail");
        }
        assert!(driver.reactor.wires.is_open(id));
        check_reads(driver, counts, &peer.into(), send_urgent);
    }

    #[test]
    fn i395_bytes_after_a_message_with_descriptors_are_read() {
        check_unix(send_descriptor);
    }
}
