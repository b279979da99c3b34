//! Listeners and the life of a server.

use crate::support;
use jackfield::test::{TestOptions, listener};
use jackfield::{
    Client, Connection, Disconnect, Drain, Error, Exchange, Handle, Limits, Listener, Observer, Reply,
    Request, Server, ServerBuilder, ServerState,
};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use support::probe::{Log, Probe, Watcher};
use support::real::{self, Live};
use support::{Lab, get, socket, statuses, text};

const SECOND: Duration = Duration::from_secs(1);

/// Says which listener it came to.
struct Which;

impl Client for Which {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        let listener = exchange.listener();
        exchange.ok("text/plain", format!("listener {listener}"));
    }
}

#[test]
fn l1_port_0_is_a_real_port_before_the_server_starts() {
    let server = Server::bind("127.0.0.1:0").unwrap();
    assert_ne!(server.local_addr().port(), 0);
    assert_eq!(server.handle().state(), ServerState::Starting);
    // It is bound: a peer that connects now is served later.
    let mut early = real::connect(server.local_addr());
    early.write_all(get("/").as_bytes()).unwrap();
    let _live = Live::run(server, |server| server.serve(|_peer| Which));
    assert!(real::read_answer(&mut early).ends_with("listener 0"));
}

#[test]
fn l1_addresses_may_be_v4_v6_or_a_name() {
    let v6 = TcpListener::bind("[::1]:0").is_ok();
    for addr in ["127.0.0.1:0", "[::1]:0", "localhost:0"] {
        if addr.starts_with('[') && !v6 {
            println!("skipped: this machine has no IPv6");
            continue;
        }
        let live = Live::serve(Server::builder().listen(addr).reactors(1), |_peer| Which);
        assert!(real::ask(&mut live.connect(), get("/")).ends_with("listener 0"));
        assert_eq!(live.addr().is_ipv6(), addr.starts_with('['));
    }
}

#[test]
fn l2_the_factory_and_the_client_know_their_listener() {
    let builder = Server::builder().listen("127.0.0.1:0").listen("127.0.0.1:0").reactors(1);
    let seen = Log::default();
    let notes = seen.clone();
    let live = Live::serve(builder, move |peer| {
        notes.note(format!("peer of {}", peer.listener()));
        Which
    });
    for index in [1, 0] {
        let mut stream = real::connect(live.addrs[index]);
        assert!(real::ask(&mut stream, get("/")).ends_with(&format!("listener {index}")));
    }
    assert_eq!(seen.events(), ["peer of 1", "peer of 0"]);
}

#[test]
fn l5_a_listener_keeps_1024_connections_waiting() {
    assert_eq!(jackfield::reactor::BACKLOG, 1024);
    let clamp = std::fs::read_to_string("/proc/sys/net/core/somaxconn");
    let clamp = clamp.ok().and_then(|clamp| clamp.trim().parse().ok()).unwrap_or(128);
    // A slow build that accepts so many in a turn is no overload here.
    let builder = Server::builder().listen("127.0.0.1:0").limits(|limits| limits.lag_target = Duration::ZERO);
    let server = builder.bind().unwrap();
    // Fewer than half of the descriptors that a process usually may open: both ends are in this one.
    let newcomers = 400.min(clamp);
    // Nobody accepts. One that did not fit would not be connected.
    let streams: Vec<_> = (0..newcomers).map(|_| real::connect(server.local_addr())).collect();
    let mut live = Live::run(server, |server| server.serve(|_peer| Which));
    for mut stream in streams {
        assert!(real::ask(&mut stream, get("/")).ends_with("listener 0"));
    }
    live.handle.shutdown(Drain::now());
    live.join().unwrap();
}

#[test]
fn l6_each_listener_that_fails_is_listed_and_none_listens() {
    let taken = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
    let taken: Vec<SocketAddr> = taken.iter().map(|socket| socket.local_addr().unwrap()).collect();
    let free = TcpListener::bind(real::own_addr(1)).unwrap().local_addr().unwrap();
    let keepers: Vec<_> = taken.iter().map(TcpListener::bind).collect();
    let builder = Server::builder().listen(taken[0]).listen(free).listen(taken[1]);
    let Err(Error::Bind(failed)) = builder.bind() else { panic!("it must not bind") };
    assert_eq!(failed.iter().filter_map(|(addr, _)| addr.as_ip()).collect::<Vec<_>>(), taken);
    let error = Error::Bind(failed).to_string();
    assert!(taken.iter().all(|addr| error.contains(&addr.to_string())), "{error}");
    assert!(TcpListener::bind(free).is_ok(), "it was let go of");
    drop(keepers);
}

