//! A certificate that a test has issued for itself. The tests of other crates use this file too.

// Each test binary uses its own part of this.
#![allow(dead_code, unreachable_pub)]

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, SignatureAlgorithm};
use std::fs;
use std::path::{Path, PathBuf};

/// A certificate and its key.
pub struct Identity {
    pub certificate: rcgen::Certificate,
    pub key: KeyPair,
}

impl Identity {
    /// For `localhost`.
    pub fn new() -> Self {
        Self::of(&["localhost"])
    }

    /// For these hosts.
    pub fn of(hosts: &[&str]) -> Self {
        Self::with_key(hosts, &PKCS_ECDSA_P256_SHA256)
    }

    /// With a key of this kind. With Ed25519 every signature has the same length.
    pub fn with_key(hosts: &[&str], kind: &'static SignatureAlgorithm) -> Self {
        let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        Self::with_params(&CertificateParams::new(hosts).unwrap(), kind)
    }

    /// A certificate that says what these parameters have.
    pub fn with_params(params: &CertificateParams, kind: &'static SignatureAlgorithm) -> Self {
        let key = KeyPair::generate_for(kind).unwrap();
        Self { certificate: params.self_signed(&key).unwrap(), key }
    }

    /// The certificate and the key as PEM.
    pub fn pem(&self) -> (String, String) {
        (self.certificate.pem(), self.key.serialize_pem())
    }

    /// Writes both as PEM files.
    pub fn write(&self, certificate: &Path, key: &Path) {
        fs::write(certificate, self.certificate.pem()).unwrap();
        fs::write(key, self.key.serialize_pem()).unwrap();
    }

    /// Writes both as PEM files into this folder, and says where they are.
    pub fn files_in(&self, folder: &Path) -> (PathBuf, PathBuf) {
        fs::create_dir_all(folder).unwrap();
        let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
        self.write(&certificate, &key);
        (certificate, key)
    }
}
