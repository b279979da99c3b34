//! A reverse proxy for one HTTP server. Bodies are forwarded in parts, both ways, and the fast side waits for the slow
//! one. Each request has its own connection to that server, whose answer is read when the request is over.
//!
//! ```sh
//! cargo run --example proxy -- --listen 127.0.0.1:8080 --to 127.0.0.1:9001
//! ```

use jackfield::proto::http1::{ClientMachine, Fields, Request, RequestError, Via};
use jackfield::{BodyPlan, Client, Connection, ConnectionId, Disconnect, Exchange, Handle, Outgoing, Peer};
use jackfield::{Raw, Relay, Sent, Server};
use std::{any::Any, mem::take};

/// A message from an upstream connection to the client's connection: it is up, has room, or has read something (true);
/// or it is gone (false).
struct News(ConnectionId, bool);

/// A client's connection.
#[derive(Default)]
struct Front {
    to: String,
    /// The upstream connection of the present request, perhaps not up yet. `None`: it is gone, or there was none.
    upstream: Option<ConnectionId>,
    http: ClientMachine,
    /// The head of the request. Empty when the upstream is up.
    head: Vec<u8>,
    /// The owed answer, until the upstream takes it. If it is dropped anywhere, the client gets a 502.
    owed: Option<Relay>,
}

/// A connection to the upstream: the client's connection, and the answer that is passed on to it.
struct Upstream(ConnectionId, Option<Relay>);

impl Front {
    /// Encodes the head, and connects. An error is the status of the answer: 501 if `Max-Forwards` is 0, because this proxy would
    /// have to answer itself, and does not implement `OPTIONS` or `TRACE`.
    fn begin(&mut self, peer: &mut Connection<'_>, request: &Request<'_>) -> Result<(), u16> {
        *self = Self { to: take(&mut self.to), ..Self::default() };
        let via = Via { name: "jackfield", client: peer.client_ip(request).ok_or(502_u16)?, host: &self.to };
        let status = |error| if matches!(error, RequestError::LastHop) { 501_u16 } else { 502 };
        self.http.encode_forwarded(request, &via, &mut self.head).map_err(status)?;
        self.upstream = peer.connect(Outgoing::tcp(&self.to).tag(peer.id().to_bits())).ok();
        self.upstream.map(|_| ()).ok_or(502)
    }

    /// If the upstream is up, asks it for more of the answer. If it is gone, the answer is given up.
    fn go_on(&mut self, handle: &Handle) {
        if self.head.is_empty() {
            let owed = self.owed.take();
            let _ = self.upstream.and_then(|upstream| handle.post(upstream, owed).ok());
        }
    }

    fn send(&mut self, client: &mut Connection<'_>, bytes: Vec<u8>) {
        if self.upstream.map(|upstream| client.send_to(upstream, bytes)) == Some(Sent::Congested) {
            client.pause_read();
        }
    }
}

impl Client for Front {
    fn on_head(&mut self, client: &mut Connection<'_>, request: &Request<'_>) -> BodyPlan {
        let begun = self.begin(client, request).map(|()| client.pause_read());
        begun.map_or_else(BodyPlan::Reject, |()| BodyPlan::Stream)
    }

    /// Comes only while the upstream is up.
    fn on_body(&mut self, client: &mut Connection<'_>, part: &[u8]) {
        let mut out = Vec::new();
        let _ = self.http.encode_part(part, &mut out);
        self.send(client, out);
    }

    fn on_request(&mut self, mut exchange: Exchange<'_>, request: &Request<'_>) {
        let mut out = Vec::new();
        let begun = if request.has_body() { Ok(()) } else { self.begin(&mut exchange, request) };
        if let Err(status) = begun {
            return exchange.error(status);
        }
        // It writes nothing for a request without a body.
        let _ = self.http.encode_end(&Fields::new(), &mut out);
        self.send(&mut exchange, out);
        let handle = exchange.handle();
        self.owed = Some(Relay::new(exchange.defer(), request.method()));
        self.go_on(&handle);
    }

    fn on_post(&mut self, client: &mut Connection<'_>, news: Box<dyn Any + Send>) {
        let Ok(News(upstream, is_up)) = news.downcast().map(|news| *news) else { return };
        // Otherwise it belongs to an earlier request.
        if self.upstream == Some(upstream) {
            self.upstream = self.upstream.filter(|_| is_up);
            let _ = client.send_to(upstream, take(&mut self.head));
            client.resume_read();
            // Otherwise `on_drain` continues.
            if client.buffered() <= 64 << 10 {
                self.on_drain(client);
            }
        }
    }

    fn on_drain(&mut self, client: &mut Connection<'_>) {
        self.go_on(&client.handle());
    }

    fn on_disconnect(&mut self, client: &mut Connection<'_>, _end: &Disconnect) {
        let Some(upstream) = self.upstream else { return };
        // The rest of the answer is not needed. If the mailbox is full, it is read and dropped.
        let _ = client.handle().abort(upstream).or_else(|_| client.close_other(upstream));
    }
}

impl Client for Upstream {
    fn on_connect(&mut self, upstream: &mut Connection<'_>) {
        upstream.pause_read();
        self.on_drain(upstream);
    }

    fn on_drain(&mut self, upstream: &mut Connection<'_>) {
        // If the mailbox is full, this one is given up, and the relay with it.
        if upstream.handle().post(self.0, News(upstream.id(), true)).is_err() {
            upstream.abort();
        }
    }

    fn on_post(&mut self, upstream: &mut Connection<'_>, owed: Box<dyn Any + Send>) {
        self.1 = self.1.take().or_else(|| *owed.downcast().ok()?);
        let _ = self.1.is_some().then(|| upstream.resume_read());
    }

    fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        let Some(used) = self.1.as_mut().and_then(|relay| relay.read(data)) else {
            return (raw.close(), data.len()).1;
        };
        if used > 0 {
            raw.pause_read();
            self.on_drain(raw);
        }
        used
    }

    fn on_peer_closed(&mut self, raw: &mut Raw<'_>, rest: &[u8]) {
        let _ = self.1.as_mut().map(|relay| relay.end_of_input(rest, raw.was_cut()));
        raw.close();
    }

    /// The relay is dropped with this value: an answer that has begun is broken off, as after a reset.
    fn on_disconnect(&mut self, own: &mut Connection<'_>, _end: &Disconnect) {
        // If the mailbox is full: the client's connection may have the relay.
        let _ = own.handle().post(self.0, News(own.id(), false)).map_err(|_| own.close_other(self.0));
    }
}

fn main() -> jackfield::Result<()> {
    let options = options::Options::read("proxy [--listen ADDR] [--to ADDR]");
    let to = options.value("--to").unwrap_or("127.0.0.1:9001").to_owned();
    let addr = options.value("--listen").unwrap_or("127.0.0.1:8080");
    // No path accepts a WebSocket: a request for one is passed on like any other.
    let builder = Server::builder().listen(addr).websocket_paths([""; 0]).shutdown_on_signals();
    let server = builder.bind().unwrap_or_else(options::fail);
    println!("listening on {0}\ntry: curl http://{0}/, which {to} answers", server.local_addr());
    server.serve(move |peer: &Peer| -> Box<dyn Client> {
        match peer.tag() {
            Some(tag) => Box::new(Upstream(ConnectionId::from_bits(tag), None)),
            None => Box::new(Front { to: to.clone(), ..Front::default() }),
        }
    })
}
