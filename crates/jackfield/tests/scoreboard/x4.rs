//! Code of another thread that runs with a connection's client, and state that connections share.

use crate::support;
use jackfield::test::{TestOptions, TestServer};
use jackfield::{Busy, Client, Connection, Disconnect, Exchange, Peer, Request, Server};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;
use support::get;
use support::probe::Watcher;
use support::real::{self, LONG, Live};

/// Counts its requests, and has an `Rc`, so that it stays on its thread.
#[derive(Default)]
struct Counter {
    requests: usize,
    _not_send: Rc<()>,
}

impl Client for Counter {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        self.requests += 1;
        exchange.ok("text/plain", self.requests.to_string());
    }
}

struct Other;

impl Client for Other {}

#[test]
fn x4_a_closure_runs_on_the_reactor_of_its_number() {
    let live = Live::serve(Server::builder().listen("127.0.0.1:0").reactors(2), |_peer| Counter::default());
    let (tell, told) = mpsc::channel();
    let ran = [0, 1].map(|number| {
        let tell = tell.clone();
        let run = live.handle.run_on(number, move |reactor| {
            tell.send((reactor.number(), thread::current().id())).unwrap();
        });
        assert_eq!(run, Ok(()));
        told.recv_timeout(LONG).unwrap()
    });
    assert_eq!(ran.map(|(number, _)| number), [0, 1]);
    assert_ne!(ran[0].1, ran[1].1, "each has its thread");
}

#[test]
fn x4_a_closure_runs_with_the_client_on_its_reactors_thread() {
    let live = Live::serve(Server::builder().listen("127.0.0.1:0").reactors(2), |_peer| Counter::default());
    let mut streams = [live.connect(), live.connect()];
    for (stream, requests) in streams.iter_mut().zip([3, 5]) {
        (0..requests).for_each(|_| drop(real::ask(stream, get("/"))));
    }
    let (tell, told) = mpsc::channel();
    for id in live.handle.ids() {
        let tell = tell.clone();
        let run = move |counter: &mut Counter, connection: &mut Connection<'_>| {
            counter.requests += 10;
            let found = (connection.id(), counter.requests, thread::current().name().map(str::to_owned));
            tell.send(found).unwrap();
        };
        live.handle.with_client(id, run).unwrap();
    }
    drop(tell);
    let mut found: Vec<_> = told.iter().collect();
    found.sort_by_key(|(_, requests, _)| *requests);
    assert_eq!(found.iter().map(|(_, requests, _)| *requests).collect::<Vec<_>>(), [13, 15]);
    assert_ne!(found[0].2, found[1].2, "each on the thread of its reactor");
    assert!(real::ask(&mut streams[0], get("/")).ends_with("14"), "what it did is done");
}

#[test]
fn x4_the_client_may_be_in_a_box() {
    let mut server = TestServer::new(|_peer: &Peer| Box::new(Counter::default()) as Box<dyn Client>);
    let _far = server.connect();
    server.run();
    let (handle, tell) = (server.handle(), mpsc::channel());
    let id = handle.ids()[0];
    handle.with_client(id, move |counter: &mut Counter, _| tell.0.send(counter.requests)).unwrap();
    server.run();
    assert_eq!(tell.1.try_recv(), Ok(0));
}

#[test]
fn x4_a_client_of_another_type_or_gone_is_not_run() {
    let mut server = TestServer::new(|_peer| Counter::default());
    let far = server.connect();
    server.run();
    let handle = server.handle();
    let id = handle.ids()[0];
    let (tell, told) = mpsc::channel();
    let of_other = tell.clone();
    handle.with_client(id, move |_: &mut Other, _| of_other.send("run")).unwrap();
    server.run();
    assert!(told.try_recv().is_err() && handle.contains(id), "it never runs, and the connection goes on");
    far.finish();
    server.run();
    assert_eq!(handle.with_client(id, move |_: &mut Counter, _| tell.send("run")), Err(Busy::Gone));
    assert_eq!(told.try_recv(), Err(mpsc::TryRecvError::Disconnected), "both were dropped");
    let unknown = "r7-0.0".parse().unwrap();
    assert_eq!(handle.with_client(unknown, |_: &mut Counter, _| ()), Err(Busy::Unknown));
}

