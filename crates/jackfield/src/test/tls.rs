//! TLS of test clients.

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::sync::Arc;

/// TLS of the test clients, for [`TestOptions::tls_client`](super::TestOptions::tls_client).
#[derive(Clone, Debug)]
pub struct TlsClient {
    pub(super) config: Arc<ClientConfig>,
    pub(super) name: ServerName<'static>,
}

impl TlsClient {
    /// A client with this configuration, for the server with this name.
    ///
    /// # Panics
    /// `name` is not a valid server name.
    #[must_use]
    pub fn new(config: Arc<ClientConfig>, name: &str) -> Self {
        let name = ServerName::try_from(name.to_owned()).unwrap_or_else(|error| panic!("`{name}`: {error}"));
        Self { config, name }
    }
}
