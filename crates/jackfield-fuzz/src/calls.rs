//! Connections that the server begins: to bytes, lines and WebSockets of others, to one of its own listeners, and to those who talk
//! nonsense. Its clients begin one when they are connected, and one more when such a connection has ended; others are begun from
//! outside.

use crate::deflate;
use crate::random_client;
use jackfield::sim::peer::{Bytes, Garbage, PeerMessage, Relay, WebSocketServer};
use jackfield::sim::{Call, Outside, Random, Sim, Tls};
use jackfield::test::listener;
use jackfield::{Connection, Limits, Outgoing, Raw};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

/// Those that are not begun yet.
#[derive(Default)]
pub(crate) struct Calls {
    are_there: bool,
    inside: Vec<Call>,
    outside: Vec<Call>,
    /// How many lines are said on those to a listener of the server, by tag.
    lines: HashMap<u64, usize>,
    /// Those whose clients are in the room, by tag.
    in_room: HashSet<u64>,
    /// Those whose clients are random, by tag.
    are_random: HashSet<u64>,
}

/// Shared by the clients of one simulation.
pub(crate) type Shared = Rc<RefCell<Calls>>;

/// Says lines to an echo, one after the other, and leaves when all have come back.
pub(crate) struct Speaker {
    said: usize,
    count: usize,
}

/// Whether there are any on that seed's day, and how many at a time.
pub(crate) fn limits(seed: u64, limits: &mut Limits) -> bool {
    let mut random = chance(seed);
    let are_there = random.chance(250);
    if are_there && random.chance(200) {
        limits.outgoing_max = random.between(1, 3);
    }
    are_there
}

/// By chance of its own: a seed without them is what it was before there were any.
fn chance(seed: u64) -> Random {
    Random::new(seed ^ 0xca11)
}

pub(crate) fn add(sim: &mut Sim, seed: u64, tls: Option<&Tls>, calls: &Shared) {
    let mut random = chance(seed).fork();
    let mut calls = calls.borrow_mut();
    calls.are_there = true;
    for _ in 0..random.between(1, 6) {
        let call = call(sim, &mut random, tls, &mut calls.lines);
        if random.chance(700) { calls.inside.push(call) } else { calls.outside.push(call) }
    }
}

/// Some more, for which compression is offered: by chance of their own, so that a seed without them is what it was.
pub(crate) fn add_deflating(sim: &mut Sim, seed: u64, tls: Option<&Tls>, has_gaps: bool, calls: &Shared) {
    let mut random = Random::new(seed ^ 0xdef1_ca11);
    let mut calls = calls.borrow_mut();
    for _ in 0..random.below(4) {
        let tls = tls.filter(|_| random.chance(300));
        // A peer that breaks the rules has no TLS.
        let peer = deflate::called(&mut random, has_gaps, tls.is_none());
        let declines = random.chance(100);
        let call = sim.add_outgoing(peer, |to| {
            let scheme = if tls.is_some() { "wss" } else { "ws" };
            let outgoing = Outgoing::websocket(format!("{scheme}://{to}{}", deflate::PATH));
            let outgoing = if declines { outgoing.uncompressed() } else { outgoing };
            match tls {
                Some(tls) => outgoing.tls(tls.client.clone()).server_name("localhost"),
                None => outgoing,
            }
        });
        calls.in_room.insert(call.tag());
        if random.chance(700) { calls.inside.push(call) } else { calls.outside.push(call) }
    }
}

/// Some more, whose clients are random: by chance of their own, so that a seed without them is what it was.
pub(crate) fn add_random(
    sim: &mut Sim,
    seed: u64,
    tls: Option<&Tls>,
    calls: &Shared,
    common: &random_client::Shared,
) {
    let mut random = Random::new(seed ^ 0x3417_ca11);
    let mut calls = calls.borrow_mut();
    for _ in 0..random.below(4).saturating_sub(1) {
        let tls = tls.filter(|_| random.chance(300));
        random_client::prepare(sim, seed, common);
        let call = random_client::add_called(sim, &mut random, tls);
        calls.are_random.insert(call.tag());
        if random.chance(700) { calls.inside.push(call) } else { calls.outside.push(call) }
    }
}

