//! Peers that say too much: the rate of a connection, and floods of control frames.

use super::limits;
use crate::client::{Client, Connection};
use crate::config::{Excess, Limits};
use crate::disconnect::{Limit, Reason};
use crate::links::Protocol;
use crate::message::Body;
use jackfield_proto::http1::{Awaits, HeaderSlots, ResponseHead};
use jackfield_reactor::ConnectionId;
use std::time::Duration;

/// What the bytes of a connection with a bounded rate bring about: as many events as it has left, and then a pause,
/// in which the rest is kept, or the end.
#[cold]
#[inline(never)]
pub(super) fn feed<C: Client>(
    client: &mut C,
    connection: &mut Connection<'_>,
    rx: &mut [u8],
    whole: &mut Vec<u8>,
    slots: &mut HeaderSlots,
    limits: &Limits,
) -> usize {
    let Some(left) = ration(connection, rx) else { return 0 };
    connection.links.events_per_turn = left.min(limits.events_per_turn);
    let used = super::feed(client, connection, rx, whole, slots, limits);
    connection.links.events_per_turn = limits.events_per_turn;
    let said = connection.links.said();
    if let Some(bucket) = connection.links.bucket(connection.id) {
        bucket.charge(used, said);
    }
    used
}

/// How many events these bytes may become. `None`: none, and that had its consequence.
fn ration(connection: &mut Connection<'_>, rx: &[u8]) -> Option<usize> {
    let is_message = begins_message(connection, rx);
    let Connection { id, wires, links } = connection;
    let (now, said) = (wires.now(), links.said());
    let Some(bucket) = links.bucket(*id) else { return Some(usize::MAX) };
    bucket.begin(now, said);
    let left = bucket.messages_left();
    // After our last word only the peer's is waited for.
    if !wires.is_open(*id) || rx.is_empty() || (bucket.has_bytes() && (left > 0 || !is_message)) {
        return Some(left.max(1));
    }
    match bucket.excess() {
        Excess::Pause => links.throttle(wires, *id),
        Excess::Close => cut_off(connection, Limit::Rate, "too much at once"),
    }
    None
}

/// For how long the peer was not read since this was last asked: its deadlines are put off by so much.
pub(super) fn take_pause(connection: &mut Connection<'_>) -> Duration {
    let Connection { id, links, .. } = connection;
    links.bucket(*id).map_or(Duration::ZERO, |bucket| bucket.take_pause())
}

/// Whether these bytes begin, or go on with, what counts as a message: control frames and the body of a request that
/// is counted already do not.
fn begins_message(connection: &mut Connection<'_>, rx: &[u8]) -> bool {
    match connection.protocol() {
        Protocol::WebSocket(_) => rx.first().is_some_and(|first| first & 8 == 0),
        Protocol::Http(machine) => machine.awaits() != Awaits::Body,
        Protocol::Lines { .. } => true,
        Protocol::Raw | Protocol::Events | Protocol::Refused | Protocol::None => false,
    }
}

/// Counts one more Ping or Pong. True if they are too many: then the connection ends.
#[inline(never)]
pub(super) fn is_flood(connection: &mut Connection<'_>) -> bool {
    let (now, most) = (connection.now().0 as u32, limits(connection).control_frames);
    let Protocol::WebSocket(socket) = connection.protocol() else { return false };
    if now.wrapping_sub(socket.controls_since) >= 1000 {
        (socket.controls, socket.controls_since) = (0, now);
    }
    socket.controls = socket.controls.saturating_add(1);
    let is_flood = most > 0 && socket.controls > most;
    if is_flood {
        cut_off(connection, Limit::ControlFrames, "too many control frames");
    }
    is_flood
}

/// Ends a connection whose peer says too much, with a word that its protocol has for that.
#[cold]
fn cut_off(connection: &mut Connection<'_>, limit: Limit, text: &str) {
    let Connection { id, wires, links } = connection;
    let (id, why): (ConnectionId, _) = (*id, Reason::Limit(limit));
    match &mut links.link(id).protocol {
        Protocol::Http(machine) => {
            machine.give_up();
            links.respond(wires, id, &ResponseHead::new(429, ""), Body::Borrowed(&[]));
        }
        Protocol::WebSocket(_) => {
            // 1008 may be sent.
            let _ = links.close_websocket(wires, id, Some(1008), text, why);
        }
        _ => {}
    }
    links.end(wires, id, why);
}
