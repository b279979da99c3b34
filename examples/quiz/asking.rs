//! Questions to a peer: each has a number, an answer that names it, and a time in which that must come.

use jackfield::{Connection, TimerId, WebSocket};
use std::collections::BTreeSet;
use std::time::Duration;

/// The questions to one peer that are not answered. What is sent is `number question`, and what comes back `number answer`.
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

    /// Asks, and says under which number. `None`: the connection takes nothing more.
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

    /// To be called in `on_sent`. The time begins here, so that a slow line is not taken for a peer that is slow.
    pub(crate) fn sent(&self, connection: &mut Connection<'_>, tag: u64) {
        if let Ok(number) = u16::try_from(tag) {
            if self.open.contains(&number) {
                connection.set_timer(TimerId(number), self.within);
            }
        }
    }

    /// To be called with each message: which question it answers, and how. `None`: no open one.
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

    /// To be called in `on_timer`: the question that was not answered in time.
    pub(crate) fn time_out(&mut self, timer: TimerId) -> Option<u16> {
        self.open.remove(&timer.0).then_some(timer.0)
    }
}
