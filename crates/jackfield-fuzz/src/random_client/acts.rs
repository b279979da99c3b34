//! The acts of a random client: calls of methods of its connection, with what they must return.

use super::client::{FIRST, Note, PAST, RESUME, RandomClient};
use jackfield::{
    Bandwidth, Connection, Heartbeat, MessageKind, OnRateExceeded, Overflow, Publication, Rate, Raw, Sent,
    Subscribed, TimerId, WebSocket,
};
use std::io::Cursor;
use std::time::Duration;

const OVERFLOWS: [Overflow; 5] =
    [Overflow::Close, Overflow::GiveBack, Overflow::DropNewest, Overflow::DropOldest, Overflow::NewestPerKey];

impl RandomClient {
    /// Some acts at random, or none.
    pub(super) fn act(&mut self, connection: &mut Connection<'_>) {
        for _ in 0..self.random.below(4).min(self.left) {
            self.left -= 1;
            self.act_once(connection);
            self.check(connection);
        }
    }

    fn act_once(&mut self, connection: &mut Connection<'_>) {
        match self.random.below(16) {
            0 | 1 => {
                let (timer, after) = (FIRST + self.random.below(4) as u16, self.span(0, 3000));
                self.set_timer(connection, timer, after);
            }
            2 => self.cancel_timer(connection),
            3 => self.set_limit(connection),
            4 => self.pause(connection),
            5 => self.resume(connection),
            6 => self.subscribe(connection),
            7 => self.unsubscribe(connection),
            8 => self.publish(connection),
            9 => self.turn_to_another(connection),
            10 => self.offload(connection),
            11 => self.ask_for_notice(connection),
            12 if self.random.chance(100) => self.end(connection),
            _ => self.say(connection),
        }
    }

    fn cancel_timer(&mut self, connection: &mut Connection<'_>) {
        let timer = FIRST + self.random.below(4) as u16;
        let was_set = connection.cancel_timer(TimerId(timer));
        let is_known = self.timers.remove(&timer).is_some();
        assert!(was_set == is_known || !connection.is_open(), "timer {timer} is set: {was_set}");
    }

    fn set_limit(&mut self, connection: &mut Connection<'_>) {
        match self.random.below(7) {
            0 => {
                self.heartbeat = None;
                connection.set_idle_timeout(self.span(300, 10_000));
            }
            1 => {
                let rate = Rate::new(self.random.between(20, 100) as u32, 20_000);
                let closes = self.random.chance(200);
                let on_exceeded = if closes { OnRateExceeded::Close } else { OnRateExceeded::Pause };
                connection.set_rate(rate.on_exceeded(on_exceeded));
            }
            2 => {
                let [bytes_in, bytes_out] = [(); 2].map(|()| self.random.between(50_000, 200_000) as u32);
                connection.set_bandwidth(Bandwidth::new(bytes_in, bytes_out));
            }
            3 => connection.set_max_lifetime(self.span(1, 20_000)),
            4 | 5 => connection.set_overflow(OVERFLOWS[self.random.below(OVERFLOWS.len())]),
            _ => connection.set_read_while_congested(self.random.chance(500)),
        }
    }

    fn pause(&mut self, connection: &mut Connection<'_>) {
        if connection.is_open() {
            connection.pause_read();
            self.is_paused = true;
            let after = self.span(0, 1000);
            self.set_timer(connection, RESUME, after);
        } else {
            // A pause would never end here.
            assert!(connection.as_raw().is_none_or(|mut raw| raw.send("late") == Sent::Gone));
        }
    }

    pub(super) fn resume(&mut self, connection: &mut Connection<'_>) {
        self.is_paused = false;
        connection.resume_read();
    }

    fn topic(&mut self) -> String {
        format!("random {}", self.random.below(3))
    }

    fn subscribe(&mut self, connection: &mut Connection<'_>) {
        if self.random.chance(200) {
            let from = ["", "?", "1"][self.random.below(3)];
            connection.subscribe_from(PAST, from);
            return;
        }
        let (topic, is_open) = (self.topic(), connection.is_open());
        let subscribed = connection.subscribe(&topic);
        let is_right = match subscribed {
            Subscribed::New => is_open && self.topics.insert(topic),
            Subscribed::Already => is_open && self.topics.contains(&topic),
            Subscribed::Refused => is_open,
            Subscribed::Gone => !is_open,
            other => panic!("{other:?}"),
        };
        assert!(is_right, "{subscribed:?}, open: {is_open}, and {:?}", self.topics);
    }

    fn unsubscribe(&mut self, connection: &mut Connection<'_>) {
        if self.random.chance(200) {
            connection.unsubscribe(PAST);
            return;
        }
        let topic = self.topic();
        let was_member = connection.unsubscribe(&topic);
        let is_known = self.topics.remove(&topic);
        assert!(was_member == is_known || !connection.is_open(), "a member of {topic}: {was_member}");
    }

