//! A server's certificate, and peers that trust it.

// Each test binary uses its own part of this.
#![allow(dead_code, unreachable_pub)]

#[path = "../../../jackfield-reactor/tests/common/configs.rs"]
mod configs;
#[path = "../../../jackfield-reactor/tests/common/identity.rs"]
mod identity;

pub use identity::Identity;

use configs::provider;
use jackfield::test::{FarEnd, TestServer};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme, StreamOwned,
    SupportedProtocolVersion,
};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::{fs, process};

/// A folder for files of this run only: another run of the same tests may go on beside it.
pub fn own_folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(process::id().to_string());
    fs::create_dir_all(&folder).unwrap();
    folder
}

impl Identity {
    /// The paths of both as PEM files, in a directory of this name.
    pub fn files(&self, name: &str) -> (PathBuf, PathBuf) {
        self.files_in(&own_folder().join(name))
    }

    /// A server's configuration by which peers may show certificates of this authority.
    pub fn server_config_with_clients(&self, authority: &Authority) -> rustls::ServerConfig {
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authority.roots()), provider());
        let verifier = verifier.allow_unauthenticated().build().unwrap();
        let builder = rustls::ServerConfig::builder_with_provider(provider());
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let (chain, key) = self.chain();
        builder.with_client_cert_verifier(verifier).with_single_cert(chain, key).unwrap()
    }

    /// A peer that shows a certificate of its own.
    pub fn client_config_as(
        &self,
        client: &Issued,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(provider());
        let builder = builder.with_protocol_versions(versions).unwrap().with_root_certificates(self.roots());
        builder.with_client_auth_cert(client.chain.clone(), client.key.clone_key()).unwrap()
    }

    pub fn connect(
        &self,
        addr: SocketAddr,
        config: ClientConfig,
    ) -> StreamOwned<ClientConnection, TcpStream> {
        let name = ServerName::try_from("localhost").unwrap();
        let session = ClientConnection::new(Arc::new(config), name).unwrap();
        StreamOwned::new(session, crate::support::real::connect(addr))
    }
}

/// It issues certificates for clients.
pub struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    certificate: rcgen::Certificate,
}

/// A certificate of a client.
pub struct Issued {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
    pub chain_pem: String,
    pub key_pem: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { issuer: rcgen::Issuer::new(params, key), certificate }
    }

    pub fn issue(&self, name: &str) -> Issued {
        let params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Issued {
            chain: vec![certificate.der().clone()],
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            chain_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        }
    }

    /// A host with a certificate for its name.
    pub fn host(&self, name: &str) -> jackfield::Host {
        let Issued { chain_pem, key_pem, .. } = self.issue(name);
        let made = move || Ok((chain_pem.clone().into_bytes(), key_pem.clone().into_bytes()));
        jackfield::Host::new(name).certificate_from(made)
    }

    /// A peer that trusts servers of this authority, and shows a certificate of its own if it has one.
    pub fn client(
        &self,
        certificate: Option<&Issued>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(provider());
        let builder = builder.with_protocol_versions(versions).unwrap().with_root_certificates(self.roots());
        match certificate {
            Some(own) => builder.with_client_auth_cert(own.chain.clone(), own.key.clone_key()).unwrap(),
            None => builder.with_no_client_auth(),
        }
    }

    /// Its own certificate as a PEM file of this name.
    pub fn file(&self, name: &str) -> PathBuf {
        let path = own_folder().join(format!("{name}.pem"));
        fs::write(&path, self.certificate.pem()).unwrap();
        path
    }

    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        roots
    }

    pub fn pem(&self) -> String {
        self.certificate.pem()
    }
}

/// A peer on an in-memory connection, with TLS above it.
pub struct Secured {
    pub far: FarEnd,
    /// The most bytes that were sent at once.
    pub sent_max: usize,
    session: ClientConnection,
}

impl Secured {
    /// Not a byte is sent yet.
    pub fn new(far: FarEnd, config: ClientConfig) -> Self {
        Self::to("localhost", far, config)
    }

    /// The same for a peer that asks for another host.
    pub fn to(name: &str, far: FarEnd, config: ClientConfig) -> Self {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        Self { far, sent_max: 0, session: ClientConnection::new(Arc::new(config), name).unwrap() }
    }

