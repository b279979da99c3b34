//! Which peers may open a WebSocket: all, none, those that offer a subprotocol of ours, or those that know a word,
//! which another thread checks slowly.
//!
//! ```text
//! $ cargo run --example gate -- --listen 127.0.0.1:8080 --word "open sesame"
//! listening on 127.0.0.1:8080
//! try: http://127.0.0.1:8080/ in a browser
//!
//! $ curl -i -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
//!     -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' http://127.0.0.1:8080/closed
//! HTTP/1.1 403 Forbidden
//! Date: ..
//! Content-Type: text/plain
//! Content-Length: 3
//! X-Why: members only
//!
//! no
//! ```

use jackfield::{
    Client, Exchange, LateUpgrade, Message, Request, Server, Upgrade, WebSocket, is_same_secret,
};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// The page: a button for each gate, and the result.
const PAGE: &str = r#"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">
<meta name=color-scheme content="light dark"><style>html { background: Canvas; font-family: system-ui }
pre { white-space: pre-wrap; overflow-wrap: anywhere } button, input { font: inherit; max-width: 100%; box-sizing: border-box }</style>
<title>Gate</title><h1>Gate</h1>
<button onclick="knock('open')">open</button> <button onclick="knock('closed')">closed</button>
<button onclick="knock('chat', ['chat.v1', 'chat.v2'])">subprotocol</button>
<button onclick="knock('secret?open%20sesame')">right word</button>
<button onclick="knock('secret?please')">wrong word</button><pre id=log></pre><script>
const say = text => document.getElementById('log').textContent += text + '\n';
function knock(path, protocols) {
    const socket = new WebSocket(`ws://${location.host}/${path}`, protocols || []);
    socket.onopen = () => { say(`${path}: open ${socket.protocol}`); socket.close(); };
    socket.onerror = () => say(`${path}: refused`);
}
</script>"#;

/// An upgrade that waits for a decision, and the word that came with it.
type Knock = (LateUpgrade, String);

struct Guest {
    guard: SyncSender<Knock>,
}

impl Client for Guest {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        if request.path() == "/" { exchange.ok("text/html", PAGE) } else { exchange.not_found() }
    }

    fn on_upgrade(&mut self, mut upgrade: Upgrade<'_>, request: &Request<'_>) {
        match request.path() {
            "/open" => upgrade.accept(),
            "/chat" => match upgrade.choose_first([("chat.v2", ()), ("chat.v1", ())]) {
                Some(()) => upgrade.accept(),
                None => upgrade.reject(400),
            },
            "/secret" => {
                let word = request.query().unwrap_or_default().replace("%20", " ");
                // If the guard has too much to do, the upgrade is dropped, and the peer gets a 503.
                let _ = self.guard.try_send((upgrade.defer(), word));
            }
            _ => drop(upgrade.response(403).header("X-Why", "members only").body("text/plain", "no\n")),
        }
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        socket.send(message);
    }
}

/// Decides on the upgrades one after another, on a thread that may block.
fn stand_guard(knocks: &Receiver<Knock>, secret: &str) {
    for (mut upgrade, word) in knocks {
        if is_same_secret(&word, secret) {
            let _ = upgrade.header("X-Welcome", "friend");
            upgrade.accept();
        } else {
            let refusal = upgrade.response(401).header("WWW-Authenticate", "Bearer");
            let _ = refusal.body("text/plain", "wrong word\n");
        }
    }
}

fn main() -> jackfield::Result<()> {
    let options = options::Options::read("gate [--listen ADDR] [--word WORD]");
    let secret = options.value("--word").unwrap_or("open sesame").to_owned();
    let (guard, knocks) = sync_channel(100);
    thread::spawn(move || stand_guard(&knocks, &secret));
    let addr = options.value("--listen").unwrap_or("127.0.0.1:8080");
    let server = Server::builder().listen(addr).shutdown_on_signals().bind().unwrap_or_else(options::fail);
    println!("listening on {0}\ntry: http://{0}/ in a browser", server.local_addr());
    server.serve(move |_peer| Guest { guard: guard.clone() })
}
