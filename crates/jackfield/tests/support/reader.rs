//! An event stream of one topic, as its reader sees it.

use super::text;
use jackfield::proto::Step;
use jackfield::proto::sse::{Decoder, EventScratch, Limits as Bounds};
use jackfield::test::{FarEnd, TestServer};
use jackfield::{Client, Exchange, Request, Subscribed};

/// Streams the topic of the path `/stream/..` from `Last-Event-ID` on.
pub struct Streamer;

impl Client for Streamer {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        let Some(topic) = request.path().strip_prefix("/stream/") else {
            return exchange.ok("text/plain", "here");
        };
        let last = request.header_str("Last-Event-ID").unwrap_or_default();
        assert_eq!(exchange.events().subscribe_from(topic, last), Subscribed::New);
    }
}

/// An event: name, data, id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub name: String,
    pub data: String,
    pub id: String,
}

pub struct Reader {
    far: FarEnd,
    decoder: Decoder,
    rest: Vec<u8>,
    has_head: bool,
}

impl Reader {
    /// One that comes back with this id.
    pub fn connect(server: &mut TestServer, topic: &str, last: &str) -> Self {
        let far = server.connect();
        far.send(
            format!("GET /stream/{topic} HTTP/1.1\r\nHost: h\r\nLast-Event-ID: {last}\r\n\r\n").as_bytes(),
        );
        server.run();
        Self { far, decoder: Decoder::with_last_event_id(last), rest: Vec::new(), has_head: false }
    }

    /// What has come since.
    pub fn take(&mut self) -> Vec<Seen> {
        self.rest.extend(self.far.take());
        if !self.has_head {
            let Some(end) = self.rest.windows(4).position(|four| four == b"\r\n\r\n") else {
                return Vec::new();
            };
            assert!(text(&self.rest).starts_with("HTTP/1.1 200"), "{}", text(&self.rest));
            self.rest.drain(..end + 4);
            self.has_head = true;
        }
        let (mut whole, mut at, mut seen) = (EventScratch::default(), 0, Vec::new());
        while let Step::Event(used, event) =
            self.decoder.step(&self.rest[at..], &mut whole, &Bounds::default())
        {
            let [name, data, id] = [event.event, event.data, event.last_event_id].map(str::to_owned);
            seen.push(Seen { name, data, id });
            at += used;
        }
        self.rest.clear();
        seen
    }

    /// What it would name if it came back now.
    pub fn last(&self) -> &str {
        self.decoder.last_event_id()
    }

    pub fn reset(self) {
        self.far.reset();
    }
}

pub fn data(seen: &[Seen]) -> Vec<&str> {
    seen.iter().map(|seen| &*seen.data).collect()
}
