//! L4 of docs/features.md: sockets that a service manager has passed.
#![cfg(target_os = "linux")]

mod support;

use jackfield::{Client, Drain, Exchange, Listener, Request, Server};
use std::io::Write;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};
use support::real::{connect, read_answer};

/// What the child is to do: the name of one of the functions below.
const PART: &str = "JACKFIELD_CHILD_PART";

struct Site;

impl Client for Site {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        let handle = exchange.handle();
        if request.path() == "/end" {
            handle.shutdown(Drain::default());
        }
        let name = exchange.peer().listener_name().unwrap_or("none").to_owned();
        exchange.ok("text/plain", name);
    }
}

/// Not a test by itself: what the children of the tests below do.
#[test]
fn child() {
    match std::env::var(PART).as_deref() {
        Ok("serve") => serve(),
        Ok("none") => assert!(Listener::from_env().unwrap().is_empty(), "they are another process's"),
        Ok(fault) => {
            let error = Listener::from_env().expect_err("they are not what they should be").to_string();
            assert!(error.contains(fault), "{error}");
        }
        Err(_) => {}
    }
}

fn serve() {
    let passed = Listener::from_env().unwrap();
    assert!(passed.iter().map(|(name, _)| name.as_str()).eq(["web", "admin", "web"]), "{passed:?}");
    assert!(Listener::from_env().unwrap().is_empty(), "they are given once");
    for descriptor in 3..6 {
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{descriptor}")).unwrap();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim();
        let flags = u32::from_str_radix(flags, 8).unwrap();
        assert_eq!(flags & 0o2_000_000, 0o2_000_000, "a program that is started does not get {descriptor}");
    }
    let builder =
        passed.into_iter().fold(Server::builder(), |builder, (_, listener)| builder.listen(listener));
    builder.reactors(1).bind().unwrap().serve(|_peer| Site).unwrap();
    assert!(Listener::from_env().unwrap().is_empty(), "they are closed, and were given once");
}

/// Starts this program again, with descriptors from 3 on, as a service manager does.
fn start(part: &str, environment: &str, sockets: Vec<OwnedFd>) -> Child {
    let mut sockets = sockets.into_iter().map(Stdio::from);
    let mut next = || sockets.next().unwrap_or_else(Stdio::null);
    // A shell gives them their numbers: its own are 0, 1 and 2.
    let script =
        format!("exec 3<&0 4<&1 5<&2 0</dev/null 1>/dev/null 2>&1; {environment} exec \"$0\" --exact child");
    Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .env(PART, part)
        .stdin(next())
        .stdout(next())
        .stderr(next())
        .spawn()
        .unwrap()
}

fn tcp() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

#[track_caller]
fn check(part: &str, environment: &str, sockets: Vec<OwnedFd>) {
    assert!(start(part, environment, sockets).wait().unwrap().success(), "{part}: {environment}");
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";

#[test]
fn l4_sockets_that_were_passed_are_served_by_their_names() {
    let path = std::env::temp_dir().join(format!("jackfield-l4-{}", std::process::id()));
    let (first, admin, second) = (tcp(), UnixListener::bind(&path).unwrap(), tcp());
    let addrs = [&first, &second].map(|socket| socket.local_addr().unwrap());
    let environment = "LISTEN_PID=$$ LISTEN_FDS=3 LISTEN_FDNAMES=web:admin:web";
    // Somebody waits already.
    let mut early = connect(addrs[0]);
    early.write_all(GET).unwrap();
    let mut child = start("serve", environment, vec![first.into(), admin.into(), second.into()]);
    assert!(read_answer(&mut early).ends_with("web"));
    let mut unix = UnixStream::connect(&path).unwrap();
    unix.write_all(GET).unwrap();
    assert!(read_answer(&mut unix).ends_with("admin"));
    let mut last = connect(addrs[1]);
    last.write_all(b"GET /end HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    assert!(read_answer(&mut last).ends_with("none"), "a name is one listener's");
    drop((early, unix, last));
    assert!(child.wait().unwrap().success());
    assert!(path.exists(), "the file is the service manager's");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn l4_sockets_passed_to_another_process_are_left_alone() {
    check("none", "", vec![tcp().into()]);
    check("none", "LISTEN_FDS=1", vec![tcp().into()]);
    check("none", "LISTEN_PID=1 LISTEN_FDS=1", vec![tcp().into()]);
    check("none", "LISTEN_PID=$$ LISTEN_FDS=0", vec![tcp().into()]);
}

#[test]
fn l4_a_passed_socket_that_does_not_listen_is_named() {
    check("LISTEN_FDS is no number", "LISTEN_PID=$$ LISTEN_FDS=many", vec![tcp().into()]);
    check("of LISTEN_FDS", "LISTEN_PID=$$ LISTEN_FDS=1000", vec![tcp().into()]);
    check("`log`, which was passed", "LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:log", vec![tcp().into()]);
}
