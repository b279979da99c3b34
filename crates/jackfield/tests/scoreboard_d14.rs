//! Exhausted descriptors: a server in a process of its own that may have few of them. The process is this test again.
#![cfg(target_os = "linux")]

#[path = "../../jackfield-reactor/tests/common/identity.rs"]
mod identity;
mod support;

use jackfield::test::{TestServer, listener};
use jackfield::{Client, Exchange, Files, Limits, Listener, Request, Server};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;
use std::{env, fs, thread};
use support::probe::Probe;
use support::real::{self, is_gone};
use support::{get, statuses, text};

/// What the process may have.
const DESCRIPTORS: usize = 256;
/// Held until a child runs its program. Before that it has a copy of every connection of this process, so that none of
/// them ends with its owner here.
static STARTS: Mutex<()> = Mutex::new(());
/// Set for the child.
const CHILD: &str = "JACKFIELD_FEW_DESCRIPTORS";

/// A small file.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

#[derive(Clone)]
struct Hello(jackfield::Handle, Files);

impl Client for Hello {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        let metrics = self.0.metrics();
        match request.path() {
            "/figures" => {
                let (refused, errors) = (metrics.refused_descriptors, metrics.accept_errors);
                exchange.ok("text/plain", format!("{refused} {errors} {}", metrics.turns));
            }
            "/file" => self.1.answer(exchange, request),
            _ => exchange.ok("text/plain", "hello"),
        }
    }
}

/// The server, in its own process. It ends with this.
struct Few {
    child: Child,
    http: SocketAddr,
    lines: SocketAddr,
    tls: SocketAddr,
}

/// Several of these tests at once need more descriptors than most systems give a process at first, which is 1024.
fn raise_own_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

impl Few {
    fn start(test: &str) -> Self {
        raise_own_limit();
        let limit = format!("ulimit -n {DESCRIPTORS} && exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.arg("-c").arg(limit).arg(env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture", "--test-threads", "1"]).env(CHILD, "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let starts = STARTS.lock();
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        // The harness says something too, perhaps on the same line.
        let addrs = lines.filter_map(|line| line.split("listening on ").nth(1)?.parse().ok());
        let addrs: Vec<SocketAddr> = addrs.take(3).collect();
        drop(starts);
        let [http, lines, tls] = addrs[..] else { panic!("it does not listen: {addrs:?}") };
        Self { child, http, lines, tls }
    }

    /// Changes what it may have.
    fn limit(&self, descriptors: u64) {
        let limit = Rlimit { current: Some(descriptors), maximum: Some(DESCRIPTORS as u64) };
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        prlimit(pid, Resource::Nofile, limit).unwrap();
    }

    fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// So many connections that are served and stay.
    fn fill(&self, connections: usize) -> Vec<TcpStream> {
        let mut streams: Vec<TcpStream> = (0..connections).map(|_| real::connect(self.http)).collect();
        streams.retain_mut(|stream| asks(stream).starts_with("HTTP/1.1 200 "));
        streams
    }
}

