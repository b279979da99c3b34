//! From files of certificates to a configuration of TLS, and to a newer one.

use crate::config::host::Host;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

/// The certificates of a listener: from which files they come, and those that are shown now.
#[derive(Debug)]
pub(crate) struct Certificates {
    hosts: Vec<Host>,
    /// Who asks for a name of no host is shown none.
    is_strict: bool,
    provider: Arc<CryptoProvider>,
    /// In the order of the hosts. Read once for each handshake.
    shown: RwLock<Loaded>,
}

/// Of each host, its certificates.
pub(crate) type Loaded = Vec<Vec<Arc<CertifiedKey>>>;

/// What HTTP listeners speak, the preferred first (RFC 7301; IANA has the names).
const ALPN: [&[u8]; 2] = [b"http/1.1", b"http/1.0"];

/// The configuration of a listener with these hosts.
///
/// # Errors
/// Everything that is wrong with its files.
pub(crate) fn load(
    hosts: &[Host],
    is_strict: bool,
) -> Result<(Arc<ServerConfig>, Arc<Certificates>), Vec<String>> {
    let faults: Vec<String> = hosts.iter().flat_map(Host::faults).collect();
    if !faults.is_empty() {
        return Err(faults);
    }
    let missing = || vec!["TLS from files needs the feature `tls-ring` or `tls-aws-lc`".to_owned()];
    let provider = provider().ok_or_else(missing)?;
    let shown = RwLock::new(read_all(hosts, &provider)?);
    let config = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let config = config.map_err(|error| vec![format!("TLS can't be set up: {error}")])?;
    let certificates = Arc::new(Certificates { hosts: hosts.to_vec(), is_strict, provider, shown });
    let mut config = config.with_no_client_auth().with_cert_resolver(certificates.clone());
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).into();
    Ok((Arc::new(config), certificates))
}

impl Certificates {
    /// Reads the files once more.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(crate) fn read(&self) -> Result<Loaded, Vec<String>> {
        read_all(&self.hosts, &self.provider)
    }

    /// From now on these are shown in new handshakes.
    pub(crate) fn show(&self, loaded: Loaded) {
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = loaded;
    }

    /// Which host is meant by a name that is asked for, if any.
    fn host_of(&self, asked: Option<&str>) -> Option<usize> {
        let named = asked.and_then(|asked| self.hosts.iter().position(|host| host.is_called(asked)));
        let default = || self.hosts.iter().position(|host| host.names.is_empty()).unwrap_or(0);
        named.or_else(|| (!self.is_strict).then(default))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let host = self.host_of(hello.server_name())?;
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        let keys = shown.get(host)?;
        let is_understood =
            |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        keys.iter().find(is_understood).or(keys.first()).cloned()
    }
}

fn read_all(hosts: &[Host], provider: &CryptoProvider) -> Result<Loaded, Vec<String>> {
    let mut faults = Vec::new();
    let mut read =
        |pair: &(std::path::PathBuf, std::path::PathBuf)| match read_pair(&pair.0, &pair.1, provider) {
            Ok(key) => Some(Arc::new(key)),
            Err(wrong) => {
                faults.extend(wrong);
                None
            }
        };
    let loaded = hosts.iter().map(|host| host.pairs.iter().filter_map(&mut read).collect()).collect();
    if faults.is_empty() { Ok(loaded) } else { Err(faults) }
}

fn read_pair(chain: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, Vec<String>> {
    let read = CertificateDer::pem_file_iter(chain).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = match read {
        Ok(certificates) if certificates.is_empty() => {
            Err(format!("there is no certificate in {}", chain.display()))
        }
        read => read.map_err(|error| format!("no certificate from {}: {error}", chain.display())),
    };
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| format!("no private key from {}: {error}", key.display()));
    match (certificates, private) {
        (Ok(certificates), Ok(private)) => CertifiedKey::from_der(certificates, private, provider)
            .map_err(|error| vec![format!("{} and {}: {error}", chain.display(), key.display())]),
        (certificates, private) => Err(certificates.err().into_iter().chain(private.err()).collect()),
    }
}

/// The cryptography that was built in.
fn provider() -> Option<Arc<CryptoProvider>> {
    #[cfg(feature = "tls-ring")]
    return Some(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(all(feature = "tls-aws-lc", not(feature = "tls-ring")))]
    return Some(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    #[cfg(not(any(feature = "tls-ring", feature = "tls-aws-lc")))]
    None
}
