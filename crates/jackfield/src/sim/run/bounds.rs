//! Checks during the run: bounds hold, and nothing waits for an event that will not come.

use super::Sim;
use super::settings::OF_EACH;
use crate::sim::book::{Judged, wrong};
use jackfield_reactor::{Accounts, ConnectionId, WRITE_THROUGH_BYTES_MIN};

/// About the size of an answer's head.
const HEAD_BYTES: usize = 1000;

/// Work of a reactor that has a budget in each turn.
#[derive(Clone, Copy)]
pub(super) struct Work {
    /// Commands that wait.
    commands: usize,
    /// Connections that wait to be looked at again.
    looks: usize,
    /// Timers of clients that have fired so far.
    timers: usize,
    /// Connections that a drain has come to so far, and steps of handshakes.
    drains: usize,
    handshakes: usize,
}

impl Sim {
    pub(super) fn check_limits(&self, index: usize) -> Judged {
        let Accounts { wires, backlog, .. } = self.reactors[index].driver.accounts();
        let limits = &self.options.limits;
        let counts = self.handle.shared().counts_of_listeners();
        for (count, most) in counts.iter().skip(OF_EACH).zip(&self.options.listeners) {
            if count > most {
                return Err(wrong(
                    "limits",
                    format!("{count} connections of a listener that may have {most}"),
                ));
            }
        }
        let (count, most) = (self.handle.count(), limits.connections_max);
        if count > most {
            return Err(wrong("limits", format!("{count} connections of a server that may have {most}")));
        }
        let most = limits.reactor.wires_max.min(limits.connections_max + 256);
        if wires > most {
            return Err(wrong("limits", format!("{wires} connections where {most} may be")));
        }
        // A message is accepted if the backlog before it is below the bound; small answers gather during one event.
        let gathered = limits.events_per_turn * (WRITE_THROUGH_BYTES_MIN + HEAD_BYTES);
        let most = limits.reactor.outbox_bytes_max + self.options.message_bytes_max + gathered;
        if backlog > most {
            return Err(wrong("limits", format!("{backlog} bytes wait for one peer where {most} may")));
        }
        Ok(())
    }

    pub(super) fn waiting_work(&self, index: usize) -> Work {
        let commands = self.handle.remote(index).map_or(0, |remote| remote.waiting().0);
        let driver = &self.reactors[index].driver;
        let stats = driver.reactor.wires.stats();
        Work {
            commands,
            looks: driver.looks(),
            timers: self.book.pages().timers,
            drains: stats.drains.value() as usize,
            handshakes: stats.handshake_steps.value() as usize,
        }
    }

    /// A turn does no more of each kind of work than it may. `before`: what waited when it began. Work that has come meanwhile
    /// hides some that was done, and of the timers only those of clients are seen.
    pub(super) fn check_budgets(&self, index: usize, before: Work) -> Judged {
        let (after, limits) = (self.waiting_work(index), &self.options.limits.reactor);
        let kinds = [
            ("commands", before.commands.saturating_sub(after.commands), limits.commands_per_turn),
            ("looks", before.looks.saturating_sub(after.looks), limits.looks_per_turn),
            ("timers", after.timers - before.timers, limits.timers_per_turn),
            ("drains", after.drains - before.drains, limits.drains_per_turn),
            ("steps of handshakes", after.handshakes - before.handshakes, limits.handshakes_per_turn),
        ];
        let is_halted = self.reactors[index].driver.reactor.wires.is_halted();
        match kinds.iter().find(|(_, done, most)| done > most && !is_halted) {
            Some((kind, done, most)) => {
                Err(wrong("limits", format!("{done} {kind} in a turn that may take {most}")))
            }
            None => Ok(()),
        }
    }

    /// Bytes that have left, as the server says, must have reached the network.
    pub(super) fn check_notices(&self) -> Judged {
        for (peer, bytes) in self.book.take_sent_reports() {
            let Some(left) = self.parties[peer].bytes_left() else { continue };
            if left < bytes {
                let text = format!("{bytes} bytes are said to have left to peer {peer}, and {left} have");
                return Err(wrong("promises", text));
            }
        }
        Ok(())
    }

    /// No client waits for a notice that is due.
    fn check_waiting_notices(&self) -> Judged {
        let pages = self.book.pages();
        let waiting = pages.records.iter().filter(|record| record.end.is_none() && !record.bombed);
        for (id, (tag, bytes)) in waiting.filter_map(|record| record.id.zip(record.notices.front())) {
            let wires = &self.reactors[id.reactor()].driver.reactor.wires;
            if wires.is_open(id) && !wires.has_backlog(id) {
                let text = format!("{id} waits for the notice {tag} of {bytes} bytes, and all has left");
                return Err(wrong("liveness", text));
            }
        }
        Ok(())
    }

    pub(super) fn check_at_rest(&self) -> Judged {
        self.check_waiting_notices()?;
        let is_drained = self.drained_at.is_some_and(|at| self.now > at);
        if let Some(reactor) = self
            .reactors
            .iter()
            .find(|reactor| is_drained && reactor.driver.reactor.wires.ids().next().is_some())
        {
            let ids: Vec<ConnectionId> = reactor.driver.reactor.wires.ids().collect();
            return Err(wrong(
                "liveness",
                format!("still there after the deadline of the shutdown: {ids:?}"),
            ));
        }
        self.reactors
            .iter()
            .try_for_each(|reactor| reactor.driver.check_at_rest().map_err(|text| wrong("state", text)))
    }
}
