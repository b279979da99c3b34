//! T2 and T6 of docs/features.md: certificates by the name that is asked for, and new ones without a restart.

use crate::{support, tls};
use jackfield::{Client, Exchange, Host, Listener, Request, Server};
use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, SignatureScheme, StreamOwned};
use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use support::real::{Live, connect, read_answer};

struct Hello;

impl Client for Hello {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        exchange.ok("text/plain", "hello");
    }
}

/// The files of certificates, in a folder of a test.
struct Files(PathBuf);

impl Files {
    fn new(name: &str) -> Self {
        let folder = tls::own_folder().join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// A new certificate for itself, with a new key; what it is shown as.
    fn make(&self, name: &str, kind: &'static rcgen::SignatureAlgorithm) -> Vec<u8> {
        let made = tls::Identity::with_key(&[name], kind);
        let (chain, key) = self.pair(name);
        made.write(&chain, &key);
        made.certificate.der().to_vec()
    }

    fn pair(&self, name: &str) -> (PathBuf, PathBuf) {
        let path = |kind: &str| self.0.join(format!("{}.{kind}", name.replace('*', "star")));
        (path("pem"), path("key"))
    }

    fn host(&self, name: &str) -> Host {
        let (chain, key) = self.pair(name);
        Host::new(name).certificate(chain, key)
    }
}

const ALL: [SignatureScheme; 2] = [SignatureScheme::ED25519, SignatureScheme::ECDSA_NISTP256_SHA256];

/// A connection to a host of this name, or to an address; an error if the handshake fails.
fn open(
    addr: SocketAddr,
    name: &str,
    schemes: &[SignatureScheme],
) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let verifier = tls::Anybody::signed_by(schemes);
    let config = config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    let session = ClientConnection::new(Arc::new(config), ServerName::try_from(name.to_owned()).unwrap());
    let mut stream = StreamOwned::new(session.unwrap(), connect(addr));
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// The certificate that a client gets that asks for this name.
fn shown(addr: SocketAddr, name: &str) -> Vec<u8> {
    let stream = open(addr, name, &ALL).unwrap();
    stream.conn.peer_certificates().unwrap()[0].to_vec()
}

fn ask(stream: &mut StreamOwned<ClientConnection, TcpStream>) {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    assert!(read_answer(stream).ends_with("hello"));
}

fn serve(listener: Listener) -> Live {
    Live::serve(Server::builder().listen(listener).reactors(2), |_peer| Hello)
}

fn with_default(files: &Files, name: &str) -> Listener {
    let (chain, key) = files.pair(name);
    Listener::tcp("127.0.0.1:0").tls(chain, key)
}

#[test]
fn t2_each_host_shows_its_own_certificate() {
    let files = Files::new("t2-hosts");
    let [default, a, star] =
        ["default.example", "a.example", "*.b.example"].map(|name| files.make(name, &PKCS_ED25519));
    let listener =
        with_default(&files, "default.example").host(files.host("a.example")).host(files.host("*.b.example"));
    let server = serve(listener);
    for (name, expected) in [
        ("a.example", &a),
        ("A.EXAMPLE", &a),
        ("x.b.example", &star),
        ("x.y.b.example", &default),
        ("b.example", &default),
        ("default.example", &default),
        ("other.example", &default),
        // An address is asked for without a name.
        ("127.0.0.1", &default),
    ] {
        assert!(shown(server.addr(), name) == *expected, "{name}");
    }
    // What is for all names comes before the first host.
    let first = || Listener::tcp("127.0.0.1:0").host(files.host("a.example"));
    let (chain, key) = files.pair("default.example");
    let fallback = Host::fallback().certificate(&chain, &key);
    for listener in [first().tls(&chain, &key), first().host(fallback)] {
        let server = serve(listener);
        for (name, expected) in [("a.example", &a), ("other.example", &default), ("127.0.0.1", &default)] {
            assert!(shown(server.addr(), name) == *expected, "{name}");
        }
    }
}

#[test]
fn t2_with_strict_names_other_hosts_get_no_certificate() {
    let files = Files::new("t2-strict");
    let a = files.make("a.example", &PKCS_ED25519);
    let server = serve(Listener::tcp("127.0.0.1:0").host(files.host("a.example")).strict_sni(true));
    assert!(shown(server.addr(), "a.example") == a);
    for name in ["b.example", "127.0.0.1"] {
        assert!(open(server.addr(), name, &ALL).is_err(), "{name}");
    }
    // Without that the first host is used for all names.
    let server = serve(Listener::tcp("127.0.0.1:0").host(files.host("a.example")));
    assert!(shown(server.addr(), "b.example") == a);
}

#[test]
fn t2_a_host_may_have_keys_of_two_kinds() {
    let files = Files::new("t2-kinds");
    let first = files.make("ed.example", &PKCS_ED25519);
    let second = files.make("ec.example", &PKCS_ECDSA_P256_SHA256);
    let ((chain, key), (other_chain, other_key)) = (files.pair("ed.example"), files.pair("ec.example"));
    let host = Host::new("a.example").certificate(chain, key).certificate(other_chain, other_key);
    let server = serve(Listener::tcp("127.0.0.1:0").host(host));
    for (schemes, expected) in [(&ALL[..], &first), (&ALL[..1], &first), (&ALL[1..], &second)] {
        let stream = open(server.addr(), "a.example", schemes).unwrap();
        assert!(*stream.conn.peer_certificates().unwrap()[0] == **expected, "{schemes:?}");
    }
}

#[test]
fn t2_all_errors_are_named_together() {
    let files = Files::new("t2-wrong");
    files.make("good.example", &PKCS_ED25519);
    let (chain, _) = files.pair("good.example");
    fs::write(files.0.join("empty.pem"), "").unwrap();
    let listener = Listener::tcp("127.0.0.1:0")
        .tls(files.0.join("no.pem"), files.0.join("no.key"))
        .host(Host::new("a.example").certificate(chain, files.0.join("other.key")))
        .host(Host::new("b.example").certificate(files.0.join("empty.pem"), files.0.join("no.key")));
    let error = Server::builder().listen(listener).bind().unwrap_err().to_string();
    for expected in ["no.pem", "no.key", "other.key", "there is none in it"] {
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let listener = Listener::tcp("127.0.0.1:0").host(Host::new("two words")).host(Host::new("c.example"));
    let error = Server::builder().listen(listener).bind().unwrap_err().to_string();
    for expected in ["`two words` is not a host", "`c.example` has no certificate"] {
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let config = tls::Identity::new().server_config();
    let both = with_default(&files, "good.example").tls_config(config);
    assert!(Server::builder().listen(both).bind().unwrap_err().to_string().contains("give one of them"));
}

#[test]
fn t6_new_handshakes_show_new_certificates_and_no_connection_is_closed() {
    let files = Files::new("t6-reload");
    let names = ["default.example", "a.example"];
    let old = names.map(|name| files.make(name, &PKCS_ED25519));
    let server = serve(with_default(&files, names[0]).host(files.host(names[1])));
    let mut open_before = open(server.addr(), names[0], &ALL).unwrap();
    ask(&mut open_before);
    let new = names.map(|name| files.make(name, &PKCS_ED25519));
    assert!(
        names.iter().zip(&old).all(|(name, old)| shown(server.addr(), name) == *old),
        "nobody has asked for it"
    );
    server.handle.reload_tls().unwrap();
    assert!(names.iter().zip(&new).all(|(name, new)| shown(server.addr(), name) == *new));
    ask(&mut open_before);
}

#[test]
fn t6_an_invalid_pair_is_an_error_and_all_old_ones_stay() {
    let files = Files::new("t6-invalid");
    let names = ["default.example", "a.example"];
    let old = names.map(|name| files.make(name, &PKCS_ED25519));
    let server = serve(with_default(&files, names[0]).host(files.host(names[1])));
    let stay = || names.iter().zip(&old).all(|(name, old)| shown(server.addr(), name) == *old);
    // The first is new and good; the key of the second belongs to another certificate.
    files.make(names[0], &PKCS_ED25519);
    let (_, key) = files.pair(names[1]);
    fs::copy(files.pair(names[0]).1, &key).unwrap();
    let faults = server.handle.reload_tls().unwrap_err();
    assert!(faults.len() == 1 && faults[0].contains("a.example"), "{faults:?}");
    assert!(stay());
    fs::remove_file(&key).unwrap();
    fs::write(files.pair(names[0]).0, "garbage").unwrap();
    let faults = server.handle.reload_tls().unwrap_err();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(stay());
    // It can be put right.
    let new = names.map(|name| files.make(name, &PKCS_ED25519));
    server.handle.reload_tls().unwrap();
    assert!(names.iter().zip(&new).all(|(name, new)| shown(server.addr(), name) == *new));
}

#[test]
fn t6_under_load_not_one_request_fails() {
    let files = Files::new("t6-load");
    files.make("default.example", &PKCS_ED25519);
    let server = serve(with_default(&files, "default.example"));
    let addr = server.addr();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(move || {
                for _ in 0..25 {
                    let mut stream = open(addr, "default.example", &ALL).unwrap();
                    (0..4).for_each(|_| ask(&mut stream));
                }
            });
        }
        for _ in 0..20 {
            files.make("default.example", &PKCS_ED25519);
            server.handle.reload_tls().unwrap();
        }
    });
    assert_eq!(server.handle.metrics().ended(jackfield::Reason::Tls), 0);
}

/// A server without such files has nothing to read.
#[test]
fn t6_a_reload_without_files_does_nothing() {
    let config = tls::Identity::new().server_config();
    let server = serve(Listener::tcp("127.0.0.1:0").tls_config(config));
    assert!(server.handle.reload_tls().is_ok());
}
