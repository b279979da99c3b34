//! Signals: what they do while a server wants them, and that they are given back. Each scenario runs in a process of its
//! own, which is this test started again.

#![cfg(unix)]

mod support;
#[path = "support/tls.rs"]
mod tls;

use jackfield::{Client, Drain, Exchange, Host, Listener, Observer, Reply, Request, Server, ServerState};
use rustix::process::{Signal, getpid, kill_process};
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{env, fs, thread};
use support::real::Live;
use tls::{Authority, Issued};

const SCENARIO: &str = "JACKFIELD_SIGNAL_SCENARIO";

/// How the process of a scenario ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Exit(i32),
    Signal(i32),
}

const SCENARIOS: [(&str, fn(), End); 11] = [
    ("the first signal drains", one_signal_drains, End::Exit(0)),
    ("a drain that a signal begins is spread as the limits say", spread_drain, End::Exit(0)),
    ("a signal in a longer drain shortens it", signal_in_a_drain, End::Exit(0)),
    ("the second signal ends the process", two_signals_end, End::Exit(1)),
    ("a second server drains at its first signal", second_server_drains, End::Exit(0)),
    ("after a server that ended by its handle", given_back_after_serving, End::Signal(15)),
    ("after a server that was only bound", given_back_after_binding, End::Signal(15)),
    ("a hangup reads certificates again", hangup_reloads, End::Exit(0)),
    ("many hangups in a row are one after the other", many_hangups, End::Exit(0)),
    ("a hangup after a server that wanted them", hangup_given_back, End::Signal(1)),
    ("no descriptor and no handler stays", nothing_stays, End::Exit(0)),
];

#[test]
fn signals_are_taken_and_given_back() {
    if let Ok(name) = env::var(SCENARIO) {
        let (_, run, _) = SCENARIOS.into_iter().find(|(known, ..)| *known == name).expect("a scenario");
        return run();
    }
    // Each waits in a process of its own, so they wait at once.
    let running =
        SCENARIOS.map(|(name, _, expected)| (name, expected, thread::spawn(|| run_in_process(name))));
    for (name, expected, scenario) in running {
        let (end, output) = scenario.join().expect("it starts");
        assert_eq!(end, expected, "{name}: {output}");
    }
}

fn run_in_process(name: &str) -> (End, String) {
    let output = Command::new(env::current_exe().expect("this test"))
        .args(["--exact", "signals_are_taken_and_given_back", "--nocapture"])
        .env(SCENARIO, name)
        .output()
        .expect("the test starts again");
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (end_of(output.status), text.concat())
}

fn end_of(status: ExitStatus) -> End {
    status.signal().map_or_else(|| End::Exit(status.code().unwrap_or(-1)), End::Signal)
}

/// Gives each answer away, so that the test decides when it comes.
struct Deferring(Sender<Reply>);

impl Client for Deferring {
    fn on_request(&mut self, exchange: Exchange<'_>, _: &Request<'_>) {
        self.0.send(exchange.defer()).expect("the test waits for it");
    }
}

fn bind() -> Server {
    Server::builder().listen("127.0.0.1:0").reactors(2).shutdown_on_signals().bind().expect("a free port")
}

fn ask(addr: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(addr).expect("the server listens");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").expect("it takes the request");
    stream
}

fn raise() {
    kill_process(getpid(), Signal::TERM).expect("a process may signal itself");
}

/// A signal while an answer is owed: it is given, and then the server ends.
fn one_signal_drains() {
    let server = bind();
    let (addr, handle) = (server.local_addr(), server.handle());
    let (sender, replies) = channel();
    let serving = thread::spawn(move || server.serve(move |_peer| Deferring(sender.clone())));
    let mut stream = ask(addr);
    let reply = replies.recv().expect("the request arrives");
    raise();
    while handle.state() != ServerState::Draining {
        thread::yield_now();
    }
    reply.respond(200, "text/plain", "the last answer");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer and the end");
    assert!(answer.ends_with("the last answer"), "{answer:?}");
    serving.join().expect("no panic").expect("the server ends in good order");
}

