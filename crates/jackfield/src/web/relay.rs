//! The response of another server, passed on to the peer that waits for it.

use crate::client::{Reply, ReplyStream, ResponseBuilder};
use crate::message::Sent;
use jackfield_proto::Step;
use jackfield_proto::http1::{ClientEvent, ClientMachine, Fields, HeaderSlots, Limits, Response};

/// Passes the response of another server on to the peer that waits for a [`Reply`], as a proxy does: status, fields
/// without those of one hop, the body in parts as they come, and the trailers. Interim responses (1xx) are not passed on. The
/// example `proxy` shows it with both connections.
///
/// If it is dropped before the response is complete, the peer gets a 502; an answer that has begun is broken off, so that
/// the peer does not take the part that arrived for the whole. The same happens if the response is no HTTP/1, and if a
/// part can't be passed on, for example because a mailbox is full: see [`ReplyStream::write`].
///
/// A peer may read more slowly than the other server sends. So while the relay [is congested](Relay::is_congested), do not read
/// the other server until the peer has taken what was sent:
///
/// ```
/// use jackfield::{Client, Connection, ConnectionId, Disconnect, Raw, Relay, Reply};
/// use std::any::Any;
///
/// /// The connection to the other server, to which the request was sent.
/// struct Upstream {
///     peer: ConnectionId,
///     relay: Relay,
/// }
///
/// impl Upstream {
///     fn new(reply: Reply, method: &str) -> Self {
///         Self { peer: reply.id(), relay: Relay::new(reply, method) }
///     }
/// }
///
/// impl Client for Upstream {
///     fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
///         let used = self.relay.read(data);
///         if self.relay.is_congested() {
///             raw.pause_read();
///             // If the mailbox is full, the answer is given up.
///             let _ = raw.handle().post(self.peer, ()).map_err(|_| raw.abort());
///         }
///         used.unwrap_or_else(|| {
///             raw.close();
///             data.len()
///         })
///     }
///
///     fn on_post(&mut self, upstream: &mut Connection<'_>, _go_on: Box<dyn Any + Send>) {
///         upstream.resume_read();
///     }
///
///     fn on_peer_closed(&mut self, raw: &mut Raw<'_>, rest: &[u8]) {
///         self.relay.end_of_input(rest, raw.was_cut());
///         raw.close();
///     }
/// }
///
/// /// The connection of the peer, which waits for the answer.
/// struct Front {
///     upstream: Option<ConnectionId>,
/// }
///
/// impl Client for Front {
///     /// It comes behind the parts that were sent before.
///     fn on_post(&mut self, peer: &mut Connection<'_>, _is_congested: Box<dyn Any + Send>) {
///         peer.notify_sent(0);
///     }
///
///     /// These parts are taken.
///     fn on_sent(&mut self, peer: &mut Connection<'_>, _tag: u64) {
///         let Some(upstream) = self.upstream else { return };
///         let _ = peer.handle().post(upstream, ()).map_err(|_| peer.close_other(upstream));
///     }
///
///     /// Nobody needs the rest.
///     fn on_disconnect(&mut self, peer: &mut Connection<'_>, _end: &Disconnect) {
///         let _ = self.upstream.map(|upstream| peer.close_other(upstream));
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Relay {
    http: ClientMachine,
    /// Until the head of the response has come.
    reply: Option<Reply>,
    /// From the head of the response until its end.
    answer: Option<ReplyStream>,
    /// What `Connection` names in the head of the response, as a list.
    one_hop: Vec<u8>,
    is_congested: bool,
}

impl Relay {
    /// The answer that is owed, and the method of its request: a response to `HEAD` has no body.
    #[must_use]
    pub fn new(reply: Reply, method: &str) -> Self {
        let mut http = ClientMachine::new();
        // `CONNECT` is refused: its response is an error then.
        let _ = http.expect_response(method);
        Self { http, reply: Some(reply), answer: None, one_hop: Vec::new(), is_congested: false }
    }

