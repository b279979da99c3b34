//! A shutdown that is under way, as data.

use crate::shared::Drain;
use jackfield_reactor::Time;
use std::time::Duration;

/// What one reactor knows of the shutdown.
#[derive(Debug)]
pub(crate) struct Shutdown {
    /// When the connections that are left are aborted.
    pub(super) until: Time,
    /// The code of the Close that WebSockets get.
    pub(super) close_code: u16,
    /// The time over which the drain of the connections is spread.
    pub(super) spread: Duration,
    /// The first slot whose connection has not been given its own moment yet.
    pub(super) without_moment: usize,
    /// The walk over all connections that goes on in the next turn.
    pub(super) walk: Option<Walk>,
    /// The deadline has passed.
    pub(super) aborts: bool,
}

/// A walk over all connections of a reactor, a part of it in each turn: the next slot, and what is done to each connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    pub(super) slot: usize,
    pub(super) does: Does,
}

/// What is done to each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    Drain,
    Abort,
}

impl Shutdown {
    pub(super) fn begin(now: Time, drain: Drain) -> Self {
        Self {
            until: now.after(drain.deadline),
            close_code: drain.close_code,
            spread: drain.spread.min(drain.deadline),
            without_moment: 0,
            walk: Some(Walk { slot: 0, does: Does::Drain }),
            aborts: false,
        }
    }

    /// Another shutdown: the earlier deadline and the shorter spread count.
    pub(super) fn join(&mut self, now: Time, drain: Drain) {
        self.until = self.until.min(now.after(drain.deadline));
        let spread = drain.spread.min(drain.deadline);
        if spread < self.spread && !self.aborts {
            self.spread = spread;
            // The slots before an unfinished walk have their moment.
            let given = self.walk.map_or(usize::MAX, |walk| walk.slot);
            self.without_moment = self.without_moment.max(given);
            self.walk = Some(Walk { slot: 0, does: Does::Drain });
        }
    }

    /// Whether the connection in this slot gets its own moment from a walk that has not come to it yet.
    pub(super) fn will_give_moment(&self, slot: usize) -> bool {
        let is_before = |walk: Walk| walk.does == Does::Drain && walk.slot.max(self.without_moment) <= slot;
        !self.spread.is_zero() && self.walk.is_some_and(is_before)
    }
}
