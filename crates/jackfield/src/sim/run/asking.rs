//! Peers that ask for hosts.

use super::Sim;
use crate::sim::hosts::AskedHost;
use crate::sim::network::Party;

impl Sim {
    /// Notes what a peer that asks for this host must get, and by when.
    pub(super) fn expect_host(&self, party: &mut Party, asked: &AskedHost) {
        if asked.is_refused() {
            party.is_refused_by_tls();
            self.book.note_forged();
        } else if asked.is_looked_for() && self.options.faults.jobs > 0 {
            party.conduct.slow = true;
        }
        let listener = &self.settings.listeners[party.peer.listener()];
        self.book.expect_host(party.number, *asked, listener.limits.reactor.handshake);
    }
}
