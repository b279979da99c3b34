//! Where a listener's TLS configuration comes from, and what is read from its files.

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a listener's TLS configuration comes from.
#[derive(Clone, Debug)]
pub(crate) enum Tls {
    Files { certificates: PathBuf, key: PathBuf },
    Config(Arc<ServerConfig>),
}

/// The configuration of a listener, or what is wrong with its files.
pub(crate) fn load(tls: &Tls) -> Result<Arc<ServerConfig>, String> {
    match tls {
        Tls::Config(config) => Ok(config.clone()),
        Tls::Files { certificates, key } => from_files(certificates, key).map(Arc::new),
    }
}

fn from_files(certificates: &Path, key: &Path) -> Result<ServerConfig, String> {
    let chain = CertificateDer::pem_file_iter(certificates).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| format!("no certificate from {}: {error}", certificates.display()))?;
    if chain.is_empty() {
        return Err(format!("there is no certificate in {}", certificates.display()));
    }
    let key_der = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| format!("no private key from {}: {error}", key.display()))?;
    let provider = provider().ok_or("TLS from files needs the feature `tls-ring` or `tls-aws-lc`")?;
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| format!("TLS can't be set up: {error}"))?;
    let config = config.with_no_client_auth().with_single_cert(chain, key_der);
    let mut config =
        config.map_err(|error| format!("{} and {}: {error}", certificates.display(), key.display()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The cryptography that was built in.
fn provider() -> Option<Arc<rustls::crypto::CryptoProvider>> {
    #[cfg(feature = "tls-ring")]
    return Some(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(all(feature = "tls-aws-lc", not(feature = "tls-ring")))]
    return Some(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    #[cfg(not(any(feature = "tls-ring", feature = "tls-aws-lc")))]
    None
}
