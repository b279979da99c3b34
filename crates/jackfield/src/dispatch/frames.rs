//! Frames before they become messages: the client is asked about each, and may take it over or close.

use crate::client::{Client, Connection, FrameAction, WebSocket};
use crate::config::Limits;
use crate::dispatch::call::{call_named, must_stop};
use crate::dispatch::websocket;
use crate::links::{FrameState, Protocol};
use crate::shared::Callback;
use jackfield_proto::websocket::{FrameHead, FramePayload, NextFrame, Scratch};

/// Handles the bytes of a WebSocket, frame by frame if its client looks at frames. Returns how many were used.
#[inline(never)]
pub(super) fn feed<C: Client>(
    client: &mut C,
    connection: &mut Connection<'_>,
    rx: &mut [u8],
    scratch: &mut Scratch,
    limits: &Limits,
) -> usize {
    if !connection.links.link(connection.id).checks.shows_frames() {
        return websocket::feed(client, connection, rx, scratch, limits);
    }
    let (mut at, mut budget) = (0, connection.links.events_per_turn);
    while at < rx.len() || connection.links.link(connection.id).extra().frame.is_end_due() {
        if budget == 0 {
            connection.wires.yield_turn(connection.id);
            break;
        }
        budget -= 1;
        let rest = &mut rx[at..];
        let state = connection.links.link(connection.id).extra().frame;
        let (given, used) = match state {
            FrameState::Head => match next(connection, rest, limits) {
                NextFrame::Head(head) => {
                    let used = ask(client, connection, &head);
                    (used, used)
                }
                NextFrame::Incomplete => {
                    connection.links.set_message_deadline(connection.wires, connection.id, true);
                    return at;
                }
                NextFrame::Machines => {
                    return at + websocket::feed(client, connection, rest, scratch, limits);
                }
            },
            FrameState::Passing(left) => {
                let given = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
                let used = websocket::feed(client, connection, &mut rest[..given], scratch, limits);
                set(connection, after(left, used));
                (given, used)
            }
            // Nothing comes to the client after our Close.
            FrameState::Taken(payload) if has_sent_close(connection) => {
                set(connection, FrameState::Dropped(payload));
                (0, 0)
            }
            FrameState::Taken(payload) => {
                let used = hand_out(client, connection, rest, payload);
                (used, used)
            }
            FrameState::Dropped(mut payload) => {
                let used = payload.unmask(rest);
                let is_over = payload.bytes_left() == 0;
                set(connection, if is_over { FrameState::Head } else { FrameState::Dropped(payload) });
                (used, used)
            }
        };
        at += used;
        if used < given || must_stop(connection) {
            break;
        }
    }
    at
}

fn next(connection: &mut Connection<'_>, rx: &[u8], limits: &Limits) -> NextFrame {
    match connection.protocol() {
        Protocol::WebSocket(machine) => machine.next_frame(rx, &limits.websocket),
        _ => NextFrame::Machines,
    }
}

fn has_sent_close(connection: &mut Connection<'_>) -> bool {
    matches!(connection.protocol(), Protocol::WebSocket(machine) if machine.has_sent_close())
}

/// Asks the client about a frame. Returns how many bytes were used.
fn ask<C: Client>(client: &mut C, connection: &mut Connection<'_>, head: &FrameHead) -> usize {
    let is_client = connection.is_websocket_client();
    let action = call_named(client, connection, Callback::Frame, |client, connection| {
        client.on_frame(&mut WebSocket { connection: connection.reborrow(), is_client }, head)
    });
    match action {
        FrameAction::TakeOver => {
            set(connection, FrameState::Taken(head.payload()));
            head.header_bytes()
        }
        FrameAction::Close(code) => {
            connection.close_with(code, "");
            set(connection, FrameState::Dropped(head.payload()));
            head.header_bytes()
        }
        FrameAction::Continue => {
            set(connection, FrameState::Passing(head.header_bytes() as u64 + head.payload_bytes()));
            0
        }
    }
}

/// Delivers the present part of a frame that was taken over. The rest of the frame has the deadline of a message.
fn hand_out<C: Client>(
    client: &mut C,
    connection: &mut Connection<'_>,
    rx: &mut [u8],
    mut payload: FramePayload,
) -> usize {
    let used = payload.unmask(rx);
    let is_last = payload.bytes_left() == 0;
    let Connection { id, wires, links } = connection;
    if is_last {
        links.metrics.messages_in.add(1);
        links.settle_control_deadline(wires, *id);
    } else {
        links.set_message_deadline(wires, *id, true);
    }
    set(connection, if is_last { FrameState::Head } else { FrameState::Taken(payload) });
    let is_client = connection.is_websocket_client();
    call_named(client, connection, Callback::FramePart, |client, connection| {
        let socket = &mut WebSocket { connection: connection.reborrow(), is_client };
        client.on_frame_part(socket, &rx[..used], is_last);
    });
    used
}

/// The state after the machine has used this many of the bytes that are left of a frame.
fn after(left: u64, used: usize) -> FrameState {
    match left - used as u64 {
        0 => FrameState::Head,
        left => FrameState::Passing(left),
    }
}

fn set(connection: &mut Connection<'_>, state: FrameState) {
    connection.links.link(connection.id).extra().frame = state;
}
