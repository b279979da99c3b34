//! Listeners by name: paused, stopped and resumed, and what happens to new connections when the server is full.

use crate::support;
use jackfield::test::{TestOptions, listener};
use jackfield::{
    Addr, Busy, Client, Exchange, Limits, Listener, ListenerState, Observer, Peer, Request, Server,
    ServerState, WhenFull, WhichListener,
};
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use support::probe::{Log, Probe};
use support::real::{self, Live};
use support::{Lab, get, statuses};

const SECOND: Duration = Duration::from_secs(1);

/// Says by which name its listener goes.
struct Named(String);

impl Named {
    fn at(peer: &Peer) -> Self {
        Self(format!("{} {:?}", peer.listener(), peer.listener_name()))
    }
}

impl Client for Named {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        exchange.ok("text/plain", &*self.0);
    }
}

/// Notes what becomes of the server and its listeners.
#[derive(Clone, Default)]
struct Notes(Log);

impl Observer for Notes {
    fn on_state(&self, before: ServerState, now: ServerState) {
        self.0.note(format!("{before:?} {now:?}"));
    }

    fn on_started(&self, _handle: &jackfield::Handle) {
        self.0.note("started");
    }

    fn on_stopped(&self) {
        self.0.note("stopped");
    }

    fn on_listener(&self, listener: usize, now: ListenerState) {
        self.0.note(format!("listener {listener} {now:?}"));
    }

    fn on_accept_error(&self, listener: usize, error: &io::Error) {
        self.0.note(format!("listener {listener} {:?}", error.kind()));
    }
}

