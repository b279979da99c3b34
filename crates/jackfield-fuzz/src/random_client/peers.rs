//! The peers of random clients. They check that what comes keeps to its protocol, and put up with whatever it says.

use super::client::{PATH, WORD};
use jackfield::proto::http1::Error;
use jackfield::sim::peer::{Ask, Heard, Http, Peer, PeerConnection, PeerMessage, WebSocket, WebSocketServer};
use jackfield::sim::{Call, Random, Sim, Tls};
use jackfield::test::listener;
use jackfield::{Limit, Outgoing, ProtocolError, Reason};
use std::collections::VecDeque;

/// A called WebSocket says no more than this before it is answered.
const CALLED_MESSAGES_MAX: usize = 3;

/// Says what the peer in it says, and is content with any answer, and with any end that a client can bring about.
struct Tolerant<P> {
    peer: P,
    /// The server has closed its side.
    has_ended: bool,
}

impl<P> Tolerant<P> {
    fn new(peer: P) -> Self {
        Self { peer, has_ended: false }
    }
}

/// Says some pieces, one after the other, and hears nothing.
struct Sender {
    listener: usize,
    pieces: VecDeque<Vec<u8>>,
}

/// Adds one.
pub(super) fn add(sim: &mut Sim, random: &mut Random) {
    match random.below(4) {
        0 => sim.add(Tolerant::new(http(random))),
        1 | 2 => sim.add(Tolerant::new(websocket(random))),
        _ => sim.add(Tolerant::new(Sender::new(random))),
    };
}

/// Adds one that the server connects to.
pub(crate) fn add_called(sim: &mut Sim, random: &mut Random, tls: Option<&Tls>) -> Call {
    let secure = |outgoing: Outgoing| match tls {
        Some(tls) => outgoing.tls(tls.client.clone()).server_name("localhost"),
        None => outgoing,
    };
    if random.chance(300) {
        return sim.add_outgoing(Tolerant::new(Sender::new(random)), |to| secure(Outgoing::tcp(to)));
    }
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    let peer = WebSocketServer::new(messages(random, CALLED_MESSAGES_MAX)).hearing(|_| Heard::Other);
    sim.add_outgoing(Tolerant::new(peer), |to| secure(Outgoing::websocket(format!("{scheme}://{to}{PATH}"))))
}

fn http(random: &mut Random) -> Http {
    let asks = (0..random.between(1, 12)).map(|number| match random.below(3) {
        0 => {
            let (count, chunked) = (random.size(3000), random.chance(500));
            Ask { chunked, ..Ask::post(format!("{PATH}/{number}"), random.bytes(count)) }
        }
        _ => Ask::get(format!("{PATH}/{number}")),
    });
    let asks: Vec<Ask> = asks.collect();
    Http::new(asks).pipelined(random.between(1, 4)).staying().expecting(|_, _, _| Ok(()))
}

fn websocket(random: &mut Random) -> WebSocket {
    let messages = messages(random, 20);
    WebSocket::new(PATH, messages).ahead(usize::MAX).hearing(|_| Heard::Other).allow_refusal()
}

fn messages(random: &mut Random, most: usize) -> Vec<PeerMessage> {
    let count = random.between(1, most);
    let message = |_| {
        let count = random.size(1500);
        if random.chance(500) {
            PeerMessage::Text(random.text(count))
        } else {
            PeerMessage::Binary(random.bytes(count))
        }
    };
    (0..count).map(message).collect()
}

impl Sender {
    fn new(random: &mut Random) -> Self {
        let listener = if random.chance(500) { listener::LINES } else { listener::RAW };
        let mut pieces = VecDeque::from([format!("{WORD}\n").into_bytes()]);
        for _ in 0..random.between(1, 20) {
            let count = random.size(300);
            pieces.push_back(format!("{}\n", "s".repeat(count)).into_bytes());
        }
        Self { listener, pieces }
    }
}

impl Peer for Sender {
    fn listener(&self) -> usize {
        self.listener
    }

    fn on_connect(&mut self, _line: &mut PeerConnection<'_>) {}

    fn on_bytes(&mut self, _line: &mut PeerConnection<'_>, bytes: &mut Vec<u8>) {
        bytes.clear();
    }

    fn has_news(&self) -> bool {
        !self.pieces.is_empty()
    }

    fn on_news(&mut self, line: &mut PeerConnection<'_>) {
        let piece = self.pieces.pop_front().unwrap_or_default();
        line.say(&piece);
    }

    fn is_done(&self) -> bool {
        self.pieces.is_empty()
    }

    fn outlives_half_close(&self) -> bool {
        true
    }
}

impl<P: Peer> Peer for Tolerant<P> {
    fn listener(&self) -> usize {
        self.peer.listener()
    }

    fn on_connect(&mut self, line: &mut PeerConnection<'_>) {
        self.peer.on_connect(line);
    }

    fn on_bytes(&mut self, line: &mut PeerConnection<'_>, bytes: &mut Vec<u8>) {
        self.peer.on_bytes(line, bytes);
    }

    fn has_news(&self) -> bool {
        self.peer.has_news()
    }

    fn on_news(&mut self, line: &mut PeerConnection<'_>) {
        self.peer.on_news(line);
    }

    fn on_end(&mut self, line: &mut PeerConnection<'_>, _clean: bool) {
        self.has_ended = true;
        line.finish();
    }

    fn leave(&mut self, line: &mut PeerConnection<'_>) {
        self.peer.leave(line);
    }

    fn is_done(&self) -> bool {
        self.has_ended || self.peer.is_done() || self.peer.has_said_all()
    }

    fn allows(&self, reason: Reason) -> bool {
        let is_too_large = Reason::Protocol(ProtocolError::Http(Error::BodyTooLarge));
        let limits = [Limit::Rate, Limit::Backlog, Limit::ReadBuffer, Limit::Line];
        let is_limit = matches!(reason, Reason::Limit(limit) if limits.contains(&limit));
        matches!(reason, Reason::Local | Reason::Timeout(_)) || is_limit || reason == is_too_large
    }

    fn outlives_half_close(&self) -> bool {
        self.peer.outlives_half_close()
    }

    fn waits_for(&self) -> String {
        self.peer.waits_for()
    }
}
