//! The watchdog, on real threads. When it tells of what is tested with virtual time where it stands; here every callback
//! is held up until the test has seen enough.

use crate::support;
use jackfield::{
    Client, Connection, ConnectionId, Exchange, Limits, Listener, Message, Observer, Peer, Raw, Request,
    Server, ServerBuilder, SlowCallback, TimerId, WebSocket,
};
use std::collections::HashMap;
use std::io::Write;
use std::net::TcpStream;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;
use support::real::{self, Live};
use support::{get, socket};

/// Slow for these tests. A callback that is held up runs until the test lets it go on, however long that takes.
const SLOW: Duration = Duration::from_millis(100);

/// Is held up wherever it is asked to be.
struct Sleeper {
    begun: mpsc::Sender<ConnectionId>,
    /// One value for each callback that may go on.
    go_on: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Sleeper {
    fn wait(&self, connection: &Connection<'_>) {
        self.begun.send(connection.id()).unwrap();
        // The test may be over, and the sender gone.
        let _ = self.go_on.lock().unwrap().recv();
    }
}

impl Client for Sleeper {
    fn on_request(&mut self, mut exchange: Exchange<'_>, request: &Request<'_>) {
        match request.path() {
            "/wait" => self.wait(&exchange),
            "/timer" => exchange.set_timer(TimerId(1), Duration::from_millis(1)),
            _ => {}
        }
        let reactor = exchange.id().reactor();
        exchange.ok("text/plain", reactor.to_string());
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, _message: Message<'_>) {
        self.wait(socket);
    }

    fn on_line(&mut self, raw: &mut Raw<'_>, _line: &[u8]) {
        self.wait(raw);
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, _timer: TimerId) {
        self.wait(connection);
    }
}

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<SlowCallback>>>);

