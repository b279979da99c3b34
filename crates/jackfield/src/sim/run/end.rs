//! Checks at the end: nothing is left over, and each peer got what it was promised.

use super::Sim;
use crate::config::{Heartbeat, Outgoing};
use crate::message::Published;
use crate::shared::{Busy, Ending, RemoteReactor, ServerState};
use crate::sim::book::{Judged, Record, wrong};
use crate::sim::network::Told;
use jackfield_proto::websocket::deflate::{Deflater, Inflater, WINDOW_BITS_MAX, WINDOW_BITS_MIN};
use jackfield_reactor::{Accounts, ConnectionId};
use std::sync::atomic::Ordering;

impl Sim {
    /// The most memory of a reactor's compressors: one for each window, and a decompressor.
    fn compressors_max(&self) -> usize {
        if !self.settings.listeners.iter().any(|listener| listener.limits.compresses()) {
            return 0;
        }
        let each = (WINDOW_BITS_MIN..=WINDOW_BITS_MAX).map(|bits| Deflater::heap_bytes_of(bits) + (64 << 10));
        each.sum::<usize>() + Inflater::HEAP_BYTES
    }

    pub(super) fn judge_end(&self) -> Judged {
        self.judge_accounts()?;
        self.judge_shared()?;
        self.judge_shutdown()?;
        self.judge_exchanges()?;
        self.judge_dropped()?;
        self.judge_parties()?;
        self.judge_stopped()
    }

    fn judge_accounts(&self) -> Judged {
        for (index, reactor) in self.reactors.iter().enumerate() {
            let accounts = reactor.driver.accounts();
            // A reactor keeps its compressors.
            let held = accounts.held.saturating_sub(self.compressors_max());
            if (Accounts { held, ..accounts }) != Accounts::default() {
                return Err(wrong("accounts", format!("reactor {index} has something left: {accounts:?}")));
            }
        }
        Ok(())
    }

    /// Checks that the counts which the reactors share are back at zero.
    fn judge_shared(&self) -> Judged {
        let shared = self.handle.shared();
        let connections = shared.connections.load(Ordering::Relaxed);
        let loads = shared.remotes.iter().map(|remote| remote.load.load(Ordering::Relaxed));
        let topics = shared.topic_index.len();
        let commands: usize = shared.remotes.iter().map(|remote| remote.waiting().0).sum();
        let of_listeners =
            shared.counts_of_listeners().iter().fold(0, |all: usize, count| all.wrapping_add(*count));
        let outgoing = self.handle.outgoing();
        let left = [connections, outgoing, of_listeners, loads.sum(), topics, commands];
        if left != [0; 6] {
            let text = format!(
                "connections, outgoing ones, those of listeners, loads, topics and commands that are left: {left:?}"
            );
            return Err(wrong("accounts", text));
        }
        Ok(())
    }

    fn judge_shutdown(&self) -> Judged {
        let halted = self.reactors.iter().all(|reactor| reactor.driver.reactor.wires.is_halted());
        if self.handle.state() >= ServerState::Draining && !halted {
            return Err(wrong("liveness", "shut down, and a reactor goes on".into()));
        }
        Ok(())
    }

    fn judge_exchanges(&self) -> Judged {
        let (asked, finished) = (self.handle.metrics().requests, self.book.pages().finished);
        if self.settings.observer.wants_finished(0) && asked != finished {
            let text = format!("{finished} exchanges were told to be over, of {asked}");
            return Err(wrong("promises", text));
        }
        Ok(())
    }

    fn judge_dropped(&self) -> Judged {
        let (dropped, told) = (self.handle.metrics().dropped, self.book.pages().dropped);
        if dropped != told {
            return Err(wrong("promises", format!("{told} messages were told to be dropped, of {dropped}")));
        }
        Ok(())
    }

    fn judge_parties(&self) -> Judged {
        let records = self.book.pages().records.clone();
        let may_end = self.may_shut_down || self.book.pages().nobody_was_evicted;
        let may_be_full = self.options.limits.outgoing_max < self.parties.len();
        let was_told = Told { settings: &self.settings, may_end, may_be_full };
        for (party, record) in self.parties.iter().zip(&records) {
            let number = party.number;
            if record.id.is_some() && !record.dropped {
                return Err(wrong("accounts", format!("the client of peer {number} was not dropped")));
            }
            let judged = party.judge(record, &was_told);
            judged.map_err(|text| wrong("promises", format!("peer {number}: {text}")))?;
        }
        Ok(())
    }

    /// Ends the server. Whatever is given to it after that is refused, and nothing of it is kept.
    fn judge_stopped(&self) -> Judged {
        drop(Ending(self.handle.clone()));
        let ids: Vec<_> = self.book.pages().records.iter().filter_map(Record::known_id).collect();
        let refused = ids.iter().all(|id| self.refuses_for(*id)) && self.refuses_all();
        let kept: Vec<_> = self.handle.shared().remotes.iter().map(RemoteReactor::waiting).collect();
        if !refused || kept.iter().any(|kept| *kept != (0, 0)) {
            let text = format!("a server that has ended takes something; commands and bytes kept: {kept:?}");
            return Err(wrong("accounts", text));
        }
        Ok(())
    }

    /// The server takes nothing for this connection.
    fn refuses_for(&self, id: ConnectionId) -> bool {
        let posted = self.handle.post(id, "late").err().map(|refused| refused.why);
        let others = [self.handle.send(id, "late"), self.handle.close(id), self.handle.abort(id)];
        posted == Some(Busy::Stopped) && others == [Err(Busy::Stopped); 3]
    }

    /// It takes nothing that is not for one connection.
    fn refuses_all(&self) -> bool {
        let handle = &self.handle;
        let none = |published: Published| (published.reactors, published.full) == (0, handle.reactors());
        let orders = [
            handle.connect(Outgoing::tcp("127.0.0.1:1")),
            handle.set_heartbeat(Heartbeat::default()),
            handle.run_on(0, |_| ()),
        ];
        orders == [Err(Busy::Stopped); 3]
            && none(handle.publish("late", ""))
            && none(handle.post_to_topic("late", ()))
    }
}
