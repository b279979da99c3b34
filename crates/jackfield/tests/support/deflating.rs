//! A WebSocket peer that has agreed on compression.

#![allow(dead_code, unreachable_pub)]

use crate::support::socket;
use crate::support::{Lab, text};
use jackfield::Message;
use jackfield::proto::Step;
use jackfield::proto::websocket::deflate::{Agreed, Deflater, Options};
use jackfield::proto::websocket::{Event, Limits, Machine, Offer, Scratch};
use jackfield::test::FarEnd;

/// What browsers offer.
pub const OFFER: &str = "permessage-deflate; client_max_window_bits";

/// The upgrade with this offer.
pub fn upgrade(offer: &str) -> String {
    socket::upgrade_with(&format!("Sec-WebSocket-Extensions: {offer}\r\n"))
}

/// A peer that understands compressed messages, and sends such.
pub struct Deflating {
    pub far: FarEnd,
    machine: Machine,
    scratch: Scratch,
    deflater: Deflater,
    rx: Vec<u8>,
    /// The server's answer to the offer.
    pub answer: String,
    /// Bytes of the server's frames.
    pub heard_bytes: usize,
}

impl Deflating {
    /// Opens a WebSocket that the server accepts with compression.
    pub fn open(lab: &mut Lab, offer: &str) -> Self {
        let far = lab.connect();
        let output = lab.say(&far, upgrade(offer));
        let end = output.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a whole head") + 4;
        let head = text(&output[..end]);
        let answer = head.split("Sec-WebSocket-Extensions: ").nth(1).expect("an offer is taken");
        let answer = answer.split("\r\n").next().unwrap().to_owned();
        let (agreed, options) = agreed(&answer);
        let mut machine = Machine::client();
        machine.accept_deflate(&agreed);
        let deflater = Deflater::new(&options, 15, agreed.client_context_takeover());
        let rx = output[end..].to_vec();
        Self { far, machine, scratch: Scratch::new(), deflater, rx, answer, heard_bytes: 0 }
    }

    /// A message as frames on the wire, compressed if it is long enough.
    pub fn encode(&mut self, message: Message<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.deflater.encode(message, Some([1, 2, 3, 4]), &mut bytes);
        bytes
    }

    /// What the server has said since this was last asked: texts, and the code of a Close.
    pub fn hear(&mut self) -> Vec<String> {
        let fresh = self.far.take();
        self.heard_bytes += fresh.len();
        self.rx.extend(fresh);
        let mut heard = Vec::new();
        let limits = Limits { message_bytes_max: 64 << 20, ..Limits::default() };
        let mut at = 0;
        loop {
            match self.machine.step(&mut self.rx[at..], &mut self.scratch, &limits) {
                Step::Event(used, Event::Message(message)) => {
                    heard.push(text(message.as_bytes()));
                    at += used;
                }
                Step::Event(used, Event::Close(close)) => {
                    heard.push(format!("close {}", close.code.unwrap_or(1005)));
                    at += used;
                }
                Step::Event(used, _) => at += used,
                Step::Need(used) => {
                    self.rx.drain(..at + used);
                    return heard;
                }
                step => panic!("{step:?}"),
            }
        }
    }

    /// Says a text, and hears what comes back; and how many bytes that took.
    pub fn say(&mut self, lab: &mut Lab, message: &str) -> (Vec<String>, usize) {
        let bytes = self.encode(Message::Text(message));
        let before = self.heard_bytes;
        self.far.send(&bytes);
        lab.run();
        let heard = self.hear();
        (heard, self.heard_bytes - before)
    }
}

/// The agreed parameters, as a client reads them in an answer.
fn agreed(answer: &str) -> (Agreed, Options) {
    let options = Options {
        server_context_takeover: !answer.contains("server_no_context_takeover"),
        client_context_takeover: !answer.contains("client_no_context_takeover"),
        ..Options::default()
    };
    let fields: [(&str, &[u8]); 6] = [
        ("Host", b"h"),
        ("Upgrade", b"websocket"),
        ("Connection", b"Upgrade"),
        ("Sec-WebSocket-Version", b"13"),
        ("Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Extensions", b"permessage-deflate"),
    ];
    let offer = Offer::check("GET", true, fields.into_iter()).unwrap();
    (Agreed::negotiate(offer.extensions(), &options).unwrap(), options)
}
