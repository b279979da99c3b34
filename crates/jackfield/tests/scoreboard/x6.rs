//! A server in a loop of the user's own.
#![cfg(unix)]

use crate::support;
use jackfield::reactor::mio::unix::SourceFd;
use jackfield::reactor::mio::{Events, Interest, Poll, Token};
use jackfield::{
    Client, Connection, Disconnect, Drain, Embedded, Exchange, Handle, Observer, Peer, Request, Server,
    ServerState, TimerId,
};
use std::cell::RefCell;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use support::get;
use support::real::{self, LONG};

/// What happened, shared by the clients and the loop without a lock.
type Notes = Rc<RefCell<Vec<String>>>;

struct Guest {
    notes: Notes,
}

impl Guest {
    fn note(&self, note: &str) {
        self.notes.borrow_mut().push(note.into());
    }
}

impl Client for Guest {
    fn on_connect(&mut self, _connection: &mut Connection<'_>) {
        self.note("connect");
    }
    fn on_request(&mut self, mut exchange: Exchange<'_>, request: &Request<'_>) {
        self.note(request.path());
        match request.path() {
            "/timer" => exchange.set_timer(TimerId(1), Duration::from_millis(30)),
            "/panic" => panic!("as asked"),
            _ => {}
        }
        exchange.ok("text/plain", "here");
    }
    fn on_timer(&mut self, _connection: &mut Connection<'_>, _timer: TimerId) {
        self.note("timer");
    }
    fn on_disconnect(&mut self, _connection: &mut Connection<'_>, _end: &Disconnect) {
        self.note("disconnect");
    }
}

#[derive(Clone, Default)]
struct Watcher(Arc<Mutex<Vec<String>>>);

impl Observer for Watcher {
    fn on_started(&self, _handle: &Handle) {
        self.0.lock().unwrap().push("started".into());
    }
    fn on_stopped(&self) {
        self.0.lock().unwrap().push("stopped".into());
    }
}

fn embedded() -> (Embedded, SocketAddr, Notes, Watcher) {
    let (notes, watcher) = (Notes::default(), Watcher::default());
    let builder = Server::builder().listen("127.0.0.1:0").reactors(1).observer(watcher.clone());
    let server = builder.limits(|limits| limits.lag_target = Duration::ZERO).bind().unwrap();
    let (addr, of_clients) = (server.local_addr(), notes.clone());
    let server = server.embed(|_setup| move |_peer: &Peer| Guest { notes: of_clients.clone() }).unwrap();
    (server, addr, notes, watcher)
}

/// Polls until something was noted, with the longest wait that the caller allows.
#[track_caller]
fn poll_until(server: &mut Embedded, notes: &Notes, wanted: &str) {
    while !notes.borrow().iter().any(|note| note == wanted) {
        assert!(server.poll(Some(LONG)).unwrap(), "it has ended before {wanted}");
    }
}

fn ask(addr: SocketAddr, path: &str) -> TcpStream {
    let mut stream = real::connect(addr);
    stream.write_all(get(path).as_bytes()).unwrap();
    stream
}

#[test]
fn x6_all_work_happens_in_poll_on_the_calling_thread() {
    let (mut server, addr, notes, watcher) = embedded();
    assert_eq!(
        (server.handle().state(), &**watcher.0.lock().unwrap()),
        (ServerState::Running, &["started".into()][..])
    );
    assert!(server.poll(Some(Duration::ZERO)).unwrap(), "without a wait, and with nothing to do");
    let mut stream = ask(addr, "/one");
    assert!(notes.borrow().is_empty(), "nobody has polled");
    poll_until(&mut server, &notes, "/one");
    assert!(real::read_answer(&mut stream).ends_with("here"));
    assert_eq!(*notes.borrow(), ["connect", "/one"]);
}

#[test]
fn x6_the_descriptor_is_readable_and_the_timeout_ends_when_there_is_work() {
    let (mut server, addr, notes, _watcher) = embedded();
    // A loop of the user's own, which has only the server's descriptor.
    let (mut poll, mut events) = (Poll::new().unwrap(), Events::with_capacity(8));
    let token = Token(7);
    poll.registry().register(&mut SourceFd(&server.as_raw_fd()), token, Interest::READABLE).unwrap();
    let mut turn = |server: &mut Embedded, notes: &Notes, wanted: &str| {
        while !notes.borrow().iter().any(|note| note == wanted) {
            let wait = server.timeout();
            poll.poll(&mut events, Some(wait.unwrap_or(LONG).min(LONG))).unwrap();
            assert!(!events.is_empty() || wait.is_some(), "{wanted}: what is to be done is told of");
            assert!(server.poll(Some(Duration::ZERO)).unwrap());
        }
    };
    let mut stream = ask(addr, "/timer");
    turn(&mut server, &notes, "/timer");
    assert!(real::read_answer(&mut stream).ends_with("here"));
    assert!(server.timeout().is_some_and(|wait| wait <= Duration::from_millis(30)), "{:?}", server.timeout());
    turn(&mut server, &notes, "timer");
    // A command of another thread makes it readable too.
    let handle = server.handle();
    let id = handle.ids()[0];
    let other = thread::spawn(move || handle.close(id).unwrap());
    turn(&mut server, &notes, "disconnect");
    other.join().unwrap();
}

#[test]
fn c21_a_panic_in_an_embedded_server_ends_only_its_connection() {
    let (mut server, addr, notes, _watcher) = embedded();
    let mut stream = ask(addr, "/panic");
    poll_until(&mut server, &notes, "disconnect");
    assert!(real::read_to_end(&mut stream).starts_with("HTTP/1.1 500"));
    let mut next = ask(addr, "/two");
    poll_until(&mut server, &notes, "/two");
    assert!(real::read_answer(&mut next).ends_with("here"));
}

#[test]
fn x6_an_embedded_server_ends_once_by_a_shutdown() {
    let (mut server, addr, notes, watcher) = embedded();
    let mut stream = ask(addr, "/one");
    poll_until(&mut server, &notes, "/one");
    assert!(real::read_answer(&mut stream).ends_with("here"));
    server.handle().shutdown(Drain::within(LONG));
    drop(stream);
    while server.poll(Some(LONG)).unwrap() {}
    assert_eq!(server.handle().state(), ServerState::Stopped);
    assert_eq!(
        (server.poll(None).unwrap(), server.timeout()),
        (false, None),
        "it stays so, and does not wait"
    );
    drop(server);
    assert_eq!(*notes.borrow(), ["connect", "/one", "disconnect"]);
    assert_eq!(*watcher.0.lock().unwrap(), ["started", "stopped"]);
}

#[test]
fn x6_a_dropped_embedded_server_disconnects_its_clients() {
    let (mut server, addr, notes, watcher) = embedded();
    let mut stream = ask(addr, "/one");
    poll_until(&mut server, &notes, "/one");
    let handle = server.handle();
    drop(server);
    assert_eq!(*notes.borrow(), ["connect", "/one", "disconnect"]);
    assert_eq!(*watcher.0.lock().unwrap(), ["started", "stopped"]);
    assert_eq!(handle.state(), ServerState::Stopped);
    real::read_answer(&mut stream);
    assert!(real::is_gone(&mut stream));
}

#[test]
fn x6_more_than_one_reactor_is_an_error_that_says_so() {
    let server = Server::builder().listen("127.0.0.1:0").reactors(2).bind().unwrap();
    let error = server.embed(|_setup| |_peer: &Peer| Guest { notes: Notes::default() }).unwrap_err();
    assert!(error.to_string().contains("reactors(1)"), "{error}");
}
