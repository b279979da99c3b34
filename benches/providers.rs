//! What TLS costs a server with each provider of cryptography: handshakes in memory, full and resumed, and records.
//!
//! `cargo run --profile fast -p jackfield-benches --features providers --bin bench-providers`
//!
//! Only the server's steps are timed, with rustls and no socket. The providers take turns, so a busy machine slows both. TLS 1.3,
//! X25519 and AES-256-GCM, which both providers choose by themselves; a certificate with ECDSA on P-256, and one with RSA.

use rcgen::{CertificateParams, CertifiedKey, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs, ring};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::server::ProducesTickets;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConfig, ServerConnection};
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One provider, on both sides.
struct Provider {
    name: &'static str,
    server: Arc<ServerConfig>,
    full: Arc<ClientConfig>,
    resuming: Arc<ClientConfig>,
}

/// Two sides that have shaken hands.
struct Pair {
    client: ClientConnection,
    server: ServerConnection,
    /// The server's share of the handshake.
    cost: Duration,
}

/// Rounds in which each provider takes its turn; what is shown are medians.
const ROUNDS: usize = 15;
const HANDSHAKES: u32 = 200;
const RECORDS: u32 = 2000;
/// The longest plain text of a record, and an answer as short as most.
const LONG: usize = 16 << 10;
const SHORT: usize = 128;

const NAME: &str = "localhost";

fn main() {
    let ecdsa = rcgen::generate_simple_self_signed([NAME.to_owned()]).expect("it can be signed");
    let (ecdsa, rsa) = (providers(&ecdsa), providers(&rsa_2048()));
    let [ring, aws] = ecdsa.each_ref().map(|provider| provider.name);
    println!("| the server's time for | {ring} | {aws} | {aws} / {ring} |\n| --- | ---: | ---: | ---: |");
    type Row<'a> = (&'static str, &'a [Provider; 2], fn(&Provider) -> Duration);
    let full: fn(&Provider) -> Duration = |provider| provider.handshakes(&provider.full, HandshakeKind::Full);
    let rows: [Row<'_>; 7] = [
        ("a full handshake", &ecdsa, full),
        ("a full handshake, RSA with 2048 bits", &rsa, full),
        ("a resumed handshake", &ecdsa, |provider| {
            provider.handshakes(&provider.resuming, HandshakeKind::Resumed)
        }),
        ("encrypting 16 KiB", &ecdsa, |provider| provider.encrypt(LONG)),
        ("decrypting 16 KiB", &ecdsa, |provider| provider.decrypt(LONG)),
        ("encrypting 128 B", &ecdsa, |provider| provider.encrypt(SHORT)),
        ("decrypting 128 B", &ecdsa, |provider| provider.decrypt(SHORT)),
    ];
    for (title, providers, measure) in rows {
        let mut rounds: Vec<[f64; 3]> = (0..ROUNDS)
            .map(|_| {
                let [ring, aws] = [0, 1].map(|number| measure(&providers[number]).as_secs_f64() * 1e6);
                [ring, aws, aws / ring]
            })
            .collect();
        let mut median = |column: usize| {
            rounds.sort_by(|a, b| a[column].total_cmp(&b[column]));
            (
                rounds[ROUNDS / 2][column],
                rounds[ROUNDS / 10][column],
                rounds[ROUNDS - 1 - ROUNDS / 10][column],
            )
        };
        let [ring, aws] = [0, 1].map(|column| {
            let (median, least, most) = median(column);
            format!("{median:.2} us ({least:.2} - {most:.2})")
        });
        let (ratio, least, most) = median(2);
        println!("| {title} | {ring} | {aws} | {ratio:.2} ({least:.2} - {most:.2}) |");
    }
    println!("\nMedians of {ROUNDS} rounds, with the second least and the second most in parentheses.");
}

/// A certificate with a key of RSA.
fn rsa_2048() -> CertifiedKey<KeyPair> {
    let signing_key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("it can be made");
    let params = CertificateParams::new([NAME.to_owned()]).expect("it is a name");
    let cert = params.self_signed(&signing_key).expect("it can be signed");
    CertifiedKey { cert, signing_key }
}

/// Both, with this certificate.
fn providers(made: &CertifiedKey<KeyPair>) -> [Provider; 2] {
    let ticketers = [ring::Ticketer::new(), aws_lc_rs::Ticketer::new()];
    let [ring_tickets, aws_tickets] = ticketers.map(|ticketer| ticketer.expect("it has keys"));
    [
        Provider::new("ring", made, ring::default_provider(), ring_tickets),
        Provider::new("aws-lc-rs", made, aws_lc_rs::default_provider(), aws_tickets),
    ]
}

