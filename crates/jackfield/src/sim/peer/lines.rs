//! A peer that sends lines and checks those that come.

use super::{Heard, Peer, PeerConnection, excerpt};
use crate::config::Speaks;
use std::collections::VecDeque;
use std::fmt;

type Judge = Box<dyn FnMut(&str) -> Heard>;

/// Sends lines and expects an answer to each, in order. Other lines may come between the answers.
pub struct Lines {
    to_say: VecDeque<String>,
    said: VecDeque<String>,
    ahead: usize,
    judge: Judge,
}

impl Lines {
    /// Sends these lines and expects each one back unchanged.
    #[must_use]
    pub fn new(lines: Vec<String>) -> Self {
        let judge = Box::new(|_: &str| Heard::Echo);
        Self { to_say: lines.into(), said: VecDeque::new(), ahead: 4, judge }
    }

    /// How many lines may be unanswered at a time. Default: 4.
    #[must_use]
    pub fn ahead(mut self, lines: usize) -> Self {
        self.ahead = lines.max(1);
        self
    }

    /// Checks each line that comes, without its line end.
    #[must_use]
    pub fn hearing(mut self, judge: impl FnMut(&str) -> Heard + 'static) -> Self {
        self.judge = Box::new(judge);
        self
    }

    fn go_on(&mut self, line: &mut PeerConnection<'_>) {
        while self.said.len() < self.ahead {
            let Some(said) = self.to_say.pop_front() else { return };
            line.say(said.as_bytes());
            line.say(b"\n");
            self.said.push_back(said);
        }
    }

    fn hear(&mut self, line: &mut PeerConnection<'_>, heard: &str) {
        match (self.judge)(heard) {
            Heard::Other => {}
            Heard::Wrong(text) => line.wrong(text),
            judged => match self.said.pop_front() {
                None => line.wrong(format!("{} came unasked", excerpt(heard.as_bytes()))),
                Some(said) if judged == Heard::Echo && said != heard => {
                    line.wrong(format!("{} came for {said}", excerpt(heard.as_bytes())));
                }
                Some(_) => self.go_on(line),
            },
        }
    }
}

impl Peer for Lines {
    fn listener(&self) -> usize {
        Speaks::Lines as usize
    }

    fn on_connect(&mut self, line: &mut PeerConnection<'_>) {
        self.go_on(line);
    }

    fn on_bytes(&mut self, line: &mut PeerConnection<'_>, bytes: &mut Vec<u8>) {
        let mut at = 0;
        while let Some(length) = bytes[at..].iter().position(|&byte| byte == b'\n') {
            match std::str::from_utf8(&bytes[at..at + length]) {
                Ok(heard) => self.hear(line, heard),
                Err(_) => line.wrong(format!("{} is no text", excerpt(&bytes[at..]))),
            }
            at += length + 1;
        }
        bytes.drain(..at);
    }

    fn is_done(&self) -> bool {
        self.has_said_all() && self.said.is_empty()
    }

    fn has_said_all(&self) -> bool {
        self.to_say.is_empty()
    }

    fn outlives_half_close(&self) -> bool {
        true
    }

    fn expects_close(&self) -> bool {
        false
    }

    fn waits_for(&self) -> String {
        format!("{} lines are not answered, {} not said", self.said.len(), self.to_say.len())
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("said", &self.said).field("to_say", &self.to_say).finish()
    }
}
