//! T1 of docs/features.md: handshakes on threads of their own. It looks at the threads of its process, so it is alone in it.

#![cfg(target_os = "linux")]

mod support;
#[path = "support/tls.rs"]
mod tls;

use jackfield::{Listener, Server};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use std::fs;
use std::io::Write;
use std::sync::Arc;
use support::get;
use support::probe::Probe;
use support::real::{self, Live};
use tls::Authority;

/// How many threads of this process have the name of those for handshakes. Each is started for a job.
fn handshake_threads() -> usize {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let names = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("comm")).ok());
    names.filter(|name| name.trim() == "handshake").count()
}

#[test]
fn t1_the_expensive_part_of_a_handshake_runs_on_another_thread_if_it_is_asked_to() {
    let authority = Authority::new("servers");
    let config = Arc::new(authority.client(None, rustls::DEFAULT_VERSIONS));
    for threads in [None, Some(0), Some(1)] {
        let listener = Listener::tcp("127.0.0.1:0").host(authority.host("a.example"));
        let usual = Server::builder().listen(listener).reactors(1);
        let builder = match threads {
            Some(threads) => usual.handshake_threads(threads),
            None => usual,
        };
        let live = Live::serve(builder, |_peer| Probe::default());
        assert_eq!(handshake_threads(), 0, "there was no handshake yet");
        for _ in 0..2 {
            let name = ServerName::try_from("a.example").unwrap();
            let session = ClientConnection::new(config.clone(), name).unwrap();
            let mut stream = StreamOwned::new(session, live.connect());
            stream.write_all(get("/").as_bytes()).unwrap();
            assert!(real::read_answer(&mut stream).ends_with("GET / "));
            assert_eq!(handshake_threads(), threads.unwrap_or(0));
        }
    }
}
