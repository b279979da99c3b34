//! Acknowledgement and request with timeout: the layer of the example `quiz`, on top of notices of what was sent.

use crate::{asking, support};
use asking::Asking;
use jackfield::test::TestServer;
use jackfield::{Client, Connection, Message, TimerId, WebSocket};
use std::time::Duration;
use support::socket;

const WITHIN: Duration = Duration::from_secs(5);
const SECOND: Duration = Duration::from_secs(1);

/// Asks two questions at once, and says what became of each.
struct Asker(Asking);

impl Client for Asker {
    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        assert_eq!(self.0.ask(socket, "one?"), Some(1));
        assert_eq!(self.0.ask(socket, "two?"), Some(2));
    }

    fn on_sent(&mut self, connection: &mut Connection<'_>, tag: u64) {
        self.0.sent(connection, tag);
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, message: Message<'_>) {
        let Message::Text(text) = message else { return };
        match self.0.answer(socket, text) {
            Some((number, answer)) => socket.send(format!("{number} is {answer}")),
            None => socket.send("what?"),
        };
    }

    fn on_timer(&mut self, connection: &mut Connection<'_>, timer: TimerId) {
        let number = self.0.time_out(timer).expect("only an open question has its timer");
        connection.send_to(connection.id(), format!("{number} is late"));
    }
}

#[test]
fn p11_each_question_has_its_answer_or_its_timeout() {
    let mut server = TestServer::new(|_peer| Asker(Asking::new(WITHIN)));
    let far = server.connect();
    far.send(socket::UPGRADE.as_bytes());
    server.run();
    let came = far.take();
    assert_eq!(socket::texts(&came[socket::SWITCHED.len()..]), ["1 one?", "2 two?"]);
    let mut say = |text: &str, wait: Duration| {
        far.send(&socket::text(text));
        server.advance(wait);
        socket::texts(&far.take())
    };
    assert_eq!(say("2 yes", SECOND), ["2 is yes"]);
    assert_eq!(say("2 again", SECOND), ["what?"], "it is answered already");
    assert_eq!(say("9 x", SECOND), ["what?"], "nobody has asked");
    assert_eq!(say("nothing", 2 * SECOND), ["what?", "1 is late"]);
    assert_eq!(say("1 late", 10 * SECOND), ["what?"]);
}

#[test]
fn p11_the_time_begins_when_the_question_has_left() {
    let mut server = TestServer::new(|_peer| Asker(Asking::new(WITHIN)));
    let far = server.connect();
    far.set_room(Some(socket::SWITCHED.len() + 8));
    far.send(socket::UPGRADE.as_bytes());
    server.run();
    far.take();
    // The first has left, the second has not.
    server.advance(WITHIN);
    assert_eq!(far.bytes_received(), socket::SWITCHED.len() + 8);
    far.set_room(None);
    server.run();
    assert_eq!(socket::texts(&far.take()), ["2 two?", "1 is late"]);
    server.advance(WITHIN - SECOND);
    assert_eq!(far.take(), b"");
    server.advance(SECOND);
    assert_eq!(socket::texts(&far.take()), ["2 is late"]);
}
