//! Hosts that are found when somebody asks for them.

use crate::config::host::Host;
use std::fmt;
use std::sync::Arc;

/// What a peer has asked for that no host of the listener is called: see
/// [`Listener::missing_host`](crate::Listener::missing_host).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingHost {
    pub(crate) name: String,
    pub(crate) alpn: Vec<Vec<u8>>,
}

impl MissingHost {
    /// The name (SNI), as the peer has written it. It is a valid one.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The protocols that the peer names by ALPN.
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
