//! What any thread may ask of a server: who is there, values and closures for its reactors, and what becomes of them when
//! it has ended.

use crate::support;
use allocation_counter::measure;
use jackfield::test::{TestOptions, TestServer, listener};
use jackfield::{
    Busy, Client, Connection, ConnectionId, Drain, Finished, Handle, Heartbeat, History, Limits, Listener,
    ListenerState, Message, NotPosted, Observer, Outgoing, Peer, Server, ServerState, Subscribed, WebSocket,
};
use std::any::Any;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use support::probe::{Probe, observed};
use support::real::{self, LONG, Live};
use support::{get, socket, text};

/// Subscribes to what it is asked for on its line, and tells what is posted to it.
struct Member {
    told: Sender<(ConnectionId, u32)>,
}

impl Client for Member {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        assert!(connection.handle().contains(connection.id()), "from before it");
    }

    fn on_line(&mut self, raw: &mut jackfield::Raw<'_>, line: &[u8]) {
        assert_eq!(raw.subscribe(&text(line)), Subscribed::New);
    }

    fn on_post(&mut self, connection: &mut Connection<'_>, value: Box<dyn Any + Send>) {
        if let Ok(number) = value.downcast::<u32>() {
            self.told.send((connection.id(), *number)).unwrap();
            if *number == 99 {
                // Who leaves while copies are handed out changes nothing for the others.
                let all = connection.connection_ids();
                all.into_iter().for_each(|id| connection.close_other(id).unwrap());
            }
        }
    }

    fn on_disconnect(&mut self, connection: &mut Connection<'_>, _end: &jackfield::Disconnect) {
        assert!(connection.handle().contains(connection.id()), "until after it");
    }
}

fn members(limits: Limits) -> (TestServer, Receiver<(ConnectionId, u32)>) {
    let (told, heard) = channel();
    let options = TestOptions { limits, ..TestOptions::default() };
    (TestServer::with_options(options, move |_peer| Member { told: told.clone() }), heard)
}

#[test]
fn c8_the_ids_are_those_of_connections_with_a_client() {
    let (mut server, _heard) = members(Limits::default());
    let handle = server.handle();
    assert_eq!(handle.ids(), []);
    let ends: Vec<_> = (0..4).map(|_| server.connect_to(listener::LINES)).collect();
    let ids = handle.ids();
    assert_eq!(ids, server.wires().ids().collect::<Vec<_>>());
    ends[1].reset();
    server.run();
    assert_eq!(handle.ids(), [ids[0], ids[2], ids[3]]);
    // Its slot is used again, and its id is not.
    let _again = server.connect_to(listener::LINES);
    assert_eq!((handle.ids().len(), handle.contains(ids[1]), handle.contains(ids[2])), (4, false, true));
    assert!(!handle.contains(ConnectionId::NONE) && !handle.contains(ConnectionId::from_bits(9 << 56)));
    handle.shutdown(Drain::now());
    server.run();
    assert_eq!(handle.ids(), []);
}

/// Echoes each message, and sends it to the connection that was there before.
struct Repeater(Option<ConnectionId>);

impl Client for Repeater {
    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        self.0 = socket.connection_ids().into_iter().find(|id| *id != socket.id());
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        socket.send(message);
        if let Some(partner) = self.0 {
            assert!(socket.send_to(partner, message).is_accepted());
        }
    }
}

/// In the middle of a walk over the list messages pass, and connections come and go: on a thread of its own, because one that
/// waited for the walk would wait for ever.
#[test]
fn c8_nobody_waits_while_the_connections_are_listed() {
    let (done, is_done) = channel();
    std::thread::spawn(move || {
        let mut server = TestServer::new(|_peer| Repeater(None));
        let ends = [(); 2].map(|()| {
            let far = server.connect();
            far.send(socket::UPGRADE.as_bytes());
            server.run();
            assert_eq!(text(&far.take()), socket::SWITCHED);
            far
        });
        let list = server.wires().generations().clone();
        let mut listed = 0;
        list.for_each_listed(0, |_id| {
            listed += 1;
            ends[1].send(&socket::text("a message"));
            server.run();
            assert!(ends.iter().all(|far| far.take().ends_with(b"a message")));
            let come_and_go = server.connect();
            come_and_go.send(socket::UPGRADE.as_bytes());
            server.run();
            assert_eq!(server.handle().ids().len(), 3);
            come_and_go.reset();
            server.run();
            assert_eq!(server.handle().ids().len(), 2);
        });
        done.send(listed).unwrap();
    });
    assert_eq!(is_done.recv_timeout(LONG), Ok(2));
}

