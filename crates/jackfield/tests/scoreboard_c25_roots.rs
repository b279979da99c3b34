//! C25 of docs/features.md: whose certificates are trusted on the way out.

#[path = "support/mod.rs"]
mod support;
#[path = "support/tls.rs"]
mod tls;

use jackfield::roots;
use rcgen::{CertificateParams, DnType, DnValue, Issuer, KeyPair, PKCS_ECDSA_P384_SHA384};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, Connection, Error, ServerConfig, ServerConnection,
};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tls::Identity;

/// What a handshake in memory comes to, on the client's side.
fn shake(config: Arc<ClientConfig>, server: Arc<ServerConfig>) -> Result<(), Error> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = Connection::from(ClientConnection::new(config, name).unwrap());
    let mut server = Connection::from(ServerConnection::new(server).unwrap());
    while client.is_handshaking() {
        carry(&mut client, &mut server);
        server.process_new_packets()?;
        carry(&mut server, &mut client);
        client.process_new_packets()?;
    }
    Ok(())
}

fn carry(from: &mut Connection, to: &mut Connection) {
    let mut records = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut records).unwrap();
    }
    let mut rest = &records[..];
    while !rest.is_empty() {
        to.read_tls(&mut rest).unwrap();
    }
}

#[test]
fn c25_a_certificate_that_no_root_of_mozilla_has_issued_is_not_trusted() {
    let unknown = Error::InvalidCertificate(CertificateError::UnknownIssuer);
    assert_eq!(shake(roots::webpki().unwrap(), Identity::new().server_config()), Err(unknown));
}

/// A certificate that names a root of that list as its issuer, and has not its signature: that is all that is wrong, so the
/// root is trusted.
#[test]
fn c25_the_roots_of_mozilla_are_trusted() {
    let mut root = CertificateParams::default();
    root.distinguished_name.remove(DnType::CommonName);
    for (part, name) in [
        (DnType::CountryName, "US"),
        (DnType::OrganizationName, "Internet Security Research Group"),
        (DnType::CommonName, "ISRG Root X2"),
    ] {
        root.distinguished_name.push(part, DnValue::PrintableString(name.try_into().unwrap()));
    }
    // Its key is of the same kind as that of the root.
    let root = Issuer::new(root, KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap());
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let chain = vec![params.signed_by(&key, &root).unwrap().der().clone()];
    let server = serving(chain, PrivateKeyDer::try_from(key.serialize_der()).unwrap());
    let forged = Error::InvalidCertificate(CertificateError::BadSignature);
    assert_eq!(shake(roots::webpki().unwrap(), server), Err(forged));
}

#[test]
fn c25_the_features_of_the_roots_are_off() {
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    let manifest: toml::Table = toml::from_str(&manifest).unwrap();
    let features = manifest["features"].as_table().unwrap();
    // Each feature that is on by default, and what that turns on.
    let mut on = vec!["default"];
    let mut looked_at = 0;
    while let Some(feature) = on.get(looked_at) {
        let more = features.get(*feature).and_then(toml::Value::as_array).into_iter().flatten();
        on.extend(more.filter_map(toml::Value::as_str));
        looked_at += 1;
    }
    assert!(on.contains(&"tls"), "{on:?}");
    for feature in ["tls-webpki-roots", "tls-native-roots"] {
        assert!(features.contains_key(feature) && !on.contains(&feature), "{on:?}");
    }
}

/// In a process of its own: the environment says which file is the system's.
#[test]
fn c25_certificates_of_the_system_roots_are_trusted() {
    if let Some(role) = std::env::var_os("ROOTS_ROLE") {
        return play(&role.into_string().unwrap());
    }
    let (trusted, _) = Identity::new().files("roots");
    let garbage = trusted.with_file_name("garbage.pem");
    std::fs::write(&garbage, "no certificate\n").unwrap();
    for (role, file) in [("trusted", &trusted), ("none", &garbage)] {
        let mut again = Command::new(std::env::current_exe().unwrap());
        again
            .args(["--exact", "c25_certificates_of_the_system_roots_are_trusted"])
            .env_remove("SSL_CERT_DIR");
        let output = again.env("ROOTS_ROLE", role).env("SSL_CERT_FILE", file).output().unwrap();
        assert!(output.status.success(), "{role}: {output:?}");
    }
}

fn play(role: &str) {
    if role == "none" {
        assert_eq!(roots::system().map_err(|error| error.kind()).unwrap_err(), ErrorKind::NotFound);
        return;
    }
    let config = roots::system().unwrap();
    let file = PathBuf::from(std::env::var_os("SSL_CERT_FILE").unwrap());
    assert_eq!(shake(config.clone(), server(&file)), Ok(()));
    // The name of its issuer is known, and it is not that one's.
    let forged = Error::InvalidCertificate(CertificateError::BadSignature);
    assert_eq!(shake(config, Identity::new().server_config()), Err(forged));
}

/// A server with the certificate in this file, and the key beside it.
fn server(certificate: &Path) -> Arc<ServerConfig> {
    let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
    serving(chain, PrivateKeyDer::from_pem_file(certificate.with_file_name("key.pem")).unwrap())
}

fn serving(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Arc<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    Arc::new(builder.with_single_cert(chain, key).unwrap())
}
