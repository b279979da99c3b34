//! The callbacks of a random client.

use super::client::{GO_ON, Note, RESUME, RandomClient};
use crate::mail::Letter;
use jackfield::{
    BodyPlan, Client, Connection, Control, Disconnect, EventStream, Exchange, FrameAction, FrameHead,
    HeartbeatAction, Message, Offloaded, Raw, Reason, Request, Sent, Subscribed, TimerId, Upgrade, WebSocket,
};
use std::any::Any;

impl Client for RandomClient {
    fn on_request(&mut self, mut exchange: Exchange<'_>, _request: &Request<'_>) {
        self.awake();
        self.act(&mut exchange);
        self.answer(exchange);
    }

    fn on_head(&mut self, connection: &mut Connection<'_>, _request: &Request<'_>) -> BodyPlan {
        self.awake();
        self.act(connection);
        self.plan()
    }

    fn on_body(&mut self, connection: &mut Connection<'_>, _part: &[u8]) {
        self.awake();
        self.act(connection);
    }

    fn on_upgrade(&mut self, mut upgrade: Upgrade<'_>, _request: &Request<'_>) {
        self.awake();
        self.act(&mut upgrade);
        self.decide(upgrade);
    }

    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        self.act(socket);
    }

    fn on_events(&mut self, events: &mut EventStream<'_>, _last_event_id: Option<&str>) {
        self.go_on_soon(events);
        self.act(events);
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, _message: Message<'_>) {
        self.awake();
        self.act(socket);
    }

    fn on_message_part(&mut self, socket: &mut WebSocket<'_>, _part: Message<'_>, _is_last: bool) {
        self.awake();
        self.act(socket);
    }

    fn on_control(&mut self, socket: &mut WebSocket<'_>, _control: Control<'_>) {
        self.awake();
        self.act(socket);
    }

    fn wants_frames(&self) -> bool {
        self.me.slot() % 2 == 0
    }

    fn on_frame(&mut self, socket: &mut WebSocket<'_>, head: &FrameHead) -> FrameAction {
        self.awake();
        self.act(socket);
        let is_whole = head.is_final() && matches!(head.opcode(), 1 | 2);
        match self.random.below(50) {
            0 => FrameAction::Close(1000),
            // The rest of a message without its beginning would be an error of the peer.
            1..=5 if is_whole => FrameAction::TakeOver,
            _ => FrameAction::Continue,
        }
    }

    fn on_frame_part(&mut self, socket: &mut WebSocket<'_>, _part: &[u8], _is_last: bool) {
        self.awake();
        self.act(socket);
    }

    fn on_heartbeat(&mut self, socket: &mut WebSocket<'_>) -> HeartbeatAction {
        self.act(socket);
        match self.random.below(10) {
            0..=2 => HeartbeatAction::Skip,
            3 => {
                socket.ping(b"beat");
                HeartbeatAction::Sent
            }
            _ => HeartbeatAction::Ping,
        }
    }

    fn on_data(&mut self, raw: &mut Raw<'_>, data: &mut [u8]) -> usize {
        self.awake();
        assert!(raw.is_open() || self.has_half_closed, "bytes come, and it is closing");
        self.act(raw);
        data.len() - self.random.below(data.len() + 1) / 2
    }

    fn on_line(&mut self, raw: &mut Raw<'_>, _line: &[u8]) {
        self.awake();
        assert!(raw.is_open() || self.has_half_closed, "a line comes, and it is closing");
        self.act(raw);
    }

    fn on_line_limit(&mut self, raw: &mut Raw<'_>) {
        self.awake();
        self.act(raw);
    }

    fn on_peer_closed(&mut self, raw: &mut Raw<'_>, _rest: &[u8]) {
        assert!(!self.peer_has_closed, "the peer closes its side a second time");
        self.peer_has_closed = true;
        self.act(raw);
        if self.random.chance(700) { raw.close() } else { self.go_on_soon(raw) }
    }

    fn on_goodbye(&mut self, raw: &mut Raw<'_>, _why: Reason) {
        self.act(raw);
    }

    fn on_drain(&mut self, connection: &mut Connection<'_>) {
        self.act(connection);
    }

    fn on_sent(&mut self, connection: &mut Connection<'_>, tag: u64) {
        assert_eq!(Some(tag), self.notices.pop_front(), "a notice comes out of order");
        self.act(connection);
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, timer: TimerId) {
        self.note_timer(connection, timer.0);
        match timer.0 {
            RESUME => self.resume(connection),
            GO_ON => self.go_on(connection),
            _ => {}
        }
        self.act(connection);
    }

    fn on_post(&mut self, connection: &mut Connection<'_>, value: Box<dyn Any + Send>) {
        if let Some(note) = value.downcast_ref::<Note>() {
            assert!(note.to.is_none_or(|to| to == self.me), "a note for another");
        } else if let Some(done) = value.downcast_ref::<Offloaded<u64>>() {
            assert_eq!(done.as_ref().ok(), Some(&(self.me.slot() as u64)), "the result of another's job");
            self.jobs = self.jobs.checked_sub(1).expect("it has offloaded this job");
        } else if let Some(letter) = value.downcast_ref::<Letter>() {
            self.note_letter(letter);
        }
        self.act(connection);
    }

    fn on_disconnect(&mut self, connection: &mut Connection<'_>, _end: &Disconnect) {
        assert!(!connection.is_open(), "it has ended, and is open");
        assert_eq!(connection.topics().count(), 0, "it has ended, and is a member");
        assert_eq!(connection.subscribe("random"), Subscribed::Gone);
        assert_eq!(connection.notify_sent(0), Sent::Gone);
        self.act(connection);
    }
}
