//! Threads and handles.

use crate::support;
use jackfield::test::{TestOptions, TestServer};
use jackfield::{
    Busy, Client, Connection, ConnectionId, Disconnect, Exchange, Limits, Message, Offloaded, Peer, Request,
    Sent, Server, TimerId, WebSocket,
};
use std::any::Any;
use std::io::Write;
use std::rc::Rc;
use std::sync::{Arc, Barrier, Mutex};
use std::thread::{self, ThreadId};
use support::probe::{Log, Probe};
use support::real::{self, Live};
use support::{Lab, get, socket, text};

/// Insists on its reactor's thread. It holds an `Rc`, and so is not `Send`.
struct Homebody {
    home: ThreadId,
    log: Log,
    _not_send: Rc<()>,
}

impl Homebody {
    fn check(&self) {
        assert_eq!(thread::current().id(), self.home);
    }
}

impl Client for Homebody {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        self.check();
        self.log.note(format!("on {}", connection.id().reactor()));
    }
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        self.check();
        let reactor = exchange.id().reactor();
        exchange.ok("text/plain", format!("reactor {reactor}"));
    }
    fn on_disconnect(&mut self, _connection: &mut Connection<'_>, _end: &Disconnect) {
        self.check();
    }
}

impl Drop for Homebody {
    fn drop(&mut self) {
        self.check();
        self.log.note("drop");
    }
}

fn homebodies(reactors: usize) -> (Live, Log) {
    let log = Log::default();
    let notes = log.clone();
    let builder = Server::builder().listen("127.0.0.1:0").reactors(reactors);
    // On a busy machine a reactor may seem to be held up, and would be passed over.
    let builder = builder.limits(|limits| (limits.lag_target, limits.callback_slow) = Default::default());
    let live = Live::run(builder.bind().unwrap(), move |server| {
        server.serve_with(move |_setup| {
            let shared = Rc::new(());
            move |_peer: &Peer| Homebody {
                home: thread::current().id(),
                log: notes.clone(),
                _not_send: shared.clone(),
            }
        })
    });
    (live, log)
}

#[test]
fn x1_all_callbacks_of_a_connection_run_on_its_reactors_thread() {
    let (mut live, log) = homebodies(3);
    let mut streams: Vec<_> = (0..9).map(|_| live.connect()).collect();
    for _ in 0..10 {
        for stream in &mut streams {
            assert!(real::ask(stream, get("/")).contains("reactor "));
        }
    }
    // Some end by their peer, and the others with the server.
    streams.truncate(4);
    real::wait_until(|| live.handle.count() == 4);
    live.handle.shutdown(jackfield::Drain::now());
    live.join().unwrap();
    // A panic in a callback or in `Drop` ends its connection only, and is counted.
    assert_eq!((log.count("drop"), live.handle.metrics().panics), (9, 0));
}

#[test]
fn x1_the_first_reactor_runs_on_the_thread_that_serves() {
    let server = Server::builder().listen("127.0.0.1:0").reactors(1).bind().unwrap();
    let (addr, handle) = (server.local_addr(), server.handle());
    let peer = thread::spawn(move || {
        let answer = real::ask(&mut real::connect(addr), get("/"));
        handle.shutdown(jackfield::Drain::now());
        (answer, handle)
    });
    let (here, log) = (thread::current().id(), Log::default());
    let notes = log.clone();
    server
        .serve_with(move |_setup| {
            move |_peer: &Peer| Homebody { home: here, log: notes.clone(), _not_send: Rc::new(()) }
        })
        .unwrap();
    let (answer, handle) = peer.join().unwrap();
    assert!(answer.ends_with("reactor 0"));
    assert_eq!((log.count("drop"), handle.metrics().panics), (1, 0));
}

#[test]
fn x2_there_are_as_many_reactors_as_cores() {
    let server = Server::bind("127.0.0.1:0").unwrap();
    assert_eq!(server.handle().reactors(), thread::available_parallelism().unwrap().get());
}

#[test]
fn x2_new_connections_go_to_the_least_loaded_reactor() {
    let (live, log) = homebodies(4);
    let mut streams = Vec::new();
    for count in 1..41 {
        streams.push(live.connect());
        real::wait_until(|| log.count("on ") == count);
    }
    for reactor in 0..4 {
        assert_eq!(log.count(&format!("on {reactor}")), 10);
    }
    // The order does not depend on which connections stay: the reactor with the fewest is filled first.
    let mut gone = 0;
    streams.retain_mut(|stream| {
        let on_2 = real::ask(stream, get("/")).ends_with("reactor 2");
        gone += usize::from(on_2);
        !on_2
    });
    assert_eq!(gone, 10);
    real::wait_until(|| live.handle.count() == 30);
    log.take();
    for count in 1..11 {
        streams.push(live.connect());
        real::wait_until(|| log.count("on ") == count);
    }
    assert_eq!(log.count("on 2"), 10);
}

