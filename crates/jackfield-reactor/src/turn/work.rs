//! A budget for each kind of work in a turn, so that none holds up the others.
//!
//! | work | budget | what is over it |
//! | --- | --- | --- |
//! | events of one poll | 1,024 | is told by the next poll |
//! | bytes of one connection, over TLS twice as many encrypted ones | [`Limits::read_bytes`] | the connection is looked at again |
//! | connections to look at again | [`Limits::looks_per_turn`] | stay on their list, in front |
//! | TLS handshakes | [`Limits::handshakes_per_turn`] | are looked at again |
//! | new connections | [`Limits::accepts_per_turn`] | wait in the backlog; listeners take turns |
//! | timers | [`Limits::timers_per_turn`] | are due still |
//! | timers that move nearer in the wheel | 16 for each of those | nothing fires before they have moved |
//! | commands from other threads | [`Limits::commands_per_turn`] | stay in the mailbox |
//! | places that commands visit | 64 for each of those | the other commands are put back into the mailbox, in front |
//! | copies of a value for the members of a topic | as many as commands | the rest is put back as a command |
//! | members to which a history is delivered | as places that commands visit | the same |
//! | connections that are all drained | [`Limits::drains_per_turn`] | the walk goes on where it stopped |
//! | connections that get notices of what was sent | [`Limits::looks_per_turn`] | are first in the next turn |
//! | connections whose reader of a message goes on, 64 KiB for each | 16 | are first in the next turn |
//! | publications out of histories, for clients that resume | 1,024 | the client waits for its next portion |
//! | ticks and closures of the user | none: their number is the user's | |
//!
//! A turn that leaves something over is followed by one that does not sleep. What callbacks begin (flushes, drains,
//! closes) is brought to its end in the same turn: it is bounded by the work that begins it.
//!
//! Two acts concern each member of a topic, or each connection, and are not cut into portions: a publish, because what comes
//! after it for one of them must not overtake it; and a new heartbeat, because it holds for all from one time on. Each visits
//! a connection once. A publish in a callback, to a topic with a history, first delivers what waits there, for the same
//! reason: up to 1,024 publications.
//!
//! [`Limits::read_bytes`]: crate::Limits::read_bytes
//! [`Limits::looks_per_turn`]: crate::Limits::looks_per_turn
//! [`Limits::handshakes_per_turn`]: crate::Limits::handshakes_per_turn
//! [`Limits::accepts_per_turn`]: crate::Limits::accepts_per_turn
//! [`Limits::timers_per_turn`]: crate::Limits::timers_per_turn
//! [`Limits::commands_per_turn`]: crate::Limits::commands_per_turn
//! [`Limits::drains_per_turn`]: crate::Limits::drains_per_turn

use super::Reactor;
use crate::guard::guard;
use crate::id::ConnectionId;
use crate::wires::Wires;
use std::panic::resume_unwind;

impl Reactor {
    /// Processes a list in its order, at most `most` items. The rest stays on the list, in front of new items: items
    /// above the budget, and items that were not reached because of a panic.
    pub(super) fn each(
        &mut self,
        most: usize,
        list: impl Fn(&mut Wires) -> &mut Vec<ConnectionId>,
        mut act: impl FnMut(&mut Self, ConnectionId),
    ) {
        let spare = std::mem::take(&mut self.spare);
        let mut ids = std::mem::replace(list(&mut self.wires), spare);
        let (most, mut done) = (ids.len().min(most), 0);
        let end = guard(|| {
            while done < most {
                done += 1;
                act(self, ids[done - 1]);
            }
        });
        ids.drain(..done);
        if !ids.is_empty() {
            let list = list(&mut self.wires);
            ids.append(list);
            std::mem::swap(list, &mut ids);
        }
        self.spare = ids;
        end.unwrap_or_else(|payload| resume_unwind(payload));
    }
}
