//! When certificates expire.

use rustls_pki_types::CertificateDer;

/// The last second of a certificate, since 1970. `None`: it can't be read.
pub(super) fn not_after(certificate: &CertificateDer<'_>) -> Option<i64> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(certificate.validity().not_after.timestamp())
}
