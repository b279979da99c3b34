//! C25 of docs/features.md: whose certificates are trusted on the way out.

#[path = "support/mod.rs"]
mod support;
#[path = "support/tls.rs"]
mod tls;

use jackfield::roots;
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
    let key = PrivateKeyDer::from_pem_file(certificate.with_file_name("key.pem")).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    Arc::new(builder.with_single_cert(chain, key).unwrap())
}