/// One public listener and one for administrators, and one connection to the latter.
fn two_listeners(notes: &Notes) -> (Live, TcpStream) {
    let admin = Listener::tcp("127.0.0.1:0").name("admin");
    let public = Listener::tcp(real::own_addr(1)).name("public");
    let builder = Server::builder().listen(public).listen(admin).reactors(1).observer(notes.clone());
    let live = Live::serve(builder, Named::at);
    let mut admin = real::connect(live.addrs[1]);
    assert!(real::ask(&mut admin, get("/")).ends_with(r#"1 Some("admin")"#));
    (live, admin)
}

fn ask(stream: &mut TcpStream) {
    stream.write_all(get("/").as_bytes()).unwrap();
}

#[test]
fn l2_listeners_have_names() {
    let (live, _admin) = two_listeners(&Notes::default());
    let mut public = live.connect();
    assert!(real::ask(&mut public, get("/")).ends_with(r#"0 Some("public")"#));
    let listeners = live.handle.listeners();
    assert_eq!(listeners.iter().map(|listener| listener.number).collect::<Vec<_>>(), [0, 1]);
    let names: Vec<_> = listeners.iter().map(|listener| listener.name.as_deref()).collect();
    assert_eq!(names, [Some("public"), Some("admin")]);
    assert_eq!(listeners[1].addrs, [Addr::from(live.addrs[1])]);
    assert_eq!(listeners.iter().map(|listener| listener.connections).collect::<Vec<_>>(), [1, 1]);
    let twice = || Listener::tcp("127.0.0.1:0").name("twice");
    let error = Server::builder().listen(twice()).listen(twice()).bind().unwrap_err().to_string();
    assert!(error.contains("two listeners are named `twice`"), "{error}");
    assert_eq!(live.handle.pause_listening("nobody"), Err(Busy::Unknown));
    assert_eq!(live.handle.stop_listening(2), Err(Busy::Unknown));
}

#[test]
fn l5_the_backlog_that_the_system_allows_is_known() {
    let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn");
    let most = most.ok().and_then(|most| most.trim().parse().ok()).unwrap_or(u32::MAX);
    for (wanted, expected) in [(7, 7), (u32::MAX, most)] {
        let server = Server::bind(Listener::tcp("127.0.0.1:0").backlog(wanted)).unwrap();
        assert_eq!(server.handle().listeners()[0].backlog, expected);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn l5_each_listener_keeps_1024_connections_waiting_if_the_system_allows_it() {
    let most: u32 = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap().trim().parse().unwrap();
    let path = std::env::temp_dir().join(format!("jackfield-l5-{}", std::process::id()));
    let builder = Server::builder()
        .listen("127.0.0.1:0")
        .listen(Listener::unix(&path))
        .listen(Listener::tcp("127.0.0.1:0").raw());
    let server = builder.bind().unwrap();
    let backlogs: Vec<u32> = server.handle().listeners().iter().map(|listener| listener.backlog).collect();
    assert_eq!(backlogs, [most.min(1024); 3]);
}

/// Connects to each listener when the server says that it has started.
#[derive(Clone, Default)]
struct Connects(Log);

impl Observer for Connects {
    fn on_started(&self, handle: &jackfield::Handle) {
        for listener in handle.listeners() {
            let addr = listener.addrs[0].as_ip().unwrap();
            let is_up = listener.state == ListenerState::Listening && TcpStream::connect(addr).is_ok();
            self.0.note(format!("{} up: {is_up}, {:?}", listener.number, handle.state()));
        }
    }
}

#[test]
fn l6_a_server_has_started_when_all_listeners_are_up() {
    let connects = Connects::default();
    let builder = Server::builder()
        .listen("127.0.0.1:0")
        .listen(Listener::tcp("127.0.0.1:0").lines())
        .listen("127.0.0.1:0");
    let live = Live::serve(builder.reactors(2).observer(connects.clone()), Named::at);
    assert!(real::ask(&mut live.connect(), get("/")).ends_with("0 None"));
    assert_eq!(connects.0.events(), ["0 up: true, Running", "1 up: true, Running", "2 up: true, Running"]);
}

#[test]
fn l6_a_server_may_go_without_an_address() {
    let keeper = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = keeper.local_addr().unwrap();
    let builder = || Server::builder().reactors(1).listen(taken).allow_partial_bind(true);
    assert!(builder().bind().is_err(), "nowhere is too few");
    let server = builder().listen(Listener::tcp("127.0.0.1:0").name("second")).bind().unwrap();
    let failed: Vec<_> =
        server.failed_addrs().iter().map(|(addr, error)| (addr.clone(), error.kind())).collect();
    assert_eq!(failed, [(taken.into(), ErrorKind::AddrInUse)]);
    let live = Live::run(server, |server| server.serve(Named::at));
    assert!(real::ask(&mut live.connect(), get("/")).ends_with(r#"1 Some("second")"#), "numbers stay");
    // The fault: it was said to listen.
    let states = || live.handle.listeners().iter().map(|listener| listener.state).collect::<Vec<_>>();
    assert_eq!(states(), [ListenerState::Stopped, ListenerState::Listening]);
    live.handle.resume_listening(..).unwrap();
    assert_eq!(states(), [ListenerState::Stopped, ListenerState::Listening], "it has no socket");
}

/// The last listener did not exist if it was not bound, and another one had no name.
#[test]
fn l6_a_listener_that_was_not_bound_keeps_its_number_and_its_name() {
    let keeper = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = || Listener::tcp(keeper.local_addr().unwrap().to_string());
    let builder = Server::builder().reactors(1).allow_partial_bind(true);
    let builder = builder.listen(taken().name("first")).listen("127.0.0.1:0").listen(taken().name("last"));
    let server = builder.bind().unwrap();
    let handle = server.handle();
    let seen =
        handle.listeners().into_iter().map(|listener| (listener.name, listener.state)).collect::<Vec<_>>();
    let expected = [
        (Some("first".into()), ListenerState::Stopped),
        (None, ListenerState::Listening),
        (Some("last".into()), ListenerState::Stopped),
    ];
    assert_eq!(seen, expected);
    assert_eq!(handle.resume_listening("first"), Ok(()), "it is known, and stays stopped");
    assert_eq!(handle.resume_listening("last"), Ok(()), "it is known, and stays stopped");
    assert_eq!(handle.resume_listening("other"), Err(Busy::Unknown));
}

#[test]
fn l7_a_listener_stops_and_keeps_its_clients() {
    let notes = Notes::default();
    let (live, mut admin) = two_listeners(&notes);
    let mut stays = live.connect();
    real::ask(&mut stays, get("/"));
    live.handle.stop_listening("public").unwrap();
    // Behind this answer the listener is closed: commands come first.
    real::ask(&mut admin, get("/"));
    real::wait_until(|| TcpStream::connect(live.addrs[0]).is_err());
    assert!(real::ask(&mut stays, get("/")).ends_with(r#"0 Some("public")"#), "it stays");
    assert!(real::ask(&mut real::connect(live.addrs[1]), get("/")).ends_with(r#"1 Some("admin")"#));
    live.handle.stop_listening("public").unwrap();
    live.handle.pause_listening("public").unwrap();
    assert_eq!(live.handle.listeners()[0].state, ListenerState::Stopped);
    for _ in 0..2 {
        live.handle.resume_listening("public").unwrap();
    }
    real::wait_until(|| TcpStream::connect(live.addrs[0]).is_ok());
    assert!(real::ask(&mut live.connect(), get("/")).ends_with(r#"0 Some("public")"#), "at the same address");
    let told: Vec<_> = notes.0.take().into_iter().filter(|note| note.starts_with("listener")).collect();
    assert_eq!(told, ["listener 0 Stopped", "listener 0 Listening"]);
}

#[test]
fn l7_all_listeners_stop() {
    let (live, mut admin) = two_listeners(&Notes::default());
    live.handle.stop_listening(..).unwrap();
    for addr in &live.addrs {
        real::wait_until(|| TcpStream::connect(addr).is_err());
    }
    assert!(real::ask(&mut admin, get("/")).ends_with(r#"1 Some("admin")"#));
    live.handle.resume_listening(1).unwrap();
    real::wait_until(|| TcpStream::connect(live.addrs[1]).is_ok());
    assert!(TcpStream::connect(live.addrs[0]).is_err());
    let mut live = live;
    live.handle.shutdown(jackfield::Drain::now());
    live.join().unwrap();
    assert_eq!(live.handle.resume_listening(..), Err(Busy::Stopped));
}

/// The fault: a listener of a server that had ended was said to listen, could be paused and stopped, and told the observer of it
/// after its last event.
#[test]
fn l12_the_listeners_of_a_server_that_ends_are_stopped() {
    let notes = Notes::default();
    let builder = Server::builder().listen("127.0.0.1:0").listen("127.0.0.1:0").observer(notes.clone());
    let server = builder.bind().unwrap();
    let handle = server.handle();
    handle.pause_listening(0).unwrap();
    let check = || {
        let states: Vec<_> = handle.listeners().iter().map(|listener| listener.state).collect();
        assert_eq!(states, [ListenerState::Stopped; 2]);
        for which in [0, 1, 2] {
            assert_eq!(handle.pause_listening(which), Err(Busy::Stopped));
            assert_eq!(handle.stop_listening(which), Err(Busy::Stopped));
            assert_eq!(handle.resume_listening(which), Err(Busy::Stopped));
        }
    };
    handle.shutdown(jackfield::Drain::now());
    check();
    server.serve(Named::at).unwrap();
    check();
    let told: Vec<_> = notes.0.take().into_iter().filter(|note| note.starts_with("listener")).collect();
    assert_eq!(told, ["listener 0 Paused"]);
}

#[cfg(unix)]
#[test]
fn l7_a_unix_socket_stops_and_resumes() {
    use std::os::unix::net::UnixStream;
    let path = std::env::temp_dir().join(format!("jackfield-l7-{}", std::process::id()));
    let builder = Server::builder().listen(Listener::unix(&path)).listen("127.0.0.1:0").reactors(1);
    let live = Live::serve(builder, Named::at);
    drop(UnixStream::connect(&path).unwrap());
    live.handle.stop_listening(0).unwrap();
    real::wait_until(|| UnixStream::connect(&path).is_err());
    live.handle.resume_listening(0).unwrap();
    real::wait_until(|| UnixStream::connect(&path).is_ok());
}

/// A service manager has passed it and keeps it. The fault: it was closed here, so new connections got no answer, and could not
/// be opened again.
#[test]
fn l7_a_socket_that_was_passed_is_not_closed_by_a_stop() {
    let kept = TcpListener::bind("127.0.0.1:0").unwrap();
    let passed = Listener::from_std(kept.try_clone().unwrap());
    let builder = Server::builder().listen(passed).listen("127.0.0.1:0").reactors(1);
    let live = Live::serve(builder, Named::at);
    let mut stays = live.connect();
    real::ask(&mut stays, get("/"));
    live.handle.stop_listening(0).unwrap();
    assert_eq!(live.handle.listeners()[0].state, ListenerState::Stopped);
    // Behind this answer the listener is stopped: commands come first.
    real::ask(&mut stays, get("/"));
    let mut waits = live.connect();
    ask(&mut waits);
    real::ask(&mut stays, get("/"));
    assert_eq!(live.handle.listeners()[0].connections, 1, "it waits in the backlog");
    live.handle.resume_listening(0).unwrap();
    assert!(real::ask(&mut waits, "").ends_with("0 None"), "it was accepted");
    assert_eq!(live.handle.listeners()[0].state, ListenerState::Listening);
}

#[test]
fn l7_an_address_that_was_taken_meanwhile_is_reported() {
    let notes = Notes::default();
    let (live, mut admin) = two_listeners(&notes);
    live.handle.stop_listening(0).unwrap();
    real::ask(&mut admin, get("/"));
    let mut thief = None;
    real::wait_until(|| {
        thief = TcpListener::bind(live.addrs[0]).ok();
        thief.is_some()
    });
    live.handle.resume_listening(0).unwrap();
    real::wait_until(|| live.handle.listeners()[0].state == ListenerState::Stopped);
    assert!(notes.0.has("listener 0 AddrInUse"));
    drop(thief);
    live.handle.resume_listening(0).unwrap();
    real::wait_until(|| TcpStream::connect(live.addrs[0]).is_ok());
}

/// The public listener is paused and resumed, whatever it is called.
fn check_pause<'n>(which: impl Into<WhichListener<'n>> + Copy) {
    let (live, mut admin) = two_listeners(&Notes::default());
    live.handle.pause_listening(which).unwrap();
    let mut waits = live.connect();
    ask(&mut waits);
    for _ in 0..3 {
        // The server has answered another connection since, so it has seen everything that was ready.
        real::ask(&mut admin, get("/"));
        assert!(real::is_silent(&waits));
    }
    assert_eq!(live.handle.listeners()[0].state, ListenerState::Paused);
    live.handle.resume_listening(which).unwrap();
    assert!(real::read_answer(&mut waits).ends_with(r#"0 Some("public")"#));
    assert!(real::ask(&mut live.connect(), get("/")).ends_with(r#"0 Some("public")"#));
}

#[test]
fn l11_a_paused_listener_lets_new_connections_wait() {
    check_pause(0);
    check_pause("public");
    check_pause(..);
}

#[test]
fn l12_a_paused_listener_is_stopped_by_a_shutdown() {
    let (mut live, admin) = two_listeners(&Notes::default());
    live.handle.pause_listening(..).unwrap();
    let mut waits = live.connect();
    drop(admin);
    live.handle.shutdown(jackfield::Drain::default());
    live.join().unwrap();
    assert!(real::is_gone(&mut waits));
}

#[test]
fn l12_each_change_of_state_is_reported_once() {
    let notes = Notes::default();
    let builder = Server::builder().listen("127.0.0.1:0").reactors(2).observer(notes.clone());
    let mut live = Live::serve(builder, Named::at);
    real::ask(&mut live.connect(), get("/"));
    for _ in 0..2 {
        live.handle.shutdown(jackfield::Drain::default());
    }
    live.join().unwrap();
    let expected = ["Starting Running", "started", "Running Draining", "Draining Stopped", "stopped"];
    assert_eq!(notes.0.take(), expected);
    // One that never served.
    drop(Server::builder().listen("127.0.0.1:0").observer(notes.clone()).bind().unwrap());
    assert_eq!(notes.0.take(), ["Starting Stopped"]);
}

#[test]
fn l16_failed_accepts_are_reported_once_a_second() {
    let notes = Notes::default();
    let options = TestOptions { observer: Arc::new(notes.clone()), ..TestOptions::default() };
    let mut lab = Lab::with_options(options, Probe::default);
    let millisecond = SECOND / 1000;
    for (pause, told) in
        [(Duration::ZERO, 1), (millisecond * 999, 0), (millisecond, 1), (millisecond, 0), (SECOND, 1)]
    {
        lab.advance(pause);
        for _ in 0..10 {
            lab.server.fail_accept(listener::LINES, &ErrorKind::OutOfMemory.into());
        }
        assert_eq!(notes.0.take(), vec!["listener 2 OutOfMemory"; told], "after {pause:?}");
    }
    assert_eq!(lab.server.handle().metrics().accept_errors, 50, "all are counted");
}

fn at_most(connections: usize, when_full: WhenFull) -> Limits {
    let mut limits = Limits::default();
    (limits.connections_max, limits.when_full) = (connections, when_full);
    limits
}

#[test]
fn c16_a_new_connection_to_a_full_server_waits() {
    let mut lab = Lab::with_limits(at_most(2, WhenFull::Wait), Probe::default);
    let (one, two) = (lab.connect(), lab.connect());
    let (three, four) = (lab.connect(), lab.connect_to(listener::LINES));
    assert!(lab.say(&three, get("/")).is_empty() && lab.say(&four, "line\n").is_empty());
    assert_eq!((lab.log.count("connect"), lab.log.count("refused Full")), (2, 0));
    one.reset();
    lab.run();
    assert_eq!(statuses(&three.take()), [200], "in the order in which they came");
    assert!(four.take().is_empty());
    two.finish();
    lab.run();
    assert_eq!(four.take(), b"line\n");
    lab.server.handle().pause_listening(listener::HTTP).unwrap();
    three.reset();
    let five = lab.connect();
    assert!(lab.say(&five, get("/")).is_empty(), "there is room, but its listener is paused");
    lab.server.handle().resume_listening(listener::HTTP).unwrap();
    lab.run();
    assert_eq!(statuses(&five.take()), [200]);
}

#[test]
fn l11_a_listener_pauses_by_itself_at_its_limit() {
    let few = Listener::tcp("127.0.0.1:0").limits(|limits| {
        (limits.connections_max, limits.when_full) = (1, WhenFull::Wait);
    });
    let builder = Server::builder().listen(few).listen("127.0.0.1:0").reactors(2);
    let live = Live::serve(builder, Named::at);
    let mut first = live.connect();
    real::ask(&mut first, get("/"));
    let mut waits = live.connect();
    ask(&mut waits);
    let mut other = real::connect(live.addrs[1]);
    assert!(real::ask(&mut other, get("/")).ends_with("1 None"), "the other one goes on");
    assert!(real::is_silent(&waits));
    drop(first);
    assert!(real::read_answer(&mut waits).ends_with("0 None"));
    assert_eq!(live.handle.metrics().refused, 0);
}

/// The fault: reactors with their own sockets were all woken for one place, and all but one refused the connection that they
/// had accepted for it.
#[test]
fn c16_reactors_that_wait_for_one_place_refuse_nobody() {
    let one = Listener::tcp(real::own_addr(1)).each_reactor(true).limits(|limits| {
        (limits.connections_max, limits.when_full) = (1, WhenFull::Wait);
    });
    let live = Live::serve(Server::builder().listen(one).reactors(4), Named::at);
    let request = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..25 {
                    assert_eq!(statuses(real::ask(&mut live.connect(), request).as_bytes()), [200]);
                }
            });
        }
    });
    assert_eq!(live.handle.metrics().refused, 0);
}

/// The fault: reactors that held connections for which there was no room told each other of room in turns without an end.
#[test]
fn c16_who_waits_for_a_place_does_not_keep_the_server_busy() {
    for _ in 0..5 {
        let one = Listener::tcp(real::own_addr(1)).each_reactor(true).limits(|limits| {
            (limits.connections_max, limits.when_full) = (1, WhenFull::Wait);
        });
        let live = Live::serve(Server::builder().listen(one).reactors(4), Named::at);
        let mut first = live.connect();
        real::ask(&mut first, get("/"));
        let waiting: Vec<TcpStream> = (0..16).map(|_| live.connect()).collect();
        waiting.iter().for_each(|mut stream| stream.write_all(get("/").as_bytes()).unwrap());
        drop(first);
        // One of them gets the place, and keeps it.
        real::wait_until(|| waiting.iter().any(|stream| !real::is_silent(stream)));
        let before = live.handle.metrics().turns;
        std::thread::sleep(Duration::from_millis(100));
        let turns = live.handle.metrics().turns - before;
        assert!(turns < 1000, "{turns} turns in which nothing happened");
    }
}

#[test]
fn c16_a_new_connection_takes_the_place_of_an_idle_one() {
    let mut lab = Lab::with_limits(at_most(3, WhenFull::EvictIdle), Probe::default);
    let socket = lab.websocket();
    let (older, newer) = (lab.connect(), lab.connect());
    for far in [&older, &newer] {
        lab.advance(SECOND);
        assert_eq!(statuses(&lab.say(far, get("/"))), [200]);
    }
    lab.log.take();
    let mut fresh = lab.connect();
    assert!(older.has_server_finished() && !newer.has_server_finished());
    assert_eq!(statuses(&lab.say(&fresh, get("/"))), [200]);
    assert!(lab.log.has("disconnect Limit(Connections)"), "{:?}", lab.log.events());
    assert_eq!(lab.server.handle().count(), 3);
    for _ in 0..200 {
        lab.advance(SECOND / 100);
        fresh = lab.connect();
        assert_eq!(statuses(&lab.say(&fresh, get("/"))), [200]);
        assert_eq!(lab.server.handle().count(), 3);
    }
    assert!(!socket.has_server_finished(), "a WebSocket is never idle in this sense");
}

#[test]
fn c16_if_no_connection_is_idle_the_new_one_is_refused() {
    let mut lab = Lab::with_limits(at_most(2, WhenFull::EvictIdle), Probe::default);
    let (_socket, _events) = (lab.websocket(), lab.events());
    let late = lab.connect();
    assert_eq!(statuses(&late.take()), [503]);
    assert_eq!((lab.log.count("refused Full"), lab.server.handle().count()), (1, 2));
}

/// Of 64 places the connection that was idle longest goes, and the next connection looks at the 64 after them.
#[test]
fn c16_the_idlest_of_64_places_is_replaced() {
    const ALL: usize = 130;
    let mut lab = Lab::with_limits(at_most(ALL, WhenFull::EvictIdle), Probe::default);
    let ends: Vec<_> = (0..ALL).map(|_| lab.connect()).collect();
    // From the one that was idle longest to the others.
    let speaks = [vec![100], vec![30], (0..ALL).filter(|at| ![30, 100].contains(at)).collect()];
    for some in speaks {
        lab.advance(SECOND);
        some.into_iter().for_each(|at: usize| assert_eq!(statuses(&lab.say(&ends[at], get("/"))), [200]));
    }
    for expected in [30, 100] {
        lab.advance(SECOND);
        let _fresh = lab.connect();
        let gone: Vec<_> = (0..ALL).filter(|at| ends[*at].has_server_finished()).collect();
        assert_eq!(gone.last(), Some(&expected), "{gone:?}");
        assert_eq!(lab.server.handle().count(), ALL);
    }
}

/// An idle connection behind 1,024 places that are not idle is not found at once; the next connection looks behind them.
#[test]
fn c16_no_more_than_1024_places_are_looked_at() {
    const BUSY: usize = 1100;
    let mut lab = Lab::with_limits(at_most(BUSY + 1, WhenFull::EvictIdle), Probe::default);
    let _sockets: Vec<_> = (0..BUSY).map(|_| lab.websocket()).collect();
    let idle = lab.connect();
    lab.advance(SECOND);
    let refused = lab.connect();
    assert_eq!((statuses(&refused.take()), idle.has_server_finished()), (vec![503], false));
    let fresh = lab.connect();
    assert_eq!((statuses(&lab.say(&fresh, get("/"))), idle.has_server_finished()), (vec![200], true));
    assert_eq!((lab.log.count("refused Full"), lab.server.handle().count()), (1, BUSY + 1));
}

#[test]
fn c16_a_full_listener_takes_no_place_of_another() {
    let few = || {
        Listener::tcp("127.0.0.1:0").limits(|limits| {
            (limits.connections_max, limits.when_full) = (1, WhenFull::EvictIdle);
        })
    };
    let live = Live::serve(Server::builder().listen(few()).listen(few()).reactors(1), Named::at);
    let open = |listener: usize| {
        let mut stream = real::connect(live.addrs[listener]);
        assert!(real::ask(&mut stream, get("/")).ends_with(&format!("{listener} None")));
        stream
    };
    let (mut first, mut other) = (open(0), open(1));
    let mut second = open(0);
    assert!(real::is_gone(&mut first));
    assert!(real::ask(&mut other, get("/")).ends_with("1 None"));
    assert!(real::ask(&mut second, get("/")).ends_with("0 None"));
}

#[test]
fn l2_listeners_are_listed_with_their_addresses() {
    let mut seen: Vec<SocketAddr> = Vec::new();
    let live =
        Live::serve(Server::builder().listen("localhost:0").listen("127.0.0.1:0").reactors(1), Named::at);
    for listener in live.handle.listeners() {
        assert_eq!(listener.state, ListenerState::Listening);
        seen.extend(listener.addrs.iter().filter_map(Addr::as_ip));
    }
    assert_eq!(seen, live.addrs);
}
