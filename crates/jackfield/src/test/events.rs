//! Event streams of a test client.

use super::http::TestExchange;
use jackfield_proto::Step;
use jackfield_proto::sse::{Decoder, EventScratch, Limits};
use std::collections::VecDeque;

/// An event stream of a test client: see [`TestServer::events`](super::TestServer::events).
pub struct TestEvents {
    exchange: TestExchange,
    decoder: Decoder,
    whole: EventScratch,
    came: VecDeque<TestEvent>,
}

/// A browser takes an event of any length.
const LIMITS: Limits = Limits { line_bytes_max: usize::MAX, event_bytes_max: usize::MAX };

/// An event that came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TestEvent {
    /// The data: its lines, with an LF between them.
    pub data: String,
    /// The name; `message` if the event has none.
    pub event: String,
    /// The id of this event, or of the last event that had one; empty if none had.
    pub id: String,
}

impl TestEvents {
    pub(super) fn new(exchange: TestExchange) -> Self {
        Self { exchange, decoder: Decoder::new(), whole: EventScratch::default(), came: VecDeque::new() }
    }

    /// The next event, if one has come. Comments are skipped.
    ///
    /// # Panics
    /// The stream breaks the format, or the answer breaks HTTP.
    #[expect(clippy::should_implement_trait, reason = "there may be another one later")]
    pub fn next(&mut self) -> Option<TestEvent> {
        let bytes = self.exchange.take_body();
        let mut rest = &bytes[..];
        loop {
            match self.decoder.step(rest, &mut self.whole, &LIMITS) {
                Step::Event(used, event) => {
                    self.came.push_back(TestEvent {
                        data: event.data.to_owned(),
                        event: event.event.to_owned(),
                        id: event.last_event_id.to_owned(),
                    });
                    rest = &rest[used..];
                }
                Step::Need(_) | Step::Paused => return self.came.pop_front(),
                Step::Fault(error) => panic!("the server breaks the format of event streams: {error}"),
            }
        }
    }

    /// After how many milliseconds the server wants its client to reconnect. `None` if it has not sent that.
    #[must_use]
    pub fn retry_ms(&self) -> Option<u64> {
        self.decoder.retry_ms()
    }

    /// True once the server has ended the stream.
    pub fn is_finished(&mut self) -> bool {
        self.exchange.pull();
        self.exchange.is_whole()
    }

    /// Closes the client's side, in good order.
    pub fn close(self) {
        self.exchange.http().borrow_mut().line.finish();
    }
}