#[test]
fn l6_started_and_stopped_come_once_each() {
    let watcher = Watcher::default();
    let builder = Server::builder().listen("127.0.0.1:0").reactors(2).observer(watcher.clone());
    let mut live = Live::serve(builder, |_peer| Which);
    real::ask(&mut live.connect(), get("/"));
    assert_eq!(watcher.log.events(), ["started Running"]);
    live.handle.shutdown(Drain::default());
    live.handle.shutdown(Drain::default());
    live.join().unwrap();
    assert_eq!(watcher.log.events(), ["started Running", "stopped"]);
}

#[test]
fn l8_all_clients_are_told_before_the_server_has_stopped() {
    struct Told(Log);
    impl Client for Told {
        fn on_disconnect(&mut self, connection: &mut Connection<'_>, end: &Disconnect) {
            // The server is still there to be called.
            assert_eq!(connection.handle().state(), ServerState::Draining);
            self.0.note(format!("disconnect {:?}", end.reason));
        }
    }
    struct Seen(Log);
    impl Observer for Seen {
        fn on_stopped(&self) {
            self.0.note("stopped");
        }
    }
    let log = Log::default();
    let clients = log.clone();
    let builder = Server::builder().listen(real::own_addr(2)).reactors(2).observer(Seen(log.clone()));
    let mut live = Live::serve(builder, move |_peer| Told(clients.clone()));
    let mut streams: Vec<_> = (0..10).map(|_| live.connect()).collect();
    // Each is with its reactor, and not on the way to it.
    real::wait_until(|| live.handle.ids().len() == 10);
    live.handle.shutdown(Drain::now());
    live.join().unwrap();
    let events = log.events();
    assert_eq!(events.len(), 11, "{events:?}");
    assert!(events[..10].iter().all(|event| event == "disconnect Shutdown"), "{events:?}");
    assert_eq!(events[10], "stopped");
    assert!(streams.iter_mut().all(real::is_gone));
    assert!(TcpStream::connect(live.addr()).is_err(), "nobody listens any more");
}

thread_local! {
    static KEPT: std::cell::RefCell<Vec<Reply>> = const { std::cell::RefCell::new(Vec::new()) };
}

#[test]
fn l9_all_connections_are_drained() {
    assert_eq!(Drain::default(), Drain::within(SECOND * 30).with_close_code(1001));
    let mut lab = Lab::new(|| Probe {
        on_request: |_, exchange, request| match request.path() {
            "/later" => KEPT.with_borrow_mut(|kept| kept.push(exchange.defer())),
            _ => {
                exchange.events();
            }
        },
        ..Probe::default()
    });
    let (idle, later, events, socket) = (lab.connect(), lab.connect(), lab.events(), lab.websocket());
    lab.say(&later, get("/later").repeat(2));
    lab.server.handle().shutdown(Drain::default());
    lab.run();
    assert!(idle.has_server_finished() && text(&idle.take()).is_empty());
    assert!(events.has_server_finished());
    let frames = socket::frames(&socket.take());
    assert_eq!((frames.len(), frames[0].code(), socket.has_server_finished()), (1, Some(1001), false));
    // The answer that is owed is given, and says that it is the last.
    assert!(!later.has_server_finished());
    KEPT.with_borrow_mut(|kept| kept.remove(0)).respond(200, "text/plain", "last");
    lab.run();
    let answer = text(&later.take());
    assert!(answer.contains("\r\nConnection: close\r\n") && answer.ends_with("last"), "{answer}");
    assert_eq!(statuses(answer.as_bytes()).len(), 1);
    // The closing handshake ends.
    lab.say(&socket, socket::close(1001, ""));
    assert!(socket.has_server_finished());
    assert_eq!(lab.server.handle().state(), ServerState::Draining);
    for far in [&idle, &later, &events, &socket] {
        far.finish();
    }
    lab.run();
    assert_eq!(lab.connections(), 0);
}

