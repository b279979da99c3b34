//! A reverse proxy for one HTTP server. Bodies are forwarded in parts, both ways, and the fast side waits for the slow
//! one. Each request has its own connection to that server, whose answer is read when the request is over.
//!
//! ```sh
//! cargo run --example proxy -- --listen 127.0.0.1:8080 --to 127.0.0.1:9001
//! ```

use jackfield::proto::{Step, http1::*};
use jackfield::{BodyPlan, Client, Connection, ConnectionId, Disconnect, Exchange, Handle, Outgoing, Peer};
use jackfield::{Raw, Reply, ReplyStream, Sent, Server};
use options::Options;
use std::{any::Any, mem::take};

/// A bit in the tag of an upstream connection, beside the id of the client's connection: the answer has no body.
const HEAD: u64 = 1 << 63;

/// An answer that is owed. If it is dropped anywhere, the client gets a 502.
struct Owed(Option<Reply>);

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
    /// The owed answer, until the upstream takes it.
    owed: Option<Owed>,
}

/// A connection to the upstream, and where its answer goes to.
struct Upstream {
    client: ConnectionId,
    http: ClientMachine,
    owed: Option<Owed>,
    answer: Option<ReplyStream>,
}

impl Drop for Owed {
    fn drop(&mut self) {
        let _ = self.0.take().map(|reply| reply.error(502));
    }
}

fn length(field: Option<&str>) -> Option<u64> {
    field?.parse().ok()
}

impl Front {
    /// Encodes the head, and connects. Without a length the body is framed as `unsaid`.
    fn begin(
        &mut self,
        client: &mut Connection<'_>,
        request: &Request<'_>,
        unsaid: RequestBody,
    ) -> Option<()> {
        *self = Self { to: take(&mut self.to), ..Self::default() };
        let mut fields = Fields::new();
        for (name, value) in request.headers().end_to_end() {
            fields.push(name, value).ok()?;
        }
        let via = if request.version() == Version::Http10 { "1.0 jackfield" } else { "1.1 jackfield" };
        fields.push("Via", via).ok()?;
        fields.push("X-Forwarded-For", client.client_ip(request)?.to_string()).ok()?;
        let (method, target, host) = (request.method(), request.target(), request.host().unwrap_or(&self.to));
        let head = RequestHead { method, target, host, fields: &fields };
        let body = length(request.header_str("content-length")).map_or(unsaid, RequestBody::Length);
        self.http.encode_request(&head, body, &mut self.head).ok()?;
        let tag = client.id().to_bits() | if method == "HEAD" { HEAD } else { 0 };
        self.upstream = Some(client.connect(Outgoing::tcp(&self.to).tag(tag)).ok()?);
        Some(())
    }

    /// If the upstream is up, asks it for more of the answer. If it is gone, the reply is dropped.
    fn go_on(&mut self, handle: &Handle) {
        if self.head.is_empty() {
            let owed = self.owed.take();
            let _ = self.upstream.map(|upstream| handle.post(upstream, owed));
        }
    }
}

impl Client for Front {
    fn on_head(&mut self, client: &mut Connection<'_>, request: &Request<'_>) -> BodyPlan {
        let begun = self.begin(client, request, RequestBody::Chunked).map(|()| client.pause_read());
        begun.map_or(BodyPlan::Reject(502), |()| BodyPlan::Stream)
    }

    /// Comes only while the upstream is up.
    fn on_body(&mut self, client: &mut Connection<'_>, part: &[u8]) {
        let mut out = Vec::new();
        let _ = self.http.encode_part(part, &mut out);
        if self.upstream.map(|upstream| client.send_to(upstream, out)) == Some(Sent::Congested) {
            client.pause_read();
        }
    }

    fn on_request(&mut self, mut exchange: Exchange<'_>, request: &Request<'_>) {
        if request.has_body() {
            let mut out = Vec::new();
            let _ = self.http.encode_end(&Fields::new(), &mut out);
            let _ = self.upstream.map(|upstream| exchange.send_to(upstream, out));
        } else if self.begin(&mut exchange, request, RequestBody::None).is_none() {
            return exchange.error(502);
        }
        let handle = exchange.handle();
        self.owed = Some(Owed(Some(exchange.defer())));
        self.go_on(&handle);
    }

