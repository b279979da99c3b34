//! A reverse proxy for one HTTP server: bodies go through in parts, both ways, and the fast side waits for the slow one.
//! Each request has a connection of its own to that server. What the two ends post to one another means: go on.
//!
//! ```sh
//! cargo run --example proxy -- --listen 127.0.0.1:8080 --to 127.0.0.1:9001
//! ```

use jackfield::proto::{Step, http1::*};
use jackfield::{BodyPlan, Client, Connection, ConnectionId, Disconnect, Exchange, Handle, Outgoing, Peer};
use jackfield::{Raw, Reply, ReplyStream, Sent, Server};
use options::Options;
use std::{any::Any, mem::take};

/// Lines that concern one connection, or are written anew.
const OWN: &str =
    " connection content-length date expect host keep-alive te trailer transfer-encoding upgrade ";

/// In the tag of an end at the upstream, beside the id of the client's end: the answer has no body.
const HEAD: u64 = 1 << 63;

/// A client's end: where to, the other end, what encodes the request, its head and its reply until that end takes them.
struct Front(String, Option<ConnectionId>, ClientMachine, Vec<u8>, Option<Reply>);

/// The end at the upstream: the client's end, what decodes the answer, and where that goes.
struct Back(ConnectionId, ClientMachine, Option<Reply>, Option<ReplyStream>);

fn passes(name: &str) -> bool {
    !OWN.contains(&format!(" {} ", name.to_ascii_lowercase()))
}

impl Front {
    fn begin(&mut self, to: &mut Connection<'_>, request: &Request<'_>, body: RequestBody) -> Option<()> {
        let mut fields = Fields::default();
        for (name, value) in request.headers().filter(|(name, _)| passes(name)) {
            fields.push(name, value).ok()?;
        }
        fields.push("X-Forwarded-For", to.client_ip(request)?.to_string()).ok()?;
        let (method, target, host) = (request.method(), request.target(), request.host()?);
        let head = RequestHead { method, target, host, fields: &fields };
        (self.2, self.3) = Default::default();
        self.2.encode_request(&head, body, &mut self.3).ok()?;
        let tag = to.id().to_bits() | if method == "HEAD" { HEAD } else { 0 };
        self.1 = Some(to.connect(Outgoing::tcp(&self.0).tag(tag)).ok()?);
        Some(())
    }

    fn go_on(&mut self, handle: &Handle) {
        let Some(back) = self.1 else { return self.4.take().map_or((), |reply| reply.error(502)) };
        let _ = handle.send(back, take(&mut self.3));
        let posted = handle.post(back, self.4.take());
        let _ = posted.map_err(|failed| failed.value.map(|reply| reply.error(502)));
    }
}

impl Client for Front {
    fn on_head(&mut self, connection: &mut Connection<'_>, request: &Request<'_>) -> BodyPlan {
        let length = request.header_str("content-length").and_then(|length| length.parse().ok());
        let body = length.map_or(RequestBody::Chunked, RequestBody::Length);
        connection.pause_read();
        self.begin(connection, request, body).map_or(BodyPlan::Reject(502), |()| BodyPlan::Stream)
    }

    fn on_body(&mut self, connection: &mut Connection<'_>, part: &[u8]) {
        // What comes before the other end is there waits for that, behind the head.
        let is_up = self.3.is_empty();
        let _ = self.2.encode_part(part, &mut self.3);
        match self.1 {
            Some(back) if is_up && connection.send_to(back, take(&mut self.3)) == Sent::Congested => {
                connection.pause_read();
            }
            Some(_) => {}
            None => self.3.clear(),
        }
    }

    fn on_request(&mut self, mut exchange: Exchange<'_>, request: &Request<'_>) {
        let is_up = self.3.is_empty();
        let has_body = self.2.encode_end(&Fields::default(), &mut self.3).is_ok();
        if !has_body && self.begin(&mut exchange, request, RequestBody::None).is_none() {
            return exchange.error(502);
        }
        let handle = exchange.handle();
        self.4 = Some(exchange.defer());
        if has_body && is_up {
            self.go_on(&handle);
        }
    }

