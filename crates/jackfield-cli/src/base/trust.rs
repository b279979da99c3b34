//! Trusted certificates for targets with TLS.

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The files in which systems keep trusted certificates.
const SYSTEM_FILES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Trusts the certificates of a PEM file; without one, those of the system, which `SSL_CERT_FILE` may name.
///
/// # Errors
/// There is no such file, or no certificate in it, as a sentence.
pub fn trusting(file: Option<&Path>) -> Result<ClientConfig, String> {
    let file = match file {
        Some(file) => file.to_owned(),
        None => system_file()
            .ok_or("this system's trusted certificates were not found; name a file with --ca-file")?,
    };
    let unreadable = |why: String| format!("{}: {why}", file.display());
    let certificates = CertificateDer::pem_file_iter(&file).map_err(|error| unreadable(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    // Some certificates of a system may be unreadable for rustls.
    roots.add_parsable_certificates(certificates.filter_map(Result::ok));
    if roots.is_empty() {
        return Err(unreadable("there is no certificate in it".into()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    Ok(speaking_http(config.with_root_certificates(roots).with_no_client_auth()))
}

/// Trusts everybody, for test servers.
///
/// # Errors
/// If rustls refuses the configuration.
pub fn trusting_anybody() -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone());
    let config = config.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    let verifier = Arc::new(Anybody(provider));
    Ok(speaking_http(config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()))
}

/// Settings of both: each handshake is a full one, so that all cost the same.
fn speaking_http(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    config
}

fn system_file() -> Option<PathBuf> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    named.into_iter().chain(SYSTEM_FILES.map(PathBuf::from)).find(|file| file.is_file())
}

/// Accepts every certificate, and checks only that the server has its key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
