//! Unix sockets.

use crate::server::{Plan, Server, Told, pattern};
use crate::{read, read_to_end};
use jackfield_reactor::{Addr, ListenOptions, Listener, Reason};
use std::io::{ErrorKind, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

/// A path of which no other test knows.
fn path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("jackfield-{name}-{}", std::process::id()));
    // An earlier process of the same number may have left it.
    let _ = std::fs::remove_file(&path);
    path
}

fn bind(path: &PathBuf) -> std::io::Result<Listener> {
    Listener::bind_unix(path, &ListenOptions::default())
}

#[test]
fn bytes_of_any_length_are_echoed_over_a_unix_socket() {
    let path = path("echo");
    let server = Server::start_at(bind(&path).expect("nothing lies there"), Plan::default());
    assert_eq!(server.addr.path(), Some(&*path));
    let mut client = UnixStream::connect(&path).expect("it listens");
    let Told::Open(id) = server.told() else { panic!("told of something else first") };
    let local = server.addr.clone();
    server.ask(move |wires| {
        assert_eq!(wires.peer(id).expect("it is there").addr, Addr::Unix(None));
        assert_eq!(wires.local_addr(id).expect("it is there"), local);
    });
    for len in [1, 1000, 65_537, 500_000] {
        let bytes = pattern(len);
        let mut writer = client.try_clone().expect("a descriptor");
        std::thread::scope(|scope| {
            scope.spawn(|| writer.write_all(&bytes).expect("it reads"));
            assert!(read(&mut client, len) == bytes, "{len} bytes came back changed");
        });
    }
    client.shutdown(Shutdown::Write).expect("open");
    assert_eq!(read_to_end(&mut client), b"");
    assert_eq!(server.closed(), Reason::Peer);
    server.stop();
    assert!(!path.exists(), "the file goes with the listener");
}

#[test]
fn only_a_socket_without_a_server_is_replaced() {
    let path = path("left");
    drop(UnixListener::bind(&path).expect("nothing lies there"));
    let listener = bind(&path).expect("nobody listens any more");
    let error = bind(&path).expect_err("somebody listens");
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    drop(listener);
    std::fs::write(&path, "a file").expect("a folder for such files");
    let error = bind(&path).expect_err("it is no socket");
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert_eq!(std::fs::read(&path).expect("it is there still"), b"a file");
    std::fs::remove_file(&path).expect("it is there still");
}
