//! What a small request and one of 16 KiB cost over TLS beside a bare loop on rustls with the same provider, which waits for as many
//! bytes as the request has, and writes a ready answer of the same length: processor time of each.
//!
//! ```sh
//! cargo run --profile fast -p jackfield-benches --features tls --bin bench-tls
//! ```

use jackfield::reactor::mio::net::{TcpListener, TcpStream as Socket};
use jackfield::reactor::mio::{Events, Interest, Poll, Token};
use jackfield::rustls::pki_types::pem::PemObject;
use jackfield::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use jackfield::rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};
use jackfield::{Client, Exchange, Listener, Request, Server};
use jackfield_benches::SMALL_REQUEST;
use jackfield_benches::beside::{self, compare};
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

/// Connections, each with one request in flight.
const CONNECTIONS: usize = 32;
/// Requests on each of them in a round.
const REQUESTS: usize = 600;
/// The body of a large request, and of its answer.
const LARGE: usize = 16 << 10;

/// What is asked, and the length of the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Size {
    Small,
    Large,
}

impl Size {
    fn request(self) -> Vec<u8> {
        match self {
            Self::Small => SMALL_REQUEST.to_vec(),
            Self::Large => {
                let head = format!("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {LARGE}\r\n\r\n");
                [head.as_bytes(), &[b'x'; LARGE]].concat()
            }
        }
    }

    fn body(self) -> Vec<u8> {
        match self {
            Self::Small => b"Hello, World!".to_vec(),
            Self::Large => vec![b'x'; LARGE],
        }
    }

    fn answer(self) -> Vec<u8> {
        let body = self.body();
        let head = format!(
            "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), &body].concat()
    }
}

fn main() {
    match beside::role() {
        None => measure(),
        Some((name, arguments)) => {
            let [certificate, key] = [0, 1].map(|at| Path::new(&arguments[at]));
            let size = if arguments[2] == "large" { Size::Large } else { Size::Small };
            if name == "bare" {
                serve_bare(certificate, key, size);
            } else {
                serve_ours(certificate, key, size);
            }
        }
    }
}

fn measure() {
    let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let folder = std::env::temp_dir().join(format!("bench-tls-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.join(name));
    fs::write(&certificate, identity.cert.pem()).expect("a file");
    fs::write(&key, identity.signing_key.serialize_pem()).expect("a file");
    let mut roots = RootCertStore::empty();
    roots.add(identity.cert.der().clone()).expect("a certificate");
    let config = Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth());
    let [certificate_path, key_path] =
        [&certificate, &key].map(|path| path.to_str().expect("a path that is text"));
    for (size, word, what) in [
        (Size::Small, "small", "a small request over TLS"),
        (Size::Large, "large", "a request of 16 KiB over TLS, with an answer of 16 KiB"),
    ] {
        let arguments = [certificate_path, key_path, word];
        let servers = ["bare", "ours"].map(|name| beside::Server::start(name, &arguments));
        let [mut bare, mut ours] = servers.each_ref().map(|server| connect(server.addr, &config));
        let bare_addr = servers[0].addr;
        let (request, answer) = (size.request(), size.answer().len());
        compare(what, servers.each_ref(), |addr| {
            ask(if addr == bare_addr { &mut bare } else { &mut ours }, &request, answer)
        });
    }
    // The key in it is no secret: only this benchmark trusts it.
    let _ = fs::remove_dir_all(&folder);
}

type Peer = StreamOwned<ClientConnection, TcpStream>;

fn connect(addr: SocketAddr, config: &Arc<ClientConfig>) -> Vec<Peer> {
    let new = |_| {
        let name = ServerName::try_from("localhost").expect("a name");
        let session = ClientConnection::new(config.clone(), name).expect("a configuration");
        let socket = TcpStream::connect(addr).expect("it listens");
        socket.set_nodelay(true).expect("a socket");
        StreamOwned::new(session, socket)
    };
    (0..CONNECTIONS).map(new).collect()
}

/// All ask, and then all read; how many requests that were.
fn ask(peers: &mut [Peer], request: &[u8], answer: usize) -> u64 {
    let mut answer = vec![0; answer];
    for _ in 0..REQUESTS {
        for peer in &mut *peers {
            peer.write_all(request).expect("it goes on");
        }
        for peer in &mut *peers {
            peer.read_exact(&mut answer).expect("an answer");
            assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
        }
    }
    (peers.len() * REQUESTS) as u64
}

/// A connection of the bare loop.
struct Bare {
    socket: Socket,
    session: ServerConnection,
    request: Vec<u8>,
}

impl Bare {
    /// Reads until nothing is left, answers, and writes. `Ok(false)`: the peer has gone.
    fn go_on(&mut self, plain: &mut [u8], request_bytes: usize, answer: &[u8]) -> io::Result<bool> {
        loop {
            match self.session.read_tls(&mut self.socket) {
                Ok(0) => return Ok(false),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
            self.session.process_new_packets().map_err(io::Error::other)?;
            while let Ok(count @ 1..) = self.session.reader().read(plain) {
                self.request.extend_from_slice(&plain[..count]);
            }
            if self.request.len() >= request_bytes {
                self.request.clear();
                self.session.writer().write_all(answer)?;
            }
        }
        while self.session.wants_write() {
            self.session.write_tls(&mut self.socket)?;
        }
        Ok(true)
    }
}

fn serve_bare(certificate: &Path, key: &Path, size: Size) {
    let (request_bytes, answer) = (size.request().len(), size.answer());
    let chain = vec![CertificateDer::from_pem_file(certificate).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_file(key).expect("a key");
    let config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).expect("its own key");
    let config = Arc::new(config);
    let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("an address");
    println!("listening on {}", listener.local_addr().expect("it has one"));
    let (mut poll, mut events) = (Poll::new().expect("a poll"), Events::with_capacity(1024));
    let new = Token(usize::MAX);
    poll.registry().register(&mut listener, new, Interest::READABLE).expect("there is room");
    let (mut all, mut plain): (Vec<Option<Bare>>, _) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        poll.poll(&mut events, None).expect("events");
        for event in &events {
            if event.token() == new {
                while let Ok((mut socket, _)) = listener.accept() {
                    socket.set_nodelay(true).expect("a socket");
                    let token = Token(all.len());
                    let both = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(&mut socket, token, both).expect("there is room");
                    let session = ServerConnection::new(config.clone()).expect("a configuration");
                    all.push(Some(Bare { socket, session, request: Vec::new() }));
                }
            } else if let Some(bare) = &mut all[event.token().0] {
                if !bare.go_on(&mut plain, request_bytes, &answer).unwrap_or(false) {
                    all[event.token().0] = None;
                }
            }
        }
    }
}

/// Answers with this body.
struct Ready(Arc<[u8]>);

impl Client for Ready {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        exchange.ok("text/plain", self.0.clone());
    }
}

fn serve_ours(certificate: &Path, key: &Path, size: Size) {
    let body: Arc<[u8]> = size.body().into();
    let listener = Listener::tcp("127.0.0.1:0").tls(certificate, key);
    let server = Server::builder().listen(listener).bind().expect("it can listen");
    println!("listening on {}", server.local_addr());
    server.serve(move |_peer| Ready(body.clone())).expect("it ends in good order");
}
