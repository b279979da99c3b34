//! The end of a server, whether it has served or not.

use crate::shared::handle::Handle;
use crate::shared::state::ServerState;

/// Dropped when a server has ended, also if it never served. From then on its handles accept no commands, and those that
/// wait in mailboxes are dropped.
pub(crate) struct Ending(pub(crate) Handle);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.shared().pool.end();
        #[cfg(feature = "tls")]
        if let Some(handshakes) = self.0.shared().handshakes.get() {
            handshakes.end();
        }
        (0..self.0.reactors()).for_each(|reactor| self.0.end_reactor(reactor));
        self.0.set_state(ServerState::Stopped);
        if let Some(cluster) = &self.0.shared().cluster {
            cluster.broker.stop();
        }
    }
}