    /// Passes on what these bytes hold, always from the first unused byte on. Returns how many are used. `None`: the answer is
    /// complete or broken off, and the other server's connection is of no more use.
    pub fn read(&mut self, rx: &[u8]) -> Option<usize> {
        let (mut used, mut body, mut slots) = (0, Vec::new(), HeaderSlots::new());
        let is_complete = loop {
            match self.http.step(&rx[used..], &mut slots, &Limits::default()) {
                Step::Event(bytes, event) => {
                    used += bytes;
                    match event {
                        ClientEvent::Head(response) => self.begin(&response)?,
                        ClientEvent::Body(part) => body.extend_from_slice(part),
                        ClientEvent::End => break true,
                        ClientEvent::Interim(_) | ClientEvent::Switched(_) => {}
                    }
                }
                Step::Need(bytes) => {
                    used += bytes;
                    break false;
                }
                _ => return self.give_up(),
            }
        };
        // The bytes of one read are one part.
        let sent = if body.is_empty() { Sent::Queued } else { self.answer.as_mut()?.write(body) };
        if !sent.is_accepted() {
            return self.give_up();
        }
        self.is_congested = sent == Sent::Congested && !is_complete;
        if is_complete { self.finish() } else { Some(used) }
    }

    /// Whether the last [`Relay::read`] found more than `limits.reactor.outbox_bytes_high` on their way to the peer. Then pause
    /// reading the other server until the peer has taken them; otherwise they may reach `outbox_bytes_max`, and the answer is
    /// broken off.
    #[must_use]
    pub fn is_congested(&self) -> bool {
        self.is_congested
    }

    /// The other server has closed its side, behind these unused bytes: the end of a body without a length. If the connection was cut
    /// ([`Raw::was_cut`](crate::Raw::was_cut)), such a body is broken off, because some of it may be missing (RFC 9112 section 9.8).
    pub fn end_of_input(&mut self, rest: &[u8], was_cut: bool) {
        if rest.is_empty() && !was_cut && matches!(self.http.end_of_input(), Ok(Some(_))) {
            let _ = self.answer.take().map(ReplyStream::finish);
        }
        self.give_up();
    }

    fn begin(&mut self, response: &Response<'_>) -> Option<()> {
        let Some(fields) = copied(response.headers().end_to_end()) else {
            self.give_up();
            return None;
        };
        self.one_hop = response.header_all("connection").collect::<Vec<_>>().join(&b',');
        let answer = ResponseBuilder::with_fields(self.reply.take()?, response.status(), fields);
        let length = response.header_str("content-length").and_then(|length| length.parse().ok());
        self.answer = answer.stream("", length).ok();
        self.answer.is_some().then_some(())
    }

    /// Ends the answer, with the trailers, but for those that are only for this connection.
    fn finish(&mut self) -> Option<usize> {
        let trailers = self.http.trailers();
        let Some(trailers) = copied(trailers.filter(|(name, _)| !is_of_one_hop(name, &self.one_hop))) else {
            return self.give_up();
        };
        self.answer.take()?.finish_with(trailers);
        None
    }

    /// An answer that has begun is broken off by dropping it.
    fn give_up(&mut self) -> Option<usize> {
        (self.answer, self.is_congested) = (None, false);
        if let Some(reply) = self.reply.take() {
            reply.error(502);
        }
        None
    }
}

/// The fields to send. `None`: the other server has sent one twice that may be there only once.
fn copied<'b>(lines: impl Iterator<Item = (&'b str, &'b [u8])>) -> Option<Fields> {
    let mut fields = Fields::new();
    for (name, value) in lines {
        fields.push(name, value).ok()?;
    }
    Some(fields)
}

/// Whether a trailer is for this proxy alone: `Connection` names trailers too (RFC 9110 section 7.6.1).
fn is_of_one_hop(name: &str, connection: &[u8]) -> bool {
    let named = connection.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    named.chain(ONE_HOP).any(|named| named.eq_ignore_ascii_case(name.as_bytes()))
}

/// Trailers for a proxy that `Connection` need not name; others of this kind are never trailers.
const ONE_HOP: [&[u8]; 2] = [b"Proxy-Authentication-Info", b"Proxy-Connection"];

impl Drop for Relay {
    fn drop(&mut self) {
        self.give_up();
    }
}
