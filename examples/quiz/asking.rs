//! Questions to a peer: each has a number, an answer with the same number, and a timeout.

use jackfield::{Connection, TimerId, WebSocket};
use std::collections::BTreeSet;
use std::time::Duration;

/// The open questions to one peer. A question is sent as `number question`, and its answer comes as `number answer`.
pub(crate) struct Asking {
    within: Duration,
    last: u16,
    open: BTreeSet<u16>,
}

impl Asking {
    /// Each question is to be answered within this time.
    pub(crate) fn new(within: Duration) -> Self {
        Self { within, last: 0, open: BTreeSet::new() }
    }

    /// Asks a question, and returns its number. `None`: the connection takes no more output.
    pub(crate) fn ask(&mut self, socket: &mut WebSocket<'_>, question: &str) -> Option<u16> {
        let number = self.last.wrapping_add(1);
        let is_on_its_way = socket.send(format!("{number} {question}")).is_accepted()
            && socket.notify_sent(number.into()).is_accepted();
        if is_on_its_way {
            self.last = number;
            self.open.insert(number);
        }
        is_on_its_way.then_some(number)
    }

    /// Call it in `on_sent`. The timeout begins here, so that a slow network does not count as a slow peer.
    pub(crate) fn sent(&self, connection: &mut Connection<'_>, tag: u64) {
        if let Ok(number) = u16::try_from(tag) {
            if self.open.contains(&number) {
                connection.set_timer(TimerId(number), self.within);
            }
        }
    }

    /// Call it with each message. Returns the number of the question and the answer. `None`: it answers no open
    /// question.
    pub(crate) fn answer<'m>(
        &mut self,
        connection: &mut Connection<'_>,
        text: &'m str,
    ) -> Option<(u16, &'m str)> {
        let (number, answer) = text.split_once(' ')?;
        let number = number.parse().ok().filter(|number| self.open.remove(number))?;
        connection.cancel_timer(TimerId(number));
        Some((number, answer))
    }

    /// Call it in `on_timer`. Returns the question that was not answered in time.
    pub(crate) fn time_out(&mut self, timer: TimerId) -> Option<u16> {
        self.open.remove(&timer.0).then_some(timer.0)
    }
}
