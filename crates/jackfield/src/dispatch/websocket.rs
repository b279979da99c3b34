//! WebSocket's events.

use crate::client::{Client, Connection, Control, WebSocket};
use crate::config::Limits;
use crate::disconnect::{ProtocolError, Reason};
use crate::dispatch::call::{call, call_named, must_stop};
use crate::links::{Awaited, Protocol};
use crate::shared::Callback;
use jackfield_proto::Step;
use jackfield_proto::websocket::{Error, Event, Message, Scratch};

/// Makes events of the bytes with the machine, and calls the client with each. Returns how many bytes were used.
#[inline(never)]
pub(super) fn feed<C: Client>(
    client: &mut C,
    connection: &mut Connection<'_>,
    rx: &mut [u8],
    scratch: &mut Scratch,
    limits: &Limits,
) -> usize {
    let (mut at, mut budget) = (0, connection.links.events_per_turn);
    loop {
        // `plain` only finds frames of the server role.
        let mut is_client = false;
        let (used, message) = match plain(connection, &mut rx[at..], limits) {
            Some((used, Ok(message))) => (used, Some(message)),
            Some((_, Err(error))) => {
                fail(connection, error);
                return rx.len();
            }
            None => match step(client, connection, &mut rx[at..], scratch, limits) {
                Outcome::Message(used, message) => {
                    is_client = connection.is_websocket_client();
                    (used, Some(message))
                }
                Outcome::Other(used) => (used, None),
                Outcome::Nothing(used) => return at + used,
            },
        };
        at += used;
        // The only place that calls the client with a message, so that the compiler inlines it into this loop.
        if let Some(message) = message {
            connection.links.metrics.messages_in.add(1);
            call(client, connection, |client, connection| {
                client.on_message(&mut WebSocket { connection: connection.reborrow(), is_client }, message);
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
        if must_stop(connection) {
            return at;
        }
    }
}

/// The short path for nearly all frames: a frame that is a whole message. Returns how many bytes it used, and the
/// message.
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
    if let Some(used) = machine.short_frame_bytes(rx, &limits.websocket) {
        return Some((used, machine.take_short_frame(&mut rx[..used])));
    }
    let used = machine.medium_frame_bytes(rx, &limits.websocket)?;
    Some((used, machine.take_medium_frame(&mut rx[..used])))
}

/// The result of any other step.
enum Outcome<'b> {
    /// A message that the client has not got yet, and how many bytes it used.
    Message(usize, Message<'b>),
    /// Another event, which is done, and how many bytes it used.
    Other(usize),
    /// No further event now: this number of bytes is used.
    Nothing(usize),
}

#[inline(never)]
fn step<'b, C: Client>(
    client: &mut C,
    connection: &mut Connection<'_>,
    rx: &'b mut [u8],
    scratch: &'b mut Scratch,
    limits: &Limits,
) -> Outcome<'b> {
    let bytes = rx.len();
    let Protocol::WebSocket(machine) = connection.protocol() else { return Outcome::Nothing(0) };
    match machine.step(rx, scratch, &limits.websocket) {
        Step::Event(used, Event::Message(message)) => {
            settle_message(connection);
            Outcome::Message(used, message)
        }
        Step::Event(used, Event::Part { part, is_last }) => {
            self::part(client, connection, part, is_last);
            Outcome::Other(used)
        }
        Step::Event(used, Event::Close(frame)) => {
            connection.links.on_peer_close(connection.wires, connection.id, &frame);
            Outcome::Other(used)
        }
        Step::Event(_, Event::Ping(_) | Event::Pong { is_solicited: false, .. })
            if connection.links.count_control_frame(connection.wires, connection.id) =>
        {
            Outcome::Nothing(bytes)
        }
        Step::Event(used, Event::Ping(payload)) => {
            ping(client, connection, payload);
            Outcome::Other(used)
        }
        Step::Event(used, Event::Pong { payload, .. }) => {
            pong(client, connection, payload);
            Outcome::Other(used)
        }
        Step::Need(used) => {
            connection.links.set_message_deadline(connection.wires, connection.id, used < bytes);
            Outcome::Nothing(used)
        }
        Step::Paused => Outcome::Nothing(0),
        Step::Fault(error) => {
            fail(connection, error);
            Outcome::Nothing(bytes)
        }
    }
}

/// The peer broke the protocol.
#[cold]
fn fail(connection: &mut Connection<'_>, error: Error) {
    let reason = Reason::Protocol(ProtocolError::WebSocket(error));
    connection.links.close(connection.wires, connection.id, reason);
}

/// A message is complete that was begun in an earlier read, or that may have been the first compressed one.
fn settle_message(connection: &mut Connection<'_>) {
    let link = connection.links.link(connection.id);
    if link.awaited != Awaited::Nothing {
        connection.links.clear_deadline(connection.wires, connection.id);
    } else if link.protocol.compression().has_peers_own() {
        connection.links.charge(connection.wires, connection.id);
    }
}

#[inline(never)]
fn ping<C: Client>(client: &mut C, connection: &mut Connection<'_>, payload: &[u8]) {
    connection.links.settle_control_deadline(connection.wires, connection.id);
    connection.links.pong(connection.wires, connection.id, payload);
    control(client, connection, Control::Ping(payload));
}

#[inline(never)]
fn pong<C: Client>(client: &mut C, connection: &mut Connection<'_>, payload: &[u8]) {
    connection.links.settle_control_deadline(connection.wires, connection.id);
    connection.links.round_trip = connection.links.on_pong(connection.wires, connection.id, payload);
    control(client, connection, Control::Pong(payload));
    connection.links.round_trip = None;
}

/// A part of a message that comes in parts.
#[inline(never)]
fn part<C: Client>(client: &mut C, connection: &mut Connection<'_>, part: Message<'_>, is_last: bool) {
    let is_awaited = connection.links.link(connection.id).awaited != Awaited::Nothing;
    if is_last && is_awaited {
        connection.links.clear_deadline(connection.wires, connection.id);
    }
    connection.links.metrics.messages_in.add(u64::from(is_last));
    let is_client = connection.is_websocket_client();
    call_named(client, connection, Callback::Part, |client, connection| {
        client.on_message_part(
            &mut WebSocket { connection: connection.reborrow(), is_client },
            part,
            is_last,
        );
    });
}

#[inline(never)]
fn control<C: Client>(client: &mut C, connection: &mut Connection<'_>, control: Control<'_>) {
    let is_client = connection.is_websocket_client();
    call_named(client, connection, Callback::Control, |client, connection| {
        client.on_control(&mut WebSocket { connection: connection.reborrow(), is_client }, control);
    });
}