#[test]
fn c21_a_panic_in_a_closure_ends_its_connection() {
    let watcher = Watcher::default();
    let options = TestOptions { observer: Arc::new(watcher), ..TestOptions::default() };
    let mut server = TestServer::with_options(options, |_peer| Counter::default());
    let (far, stays) = (server.connect(), server.connect());
    server.run();
    let handle = server.handle();
    let id = handle.ids()[0];
    handle.with_client(id, |_: &mut Counter, _| panic!("as planned")).unwrap();
    server.run();
    assert!(far.is_reset() && !stays.is_reset());
    assert_eq!((handle.contains(id), handle.metrics().panics), (false, 1));
}

/// What all connections of a server share: an `Arc` in the closure, which is cloned for each reactor.
#[test]
fn c20_an_arc_in_the_closure_is_shared_by_all_reactors() {
    struct Visitor(Arc<AtomicUsize>, usize);
    impl Client for Visitor {
        fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
            let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
            let reactor = exchange.id().reactor();
            assert_eq!(self.1, reactor, "the factory saw it");
            exchange.ok("text/plain", format!("{number} on {reactor}"));
        }
    }
    let visitors = Arc::new(AtomicUsize::new(0));
    let shared = visitors.clone();
    let builder = Server::builder().listen("127.0.0.1:0").reactors(2);
    let mut live = Live::serve(builder, move |peer| Visitor(shared.clone(), peer.reactor()));
    let mut streams = [live.connect(), live.connect()];
    let mut on = [0, 0];
    for number in 1..=6 {
        let answer = real::ask(&mut streams[number % 2], get("/"));
        let told = answer.rsplit("\r\n").next().unwrap().split_once(" on ").unwrap();
        assert_eq!(told.0, number.to_string());
        on[told.1.parse::<usize>().unwrap()] += 1;
    }
    assert_eq!(on, [3, 3], "one connection on each reactor");
    drop(streams);
    live.handle.shutdown(jackfield::Drain::now());
    live.join().unwrap();
    assert_eq!((visitors.load(Ordering::Relaxed), Arc::strong_count(&visitors)), (6, 1), "nothing is kept");
}

/// Both ways without a lock: one reactor with an `Rc`, or several, each with its own `Rc`, and topics between them.
#[test]
fn x10_an_rc_is_shared_on_a_reactor_and_topics_reach_all() {
    struct Member {
        here: Rc<Cell<usize>>,
    }
    impl Client for Member {
        fn on_connect(&mut self, connection: &mut Connection<'_>) {
            self.here.set(self.here.get() + 1);
            connection.subscribe("all");
        }
        fn on_line(&mut self, raw: &mut jackfield::Raw<'_>, line: &[u8]) {
            match line {
                b"here" => drop(raw.send(format!("{}\n", self.here.get()))),
                said => drop(raw.publish_to_all("all", said)),
            }
        }
        fn on_disconnect(&mut self, _connection: &mut Connection<'_>, _end: &Disconnect) {
            self.here.set(self.here.get() - 1);
        }
    }
    let server = Server::builder().listen(jackfield::Listener::tcp("127.0.0.1:0").lines()).reactors(2);
    let server = server.limits(|limits| limits.lag_target = Duration::ZERO).watchdog(false).bind().unwrap();
    let live = Live::run(server, |server| {
        server.serve_with(|_setup| {
            let here = Rc::new(Cell::new(0));
            move |_peer: &Peer| Member { here: here.clone() }
        })
    });
    let mut streams: Vec<_> = (0..4).map(|_| live.connect()).collect();
    real::wait_until(|| live.handle.subscribers("all") == 4);
    for stream in &mut streams {
        use std::io::Write;
        stream.write_all(b"here\n").unwrap();
        assert_eq!(real::read_exactly(stream, 2), b"2\n", "two on each reactor, which share what they know");
    }
    {
        use std::io::Write;
        streams[0].write_all(b"hello\n").unwrap();
    }
    for stream in &mut streams {
        assert_eq!(real::read_exactly(stream, 5), b"hello", "it reaches those of both");
    }
}
