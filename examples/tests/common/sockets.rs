//! The messages that a WebSocket receives.

use super::common::Steady;
use tungstenite::{Message, WebSocket};

/// The text that comes next.
#[track_caller]
pub(crate) fn hear(socket: &mut WebSocket<Steady>) -> String {
    loop {
        match socket.read().unwrap() {
            Message::Text(text) => return text.to_string(),
            Message::Ping(_) => {}
            other => panic!("{other:?} instead of text"),
        }
    }
}
