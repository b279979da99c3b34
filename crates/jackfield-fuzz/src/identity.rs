//! Who the simulated server is, by TLS.

use jackfield::Host;
use jackfield::sim::{Random, Tls};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, GetRandomFailed, SecureRandom};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

/// The same certificate, as a configuration for all and as that of a host.
pub(crate) struct Identity {
    pub(crate) tls: Tls,
    pub(crate) host: Host,
}

/// One identity for all days. With Ed25519, so that every handshake has the same length.
pub(crate) fn identity() -> &'static Identity {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    IDENTITY.get_or_init(make)
}

fn make() -> Identity {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
    let mut params =
        rcgen::CertificateParams::new(["localhost", "*.hosts.sim"].map(String::from)).expect("two names");
    // All certificates of a simulation are of one length.
    params.serial_number = Some(1_u64.into());
    let certificate = params.self_signed(&key).expect("a certificate");
    let (chain, pem) = (certificate.pem(), key.serialize_pem());
    let host = Host::new("localhost").tag(1);
    let host = host.certificate_from(move || Ok((chain.clone().into(), pem.clone().into())));
    let certificate = CertificateDer::from(certificate);
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a certificate");
    let ring = rustls::crypto::ring::default_provider();
    let provider = Arc::new(CryptoProvider { secure_random: &Seeded, ..ring });
    let server = ServerConfig::builder_with_provider(provider.clone());
    let server = server.with_safe_default_protocol_versions().expect("versions of its own");
    let server = server.with_no_client_auth().with_single_cert(vec![certificate], key).expect("its own key");
    let client = ClientConfig::builder_with_provider(provider);
    let client = client.with_safe_default_protocol_versions().expect("versions of its own");
    let mut client = client.with_root_certificates(roots).with_no_client_auth();
    // The first handshake is as long as the second.
    client.resumption = Resumption::disabled();
    let name = ServerName::try_from("localhost").expect("a name");
    Identity { tls: Tls { server: server.into(), client: client.into(), name }, host }
}

thread_local! {
    /// What TLS takes for chance in the simulation of this thread.
    static CHANCE: RefCell<Random> = RefCell::new(Random::new(0));
}

/// What TLS takes for chance on this thread depends on the seed from now on.
pub(crate) fn seed_tls(seed: u64) {
    CHANCE.set(Random::new(seed));
}

/// Chance from the seed: the order of the extensions in a ClientHello and what is in it are the same for the same seed. Keys
/// are still the provider's own, but all of one length.
#[derive(Debug)]
struct Seeded;

impl SecureRandom for Seeded {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        CHANCE.with_borrow_mut(|chance| bytes.fill_with(|| chance.below(256) as u8));
        Ok(())
    }
}
