//! From bytes to the loop of the connection's protocol, with or without a limited rate.

use super::{custom, frames, http};
use crate::client::{Client, Connection};
use crate::config::Limits;
use crate::dispatch::call::{Stepped, must_stop};
use crate::links::Protocol;
use jackfield_proto::http1::{Awaits, HeaderSlots, Owed};
use jackfield_proto::websocket::Scratch;

/// Makes events of the bytes with the machine of the connection's protocol, and calls the client with each. Returns how
/// many bytes were used.
#[inline(never)]
pub(super) fn feed<C: Client>(
    client: &mut C,
    connection: &mut Connection<'_>,
    rx: &mut [u8],
    scratch: &mut Scratch,
    slots: &mut HeaderSlots,
    limits: &Limits,
) -> usize {
    let (mut at, mut budget) = (0, connection.links.events_per_turn);
    loop {
        let rest = &mut rx[at..];
        let bytes = rest.len();
        let stepped = match connection.protocol() {
            // The connection has just become a WebSocket.
            Protocol::WebSocket(_) => return at + frames::feed(client, connection, rest, scratch, limits),
            Protocol::Http(machine) => {
                let step = machine.step(rest, slots, &mut scratch.whole, &limits.http);
                http::take(client, connection, step, bytes)
            }
            Protocol::Raw => custom::deliver_bytes(client, connection, rest),
            Protocol::Lines { .. } => custom::deliver_line(client, connection, rest, limits),
            // Bytes of an event stream's peer are ignored, and so are those of a refused connection.
            Protocol::Events | Protocol::Opening | Protocol::Refused | Protocol::None => Stepped::Stop(bytes),
        };
        match stepped {
            Stepped::On(used) => at += used,
            Stepped::Stop(used) => return at + used,
        }
        budget -= 1;
        if at == rx.len() && !is_unfinished(connection) {
            return at;
        }
        if budget == 0 {
            connection.wires.yield_turn(connection.id);
            return at;
        }
        if must_stop(connection) {
            return at;
        }
    }
}

/// Handles bytes of a connection whose client looks at frames, or which has a rate. With a rate, as many events are made as it
/// allows now. Then the connection pauses and the rest is kept, or it ends.
#[cold]
#[inline(never)]
pub(super) fn feed_unusual<C: Client>(
    client: &mut C,
    connection: &mut Connection<'_>,
    rx: &mut [u8],
    scratch: &mut Scratch,
    slots: &mut HeaderSlots,
    limits: &Limits,
) -> usize {
    if !connection.links.link(connection.id).checks.is_rate_limited() {
        return feed(client, connection, rx, scratch, slots, limits);
    }
    let Some(left) = connection.links.ration(connection.wires, connection.id, rx) else { return 0 };
    connection.links.events_per_turn = left.min(limits.events_per_turn);
    let used = feed(client, connection, rx, scratch, slots, limits);
    connection.links.events_per_turn = limits.events_per_turn;
    let counted = connection.links.counted_messages();
    if let Some(bucket) = connection.links.bucket(connection.id) {
        bucket.charge(used, counted);
    }
    used
}

/// True if a machine has an event left although no bytes are left: the end of a body.
#[inline(always)]
fn is_unfinished(connection: &mut Connection<'_>) -> bool {
    match connection.protocol() {
        Protocol::Http(machine) => machine.owed() == Owed::Open && machine.awaits() == Awaits::Body,
        _ => false,
    }
}