#[test]
fn x3_any_thread_sends_and_what_one_thread_sends_arrives_in_order() {
    let live = Live::serve(Server::builder().listen("127.0.0.1:0").reactors(1), |_peer| Probe::default());
    let mut stream = live.connect();
    stream.write_all(socket::UPGRADE.as_bytes()).unwrap();
    real::read_exactly(&mut stream, socket::SWITCHED.len());
    let id: ConnectionId = "r0-0.0".parse().unwrap();
    let threads: Vec<_> = ["a", "b", "c", "d"]
        .into_iter()
        .map(|name| {
            let handle = live.handle.clone();
            thread::spawn(move || {
                for number in 0..1000 {
                    assert_eq!(handle.send(id, &*format!("{name}{number:03}")), Ok(()));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let texts = socket::texts(&real::read_exactly(&mut stream, 6 * 4000));
    for name in ["a", "b", "c", "d"] {
        let own: Vec<&String> = texts.iter().filter(|text| text.starts_with(name)).collect();
        assert!(own.len() == 1000 && own.is_sorted(), "{name}");
    }
}

#[test]
fn x3_a_full_mailbox_is_an_answer() {
    assert_eq!(Limits::default().mailbox_max, 65_536);
    let limits = Limits::default().with(|limits| limits.mailbox_max = 10);
    let mut lab = Lab::with_options(TestOptions { limits, ..TestOptions::default() }, Probe::default);
    let far = lab.websocket();
    let id = lab.server.wires().ids().next().unwrap();
    let handle = lab.server.handle();
    for _ in 0..10 {
        assert_eq!(handle.send(id, "x"), Ok(()));
    }
    assert_eq!(handle.send(id, "x"), Err(Busy::Full));
    assert_eq!(
        (handle.post(id, 1).map_err(|not| not.why), handle.close(id), handle.abort(id)),
        (Err(Busy::Full), Err(Busy::Full), Err(Busy::Full))
    );
    assert!(Busy::Full.to_string().contains("mailbox_max"), "it says what to do");
    lab.run();
    assert_eq!(socket::texts(&far.take()).len(), 10);
    assert_eq!(handle.send(id, "x"), Ok(()));
}

#[test]
fn x3_close_and_abort_come_from_any_thread() {
    let mut lab = Lab::new(Probe::default);
    let (closed, aborted, http) = (lab.websocket(), lab.websocket(), lab.connect());
    let ids: Vec<ConnectionId> = lab.server.wires().ids().collect();
    let handle = lab.server.handle();
    thread::spawn(move || {
        handle.send(ids[0], "last words").unwrap();
        handle.close(ids[0]).unwrap();
        handle.send(ids[1], "unheard").unwrap();
        handle.abort(ids[1]).unwrap();
        handle.close(ids[2]).unwrap();
    })
    .join()
    .unwrap();
    lab.run();
    let frames = socket::frames(&closed.take());
    assert_eq!((frames.len(), frames[1].code()), (2, Some(1000)));
    assert!(aborted.is_reset() && aborted.take().is_empty());
    assert!(http.has_server_finished());
}

#[test]
fn x5_a_posted_value_arrives_as_an_event() {
    let mut lab = Lab::new(|| Probe {
        on_post: |_, connection: &mut Connection<'_>, value: Box<dyn Any + Send>| {
            let number = value.downcast::<u64>().expect("a number was posted");
            let mut socket = connection.as_websocket().expect("it is a WebSocket");
            socket.send(&*number.to_string());
        },
        ..Probe::default()
    });
    let far = lab.websocket();
    let id = lab.server.wires().ids().next().unwrap();
    let handle = lab.server.handle();
    thread::spawn(move || (0..3_u64).for_each(|number| handle.post(id, number).unwrap())).join().unwrap();
    lab.run();
    assert_eq!(socket::texts(&far.take()), ["0", "1", "2"]);
}

#[test]
fn x9_no_callback_comes_inside_of_another() {
    // A probe panics if it does. Everything that one connection can do to another is done here.
    let mut lab = Lab::new(|| Probe {
        on_message: |_, socket, _| {
            let (own, peers) = (socket.id(), socket.connection_ids());
            socket.publish_to_all("t", "x");
            for peer in peers {
                socket.send_to(peer, "y");
                socket.handle().post(peer, ()).unwrap();
                if peer != own {
                    assert_eq!(socket.close_other(peer), Ok(()));
                }
            }
            socket.set_timer(TimerId(1), std::time::Duration::ZERO);
            socket.pause_read();
            socket.resume_read();
            socket.abort();
        },
        on_open: |_, socket| {
            socket.subscribe("t");
        },
        on_disconnect: |_, connection, _| {
            for peer in connection.connection_ids() {
                assert_eq!(connection.close_other(peer), Ok(()));
            }
        },
        ..Probe::default()
    });
    let sockets = [lab.websocket(), lab.websocket(), lab.websocket()];
    lab.say(&sockets[1], socket::text("go"));
    assert_eq!(lab.server.handle().metrics().panics, 0, "{:?}", lab.log.events());
    for far in [&sockets[0], &sockets[2]] {
        let frames = socket::frames(&far.take());
        assert_eq!((frames.len(), frames[2].code()), (3, Some(1000)), "they act at once, in order");
        far.finish();
    }
    lab.run();
    assert_eq!((lab.connections(), lab.log.count("disconnect")), (0, 3));
}

#[test]
fn x9_calls_in_a_callback_act_immediately() {
    let mut lab = Lab::new(|| Probe {
        on_message: |probe, socket, message| {
            let other = socket.connection_ids().into_iter().find(|peer| *peer != socket.id()).unwrap();
            assert_eq!(socket.send_to(other, message), Sent::Queued);
            assert_eq!(socket.close_other(other), Ok(()));
            assert_eq!(socket.send_to(other, message), Sent::Gone);
            socket.close_with(1000, "");
            assert!(!socket.is_open());
            probe.log.note("done");
        },
        ..Probe::default()
    });
    let (one, _two) = (lab.websocket(), lab.websocket());
    lab.say(&one, socket::text("x"));
    assert!(lab.log.has("done"));
}

/// A bridge between reactors: sends what it receives to the connection with the given id.
struct Bridge;

impl Client for Bridge {
    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        let bits = socket.id().to_bits();
        socket.send(&*format!("{bits:020}"));
    }
    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        let Message::Text(order) = message else { return };
        let (bits, text) = order.split_once(' ').unwrap();
        assert_eq!(socket.connection_ids(), [socket.id()], "those of this reactor");
        assert_eq!(socket.send_to(ConnectionId::from_bits(bits.parse().unwrap()), text), Sent::Queued);
    }
}

#[test]
fn x3_a_connection_can_send_to_connections_of_other_reactors() {
    let live = Live::serve(Server::builder().listen("127.0.0.1:0").reactors(2), |_peer| Bridge);
    let open = || {
        let mut stream = live.connect();
        stream.write_all(socket::UPGRADE.as_bytes()).unwrap();
        real::read_exactly(&mut stream, socket::SWITCHED.len());
        let bits: u64 = text(&real::read_exactly(&mut stream, 22)[2..]).parse().unwrap();
        (stream, bits)
    };
    let ((mut one, first), (mut two, second)) = (open(), open());
    assert_ne!(ConnectionId::from_bits(first).reactor(), ConnectionId::from_bits(second).reactor());
    one.write_all(&socket::text(&format!("{second} there"))).unwrap();
    assert_eq!(socket::texts(&real::read_exactly(&mut two, 7)), ["there"]);
    two.write_all(&socket::text(&format!("{first} back."))).unwrap();
    assert_eq!(socket::texts(&real::read_exactly(&mut one, 7)), ["back."]);
}

/// Two of them on two reactors: one holds its reactor in a callback while the other sends to it.
struct Gated {
    gate: Arc<Barrier>,
    ids: Arc<Mutex<Vec<ConnectionId>>>,
    log: Log,
}

impl Client for Gated {
    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        self.ids.lock().unwrap().push(socket.id());
    }
    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        let here = socket.id().reactor();
        let ids = self.ids.lock().unwrap().clone();
        self.gate.wait();
        if message != Message::Text("wait") {
            for id in ids.into_iter().filter(|id| id.reactor() != here) {
                (0..3).for_each(|_| self.log.note(format!("{:?}", socket.send_to(id, message))));
                self.log.note(format!("{:?}", socket.close_other(id)));
                self.log.note(format!("{:?}", socket.close_other_with(id, 4000, "")));
            }
        }
        self.gate.wait();
    }
}