/// Who is refused never had a client.
#[test]
fn refused_connections_are_not_listed() {
    let mut server = TestServer::new(|_peer| Err::<Member, _>(jackfield::Refuse::Busy));
    let far = server.connect();
    far.send(get("/").as_bytes());
    assert_eq!(server.handle().ids(), []);
    server.run();
    assert_eq!(server.handle().ids(), []);
}

#[test]
fn a_value_that_is_not_posted_comes_back() {
    let mut small = Limits::default();
    small.mailbox_max = 2;
    let (mut server, heard) = members(small);
    let _far = server.connect_to(listener::LINES);
    let (handle, id) = (server.handle(), server.wires().ids().next().unwrap());
    let outcomes: Vec<_> = (0..3_u32).map(|number| handle.post(id, number)).collect();
    assert_eq!(outcomes, [Ok(()), Ok(()), Err(NotPosted { value: 2, why: Busy::Full })]);
    server.run();
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), [(id, 0), (id, 1)]);
    let unknown = ConnectionId::from_bits(9 << 56);
    assert_eq!(handle.post(unknown, 7), Err(NotPosted { value: 7, why: Busy::Unknown }));
    // Also one that is not `Copy`.
    let text = handle.post(unknown, String::from("mine")).unwrap_err();
    assert_eq!((text.value.as_str(), text.to_string()), ("mine", Busy::Unknown.to_string()));
}

#[test]
fn each_subscriber_gets_a_copy() {
    let (mut server, heard) = members(Limits::default());
    let ends: Vec<_> = (0..6).map(|_| server.connect_to(listener::LINES)).collect();
    for far in &ends[..5] {
        far.send(b"room\n");
    }
    server.run();
    let (handle, ids) = (server.handle(), server.handle().ids());
    let mut check = |topic: &str, number: u32, reactors: usize, expected: &[ConnectionId]| {
        let published = handle.post_to_topic(topic, number);
        assert_eq!((published.here, published.reactors, published.full), (0, reactors, 0));
        server.run();
        let told: Vec<_> = heard.try_iter().collect();
        assert_eq!(told, expected.iter().map(|id| (*id, number)).collect::<Vec<_>>());
    };
    check("room", 1, 1, &ids[..5]);
    check("nobody", 2, 0, &[]);
    // The first closes all: connections that are closing get no further messages.
    check("room", 99, 1, &ids[..1]);
    ends.iter().for_each(|far| far.finish());
    server.run();
    assert_eq!(handle.ids(), []);
}

#[test]
fn a_value_that_panics_when_it_is_copied_and_dropped_ends_nothing() {
    /// The copies of a copy panic, and so does its drop.
    struct Bad(bool);
    impl Clone for Bad {
        fn clone(&self) -> Self {
            assert!(!self.0, "it is copied");
            Self(true)
        }
    }
    impl Drop for Bad {
        fn drop(&mut self) {
            assert!(!self.0, "it is dropped");
        }
    }
    let (mut server, heard) = members(Limits::default());
    let far = server.connect_to(listener::LINES);
    far.send(b"room\n");
    server.run();
    let handle = server.handle();
    assert_eq!(handle.post_to_topic("room", Bad(false)).reactors, 1);
    server.run();
    assert_eq!(handle.post_to_topic("room", 5_u32).reactors, 1);
    server.run();
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), [(handle.ids()[0], 5)]);
    assert_eq!(handle.metrics().panics, 2);
}

