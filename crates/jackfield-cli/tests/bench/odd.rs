//! Servers that do not what a client hopes for.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// Listens, and treats each connection in a thread of its own, as long as the test runs.
pub(crate) fn listen(treat: impl Fn(TcpStream) + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let addr = listener.local_addr().expect("it has an address");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let treat = treat.clone();
            thread::spawn(move || treat(stream));
        }
    });
    addr.to_string()
}

/// An address where nobody listens any more.
pub(crate) fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it has an address").to_string()
}

/// Answers whatever comes with these bytes, until the client leaves.
pub(crate) fn say(mut stream: TcpStream, bytes: &[u8]) {
    let mut room = [0; 4096];
    while matches!(stream.read(&mut room), Ok(1..)) {
        if stream.write_all(bytes).is_err() {
            return;
        }
    }
}

/// Reads, and never answers.
pub(crate) fn keep_silent(stream: TcpStream) {
    say(stream, b"");
}
