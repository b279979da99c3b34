//! Client certificates.

use crate::config::certificate::certificates;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whether the peers of a listener or a host are asked for a certificate, and which roots must have issued it. A peer with a
/// certificate of another issuer fails its handshake, even if no certificate is required. The peer's certificates are in
/// [`TlsInfo::certificates`](crate::TlsInfo::certificates), for the factory, which may refuse. Revocation lists are not
/// checked.
///
/// ```no_run
/// use jackfield::{ClientAuth, Host, Listener};
///
/// let listener = Listener::tcp("[::]:443")
///     .tls("site.pem", "site.key")
///     .host(Host::new("admin.example").certificate("admin.pem", "admin.key").client_auth(ClientAuth::required("staff.pem")));
/// ```
#[doc(alias = "mutual TLS")]
#[doc(alias = "SslVerifyPeer")]
#[doc(alias = "SSLClientAuthentication")]
#[derive(Clone, Debug, Default)]
pub struct ClientAuth(Asked);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Asked {
    #[default]
    No,
    Requested(PathBuf),
    Required(PathBuf),
}

impl ClientAuth {
    /// No certificate is asked for. The default.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Peers are asked for a certificate that one of these roots has issued, but may have none. The file has the root
    /// certificates as PEM; it is read when the server is bound, and again by
    /// [`Handle::reload_tls`](crate::Handle::reload_tls).
    #[must_use]
    pub fn requested(roots: impl Into<PathBuf>) -> Self {
        Self(Asked::Requested(roots.into()))
    }

    /// Asks as [`ClientAuth::requested`] does, and fails the handshake of a peer without a certificate.
    #[must_use]
    pub fn required(roots: impl Into<PathBuf>) -> Self {
        Self(Asked::Required(roots.into()))
    }

    pub(super) fn is_none(&self) -> bool {
        matches!(self.0, Asked::No)
    }

    /// The rule of hosts that have none.
    pub(super) fn none_ref() -> &'static Self {
        static NONE: ClientAuth = ClientAuth(Asked::No);
        &NONE
    }

    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    /// The verifier of client certificates, if any are requested.
    ///
    /// # Errors
    /// The mistakes in the roots.
    pub(super) fn load(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
        let (path, is_required) = match &self.0 {
            Asked::No => return Ok(None),
            Asked::Requested(path) => (path, false),
            Asked::Required(path) => (path, true),
        };
        let wrong = |error: String| format!("can't read root certificates from {}: {error}", path.display());
        let roots = read_roots(path).map_err(wrong)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
        let verifier = if is_required { verifier } else { verifier.allow_unauthenticated() };
        verifier.build().map(Some).map_err(|error| wrong(error.to_string()))
    }
}

fn read_roots(path: &Path) -> Result<RootCertStore, String> {
    let pem = fs::read(path).map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    for root in certificates(&pem)? {
        roots.add(root).map_err(|error| error.to_string())?;
    }
    Ok(roots)
}
