//! The response of another server, passed on to the peer that waits for it.

use crate::client::{Reply, ReplyStream, ResponseBuilder};
use jackfield_proto::Step;
use jackfield_proto::http1::{ClientEvent, ClientMachine, Fields, HeaderSlots, Limits, Response};

/// Passes the response of another server on to the peer that waits for a [`Reply`], as a proxy does: status, fields
/// without those of one hop, and the body in parts as they come. The example `proxy` shows it with both connections.
///
/// If it is dropped before the response is complete, the peer gets a 502; an answer that has begun is broken off, so that
/// the peer does not take the part that arrived for the whole. The same happens if the response is no HTTP/1, and if a
/// part can't be passed on, for example because a mailbox is full: see [`ReplyStream::write`].
///
/// ```
/// use jackfield::{Client, Raw, Relay, Reply};
///
/// /// The connection to the other server, to which the request was sent.
/// struct Upstream(Relay);
///
/// impl Upstream {
///     fn new(reply: Reply, method: &str) -> Self {
///         Self(Relay::new(reply, method))
///     }
/// }
///
/// impl Client for Upstream {
///     fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
///         self.0.read(data).unwrap_or_else(|| {
///             raw.close();
///             data.len()
///         })
///     }
///
///     fn on_peer_closed(&mut self, raw: &mut Raw<'_>, rest: &[u8]) {
///         self.0.end_of_input(rest);
///         raw.close();
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
}

impl Relay {
    /// The answer that is owed, and the method of its request: a response to `HEAD` has no body.
    #[must_use]
    pub fn new(reply: Reply, method: &str) -> Self {
        let mut http = ClientMachine::new();
        // `CONNECT` is refused: its response is an error then.
        let _ = http.expect_response(method);
        Self { http, reply: Some(reply), answer: None }
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
        if !body.is_empty() && !self.answer.as_mut()?.write(body).is_accepted() {
            return self.give_up();
        }
        if is_complete {
            self.answer.take()?.finish();
            return None;
        }
        Some(used)
    }

    /// The other server has closed its side, behind these unused bytes: the end of a body without a length.
    pub fn end_of_input(&mut self, rest: &[u8]) {
        if rest.is_empty() && matches!(self.http.end_of_input(), Ok(Some(_))) {
            let _ = self.answer.take().map(ReplyStream::finish);
        }
        self.give_up();
    }

    fn begin(&mut self, response: &Response<'_>) -> Option<()> {
        let mut fields = Fields::new();
        // Some may be there only once, and the other server may have sent them twice.
        if response.headers().end_to_end().any(|(name, value)| fields.push(name, value).is_err()) {
            self.give_up();
            return None;
        }
        let answer = ResponseBuilder::with_fields(self.reply.take()?, response.status(), fields);
        let length = response.header_str("content-length").and_then(|length| length.parse().ok());
        self.answer = answer.stream("", length).ok();
        self.answer.is_some().then_some(())
    }

    /// An answer that has begun is broken off by dropping it.
    fn give_up(&mut self) -> Option<usize> {
        self.answer = None;
        if let Some(reply) = self.reply.take() {
            reply.error(502);
        }
        None
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.give_up();
    }
}