impl Told {
    fn wait(&self, count: usize) -> Vec<SlowCallback> {
        real::wait_until(|| self.0.lock().unwrap().len() >= count);
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Observer for Told {
    fn on_slow_callback(&self, slow: &SlowCallback) {
        self.0.lock().unwrap().push(*slow);
    }
}

struct Stage {
    /// Before the server, which waits for its callbacks when it ends.
    go_on: mpsc::Sender<()>,
    live: Live,
    told: Told,
    begun: mpsc::Receiver<ConnectionId>,
}

impl Stage {
    fn new(reactors: usize, adjust: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        let told = Told::default();
        let limits = Limits::default().with(|limits| {
            limits.callback_slow = SLOW;
            limits.callback_stall = SLOW * 4;
        });
        let (begin, begun) = mpsc::channel();
        let (go_on, waiting) = mpsc::channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let builder = Server::builder()
            .listen("127.0.0.1:0")
            .listen(Listener::tcp("127.0.0.1:0").lines())
            .reactors(reactors)
            .preset(limits)
            .observer(told.clone());
        let make = move |_peer: &Peer| Sleeper { begun: begin.clone(), go_on: waiting.clone() };
        let live = Live::serve(adjust(builder), make);
        Self { go_on, live, told, begun }
    }

    /// A connection on each reactor.
    fn on_each(&self, reactors: usize) -> Vec<TcpStream> {
        let mut found = HashMap::new();
        while found.len() < reactors {
            let mut stream = self.live.connect();
            let reactor: usize =
                real::ask(&mut stream, get("/")).rsplit('\n').next().unwrap().parse().unwrap();
            found.insert(reactor, stream);
        }
        (0..reactors).map(|reactor| found.remove(&reactor).unwrap()).collect()
    }
}

#[track_caller]
fn check(name: &str, listener: usize, said: &[&[u8]], answer: usize) {
    let stage = Stage::new(2, |builder| builder);
    let mut stream = real::connect(stage.live.addrs[listener]);
    let [before @ .., last] = said else { panic!("something must be said") };
    for words in before {
        stream.write_all(words).unwrap();
        // Apart from each other: what is said in one read is another matter.
        real::read_exactly(&mut stream, answer);
    }
    stream.write_all(last).unwrap();
    let id = stage.begun.recv_timeout(real::LONG).unwrap();
    let told = stage.told.wait(2);
    let [slow, stalled] = told[..] else { panic!("{told:?}") };
    for slow in [slow, stalled] {
        assert_eq!((slow.callback, slow.connection, slow.reactor), (name, id, id.reactor()));
    }
    assert!(!slow.is_stalled && slow.running >= SLOW, "{slow:?}");
    assert!(stalled.is_stalled && stalled.running >= SLOW * 4, "{stalled:?}");
    let metrics = stage.live.handle.metrics();
    assert_eq!((metrics.slow_callbacks, metrics.stalled_callbacks), (1, 1));
    stage.go_on.send(()).unwrap();
}

#[test]
fn n11_a_request_that_takes_long_is_reported_with_its_name() {
    check("on_request", 0, &[get("/wait").as_bytes()], 0);
}

#[test]
fn n11_a_slow_on_message_is_reported() {
    check("on_message", 0, &[socket::UPGRADE.as_bytes(), &socket::text("x")], socket::SWITCHED.len());
}

#[test]
fn n11_a_slow_on_line_is_reported() {
    check("on_line", 1, &[b"x\n"], 0);
}

#[test]
fn n11_a_slow_on_timer_is_reported() {
    check("on_timer", 0, &[get("/timer").as_bytes()], 0);
}

#[test]
fn n11_other_reactors_accept_while_the_accepting_one_is_blocked() {
    let stage = Stage::new(3, |builder| builder);
    let mut streams = stage.on_each(3);
    // Nobody is served by luck: the first reactor has fewer connections than the others.
    let _more: Vec<Vec<TcpStream>> = (0..4).map(|_| stage.on_each(3)).collect();
    streams[0].write_all(get("/wait").as_bytes()).unwrap();
    stage.begun.recv_timeout(real::LONG).unwrap();
    stage.told.wait(1);
    // All the time that the first reactor does nothing.
    for _ in 0..10 {
        let answer = real::ask(&mut stage.live.connect(), get("/"));
        assert!(!answer.ends_with("\n0"), "a newcomer waits for the reactor that is held up");
        for other in &mut streams[1..] {
            real::ask(other, get("/"));
        }
    }
    stage.go_on.send(()).unwrap();
    // Afterwards all is as before: the first reactor accepts, and takes new connections.
    real::read_answer(&mut streams[0]);
    real::wait_until(|| real::ask(&mut stage.live.connect(), get("/")).ends_with("\n0"));
}

#[test]
fn n11_a_third_reactor_accepts_if_the_second_is_blocked_too() {
    let stage = Stage::new(3, |builder| builder);
    let mut streams = stage.on_each(3);
    for stream in &mut streams[..2] {
        stream.write_all(get("/wait").as_bytes()).unwrap();
    }
    let is_told_of = |reactor| stage.told.0.lock().unwrap().iter().any(|slow| slow.reactor == reactor);
    real::wait_until(|| is_told_of(0) && is_told_of(1));
    // Both are still held up.
    assert!(real::ask(&mut stage.live.connect(), get("/")).ends_with("\n2"));
    stage.go_on.send(()).unwrap();
    stage.go_on.send(()).unwrap();
}

#[test]
fn n11_a_single_reactor_has_a_watchdog_only_if_asked_for() {
    for (asked, threads) in [(None, 0), (Some(true), 1), (Some(false), 0)] {
        let adjust = |builder: ServerBuilder| match asked {
            Some(watches) => builder.watchdog(watches),
            None => builder,
        };
        let stage = Stage::new(1, adjust);
        let mut stream = stage.live.connect();
        stream.write_all(get("/wait").as_bytes()).unwrap();
        stage.begun.recv_timeout(real::LONG).unwrap();
        if threads == 0 {
            // Long enough to be reported by a watchdog.
            thread::sleep(SLOW * 3);
        } else {
            stage.told.wait(1);
        }
        stage.go_on.send(()).unwrap();
        real::read_answer(&mut stream);
        assert_eq!(stage.live.handle.metrics().slow_callbacks, threads, "{asked:?}");
    }
}
