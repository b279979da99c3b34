//! A reactor with one wire over memory, and the peer that speaks with it.
//!
//! The service speaks lines: it echoes them, `starttls` asks for TLS, `flood` for a mebibyte and the end, `done` says that the
//! peer sends no more and asks for the end, and what it hears is written to a log. A line that begins with `through` or `share`
//! is echoed behind a header of its own, without a copy or from shared memory.

use crate::identity::Identity;
use jackfield_reactor::{
    ConnectionId, Eviction, FarEnd, Incoming, Limits, MemoryDriver, Reason, Service, Session, Stream, Wires,
};
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Where every peer comes from.
pub(crate) const PEER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7)), 4000);

/// What comes before a line that is echoed without a copy, or from shared memory.
pub(crate) const HEADER: &[u8] = b"header of it";

/// Sizes of the pieces in which bytes go both ways.
pub(crate) const SIZES: [usize; 8] = [1, 2, 3, 7, 64, 100, 1000, 1 << 20];

pub(crate) struct Configs {
    pub(crate) server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

/// With Ed25519, so that every signature has the same length.
pub(crate) fn configs() -> &'static Configs {
    static CONFIGS: OnceLock<Configs> = OnceLock::new();
    CONFIGS.get_or_init(|| {
        let identity = Identity::with_key(&["localhost"], &rcgen::PKCS_ED25519);
        let mut client = identity.client_config(rustls::DEFAULT_VERSIONS);
        // A resumed handshake would be shorter than the first.
        client.resumption = Resumption::disabled();
        Configs { server: identity.server_config(), client: client.into() }
    })
}

pub(crate) fn name() -> ServerName<'static> {
    ServerName::try_from("localhost").expect("a name")
}

pub(crate) fn client_config() -> Arc<ClientConfig> {
    configs().client.clone()
}

pub(crate) fn client() -> Connection {
    ClientConnection::new(client_config(), name()).expect("a good configuration").into()
}

pub(crate) fn server() -> Connection {
    ServerConnection::new(configs().server.clone()).expect("a good configuration").into()
}

/// What the service heard.
pub(crate) struct Lines {
    pub(crate) log: Vec<String>,
    /// It is read no further when it is established.
    pub(crate) pauses: bool,
    /// It is aborted when its preamble is known.
    pub(crate) refuses: bool,
    make: Box<dyn FnMut(Stream) -> Session>,
    id: ConnectionId,
}

pub(crate) struct World {
    pub(crate) driver: MemoryDriver,
    pub(crate) service: Lines,
    pub(crate) far: FarEnd,
}

impl World {
    /// One connection with this session above its stream.
    pub(crate) fn new(make: impl FnMut(Stream) -> Session + 'static) -> Self {
        Self::from(PEER, make)
    }

    pub(crate) fn from(peer: SocketAddr, make: impl FnMut(Stream) -> Session + 'static) -> Self {
        Self::with_limits(Limits::default(), peer, make)
    }

    pub(crate) fn with_limits(
        limits: Limits,
        peer: SocketAddr,
        make: impl FnMut(Stream) -> Session + 'static,
    ) -> Self {
        let mut driver = MemoryDriver::new(0, limits);
        let mut service = Lines {
            log: Vec::new(),
            pauses: false,
            refuses: false,
            make: Box::new(make),
            id: ConnectionId::NONE,
        };
        let far = driver.connect(&mut service, peer, 3);
        Self { driver, service, far }
    }

    /// Turns until nothing moves any more, and looks whether all is as it must be.
    pub(crate) fn run(&mut self) {
        self.driver.run(&mut self.service);
        self.driver.check_at_rest().expect("all is in order");
    }

    pub(crate) fn advance(&mut self, span: Duration) {
        self.driver.advance(span, &mut self.service);
    }

    /// Sends bytes in pieces of that size, and returns what came back.
    pub(crate) fn send(&mut self, bytes: &[u8], size: usize) -> Vec<u8> {
        self.far.set_write_max(Some(size));
        for piece in bytes.chunks(size) {
            self.far.send(piece);
            self.run();
        }
        self.run();
        self.far.take()
    }

    /// Lets the peer's session speak until neither side has more to say; what it heard in plain text.
    pub(crate) fn converse(&mut self, session: &mut Connection, size: usize) -> Vec<u8> {
        let mut plain = Vec::new();
        let mut came = self.send(&[], size);
        loop {
            let mut rest = &came[..];
            while !rest.is_empty() {
                session.read_tls(&mut rest).expect("memory");
                session.process_new_packets().expect("well-formed records");
                // It ends with "nothing for now", or with the peer's goodbye.
                let _ = session.reader().read_to_end(&mut plain);
            }
            let mut out = Vec::new();
            while session.wants_write() {
                session.write_tls(&mut out).expect("memory");
            }
            if out.is_empty() {
                return plain;
            }
            came = self.send(&out, size);
        }
    }