#[test]
fn x3_a_full_mailbox_of_another_reactor_is_reported() {
    let (log, gate, ids) = (Log::default(), Arc::new(Barrier::new(2)), Arc::default());
    let notes = log.clone();
    let limits = Limits::default().with(|limits| limits.mailbox_max = 2);
    let live =
        Live::serve(Server::builder().listen("127.0.0.1:0").reactors(2).preset(limits), move |_peer| Gated {
            gate: gate.clone(),
            ids: Arc::clone(&ids),
            log: notes.clone(),
        });
    let open = || {
        let mut stream = live.connect();
        stream.write_all(socket::UPGRADE.as_bytes()).unwrap();
        real::read_exactly(&mut stream, socket::SWITCHED.len());
        stream
    };
    let (mut one, mut two) = (open(), open());
    one.write_all(&socket::text("wait")).unwrap();
    two.write_all(&socket::text("x")).unwrap();
    assert_eq!(socket::texts(&real::read_exactly(&mut one, 6)), ["x", "x"]);
    assert_eq!(log.events(), ["Queued", "Queued", "Full", "Err(Full)", "Err(Full)"]);
}

/// A client that lets the pool work, and notes what comes back.
struct Worker(Log);

impl Client for Worker {
    fn on_request(&mut self, mut exchange: Exchange<'_>, request: &Request<'_>) {
        let asked = match request.path() {
            "/panic" => exchange.offload(|| -> u32 { panic!("no such number") }).is_ok(),
            _ => exchange.offload(|| (thread::current().name().map(str::to_owned), 7_u32)).is_ok(),
        };
        assert!(asked);
        exchange.ok("text/plain", "asked");
    }

