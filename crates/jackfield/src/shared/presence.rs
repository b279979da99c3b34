//! The subscribers on all servers that share a broker.

use crate::shared::handle::Handle;
use crate::topics::tell;
use jackfield_reactor::ConnectionId;

/// A subscriber on one of the servers that share a [`Broker`](crate::Broker): see
/// [`Handle::cluster_members`](crate::Handle::cluster_members).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct ClusterMember {
    /// Its server: [`Handle::node`](crate::Handle::node) there.
    pub node: u64,
    /// Its id on that server. Another server may have a connection of the same id.
    pub id: ConnectionId,
}

impl Handle {
    /// The number by which the other servers that share the broker know this one; zero without a broker.
    #[must_use]
    pub fn node(&self) -> u64 {
        self.shared().cluster.as_ref().map_or(0, |cluster| cluster.node)
    }

    /// How many subscribers a topic has on all servers that share the broker: those here at this moment, and those on each
    /// other server as it has told last. What others tell may be as old as the broker says (`jackfield_redis`: 2 s), and a
    /// server that has died counts until its time to live is over (6 s). Only topics that were declared with a history go
    /// through a broker: of others, and without a broker, it is [`Handle::subscribers`].
    ///
    /// ```
    /// use jackfield::Handle;
    ///
    /// fn tell_the_size(handle: &Handle) {
    ///     handle.publish("lobby", format!("{} are here", handle.cluster_subscribers("lobby")));
    /// }
    /// ```
    #[must_use]
    pub fn cluster_subscribers(&self, topic: &str) -> usize {
        let elsewhere = self.shared().cluster.as_ref().map_or(0, |cluster| cluster.elsewhere.count(topic));
        self.subscribers(topic).saturating_add(elsewhere)
    }

    /// The subscribers of a topic on all servers that share the broker, those here first: as [`Handle::cluster_subscribers`], of
    /// each other server at most 1,000, and fewer if it has very many topics. An id names nothing on another server, but
    /// tells one member from another: a member that has said who it is, in a message of the topic, is there as long as this
    /// list has it, even if its server is killed.
    #[must_use]
    #[doc(alias = "presence")]
    pub fn cluster_members(&self, topic: &str) -> Vec<ClusterMember> {
        let own = self.node();
        let here = self.members(topic).into_iter().map(|id| (own, id));
        let elsewhere = self.shared().cluster.as_ref().map(|cluster| cluster.elsewhere.members(topic));
        let all = here.chain(elsewhere.unwrap_or_default());
        all.map(|(node, id)| ClusterMember { node, id }).collect()
    }

    /// This server's report of its subscribers.
    pub(super) fn presence(&self) -> Vec<u8> {
        let logs = self.shared().logs.all();
        tell(logs.iter().map(|log| (&*log.name, self.members(&log.name))))
    }
}