    fn publish(&mut self, connection: &mut Connection<'_>) {
        let (topic, text) = (self.topic(), self.text());
        let topic = if self.random.chance(200) { PAST } else { &topic };
        let mut publication = Publication::from(&*text);
        if self.random.chance(300) {
            publication = publication.key("a key");
        }
        if self.random.chance(300) {
            publication = publication.ttl(self.span(1, 3000));
        }
        let published = match self.random.chance(500) {
            true => connection.publish(topic, publication),
            false => connection.publish_to_all(topic, publication),
        };
        // Only random clients are members.
        let common = self.common.borrow();
        let here = common.there.iter().filter(|id| id.reactor() == self.me.reactor()).count();
        assert!(published.here <= here, "{published:?}, and {here} of them are here");
    }

    /// Sends to another of them, posts to it, or ends it. It may be itself, or gone, or on another reactor.
    fn turn_to_another(&mut self, connection: &mut Connection<'_>) {
        let there = self.common.borrow().there.clone();
        let Some(id) = self.random.pick(&there).copied() else { return };
        let (text, handle) = (self.text(), connection.handle());
        match self.random.below(60) {
            0 => _ = connection.close_other(id),
            1 => _ = connection.close_other_with(id, 3001, "at random"),
            2 => _ = handle.close(id),
            3 => _ = handle.close_with(id, 3002, "at random"),
            4..=9 => _ = handle.send(id, &*text),
            10..=19 => {
                let act = |client: &mut Self, connection: &mut Connection<'_>| client.act(connection);
                _ = handle.with_client(id, act);
            }
            20..=29 => _ = handle.post(id, Note { to: Some(id) }),
            30..=39 => _ = handle.post_to_topic(&self.topic(), Note { to: None }),
            _ => _ = connection.send_to(id, &*text),
        }
    }

    fn offload(&mut self, connection: &mut Connection<'_>) {
        let answer = self.me.slot() as u64;
        self.jobs += usize::from(connection.offload(move || answer).is_ok());
    }

    fn ask_for_notice(&mut self, connection: &mut Connection<'_>) {
        let (tag, is_open) = (self.tags, connection.is_open());
        self.tags += 1;
        match connection.notify_sent(tag) {
            Sent::Queued => self.notices.push_back(tag),
            Sent::Gone => assert!(!is_open, "it is open, and gives no notice"),
            sent => panic!("a notice is {sent:?}"),
        }
    }

    fn end(&mut self, connection: &mut Connection<'_>) {
        match self.random.below(5) {
            0 => connection.close(),
            1 => connection.close_with([1000, 1001, 3000, 4999][self.random.below(4)], "at random"),
            2 => connection.abort_after_flush(),
            3 => {
                self.is_aborted = true;
                connection.abort();
            }
            _ => drop(connection.handle().abort(self.me)),
        }
        assert!(!connection.is_open() || !self.is_aborted, "it was aborted, and is open");
    }

    fn text(&mut self) -> String {
        let count = self.random.size(1000);
        "w".repeat(count)
    }

    /// Says something in its protocol. Answers and event streams go on by their timer.
    fn say(&mut self, connection: &mut Connection<'_>) {
        let is_open = connection.is_open();
        if let Some(mut socket) = connection.as_websocket() {
            self.say_frames(&mut socket, is_open);
        } else if let Some(mut raw) = connection.as_raw() {
            self.say_bytes(&mut raw, is_open);
        }
    }

    fn say_frames(&mut self, socket: &mut WebSocket<'_>, is_open: bool) {
        let text = self.text();
        let kind = [MessageKind::Text, MessageKind::Binary][self.random.below(2)];
        match self.random.below(9) {
            0 => socket.ping(if self.random.chance(500) { b"" } else { text.as_bytes() }),
            1 => self.set_heartbeat(socket),
            2 => drop(socket.begin(kind)),
            3 => drop(socket.send_reader(kind, Cursor::new(text.repeat(4)))),
            4 | 5 => {
                let Some(mut message) = socket.writer() else { return };
                message.write(&*text);
                message.write(text.as_bytes());
            }
            6 => {
                let Some(message) = socket.writer() else { return };
                message.finish();
            }
            _ => {
                let sent = socket.send(&*text);
                assert!(is_open || sent == Sent::Gone, "it is closing, and takes a message: {sent:?}");
            }
        }
    }

    fn set_heartbeat(&mut self, socket: &mut WebSocket<'_>) {
        let after = self.span(500, 30_000);
        let payload = ["", "beat", "mine"][self.random.below(3)];
        let heartbeat = Heartbeat::every(after).dead_after(Duration::from_secs(5)).payload(payload);
        socket.set_heartbeat(heartbeat.clone());
        self.heartbeat = socket.is_open().then_some(heartbeat);
    }

    fn say_bytes(&mut self, raw: &mut Raw<'_>, is_open: bool) {
        match self.random.below(20) {
            0 => {
                self.has_half_closed |= is_open;
                raw.shutdown_write();
            }
            1 => raw.read_bytes(),
            2 => raw.read_lines(),
            3 => raw.read_lines_until(b'w'),
            _ => {
                let sent = raw.send(&*self.text());
                assert!(is_open || sent == Sent::Gone, "it is closing, and takes bytes: {sent:?}");
            }
        }
    }
}
