//! `testbed` over TLS: with rustls, curl and OpenSSL, and with several hosts.

use super::secure_curl::{secure_curl, until};
use super::streams::events;
use crate::common::{Steady, connect};
use crate::http::Http;
use crate::identity::Identity;
use crate::process::{Example, TempDir, run};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tungstenite::Message;

/// A testbed with a TLS listener, which has a certificate made just now, and one without.
struct Testbed {
    _example: Example,
    secure: SocketAddr,
    plain: SocketAddr,
    identity: Identity,
    cert: String,
    dir: TempDir,
}

impl Testbed {
    fn start(name: &str) -> Self {
        let (identity, dir) = (Identity::of(&["localhost", "127.0.0.1"]), TempDir::new(name));
        let (cert, key) = identity.files_in(dir.path());
        let [cert, key] = [cert, key].map(|path| path.to_str().unwrap().to_owned());
        let args = ["--tls", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--cert", &cert, "--key", &key];
        let mut example = Example::spawn("testbed", args);
        let (secure, plain) = (example.addr(), example.addr());
        Self { _example: example, secure, plain, identity, cert, dir }
    }
}

fn secured(
    config: &Arc<rustls::ClientConfig>,
    addr: SocketAddr,
) -> rustls::StreamOwned<rustls::ClientConnection, Steady> {
    let session = rustls::ClientConnection::new(config.clone(), "localhost".try_into().unwrap());
    rustls::StreamOwned::new(session.unwrap(), connect(addr))
}

#[test]
fn testbed_speaks_tls_with_rustls() {
    let Testbed { secure, plain, identity, .. } = &Testbed::start("rustls");
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = Arc::new(identity.client_config(&[version]));
        let secured = || secured(&config, *secure);
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
    Http::connect(*plain).get("/").is(200, "text/html", "OK");
    // A client without TLS gets an answer in plain text.
    let mut lost = connect(*secure);
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
    let Testbed { secure, cert, dir, .. } = &Testbed::start("tls-curl");
    let port = secure.port();
    let (root, big) = (format!("https://localhost:{port}/"), format!("https://127.0.0.1:{port}/big"));
    let resolve = format!("localhost:{port}:127.0.0.1");
    let args = ["-sS", "--cacert", cert, "--resolve", &resolve, "-w", "|%{ssl_verify_result} %{http_code}|"];
    let Some(finished) = run("curl", args.iter().chain(&[&*root]), "") else { return };
    assert_eq!(String::from_utf8_lossy(&finished.stdout), "OK|0 200|");
    let copy = dir.write("big", "");
    let Some(finished) = run("curl", args.iter().chain(&["-o", copy.to_str().unwrap(), &*big]), "") else {
        return;
    };
    assert_eq!(String::from_utf8_lossy(&finished.stdout), "|0 200|");
    assert_eq!(std::fs::metadata(copy).unwrap().len(), 8 << 20);
}

#[test]
fn testbed_speaks_tls_with_openssl() {
    let Testbed { secure, cert, .. } = &Testbed::start("tls-openssl");
    let secure = secure.to_string();
    for version in ["-tls1_2", "-tls1_3"] {
        let args =
            ["s_client", "-connect", &secure, "-servername", "localhost", "-verify_return_error", "-quiet"];
        let trust = ["-CAfile", cert, version];
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
        let files = (dir.path().join(format!("{name}.pem")), dir.path().join(format!("{name}.key")));
        Identity::of(&[name]).write(&files.0, &files.1);
        files
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