impl Drop for Few {
    fn drop(&mut self) {
        // Both fail if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In the child: serves, and does not come back. In the parent: nothing.
fn serve_in_child() {
    if env::var_os(CHILD).is_none() {
        return;
    }
    let dir = env::temp_dir().join(format!("jackfield-d14-{}", std::process::id()));
    let (certificate, key) = identity::Identity::new().files_in(&dir);
    // How busy the machine is must not matter here: overload would refuse as well.
    let never = Duration::ZERO;
    let limits = Limits::default().with(|limits| (limits.lag_target, limits.http_idle) = (never, never));
    let server = Server::builder()
        .preset(limits)
        .listen("127.0.0.1:0")
        .listen(Listener::tcp("127.0.0.1:0").lines().busy_banner("busy\n"))
        .listen(Listener::tcp("127.0.0.1:0").tls(certificate, key))
        .reactors(1)
        .bind()
        .unwrap();
    fs::remove_dir_all(&dir).unwrap();
    for addr in server.local_addrs() {
        println!("listening on {addr}");
    }
    let (handle, files) = (server.handle(), Files::file(FILE).unwrap());
    server.serve(move |_peer| Hello(handle.clone(), files.clone())).unwrap();
    unreachable!("nobody shuts it down");
}

/// What is answered, up to the end of an answer or of the connection.
fn asks(stream: &mut TcpStream) -> String {
    // Who was refused already need not take it.
    let _ = stream.write_all(get("/").as_bytes());
    let mut bytes = Vec::new();
    let mut room = [0; 4096];
    while let Ok(count @ 1..) = real::read_some(stream, &mut room) {
        bytes.extend_from_slice(&room[..count]);
        if bytes.ends_with(b"hello") {
            break;
        }
    }
    text(&bytes)
}

/// What the server has counted.
#[derive(Clone, Copy, Debug)]
struct Figures {
    refused: u64,
    /// Failed accepts: after each of them a listener pauses.
    errors: u64,
    turns: u64,
}

/// Asks for them on a connection that is served, which costs a turn.
fn figures(stream: &mut TcpStream) -> Figures {
    let answer = real::ask(stream, get("/figures"));
    let numbers = answer.rsplit("\r\n").next().unwrap().split(' ').map(|number| number.parse().unwrap());
    let [refused, errors, turns] = numbers.collect::<Vec<u64>>()[..] else { panic!("{answer}") };
    Figures { refused, errors, turns }
}

/// Longer than many turns of a loop that spins take. How long it is in truth does not matter.
fn give_it_time_to_spin() {
    thread::sleep(Duration::from_millis(20));
}

#[test]
fn d14_new_connections_without_a_descriptor_are_answered_immediately() {
    serve_in_child();
    let few = Few::start("d14_new_connections_without_a_descriptor_are_answered_immediately");
    let mut streams: Vec<TcpStream> = (0..600).map(|_| real::connect(few.http)).collect();
    let (mut served, mut refused) = (Vec::new(), 0);
    for mut stream in streams.drain(..) {
        let answer = asks(&mut stream);
        match answer.get(..13) {
            Some("HTTP/1.1 200 ") => served.push(stream),
            Some("HTTP/1.1 503 ") => {
                assert!(answer.contains("\r\nRetry-After: ") && answer.ends_with("\r\n\r\n"), "{answer}");
                refused += 1;
            }
            _ => panic!("neither served nor told: {answer:?}"),
        }
    }
    assert_eq!(served.len() + refused, 600);
    assert!(served.len() > DESCRIPTORS - 20, "{} served", served.len());
    let seen = figures(&mut served[0]);
    assert_eq!((seen.refused, seen.errors), (refused as u64, 0), "the listener never paused");
    // Refused connections hold nothing: all descriptors are those of the served, and one is in reserve.
    assert!(few.descriptors() >= DESCRIPTORS - 1, "{} descriptors", few.descriptors());
}

#[test]
fn l16_a_lack_of_descriptors_does_not_spin() {
    const COMERS: u64 = 500;
    serve_in_child();
    let few = Few::start("l16_a_lack_of_descriptors_does_not_spin");
    let mut served = few.fill(300);
    let before = figures(&mut served[0]);
    for _ in 0..COMERS {
        assert!(asks(&mut real::connect(few.http)).starts_with("HTTP/1.1 503 "));
    }
    let after = figures(&mut served[0]);
    assert_eq!((after.refused - before.refused, after.errors), (COMERS, 0));
    // One for each refusal and for each question at most: many refusals may fall into one.
    let turns = after.turns - before.turns;
    assert!(turns <= COMERS + 10, "{turns} turns for {COMERS} refusals");
    // And without new connections, only the turn of the question.
    let spun = (0..20).filter(|_| {
        let before = figures(&mut served[0]);
        give_it_time_to_spin();
        figures(&mut served[0]).turns > before.turns + 1
    });
    assert_eq!(spun.count(), 0, "turns while nobody comes");
}

#[test]
fn d14_connections_are_served_again_when_a_descriptor_is_free() {
    serve_in_child();
    let few = Few::start("d14_connections_are_served_again_when_a_descriptor_is_free");
    let mut served = few.fill(300);
    for round in 0..50 {
        assert!(asks(&mut real::connect(few.http)).starts_with("HTTP/1.1 503 "));
        // The turn that refused is over with the first answer, and with the second the turn behind it, which may have gone
        // on accepting. In those, one more who comes would be refused too.
        figures(&mut served[0]);
        figures(&mut served[0]);
        let starts = STARTS.lock().unwrap();
        drop(served.pop());
        let mut stream = real::connect(few.http);
        drop(starts);
        let answer = asks(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 200 "), "the next one is served, in round {round}: {answer:?}");
        served.push(stream);
    }
}

#[test]
fn d14_a_request_sent_before_the_refusal_does_not_destroy_it() {
    serve_in_child();
    let few = Few::start("d14_a_request_sent_before_the_refusal_does_not_destroy_it");
    let _served = few.fill(300);
    for bytes in [1, 1000, 10_000] {
        for _ in 0..50 {
            let mut stream = real::connect(few.http);
            let _ = stream.write_all(&vec![b'x'; bytes]);
            thread::sleep(Duration::from_millis(2));
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            assert!(answer.starts_with(b"HTTP/1.1 503 "), "{bytes} bytes sent: {:?}", text(&answer));
        }
    }
}

#[test]
fn d14_listeners_of_other_protocols_send_their_busy_banner() {
    serve_in_child();
    let few = Few::start("d14_listeners_of_other_protocols_send_their_busy_banner");
    let _served = few.fill(300);
    assert_eq!(real::read_to_end(&mut real::connect(few.lines)), "busy\n");
    let mut tls = real::connect(few.tls);
    assert!(is_gone(&mut tls), "a handshake is more than there is room for");
}

#[test]
fn l11_a_listener_pauses_only_when_the_reserve_fails_too() {
    serve_in_child();
    let few = Few::start("l11_a_listener_pauses_only_when_the_reserve_fails_too");
    let mut first = real::connect(few.http);
    asks(&mut first);
    let before = figures(&mut first);
    // Below what it has open already: then the number that the reserve leaves is of no use either.
    few.limit(3);
    let mut waiting: Vec<TcpStream> = (0..20).map(|_| real::connect(few.http)).collect();
    let mut questions = 0;
    let during = loop {
        give_it_time_to_spin();
        questions += 1;
        let during = figures(&mut first);
        if during.errors >= 5 {
            break during;
        }
    };
    // Each attempt ends a pause. A turn may begin right before the time is up, and then there is one more.
    let turns = during.turns - before.turns;
    let allowed = 3 * during.errors + questions + 20;
    assert!(turns <= allowed, "{turns} turns in {during:?}");
    assert_eq!((before.errors, during.refused), (0, 0), "nobody is refused who can be served later");
    few.limit(DESCRIPTORS as u64);
    let raised = figures(&mut first);
    assert!(waiting.iter_mut().all(|stream| asks(stream).starts_with("HTTP/1.1 200 ")));
    let after = figures(&mut first);
    assert!(after.errors <= raised.errors + 3, "the end of a pause is all they wait for: {after:?}");
}

/// The fault: the answer was 404, which a cache may keep.
#[test]
fn h11_without_a_descriptor_for_a_file_the_answer_is_503() {
    serve_in_child();
    let few = Few::start("h11_without_a_descriptor_for_a_file_the_answer_is_503");
    let mut stream = real::connect(few.http);
    asks(&mut stream);
    // Below what it has open already.
    few.limit(3);
    let answer = real::ask(&mut stream, get("/file"));
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nRetry-After: "), "{answer}");
    few.limit(DESCRIPTORS as u64);
    let answer = real::ask(&mut stream, get("/file"));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

/// In memory there are no descriptors: a test says when there is none.
#[test]
fn d14_a_test_can_refuse_a_connection_for_lack_of_descriptors() {
    let mut server = TestServer::new(|_peer| Probe::default());
    let far = server.connect_without_descriptor(listener::HTTP);
    assert_eq!(statuses(&far.take()), [503]);
    assert!(far.has_server_finished());
    assert_eq!((server.handle().count(), server.handle().metrics().refused_descriptors), (0, 1));
}