#[test]
fn l9_a_request_whose_body_is_still_coming_is_answered() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.connect();
    // The head is there already, the body comes during the drain.
    lab.say(&far, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n");
    lab.server.handle().shutdown(Drain::default());
    lab.run();
    assert!(!far.has_server_finished(), "the request has begun");
    let answer = lab.ask(&far, "body");
    assert!(answer.contains("\r\nConnection: close\r\n") && answer.ends_with("POST / body"), "{answer}");
    assert!(far.has_server_finished());
}

/// Keeps its reactor busy, if it is asked to, until the test lets it go on.
#[derive(Clone)]
struct Busy(Log, Arc<Mutex<mpsc::Receiver<()>>>);

impl Client for Busy {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        if request.path() == "/wait" {
            self.0.note("busy");
            // If the test has failed, the sender is gone.
            let _ = self.1.lock().unwrap().recv_timeout(real::LONG);
        }
        exchange.ok("text/plain", "done");
    }
}

#[test]
fn l9_no_request_from_before_the_drain_is_lost() {
    let log = Log::default();
    let (go_on, waiting) = mpsc::channel();
    let client = Busy(log.clone(), Arc::new(Mutex::new(waiting)));
    let builder = Server::builder().listen("127.0.0.1:0").reactors(2);
    let live = Live::serve(builder, move |_peer| client.clone());
    // One connection on each reactor.
    let mut first = [live.connect(), live.connect()];
    for stream in &mut first {
        real::ask(stream, get("/"));
    }
    first[1].write_all(get("/wait").as_bytes()).unwrap();
    real::wait_until(|| log.has("busy"));
    // Half of these are handed to the reactor that is busy. It gets them and the end at the same time.
    let mut newcomers: Vec<TcpStream> = (0..20).map(|_| live.connect()).collect();
    for newcomer in &mut newcomers {
        newcomer.write_all(get("/").repeat(2).as_bytes()).unwrap();
    }
    real::wait_until(|| live.handle.count() == 22);
    // The first reactor accepts, and has handed over all of them when it answers.
    real::ask(&mut first[0], get("/"));
    live.handle.shutdown(Drain::default());
    go_on.send(()).unwrap();
    for newcomer in &mut newcomers {
        let answers = real::read_to_end(newcomer);
        // A client that reads `Connection: close` in an answer knows that no further answer comes.
        let answered = statuses(answers.as_bytes()).len();
        assert!(answered == 2 || (answered == 1 && answers.contains("Connection: close")), "{answers:?}");
    }
    assert!(real::read_to_end(&mut first[1]).ends_with("done"));
}

#[test]
fn l9_at_the_deadline_the_rest_is_aborted() {
    let mut lab = Lab::new(|| Probe {
        on_request: |_, exchange, _| KEPT.with_borrow_mut(|kept| kept.push(exchange.defer())),
        ..Probe::default()
    });
    let far = lab.connect();
    lab.say(&far, get("/"));
    lab.server.handle().shutdown(Drain::default());
    lab.advance(SECOND * 30 - Duration::from_millis(1));
    assert!(!far.is_reset());
    lab.advance(Duration::from_millis(1));
    assert!(far.is_reset());
    assert!(lab.log.has("disconnect Shutdown"), "{:?}", lab.log.events());
    assert_eq!(lab.connections(), 0);
}

#[test]
fn l9_an_earlier_deadline_counts_and_new_connections_are_refused() {
    let mut lab = Lab::new(Probe::default);
    let far = lab.websocket();
    lab.server.handle().shutdown(Drain::default());
    lab.run();
    assert_eq!(text(&lab.connect_to(listener::RAW).take()), "");
    assert_eq!(lab.log.count("connect"), 1);
    lab.server.handle().shutdown(Drain::now());
    lab.run();
    assert!(far.is_reset());
    assert_eq!((lab.connections(), lab.server.handle().count()), (0, 0));
}

