//! A Redis for tests, which says what the test wants.

use redis::Connection;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

/// A connection to one that answers each command by its name.
pub(crate) fn connect(mut answer: impl FnMut(&str) -> String + Send + 'static) -> Connection {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = redis::Client::open(format!("redis://{}", listener.local_addr().unwrap())).unwrap();
    thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
        while let Some(count) = lines.next() {
            let count: usize = count.trim_start_matches('*').parse().unwrap();
            // Each part has its length on a line of its own.
            let parts: Vec<String> = lines.by_ref().take(2 * count).skip(1).step_by(2).collect();
            if stream.write_all(answer(&parts[0]).as_bytes()).is_err() {
                return;
            }
        }
    });
    client.get_connection().unwrap()
}
