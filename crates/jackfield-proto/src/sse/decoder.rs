//! Reads an event stream.

use memchr::{memchr, memchr2};

use super::Error;
use crate::step::Step;

/// Reads an event stream as the WHATWG HTML standard says, section "Interpreting an event stream".
///
/// Bytes that are not UTF-8 become U+FFFD, unknown fields and comments are ignored, and so is what follows the last empty
/// line when the stream ends. A decoder reads one stream. For the next stream, which the client requests with
/// [`last_event_id`](Self::last_event_id), make a new decoder with [`with_last_event_id`](Self::with_last_event_id).
///
/// ```
/// use jackfield_proto::Step;
/// use jackfield_proto::sse::{Decoder, EventScratch, Limits};
///
/// let (mut decoder, mut scratch) = (Decoder::new(), EventScratch::default());
/// match decoder.step(b"id: 7\ndata: hello\n\nda", &mut scratch, &Limits::default()) {
///     Step::Event(19, event) => assert_eq!((event.data, event.last_event_id), ("hello", "7")),
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    /// The start of a line whose end has not come. At most `line_bytes_max` long.
    line: Vec<u8>,
    /// Each line of data with an LF after it. At most `event_bytes_max` long.
    data: String,
    event: String,
    /// The newest id that was read.
    id: String,
    /// The id as of the last empty line.
    last_event_id: String,
    retry_ms: Option<u64>,
    /// The last line ended in a CR at the end of the bytes: if an LF comes, it belongs to that.
    after_cr: bool,
    /// The first line has been read: no byte order mark can come any more.
    begun: bool,
}

/// An event that was read. It borrows the [`EventScratch`] that was lent for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodedEvent<'b> {
    /// The lines of data, with an LF between them.
    pub data: &'b str,
    /// The name; `message` if the event has none.
    pub event: &'b str,
    /// The id of this event, or of the last one that had an id; empty if none had.
    pub last_event_id: &'b str,
}

/// Memory for one event, lent to [`Decoder::step`]. All decoders of a thread can share one: they keep nothing in it between
/// two steps.
#[derive(Clone, Debug, Default)]
pub struct EventScratch {
    data: String,
    event: String,
    id: String,
}

/// The most that a decoder keeps in memory.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The longest line, in bytes without its end; 64 KiB by default. A longer one is [`Error::LineTooLong`].
    pub line_bytes_max: usize,
    /// The longest data of an event, in bytes with an LF for each line; 1 MiB by default. A longer one is
    /// [`Error::EventTooLong`].
    pub event_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line_bytes_max: 64 << 10, event_bytes_max: 1 << 20 }
    }
}

impl Decoder {
    /// A decoder for the first stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// A decoder for a later stream, which was requested with this id in `Last-Event-ID`.
    pub fn with_last_event_id(last_event_id: &str) -> Self {
        Self { id: last_event_id.to_owned(), last_event_id: last_event_id.to_owned(), ..Self::default() }
    }

