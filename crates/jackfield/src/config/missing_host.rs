//! Hosts that are found on demand.

use crate::config::host::Host;
use std::fmt;
use std::sync::Arc;

/// A server name that no host of the listener has, as a peer asked for it: see
/// [`Listener::missing_host`](crate::Listener::missing_host).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingHost {
    pub(crate) name: String,
    pub(crate) alpn: Vec<Vec<u8>>,
}

impl MissingHost {
    /// The name (SNI), as the peer sent it. It is a valid name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The protocols that the peer offers by ALPN.
    pub fn alpn(&self) -> impl Iterator<Item = &[u8]> {
        self.alpn.iter().map(Vec::as_slice)
    }
}

/// Finds such a host, if there is one.
#[derive(Clone)]
pub(crate) struct FindHost(pub(crate) Arc<Find>);

type Find = dyn Fn(&MissingHost) -> Option<Host> + Send + Sync;

impl fmt::Debug for FindHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FindHost")
    }
}
