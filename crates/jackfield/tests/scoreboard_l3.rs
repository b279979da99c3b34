//! L3 and L4 of docs/features.md: unix sockets, and sockets that listen already.

#![cfg(unix)]

mod support;

use jackfield::{Addr, Client, Connection, Error, Exchange, Listener, Request, Server};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use support::real::{Live, ask, connect, read_answer};

/// Answers with the identity of its peer.
struct Mirror;

impl Client for Mirror {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        assert_eq!(connection.peer_addr().is_err(), connection.peer().ip().is_none());
    }

    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        let (peer, listener) = (exchange.peer(), exchange.listener());
        let pid = exchange.peer_credentials().map(|credentials| credentials.pid);
        exchange.ok("text/plain", format!("{} at {listener}, process {pid:?}", peer.addr()));
    }
}

/// A path that no other test uses and where no file is.
fn path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("jackfield-l3-{name}-{}", std::process::id()));
    let _ = fs::remove_file(&path);
    path
}

const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

#[test]
fn l3_a_unix_socket_is_served_as_any_other() {
    let path = path("served");
    let listener = Listener::unix(&path).mode(0o600);
    let server = Server::builder().listen("127.0.0.1:0").listen(listener).reactors(2).bind().unwrap();
    assert_eq!(server.addrs()[1], Addr::Unix(Some(path.as_path().into())));
    assert_eq!(server.local_addrs(), [server.local_addr()], "those over IP");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut live = Live::run(server, |server| server.serve(|_peer| Mirror));
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.write_all(GET.as_bytes()).unwrap();
    let answer = read_answer(&mut stream);
    if cfg!(target_os = "linux") {
        assert!(answer.ends_with(&format!("unix: at 1, process Some({})", std::process::id())), "{answer}");
    }
    // Over IP the system does not tell.
    let answer = ask(&mut connect(live.addr()), GET);
    assert!(answer.contains("127.0.0.1:") && answer.ends_with("at 0, process None"), "{answer}");
    live.handle.shutdown(jackfield::Drain::now());
    live.join().unwrap();
    assert_eq!(stream.read(&mut [0; 9]).unwrap_or(0), 0);
    assert!(!path.exists(), "the file goes with the server");
}

#[test]
fn l3_a_stale_file_is_replaced_only_if_no_server_answers_at_it() {
    let path = path("stale");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "it was left there");
    let server = Server::bind(Listener::unix(&path)).unwrap();
    // Somebody listens now.
    let error = Server::bind(Listener::unix(&path)).unwrap_err();
    let Error::Bind(failed) = &error else { panic!("{error}") };
    assert_eq!((failed.len(), failed[0].1.kind()), (1, ErrorKind::AddrInUse));
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    drop(server);
    // What is no socket is not touched.
    fs::write(&path, "a file").unwrap();
    assert!(Server::bind(Listener::unix(&path)).is_err());
    assert_eq!(fs::read(&path).unwrap(), b"a file");
    fs::remove_file(&path).unwrap();
    let error = Server::bind(Listener::unix("/no/such/folder/a.sock")).unwrap_err().to_string();
    assert!(error.contains("unix:/no/such/folder/a.sock"), "{error}");
}

#[test]
fn l4_a_socket_that_listens_already_is_taken() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap();
    // Somebody waits there already.
    let mut early = connect(addr);
    let server = Server::builder().listen(Listener::from_std(socket)).reactors(1).bind().unwrap();
    assert_eq!(server.local_addrs(), [addr]);
    let _live = Live::run(server, |server| server.serve(|_peer| Mirror));
    assert!(ask(&mut early, GET).contains("at 0"));
    assert!(ask(&mut connect(addr), GET).contains("at 0"));
}
