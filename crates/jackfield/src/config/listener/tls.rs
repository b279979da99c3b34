//! TLS at a listener.

use super::Listener;
use crate::config::client_auth::ClientAuth;
use crate::config::host::Host;
use crate::config::missing_host::{FindHost, MissingHost};
use std::path::PathBuf;
use std::sync::Arc;

impl Listener {
    /// TLS 1.2 and 1.3 below the protocol, with a certificate chain and a key from PEM files, which are read when the
    /// server is bound.
    #[doc(alias = "SslContext")]
    #[must_use]
    #[doc(alias = "SSLCert")]
    #[doc(alias = "SslEnable")]
    #[doc(alias = "UseSSL")]
    pub fn tls(mut self, certificates: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.tls.hosts.push(Host::fallback().certificate(certificates, key));
        self
    }

    /// TLS below the protocol, with your own configuration.
    #[must_use]
    pub fn tls_config(mut self, config: Arc<rustls::ServerConfig>) -> Self {
        self.tls.ready = Some(config);
        self
    }

    /// TLS below the protocol, with the certificates of this host for peers that ask for one of its names. A peer gets the host that
    /// has the name itself, otherwise the first one that has it by a star. A peer that asks for no known name gets the certificates of
    /// [`Listener::tls`], otherwise those of the first host. May be repeated; the same name in two hosts is a mistake that `bind`
    /// reports. The files are read when the server is bound, and again by [`Handle::reload_tls`](crate::Handle::reload_tls).
    #[doc(alias = "SNI")]
    #[must_use]
    pub fn host(mut self, host: Host) -> Self {
        self.tls.hosts.push(host);
        self
    }

    /// Whether a handshake fails if the peer asks for an unknown name, or for no name: it gets the alert
    /// `unrecognized_name` (RFC 6066 section 3). Default: no.
    #[must_use]
    pub fn strict_sni(mut self, is_strict: bool) -> Self {
        self.tls.is_strict = is_strict;
        self
    }

    /// The protocols that its hosts offer by ALPN (RFC 7301), the preferred one first, except hosts that have their own:
    /// [`Host::alpn`]. If a peer names only other protocols, its handshake fails; if it names none, it does not. Default:
    /// `http/1.1` and `http/1.0` with HTTP, and none with your own protocol.
    #[must_use]
    #[doc(alias = "OnSslAlpnSelect")]
    pub fn alpn<N: AsRef<[u8]>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.tls.alpn = Some(names.into_iter().map(|name| name.as_ref().to_vec()).collect());
        self
    }

    /// Whether the peers of its hosts are asked for certificates, except hosts that have their own rule:
    /// [`Host::client_auth`]. Default: [`ClientAuth::none`].
    #[doc(alias = "SSLClientAuthentication")]
    #[must_use]
    #[doc(alias = "SslCliCertMethod")]
    #[doc(alias = "SSLAuthenticateClients")]
    pub fn client_auth(mut self, client_auth: ClientAuth) -> Self {
        self.tls.client_auth = Some(client_auth);
        self
    }

    /// Finds hosts on demand: if a peer asks for a name that no host of this listener has, the closure runs on a thread for
    /// blocking work, where it may read files or ask a database, and the handshake goes on with the host that it returns.
    /// No reactor waits meanwhile, and the handshake has its deadline, `limits.reactor.handshake`. `None`: the handshake
    /// goes on as if there were no closure. If the host can't be used, or the closure panics, the handshake fails. The last 1024
    /// hosts that were found are kept until [`Handle::reload_tls`](crate::Handle::reload_tls); other listeners do not use them.
    /// Each is kept for its names, and for the name that was asked for if only a star stands for that. A request for a name that
    /// no host of this listener has gets 421, unless it is
    /// the server name of its session, because the host that would be found for it may have a rule for client certificates. The
    /// number of these threads is [`ServerBuilder::offload_threads`](crate::ServerBuilder::offload_threads); if 1024 jobs wait for them
    /// already, the handshake fails. Default: none.
    ///
    /// ```no_run
    /// use jackfield::{Host, Listener};
    ///
    /// let listener = Listener::tcp("[::]:443").tls("default.pem", "default.key").missing_host(|asked| {
    ///     let folder = std::path::Path::new("/etc/certificates").join(asked.name().to_ascii_lowercase());
    ///     folder.is_dir().then(|| Host::new(asked.name()).certificate(folder.join("chain.pem"), folder.join("key.pem")))
    /// });
    /// ```
    #[doc(alias = "OnSslServerName")]
    #[doc(alias = "missingServerName")]
    #[must_use]
    #[doc(alias = "SSLConnectionRequest")]
    pub fn missing_host(
        mut self,
        find: impl Fn(&MissingHost) -> Option<Host> + Send + Sync + 'static,
    ) -> Self {
        self.tls.find = Some(FindHost(Arc::new(find)));
        self
    }
}
