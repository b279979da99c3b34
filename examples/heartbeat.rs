//! A handler like Qore's `WebSocketHandler`, controlled from a browser: send to all, send to one, stop one, list the ids,
//! and set the heartbeat of all connections while they run.
//!
//! ```text
//! $ cargo run --example heartbeat -- --listen 127.0.0.1:8080
//! listening on 127.0.0.1:8080
//! try: http://127.0.0.1:8080/ in two tabs
//!
//! ids                          r0-1.1 (you) r0-2.1
//! all good morning             good morning          (in both tabs)
//! one r0-2.1 psst              psst                  (in the other)
//! heartbeat 5                  every 5 s, and then:  still there
//! stop r0-2.1                  stopped               (the other: closed 1000 stopped)
//! ```

use jackfield::{
    Client, Connection, ConnectionId, Control, Exchange, Heartbeat, Message, Request, Server, WebSocket,
};
use std::time::Duration;

/// The page: an input line, and all that has come.
const PAGE: &str = r#"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">
<meta name=color-scheme content="light dark"><style>html { background: Canvas; font-family: system-ui }
pre { white-space: pre-wrap; overflow-wrap: anywhere } button, input { font: inherit; max-width: 100%; box-sizing: border-box }</style>
<title>Heartbeat</title><h1>Heartbeat</h1>
<form><input id=line size=50 placeholder="ids | all TEXT | one ID TEXT | stop ID | heartbeat SECONDS"></form>
<pre id=log></pre><script>
const line = document.getElementById('line'), log = document.getElementById('log');
const socket = new WebSocket(`ws://${location.host}/`);
socket.onmessage = event => log.textContent += event.data + '\n';
socket.onclose = event => log.textContent += `closed ${event.code} ${event.reason}\n`;
document.forms[0].onsubmit = event => { event.preventDefault(); socket.send(line.value); line.value = ''; };
</script>"#;

struct Member;

impl Client for Member {
    fn on_request(&mut self, mut exchange: Exchange<'_>, _request: &Request<'_>) {
        // The connection ends, so that the listed ids are only those of WebSockets.
        exchange.close_after();
        exchange.ok("text/html", PAGE);
    }

    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        socket.subscribe("all");
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        let Message::Text(line) = message else { return };
        let answer = obey(socket, line).unwrap_or_else(|| "what is that?".into());
        socket.send(&*answer);
    }

    fn on_control(&mut self, socket: &mut WebSocket<'_>, control: Control<'_>) {
        if control == Control::Pong(b"heartbeat") {
            socket.send("still there");
        }
    }
}

/// Carries out the command in a line, with the `Handle` that any thread may use, and returns the answer.
fn obey(connection: &Connection<'_>, line: &str) -> Option<String> {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let handle = connection.handle();
    let (name, text) = rest.split_once(' ').unwrap_or((rest, ""));
    let one = || name.parse::<ConnectionId>().ok().filter(|id| handle.contains(*id));
    Some(match verb {
        "ids" => {
            let shown =
                |id: ConnectionId| if id == connection.id() { format!("{id} (you)") } else { id.to_string() };
            handle.ids().into_iter().map(shown).collect::<Vec<_>>().join(" ")
        }
        "all" => format!("said to all of {} reactors", handle.publish("all", rest).reactors),
        "one" => handle.send(one()?, text).map_or_else(|busy| busy.to_string(), |()| "said".into()),
        "stop" => handle
            .close_with(one()?, 1000, "stopped")
            .map_or_else(|busy| busy.to_string(), |()| "stopped".into()),
        "heartbeat" => {
            let after =
                Duration::from_secs_f64(name.parse().ok().filter(|seconds| (0.0..1e6).contains(seconds))?);
            let set = handle.set_heartbeat(Heartbeat::every(after).payload("heartbeat"));
            set.map_or_else(|busy| busy.to_string(), |()| format!("every {after:?}"))
        }
        _ => return None,
    })
}

fn main() -> jackfield::Result<()> {
    let addr = options::addr("heartbeat [--listen ADDR]", "127.0.0.1:8080");
    let server = Server::builder().listen(addr).shutdown_on_signals().bind().unwrap_or_else(options::fail);
    println!("listening on {0}\ntry: http://{0}/ in two tabs", server.local_addr());
    server.serve(|_peer| Member)
}
