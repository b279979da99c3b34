//! Prices that change 5,000 times a second, for clients that read fast and for clients that read slowly: of each share only the
//! newest price waits for a client, so what the server holds for a slow one stays small, however long it is slow.
//!
//! ```sh
//! cargo run --example ticker -- --listen 127.0.0.1:8080
//! curl -sN http://127.0.0.1:8080/backlog &                                      # what waits for each client
//! curl -sN --limit-rate 20k 'http://127.0.0.1:8080/prices?curl' >/dev/null      # one more that reads slowly
//! ```
//!
//! The page at `/` reads fast, and has the gauges of all. Two slow clients are the server's own: it connects to itself.

use jackfield::{Bandwidth, Client, Connection, Event, Exchange, Outgoing, Overflow};
use jackfield::{Publication, Raw, Reactor, Request, Server, TimerId};
use std::time::Duration;

const PAGE: &str = include_str!("ticker.html");
const STYLE: &str = include_str!("showcase/page.css");
const GAUGE_AFTER: Duration = Duration::from_millis(250);

/// One for each connection. It has the name that the query of its request gives.
struct Viewer(String);

impl Client for Viewer {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        match request.path() {
            "/" => exchange.ok("text/html; charset=utf-8", PAGE),
            "/page.css" => exchange.ok("text/css; charset=utf-8", STYLE),
            "/prices" => {
                self.0 = request.query().unwrap_or_default().replace(['"', '\\'], "");
                let mut events = exchange.events();
                events.set_overflow(Overflow::NewestPerKey);
                events.subscribe("prices");
                events.set_timer(TimerId(0), GAUGE_AFTER);
            }
            "/backlog" => drop(exchange.events().subscribe("backlog")),
            _ => exchange.not_found(),
        }
    }

    /// A slow client of the server's own asks for prices, and reads 20 kB of them in a second.
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        if connection.peer().is_outgoing() {
            connection.set_bandwidth(Bandwidth::new(20_000, 0));
            connection.send_to(connection.id(), "GET /prices?slow HTTP/1.1\r\nHost: localhost\r\n\r\n");
        }
    }

    fn on_data(&mut self, _raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        data.len()
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, timer: TimerId) {
        let (id, waits, replaced) =
            (connection.id().to_bits(), connection.buffered(), connection.dropped_messages());
        let gauge = format!(r#"{{"client":{id},"name":"{}","waits":{waits},"replaced":{replaced}}}"#, self.0);
        connection.publish_to_all("backlog", Event::data(gauge));
        connection.set_timer(timer, GAUGE_AFTER);
    }
}

/// A new price for each share, which goes up and down as a sine does.
fn tick(reactor: &mut Reactor<'_>) {
    let at = reactor.now().0;
    for share in 0..20 {
        let price = 100.0 + f64::from(share) + 9.0 * (at as f64 / f64::from(share + 5) / 1000.0).sin();
        let event = format!(r#"{{"share":{share},"price":{price:.3},"at":{at}}}"#);
        reactor.publish("prices", Publication::from(Event::data(event)).key(&share.to_string()));
    }
}

fn main() -> jackfield::Result<()> {
    let addr = options::addr("ticker [--listen ADDR]", "127.0.0.1:8080");
    let server = Server::builder().listen(addr).shutdown_on_signals().bind().unwrap_or_else(options::fail);
    let addr = server.local_addr();
    println!("listening on {addr}\nopen http://{addr}/");
    server.serve_with(move |setup| {
        if setup.reactor() == 0 {
            setup.every(Duration::from_millis(4), tick);
            (0..2).for_each(|_| setup.connect(Outgoing::tcp(addr).raw()));
        }
        |_peer| Viewer(String::new())
    })
}