    /// Finds the next event. After an event, step again with the bytes after it. [`Step::Need`] always uses all bytes. What
    /// exceeds the limits is a [`Step::Fault`].
    pub fn step<'b>(
        &mut self,
        rx: &[u8],
        scratch: &'b mut EventScratch,
        limits: &Limits,
    ) -> Step<DecodedEvent<'b>, Error> {
        let mut used = self.skip_lf(rx);
        while let Some(length) = memchr2(b'\r', b'\n', &rx[used..]) {
            let end = used + length;
            let is_event = match self.end_line(&rx[used..end], limits) {
                Ok(is_event) => is_event,
                Err(error) => return Step::Fault(error),
            };
            self.after_cr = rx[end] == b'\r';
            used = end + 1;
            used += self.skip_lf(&rx[used..]);
            if is_event {
                return Step::Event(used, self.deliver(scratch));
            }
        }
        match self.keep(&rx[used..], limits) {
            Ok(()) => Step::Need(rx.len()),
            Err(error) => Step::Fault(error),
        }
    }

    /// The id to send in `Last-Event-ID` when the client reconnects; empty if there is none.
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// How many milliseconds to wait before reconnecting, if the server has sent `retry`.
    pub fn retry_ms(&self) -> Option<u64> {
        self.retry_ms
    }

    /// The second half of a line's end, if that is what comes. Says how many bytes that are.
    fn skip_lf(&mut self, rx: &[u8]) -> usize {
        match rx.first() {
            Some(first) if self.after_cr => {
                self.after_cr = false;
                usize::from(*first == b'\n')
            }
            _ => 0,
        }
    }

    fn keep(&mut self, part: &[u8], limits: &Limits) -> Result<(), Error> {
        if self.line.len() + part.len() > limits.line_bytes_max {
            return Err(Error::LineTooLong);
        }
        self.line.extend_from_slice(part);
        Ok(())
    }

    /// Reads a line that ends with `part`. Says whether an event ends with it.
    fn end_line(&mut self, part: &[u8], limits: &Limits) -> Result<bool, Error> {
        if self.line.is_empty() && part.len() <= limits.line_bytes_max {
            return self.read_line(part, limits);
        }
        self.keep(part, limits)?;
        let mut line = std::mem::take(&mut self.line);
        let read = self.read_line(&line, limits);
        line.clear();
        self.line = line;
        read
    }

    fn read_line(&mut self, line: &[u8], limits: &Limits) -> Result<bool, Error> {
        let first = !std::mem::replace(&mut self.begun, true);
        let line = if first { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line) } else { line };
        if line.is_empty() {
            return Ok(self.end_event());
        }
        let (name, value) = match memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        self.read_field(name, value.strip_prefix(b" ").unwrap_or(value), limits).map(|()| false)
    }

    fn read_field(&mut self, name: &[u8], value: &[u8], limits: &Limits) -> Result<(), Error> {
        match name {
            b"data" => return self.add_data(&String::from_utf8_lossy(value), limits),
            b"event" => replace(&mut self.event, &String::from_utf8_lossy(value)),
            b"id" if !value.contains(&0) => replace(&mut self.id, &String::from_utf8_lossy(value)),
            b"retry" if value.iter().all(u8::is_ascii_digit) => {
                self.read_retry(&String::from_utf8_lossy(value));
            }
            _ => {}
        }
        Ok(())
    }

    fn add_data(&mut self, line: &str, limits: &Limits) -> Result<(), Error> {
        if self.data.len() + line.len() >= limits.event_bytes_max {
            return Err(Error::EventTooLong);
        }
        self.data.push_str(line);
        self.data.push('\n');
        Ok(())
    }

    /// A number that does not fit, or has no digits, changes nothing.
    fn read_retry(&mut self, digits: &str) {
        if let Ok(retry_ms) = digits.parse() {
            self.retry_ms = Some(retry_ms);
        }
    }

    /// An empty line: what was read counts. Says whether it is an event.
    fn end_event(&mut self) -> bool {
        if self.id != self.last_event_id {
            replace(&mut self.last_event_id, &self.id);
        }
        if self.data.is_empty() {
            self.event.clear();
        }
        !self.data.is_empty()
    }

    /// Moves the event out by exchange, so that in the long run no memory is asked for.
    fn deliver<'b>(&mut self, scratch: &'b mut EventScratch) -> DecodedEvent<'b> {
        std::mem::swap(&mut self.data, &mut scratch.data);
        std::mem::swap(&mut self.event, &mut scratch.event);
        self.data.clear();
        self.event.clear();
        replace(&mut scratch.id, &self.last_event_id);
        let data = scratch.data.strip_suffix('\n').unwrap_or(&scratch.data);
        let event = if scratch.event.is_empty() { "message" } else { &scratch.event };
        DecodedEvent { data, event, last_event_id: &scratch.id }
    }
}

fn replace(target: &mut String, value: &str) {
    target.clear();
    target.push_str(value);
}

/// U+FEFF in UTF-8, which a stream may begin with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
