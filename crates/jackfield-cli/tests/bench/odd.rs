//! Servers that do not what a client hopes for.

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::{Domain, Socket, Type};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use tungstenite::protocol::{Message, Role, WebSocket};

/// Listens, and treats each connection in a thread of its own, as long as the test runs.
pub(crate) fn listen(treat: impl Fn(TcpStream) + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let addr = listener.local_addr().expect("it has an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let treat = treat.clone();
            thread::spawn(move || treat(stream));
        }
    });
    addr.to_string()
}

/// The same with the number of each connection.
pub(crate) fn listen_numbered(treat: impl Fn(usize, TcpStream) + Clone + Send + 'static) -> String {
    let number = Arc::new(AtomicUsize::new(0));
    listen(move |stream| treat(number.fetch_add(1, Ordering::Relaxed), stream))
}

/// An address where nobody listens. It stays taken as long as the test runs, so that nobody else begins to.
pub(crate) fn nobody() -> String {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a descriptor is free");
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port is free");
    let addr = socket.local_addr().ok().and_then(|addr| addr.as_socket()).expect("it has an address");
    std::mem::forget(socket);
    addr.to_string()
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

/// Answers requests for this path with 200, and others with 404.
pub(crate) fn answer(stream: TcpStream, path: &str) {
    let mut out = stream.try_clone().expect("a descriptor is free");
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    while let Some(line) = lines.next() {
        let is_last =
            lines.by_ref().take_while(|line| !line.is_empty()).any(|line| line == "Connection: close");
        let status = if line == format!("GET {path} HTTP/1.1") { "200 OK" } else { "404 Not Found" };
        let end = if is_last { "Connection: close\r\n" } else { "" };
        if write!(out, "HTTP/1.1 {status}\r\n{end}Content-Length: 0\r\n\r\n").is_err() || is_last {
            return;
        }
    }
}

/// Answers each request, which comes in one piece, with 200 if it is as it should be, and otherwise with 400.
pub(crate) fn check(mut stream: TcpStream, is_good: impl Fn(&str) -> bool) {
    let mut room = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut room) {
        let status =
            if is_good(&String::from_utf8_lossy(&room[..count])) { "200 OK" } else { "400 Bad Request" };
        if write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

/// Answers one request after the other, on all connections together, and pauses once when it has had so many.
pub(crate) fn listen_and_pause(asked: usize, pause: Duration) -> String {
    let seen = Arc::new(Mutex::new(0));
    listen(move |stream| {
        check(stream, |_| {
            let mut seen = seen.lock().expect("no test panics here");
            *seen += 1;
            if *seen == asked {
                thread::sleep(pause);
            }
            true
        });
    })
}

/// The event streams of a server.
pub(crate) type Streams = Arc<Mutex<Vec<TcpStream>>>;

/// Event streams, and posts, each of which becomes an event that is delivered in this way. Each connection serves so many posts.
pub(crate) fn listen_for_posts(
    posts: usize,
    deliver: impl Fn(&Streams, String) + Clone + Send + 'static,
) -> String {
    let streams = Streams::default();
    listen(move |mut stream| {
        let mut input = BufReader::new(stream.try_clone().expect("a descriptor is free"));
        let mut left = posts;
        while left > 0 {
            let Some((line, body)) = read_request(&mut input) else { return };
            if line.starts_with("GET ") {
                let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
                if stream.write_all(head).is_ok() {
                    streams.lock().expect("no test panics here").push(stream);
                }
                return;
            }
            deliver(&streams, format!("data: {body}\n\n"));
            left -= 1;
            let end = if left == 0 { "Connection: close\r\n" } else { "" };
            // The client may be gone.
            let _ = write!(stream, "HTTP/1.1 204 No Content\r\n{end}\r\n");
        }
    })
}

/// The first line of a request, and its body.
fn read_request(input: &mut impl BufRead) -> Option<(String, String)> {
    let head: Vec<String> = input.lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let length =
        head.iter().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    input.read_exact(&mut body).ok()?;
    Some((head.into_iter().next()?, String::from_utf8(body).ok()?))
}

/// An event comes on all streams.
pub(crate) fn deliver(streams: &Streams, event: &str) {
    tell(&mut streams.lock().expect("no test panics here"), event);
}

/// These bytes come on these streams.
pub(crate) fn tell(streams: &mut [TcpStream], bytes: &str) {
    for stream in streams {
        // The client may be gone.
        let _ = stream.write_all(bytes.as_bytes());
    }
}

/// The same after a while, so that the post has been answered.
pub(crate) fn deliver_late(streams: &Streams, event: String, after: Duration) {
    let streams = streams.clone();
    thread::spawn(move || {
        thread::sleep(after);
        deliver(&streams, &event);
    });
}

/// Answers the first request, and no other.
pub(crate) fn answer_once(mut stream: TcpStream) {
    let mut room = [0; 4096];
    let heard = stream.read(&mut room);
    let said = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    if matches!((heard, said), (Ok(1..), Ok(()))) {
        keep_silent(stream);
    }
}

/// Answers what comes first with these bytes, and closes.
pub(crate) fn say_once(mut stream: TcpStream, bytes: &[u8]) {
    let mut room = [0; 4096];
    if matches!(stream.read(&mut room), Ok(1..)) {
        // The client may be gone.
        let _ = stream.write_all(bytes);
    }
}

/// Answers with an event stream that goes on: longer than anybody waits for it.
pub(crate) fn go_on(mut stream: TcpStream) {
    let mut room = [0; 4096];
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    let begun = matches!(stream.read(&mut room), Ok(1..)) && stream.write_all(head).is_ok();
    let mut events = 0;
    while begun && events < 6000 && stream.write_all(b"data: still here\n\n").is_ok() {
        thread::sleep(Duration::from_millis(50));
        events += 1;
    }
}

/// Reads, and never answers.
pub(crate) fn keep_silent(stream: TcpStream) {
    say(stream, b"");
}

/// Listens with TLS, without tickets and without a memory of sessions, and answers one request on each connection. `before` comes
/// before each handshake.
pub(crate) fn listen_over_tls(cert: &str, key: &str, before: impl Fn() + Clone + Send + 'static) -> String {
    let mut config = tls(cert, key);
    (config.send_tls13_tickets, config.session_storage) = (0, Arc::new(NoServerSessionStorage {}));
    answer_over_tls(config, before)
}

/// The same with the memory of sessions that a server has by default: it keeps 256, and forgets the oldest.
pub(crate) fn listen_with_few_sessions(cert: &str, key: &str) -> String {
    answer_over_tls(tls(cert, key), || {})
}

fn tls(cert: &str, key: &str) -> ServerConfig {
    let chain = vec![CertificateDer::from_pem_file(cert).expect("it is a certificate")];
    let key = PrivateKeyDer::from_pem_file(key).expect("it is a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().expect("it has all versions");
    config.with_no_client_auth().with_single_cert(chain, key).expect("they match")
}

fn answer_over_tls(config: ServerConfig, before: impl Fn() + Clone + Send + 'static) -> String {
    let config = Arc::new(config);
    listen(move |stream| {
        before();
        let session = ServerConnection::new(config.clone()).expect("it can be used");
        let mut stream = StreamOwned::new(session, stream);
        let mut request = [0; 4096];
        if stream.read(&mut request).is_ok_and(|bytes| bytes > 0) {
            // A client that has gone is no failure.
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    })
}

/// Comments come on all streams, as long as the test runs.
pub(crate) fn comment(streams: &Streams, pause: Duration) {
    let streams = streams.clone();
    thread::spawn(move || {
        loop {
            deliver(&streams, ": still here\n\n");
            thread::sleep(pause);
        }
    });
}

/// WebSockets: each message is sent back at once to the connection that it came from, and later to all others.
pub(crate) fn listen_for_messages(after: Duration) -> String {
    let members = Arc::new(Mutex::new(Vec::<TcpStream>::new()));
    listen_numbered(move |_, stream| {
        let own = stream.try_clone().expect("a descriptor is free");
        let Ok(mut socket) = tungstenite::accept(stream) else { return };
        let others = members.clone();
        members.lock().expect("no test panics here").push(own.try_clone().expect("a descriptor is free"));
        while let Ok(message) = socket.read() {
            if !message.is_binary() || socket.send(message.clone()).is_err() {
                return;
            }
            let (others, own) = (others.clone(), own.peer_addr().ok());
            thread::spawn(move || {
                thread::sleep(after);
                for other in others.lock().expect("no test panics here").iter() {
                    if other.peer_addr().ok() != own {
                        send(other, message.clone());
                    }
                }
            });
        }
    })
}

/// Sends a message on a WebSocket that another thread reads.
fn send(stream: &TcpStream, message: Message) {
    let stream = stream.try_clone().expect("a descriptor is free");
    // The client may be gone.
    let _ = WebSocket::from_raw_socket(stream, Role::Server, None).send(message);
}