#[test]
fn a_closure_runs_on_the_reactor() {
    let (options, seen) = observed();
    let (told, heard) = channel();
    let mut server = TestServer::with_options(options, move |_peer| Member { told: told.clone() });
    let handle = server.handle();
    let ends = [server.connect_to(listener::LINES), server.connect_to(listener::RAW)];
    ends[0].send(b"room\n");
    server.run();
    let ids = handle.ids();
    handle
        .run_on(0, |reactor| {
            assert_eq!((reactor.number(), reactor.connection_ids(), reactor.subscribers("room")), {
                (0, reactor.handle().ids(), 1)
            });
            for id in reactor.connection_ids() {
                assert!(reactor.send_to(id, "one ").is_accepted());
            }
            assert_eq!(reactor.publish("room", String::from("two")).here, 1);
            reactor.post(reactor.connection_ids()[1], 3_u32).unwrap();
        })
        .unwrap();
    server.run();
    assert_eq!(ends.map(|far| text(&far.take())), ["one two", "one "]);
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), [(ids[1], 3)]);
    // A panic in a closure closes no connection.
    handle.run_on(0, |_| std::panic::panic_any("in a closure")).unwrap();
    server.run();
    assert!(seen.has("panic in a closure"));
    assert_eq!((handle.ids().len(), handle.metrics().panics), (2, 1));
    assert_eq!(handle.run_on(1, |_| ()), Err(Busy::Unknown));
}

/// Writes down what its observer gets of all that a command could cause.
#[derive(Clone, Default)]
struct Reports(Arc<Mutex<Vec<String>>>);

