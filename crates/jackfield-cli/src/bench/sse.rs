//! `sse`: one publisher, and event streams that get all its publications.

use super::http::{Answers, Found};
use super::speaker::{Fault, Heard, Opened, Part, Speaker};
use jackfield_proto::Step;
use jackfield_proto::http1::{self, ClientEvent, ClientMachine, HeaderSlots};
use jackfield_proto::sse::{Decoder, EventScratch, Limits};
use std::io::Write;

/// Event streams, and a connection that publishes.
///
/// The body of a publication contains its due time. If the server publishes something else, the n-th event of a stream
/// counts as the n-th publication. All streams get the same events, so an event with the same bytes as one on another
/// stream is not decoded again.
#[derive(Debug)]
pub(crate) struct Sse {
    feed: Vec<u8>,
    publish_head: Vec<u8>,
    /// Bytes of a publication; none if the server makes the content.
    bytes: usize,
    streams: usize,
    slow_readers: usize,
    /// The most publications in flight, unless there is a rate.
    ahead: Option<usize>,
    is_bursty: bool,
    /// When each publication was due.
    published: Vec<u64>,
    /// Events that have come on each stream, or were missed because the stream was lost.
    events: Vec<usize>,
    /// The sum over all streams but those of slow readers.
    delivered: u64,
    /// Publications that were lost with their connection, as far as is known.
    lost: u64,
    recent: Vec<Recent>,
    whole: EventScratch,
    limits: Limits,
    http_limits: http1::Limits,
}

/// One connection.
#[derive(Debug)]
pub(crate) enum Line {
    Stream(Box<Stream>),
    Publisher(Box<Answers>),
}

/// An event stream.
#[derive(Debug)]
pub(crate) struct Stream {
    machine: ClientMachine,
    decoder: Decoder,
    /// It is between two events, with no bytes of the next one.
    is_between: bool,
    place: usize,
}

/// An event that has come on some stream recently.
#[derive(Debug, Default)]
struct Recent {
    number: usize,
    bytes: Vec<u8>,
    due: u64,
}

/// The digits of a time in nanoseconds.
pub(crate) const PUBLICATION_BYTES_MIN: usize = 20;
/// Events that are remembered: streams differ by at most the events of one read.
const RECENT_MAX: usize = 256;

/// The plan of the streams.
#[derive(Debug)]
pub(crate) struct Feed<'a> {
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    pub(crate) publish_path: &'a str,
    /// Bytes of a publication, at least [`PUBLICATION_BYTES_MIN`]; or none, if the server makes the content.
    pub(crate) bytes: usize,
    pub(crate) streams: usize,
    pub(crate) slow_readers: usize,
    /// The most publications in flight; `None` if there is a rate.
    pub(crate) ahead: Option<usize>,
    /// They are sent together, when all earlier ones have come.
    pub(crate) is_bursty: bool,
}

impl Sse {
    pub(crate) fn new(feed: &Feed<'_>) -> Self {
        let Feed { host, path, publish_path, .. } = feed;
        let bytes = feed.bytes;
        debug_assert!(bytes == 0 || bytes >= PUBLICATION_BYTES_MIN, "the command line has checked it");
        Self {
            feed: format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n\r\n").into(),
            publish_head: publish_head(host, publish_path, bytes).into(),
            bytes,
            streams: feed.streams,
            slow_readers: feed.slow_readers,
            ahead: feed.ahead,
            is_bursty: feed.is_bursty,
            published: Vec::new(),
            events: vec![0; feed.streams],
            delivered: 0,
            lost: 0,
            recent: (0..RECENT_MAX).map(|_| Recent::default()).collect(),
            whole: EventScratch::default(),
            // An event is as long as its publication, or as the server likes.
            limits: Limits { line_bytes_max: usize::MAX, event_bytes_max: usize::MAX },
            http_limits: http1::Limits::default(),
        }
    }

    /// Bytes of the request that publishes something.
    pub(crate) fn publication_bytes(&self) -> usize {
        self.publish_head.len() + self.bytes
    }

    fn receive_events(
        &mut self,
        stream: &mut Stream,
        rx: &[u8],
        heard: &mut Heard<'_>,
    ) -> Result<usize, Fault> {
        let mut used = 0;
        loop {
            let mut slots = HeaderSlots::new();
            let (bytes, event) = match stream.machine.step(&rx[used..], &mut slots, &self.http_limits) {
                Step::Need(bytes) => return Ok(used + bytes),
                Step::Event(bytes, event) => (bytes, event),
                Step::Paused => return Ok(rx.len()),
                Step::Fault(error) => return Err(Fault::of("HTTP", error)),
            };
            used += bytes;
            match event {
                ClientEvent::Head(response) if response.status() == 200 => {
                    let missed = self.published.len().saturating_sub(self.events[stream.place]);
                    self.count(stream.place, missed);
                    heard.ready();
                }
                ClientEvent::Head(response) => {
                    return Err(Fault(
                        format!("event stream refused with status {}", response.status()).into(),
                    ));
                }
                ClientEvent::Body(body) => self.decode(stream, body, heard)?,
                ClientEvent::End => return Err(Fault("the event stream has ended".into())),
                ClientEvent::Interim(_) => {}
                ClientEvent::Switched(_) => return Err(Fault("an upgrade unasked for".into())),
            }
        }
    }