/// An answer is owed and never given, and the program's own drain would wait for it.
fn signal_in_a_drain() {
    let builder = Server::builder().listen("127.0.0.1:0").reactors(2).shutdown_on_signals();
    let server =
        builder.limits(|limits| limits.drain = Duration::from_millis(50)).bind().expect("a free port");
    let (addr, handle) = (server.local_addr(), server.handle());
    let (sender, replies) = channel();
    let serving = thread::spawn(move || server.serve(move |_peer| Deferring(sender.clone())));
    let _stream = ask(addr);
    let _reply = replies.recv().expect("the request arrives");
    handle.shutdown(Drain::within(Duration::from_secs(3600)));
    while handle.state() != ServerState::Draining {
        thread::yield_now();
    }
    raise();
    serving.join().expect("no panic").expect("the server ends in good order");
}

/// The connections stay until their turn, although the server has stopped listening.
fn spread_drain() {
    const HOUR: Duration = Duration::from_secs(3600);
    let builder = Server::builder().listen("127.0.0.1:0").reactors(1).shutdown_on_signals();
    let builder = builder.limits(|limits| {
        (limits.drain, limits.drain_spread, limits.lag_target) = (HOUR, HOUR, Duration::ZERO);
    });
    let server = builder.bind().expect("a free port");
    let (addr, handle) = (server.local_addr(), server.handle());
    let (sender, replies) = channel();
    let serving = thread::spawn(move || server.serve(move |_peer| Deferring(sender.clone())));
    let answer = |stream: &mut TcpStream| {
        replies.recv().expect("the request arrives").respond(200, "text/plain", "served");
        let mut answer = Vec::new();
        while !answer.ends_with(b"served") {
            let mut some = [0; 1000];
            let count = stream.read(&mut some).expect("an answer");
            assert_ne!(count, 0, "it has ended");
            answer.extend(&some[..count]);
        }
    };
    let mut streams: Vec<_> = (0..20).map(|_| ask(addr)).collect();
    streams.iter_mut().for_each(answer);
    raise();
    while TcpStream::connect(addr).is_ok() {
        thread::yield_now();
    }
    assert_eq!(handle.state(), ServerState::Draining);
    // Turns after the one in which the drain has begun.
    for _ in 0..3 {
        let (tell, told) = channel();
        handle.run_on(0, move |_| tell.send(()).expect("the test waits")).expect("there is room");
        told.recv().expect("it runs");
    }
    // Only the first turn may be over.
    assert!(handle.count() >= 18, "{} connections are left", handle.count());
    handle.shutdown(Drain::now());
    serving.join().expect("no panic").expect("the server ends in good order");
}

fn two_signals_end() {
    let server = bind();
    let (addr, handle) = (server.local_addr(), server.handle());
    let (sender, replies) = channel();
    thread::spawn(move || server.serve(move |_peer| Deferring(sender.clone())));
    let _stream = ask(addr);
    let _reply = replies.recv().expect("the request arrives");
    raise();
    while handle.state() != ServerState::Draining {
        thread::yield_now();
    }
    raise();
    unreachable!("the second signal ends the process");
}

fn second_server_drains() {
    one_signal_drains();
    one_signal_drains();
}

fn given_back_after_serving() {
    serve_and_end();
    raise();
}

fn given_back_after_binding() {
    drop(bind());
    raise();
}

/// Tells what came of each reload.
struct Told(Sender<Vec<String>>);

impl Observer for Told {
    fn on_tls_reload(&self, faults: &[String]) {
        // Who does not ask is not told.
        let _ = self.0.send(faults.to_vec());
    }
}

/// A server whose certificate is the newest of an authority, or none.
struct Reloading {
    live: Live,
    newest: Arc<Mutex<Option<Issued>>>,
    panics: Arc<AtomicBool>,
    told: Receiver<Vec<String>>,
}

