//! A whole server on in-memory connections, played by the fuzz bytes.

use crate::tally::hash;
use crate::tally::observe;
use jackfield::test::{FarEnd, TestOptions, TestServer, listener};
use jackfield::{
    Client, Connection, Deflate, Disconnect, Drain, Exchange, Message, Raw, Request, TimerId, WebSocket,
};
use std::time::Duration;

/// Whatever several peers send, in whatever pieces, with whatever pauses and resets: every connect has its disconnect,
/// and in the end nothing is left.
///
/// A byte says what happens next: below 8 a peer connects, up to 15 one ends its side, up to 19 one resets, up to 31 one
/// takes little of what is sent to it, up to 39 time passes; any other one is 40 more than the number of bytes behind it
/// that a peer sends.
pub fn server(data: &[u8]) {
    let mut options = TestOptions::default();
    // Compressed with and without memory of what was before, as each peer offers.
    options.limits.deflate = Deflate::dedicated();
    options.limits.deflate.message_bytes_min = 1;
    let mut server = TestServer::with_options(options, |_peer| Everything { is_connected: false });
    let mut peers: Vec<FarEnd> = Vec::new();
    let mut rest = data;
    while let Some((&act, tail)) = rest.split_first() {
        rest = tail;
        if act < 8 || peers.is_empty() {
            peers.push(
                server.connect_to([listener::HTTP, listener::LINES, listener::RAW][usize::from(act) % 3]),
            );
            continue;
        }
        let peer = &peers[usize::from(act) % peers.len()];
        match act {
            8..16 => peer.finish(),
            16..20 => peer.reset(),
            20..32 => peer.set_room(Some(usize::from(act) * 100)),
            32..40 => server.advance(Duration::from_millis(u64::from(act) * 150)),
            _ => {
                let (piece, tail) = rest.split_at((usize::from(act) - 40).min(rest.len()));
                peer.send(piece);
                rest = tail;
            }
        }
        server.run();
    }
    peers.iter().for_each(|peer| peer.set_room(None));
    server.handle().shutdown(Drain::default());
    server.advance(Duration::from_secs(60));
    assert_eq!((server.wires().len(), server.wires().timers()), (0, 0), "something is left");
    let metrics = server.handle().metrics();
    assert_eq!((metrics.opened, metrics.panics), (metrics.closed, 0));
}

/// Does a little of everything, and notices calls that may not come.
struct Everything {
    is_connected: bool,
}

impl Client for Everything {
    fn on_connect(&mut self, connection: &mut Connection<'_>) {
        assert!(!self.is_connected);
        self.is_connected = true;
        connection.subscribe("all");
    }

    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        assert!(self.is_connected);
        observe(request.target().len() as u64 % 5);
        match request.target().len() % 5 {
            0 => {}
            1 => exchange.ok("text/plain", request.body()),
            2 => {
                exchange.defer().respond(202, "", "later");
            }
            3 => drop(exchange.events()),
            _ => exchange.stream(200, "text/plain").set_timer(TimerId(1), Duration::from_millis(5)),
        }
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        observe(if matches!(message, Message::Text(_)) { 10 } else { 11 });
        socket.send(message);
        socket.publish_to_all("all", message);
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, _timer: TimerId) {
        if let Some(mut response) = connection.as_response() {
            observe(12);
            response.write("part");
            let _ = response.finish();
        }
    }

    fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        raw.send(&*data);
        data.len() / 2
    }

    fn on_line(&mut self, raw: &mut Raw<'_>, line: &[u8]) {
        raw.send(line);
    }

    fn on_disconnect(&mut self, connection: &mut Connection<'_>, end: &Disconnect) {
        observe(hash(format!("{:?}", end.reason).as_bytes()));
        assert!(std::mem::take(&mut self.is_connected));
        connection.publish("all", "gone");
    }
}