    /// The other end has room for more of the request, asks for more of the answer, or is gone.
    fn on_post(&mut self, connection: &mut Connection<'_>, gone: Box<dyn Any + Send>) {
        if gone.downcast::<Option<ConnectionId>>().is_ok_and(|gone| *gone == self.1) {
            (self.1, self.3) = (None, Vec::new());
        }
        connection.resume_read();
        // Else it drains.
        if connection.buffered() <= 64 << 10 {
            self.on_drain(connection);
        }
    }

    fn on_drain(&mut self, connection: &mut Connection<'_>) {
        let _ = self.1.map(|back| connection.send_to(back, take(&mut self.3)));
        self.go_on(&connection.handle());
    }

    fn on_disconnect(&mut self, connection: &mut Connection<'_>, _end: &Disconnect) {
        let _ = self.1.map(|back| connection.handle().abort(back));
    }
}

impl Back {
    fn take(&mut self, event: ClientEvent<'_>) {
        match event {
            ClientEvent::Head(response) => {
                let length = response.header_str("content-length").and_then(|length| length.parse().ok());
                let Some(mut answer) = self.2.take().map(|reply| reply.response(response.status())) else {
                    return;
                };
                for (name, value) in response.headers().filter(|(name, _)| passes(name)) {
                    answer = answer.header(name, value);
                }
                self.3 = answer.stream("", length).ok();
            }
            ClientEvent::Body(part) => drop(self.3.as_mut().map(|body| body.write(part.to_vec()))),
            ClientEvent::End => self.3.take().map_or((), ReplyStream::finish),
            ClientEvent::Interim(_) | ClientEvent::Switched(_) => {}
        }
    }
}

impl Client for Back {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        connection.pause_read();
        self.on_drain(connection);
    }

    fn on_drain(&mut self, connection: &mut Connection<'_>) {
        let _ = connection.handle().post(self.0, None::<ConnectionId>);
    }

    /// An answer is read from when the request is over, so that there is somebody to give it to.
    fn on_post(&mut self, connection: &mut Connection<'_>, value: Box<dyn Any + Send>) {
        self.2 = self.2.take().or_else(|| *value.downcast().ok()?);
        if self.2.is_some() || self.3.is_some() {
            connection.resume_read();
        }
    }

    fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        let (mut used, mut slots) = (0, HeaderSlots::new());
        loop {
            match self.1.step(&data[used..], &mut slots, &Limits::default()) {
                Step::Event(bytes, event) => used += (self.take(event), bytes).1,
                Step::Need(bytes) if self.1.outstanding() > 0 => break used += bytes,
                _ => return (raw.close(), data.len()).1,
            }
        }
        if used > 0 {
            raw.pause_read();
            self.on_drain(raw);
        }
        used
    }

    fn on_peer_closed(&mut self, raw: &mut Raw<'_>, _rest: &[u8]) {
        let _ = self.1.end_of_input().map(|end| end.map(|end| self.take(end)));
        raw.close();
    }

    /// An answer that has not begun is a 502, and one that has is broken off with `self.3`.
    fn on_disconnect(&mut self, connection: &mut Connection<'_>, _end: &Disconnect) {
        let _ = self.2.take().map(|reply| reply.error(502));
        let _ = connection.handle().post(self.0, Some(connection.id()));
    }
}

fn main() -> jackfield::Result<()> {
    let options = Options::read("proxy [--listen ADDR] [--to ADDR]");
    let to = options.value("--to").unwrap_or("127.0.0.1:9001").to_owned();
    let addr = options.value("--listen").unwrap_or("127.0.0.1:8080");
    let server = Server::builder().listen(addr).shutdown_on_signals().bind()?;
    println!("listening on {}", server.local_addr());
    server.serve(move |peer: &Peer| -> Box<dyn Client> {
        let mut http = ClientMachine::new();
        let Some(tag) = peer.tag() else { return Box::new(Front(to.clone(), None, http, Vec::new(), None)) };
        let _ = http.begin(if tag & HEAD > 0 { "HEAD" } else { "GET" });
        Box::new(Back(ConnectionId::from_bits(tag & !HEAD), http, None, None))
    })
}