impl Provider {
    fn new(
        name: &'static str,
        made: &CertifiedKey<KeyPair>,
        provider: CryptoProvider,
        ticketer: Arc<dyn ProducesTickets>,
    ) -> Self {
        let provider = Arc::new(provider);
        let chain = vec![made.cert.der().clone()];
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("it is a key");
        let server = ServerConfig::builder_with_provider(provider.clone());
        let server = server.with_safe_default_protocol_versions().expect("it has all versions");
        let mut server = server.with_no_client_auth().with_single_cert(chain, key).expect("they match");
        server.ticketer = ticketer;
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).expect("it is a certificate");
        let client = ClientConfig::builder_with_provider(provider);
        let client = client.with_safe_default_protocol_versions().expect("it has all versions");
        let resuming = client.with_root_certificates(roots).with_no_client_auth();
        let mut full = resuming.clone();
        full.resumption = Resumption::disabled();
        Self { name, server: Arc::new(server), full: Arc::new(full), resuming: Arc::new(resuming) }
    }

    /// The server's time for a handshake of this kind.
    fn handshakes(&self, client: &Arc<ClientConfig>, kind: HandshakeKind) -> Duration {
        // The first has nothing to resume.
        Pair::new(self, client);
        let pairs = (0..HANDSHAKES).map(|_| Pair::new(self, client));
        let cost: Duration = pairs
            .inspect(|pair| assert_eq!(pair.server.handshake_kind(), Some(kind)))
            .map(|pair| pair.cost)
            .sum();
        cost / HANDSHAKES
    }

    /// The server's time to encrypt a record.
    fn encrypt(&self, bytes: usize) -> Duration {
        let mut pair = Pair::new(self, &self.full);
        let (plain, mut records) = (vec![b'x'; bytes], Vec::new());
        let mut cost = Duration::ZERO;
        for _ in 0..RECORDS {
            records.clear();
            let begin = Instant::now();
            pair.server.writer().write_all(&plain).expect("it has room");
            while pair.server.wants_write() {
                pair.server.write_tls(&mut records).expect("memory takes all");
            }
            cost += begin.elapsed();
        }
        cost / RECORDS
    }

    /// The server's time to decrypt a record.
    fn decrypt(&self, bytes: usize) -> Duration {
        let mut pair = Pair::new(self, &self.full);
        let (plain, mut room, mut records) = (vec![b'x'; bytes], vec![0; bytes], Vec::new());
        let mut cost = Duration::ZERO;
        for _ in 0..RECORDS {
            records.clear();
            pair.client.writer().write_all(&plain).expect("it has room");
            while pair.client.wants_write() {
                pair.client.write_tls(&mut records).expect("memory takes all");
            }
            let begin = Instant::now();
            let mut rest = &records[..];
            while !rest.is_empty() {
                pair.server.read_tls(&mut rest).expect("it has room");
                pair.server.process_new_packets().expect("it is a record");
            }
            pair.server.reader().read_exact(&mut room).expect("all of it is there");
            cost += begin.elapsed();
        }
        cost / RECORDS
    }
}

impl Pair {
    /// A handshake from its beginning to its end, tickets included.
    fn new(provider: &Provider, client: &Arc<ClientConfig>) -> Self {
        let name = ServerName::try_from(NAME).expect("it is a name");
        let mut client = ClientConnection::new(client.clone(), name).expect("it can be used");
        let mut cost = Duration::ZERO;
        let begin = Instant::now();
        let mut server = ServerConnection::new(provider.server.clone()).expect("it can be used");
        cost += begin.elapsed();
        while client.wants_write() || client.is_handshaking() {
            let mut said = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut said).expect("memory takes all");
            }
            let begin = Instant::now();
            let (mut rest, mut answer) = (&said[..], Vec::new());
            while !rest.is_empty() {
                server.read_tls(&mut rest).expect("it has room");
                server.process_new_packets().expect("it is what TLS allows");
            }
            while server.wants_write() {
                server.write_tls(&mut answer).expect("memory takes all");
            }
            cost += begin.elapsed();
            let mut rest = &answer[..];
            while !rest.is_empty() {
                client.read_tls(&mut rest).expect("it has room");
                client.process_new_packets().expect("it is what TLS allows");
            }
        }
        Self { client, server, cost }
    }
}
