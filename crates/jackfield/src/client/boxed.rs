//! A client whose type is chosen, and may be changed, at run time.

use crate::client::connection::{Connection, TimerId};
use crate::client::events::EventStream;
use crate::client::exchange::Exchange;
use crate::client::raw::Raw;
use crate::client::upgrade::Upgrade;
use crate::client::websocket::WebSocket;
use crate::client::{BodyPlan, Client, Control, FrameAction, HeartbeatAction};
use crate::disconnect::{Disconnect, Reason};
use jackfield_proto::http1::Request;
use jackfield_proto::websocket::{FrameHead, Message};
use std::any::Any;

/// Implements [`Client`] for a type that derefs to a client: each callback goes to that client.
macro_rules! call_the_inner {
    ($(#[$doc:meta])* $client:ty, $become_client:item) => {
        $(#[$doc])*
        impl Client for $client {
            fn as_client(&mut self) -> &mut dyn Any {
                (**self).as_client()
            }

            fn on_connect(&mut self, connection: &mut Connection<'_>) {
                (**self).on_connect(connection);
            }

            fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
                (**self).on_request(exchange, request);
            }

            fn on_upgrade(&mut self, upgrade: Upgrade<'_>, request: &Request<'_>) {
                (**self).on_upgrade(upgrade, request);
            }

            fn on_open(&mut self, socket: &mut WebSocket<'_>) {
                (**self).on_open(socket);
            }

            fn on_events(&mut self, events: &mut EventStream<'_>, last_event_id: Option<&str>) {
                (**self).on_events(events, last_event_id);
            }

            fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
                (**self).on_message(socket, message);
            }

            fn on_message_part(&mut self, socket: &mut WebSocket<'_>, part: Message<'_>, is_last: bool) {
                (**self).on_message_part(socket, part, is_last);
            }

            fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
                (**self).on_data(raw, data)
            }

            fn on_drain(&mut self, connection: &mut Connection<'_>) {
                (**self).on_drain(connection);
            }

            fn on_sent(&mut self, connection: &mut Connection<'_>, tag: u64) {
                (**self).on_sent(connection, tag);
            }

            fn on_timer(&mut self, connection: &mut Connection<'_>, timer: TimerId) {
                (**self).on_timer(connection, timer);
            }

            fn on_disconnect(&mut self, connection: &mut Connection<'_>, end: &Disconnect) {
                (**self).on_disconnect(connection, end);
            }

            fn on_line(&mut self, raw: &mut Raw<'_>, line: &[u8]) {
                (**self).on_line(raw, line);
            }

            fn on_line_limit(&mut self, raw: &mut Raw<'_>) {
                (**self).on_line_limit(raw);
            }

            fn on_peer_closed(&mut self, raw: &mut Raw<'_>, rest: &[u8]) {
                (**self).on_peer_closed(raw, rest);
            }

            fn on_goodbye(&mut self, raw: &mut Raw<'_>, why: Reason) {
                (**self).on_goodbye(raw, why);
            }

            fn on_secure(&mut self, raw: &mut Raw<'_>) {
                (**self).on_secure(raw);
            }

            fn on_post(&mut self, connection: &mut Connection<'_>, value: Box<dyn Any + Send>) {
                (**self).on_post(connection, value);
            }

            fn on_control(&mut self, socket: &mut WebSocket<'_>, control: Control<'_>) {
                (**self).on_control(socket, control);
            }

            fn wants_frames(&self) -> bool {
                (**self).wants_frames()
            }

            fn on_frame(&mut self, socket: &mut WebSocket<'_>, head: &FrameHead) -> FrameAction {
                (**self).on_frame(socket, head)
            }

            fn on_frame_part(&mut self, socket: &mut WebSocket<'_>, part: &[u8], is_last: bool) {
                (**self).on_frame_part(socket, part, is_last);
            }

            fn on_heartbeat(&mut self, socket: &mut WebSocket<'_>) -> HeartbeatAction {
                (**self).on_heartbeat(socket)
            }

            fn on_head(&mut self, connection: &mut Connection<'_>, request: &Request<'_>) -> BodyPlan {
                (**self).on_head(connection, request)
            }

            fn on_body(&mut self, connection: &mut Connection<'_>, part: &[u8]) {
                (**self).on_body(connection, part);
            }

            fn type_name(&self) -> &'static str {
                (**self).type_name()
            }

            $become_client
        }
    };
}

call_the_inner! {
    /// A client whose type is chosen, and may be changed, at run time.
    Box<dyn Client>,
    fn become_client(&mut self, client: Box<dyn Client>) -> Result<(), Box<dyn Client>> {
        *self = client;
        Ok(())
    }
}

#[cfg(feature = "test-util")]
pub(crate) mod any;

impl Connection<'_> {
    /// Lets another client take this one's place, after this callback. Only clients that are `Box<dyn Client>` can be
    /// replaced; one whose type is an enum assigns to `*self` instead.
    pub fn replace(&mut self, client: Box<dyn Client>) {
        self.links.replacement = Some(Box::new(client));
    }
}
