//! What the peers have in common: the command line, the listening socket, the single-threaded tokio, and the loops
//! over WebSockets that are a stream and a sink of messages.
//!
//! The loops are the fastest that these libraries allow with their own means, not the shortest: what has arrived is
//! taken whole before it is answered, and is flushed once.

pub mod coalesce;
pub mod hub;
pub mod tls;
mod tls_config;

use bytes::Bytes;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use hub::{Hub, Seat};
use rustls::ServerConfig;
use socket2::{Domain, Socket, Type};
use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::net::{SocketAddr, TcpListener};
use std::process::exit;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::thread::LocalKey;
use tokio::net::TcpStream;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The body of every answer to `GET /plaintext`.
pub const HELLO: &str = "Hello, World!";

/// The one event of every event stream: 56 times `x`.
pub const EVENT: &str = "data: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n\n";

/// The longest WebSocket message that has to be echoed.
pub const MAX_MESSAGE: usize = 16 << 20;

/// How many messages are taken before they are answered: enough for the bursts of the benchmarks, and no more memory
/// than they need.
pub const BATCH: usize = 256;

/// tungstenite's read buffer, unless told otherwise: what its authors advise for many connections, and the fastest of
/// those tried for messages of 20 bytes.
const READ_BUFFER: usize = 4 << 10;

/// The exit status of a peer that can't do what it was asked for.
pub const GAP: i32 = 3;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    Http,
    Ws,
    Fanout,
    Sse,
}

/// The command line: `NAME MODE --listen ADDR`. A mode without a place in `can` ends the process with [`GAP`] and `why`.
pub fn args(can: &[Mode], why: &str) -> (Mode, SocketAddr) {
    let (mode, addr, _) = parse(can, why, &[]);
    (mode, addr)
}

/// The same with `--read-buffer BYTES` after it, for what is built on tungstenite: it fills so many bytes with zeroes
/// before each read, and reads no more at once, so no size is the best for short and for long messages.
pub fn args_with_buffer(can: &[Mode], why: &str) -> (Mode, SocketAddr, usize) {
    let (mode, addr, more) = parse(can, why, &["--read-buffer"]);
    (mode, addr, more.read_buffer)
}

/// The same with all that may come after it.
pub fn args_with_tls(can: &[Mode], why: &str) -> (Mode, SocketAddr, More) {
    parse(can, why, &["--read-buffer", "--cert", "--key"])
}

/// What may come after the address.
pub struct More {
    pub read_buffer: usize,
    /// TLS is spoken, with `--cert FILE` and `--key FILE`.
    pub tls: Option<Arc<ServerConfig>>,
}

fn parse(can: &[Mode], why: &str, more: &[&str]) -> (Mode, SocketAddr, More) {
    let mut args = std::env::args();
    let name = args.next().unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or_default().to_owned();
    let usage = || -> ! {
        let more: String = more.iter().map(|option| format!(" [{option} VALUE]")).collect();
        eprintln!("usage: {name} http|ws|fanout|sse --listen ADDRESS{more}");
        exit(2)
    };
    let word = args.next().unwrap_or_default();
    let mode = match word.as_str() {
        "http" => Mode::Http,
        "ws" => Mode::Ws,
        "fanout" => Mode::Fanout,
        "sse" => Mode::Sse,
        _ => usage(),
    };
    if !can.contains(&mode) {
        eprintln!("gap: {name} can't do {word}: {why}");
        exit(GAP);
    }
    let (Some("--listen"), Some(addr)) = (args.next().as_deref(), args.next()) else { usage() };
    let Ok(addr) = addr.parse() else { usage() };
    let (mut read_buffer, mut cert, mut key) = (READ_BUFFER, None, None);
    while let Some(option) = args.next() {
        match (option.as_str(), args.next()) {
            (option, Some(value)) if more.contains(&option) => match option {
                "--cert" => cert = Some(value),
                "--key" => key = Some(value),
                _ => read_buffer = value.parse().unwrap_or_else(|_| usage()),
            },
            _ => usage(),
        }
    }
    let tls = cert.zip(key).map(|(cert, key)| tls::config(&cert, &key));
    (mode, addr, More { read_buffer, tls })
}

/// Ends the process with a sentence.
pub fn fail(what: impl Display) -> ! {
    eprintln!("{what}");
    exit(1)
}

