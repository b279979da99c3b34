//! `testbed` over TLS: with rustls, curl and OpenSSL, and with several hosts.

use crate::certificates::{secure_curl, self_signed, until};
use crate::common::connect;
use crate::http::Http;
use crate::process::{Example, TempDir, run};
use crate::streams::events;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use tungstenite::Message;

/// A certificate for this host, made just now.
struct Identity {
    dir: TempDir,
    certificate: rcgen::CertifiedKey<rcgen::KeyPair>,
    cert: PathBuf,
    key: PathBuf,
}

impl Identity {
    fn new(name: &str) -> Self {
        let certificate =
            rcgen::generate_simple_self_signed(["localhost".into(), "127.0.0.1".into()]).unwrap();
        let dir = TempDir::new(name);
        let cert = dir.write("cert.pem", &certificate.cert.pem());
        let key = dir.write("key.pem", &certificate.signing_key.serialize_pem());
        Self { dir, certificate, cert, key }
    }

    /// What a client needs that trusts this certificate.
    fn client(&self, version: &'static rustls::SupportedProtocolVersion) -> Arc<rustls::ClientConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.certificate.cert.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider);
        let config = config.with_protocol_versions(&[version]).unwrap();
        Arc::new(config.with_root_certificates(roots).with_no_client_auth())
    }

    /// A testbed with a TLS listener, and one without.
    fn start(&self) -> (Example, SocketAddr, SocketAddr) {
        let [cert, key] = [&self.cert, &self.key].map(|path| path.to_str().unwrap());
        let args = ["--tls", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--cert", cert, "--key", key];
        let mut example = Example::spawn("testbed", args);
        let (secure, plain) = (example.addr(), example.addr());
        (example, secure, plain)
    }
}

fn secured(
    config: &Arc<rustls::ClientConfig>,
    addr: SocketAddr,
) -> rustls::StreamOwned<rustls::ClientConnection, TcpStream> {
    let session = rustls::ClientConnection::new(config.clone(), "localhost".try_into().unwrap());
    rustls::StreamOwned::new(session.unwrap(), connect(addr))
}

#[test]
fn testbed_speaks_tls_with_rustls() {
    let identity = Identity::new("rustls");
    let (_example, secure, plain) = identity.start();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = identity.client(version);
        let secured = || secured(&config, secure);
        let mut http = Http::over(secured());
        http.get("/").is(200, "text/html", "OK");
        assert_eq!(http.get("/big").body.len(), 8 << 20);
        http.get("/late?ms=20").is(200, "text/plain", "late");
        http.send("GET /sse HTTP/1.1\r\nHost: test\r\nLast-Event-ID: 1\r\n\r\n");
        assert_eq!(http.head().status, 200);
        // An end without TLS's own farewell would be an error here.
        assert_eq!(events(&http.rest()).0.len(), 1);

        let (mut socket, _) = tungstenite::client("wss://localhost/", secured()).unwrap();
        for message in [Message::text("secret"), Message::binary(vec![5; 1 << 20])] {
            socket.send(message.clone()).unwrap();
            assert!(socket.read().unwrap() == message, "{} bytes", message.len());
        }
    }
    Http::connect(plain).get("/").is(200, "text/html", "OK");
    // Who does not speak TLS there is told so in plain.
    let mut lost = connect(secure);
    lost.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    lost.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.ends_with(
        "Content-Length: 44\r\nConnection: close\r\n\r\nThis port speaks TLS: use an https address.\n"
    ));
}

#[test]
fn testbed_speaks_tls_with_curl() {
    let identity = Identity::new("tls-curl");
    let (_example, secure, _) = identity.start();
    let (port, cacert) = (secure.port(), identity.cert.to_str().unwrap());
    let (root, big) = (format!("https://localhost:{port}/"), format!("https://127.0.0.1:{port}/big"));
    let resolve = format!("localhost:{port}:127.0.0.1");
    let args =
        ["-sS", "--cacert", cacert, "--resolve", &resolve, "-w", "|%{ssl_verify_result} %{http_code}|"];
    let Some(finished) = run("curl", args.iter().chain(&[&*root]), "") else { return };
    assert_eq!(String::from_utf8_lossy(&finished.stdout), "OK|0 200|");
    let copy = identity.dir.write("big", "");
    let Some(finished) = run("curl", args.iter().chain(&["-o", copy.to_str().unwrap(), &*big]), "") else {
        return;
    };
    assert_eq!(String::from_utf8_lossy(&finished.stdout), "|0 200|");
    assert_eq!(std::fs::metadata(copy).unwrap().len(), 8 << 20);
}

#[test]
fn testbed_speaks_tls_with_openssl() {
    let identity = Identity::new("tls-openssl");
    let (_example, secure, _) = identity.start();
    let secure = secure.to_string();
    for version in ["-tls1_2", "-tls1_3"] {
        let args =
            ["s_client", "-connect", &secure, "-servername", "localhost", "-verify_return_error", "-quiet"];
        let trust = ["-CAfile", identity.cert.to_str().unwrap(), version];
        let request = "GET /plaintext HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let Some(finished) = run("openssl", args.iter().chain(&trust), request) else { return };
        let answer = String::from_utf8_lossy(&finished.stdout);
        assert!(finished.status.success(), "{version}: {} {answer}", finished.status);
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("Hello, World!"),
            "{version}: {answer}"
        );
    }
}

#[test]
fn testbed_has_hosts_and_reads_their_certificates_again() {
    let dir = TempDir::new("testbed-hosts");
    let host = |name: &str| {
        let (chain, key) = self_signed(name);
        (dir.write(&format!("{name}.pem"), &chain), dir.write(&format!("{name}.key"), &key))
    };
    let [a, b] = ["a.test", "b.test"].map(host);
    let option = |name: &str, (chain, key): &(PathBuf, PathBuf)| {
        format!("{name}={},{}", chain.to_str().unwrap(), key.to_str().unwrap())
    };
    let (of_a, of_b) = (option("a.test", &a), option("b.test", &b));
    let args = ["--tls", "127.0.0.1:0", "--cert", &*of_a, "--cert", &*of_b];
    let mut example = Example::spawn("testbed", args);
    let addr = example.addr();
    for (name, (chain, _)) in [("a.test", &a), ("b.test", &b)] {
        let Some(page) = secure_curl(name, addr, chain, &[]) else { return };
        assert_eq!(page, "OK", "{name}");
    }
    // The files are written anew, and trusted as they are now.
    host("b.test");
    assert_eq!(secure_curl("b.test", addr, &b.0, &[]).unwrap(), "");
    example.signal("HUP");
    until(|| secure_curl("b.test", addr, &b.0, &[]).unwrap() == "OK");
    assert_eq!(secure_curl("a.test", addr, &a.0, &[]).unwrap(), "OK");
}