    /// Says something through the session; what came back.
    pub(crate) fn say(&mut self, session: &mut Connection, words: &[u8], size: usize) -> Vec<u8> {
        session.writer().write_all(words).expect("room");
        self.converse(session, size)
    }

    /// The only connection.
    pub(crate) fn id(&self) -> ConnectionId {
        self.driver.reactor.wires.ids().next().expect("one")
    }

    /// Queues this number of bytes for the peer.
    pub(crate) fn queue(&mut self, bytes: usize) {
        let id = self.id();
        Lines::say(&mut self.driver.reactor.wires, id, &vec![b'x'; bytes]);
    }

    pub(crate) fn log(&self) -> Vec<&str> {
        self.service.log.iter().map(String::as_str).collect()
    }
}

impl Lines {
    fn say(wires: &mut Wires, id: ConnectionId, words: &[u8]) {
        if let Some(outbox) = wires.outbox(id) {
            outbox.tail().extend_from_slice(words);
        }
    }
}

impl Service for Lines {
    fn on_accept(&mut self, wires: &mut Wires, incoming: Incoming) {
        let session = (self.make)(incoming.stream);
        self.id = wires.insert(session, incoming.peer).expect("there is room");
    }

    fn on_preamble(&mut self, wires: &mut Wires, id: ConnectionId) {
        if self.refuses {
            wires.abort(id, Reason::Local);
        }
    }

    fn on_established(&mut self, wires: &mut Wires, id: ConnectionId) {
        let source = wires.peer(id).expect("it is there").source().clone();
        self.log.push(format!("established {source}"));
        if self.pauses {
            wires.pause(id);
        }
    }

    fn on_bytes(&mut self, wires: &mut Wires, id: ConnectionId, rx: &mut [u8]) -> usize {
        assert!(wires.may_handle_bytes(id), "it is read although it should not be");
        let mut used = 0;
        while let Some(len) = rx[used..].iter().position(|byte| *byte == b'\n') {
            let line = &rx[used..used + len];
            used += len + 1;
            self.log.push(format!("line {}", String::from_utf8_lossy(line)));
            if line == b"starttls" {
                Self::say(wires, id, b"go\n");
                wires.start_tls(id, configs().server.clone()).expect("it is plain and open");
            } else if line == b"done" {
                Self::say(wires, id, b"done\n");
                wires.set_peer_done(id);
                wires.close(id, Reason::Local);
            } else if line == b"flood" {
                Self::say(wires, id, &[b'x'; 1 << 20]);
                wires.close(id, Reason::Local);
            } else if line.starts_with(b"through") {
                wires.write_through(id, HEADER, line).expect("it is open");
            } else if line.starts_with(b"share") {
                Self::say(wires, id, HEADER);
                wires.outbox(id).expect("it is open").push_shared_body(line.into());
            } else {
                Self::say(wires, id, &[line, b"\n"].concat());
            }
            if !wires.may_handle_bytes(id) {
                break;
            }
        }
        used
    }

    fn on_evict(&mut self, _: &mut Wires, _: ConnectionId, why: Eviction) {
        self.log.push(format!("evicted {why:?}"));
    }

    fn on_end(&mut self, wires: &mut Wires, id: ConnectionId) {
        self.log.push(if wires.was_cut(id) { "cut" } else { "end" }.into());
        wires.close(id, Reason::Peer);
    }

    fn on_drain(&mut self, _: &mut Wires, _: ConnectionId) {
        self.log.push("drain".into());
    }

    fn on_idle(&mut self, _: &mut Wires, _: ConnectionId, _: Duration) {}

    fn on_timer(&mut self, _: &mut Wires, _: ConnectionId, _: u32) {}

    fn on_wake(&mut self, _: &mut Wires) {}

    fn on_close(&mut self, wires: &mut Wires, id: ConnectionId, reason: Reason) {
        let peer = wires.peer(id).expect("it is known to the last");
        self.log.push(format!("close {reason:?} {} at {}", peer.addr, peer.listener));
    }

    fn on_accept_error(&mut self, _: &mut Wires, _: usize, error: &io::Error) {
        unreachable!("{error}");
    }
}