    fn decode(&mut self, stream: &mut Stream, mut rx: &[u8], heard: &mut Heard<'_>) -> Result<(), Fault> {
        while !rx.is_empty() {
            let number = self.events[stream.place];
            let recent = &mut self.recent[number % RECENT_MAX];
            let is_known = recent.number == number && !recent.bytes.is_empty();
            let (used, due) = if stream.is_between && is_known && rx.starts_with(&recent.bytes) {
                (recent.bytes.len(), recent.due)
            } else {
                match stream.decoder.step(rx, &mut self.whole, &self.limits) {
                    Step::Event(used, event) => {
                        let nth = self.published.get(number).copied();
                        let due = read_stamp(event.data, heard.now).or(nth).unwrap_or(heard.now);
                        if stream.is_between {
                            recent.bytes.clear();
                            recent.bytes.extend_from_slice(&rx[..used]);
                            (recent.number, recent.due) = (number, due);
                        }
                        (used, due)
                    }
                    Step::Need(_) | Step::Paused => {
                        stream.is_between = false;
                        return Ok(());
                    }
                    Step::Fault(error) => return Err(Fault::of("event stream", error)),
                }
            };
            stream.is_between = true;
            self.count(stream.place, 1);
            heard.delivery(due);
            rx = &rx[used..];
        }
        Ok(())
    }

    /// The method of a publication's request.
    fn publish_method(&self) -> &'static str {
        if self.bytes == 0 { "GET" } else { "POST" }
    }

    fn count(&mut self, place: usize, events: usize) {
        self.events[place] += events;
        self.delivered += if place < self.slow_readers { 0 } else { events as u64 };
    }

    fn receive_answers(
        &mut self,
        answers: &mut Answers,
        rx: &[u8],
        heard: &mut Heard<'_>,
    ) -> Result<usize, Fault> {
        let mut used = 0;
        while used < rx.len() {
            match answers.step(self.publish_method(), &rx[used..], &self.http_limits)? {
                Found::Part(bytes) => return Ok(used + bytes),
                Found::Whole(bytes, 200..=299) => {
                    heard.acknowledge()?;
                    used += bytes;
                    if !answers.keeps_alive() {
                        heard.is_over = true;
                        return Ok(rx.len());
                    }
                }
                Found::Whole(_, status) => return Err(Fault(format!("publish: status {status}").into())),
            }
        }
        Ok(used)
    }
}

impl Speaker for Sse {
    type State = Line;

    /// The last place is that of the publisher.
    fn connect(&mut self, index: usize) -> (Line, Part) {
        if index == self.streams {
            return (Line::Publisher(Box::new(Answers::new())), Part::Publishes);
        }
        let stream =
            Stream { machine: ClientMachine::new(), decoder: Decoder::new(), is_between: true, place: index };
        (Line::Stream(Box::new(stream)), Part::Listens)
    }

    fn open(&mut self, line: &mut Line, out: &mut Vec<u8>) -> Opened {
        let Line::Stream(stream) = line else { return Opened::Ready };
        out.extend_from_slice(&self.feed);
        let begun = stream.machine.expect_response("GET");
        debug_assert!(begun.is_ok(), "nothing is outstanding yet");
        Opened::Waits
    }

    fn may_send(&self, _line: &Line) -> bool {
        let fast = (self.streams - self.slow_readers) as u64;
        let arrived = self.delivered.checked_div(fast).unwrap_or(u64::MAX);
        let published = (self.published.len() as u64).saturating_sub(self.lost);
        self.ahead.is_none_or(|ahead| {
            let ahead = ahead as u64;
            // The burst before the current one.
            if self.is_bursty {
                arrived >= published / ahead * ahead
            } else {
                published < arrived.saturating_add(ahead)
            }
        })
    }

    fn send(&mut self, _line: &mut Line, due: u64, out: &mut Vec<u8>) {
        self.published.push(due);
        out.extend_from_slice(&self.publish_head);
        if self.bytes == 0 {
            return;
        }
        let end = out.len() + self.bytes;
        // Writing to a vector cannot fail.
        let _ = write!(out, "{due:020}");
        out.resize(end, b'x');
    }

    /// If some of them come all the same, a few more are published ahead.
    fn lose(&mut self, operations: usize) {
        self.lost += operations as u64;
    }

    /// An answer may end with its connection.
    fn end(&mut self, line: &mut Line, heard: &mut Heard<'_>) {
        let Line::Publisher(answers) = line else { return };
        if let Some(200..=299) = answers.end() {
            heard.is_over = heard.acknowledge().is_ok();
        }
    }

    fn receive(&mut self, line: &mut Line, rx: &mut [u8], heard: &mut Heard<'_>) -> Result<usize, Fault> {
        match line {
            Line::Stream(stream) => self.receive_events(stream, rx, heard),
            Line::Publisher(answers) => self.receive_answers(answers, rx, heard),
        }
    }
}

/// The head of a request that publishes this many bytes, or none.
fn publish_head(host: &str, path: &str, bytes: usize) -> String {
    if bytes == 0 {
        return format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    }
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/plain\r\nContent-Length: {bytes}\r\n\r\n"
    )
}

/// The due time in a publication, if it has a plausible one.
fn read_stamp(data: &str, now: u64) -> Option<u64> {
    data.get(..PUBLICATION_BYTES_MIN)?.parse().ok().filter(|due| *due <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_a_time_that_has_passed() {
        assert_eq!(read_stamp("00000000000000000042xxx", 50), Some(42));
        assert_eq!(read_stamp("00000000000000000042", 41), None);
        assert_eq!(read_stamp("xxxxxxxxxxxxxxxxxxxxxxxx", 50), None);
        assert_eq!(read_stamp("42", 50), None);
    }
}