#[test]
fn l12_the_state_is_known_on_any_thread() {
    let server = Server::bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let state = |handle: &Handle| {
        let handle = handle.clone();
        std::thread::spawn(move || handle.state()).join().unwrap()
    };
    assert_eq!(state(&handle), ServerState::Starting);
    let mut live = Live::run(server, |server| server.serve(|_peer| Probe::default()));
    let mut stream = live.connect();
    stream.write_all(socket::UPGRADE.as_bytes()).unwrap();
    real::read_exactly(&mut stream, socket::SWITCHED.len());
    assert_eq!(state(&handle), ServerState::Running);
    handle.shutdown(Drain::default());
    assert_eq!(state(&handle), ServerState::Draining);
    stream.write_all(&socket::close(1001, "")).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    drop(stream);
    live.join().unwrap();
    assert_eq!(state(&handle), ServerState::Stopped);
    handle.shutdown(Drain::default());
    assert_eq!(state(&handle), ServerState::Stopped, "it never goes back");
}

#[test]
fn l17_several_servers_live_in_one_process() {
    let one = Live::serve(Server::builder().listen("127.0.0.1:0").reactors(1), |_peer| Which);
    let mut two =
        Live::serve(Server::builder().listen(Listener::tcp("127.0.0.1:0").lines()).reactors(1), |_peer| {
            Probe::default()
        });
    let mut lines = two.connect();
    lines.write_all(b"x\n").unwrap();
    assert_eq!(real::read_exactly(&mut lines, 2), b"x\n");
    assert_eq!((one.handle.count(), two.handle.count()), (0, 1));
    two.handle.shutdown(Drain::now());
    two.join().unwrap();
    assert!(real::ask(&mut one.connect(), get("/")).ends_with("listener 0"));
    assert_eq!((one.handle.state(), two.handle.state()), (ServerState::Running, ServerState::Stopped));
}

#[test]
fn l8_a_drain_without_connections_ends_immediately() {
    let mut live = Live::serve(Server::builder().listen("127.0.0.1:0"), |_peer| Which);
    // Who waited for the deadline would be too late.
    live.handle.shutdown(Drain::within(real::LONG * 10));
    real::wait_until(|| live.handle.state() == ServerState::Stopped);
    live.join().unwrap();
}

/// What `bind` says of options with which it does not bind.
fn faults(builder: ServerBuilder) -> Vec<String> {
    match builder.bind() {
        Err(Error::Options(faults)) => faults,
        other => panic!("{other:?}"),
    }
}

#[test]
fn l18_limits_compose_in_any_order() {
    let most = |live: &Live, addr: usize| {
        let mut held = Vec::new();
        loop {
            let mut stream = real::connect(live.addrs[addr]);
            if real::ask(&mut stream, get("/")).starts_with("HTTP/1.1 503") {
                return held.len();
            }
            held.push(stream);
        }
    };
    let narrow = || Listener::tcp("127.0.0.1:0").limits(|limits| limits.connections_max = 2);
    let server = |limits: &mut Limits| limits.connections_max = 5;
    let orders = [
        Server::builder().limits(server).listen(narrow()).listen("127.0.0.1:0").preset(Limits::lan()),
        Server::builder().preset(Limits::lan()).listen(narrow()).listen("127.0.0.1:0").limits(server),
    ];
    for builder in orders {
        let live = Live::serve(builder.limits(|limits| limits.topics_max = 7), |_peer| Which);
        assert_eq!(most(&live, 0), 2, "the listener's own");
        // Those of the first are closed by now, or count for the second as well.
        assert!((3..=5).contains(&most(&live, 1)), "the server's");
    }
}

#[test]
fn l18_a_listener_has_its_own_timeouts() {
    let listener = |seconds| {
        Listener::tcp("in memory").limits(move |limits| limits.http_idle = Duration::from_secs(seconds))
    };
    let listeners = vec![listener(5), listener(20), Listener::tcp("in memory")];
    let mut lab = Lab::with_options(TestOptions { listeners, ..TestOptions::default() }, Probe::default);
    let fars = [0, 1, 2].map(|index| lab.connect_to(index));
    for far in &fars {
        lab.say(far, get("/"));
    }
    for (seconds, ended) in [(4, 0), (1, 1), (14, 1), (1, 2), (54, 2), (1, 3)] {
        lab.advance(Duration::from_secs(seconds));
        assert_eq!(fars.iter().filter(|far| far.has_server_finished()).count(), ended);
    }
}

