//! A peer that owes nothing to httparse: http-parser 2.7, the C parser of Node.js up to version 11, in its strict mode.

use http_muncher::{Parser, ParserHandler};

use crate::reading::{End, Reading, Seen};

/// What http-parser sees, and the name of its error. It stops where another protocol may begin.
pub(crate) fn read(bytes: &[u8]) -> Reading<String> {
    let (mut parser, mut notes, mut at) = (Parser::request(), Notes::default(), 0);
    let mut requests = Vec::new();
    loop {
        at += parser.parse(&mut notes, &bytes[at..]);
        if !notes.is_whole {
            let end = if parser.has_error() { End::Refused(parser.error().to_owned()) } else { notes.end() };
            return Reading { requests, end };
        }
        let seen = notes.finish(&parser, at);
        let persists = seen.persists;
        requests.push(seen);
        if parser.is_upgrade() || !persists {
            let end = if persists { End::Tunnel } else { End::Closed };
            return Reading { requests, end };
        }
        parser.unpause();
    }
}

/// What came of one request so far.
#[derive(Default)]
struct Notes {
    seen: Seen,
    target: Vec<u8>,
    /// Names and values, with the space that http-parser leaves behind a value.
    lines: Vec<(Vec<u8>, Vec<u8>)>,
    /// How many of them stood in the head.
    head_lines: usize,
    is_in_value: bool,
    has_begun: bool,
    has_head: bool,
    is_whole: bool,
}

impl Notes {
    fn end(&self) -> End<String> {
        match (self.has_begun, self.has_head) {
            (false, _) => End::Idle,
            (_, false) => End::Head,
            _ => End::Body,
        }
    }

    fn finish(&mut self, parser: &Parser, end: usize) -> Seen {
        let notes = std::mem::take(self);
        let (major, minor) = parser.http_version();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut fields: Vec<_> =
            notes.lines.iter().map(|(name, value)| (text(name), value.trim_ascii().to_vec())).collect();
        let trailers = fields.split_off(notes.head_lines);
        Seen {
            method: parser.http_method().to_owned(),
            target: text(&notes.target),
            // No version of HTTP/1 is 9, so that another major version never looks like one.
            minor: if major == 1 { u8::try_from(minor).unwrap_or(9) } else { 99 },
            fields,
            trailers,
            persists: parser.should_keep_alive(),
            end: Some(end),
            ..notes.seen
        }
    }
}

impl ParserHandler for Notes {
    fn on_message_begin(&mut self, _: &mut Parser) -> bool {
        self.has_begun = true;
        true
    }

    fn on_url(&mut self, _: &mut Parser, part: &[u8]) -> bool {
        self.target.extend_from_slice(part);
        true
    }

    fn on_header_field(&mut self, _: &mut Parser, part: &[u8]) -> bool {
        if self.is_in_value || self.lines.is_empty() || self.lines.len() == self.head_lines {
            self.lines.push(Default::default());
        }
        self.is_in_value = false;
        if let Some((name, _)) = self.lines.last_mut() {
            name.extend_from_slice(part);
        }
        true
    }

    fn on_header_value(&mut self, _: &mut Parser, part: &[u8]) -> bool {
        self.is_in_value = true;
        if let Some((_, value)) = self.lines.last_mut() {
            value.extend_from_slice(part);
        }
        true
    }

    fn on_headers_complete(&mut self, _: &mut Parser) -> bool {
        (self.has_head, self.head_lines) = (true, self.lines.len());
        true
    }

    fn on_body(&mut self, _: &mut Parser, part: &[u8]) -> bool {
        self.seen.body.extend_from_slice(part);
        true
    }

    fn on_message_complete(&mut self, parser: &mut Parser) -> bool {
        self.is_whole = true;
        parser.pause();
        true
    }
}
