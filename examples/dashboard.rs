//! Charts of the server itself in the browser, by server-sent events that resume. A page that reconnects gets what it has
//! missed. If the server was restarted, the page gets a notice of the gap, and shows it.
//!
//! ```sh
//! cargo run --example dashboard -- --listen 127.0.0.1:8080
//! curl -sN http://127.0.0.1:8080/samples                                  # each event has an id
//! curl -sN http://127.0.0.1:8080/samples?lastEventId=ID                   # what came behind it, at once
//! ```
//!
//! Open the page, drop its stream with the button, then end the server with Ctrl-C and start it again.

use jackfield::{Client, Event, Exchange, History, Reactor, Request, Server, last_event_id};
use std::time::{Duration, SystemTime};

const PAGE: &str = include_str!("dashboard.html");
const STYLE: &str = include_str!("showcase/page.css");
const SAMPLES: &str = "samples";
const TICK: Duration = Duration::from_millis(250);
/// Samples that are kept: those of two minutes.
const KEPT: usize = 480;

/// One for each connection.
struct Viewer;

impl Client for Viewer {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        match request.path() {
            "/" => exchange.ok("text/html; charset=utf-8", PAGE),
            "/page.css" => exchange.ok("text/css; charset=utf-8", STYLE),
            "/samples" => {
                let mut events = exchange.events();
                // A browser that has lost the stream reconnects after this many milliseconds.
                events.send(Event::empty().retry(500));
                let last = last_event_id(request);
                if last.is_some() {
                    // The page missed the samples up to this time.
                    events.send(Event::data(now_ms().to_string()).event("back"));
                }
                events.subscribe_from(SAMPLES, last.unwrap_or_default());
            }
            _ => exchange.not_found(),
        }
    }
}

fn now_ms() -> u128 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis()
}

/// Publishes what has happened since the last call.
fn sampler() -> impl FnMut(&mut Reactor<'_>) {
    let mut before = (0, 0);
    move |reactor| {
        let handle = reactor.handle();
        let (metrics, at) = (handle.metrics(), now_ms());
        let (turns, bytes) = (metrics.turns - before.0, metrics.bytes_out - before.1);
        before = (metrics.turns, metrics.bytes_out);
        let connections = handle.count();
        let sample = format!(r#"{{"at":{at},"connections":{connections},"turns":{turns},"bytes":{bytes}}}"#);
        reactor.publish(SAMPLES, Event::data(sample));
    }
}

fn main() -> jackfield::Result<()> {
    let addr = options::addr("dashboard [--listen ADDR]", "127.0.0.1:8080");
    let server = Server::builder().listen(addr).shutdown_on_signals().bind().unwrap_or_else(options::fail);
    server.handle().declare_topic(SAMPLES, History::new(KEPT));
    println!("listening on {}", server.local_addr());
    println!("open http://{}/", server.local_addr());
    server.serve_with(|setup| {
        if setup.reactor() == 0 {
            setup.every(TICK, sampler());
        }
        |_peer| Viewer
    })
}
