//! A chat with one room, private messages and presence, on any number of reactors, and its page at `/`.
//!
//! ```sh
//! cargo run --example chat -- --listen 127.0.0.1:8080 --reactors 2
//! ```
//!
//! A member sends text messages: `/name NAME`, `/to ID TEXT` for one member only, `/who`; any other text goes to all.
//! It gets lines, whose first word says what they are:
//!
//! | line | meaning |
//! | --- | --- |
//! | `you ID` | the member's own id, first of all |
//! | `came ID` and `left ID` | somebody else did |
//! | `said ID NAME: TEXT` | for all, its author included |
//! | `whispered ID NAME: TEXT` | for this member only |
//! | `gone ID` | whom a private message did not reach |
//! | `here NUMBER` | the answer to `/who` |

use jackfield::{
    Client, Connection, ConnectionId, Disconnect, Exchange, Message, Request, Sent, Server, WebSocket,
};

/// The page is part of the program, so the program can be started in any folder.
const PAGE: &str = include_str!("chat.html");
/// The topic of all members, on all reactors.
const ROOM: &str = "room";
const NAME_CHARS_MAX: usize = 20;

/// One for each connection. A browser that only fetches the page has no name.
#[derive(Default)]
struct Member {
    name: Option<String>,
}

impl Client for Member {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        match request.path() {
            "/" => exchange.ok("text/html; charset=utf-8", PAGE),
            _ => exchange.not_found(),
        }
    }

    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        let id = socket.id().to_bits();
        self.name = Some("somebody".into());
        socket.send(format!("you {id}"));
        socket.subscribe(ROOM);
        socket.publish(ROOM, format!("came {id}"));
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        let Message::Text(text) = message else {
            return socket.close_with(1003, "text only");
        };
        match text.split_once(' ').unwrap_or((text, "")) {
            ("/name", name) => self.rename(name),
            ("/to", rest) => self.whisper(socket, rest),
            // Members come and go on all reactors at once, so a published number could be out of date when it arrives.
            // The topic always has the present number, so each member asks for it after a change.
            ("/who", _) => {
                socket.send(format!("here {}", socket.subscribers(ROOM)));
            }
            _ => {
                let line = self.line("said", socket.id(), text);
                socket.publish_to_all(ROOM, &line);
            }
        }
    }

    fn on_disconnect(&mut self, connection: &mut Connection<'_>, _end: &Disconnect) {
        // Its own subscription has ended already.
        if self.name.is_some() {
            connection.publish(ROOM, format!("left {}", connection.id().to_bits()));
        }
    }
}

impl Member {
    /// A name is one word, so that lines are easy to parse.
    fn rename(&mut self, name: &str) {
        let chars = name.chars().filter(|c| c.is_alphanumeric());
        let name: String = chars.take(NAME_CHARS_MAX).collect();
        if !name.is_empty() {
            self.name = Some(name);
        }
    }

    /// Sends to one member, which may be on another reactor.
    fn whisper(&self, socket: &mut WebSocket<'_>, rest: &str) {
        let (to, text) = rest.split_once(' ').unwrap_or((rest, ""));
        // Any number is safe: if it names no connection, sending gives `Gone`.
        let id = to.parse().map_or(ConnectionId::NONE, ConnectionId::from_bits);
        let line = self.line("whispered", socket.id(), text);
        // A member on another reactor may still be gone when the message arrives.
        if let Sent::Gone | Sent::Unsupported = socket.send_to(id, &line) {
            socket.send(format!("gone {to}"));
        }
    }

    fn line(&self, what: &str, id: ConnectionId, text: &str) -> String {
        format!("{what} {} {}: {text}", id.to_bits(), self.name.as_deref().unwrap_or_default())
    }
}

fn main() -> jackfield::Result<()> {
    let options = options::Options::read("chat [--listen ADDR] [--reactors N]");
    let addr = options.value("--listen").unwrap_or("127.0.0.1:8080");
    let mut builder = Server::builder().listen(addr).shutdown_on_signals();
    if let Some(reactors) = options.number("--reactors") {
        builder = builder.reactors(reactors);
    }
    let server = builder.bind().unwrap_or_else(options::fail);
    println!("listening on {0}\ntry: http://{0}/ in two tabs", server.local_addr());
    server.serve(|_peer| Member::default())
}
