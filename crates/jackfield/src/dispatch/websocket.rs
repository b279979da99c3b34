//! WebSocket's events.

use super::{call, call_named, clear_deadline, limits, rate, set_deadline};
use crate::client::{Client, Connection, Control, WebSocket};
use crate::config::Limits;
use crate::disconnect::{Fault, Reason};
use crate::links::{Awaited, Protocol};
use crate::shared::Callback;
use jackfield_proto::Step;
use jackfield_proto::websocket::{CloseFrame, Error, Event, Message, Opcode, encode_frame};

/// The code of a Close that has none (RFC 6455 section 7.1.5).
const NO_CODE: u16 = 1005;

/// Lets the machine make events of the bytes, and calls the client with each. Returns how many bytes were used.
#[inline(never)]
pub(super) fn feed<C: Client>(
    client: &mut C,
    connection: &mut Connection<'_>,
    rx: &mut [u8],
    whole: &mut Vec<u8>,
    limits: &Limits,
) -> usize {
    let (mut at, mut budget) = (0, connection.links.events_per_turn);
    loop {
        let (used, message) = match plain(connection, &mut rx[at..], limits) {
            Some((used, Ok(message))) => (used, Some(message)),
            Some((_, Err(error))) => {
                refuse(connection, error);
                return rx.len();
            }
            None => match step(client, connection, &mut rx[at..], whole, limits) {
                Found::Message(used, message) => (used, Some(message)),
                Found::Other(used) => (used, None),
                Found::Nothing(used) => return at + used,
            },
        };
        at += used;
        // The one place that calls the client with a message, so that the compiler makes it part of this loop.
        if let Some(message) = message {
            connection.links.metrics.messages_in.add(1);
            call(client, connection, |client, connection| {
                client.on_message(&mut WebSocket { connection: connection.reborrow() }, message);
            });
        }
        budget -= 1;
        if at == rx.len() {
            return at;
        }
        if budget == 0 {
            connection.wires.yield_turn(connection.id);
            return at;
        }
        if connection.wires.is_stopped() && !connection.wires.goes_on(connection.id) {
            return at;
        }
    }
}

/// The frames that nearly all frames are have a way of their own, on which nothing is looked at twice: how many bytes
/// it used, and the message.
#[inline(always)]
fn plain<'b>(
    connection: &mut Connection<'_>,
    rx: &'b mut [u8],
    limits: &Limits,
) -> Option<(usize, Result<Message<'b>, Error>)> {
    let link = connection.links.link(connection.id);
    let Protocol::WebSocket(machine) = &mut link.protocol else { return None };
    if link.awaited != Awaited::Nothing {
        return None;
    }
    if let Some(used) = machine.short_frame(rx, &limits.websocket) {
        return Some((used, machine.take_short_frame(&mut rx[..used])));
    }
    let used = machine.medium_frame(rx, &limits.websocket)?;
    Some((used, machine.take_medium_frame(&mut rx[..used])))
}

/// What any other step found.
enum Found<'b> {
    /// A message, of which the client is still to be told, and how many bytes it used.
    Message(usize, Message<'b>),
    /// Something else, which is done with, and how many bytes it used.
    Other(usize),
    /// Nothing that can be gone on from: so many bytes are used up.
    Nothing(usize),
}

