//! The configuration of a host, and what its sessions keep of it.

use crate::config::client_auth::ClientAuth;
use rustls::ServerConfig;
use std::sync::Arc;

/// A host's configuration.
#[derive(Debug)]
pub(crate) struct HostConfig {
    pub(crate) config: Arc<ServerConfig>,
    /// What its sessions keep. `None`: nothing, as most hosts have no such facts.
    pub(crate) facts: Option<Arc<HostFacts>>,
    /// The last valid second of the certificate that expires first, since 1970.
    #[cfg(feature = "expiry")]
    pub(super) expires_at: Option<i64>,
}

/// What a session keeps of the host that its peer has asked for.
#[derive(Debug)]
pub(crate) struct HostFacts {
    pub(crate) tag: Option<u64>,
    /// The rule that it has met.
    pub(super) client_auth: ClientAuth,
}

impl HostFacts {
    /// The facts of a host, if there are any. The rule is one only where hosts may have different ones.
    pub(super) fn of(tag: Option<u64>, client_auth: &ClientAuth, may_differ: bool) -> Option<Arc<Self>> {
        let has_rule = may_differ && !client_auth.is_none();
        (tag.is_some() || has_rule).then(|| Arc::new(Self { tag, client_auth: client_auth.clone() }))
    }
}
