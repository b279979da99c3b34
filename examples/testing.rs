//! How to test a handler of your own: in memory, with a clock that the test moves. No port, no thread, no sleep.
//!
//! The server is a small auction: all listeners get a higher bid, and a listener that says nothing for ten seconds is disconnected.
//! Below are its tests, with the client of `jackfield::test` (feature `test-util`, for `[dev-dependencies]`).
//!
//! ```text
//! $ cargo test --example testing
//! test tests::a_connection_is_closed_after_ten_idle_seconds ... ok
//! test tests::a_higher_bid_is_sent_to_all ... ok
//! test tests::an_invalid_bid_is_refused ... ok
//!
//! $ cargo run --example testing -- --listen 127.0.0.1:8080
//! listening on 127.0.0.1:8080
//! try: curl -d 42 http://127.0.0.1:8080/
//!
//! $ curl -d 42 http://127.0.0.1:8080/
//! yours, for now
//! $ curl http://127.0.0.1:8080/
//! 42
//! ```

use jackfield::{Client, Connection, Exchange, Message, Request, Server, TimerId, WebSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The highest bid of all.
#[derive(Clone, Default)]
struct Auction(Arc<AtomicU64>);

struct Bidder(Auction);

impl Client for Bidder {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        let bid = std::str::from_utf8(request.body()).ok().and_then(|bid| bid.parse().ok());
        match bid {
            None if request.method() == "GET" => {
                exchange.ok("text/plain", self.0.0.load(Ordering::Relaxed).to_string());
            }
            None => exchange.error(400),
            Some(bid) if self.0.0.fetch_max(bid, Ordering::Relaxed) >= bid => exchange.error(409),
            Some(bid) => {
                exchange.handle().publish("bids", &*bid.to_string());
                exchange.respond(201, "text/plain", "yours, for now\n");
            }
        }
    }

    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        socket.subscribe("bids");
        socket.set_timer(TimerId(1), Duration::from_secs(10));
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, _message: Message<'_>) {
        // Ten more.
        socket.set_timer(TimerId(1), Duration::from_secs(10));
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, _timer: TimerId) {
        connection.close_with(4000, "gone");
    }
}

fn main() -> jackfield::Result<()> {
    let addr = options::addr("testing [--listen ADDR]", "127.0.0.1:8080");
    let server = Server::builder().listen(addr).shutdown_on_signals().bind().unwrap_or_else(options::fail);
    println!("listening on {0}\ntry: curl -d 42 http://{0}/", server.local_addr());
    let auction = Auction::default();
    server.serve(move |_peer| Bidder(auction.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield::test::{TestMessage, TestServer};

    fn server() -> TestServer {
        let auction = Auction::default();
        TestServer::new(move |_peer| Bidder(auction.clone()))
    }

    #[test]
    fn a_higher_bid_is_sent_to_all() {
        let server = server();
        let mut listener = server.websocket("/");
        assert_eq!(server.post("/").body("10").send().status(), 201);
        assert_eq!(server.post("/").body("9").send().status(), 409);
        assert_eq!(server.post("/").body("11").send().text(), "yours, for now\n");
        let heard: Vec<TestMessage> = std::iter::from_fn(|| listener.next()).collect();
        assert_eq!(heard, [TestMessage::from("10"), "11".into()]);
        assert_eq!(server.get("/").send().text(), "11");
    }

    #[test]
    fn a_connection_is_closed_after_ten_idle_seconds() {
        let mut server = server();
        let mut listener = server.websocket("/");
        server.advance(Duration::from_secs(9));
        listener.send("wait");
        server.advance(Duration::from_secs(9));
        assert_eq!(listener.closed(), None);
        server.advance(Duration::from_secs(1));
        assert_eq!(listener.closed(), Some((4000, "gone")));
    }

    #[test]
    fn an_invalid_bid_is_refused() {
        let server = server();
        for body in ["", "much", "-1", "1.5"] {
            assert_eq!(server.post("/").body(body).send().status(), 400, "{body:?}");
        }
    }
}
