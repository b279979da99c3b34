//! The built-in server, for every mode of `bench`.

use crate::base::proc;
use clap::Args;
use jackfield::{
    Body, Client, Exchange, Limits, Listener, Message, Raw, Request, Server, Upgrade, WebSocket,
};
use std::hint::black_box;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// What the built-in server listens to.
#[derive(Debug, Args)]
pub struct Serve {
    /// For HTTP, WebSocket and event streams
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// For bare TCP
    #[arg(long, default_value = "127.0.0.1:0")]
    pub raw: SocketAddr,
    /// Speak TLS on the first listener with this certificate
    #[arg(long, requires = "key")]
    pub cert: Option<PathBuf>,
    /// The key of the certificate
    #[arg(long, requires = "cert")]
    pub key: Option<PathBuf>,
    /// End when the process that has started this one ends
    #[arg(long)]
    pub tied: bool,
    /// Accept a connection only when its first bytes have come, as servers for short connections do
    #[arg(long)]
    pub deferred: bool,
    /// Reactors, a thread each
    #[arg(long, default_value_t = 1)]
    pub reactors: usize,
    /// Rounds of computing for each request to `/work`
    #[arg(long, default_value_t = 0)]
    pub work: u64,
    /// How many file descriptors it may open [default: as many as the system allows]
    #[arg(long)]
    pub descriptors: Option<u64>,
    /// Longest time for a request's head [default: that of the library]
    #[arg(long, value_parser = crate::base::units::parse_duration)]
    pub head_timeout: Option<Duration>,
    /// Longest time for a TLS handshake [default: that of the library]
    #[arg(long, value_parser = crate::base::units::parse_duration)]
    pub handshake_timeout: Option<Duration>,
    /// Longest time for which a connection that it has ended is still read [default: that of the library]
    #[arg(long, value_parser = crate::base::units::parse_duration)]
    pub linger: Option<Duration>,
}

/// One for each connection.
#[derive(Debug, Default)]
pub struct Builtin {
    /// Rounds of computing for each request to `/work`.
    work: u64,
    /// Its messages go to all members.
    is_member: bool,
}

/// The topic of the streams at `/feed`.
const FEED: &str = "feed";
/// The default publication.
const NEWS: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
/// The topic of the WebSockets at `/fanout`.
const EVERYBODY: &str = "everybody";
/// Room for the largest message or body that is sent.
const MESSAGE_BYTES_MAX: usize = 1 << 30;

/// The body at `/large`, made at the first request.
static LARGE: LazyLock<Arc<[u8]>> = LazyLock::new(|| vec![b'x'; LARGE_BYTES].into());
/// Its length.
const LARGE_BYTES: usize = 8 << 20;

impl Client for Builtin {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        match request.path() {
            "/plaintext" => exchange.ok("text/plain", "Hello, World!"),
            _ => self.on_other_request(exchange, request),
        }
    }

    fn on_upgrade(&mut self, upgrade: Upgrade<'_>, request: &Request<'_>) {
        self.is_member = request.path() == "/fanout";
        upgrade.accept();
    }

    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        if self.is_member {
            socket.subscribe(EVERYBODY);
        }
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        if self.is_member {
            socket.publish_to_all(EVERYBODY, message);
        } else {
            socket.send(message);
        }
    }

    fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        raw.send(&*data);
        data.len()
    }
}

impl Builtin {
    /// Requests that are not measured. They are in a separate function, so that the measured one stays small.
    #[inline(never)]
    fn on_other_request(&mut self, mut exchange: Exchange<'_>, request: &Request<'_>) {
        match request.path() {
            "/work" => {
                compute(self.work);
                exchange.ok("text/plain", "Hello, World!");
            }
            "/feed" => {
                exchange.events().subscribe(FEED);
            }
            "/publish" => {
                let news = match request.body() {
                    [] => NEWS,
                    body => std::str::from_utf8(body).unwrap_or("not UTF-8"),
                };
                exchange.publish(FEED, news);
                exchange.respond(204, "", "");
            }
            "/large" => exchange.ok("text/plain", Body::Shared(LARGE.clone())),
            _ => exchange.not_found(),
        }
    }
}

/// Uses the processor, and neither memory nor the kernel.
pub fn compute(rounds: u64) {
    let mut state = 1u64;
    for _ in 0..rounds {
        state = black_box(state.wrapping_mul(6_364_136_223_846_793_005).rotate_left(17) ^ 1);
    }
}

/// Serves until a signal ends it. The addresses are printed first, that for bare TCP last.
///
/// # Errors
/// If it can't listen, or polling fails.
pub fn serve(args: &Serve) -> jackfield::Result<()> {
    proc::set_descriptor_limit(args.descriptors);
    if args.tied {
        tie();
    }
    let (head_timeout, handshake_timeout, linger) = (args.head_timeout, args.handshake_timeout, args.linger);
    let limits = move |limits: &mut Limits| {
        limits.head_timeout = head_timeout.unwrap_or(limits.head_timeout);
        limits.reactor.handshake = handshake_timeout.unwrap_or(limits.reactor.handshake);
        limits.reactor.linger_max = linger.unwrap_or(limits.reactor.linger_max);
        limits.body_bytes_max = MESSAGE_BYTES_MAX as u64;
        limits.websocket.message_bytes_max = MESSAGE_BYTES_MAX;
        limits.reactor.wire_memory_bytes_max = 2 * MESSAGE_BYTES_MAX;
        limits.memory_bytes_max = 2 * MESSAGE_BYTES_MAX;
    };
    let listener = Listener::tcp(args.listen).defer_accept(args.deferred);
    let listener = match args.cert.as_ref().zip(args.key.as_ref()) {
        Some((cert, key)) => listener.tls(cert, key),
        None => listener,
    };
    let server = Server::builder()
        .limits(limits)
        .listen(listener)
        .listen(Listener::tcp(args.raw).raw())
        .reactors(args.reactors)
        .shutdown_on_signals()
        .bind()?;
    for addr in server.local_addrs() {
        // The output may be closed.
        let _ = writeln!(io::stdout(), "listening on {addr}");
    }
    let work = args.work;
    server.serve(move |_peer| Builtin { work, ..Builtin::default() })
}

/// Lets the system end the server if the load generator is killed.
#[cfg(target_os = "linux")]
fn tie() {
    use rustix::process::{Signal, set_parent_process_death_signal};
    // If this fails, the server would keep running, as on other systems.
    let _ = set_parent_process_death_signal(Some(Signal::TERM));
}

#[cfg(not(target_os = "linux"))]
fn tie() {}
