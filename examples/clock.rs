//! A clock in the browser: server-sent events, one a second, from a timer of the connection.
//!
//! ```sh
//! cargo run --example clock -- --listen 127.0.0.1:8080
//! curl -N http://127.0.0.1:8080/time
//! ```

use jackfield::{Client, Connection, EventStream, Exchange, Request, Server, TimerId};
use std::time::{Duration, SystemTime};

/// The page at `/`. A browser reconnects by itself if the stream is lost.
const PAGE: &str = r#"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">
<meta name=color-scheme content="light dark"><style>html { background: Canvas; font-family: system-ui }</style>
<title>Clock</title><h1 id=time>--:--:--</h1><script>
new EventSource('time').onmessage = event => document.getElementById('time').textContent = event.data;
</script>"#;

/// A connection may have any number of timers, each with its own number. The clock has one.
const TICK: TimerId = TimerId(0);

/// One for each connection. It has no state.
struct Clock;

impl Client for Clock {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        match request.path() {
            "/" => exchange.ok("text/html", PAGE),
            // From here on the connection is an event stream until it ends.
            "/time" => tick(&mut exchange.events()),
            _ => exchange.not_found(),
        }
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, _timer: TimerId) {
        if let Some(mut events) = connection.as_events() {
            tick(&mut events);
        }
    }
}

/// Sends the time, and sets the timer for the next second. Timers end with their connection, so there is nothing to
/// clean up.
fn tick(events: &mut EventStream<'_>) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seconds = now.as_secs();
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    events.send(format!("{hour:02}:{minute:02}:{second:02} UTC"));
    // Until the beginning of the next second, so that the clock does not drift.
    events.set_timer(TICK, Duration::from_millis(1000 - u64::from(now.subsec_millis())));
}

fn main() -> jackfield::Result<()> {
    let addr = options::addr("clock [--listen ADDR]", "127.0.0.1:8080");
    let server = Server::builder().listen(addr).shutdown_on_signals().bind().unwrap_or_else(options::fail);
    let addr = server.local_addr();
    println!("listening on {addr}\ntry: http://{addr}/ in a browser, or curl -N http://{addr}/time");
    server.serve(|_peer| Clock)
}
