//! Peers that ask for hosts.

use super::Sim;
use crate::sim::hosts::Asked;
use crate::sim::network::Party;

impl Sim {
    /// What a peer hears that asks for this host, and when at the latest.
    pub(super) fn expect_host(&self, party: &mut Party, asked: &Asked) {
        if asked.is_refused() {
            party.is_refused_by_tls();
            self.book.forged();
        } else if asked.is_looked_for() && self.options.faults.jobs > 0 {
            party.conduct.slow = true;
        }
        let handshake = self.options.limits.reactor.handshake;
        self.book.expect_host(party.number, *asked, handshake);
    }
}
