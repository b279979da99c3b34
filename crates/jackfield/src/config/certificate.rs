//! A certificate chain and its key, from files or from a closure.

use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

/// A certificate chain, its key, and an OCSP response.
#[derive(Clone, Debug)]
pub(crate) struct CertificateAndKey {
    source: PairSource,
    /// A file with an OCSP response, in DER.
    ocsp: Option<PathBuf>,
}

#[derive(Clone)]
enum PairSource {
    Files(PathBuf, PathBuf),
    Made(Arc<MakePair>),
}

/// Returns a chain and its key, both as PEM.
type MakePair = dyn Fn() -> io::Result<(Vec<u8>, Vec<u8>)> + Send + Sync;

impl CertificateAndKey {
    pub(crate) fn files(chain: PathBuf, key: PathBuf) -> Self {
        Self { source: PairSource::Files(chain, key), ocsp: None }
    }

    pub(crate) fn made(make: impl Fn() -> io::Result<(Vec<u8>, Vec<u8>)> + Send + Sync + 'static) -> Self {
        Self { source: PairSource::Made(Arc::new(make)), ocsp: None }
    }

    pub(crate) fn set_ocsp(&mut self, path: PathBuf) {
        self.ocsp = Some(path);
    }

    /// # Errors
    /// All mistakes in it.
    pub(crate) fn load(&self, provider: &CryptoProvider) -> Result<CertifiedKey, Vec<String>> {
        let pair = match &self.source {
            PairSource::Files(chain, key) => {
                certified(read(chain), read(key), &chain.display(), &key.display(), provider)
            }
            PairSource::Made(make) => {
                let (chain, key) =
                    make().map_err(|error| vec![format!("the closure gave no certificate: {error}")])?;
                certified(Ok(chain), Ok(key), &"what was made", &"what was made", provider)
            }
        };
        let Some(path) = &self.ocsp else { return pair };
        match (pair, fs::read(path)) {
            (pair, Err(error)) => {
                let faults = pair.err().unwrap_or_default();
                Err([faults, vec![format!("can't read an OCSP response from {}: {error}", path.display())]]
                    .concat())
            }
            (pair, Ok(ocsp)) => pair.map(|pair| CertifiedKey { ocsp: Some(ocsp), ..pair }),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| error.to_string())
}

fn certified(
    chain: Result<Vec<u8>, String>,
    key: Result<Vec<u8>, String>,
    chain_from: &dyn fmt::Display,
    key_from: &dyn fmt::Display,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, Vec<String>> {
    let (certificates, key) = parse(chain, key, chain_from, key_from)?;
    CertifiedKey::from_der(certificates, key, provider)
        .map_err(|error| vec![format!("{chain_from} and {key_from}: {error}")])
}

/// The certificate of an ACME challenge and its key. It is not checked that they belong together, because the certificate has
/// a critical extension that only ACME servers understand (RFC 8737 section 3).
///
/// # Errors
/// All mistakes in them.
pub(super) fn of_acme_challenge(
    chain: Vec<u8>,
    key: Vec<u8>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, Vec<String>> {
    let (certificates, key) = parse(Ok(chain), Ok(key), &"the chain", &"the key")?;
    let key = provider.key_provider.load_private_key(key).map_err(|error| vec![error.to_string()])?;
    Ok(CertifiedKey::new(certificates, key))
}

fn parse(
    chain: Result<Vec<u8>, String>,
    key: Result<Vec<u8>, String>,
    chain_from: &dyn fmt::Display,
    key_from: &dyn fmt::Display,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Vec<String>> {
    let certificates = chain
        .and_then(|pem| certificates(&pem))
        .map_err(|error| format!("can't read a certificate from {chain_from}: {error}"));
    let key = key
        .and_then(|pem| PrivateKeyDer::from_pem_slice(&pem).map_err(|error| error.to_string()))
        .map_err(|error| format!("can't read a private key from {key_from}: {error}"));
    match (certificates, key) {
        (Ok(certificates), Ok(key)) => Ok((certificates, key)),
        (certificates, key) => Err(certificates.err().into_iter().chain(key.err()).collect()),
    }
}

/// All certificates in a text, at least one.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    match all {
        Ok(all) if all.is_empty() => Err("there is none in it".into()),
        all => all.map_err(|error| error.to_string()),
    }
}

impl fmt::Debug for PairSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(chain, key) => f.debug_tuple("Files").field(chain).field(key).finish(),
            Self::Made(_) => f.write_str("Made"),
        }
    }
}
