//! T1, T4, T6 and T9 of docs/features.md with clients of others, openssl and curl; and what is wrong in a handshake. Where a
//! program is missing its tests say so and pass.

use crate::{support, tls};
use jackfield::test::{FarEnd, TestOptions, TestServer};
use jackfield::{Client, ClientAuth, Exchange, Listener, Peer, Request, Server};
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use support::probe::{Probe, Watcher};
use support::real::Live;
use tls::{Authority, Identity, Secured, record};

fn closing(host: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

/// Answers with the facts of its handshake.
struct Facts;

impl Client for Facts {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        let facts = exchange.peer().tls().map(|facts| {
            let alpn = String::from_utf8_lossy(facts.alpn().unwrap_or(b"none")).into_owned();
            let name = facts.server_name().unwrap_or("none").to_owned();
            let (resumed, count) = (facts.is_resumed(), facts.certificates().len());
            format!("[{:?} {name} {alpn} resumed {resumed} certificates {count}]", facts.version())
        });
        exchange.ok("text/plain", facts.unwrap_or_default());
    }
}

/// A server with hosts, and what its visitors need in files.
struct World {
    live: Live,
    roots: PathBuf,
    /// A client's certificate and its key.
    own: [PathBuf; 2],
    folder: PathBuf,
}

impl World {
    fn new(test: &str) -> Self {
        let folder = tls::own_folder().join(test);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let file = |name: &str, text: String| {
            let path = folder.join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
        let issued = clients.issue("client.example");
        let client_roots = file("client-roots.pem", clients.pem());
        let listener = Listener::tcp("127.0.0.1:0")
            .host(servers.host("a.example"))
            .host(servers.host("staff.example").client_auth(ClientAuth::required(client_roots)));
        let live = Live::serve(Server::builder().listen(listener).reactors(2), |_peer: &Peer| Facts);
        let roots = file("roots.pem", servers.pem());
        let own = [file("own.pem", issued.chain_pem), file("own.key", issued.key_pem)];
        Self { live, roots, own, folder }
    }

    fn own(&self) -> [&str; 4] {
        let [certificate, key] = self.own.each_ref().map(|path| path.to_str().unwrap());
        ["-cert", certificate, "-key", key]
    }

    /// What openssl prints when it asks a host for a page. `None`: it is missing.
    fn s_client(&self, host: &str, args: &[&str]) -> Option<String> {
        let addr = self.live.addr().to_string();
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &addr, "-servername", host, "-ign_eof", "-CAfile"]);
        command.arg(&self.roots).args(args);
        run(command, &closing(host))
    }

    /// The body that curl gets from a host, or what it complains about.
    fn curl(&self, host: &str, args: &[&str]) -> Option<String> {
        let SocketAddr::V4(addr) = self.live.addr() else { panic!("it is IPv4") };
        let mut command = Command::new("curl");
        command.args(["-sS", "--max-time", "60", "--resolve"]);
        command.arg(format!("{host}:{}:127.0.0.1", addr.port())).arg("--cacert").arg(&self.roots);
        command.args(args).arg(format!("https://{host}:{}/[1-{TIMES}]", addr.port()));
        run(command, "")
    }
}

/// How often curl asks, each time on a new connection.
const TIMES: usize = 20;

/// Everything that a program prints.
fn run(mut command: Command, input: &str) -> Option<String> {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        support::skip::skip(&format!("{:?} can't be started", command.get_program()));
        return None;
    };
    // It may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Some([output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat())
}

#[track_caller]
fn check(printed: Option<String>, expected: &[&str]) {
    let Some(printed) = printed else { return };
    for expected in expected {
        assert!(printed.contains(expected), "{expected:?} is not in: {printed}");
    }
}