/// The listening socket: with a backlog for ten thousand connections at once, and with `TCP_NODELAY`, which the
/// connections inherit on Linux.
pub fn listener(addr: SocketAddr) -> TcpListener {
    let open = || {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM.nonblocking().cloexec(), None)?;
        socket.set_reuse_address(true)?;
        socket.set_tcp_nodelay(true)?;
        socket.bind(&addr.into())?;
        socket.listen(4096)?;
        Ok(TcpListener::from(socket))
    };
    open().unwrap_or_else(|error: std::io::Error| fail(format!("can't listen on {addr}: {error}")))
}

/// Tells on standard output where the server listens.
pub fn announce(listener: &TcpListener) {
    match listener.local_addr() {
        Ok(addr) => println!("listening on {addr}"),
        Err(error) => fail(error),
    }
}

/// Runs a server on tokio's single thread, without its timers, and gives each connection a task.
///
/// The tasks are exempt from tokio's budget, as the authors of fastwebsockets and of tokio-websockets have it in their
/// benchmarks: the loops here are bounded by themselves.
pub fn serve<F: Future<Output = ()> + Send + 'static>(
    addr: SocketAddr,
    mut connection: impl FnMut(TcpStream) -> F,
) -> ! {
    let listener = listener(addr);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let runtime = runtime.unwrap_or_else(|error| fail(error));
    runtime.block_on(async {
        announce(&listener);
        let listener = tokio::net::TcpListener::from_std(listener).unwrap_or_else(|error| fail(error));
        loop {
            // If `accept` fails, the connection has gone already or no descriptor is left: go on with the others.
            if let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(tokio::task::unconstrained(connection(stream)));
            }
        }
    })
}

/// Takes what has arrived: `Ready(false)` after the last message, `Ready(true)` with at least one in `batch` before.
fn take<M, E>(
    socket: &mut (impl Stream<Item = Result<M, E>> + Unpin),
    cx: &mut Context<'_>,
    wanted: impl Fn(&M) -> bool,
    batch: &mut Vec<M>,
) -> Poll<bool> {
    while batch.len() < BATCH {
        match socket.poll_next_unpin(cx) {
            Poll::Ready(Some(Ok(message))) if wanted(&message) => batch.push(message),
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(_) => return Poll::Ready(false),
            Poll::Pending if batch.is_empty() => return Poll::Pending,
            Poll::Pending => break,
        }
    }
    Poll::Ready(true)
}

/// Sends each message back that is `wanted`: text and binary, as opposed to ping, pong and close.
pub async fn echo<S, M, E>(mut socket: S, wanted: impl Fn(&M) -> bool)
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
{
    let mut batch = Vec::new();
    loop {
        let open = poll_fn(|cx| take(&mut socket, cx, &wanted, &mut batch)).await;
        for message in batch.drain(..) {
            if socket.feed(message).await.is_err() {
                return;
            }
        }
        if socket.flush().await.is_err() || !open {
            return;
        }
    }
}

/// Sends each message that is `wanted` to everyone at the hub, this connection included.
pub async fn fanout<S, M, E>(mut socket: S, hub: &'static LocalKey<Hub<M>>, wanted: impl Fn(&M) -> bool)
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
    M: Clone,
{
    let seat = Seat::take(hub);
    let (mut batch, mut published) = (Vec::new(), Vec::new());
    loop {
        let open = poll_fn(|cx| {
            if let Poll::Ready(open) = take(&mut socket, cx, &wanted, &mut published) {
                published.drain(..).for_each(|message| seat.publish(message));
                if !open {
                    return Poll::Ready(false);
                }
                // The tasks of all connections that had something to read stand before this one now: when its turn
                // comes again, all of that is here, and goes out as one write.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            seat.poll_take(cx, &mut batch)
        });
        if !open.await {
            return;
        }
        for message in batch.drain(..) {
            if socket.feed(message).await.is_err() {
                return;
            }
        }
        if socket.flush().await.is_err() {
            return;
        }
    }
}

/// The body of an event stream: what was published since the last look, as one piece.
pub struct Events {
    seat: Seat<Bytes>,
    batch: Vec<Bytes>,
}

impl Events {
    pub fn new(hub: &'static LocalKey<Hub<Bytes>>) -> Self {
        Self { seat: Seat::take(hub), batch: Vec::new() }
    }
}

impl Stream for Events {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(mut self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { seat, batch } = &mut *self;
        if !ready!(seat.poll_take(cx, batch)) {
            return Poll::Ready(None);
        }
        let piece = match batch.pop() {
            Some(only) if batch.is_empty() => only,
            Some(last) => batch.drain(..).chain([last]).collect::<Vec<_>>().concat().into(),
            None => Bytes::new(),
        };
        batch.clear();
        Poll::Ready(Some(Ok(piece)))
    }
}
