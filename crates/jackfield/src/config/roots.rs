//! Trusted roots for outgoing TLS: a configuration for each usual choice.

use crate::config::tls::{no_provider_error, provider};
use rustls::{ClientConfig, RootCertStore};
use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;

/// Trusts the authorities of Mozilla's list, as it was when the crate `webpki-roots` was released: the same on every machine, and
/// as old as the build (feature `tls-webpki-roots`).
///
/// # Errors
/// [`ErrorKind::Unsupported`]: no cryptography was built in.
///
/// ```no_run
/// use jackfield::{Outgoing, roots};
///
/// # fn main() -> std::io::Result<()> {
/// // Made once: sessions are resumed by those who share it.
/// let trusted = roots::webpki()?;
/// let prices = Outgoing::websocket("wss://feed.example/prices").tls(trusted);
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "tls-webpki-roots")]
pub fn webpki() -> Result<Arc<ClientConfig>> {
    trusting(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
}

/// Trusts whom the system trusts, an authority of its administrator's too: `SSL_CERT_FILE` and `SSL_CERT_DIR`, or else what the
/// system has (feature `tls-native-roots`). Reads files, so not in a callback. Certificates that can't be read are left out, and
/// logged.
///
/// # Errors
/// [`ErrorKind::NotFound`]: the system has none that can be read, and why. [`ErrorKind::Unsupported`]: no cryptography was
/// built in.
#[cfg(feature = "tls-native-roots")]
pub fn system() -> Result<Arc<ClientConfig>> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (_, unusable) = roots.add_parsable_certificates(found.certs);
    let wrong = found.errors.iter().map(ToString::to_string).collect::<Vec<String>>().join("; ");
    if roots.is_empty() {
        let why = format!("the system has no trusted certificates that can be used: {wrong}");
        return Err(Error::new(ErrorKind::NotFound, why));
    }
    if unusable > 0 || !wrong.is_empty() {
        log::warn!(target: "jackfield::tls", "{unusable} certificates of the system can't be used; {wrong}");
    }
    trusting(roots)
}

fn trusting(roots: RootCertStore) -> Result<Arc<ClientConfig>> {
    let provider = provider().ok_or_else(|| Error::new(ErrorKind::Unsupported, no_provider_error()))?;
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().map_err(Error::other)?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}
