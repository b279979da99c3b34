//! Asks each client, and waits for the answers: requests from the server, with acknowledgement and timeout.
//!
//! ```text
//! $ cargo run --example quiz -- --listen 127.0.0.1:8080 --within 30
//! listening on 127.0.0.1:8080
//! try: http://127.0.0.1:8080/ in a browser, and in its console: s = new WebSocket('ws://127.0.0.1:8080'); ..
//!
//! > s.send('1 Ann')
//! ```
//!
//! A WebSocket client gets `1 what is your name?` and answers `1 Ann`. If it does not answer in time, it is closed with
//! 4000. `quiz/asking.rs` shows how, on top of `notify_sent` and `on_sent`.

#[path = "quiz/asking.rs"]
mod asking;

use asking::Asking;
use jackfield::{Client, Connection, Message, Server, TimerId, WebSocket};
use options::Options;
use std::time::Duration;

const QUESTIONS: [&str; 3] = ["what is your name?", "what is your quest?", "what is your favourite colour?"];

/// One for each connection.
struct Candidate(Asking);

impl Candidate {
    /// Asks the next question after this many answers, if there is one.
    fn go_on(&mut self, socket: &mut WebSocket<'_>, answers: u16) {
        match QUESTIONS.get(usize::from(answers)) {
            Some(question) => drop(self.0.ask(socket, question)),
            None => socket.close(),
        }
    }
}

impl Client for Candidate {
    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        self.go_on(socket, 0);
    }

    fn on_sent(&mut self, connection: &mut Connection<'_>, tag: u64) {
        self.0.sent(connection, tag);
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        let Message::Text(text) = message else { return };
        if let Some((number, answer)) = self.0.answer(socket, text) {
            socket.send(format!("{answer} it is"));
            self.go_on(socket, number);
        }
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, timer: TimerId) {
        if let Some(number) = self.0.time_out(timer) {
            connection.close_with(4000, &format!("no answer to {number}"));
        }
    }
}

fn main() -> jackfield::Result<()> {
    let options = Options::read("quiz [--listen ADDR] [--within SECONDS]");
    let addr = options.value("--listen").unwrap_or("127.0.0.1:8080");
    let within = options.seconds("--within").unwrap_or(Duration::from_secs(5));
    let server = Server::builder().listen(addr).shutdown_on_signals().bind().unwrap_or_else(options::fail);
    let addr = server.local_addr();
    println!("{}", options::in_the_console(addr));
    server.serve(move |_peer| Candidate(Asking::new(within)))
}
