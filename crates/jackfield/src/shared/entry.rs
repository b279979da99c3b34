//! Checks the address of new connections.

use crate::shared::handle::Handle;
use crate::shared::observer::RefuseReason;
use jackfield_reactor::{self as reactor, Time};
use std::net::IpAddr;

impl Handle {
    /// Checks the address of a new connection. If it is allowed, it counts until [`Handle::uncount_address`].
    ///
    /// # Errors
    /// The reason of the refusal.
    pub(crate) fn admit_address(&self, peer: &reactor::Peer, now: Time) -> Result<(), RefuseReason> {
        let Some(rules) = self.shared().listeners.rules(peer.listener) else { return Ok(()) };
        let Some(ip) = rules.ip(peer) else { return Ok(()) };
        if !rules.allows(ip) {
            return Err(RefuseReason::Denied);
        }
        if !rules.limits_apply_to(ip) {
            return Ok(());
        }
        let addresses = &self.shared().addresses;
        let key = addresses.key(ip);
        if rules.accepts_max > 0 && !addresses.take(key, now, rules.accepts_max) {
            return Err(RefuseReason::AddressRate);
        }
        if rules.connections_max > 0 && !addresses.try_count(key, rules.connections_max) {
            return Err(RefuseReason::AddressFull);
        }
        Ok(())
    }

    /// A connection that was counted by its address has ended.
    pub(crate) fn uncount_address(&self, peer: &reactor::Peer) {
        if let Some(ip) = self.counted(peer) {
            let addresses = &self.shared().addresses;
            addresses.uncount(addresses.key(ip));
        }
    }

    /// Whether connections of a socket are counted by address.
    pub(crate) fn counts_addresses(&self, socket: usize) -> bool {
        self.shared().listeners.rules(socket).is_some_and(|rules| rules.connections_max > 0)
    }

    /// The address by which a connection is counted.
    fn counted(&self, peer: &reactor::Peer) -> Option<IpAddr> {
        let rules = self.shared().listeners.rules(peer.listener).filter(|rules| rules.connections_max > 0)?;
        rules.ip(peer).filter(|ip| rules.limits_apply_to(*ip))
    }
}
