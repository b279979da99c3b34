//! How a random client answers requests.

use super::client::{GO_ON, PATH, RandomClient};
use jackfield::sim::Random;
use jackfield::{BodyPlan, Connection, Exchange, Fields, Reply, Upgrade};
use std::io::Cursor;

impl RandomClient {
    pub(super) fn answer(&mut self, mut exchange: Exchange<'_>) {
        match self.random.below(12) {
            0 => exchange.error([404, 500, 503][self.random.below(3)]),
            1 => exchange.redirect(303, PATH),
            2 => self.common.clone().borrow_mut().replies.push(exchange.defer()),
            3 => {
                let within = self.span(1, 2000);
                self.common.clone().borrow_mut().replies.push(exchange.defer_within(within));
            }
            // The server itself answers for a reply that is dropped, and for an exchange that is not used.
            4 => drop(exchange.defer()),
            5 => {}
            // It goes on in `on_events`.
            6 => drop(exchange.events()),
            7 => {
                let mut stream = exchange.stream(200, "text/plain");
                self.go_on_soon(&mut stream);
            }
            8 => {
                let length = self.random.size(3000) as u64;
                let stream =
                    exchange.response(200).header("x-random", "1").stream("text/plain", Some(length));
                self.go_on_soon(&mut stream.expect("its header lines are valid"));
            }
            9 if self.random.chance(300) => exchange.stop_event_source(),
            9 => {
                let (body, has_length) = ("r".repeat(self.random.size(3000)), self.random.chance(500));
                let length = has_length.then_some(body.len() as u64);
                let _ = exchange.response(200).reader("text/plain", length, Cursor::new(body));
            }
            10 => {
                exchange.close_after();
                exchange.ok("text/plain", "the last");
            }
            _ => exchange.ok("text/plain", "at random"),
        }
    }

    pub(super) fn decide(&mut self, upgrade: Upgrade<'_>) {
        match self.random.below(10) {
            0 => upgrade.reject(403),
            1 => drop(upgrade),
            2 | 3 => self.common.clone().borrow_mut().upgrades.push(upgrade.defer()),
            _ => upgrade.accept(),
        }
    }

    pub(super) fn plan(&mut self) -> BodyPlan {
        match self.random.below(6) {
            0 => BodyPlan::Reject(413),
            1 => BodyPlan::CollectUpTo(self.random.size(3000) as u64),
            2 | 3 => BodyPlan::Stream,
            _ => BodyPlan::Collect,
        }
    }

    pub(super) fn go_on_soon(&mut self, connection: &mut Connection<'_>) {
        let after = self.span(0, 500);
        self.set_timer(connection, GO_ON, after);
    }

    /// Goes on with what was begun, or ends it: an answer, an event stream, or a connection whose peer has closed its side.
    pub(super) fn go_on(&mut self, connection: &mut Connection<'_>) {
        let ends = self.random.chance(400);
        let part = "p".repeat(self.random.size(1000));
        if let Some(mut stream) = connection.as_response() {
            stream.write(&part);
            if ends {
                // One with a length may be too short.
                let _ = stream.finish_with(&Fields::new());
                return;
            }
        } else if let Some(mut events) = connection.as_events() {
            if ends {
                events.finish(&*part);
                return;
            }
            events.send(&*part);
        } else if self.peer_has_closed {
            return connection.close();
        } else {
            return;
        }
        self.go_on_soon(connection);
    }
}

/// Gives an answer that was deferred, in one way or another.
pub(super) fn give(reply: Reply, random: &mut Random) {
    match random.below(8) {
        0 => _ = reply.error(503),
        1 => _ = reply.events(),
        2 | 3 => {
            let mut stream = reply.stream(200, "text/plain");
            stream.write("a part");
            // To drop it breaks the answer off.
            if random.chance(700) {
                stream.finish();
            }
        }
        4 => drop(reply),
        _ => _ = reply.respond(200, "text/plain", "late"),
    }
}
