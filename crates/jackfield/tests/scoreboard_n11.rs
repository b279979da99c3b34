//! The stall sentinel, on real threads. When it tells of what is tested with virtual time where it stands; here the spans
//! are long enough for a busy machine.

mod support;

use jackfield::{
    Client, Connection, ConnectionId, Exchange, Limits, Listener, Message, Observer, Raw, Request, Server,
    ServerBuilder, SlowCallback, TimerId, WebSocket,
};
use std::collections::HashMap;
use std::io::Write;
use std::net::TcpStream;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use support::real::{self, Live};
use support::{get, socket};

const MS: Duration = Duration::from_millis(1);
/// Slow for these tests.
const SLOW: Duration = Duration::from_millis(100);
/// How long a callback sleeps.
const NAP: Duration = Duration::from_millis(600);

/// Sleeps wherever it is asked to.
struct Sleeper {
    begins: mpsc::Sender<(ConnectionId, Instant)>,
}

impl Sleeper {
    fn nap(&self, connection: &Connection<'_>) {
        self.begins.send((connection.id(), Instant::now())).unwrap();
        thread::sleep(NAP);
    }
}

impl Client for Sleeper {
    fn on_request(&mut self, mut exchange: Exchange<'_>, request: &Request<'_>) {
        match request.path() {
            "/nap" => self.nap(&exchange),
            "/timer" => exchange.set_timer(TimerId(1), MS),
            _ => {}
        }
        let reactor = exchange.id().reactor();
        exchange.ok("text/plain", reactor.to_string());
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, _message: Message<'_>) {
        self.nap(socket);
    }

    fn on_line(&mut self, raw: &mut Raw<'_>, _line: &[u8]) {
        self.nap(raw);
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, _timer: TimerId) {
        self.nap(connection);
    }
}

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<(SlowCallback, Instant)>>>);

impl Told {
    fn wait(&self, count: usize) -> Vec<(SlowCallback, Instant)> {
        real::wait_until(|| self.0.lock().unwrap().len() >= count);
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Observer for Told {
    fn on_slow_callback(&self, slow: &SlowCallback) {
        self.0.lock().unwrap().push((*slow, Instant::now()));
    }
}

struct Stage {
    live: Live,
    told: Told,
    begins: mpsc::Receiver<(ConnectionId, Instant)>,
}

impl Stage {
    fn new(reactors: usize, adjust: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        let told = Told::default();
        let limits = Limits { callback_slow: SLOW, callback_stall: SLOW * 4, ..Limits::default() };
        let (sender, begins) = mpsc::channel();
        let builder = Server::builder()
            .listen("127.0.0.1:0")
            .listen(Listener::tcp("127.0.0.1:0").lines())
            .reactors(reactors)
            .limits(limits)
            .observer(told.clone());
        let live = Live::serve(adjust(builder), move |_peer| Sleeper { begins: sender.clone() });
        Self { live, told, begins }
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
fn check(name: &str, listener: usize, said: &[&[u8]]) {
    let stage = Stage::new(2, |builder| builder);
    let mut stream = real::connect(stage.live.addrs[listener]);
    for words in said {
        stream.write_all(words).unwrap();
        // Apart from each other: what is said in one read is another matter.
        thread::sleep(MS * 20);
    }
    let (id, begin) = stage.begins.recv().unwrap();
    let told = stage.told.wait(2);
    let [(slow, at), (stalled, later)] = told[..] else { panic!("{told:?}") };
    for slow in [slow, stalled] {
        assert_eq!((slow.callback, slow.connection, slow.reactor), (name, id, id.reactor()));
    }
    assert!(!slow.is_stalled && slow.running >= SLOW && slow.running <= at - begin, "{slow:?}");
    assert!(stalled.is_stalled && stalled.running >= SLOW * 4, "{stalled:?}");
    println!("{name}: told of after {:?} and {:?}", at - begin, later - begin);
    assert!(at - begin <= SLOW * 2, "{:?}", at - begin);
    let metrics = stage.live.handle.metrics();
    assert_eq!((metrics.slow_callbacks, metrics.stalled_callbacks), (1, 1));
}

#[test]
fn n11_a_request_that_takes_long_is_reported_with_its_name() {
    check("on_request", 0, &[get("/nap").as_bytes()]);
}

#[test]
fn n11_so_is_a_message() {
    check("on_message", 0, &[socket::UPGRADE.as_bytes(), &socket::text("x")]);
}

#[test]
fn n11_so_is_a_line() {
    check("on_line", 1, &[b"x\n"]);
}

#[test]
fn n11_so_is_a_timer() {
    check("on_timer", 0, &[get("/timer").as_bytes()]);
}

#[test]
fn n11_the_others_take_over_while_the_one_that_accepts_is_held_up() {
    let stage = Stage::new(3, |builder| builder);
    let mut streams = stage.on_each(3);
    // Nobody is served by luck: the first reactor has fewer connections than the others.
    let _more: Vec<Vec<TcpStream>> = (0..4).map(|_| stage.on_each(3)).collect();
    streams[0].write_all(get("/nap").as_bytes()).unwrap();
    let (_, begin) = stage.begins.recv().unwrap();
    stage.told.wait(1);
    let mut served = 0;
    while begin.elapsed() < NAP - MS * 150 {
        let asked = Instant::now();
        let answer = real::ask(&mut stage.live.connect(), get("/"));
        assert!(!answer.ends_with("\n0"), "a newcomer waits for the reactor that is held up");
        for other in &mut streams[1..] {
            real::ask(other, get("/"));
        }
        assert!(begin.elapsed() < NAP, "served only after {:?}", asked.elapsed());
        served += 1;
    }
    println!("{served} newcomers served while the reactor that accepts was held up");
    assert!(served > 5, "{served}");
    // Afterwards all is as before: the first reactor accepts, and takes newcomers up.
    real::read_answer(&mut streams[0]);
    real::wait_until(|| real::ask(&mut stage.live.connect(), get("/")).ends_with("\n0"));
}

#[test]
fn n11_one_more_takes_over_if_the_deputy_is_held_up_too() {
    let stage = Stage::new(3, |builder| builder);
    let mut streams = stage.on_each(3);
    for stream in &mut streams[..2] {
        stream.write_all(get("/nap").as_bytes()).unwrap();
    }
    let (_, begin) = stage.begins.recv().unwrap();
    stage.told.wait(2);
    assert!(real::ask(&mut stage.live.connect(), get("/")).ends_with("\n2"));
    assert!(begin.elapsed() < NAP);
}

#[test]
fn n11_one_reactor_has_a_sentinel_only_if_it_is_asked_for() {
    for (asked, threads) in [(None, 0), (Some(true), 1), (Some(false), 0)] {
        let adjust = |builder: ServerBuilder| match asked {
            Some(watches) => builder.watchdog(watches),
            None => builder,
        };
        let stage = Stage::new(1, adjust);
        let mut stream = stage.live.connect();
        real::ask(&mut stream, get("/nap"));
        assert_eq!(stage.live.handle.metrics().slow_callbacks, threads, "{asked:?}");
    }
}
