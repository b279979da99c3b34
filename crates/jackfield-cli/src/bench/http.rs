//! `http`: requests and their answers, on connections that stay.

use super::speaker::{Fault, Heard, Opened, Part, Speaker};
use jackfield_proto::Step;
use jackfield_proto::http1::{ClientEvent, ClientMachine, HeaderSlots, Limits};
use std::borrow::Cow;

/// Keeps requests in flight and checks the status of their answers.
///
/// An answer that is like the one before, byte by byte, is not parsed: it means the same. So the load generator
/// costs less than the server that it is to load.
#[derive(Debug)]
pub(crate) struct Http {
    /// The whole request.
    request: Vec<u8>,
    /// The last answer that was parsed, if it was good and came whole.
    known: Vec<u8>,
    limits: Limits,
}

/// What a browser sends behind `Host`.
const BROWSER_FIELDS: &str = "Connection: keep-alive\r\n\
    Cache-Control: max-age=0\r\n\
    sec-ch-ua: \"Chromium\";v=\"142\", \"Not:A-Brand\";v=\"99\"\r\n\
    sec-ch-ua-mobile: ?0\r\n\
    sec-ch-ua-platform: \"Linux\"\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
    Sec-Fetch-Site: same-origin\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-User: ?1\r\n\
    Sec-Fetch-Dest: document\r\n\
    Referer: https://www.example.com/en/docs/\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-US,en;q=0.9,de;q=0.8\r\n\
    Cookie: session=3f2a9c1e5d7b4086a1c2e3f405162738; theme=dark; \
    _ga=GA1.1.1483920561.1763100000; _ga_7Q2K9XW4LM=GS2.1.s1763100000$o3$g1$t1763100423$j60$l0$h0; \
    locale=en; consent=analytics%3Dyes%26ads%3Dno; last=docs%2Fguide\r\n";

/// The answers of one connection.
#[derive(Debug)]
pub(crate) struct Answers {
    machine: ClientMachine,
    /// An answer is being read.
    is_inside: bool,
    status: u16,
}

/// What was found in the bytes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// So many bytes are done with; the rest of the answer is still to come.
    Part(usize),
    /// So many bytes are done with, and with them an answer of this status.
    Whole(usize, u16),
}

impl Http {
    /// Asks for `path` again and again.
    pub(crate) fn new(host: &str, path: &str) -> Self {
        Self::with_request(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
    }

    /// The same with the header fields of a browser.
    pub(crate) fn browser(host: &str, path: &str) -> Self {
        Self::with_request(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{BROWSER_FIELDS}\r\n"))
    }

    /// Sends these bytes as a request.
    pub(crate) fn with_request(request: String) -> Self {
        Self { request: request.into_bytes(), known: Vec::new(), limits: Limits::default() }
    }

    /// The request.
    pub(crate) fn request(&self) -> &[u8] {
        &self.request
    }

    fn is_known(&self, rx: &[u8]) -> bool {
        !self.known.is_empty() && rx.starts_with(&self.known)
    }
}

impl Speaker for Http {
    type State = Answers;

    fn connect(&mut self, _index: usize) -> (Answers, Part) {
        (Answers::new(), Part::Talks)
    }

    fn open(&mut self, _state: &mut Answers, _out: &mut Vec<u8>) -> Opened {
        Opened::Ready
    }

    fn send(&mut self, _state: &mut Answers, _due: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.request);
    }

    fn receive(
        &mut self,
        answers: &mut Answers,
        rx: &mut [u8],
        heard: &mut Heard<'_>,
    ) -> Result<usize, Fault> {
        let mut used = 0;
        while used < rx.len() && !heard.is_over {
            let rest = &rx[used..];
            let is_whole = !answers.is_inside;
            if is_whole && self.is_known(rest) {
                heard.reply()?;
                used += self.known.len();
                continue;
            }
            match answers.step(rest, &self.limits)? {
                Found::Part(bytes) => return Ok(used + bytes),
                Found::Whole(bytes, status) => {
                    take(status, heard)?;
                    heard.is_over = !answers.machine.keep_alive();
                    if is_whole && is_good(status) && !heard.is_over {
                        self.known.clear();
                        self.known.extend_from_slice(&rest[..bytes]);
                    }
                    used += bytes;
                }
            }
        }
        Ok(if heard.is_over { rx.len() } else { used })
    }

    fn end(&mut self, answers: &mut Answers, heard: &mut Heard<'_>) {
        if matches!(answers.machine.end_of_input(), Ok(Some(ClientEvent::End))) {
            heard.is_over = take(answers.status, heard).is_ok();
        }
    }
}

impl Answers {
    pub(crate) fn new() -> Self {
        Self { machine: ClientMachine::new(), is_inside: false, status: 0 }
    }

    /// Reads an answer, or a part of one.
    ///
    /// # Errors
    /// It is no HTTP, or not what was asked for.
    pub(crate) fn step(&mut self, rx: &[u8], limits: &Limits) -> Result<Found, Fault> {
        if !self.is_inside {
            self.machine.begin("GET").map_err(|error| Fault::of("HTTP", error))?;
            self.is_inside = true;
        }
        let mut used = 0;
        loop {
            match self.machine.step(&rx[used..], &mut HeaderSlots::new(), limits) {
                Step::Need(bytes) => return Ok(Found::Part(used + bytes)),
                Step::Event(bytes, event) => {
                    used += bytes;
                    match event {
                        ClientEvent::Head(response) => self.status = response.status(),
                        ClientEvent::End => {
                            self.is_inside = false;
                            return Ok(Found::Whole(used, self.status));
                        }
                        ClientEvent::Interim(_) | ClientEvent::Body(_) => {}
                        ClientEvent::Switched(_) => {
                            return Err(Fault(Cow::Borrowed("an upgrade unasked for")));
                        }
                    }
                }
                Step::Paused => return Ok(Found::Part(rx.len())),
                Step::Fault(error) => return Err(Fault::of("HTTP", error)),
            }
        }
    }
}

fn take(status: u16, heard: &mut Heard<'_>) -> Result<(), Fault> {
    if is_good(status) { heard.reply() } else { heard.refusal(format!("status {status}")) }
}

fn is_good(status: u16) -> bool {
    (200..300).contains(&status)
}