#[test]
fn t1_openssl_agrees_on_versions_names_and_protocols() {
    let world = World::new("t1-openssl");
    let rows: [(&str, &[&str], &[&str]); 8] = [
        ("a.example", &["-tls1_2"], &["New, TLSv1.2", "Verify return code: 0", "[TLSv1_2 a.example none "]),
        ("a.example", &["-tls1_3"], &["New, TLSv1.3", "Verify return code: 0", "[TLSv1_3 a.example none "]),
        ("a.example", &["-alpn", "http/1.1"], &["ALPN protocol: http/1.1", "a.example http/1.1 "]),
        ("a.example", &["-alpn", "http/1.0,http/1.1"], &["ALPN protocol: http/1.1"]),
        ("a.example", &["-alpn", "h2"], &["alert no application protocol"]),
        // Keys of tickets change every six hours, and are good for twelve.
        ("a.example", &["-tls1_2"], &["ticket lifetime hint: 43200 (seconds)"]),
        ("A.Example", &["-verify_hostname", "a.example"], &["Verify return code: 0"]),
        ("a.example", &["-tls1_2", "-cipher", "AES128-SHA"], &["alert handshake failure"]),
    ];
    for (host, args, expected) in rows {
        check(world.s_client(host, args), expected);
    }
}

#[test]
fn t9_openssl_resumes_in_both_versions() {
    let world = World::new("t9-openssl");
    for version in ["-tls1_2", "-tls1_3"] {
        let session = world.folder.join(format!("session{version}"));
        let session = session.to_str().unwrap();
        check(world.s_client("a.example", &[version, "-sess_out", session]), &["New, ", "resumed false"]);
        if fs::exists(session).unwrap() {
            check(
                world.s_client("a.example", &[version, "-sess_in", session]),
                &["Reused, ", "resumed true"],
            );
            // At another host the handshake is a full one.
            let args = [&[version, "-sess_in", session][..], &world.own()].concat();
            check(world.s_client("staff.example", &args), &["New, ", "resumed false certificates 1"]);
        }
    }
}

#[test]
fn t4_openssl_shows_its_certificate_where_it_is_asked_to() {
    let world = World::new("t4-openssl");
    for version in ["-tls1_2", "-tls1_3"] {
        let own = [&[version][..], &world.own()].concat();
        check(world.s_client("staff.example", &own), &["staff.example none resumed false certificates 1"]);
        check(world.s_client("staff.example", &[version]), &["alert", "rtificate"]);
        check(world.s_client("a.example", &own), &["a.example none resumed false certificates 0"]);
    }
}

#[test]
fn t4_curl_asks_for_pages_with_a_certificate_and_without() {
    let world = World::new("t4-curl");
    let [_, certificate, _, key] = world.own();
    for version in ["1.2", "1.3"] {
        let version = ["--tls-max", version];
        let name = version[1].replace('.', "_");
        let printed = world.curl("a.example", &version);
        check(printed, &[&format!("[TLSv{name} a.example http/1.1 resumed false certificates 0]")]);
        let own = [&version[..], &["--cert", certificate, "--key", key]].concat();
        let printed = world.curl("staff.example", &own);
        check(printed, &[&format!("[TLSv{name} staff.example http/1.1 resumed false certificates 1]")]);
        check(world.curl("staff.example", &version), &["curl: ("]);
    }
}

#[test]
fn t6_curl_loses_no_request_while_certificates_are_read_again() {
    let world = World::new("t6-curl");
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| world.curl("a.example", &["-H", "Connection: close"]));
        while !asking.is_finished() {
            world.live.handle.reload_tls().unwrap();
        }
        let Some(printed) = asking.join().unwrap() else { return };
        assert_eq!(printed.matches("certificates 0]").count(), TIMES, "{printed}");
        assert!(!printed.contains("curl: ("), "{printed}");
    });
}

/// What becomes of a peer that says something wrong before there is a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// An alert comes, and then the end.
    Alert,
    /// The end comes at once.
    AtOnce,
    /// At the deadline of the handshake it is reset.
    Deadline,
    /// It is answered.
    Answered,
}

