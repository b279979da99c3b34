//! L3 and L4 of docs/features.md: unix sockets, and sockets that listen already.

#![cfg(unix)]

use crate::support;
use jackfield::{Addr, Client, Connection, Error, Exchange, Listener, Request, Server, ServerBuilder};
use rustix::process;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use support::real::{Live, ask, connect, read_answer};

/// Answers with the identity of its peer.
struct Mirror;

impl Client for Mirror {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        assert_eq!(connection.peer_addr().is_err(), connection.peer().ip().is_none());
    }

    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        let (peer, listener) = (exchange.peer(), exchange.listener());
        let who = exchange.peer_credentials().map(|found| (found.pid, found.uid, found.gid));
        exchange.ok("text/plain", format!("{} at {listener}, process {who:?}", peer.addr()));
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
        let own = (std::process::id(), process::geteuid().as_raw(), process::getegid().as_raw());
        assert!(answer.ends_with(&format!("unix: at 1, process Some({own:?})")), "{answer}");
    }
    // Over IP the system does not tell.
    let answer = ask(&mut connect(live.addr()), GET);
    assert!(answer.contains("127.0.0.1:") && answer.ends_with("at 0, process None"), "{answer}");
    live.handle.shutdown(jackfield::Drain::now());
    live.join().unwrap();
    assert_eq!(stream.read(&mut [0; 9]).unwrap_or(0), 0);
    assert!(!path.exists(), "the file goes with the server");
}

/// An owner that this process may give a file to: only root may give it to others.
fn new_owner() -> (u32, u32) {
    let own = (process::geteuid().as_raw(), process::getegid().as_raw());
    if own.0 == 0 { (12_345, 23_456) } else { own }
}

fn owner_of(path: &Path) -> (u32, u32) {
    let file = fs::metadata(path).unwrap();
    (file.uid(), file.gid())
}

#[test]
fn l3_the_file_has_the_owner_that_it_was_given_before_anyone_can_connect() {
    let path = path("owned");
    let (user, group) = new_owner();
    let server = Server::bind(Listener::unix(&path).mode(0o600).owner(Some(user), Some(group))).unwrap();
    assert_eq!(owner_of(&path), (user, group));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    drop(server);
    // One of both is left as it is.
    let server = Server::bind(Listener::unix(&path).owner(None, Some(group))).unwrap();
    assert_eq!(owner_of(&path), (process::geteuid().as_raw(), group));
    drop(server);
    // A file says the same.
    let text =
        format!("[[listen]]\nunix = '{}'\nowner = {{ user = {user}, group = {group} }}", path.display());
    let server = toml::from_str::<ServerBuilder>(&text).unwrap().bind().unwrap();
    assert_eq!(owner_of(&path), (user, group));
    drop(server);
    for (wrong, fault) in [
        ("owner = 7", "`listen[0].owner` must be a table with `user` or `group`"),
        ("owner = { user = 'root' }", "`listen[0].owner.user` must be a whole number"),
        ("owner = { uid = 7 }", "`listen[0].owner.uid` is not an option; the options are `user`, `group`"),
    ] {
        let text = format!("[[listen]]\nunix = '{}'\n{wrong}", path.display());
        let error = toml::from_str::<ServerBuilder>(&text).unwrap().bind().unwrap_err().to_string();
        assert!(error.contains(fault), "{wrong}: {error}");
    }
    assert!(!path.exists());
    if process::geteuid().as_raw() != 0 {
        let error = Server::bind(Listener::unix(&path).owner(Some(0), None)).unwrap_err();
        let Error::Bind(failed) = &error else { panic!("{error}") };
        assert_eq!(failed[0].1.kind(), ErrorKind::PermissionDenied);
        assert!(!path.exists(), "nothing is left of it");
    }
}

/// Removes a file at the end, however a test ends.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A race with a server that binds: who connects as early as it can finds the file as it was to be.
#[test]
fn l3_nobody_can_connect_before_the_file_has_its_rights_and_its_owner() {
    let (user, group) = new_owner();
    for round in 0..200 {
        let path = path(&format!("race-{round}"));
        let _removed = Removed(path.clone());
        let listener = Listener::unix(&path).mode(0o600).owner(Some(user), Some(group));
        let binds = thread::spawn(move || Server::builder().listen(listener).reactors(1).bind().unwrap());
        loop {
            let was_bound = binds.is_finished();
            if UnixStream::connect(&path).is_ok() {
                break;
            }
            assert!(!was_bound, "round {round}: nobody can connect");
        }
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode, owner_of(&path)), (0o600, (user, group)), "round {round}");
        drop(binds.join().unwrap());
    }
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