    fn on_post(&mut self, _connection: &mut Connection<'_>, value: Box<dyn Any + Send>) {
        match value.downcast::<Offloaded<(Option<String>, u32)>>() {
            Ok(result) => self.0.note(format!("{:?}", *result)),
            Err(value) => {
                let panicked = value.downcast::<Offloaded<u32>>().unwrap().unwrap_err();
                self.0.note(panicked.to_string());
            }
        }
    }
}

#[test]
fn x8_the_result_of_a_job_comes_as_a_value() {
    let log = Log::default();
    let notes = log.clone();
    let live = Live::serve(Server::builder().listen("127.0.0.1:0").offload_threads(1), move |_peer| {
        Worker(notes.clone())
    });
    let mut stream = live.connect();
    for path in ["/", "/panic", "/"] {
        stream.write_all(get(path).as_bytes()).unwrap();
    }
    real::wait_until(|| log.events().len() == 3);
    let number = "Ok((Some(\"offload\"), 7))";
    assert_eq!(log.take(), [number, "the job panicked: no such number", number]);
    // The same from any thread, with the ID of the connection.
    let id = live.handle.ids()[0];
    live.handle.offload(id, || (thread::current().name().map(str::to_owned), 7_u32)).unwrap();
    real::wait_until(|| !log.events().is_empty());
    assert_eq!(log.take(), [number]);
}

/// In memory too, where it runs at once.
#[test]
fn x8_a_full_mailbox_does_not_refuse_a_result() {
    let log = Log::default();
    let notes = log.clone();
    let limits = Limits::default().with(|limits| limits.mailbox_max = 1);
    let options = TestOptions { limits, ..TestOptions::default() };
    let mut server = TestServer::with_options(options, move |_peer| Worker(notes.clone()));
    let (first, second) = (server.connect(), server.connect());
    first.send(get("/").as_bytes());
    second.send(get("/panic").as_bytes());
    let id = server.wires().ids().next().unwrap();
    assert_eq!(server.handle().send(id, "it is HTTP, and takes none"), Ok(()));
    server.run();
    assert_eq!(log.take().len(), 2);
}

/// A server that has ended gives the job back.
#[test]
fn x8_a_job_that_does_not_run_comes_back() {
    let server = Server::builder().listen("127.0.0.1:0").bind().unwrap();
    let handle = server.handle();
    drop(server);
    let error = handle.offload(ConnectionId::new(0, 0, 0), || 7).unwrap_err();
    assert_eq!((error.why, (error.value)()), (Busy::Stopped, 7));
    for threads in [0, 1025] {
        let error = Server::builder().listen("127.0.0.1:0").offload_threads(threads).bind().unwrap_err();
        assert!(error.to_string().contains("offload_threads"), "{error}");
    }
}