#[inline(never)]
fn step<'b, C: Client>(
    client: &mut C,
    connection: &mut Connection<'_>,
    rx: &'b mut [u8],
    whole: &'b mut Vec<u8>,
    limits: &Limits,
) -> Found<'b> {
    let bytes = rx.len();
    let Protocol::WebSocket(machine) = connection.protocol() else { return Found::Nothing(0) };
    match machine.step(rx, whole, &limits.websocket) {
        Step::Event(used, event) => match event {
            Event::Message(message) => {
                if connection.links.link(connection.id).awaited != Awaited::Nothing {
                    clear_deadline(connection);
                }
                Found::Message(used, message)
            }
            Event::Ping(_) | Event::Pong { is_solicited: false, .. } if rate::is_flood(connection) => {
                Found::Nothing(bytes)
            }
            Event::Ping(payload) => {
                control_over(connection);
                pong(connection, payload);
                control(client, connection, Control::Ping(payload));
                Found::Other(used)
            }
            Event::Pong { payload, .. } => {
                control_over(connection);
                control(client, connection, Control::Pong(payload));
                Found::Other(used)
            }
            Event::Close(frame) => {
                closed(connection, &frame);
                Found::Other(used)
            }
        },
        Step::Need(used) => {
            watch(connection, used < bytes);
            Found::Nothing(used)
        }
        Step::Paused => Found::Nothing(0),
        Step::Fault(error) => {
            refuse(connection, error);
            Found::Nothing(bytes)
        }
    }
}

#[inline(never)]
fn control<C: Client>(client: &mut C, connection: &mut Connection<'_>, control: Control<'_>) {
    call_named(client, connection, Callback::Control, |client, connection| {
        client.on_control(&mut WebSocket { connection: connection.reborrow() }, control);
    });
}

/// A control frame that came in pieces is there: nothing is waited for any more, unless it stood inside a message.
fn control_over(connection: &mut Connection<'_>) {
    let is_watched = connection.links.link(connection.id).awaited == Awaited::Message;
    let Protocol::WebSocket(machine) = connection.protocol() else { return };
    if is_watched && !machine.is_inside_message() {
        clear_deadline(connection);
    }
}

/// Answers a Ping: at once, or, to a peer that does not read, with the newest only and when it reads again.
#[inline(never)]
fn pong(connection: &mut Connection<'_>, payload: &[u8]) {
    let Connection { id, wires, links } = connection;
    let is_high = wires.queued(*id) > wires.limits().outbox_bytes_high;
    // What nobody has tried to write yet says nothing of the peer, and no drain would follow it.
    let congested = wires.is_congested(*id) || (is_high && wires.flush_early(*id));
    let Some(outbox) = wires.outbox(*id) else { return };
    let Protocol::WebSocket(machine) = &mut links.link(*id).protocol else { return };
    if congested {
        machine.queue_pong(payload);
    } else {
        encode_frame(Opcode::Pong, true, payload, outbox.tail());
    }
}

/// The peer's Close: it is answered with its own code, unless it is the answer to ours, and the connection ends.
#[inline(never)]
fn closed(connection: &mut Connection<'_>, frame: &CloseFrame<'_>) {
    let Connection { id, wires, links } = connection;
    let link = links.link(*id);
    link.extra().close = Some((frame.code.unwrap_or(NO_CODE), frame.reason.into()));
    if let Some(outbox) = wires.outbox(*id) {
        if let Protocol::WebSocket(machine) = &mut link.protocol {
            // What a peer may send, may be sent back.
            let _ = machine.close(frame.code, "", None, outbox.tail());
        }
    }
    // Nothing may follow a Close (RFC 6455 section 5.5.1), so the peer's end need not be waited for.
    wires.take_as_ended(*id);
    links.end(wires, *id, Reason::Peer);
}

/// The peer broke the protocol: it is told with a code, and the connection ends.
#[cold]
#[inline(never)]
fn refuse(connection: &mut Connection<'_>, error: Error) {
    let Connection { id, wires, links } = connection;
    let why = Reason::Protocol(Fault::WebSocket(error));
    // The codes of errors may be sent.
    let _ = links.close_websocket(wires, *id, Some(error.close_code()), &error.to_string(), why);
    links.end(wires, *id, why);
}

/// After the bytes of a read: a message that was begun has a deadline.
#[inline(always)]
fn watch(connection: &mut Connection<'_>, has_rest: bool) {
    let Protocol::WebSocket(machine) = connection.protocol() else { return };
    if has_rest || machine.is_inside_message() {
        let deadline = limits(connection).message_timeout;
        set_deadline(connection, Awaited::Message, deadline);
    }
}