    fn on_post(&mut self, client: &mut Connection<'_>, news: Box<dyn Any + Send>) {
        let Ok(News(upstream, is_up)) = news.downcast().map(|news| *news) else { return };
        if self.upstream != Some(upstream) {
            return; // it belongs to an earlier request
        }
        self.upstream = self.upstream.filter(|_| is_up);
        let _ = client.send_to(upstream, take(&mut self.head));
        client.resume_read();
        // Otherwise `on_drain` continues.
        if client.buffered() <= 64 << 10 {
            self.on_drain(client);
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

impl Upstream {
    fn tell(&self, upstream: &mut Connection<'_>, is_up: bool) {
        let told = upstream.handle().post(self.client, News(upstream.id(), is_up));
        // The mailbox is full. An answer that has begun is ended by its timeout.
        if told.is_err() && self.answer.is_none() {
            let _ = upstream.close_other(self.client);
        }
    }

    fn take(&mut self, event: ClientEvent<'_>, body: &mut Vec<u8>) {
        match event {
            ClientEvent::Head(response) => {
                let Some(reply) = self.owed.take().and_then(|mut owed| owed.0.take()) else { return };
                let mut answer = reply.response(response.status());
                for (name, value) in response.headers().end_to_end() {
                    answer = answer.header(name, value);
                }
                self.answer = answer.stream("", length(response.header_str("content-length"))).ok();
            }
            ClientEvent::Body(part) => body.extend_from_slice(part),
            ClientEvent::End => {
                self.pass(take(body));
                let _ = self.answer.take().map(ReplyStream::finish);
            }
            ClientEvent::Interim(_) | ClientEvent::Switched(_) => {}
        }
    }

    /// Passes on the bytes of one read. If they are not taken, for example by a full mailbox, the answer is broken off.
    fn pass(&mut self, body: Vec<u8>) {
        if !body.is_empty() {
            self.answer.take_if(|answer| !answer.write(body).is_accepted());
        }
    }
}

impl Client for Upstream {
    fn on_connect(&mut self, upstream: &mut Connection<'_>) {
        upstream.pause_read();
        self.on_drain(upstream);
    }

    fn on_drain(&mut self, upstream: &mut Connection<'_>) {
        self.tell(upstream, true);
    }

    fn on_post(&mut self, upstream: &mut Connection<'_>, owed: Box<dyn Any + Send>) {
        self.owed = self.owed.take().or_else(|| *owed.downcast().ok()?);
        if self.owed.is_some() || self.answer.is_some() {
            upstream.resume_read();
        }
    }

    fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        let (mut used, mut body, mut slots) = (0, Vec::new(), HeaderSlots::new());
        loop {
            match self.http.step(&data[used..], &mut slots, &Limits::default()) {
                Step::Event(bytes, event) => used += (self.take(event, &mut body), bytes).1,
                Step::Need(bytes) if self.http.outstanding() > 0 => break used += bytes,
                _ => return (raw.close(), data.len()).1,
            }
        }
        self.pass(body);
        if self.owed.is_none() && self.answer.is_none() {
            raw.abort();
        } else if used > 0 {
            raw.pause_read();
            self.on_drain(raw);
        }
        used
    }

    fn on_peer_closed(&mut self, raw: &mut Raw<'_>, rest: &[u8]) {
        if let Some(end) = self.http.end_of_input().ok().flatten().filter(|_| rest.is_empty()) {
            self.take(end, &mut Vec::new());
        }
        raw.close();
    }

    /// The owed answer is dropped with this value: an answer that has begun is broken off, as after a reset.
    fn on_disconnect(&mut self, upstream: &mut Connection<'_>, _end: &Disconnect) {
        self.tell(upstream, false);
    }
}

fn main() -> jackfield::Result<()> {
    let options = Options::read("proxy [--listen ADDR] [--to ADDR]");
    let to = options.value("--to").unwrap_or("127.0.0.1:9001").to_owned();
    let addr = options.value("--listen").unwrap_or("127.0.0.1:8080");
    // No path accepts a WebSocket: a request for one is passed on like any other.
    let server = Server::builder().listen(addr).websocket_paths([""; 0]).shutdown_on_signals().bind()?;
    println!("listening on {}", server.local_addr());
    server.serve(move |peer: &Peer| -> Box<dyn Client> {
        let Some(tag) = peer.tag() else { return Box::new(Front { to: to.clone(), ..Front::default() }) };
        let mut http = ClientMachine::new();
        let _ = http.begin(if tag & HEAD > 0 { "HEAD" } else { "GET" });
        Box::new(Upstream { client: ConnectionId::from_bits(tag & !HEAD), http, owed: None, answer: None })
    })
}