fn call(sim: &mut Sim, random: &mut Random, tls: Option<&Tls>, lines: &mut HashMap<u64, usize>) -> Call {
    let within = if random.chance(300) { 10_000 } else { random.between(50, 3000) };
    let within = Duration::from_millis(within as u64);
    let tls = tls.filter(|_| random.chance(500));
    let secure = move |outgoing: Outgoing| match tls {
        Some(tls) => outgoing.tls(tls.client.clone()).server_name("localhost").timeout(within),
        None => outgoing.timeout(within),
    };
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    match random.below(10) {
        0 | 1 => {
            let pieces = (0..random.between(1, 10)).map(|_| {
                let count = random.size(300) * 4;
                random.bytes(count)
            });
            let pieces = pieces.map(|piece| (piece.clone(), piece)).collect();
            sim.add_outgoing(Bytes::new(listener::RAW, pieces), |to| secure(Outgoing::tcp(to)))
        }
        2 | 3 => {
            let count = random.between(1, 12);
            let peer = Bytes::lines((0..count).map(|_| "l".repeat(random.size(500))));
            sim.add_outgoing(peer, |to| secure(Outgoing::tcp(to).lines()))
        }
        4..=6 => {
            let count = random.between(1, 10);
            let messages = (0..count).map(|_| {
                let bytes = random.size(2000);
                if random.chance(500) {
                    PeerMessage::Text(random.text(bytes))
                } else {
                    PeerMessage::Binary(random.bytes(bytes))
                }
            });
            let peer = WebSocketServer::new(messages.collect());
            let peer = if random.chance(150) { peer.refusing() } else { peer };
            sim.add_outgoing(peer, |to| secure(Outgoing::websocket(format!("{scheme}://{to}/echo"))))
        }
        7 | 8 => {
            let (called, caller) = Relay::pair(listener::LINES);
            // What is between the two speaks TLS to the listener, if there is any.
            let call = sim.add_outgoing(called, |to| Outgoing::tcp(to).lines().timeout(within));
            sim.add(caller);
            lines.insert(call.tag(), random.between(1, 10));
            call
        }
        _ => {
            let (is_websocket, garbage) = (random.chance(500), Garbage::new(listener::LINES));
            sim.add_outgoing(garbage, |to| match is_websocket {
                true => secure(Outgoing::websocket(format!("{scheme}://{to}/"))),
                false => secure(Outgoing::tcp(to)),
            })
        }
    }
}

/// A client begins the next, if one is left.
pub(crate) fn begin_next(connection: &mut Connection<'_>, calls: &Shared) {
    let next = calls.borrow_mut().inside.pop();
    if let Some(call) = next {
        call.begin(connection);
    }
}

/// One is begun from outside now and then, and one that is under way is ended.
pub(crate) fn act_outside(outside: &mut Outside<'_>, calls: &Shared) {
    if !calls.borrow().are_there || !outside.random().chance(100) {
        return;
    }
    if outside.random().chance(200) {
        let aborts = outside.random().chance(500);
        return outside.any_attempt().into_iter().for_each(|id| outside.end(id, aborts));
    }
    let next = calls.borrow_mut().outside.pop();
    if let Some(call) = next {
        call.post(outside.handle());
    }
}

impl Calls {
    /// The path of the client of the call with this tag.
    pub(crate) fn path(&self, tag: u64) -> &'static str {
        match tag {
            tag if self.in_room.contains(&tag) => deflate::PATH,
            tag if self.are_random.contains(&tag) => random_client::PATH,
            _ => "",
        }
    }

    /// For the client of the call with this tag, if it is to speak first.
    pub(crate) fn speaker(&self, tag: u64) -> Option<Speaker> {
        self.lines.get(&tag).map(|&count| Speaker { said: 0, count })
    }
}

impl Speaker {
    pub(crate) fn begin(&mut self, raw: &mut Raw<'_>) {
        self.said += 1;
        raw.send(format!("call {}\n", self.said));
    }

    /// A line has come back.
    pub(crate) fn hear(&mut self, raw: &mut Raw<'_>, line: &[u8]) {
        assert_eq!(line, format!("call {}", self.said).as_bytes(), "what comes back is not what was said");
        if self.said == self.count { raw.close() } else { self.begin(raw) }
    }
}