    /// Goes on until neither side has more to say.
    ///
    /// # Errors
    /// What TLS finds wrong, on this side or in an alert of the server.
    pub fn shake_hands(&mut self, server: &mut TestServer) -> Result<(), rustls::Error> {
        loop {
            self.send("");
            server.run();
            let came = self.far.take();
            if came.is_empty() {
                return Ok(());
            }
            let mut rest = &came[..];
            while !rest.is_empty() {
                self.session.read_tls(&mut rest).unwrap();
                self.session.process_new_packets()?;
            }
        }
    }

    pub fn alpn(&self) -> Option<&[u8]> {
        self.session.alpn_protocol()
    }

    /// Says something, runs until neither side has more to say, and returns what was heard, all in plain text.
    pub fn say(&mut self, server: &mut TestServer, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        self.session.writer().write_all(bytes.as_ref()).unwrap();
        let mut heard = Vec::new();
        loop {
            let mut records = Vec::new();
            while self.session.wants_write() {
                self.session.write_tls(&mut records).unwrap();
            }
            self.sent_max = self.sent_max.max(records.len());
            self.far.send(&records);
            server.run();
            let came = self.far.take();
            if came.is_empty() {
                return heard;
            }
            self.decrypt(&came, &mut heard);
        }
    }

    /// What has come, in plain text.
    pub fn hear(&mut self) -> Vec<u8> {
        let mut heard = Vec::new();
        let came = self.far.take();
        self.decrypt(&came, &mut heard);
        heard
    }

    fn decrypt(&mut self, mut came: &[u8], heard: &mut Vec<u8>) {
        while !came.is_empty() {
            self.session.read_tls(&mut came).unwrap();
            self.session.process_new_packets().unwrap();
            // It ends with "nothing for now", or with the server's goodbye.
            let _ = self.session.reader().read_to_end(heard);
        }
    }

    /// Ends its side in good order: the goodbye of TLS, and the end of the stream.
    pub fn finish(&mut self, server: &mut TestServer) -> Vec<u8> {
        self.session.send_close_notify();
        self.send("");
        self.far.finish();
        self.say(server, "")
    }

    /// Says something without waiting for an answer.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let records = self.encrypt(bytes.as_ref());
        self.far.send(&records);
    }

    /// The records of these bytes, which are not sent.
    pub fn encrypt(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.session.writer().write_all(bytes).unwrap();
        let mut records = Vec::new();
        while self.session.wants_write() {
            self.session.write_tls(&mut records).unwrap();
        }
        records
    }

    /// Says the goodbye of TLS, and nothing after it.
    pub fn send_goodbye(&mut self) {
        self.session.send_close_notify();
        self.send("");
    }

    /// What it says first of all.
    pub fn hello(&mut self) -> Vec<u8> {
        let mut hello = Vec::new();
        self.session.write_tls(&mut hello).unwrap();
        hello
    }

    /// The server has ended its side in the good order of TLS.
    pub fn has_heard_goodbye(&mut self) -> bool {
        matches!(self.session.reader().read(&mut [0]), Ok(0))
    }

    pub fn is_handshaking(&self) -> bool {
        self.session.is_handshaking()
    }
}

/// A record of a handshake around these bytes.
pub fn record(bytes: &[u8]) -> Vec<u8> {
    [&[22, 3, 1], &(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
}

/// Verifies nothing: a peer with it takes any certificate, signed in one of some ways, and keeps what it was shown last.
#[derive(Debug)]
pub struct Anybody {
    schemes: Vec<SignatureScheme>,
    /// The certificate of the server.
    pub certificate: Mutex<Vec<u8>>,
    /// The OCSP response that came with it.
    pub ocsp: Mutex<Vec<u8>>,
}

impl Anybody {
    pub fn signed_by(schemes: &[SignatureScheme]) -> Arc<Self> {
        Arc::new(Self { schemes: schemes.to_vec(), certificate: Mutex::default(), ocsp: Mutex::default() })
    }

    pub fn usual() -> Arc<Self> {
        Self::signed_by(&[SignatureScheme::ECDSA_NISTP256_SHA256])
    }
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.certificate.lock().unwrap() = certificate.to_vec();
        *self.ocsp.lock().unwrap() = ocsp.to_vec();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}