impl Reports {
    fn note(&self, report: String) {
        self.0.lock().unwrap().push(report);
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Reports {
    fn on_state(&self, _before: ServerState, now: ServerState) {
        self.note(format!("{now:?}"));
    }

    fn on_listener(&self, listener: usize, now: ListenerState) {
        self.note(format!("listener {listener} {now:?}"));
    }

    fn on_stopped(&self) {
        self.note("the end".into());
    }

    fn on_accept_error(&self, listener: usize, error: &io::Error) {
        self.note(format!("listener {listener} {error}"));
    }

    fn on_tls_reload(&self, faults: &[String]) {
        self.note(format!("certificates {faults:?}"));
    }

    fn on_panic(&self, id: ConnectionId, _payload: &(dyn Any + Send)) {
        self.note(format!("panic of {id}"));
    }

    fn on_dropped(&self, id: ConnectionId) {
        self.note(format!("dropped for {id}"));
    }

    fn wants_finished(&self, _listener: usize) -> bool {
        true
    }

    fn on_finished(&self, _finished: &Finished<'_>) {
        self.note("finished".into());
    }

    fn on_subscription(&self, topic: &str, before: usize, now: usize) {
        self.note(format!("{topic} had {before} and has {now}"));
    }
}

/// Each command to a server that has ended is an error or says so, nothing is kept for it, and no observer hears of it.
#[track_caller]
fn check_ended(handle: &Handle, id: ConnectionId, reports: &Reports) {
    let (held, last) = (Arc::new(()), reports.all());
    assert_eq!(handle.state(), ServerState::Stopped);
    for _ in 0..1000 {
        assert_eq!(handle.send(id, "x"), Err(Busy::Stopped));
        assert_eq!(handle.close(id), Err(Busy::Stopped));
        assert_eq!(handle.close_with(id, 1000, ""), Err(Busy::Stopped));
        assert_eq!(handle.abort(id), Err(Busy::Stopped));
        for posted in [handle.post(id, held.clone()), handle.post_sized(id, held.clone(), 1000)] {
            assert_eq!(posted.map_err(|not| not.why), Err(Busy::Stopped));
        }
        assert_eq!(Arc::strong_count(&held), 1);
        let inside = held.clone();
        assert_eq!(handle.run_on(0, move |_| drop(inside)), Err(Busy::Stopped));
        let inside = held.clone();
        let visit = move |_: &mut Member, _: &mut Connection<'_>| drop(inside);
        assert_eq!(handle.with_client(id, visit), Err(Busy::Stopped));
        let inside = held.clone();
        let job = handle.offload(id, move || drop(inside)).unwrap_err();
        assert_eq!((job.why, Arc::strong_count(&held)), (Busy::Stopped, 2));
        drop(job);
        assert_eq!(handle.connect(Outgoing::tcp("127.0.0.1:1")), Err(Busy::Stopped));
        assert_eq!(handle.set_heartbeat(Heartbeat::default()), Err(Busy::Stopped));
        assert_eq!(handle.pause_listening(..), Err(Busy::Stopped));
        assert_eq!(handle.stop_listening(..), Err(Busy::Stopped));
        assert_eq!(handle.resume_listening(..), Err(Busy::Stopped));
        assert_eq!(handle.reload_tls(), Err(vec![Busy::Stopped.to_string()]));
        assert!(!handle.declare_topic("late", History::new(10)));
        handle.shutdown(Drain::now());
    }
    // Neither a topic with a history keeps it, nor one without.
    let published = measure(|| {
        for topic in ["kept", "room"] {
            for published in
                [handle.publish(topic, "x".repeat(1000)), handle.post_to_topic(topic, held.clone())]
            {
                assert_eq!((published.here, published.reactors, published.full), (0, 0, handle.reactors()));
            }
        }
    });
    assert_eq!(published.bytes_current, 0);
    assert!(handle.listeners().iter().all(|listener| listener.state == ListenerState::Stopped));
    assert_eq!((handle.ids(), handle.contains(id)), (Vec::new(), false));
    assert_eq!((Arc::strong_count(&held), handle.metrics().memory_bytes), (1, 0));
    assert_eq!(reports.all(), last);
}

#[test]
fn a_server_that_has_ended_takes_nothing_and_keeps_nothing() {
    let held = Arc::new(());
    let ((told, _heard), reports) = (channel(), Reports::default());
    let options = TestOptions { observer: Arc::new(reports.clone()), ..TestOptions::default() };
    let mut server = TestServer::with_options(options, move |_peer| Member { told: told.clone() });
    let _far = server.connect_to(listener::LINES);
    let (handle, id) = (server.handle(), server.handle().ids()[0]);
    assert!(handle.declare_topic("kept", History::new(10)));
    // These wait in the mailbox when it ends; one of them panics when it is dropped.
    struct Grenade;
    impl Drop for Grenade {
        fn drop(&mut self) {
            panic!("in the mailbox");
        }
    }
    for _ in 0..1000 {
        handle.post(id, held.clone()).unwrap();
    }
    handle.post(id, Grenade).unwrap();
    for _ in 0..1000 {
        let inside = held.clone();
        handle.run_on(0, move |_| drop(inside)).unwrap();
    }
    assert_eq!(Arc::strong_count(&held), 2001);
    drop(server);
    assert_eq!(Arc::strong_count(&held), 1, "what waited is dropped");
    check_ended(&handle, id, &reports);
}

#[test]
fn a_server_that_never_served_or_was_shut_down_takes_nothing_either() {
    let id = ConnectionId::new(0, 0, 0);
    let reports = Reports::default();
    let bind = |reactors| {
        let builder = Server::builder().listen("127.0.0.1:0").reactors(reactors).observer(reports.clone());
        let server = builder.bind().unwrap();
        assert!(server.handle().declare_topic("kept", History::new(10)));
        server
    };
    let server = bind(1);
    let handle = server.handle();
    drop(server);
    check_ended(&handle, id, &reports);

    let server = bind(2);
    let handle = server.handle();
    handle.shutdown(Drain::now());
    let (told, _heard) = channel();
    server.serve(move |_peer| Member { told: told.clone() }).unwrap();
    assert_eq!(reports.all().last().unwrap(), "the end");
    check_ended(&handle, id, &reports);
    assert_eq!((handle.count(), handle.outgoing(), handle.members("room").len()), (0, 0, 0));
}

/// A name without a file, as Linux has them: its address was unknown, so nothing could be opened there again.
#[cfg(target_os = "linux")]
#[test]
fn i485_a_unix_socket_without_a_file_stops_and_resumes() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixStream};
    let name = format!("jackfield-i485-{}", std::process::id());
    let addr = SocketAddr::from_abstract_name(&name).unwrap();
    let builder =
        Server::builder().listen(Listener::unix(format!("\0{name}"))).listen("127.0.0.1:0").reactors(1);
    let live = Live::serve(builder, |_peer: &Peer| Probe::default());
    assert_eq!(live.handle.listeners()[0].addrs[0].to_string(), format!("unix:@{name}"));
    drop(UnixStream::connect_addr(&addr).unwrap());
    live.handle.stop_listening(0).unwrap();
    real::wait_until(|| UnixStream::connect_addr(&addr).is_err());
    live.handle.resume_listening(0).unwrap();
    real::wait_until(|| UnixStream::connect_addr(&addr).is_ok());
    assert_eq!(live.handle.listeners()[0].state, ListenerState::Listening);
}
