//! Peers that compress what they say to the server, which compresses what it says and publishes to them.

use crate::order::Order;
use jackfield::proto::websocket::deflate::Options;
use jackfield::sim::peer::{Fault, Heard, PeerMessage, WebSocket, WebSocketServer};
use jackfield::sim::{Random, Sim};
use jackfield::{Deflate, Limits, Message};

/// Where everything is said back, and what is said in the room is heard too.
pub(crate) const PATH: &str = "/both";

/// Longer messages are none that the server takes.
const MESSAGE_BYTES_MAX: usize = 40_000;

/// Whether the server of this seed compresses, and how. Not where memory is so short that no compressor has room.
pub(crate) fn limits(seed: u64, limits: &mut Limits) -> bool {
    let mut random = Random::new(seed ^ 0xdef1);
    let has_room = limits.memory_bytes_max.min(limits.reactor.wire_memory_bytes_max) >= 1 << 20;
    if !has_room || !random.chance(150) {
        return false;
    }
    let mut deflate = if random.chance(300) { Deflate::shared() } else { Deflate::dedicated() };
    deflate.window_bits_max = window_bits(&mut random);
    deflate.message_bytes_min = random.size(300);
    if random.chance(300) {
        // Not enough for all of them.
        deflate.memory_bytes_max = random.below(2 << 20);
    }
    (limits.deflate, limits.websocket.message_bytes_max) = (deflate, MESSAGE_BYTES_MAX);
    true
}

fn window_bits(random: &mut Random) -> u8 {
    if random.chance(500) { 15 } else { random.between(9, 15) as u8 }
}

/// Some peers, each with an offer of its own; the last message of some breaks the rules.
pub(crate) fn add(sim: &mut Sim, seed: u64, has_gaps: bool) {
    let mut random = Random::new(seed ^ 0x2def);
    for _ in 0..random.between(1, 3) {
        let options = options(&mut random);
        let messages = messages(&mut random);
        let ahead = random.between(1, 8);
        let peer = WebSocket::new(PATH, messages).ahead(ahead).hearing(hearing(has_gaps)).deflating(options);
        let peer = match fault(&mut random) {
            Some(fault) => peer.breaking(fault),
            None => peer,
        };
        sim.add(peer);
    }
}

/// What a peer offers or accepts.
fn options(random: &mut Random) -> Options {
    Options {
        server_context_takeover: random.chance(700),
        client_context_takeover: random.chance(700),
        window_bits_max: window_bits(random),
        message_bytes_min: random.size(300),
        ..Options::default()
    }
}

fn messages(random: &mut Random) -> Vec<PeerMessage> {
    let messages = (0..random.between(1, 10)).map(|_| {
        let is_large = random.chance(100);
        let count = random.size(if is_large { 30_000 } else { 2000 });
        match random.below(3) {
            0 => PeerMessage::Binary(random.bytes(count)),
            1 => PeerMessage::Text(format!("both {}", random.text(count))),
            // Much like the others, so that they refer to each other.
            _ => PeerMessage::Text(format!(
                "both {} {}",
                random.below(10),
                "one and two and ".repeat(count / 16)
            )),
        }
    });
    messages.collect()
}

/// How a peer breaks the rules in the end, if it does.
fn fault(random: &mut Random) -> Option<Fault> {
    match random.below(5) {
        0 => Some(Fault::Bomb(MESSAGE_BYTES_MAX + 1 + random.size(100_000))),
        1 => Some(Fault::Corrupt),
        _ => None,
    }
}

/// Its own messages come back, and it hears what is said in the room.
fn hearing(has_gaps: bool) -> impl FnMut(&Message<'_>) -> Heard {
    let mut order = Order::new(has_gaps);
    move |message| match message {
        Message::Text(text) if text.starts_with("outside") => Heard::Other,
        Message::Text(text) if !text.starts_with("both ") => match order.check(text) {
            Ok(()) => Heard::Other,
            Err(text) => Heard::Wrong(text),
        },
        _ => Heard::Echo,
    }
}

/// The second half refers to the first: as far back as the message is long, if that fits the window.
fn twice(said: PeerMessage) -> PeerMessage {
    match said {
        PeerMessage::Text(text) if text.len() < MESSAGE_BYTES_MAX / 2 => PeerMessage::Text(text.repeat(2)),
        PeerMessage::Binary(bytes) if bytes.len() < MESSAGE_BYTES_MAX / 2 => {
            PeerMessage::Binary(bytes.repeat(2))
        }
        said => said,
    }
}

/// A peer that the server opens a WebSocket at, which accepts the offer of compression.
pub(crate) fn called(random: &mut Random, has_gaps: bool, may_break: bool) -> WebSocketServer {
    let options = options(random);
    let messages = messages(random).into_iter();
    let messages = messages.map(|said| if random.chance(300) { twice(said) } else { said }).collect();
    // The server can't compress for eight bits.
    let bits = if random.chance(500) { 15 } else { random.between(8, 15) as u8 };
    let peer = WebSocketServer::new(messages).hearing(hearing(has_gaps)).deflating(options, bits);
    match fault(random).filter(|_| may_break) {
        Some(fault) => peer.breaking(fault),
        None => peer,
    }
}