fn end_of(server: &mut TestServer, far: &FarEnd, at_once: &[u8]) -> End {
    match at_once.first() {
        Some(22) => return End::Answered,
        Some(21) => {
            assert!(far.has_server_finished(), "the end comes behind the alert");
            return End::Alert;
        }
        None if far.has_server_finished() || far.is_reset() => return End::AtOnce,
        _ => {}
    }
    server.advance(Duration::from_secs(10) - Duration::from_millis(1));
    assert!(!far.is_reset() && !far.has_server_finished(), "the deadline is not over");
    server.advance(Duration::from_millis(1));
    assert!(far.is_reset());
    End::Deadline
}

#[test]
fn t1_a_wrong_handshake_ends_immediately_or_at_its_deadline() {
    let (identity, authority) = (Identity::new(), Authority::new("servers"));
    let watcher = Watcher::default();
    let listeners = vec![
        Listener::tcp("in memory").raw().tls_config(identity.server_config()),
        Listener::tcp("in memory").raw().host(authority.host("localhost")),
    ];
    let options = TestOptions { listeners, observer: Arc::new(watcher.clone()), ..TestOptions::default() };
    let mut server = TestServer::with_options(options, |_peer: &Peer| Probe::default());
    let config = identity.client_config(&[&rustls::version::TLS13]);
    let hello = Secured::new(server.connect_to(0), config).hello();
    server.advance(Duration::from_secs(10));
    watcher.log.take();
    let body = &hello[5..];
    let bytes_of_one: Vec<u8> = body.iter().flat_map(|byte| record(&[*byte])).collect();
    // It says that 16 MiB follow, and they do.
    let endless = [&[1, 255, 255, 255][..], &vec![0; 16_000]].concat();
    let endless = [record(&endless), record(&vec![0; 16_000]).repeat(1000)].concat();
    let goodbye = [21, 3, 3, 0, 2, 1, 0];
    let rows: [(&str, Vec<u8>, End); 10] = [
        ("silence", Vec::new(), End::Deadline),
        ("half of a hello", hello[..hello.len() / 2].to_vec(), End::Deadline),
        ("half of a hello in a whole record", record(&body[..body.len() / 2]), End::Deadline),
        ("plain text", b"GET / HTTP/1.1\r\n\r\n".to_vec(), End::Alert),
        ("garbage in a record", record(b"garbage"), End::Alert),
        ("an empty record", record(&[]), End::Alert),
        ("16 MiB of handshake", endless, End::Alert),
        ("a fatal alert", vec![21, 3, 3, 0, 2, 2, 40], End::Alert),
        ("records of one byte", bytes_of_one, End::Answered),
        ("a goodbye behind half of a hello", [&record(&body[..9])[..], &goodbye].concat(), End::Alert),
    ];
    for at in [0, 1] {
        // Before its version is known rustls ignores it; only with hosts a hello must come first.
        let alone = ("a goodbye", goodbye.to_vec(), [End::Deadline, End::Alert][at]);
        for (name, bytes, expected) in rows.iter().chain([&alone]) {
            let before = server.wires().stats().memory_bytes.value();
            let far = server.connect_to(at);
            let mut heard = Vec::new();
            // In pieces, as a network would bring them.
            for piece in bytes.chunks(10_000) {
                if !far.is_reset() {
                    far.send(piece);
                }
                server.run();
                heard.extend(far.take());
                let held = server.wires().stats().memory_bytes.value() - before;
                assert!(held < 200_000, "{name}: {held} bytes are held");
            }
            let found = end_of(&mut server, &far, &heard);
            assert_eq!(found, *expected, "{name} at {at}");
            far.finish();
            server.advance(Duration::from_secs(20));
            let reported = watcher.log.take();
            let reason = match expected {
                End::Deadline => "tls error Timeout(Handshake)",
                End::Answered => "tls error Peer",
                End::Alert | End::AtOnce => "tls error Tls",
            };
            assert_eq!(reported, [reason], "{name} at {at}");
        }
    }
    assert_eq!(server.handle().count(), 0);
}