#[test]
fn l18_a_listener_has_its_own_sizes() {
    let listener = |bytes| Listener::tcp("127.0.0.1:0").limits(move |limits| limits.body_bytes_max = bytes);
    let live = Live::serve(Server::builder().listen(listener(3)).listen(listener(4)), |_peer| Which);
    let post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody";
    let answers = [0, 1].map(|index| real::ask(&mut real::connect(live.addrs[index]), post));
    assert!(answers[0].starts_with("HTTP/1.1 413") && answers[1].ends_with("listener 1"), "{answers:?}");
}

#[test]
fn l18_two_calls_for_one_listener_both_count() {
    let listener = Listener::tcp("in memory")
        .limits(|limits| limits.body_bytes_max = 3)
        .limits(|limits| limits.http.headers_max = 2);
    let options = TestOptions { listeners: vec![listener], ..TestOptions::default() };
    let mut lab = Lab::with_options(options, Probe::default);
    for (line, body, status) in [("", "bod", 200), ("", "body", 413), ("X: y\r\n", "bod", 431)] {
        let length = body.len();
        let post = format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n{line}\r\n{body}");
        let far = lab.connect_to(0);
        assert_eq!(statuses(&lab.say(&far, post)), [status]);
    }
}

#[test]
fn l18_limits_that_a_listener_can_not_have_are_reported() {
    let wrong = Listener::tcp("127.0.0.1:0").lines().limits(|limits| {
        limits.memory_bytes_max = 7;
        limits.mailbox_bytes_max = 7;
        limits.reactor.read_bytes *= 2;
        limits.http_idle = Duration::from_secs(1);
        limits.line_bytes_max = 0;
    });
    let faults = faults(Server::builder().listen(wrong).preset(Limits::lan()).preset(Limits::lan()));
    let words =
        ["preset", "line_bytes_max", "memory_bytes_max", "mailbox_bytes_max", "read_bytes", "http_idle"];
    for word in words {
        assert!(faults.iter().any(|fault| fault.contains(word)), "{word} is not in {faults:#?}");
    }
    assert_eq!(faults.len(), words.len(), "{faults:#?}");
}

#[test]
fn l19_a_name_binds_each_of_its_addresses_at_one_port() {
    let resolved: Vec<SocketAddr> = ("localhost", 0).to_socket_addrs().unwrap().collect();
    let live = Live::serve(Server::builder().listen("localhost:0").listen("127.0.0.1:0"), |_peer| Which);
    let (last, of_name) = live.addrs.split_last().unwrap();
    assert!(
        !of_name.is_empty() && of_name.iter().all(|addr| addr.port() == of_name[0].port()),
        "{of_name:?}"
    );
    assert!(of_name.iter().all(|addr| resolved.iter().any(|known| known.ip() == addr.ip())), "{of_name:?}");
    // What the machine has no address for was left out, and nothing else.
    let has = |addr: &&SocketAddr| TcpListener::bind((addr.ip(), 0)).is_ok();
    assert_eq!(of_name.len(), resolved.iter().filter(has).count());
    for addr in of_name {
        assert!(real::ask(&mut real::connect(*addr), get("/")).ends_with("listener 0"));
    }
    assert!(real::ask(&mut real::connect(*last), get("/")).ends_with("listener 1"));
}

#[test]
fn l19_an_ipv6_listener_takes_ipv4_if_it_is_asked_to() {
    if TcpListener::bind("[::1]:0").is_err() {
        println!("skipped: this machine has no IPv6");
        return;
    }
    for dual_stack in [false, true] {
        let live =
            Live::serve(Server::builder().listen(Listener::tcp("[::]:0").dual_stack(dual_stack)), |_peer| {
                Which
            });
        let v4 = TcpStream::connect(("127.0.0.1", live.addr().port()));
        assert!(v4.is_ok() || !dual_stack);
        let mut v6 = real::connect(("::1".parse::<IpAddr>().unwrap(), live.addr().port()).into());
        assert!(real::ask(&mut v6, get("/")).ends_with("listener 0"));
        // Over IPv4 another program may have the same port.
        real::wait_until(|| live.handle.count() == 1 + usize::from(dual_stack));
    }
}