impl Reloading {
    fn start(authority: &Authority) -> Self {
        let newest = Arc::new(Mutex::new(Some(authority.issue("localhost"))));
        let panics = Arc::new(AtomicBool::new(false));
        let (made, is_broken) = (newest.clone(), panics.clone());
        let host = Host::fallback().certificate_from(move || {
            assert!(!is_broken.load(Ordering::SeqCst), "it can't be made");
            let newest = made.lock().unwrap();
            let Issued { chain_pem, key_pem, .. } = newest.as_ref().ok_or(ErrorKind::NotFound)?;
            Ok((chain_pem.clone().into_bytes(), key_pem.clone().into_bytes()))
        });
        let (sender, told) = channel();
        let listener = Listener::tcp("127.0.0.1:0").host(host);
        let builder = Server::builder().listen(listener).reactors(2).observer(Told(sender));
        let live = Live::serve(builder.reload_tls_on_sighup(), |_peer| Deferring(channel().0));
        Self { live, newest, panics, told }
    }

    /// Gives it this certificate, and the signal; what it finds wrong.
    fn hang_up(&self, newest: Option<Issued>) -> Vec<String> {
        *self.newest.lock().unwrap() = newest;
        kill_process(getpid(), Signal::HUP).expect("a process may signal itself");
        self.told.recv().expect("the observer is told")
    }

    fn is_trusted_by(&self, authority: &Authority) -> bool {
        let config = authority.client(None, &[&rustls::version::TLS13]);
        let name = ServerName::try_from("localhost").unwrap();
        let mut session = ClientConnection::new(Arc::new(config), name).unwrap();
        session.complete_io(&mut self.live.connect()).is_ok()
    }
}

fn hangup_reloads() {
    let (first, second) = (Authority::new("first"), Authority::new("second"));
    let server = Reloading::start(&first);
    assert!(server.is_trusted_by(&first) && !server.is_trusted_by(&second));
    assert_eq!(server.hang_up(Some(second.issue("localhost"))), [""; 0]);
    assert!(server.is_trusted_by(&second) && !server.is_trusted_by(&first));
    let faults = server.hang_up(None);
    assert!(faults.len() == 1 && faults[0].contains("the closure gave no certificate"), "{faults:?}");
    assert!(server.is_trusted_by(&second), "the old one stays");
    // I364: nobody was told of a panic.
    server.panics.store(true, Ordering::SeqCst);
    let faults = server.hang_up(Some(first.issue("localhost")));
    assert!(faults.len() == 1 && faults[0].contains("it can't be made"), "{faults:?}");
    assert!(server.is_trusted_by(&second), "the old one stays");
    server.panics.store(false, Ordering::SeqCst);
    assert_eq!(server.hang_up(Some(first.issue("localhost"))), [""; 0]);
    assert!(server.is_trusted_by(&first));
}

/// The stream that the handler writes to does not fill up.
fn many_hangups() {
    let authority = Authority::new("first");
    let server = Reloading::start(&authority);
    for _ in 0..500 {
        assert_eq!(server.hang_up(Some(authority.issue("localhost"))), [""; 0]);
    }
}

fn hangup_given_back() {
    drop(Reloading::start(&Authority::new("first")));
    kill_process(getpid(), Signal::HUP).expect("a process may signal itself");
    unreachable!("it ends the process");
}

/// A process keeps one handler for each signal, whether its servers were only bound or have served.
fn nothing_stays() {
    let at_first = handlers();
    drop(bind());
    serve_and_end();
    let before = (descriptors(), handlers());
    for _ in 0..50 {
        drop(bind());
        serve_and_end();
    }
    assert_eq!((descriptors(), handlers()), before);
    if cfg!(target_os = "linux") {
        let signals = [Signal::INT, Signal::TERM].map(|signal| 1 << (signal.as_raw() - 1));
        assert_eq!(
            handlers() & !at_first,
            signals[0] | signals[1],
            "{:x}, {at_first:x} at first",
            handlers()
        );
    }
}

fn serve_and_end() {
    let server = bind();
    server.handle().shutdown(Drain::now());
    server.serve(|_peer| Deferring(channel().0)).expect("it ends at once");
}

/// The signals that have a handler, as bits; known on Linux only.
fn handlers() -> u64 {
    let Ok(status) = fs::read_to_string("/proc/self/status") else { return 0 };
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("a line about handlers");
    u64::from_str_radix(caught.trim(), 16).expect("a number")
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").or_else(|_| fs::read_dir("/dev/fd")).expect("a list of descriptors").count()
}
