//! A client for HTTP that sends any bytes, and reads whole answers.

use super::common::{Steady, connect};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;

/// A client for HTTP, on any transport.
pub(crate) struct Http<S: Read + Write> {
    stream: BufReader<S>,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Http<Steady> {
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        Self::over(connect(addr))
    }
}

impl<S: Read + Write> Http<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).unwrap();
        self.stream.get_mut().flush().unwrap();
    }

    /// Asks for something, and returns the answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, method: &str, target: &str, fields: &str, body: &str) -> Answer {
        let length = body.len();
        let framing = if body.is_empty() { String::new() } else { format!("Content-Length: {length}\r\n") };
        self.send(format!("{method} {target} HTTP/1.1\r\nHost: test\r\n{framing}{fields}\r\n{body}"));
        self.answer(method != "HEAD")
    }

    #[track_caller]
    pub(crate) fn get(&mut self, target: &str) -> Answer {
        self.ask("GET", target, "", "")
    }

    /// The next answer, with a body of the announced length.
    #[track_caller]
    pub(crate) fn answer(&mut self, has_body: bool) -> Answer {
        let mut answer = self.head();
        let length = answer.field("Content-Length").map_or(0, |length| length.parse().unwrap());
        if has_body {
            answer.body = vec![0; length];
            self.stream.read_exact(&mut answer.body).unwrap();
        }
        answer
    }

    /// The head of an answer whose body goes on until the end, or for ever.
    #[track_caller]
    pub(crate) fn head(&mut self) -> Answer {
        let status_line = self.line();
        let (version, rest) = status_line.split_once(' ').unwrap_or_default();
        assert_eq!(version, "HTTP/1.1", "{status_line:?}");
        let status = rest.split(' ').next().unwrap().parse().unwrap();
        let mut fields = Vec::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(": ") else {
                assert_eq!(line, "", "the end of a head");
                return Answer { status, fields, body: Vec::new() };
            };
            fields.push((name.to_owned(), value.to_owned()));
        }
    }

    /// The next line, without its end.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "the connection ended with {line:?}");
        line.trim_end_matches(['\r', '\n']).to_owned()
    }

    /// All that comes until the server ends the connection.
    #[track_caller]
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).unwrap();
        rest
    }
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Checks status, content type and body at once.
    #[track_caller]
    pub(crate) fn is(&self, status: u16, content_type: &str, body: &str) {
        let found = (self.status, self.field("Content-Type").unwrap_or(""), self.text());
        assert_eq!(found, (status, content_type, body));
    }
}
