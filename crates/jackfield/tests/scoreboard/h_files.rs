//! H11: files as answers.

use crate::{support, tls};
use jackfield::test::{FarEnd, TestOptions, TestServer};
use jackfield::{Client, ConnectionId, Exchange, Files, Request, Server};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};
use support::real::{self, Live};
use support::{get, statuses, text};
use tls::{Identity, Secured};

mod links;

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(files: &[(&str, &[u8])]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder =
            Self(std::env::temp_dir().join(format!("jackfield-files-{}-{number}", std::process::id())));
        fs::create_dir_all(folder.0.join("root")).unwrap();
        files.iter().for_each(|(name, bytes)| folder.write(name, bytes));
        folder
    }

    fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.root().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        // 2026-01-01, and half a second.
        let modified = UNIX_EPOCH + Duration::from_millis(1_767_225_600_500);
        fs::File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[derive(Clone)]
struct Page(Files);

impl Client for Page {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        self.0.answer(exchange, request);
    }
}

fn serve(files: Files) -> TestServer {
    TestServer::new(move |_peer| Page(files.clone()))
}

/// Head and body of the answer.
fn ask(server: &mut TestServer, method: &str, path: &str, lines: &str) -> (String, Vec<u8>) {
    let far = server.connect();
    far.send(format!("{method} {path} HTTP/1.1\r\nHost: h\r\n{lines}\r\n").as_bytes());
    parts(&take_all(server, &far))
}

/// What a slow reader takes at once.
const ROOM: usize = 100_000;

fn take_all(server: &mut TestServer, far: &FarEnd) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        if far.room().is_some() {
            far.set_room(Some(ROOM));
        }
        server.run();
        let some = far.take();
        if some.is_empty() {
            return all;
        }
        all.extend(some);
    }
}

fn parts(answer: &[u8]) -> (String, Vec<u8>) {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("there is a head") + 4;
    (text(&answer[..end]), answer[end..].to_vec())
}

fn line<'h>(head: &'h str, name: &str) -> &'h str {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
}

#[track_caller]
fn check(server: &mut TestServer, path: &str, status: u16) -> (String, Vec<u8>) {
    let (head, body) = ask(server, "GET", path, "");
    assert_eq!(statuses(head.as_bytes()), [status], "{path}");
    (head, body)
}

fn usual() -> Folder {
    Folder::new(&[
        ("index.html", b"<p>home"),
        ("a.txt", b"0123456789"),
        ("a bé.JS", b"js"),
        ("sub/index.html", b"sub"),
        ("sub/x.unknown", b"?"),
        ("empty.css", b""),
        (".secret", b"no"),
    ])
}

/// Such as a browser needs for files that others have uploaded.
#[test]
fn h11_answers_have_header_lines_of_your_own() {
    let folder = usual();
    let files = Files::folder(folder.root()).unwrap();
    let nosniff = "X-Content-Type-Options";
    let mut server =
        serve(files.clone().header(nosniff, "nosniff").header("Access-Control-Allow-Origin", "*"));
    for (lines, status) in [
        ("", 200),
        ("", 200),
        ("Range: bytes=1-2\r\n", 206),
        ("Range: bytes=90-\r\n", 416),
        ("If-None-Match: *\r\n", 304),
    ] {
        let head = ask(&mut server, "GET", "/a.txt", lines).0;
        assert_eq!(statuses(head.as_bytes()), [status]);
        let own = (line(&head, nosniff), line(&head, "Access-Control-Allow-Origin"));
        assert_eq!(own, ("nosniff", "*"), "{lines}");
    }
    let mut server = serve(files.header("no name", "x"));
    assert_eq!(statuses(ask(&mut server, "GET", "/a.txt", "").0.as_bytes()), [500]);
}

#[test]
fn h11_a_folder_is_served_with_types() {
    let folder = usual();
    let mut server = serve(Files::folder(folder.root()).unwrap().cache_control("max-age=60"));
    for (path, kind, body) in [
        ("/", "text/html; charset=utf-8", "<p>home"),
        ("/a.txt?x", "text/plain; charset=utf-8", "0123456789"),
        ("/a%20b%C3%A9.JS", "text/javascript; charset=utf-8", "js"),
        ("/sub/", "text/html; charset=utf-8", "sub"),
        ("/sub/x.unknown", "application/octet-stream", "?"),
        ("/empty.css", "text/css; charset=utf-8", ""),
    ] {
        let (head, found) = check(&mut server, path, 200);
        assert_eq!((line(&head, "Content-Type"), &*text(&found)), (kind, body), "{path}");
        assert_eq!(line(&head, "Content-Length"), body.len().to_string());
        assert_eq!(line(&head, "Last-Modified"), "Thu, 01 Jan 2026 00:00:00 GMT");
        assert_eq!((line(&head, "Accept-Ranges"), line(&head, "Cache-Control")), ("bytes", "max-age=60"));
        let (without, body) = ask(&mut server, "HEAD", path, "");
        assert_eq!((without, body.len()), (head, 0), "{path}");
    }
    let (head, _) = check(&mut server, "/sub", 308);
    assert_eq!(line(&head, "Location"), "/sub/");
    let (head, _) = ask(&mut server, "POST", "/a.txt", "");
    assert_eq!((statuses(head.as_bytes()), line(&head, "Allow")), (vec![405], "GET, HEAD"));
}

#[test]
fn h11_paths_outside_the_folder_and_non_files_are_not_found() {
    let folder = usual();
    fs::write(folder.0.join("outside.txt"), "secret").unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(folder.0.join("outside.txt"), folder.root().join("out.txt")).unwrap();
        std::os::unix::fs::symlink(&folder.0, folder.root().join("up")).unwrap();
        std::os::unix::fs::symlink("a.txt", folder.root().join("in.txt")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.root().join("zero")).unwrap();
        std::os::unix::net::UnixListener::bind(folder.root().join("socket")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(folder.root().join("fifo")).status().unwrap();
        assert!(made.success());
    }
    let files = Files::folder(folder.root()).unwrap();
    let mut server = serve(files.clone());
    for path in [
        "/none",
        "/../outside.txt",
        "/%2e%2e/outside.txt",
        "/sub/../a.txt",
        "/%C0%AE%C0%AE/outside.txt",
        "//a.txt",
        "/a.txt%00",
        "/a.txt/",
        "/..%5Coutside.txt",
        "/.secret",
        "/out.txt",
        "/up/outside.txt",
        "/zero",
        "/fifo",
        "/socket",
        "/%FF",
    ] {
        check(&mut server, path, 404);
    }
    assert_eq!(check(&mut server, "/in.txt", 200).1, b"0123456789");
    // Who allows more gets more, and no devices.
    let mut server = serve(files.clone().links_out(true).hidden(true));
    assert_eq!(check(&mut server, "/out.txt", 200).1, b"secret");
    assert_eq!(check(&mut server, "/.secret", 200).1, b"no");
    check(&mut server, "/zero", 404);
    check(&mut serve(files.index(None)), "/", 404);
    assert!(Files::folder(folder.root().join("a.txt")).is_err() && Files::file(folder.root()).is_err());
}

#[test]
fn h11_one_file_is_served_for_any_path() {
    let folder = usual();
    let mut server = serve(Files::file(folder.root().join("a.txt")).unwrap());
    for path in ["/", "/any/path/", "/../x"] {
        assert_eq!(check(&mut server, path, 200).1, b"0123456789");
    }
}

#[test]
fn h11_conditions_are_evaluated_in_order() {
    let folder = usual();
    let mut server = serve(Files::folder(folder.root()).unwrap());
    let (head, _) = check(&mut server, "/a.txt", 200);
    let etag = line(&head, "ETag").to_owned();
    let (before, same, after) =
        ("Wed, 31 Dec 2025 23:59:59 GMT", "Thu, 01 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 2026 00:00:01 GMT");
    for (lines, status) in [
        (format!("If-None-Match: {etag}\r\n"), 304),
        (format!("If-None-Match: \"x\", W/{etag}\r\n"), 304),
        ("If-None-Match: *\r\n".into(), 304),
        ("If-None-Match: \"x\"\r\n".into(), 200),
        // The tag counts, and not the date.
        (format!("If-None-Match: \"x\"\r\nIf-Modified-Since: {after}\r\n"), 200),
        (format!("If-Modified-Since: {same}\r\n"), 304),
        (format!("If-Modified-Since: {before}\r\n"), 200),
        ("If-Modified-Since: yesterday\r\n".into(), 200),
        (format!("If-Match: {etag}\r\n"), 200),
        ("If-Match: *\r\n".into(), 200),
        (format!("If-Match: W/{etag}\r\n"), 412),
        (format!("If-Unmodified-Since: {same}\r\n"), 200),
        (format!("If-Unmodified-Since: {before}\r\n"), 412),
        (format!("If-Match: {etag}\r\nIf-Unmodified-Since: {before}\r\n"), 200),
    ] {
        let (head, body) = ask(&mut server, "GET", "/a.txt", &lines);
        assert_eq!(statuses(head.as_bytes()), [status], "{lines}");
        assert_eq!(body.len(), if status == 200 { 10 } else { 0 }, "{lines}");
        assert_eq!(line(&head, "ETag"), etag);
    }
    folder.write("a.txt", b"another");
    assert_ne!(line(&check(&mut server, "/a.txt", 200).0, "ETag"), etag);
}

/// The fault: a list of tags with a byte that is not UTF-8 counted as none.
#[test]
fn h11_tags_that_are_not_utf8_are_tags() {
    let folder = usual();
    let mut server = serve(Files::folder(folder.root()).unwrap());
    let etag = line(&check(&mut server, "/a.txt", 200).0, "ETag").to_owned();
    let after = "Thu, 01 Jan 2026 00:00:01 GMT";
    for (lines, status) in [
        ("If-Match: \"\u{e9}\"".to_owned(), 412),
        (format!("If-Match: \"\u{e9}\", {etag}"), 200),
        (format!("If-None-Match: \"\u{e9}\"\r\nIf-Modified-Since: {after}"), 200),
        (format!("If-None-Match: \"\u{e9}\", {etag}"), 304),
    ] {
        let request = format!("GET /a.txt HTTP/1.1\r\nHost: h\r\n{lines}\r\n\r\n");
        // As Latin-1: one byte for each character.
        let request: Vec<u8> = request.chars().map(|one| one as u8).collect();
        let far = server.connect();
        far.send(&request);
        assert_eq!(statuses(&take_all(&mut server, &far)), [status], "{lines}");
    }
}

#[test]
fn h11_ranges_are_parts_or_416() {
    let folder = usual();
    let mut server = serve(Files::folder(folder.root()).unwrap());
    let etag = line(&check(&mut server, "/a.txt", 200).0, "ETag").to_owned();
    for (lines, status, range, body) in [
        ("Range: bytes=2-4\r\n".to_owned(), 206, "bytes 2-4/10", "234"),
        ("Range: bytes=-2\r\n".into(), 206, "bytes 8-9/10", "89"),
        ("Range: bytes=10-\r\n".into(), 416, "bytes */10", ""),
        ("Range: bytes=4-2\r\n".into(), 416, "bytes */10", ""),
        ("Range: lines=4-2\r\n".into(), 200, "", "0123456789"),
        (format!("Range: bytes=0-0\r\nIf-Range: {etag}\r\n"), 206, "bytes 0-0/10", "0"),
        ("Range: bytes=0-0\r\nIf-Range: \"x\"\r\n".into(), 200, "", "0123456789"),
        ("Range: bytes=0-0\r\nIf-Range: Thu, 01 Jan 2026 00:00:00 GMT\r\n".into(), 200, "", "0123456789"),
        (format!("Range: bytes=0-0\r\nIf-None-Match: {etag}\r\n"), 304, "", ""),
    ] {
        let (head, found) = ask(&mut server, "GET", "/a.txt", &lines);
        assert_eq!(statuses(head.as_bytes()), [status], "{lines}");
        assert_eq!((line(&head, "Content-Range"), &*text(&found)), (range, body), "{lines}");
    }
    let (head, body) = ask(&mut server, "GET", "/a.txt", "Range: bytes=0-1,8-\r\n");
    let boundary = line(&head, "Content-Type").strip_prefix("multipart/byteranges; boundary=").unwrap();
    let part = |range: &str, bytes: &str| {
        format!(
            "--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: {range}\r\n\r\n{bytes}\r\n"
        )
    };
    let expected = part("bytes 0-1/10", "01") + &part("bytes 8-9/10", "89") + &format!("--{boundary}--\r\n");
    assert_eq!((text(&body), statuses(head.as_bytes())), (expected, vec![206]));
}

#[test]
fn h11_precompressed_files_are_sent_to_clients_that_accept_them() {
    let folder = usual();
    folder.write("a.txt.gz", b"gzipped");
    folder.write("a.txt.br", b"brotli");
    let files = Files::folder(folder.root()).unwrap();
    let mut server = serve(files.clone().precompressed(true));
    let mut etags = Vec::new();
    for (accepts, encoding, body) in [
        ("gzip, br", "br", "brotli"),
        ("gzip, br;q=0", "gzip", "gzipped"),
        ("zstd", "", "0123456789"),
        ("", "", "0123456789"),
    ] {
        let (head, found) = ask(&mut server, "GET", "/a.txt", &format!("Accept-Encoding: {accepts}\r\n"));
        assert_eq!((line(&head, "Content-Encoding"), &*text(&found)), (encoding, body), "{accepts}");
        assert_eq!(line(&head, "Content-Type"), "text/plain; charset=utf-8");
        assert_eq!(line(&head, "Vary"), "Accept-Encoding");
        etags.push(line(&head, "ETag").to_owned());
    }
    assert!(etags[0] != etags[1] && etags[1] != etags[2] && etags[2] == etags[3], "{etags:?}");
    let (head, _) = ask(&mut serve(files), "GET", "/a.txt", "Accept-Encoding: br\r\n");
    assert_eq!(line(&head, "Content-Encoding"), "");
}

fn large() -> Vec<u8> {
    (0..3 << 20).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// The bytes that are read of a file or of a reader at once.
const PIECE: usize = 64 << 10;

/// The peer takes its answer slowly, from the beginning on: the next piece is read when it has taken most of the one before, and
/// not earlier. Returns how many pieces were read.
#[track_caller]
fn check_pace(server: &mut TestServer, request: &str) -> (FarEnd, usize) {
    let far = server.connect();
    let mut read = 0;
    // How much it takes, and how many pieces were read then.
    let steps = [(0, 1), (40_000, 1), (10_000, 2)];
    for (room, expected) in steps.into_iter().chain((3..20).map(|pieces| (PIECE, pieces))) {
        far.set_room(Some(room));
        if room == 0 {
            far.send(request.as_bytes());
        }
        server.run();
        let id = server.wires().ids().next().expect("it is there");
        // The head is shorter than a piece.
        read = (far.bytes_received() + server.wires().queued_bytes(id)) / PIECE;
        assert_eq!(read, expected, "{room} more bytes were taken");
    }
    (far, read)
}

/// A reader that stops costs a piece or two, not the file.
#[test]
fn h11_a_large_file_is_read_as_it_is_taken() {
    let bytes = large();
    let folder = Folder::new(&[("large.bin", &bytes)]);
    let mut server = serve(Files::folder(folder.root()).unwrap());
    let requests = get("/large.bin") + "GET /large.bin HTTP/1.1\r\nHost: h\r\nRange: bytes=-5\r\n\r\n";
    let (far, _) = check_pace(&mut server, &requests);
    let all = take_all(&mut server, &far);
    let (head, body) = parts(&all);
    assert_eq!(line(&head, "Content-Length"), bytes.len().to_string());
    assert!(body[..bytes.len()] == bytes);
    let (head, last) = parts(&body[bytes.len()..]);
    assert_eq!((statuses(head.as_bytes()), &*last), (vec![206], &bytes[bytes.len() - 5..]));
}

/// Asks for this, ends its side at once or when the answer has begun, and returns the answer.
fn ask_and_finish(
    server: &mut TestServer,
    request: &str,
    identity: Option<&Identity>,
    is_late: bool,
) -> Vec<u8> {
    let far = server.connect();
    let mut peer =
        identity.map(|identity| Secured::new(far.clone(), identity.client_config(rustls::DEFAULT_VERSIONS)));
    match &mut peer {
        Some(peer) => {
            peer.say(server, "");
            peer.send(request);
        }
        None => far.send(request.as_bytes()),
    }
    if is_late {
        far.set_room(Some(ROOM));
        server.run();
    }
    let all = match &mut peer {
        Some(peer) => {
            far.set_room(None);
            peer.finish(server)
        }
        None => {
            far.finish();
            take_all(server, &far)
        }
    };
    assert!(far.has_server_finished() && !far.is_reset());
    all
}

/// The fault: of a large file came a part and a reset, and of one that was not cached nothing.
#[test]
fn h11_a_half_closed_peer_gets_the_whole_file() {
    let bytes = large();
    let folder = Folder::new(&[("small.txt", b"0123456789"), ("large.bin", &bytes)]);
    thread::sleep(Duration::from_millis(30));
    let identity = Identity::new();
    let small = &b"0123456789"[..];
    let rows = [
        ("cached", "small.txt", 1 << 20, 1, vec![small]),
        ("to be cached", "small.txt", 1 << 20, 0, vec![small]),
        ("uncached", "small.txt", 0, 0, vec![small]),
        ("pulled", "large.bin", 0, 0, vec![&bytes[..]]),
        ("not there", "none", 0, 0, vec![&b"Not Found"[..]]),
    ];
    for (name, path, cache, asks_before, bodies) in rows {
        for version in ["1.0", "1.1"] {
            for (identity, is_late) in
                [(None, false), (None, true), (Some(&identity), false), (Some(&identity), true)]
            {
                let files = Files::folder(folder.root()).unwrap().cache(cache);
                let tls = identity.map(Identity::server_config);
                let options = TestOptions { tls, ..TestOptions::default() };
                let mut server = TestServer::with_options(options, move |_peer| Page(files.clone()));
                let request = format!("GET /{path} HTTP/{version}\r\nHost: h\r\n\r\n");
                for _ in 0..=asks_before {
                    let all = ask_and_finish(&mut server, &request, identity, is_late);
                    let case =
                        format!("{name}, HTTP/{version}, TLS: {}, late: {is_late}", identity.is_some());
                    assert!(parts(&all).1 == bodies.concat(), "{case}");
                    assert_eq!(server.handle().count(), 0, "{case}");
                }
            }
        }
    }
}

/// What it has asked for behind a file is read as before its end.
#[test]
fn h11_a_half_closed_peer_gets_all_the_files_that_it_asked_for() {
    let folder = Folder::new(&[("small.txt", b"0123456789"), ("large.bin", &large())]);
    let mut server = serve(Files::folder(folder.root()).unwrap().cache(0));
    let request = ["large.bin", "small.txt", "large.bin", "none"]
        .map(|path| format!("GET /{path} HTTP/1.1\r\nHost: h\r\n\r\n"))
        .concat();
    for is_late in [false, true] {
        let all = ask_and_finish(&mut server, &request, None, is_late);
        let heads: Vec<_> =
            all.windows(12).filter(|window| window.starts_with(b"HTTP/1.1 ")).map(text).collect();
        assert_eq!(heads, ["HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 404"]);
        assert!(all.len() > 2 * large().len() && all.ends_with(b"Not Found"));
    }
}

/// A half-closed peer that does not read ends as any other does.
#[test]
fn h11_a_half_closed_peer_that_takes_nothing_of_its_file_is_ended() {
    let folder = Folder::new(&[("large.bin", &large())]);
    let mut server = serve(Files::folder(folder.root()).unwrap());
    let far = server.connect();
    far.set_room(Some(ROOM));
    far.send(b"GET /large.bin HTTP/1.1\r\nHost: h\r\n\r\n");
    far.finish();
    server.run();
    let stall = jackfield::Limits::default().reactor.write_stall;
    server.advance(stall - Duration::from_secs(1));
    assert_eq!((server.handle().count(), far.is_reset()), (1, false));
    server.advance(Duration::from_secs(1));
    assert_eq!((server.handle().count(), far.is_reset()), (0, true));
}

/// A file that is kept is answered with as one that is read, and read anew when it has changed.
#[test]
fn h11_a_file_is_kept_until_it_changes() {
    let folder = usual();
    let medium = [7; 100_000];
    folder.write("medium.bin", &medium);
    // Until no later change can be taken for this one.
    thread::sleep(Duration::from_millis(30));
    for files in [Files::folder(folder.root()), Files::file(folder.root().join("a.txt"))] {
        let mut server = serve(files.unwrap().cache_control("no-cache"));
        for path in ["/a.txt", "/", "/sub/", "/medium.bin", "/empty.css"] {
            let first = check(&mut server, path, 200);
            let etag = line(&first.0, "ETag").to_owned();
            assert_eq!(check(&mut server, path, 200), first);
            let (head, body) = ask(&mut server, "HEAD", path, "");
            assert!(head == first.0 && body.is_empty());
            let (head, body) = ask(&mut server, "GET", path, &format!("If-None-Match: {etag}\r\n"));
            assert_eq!(
                (statuses(head.as_bytes()), &*body, line(&head, "ETag")),
                (vec![304], &[][..], &*etag)
            );
        }
        let (head, body) = ask(&mut server, "GET", "/a.txt", "Range: bytes=2-3\r\n");
        assert_eq!((statuses(head.as_bytes()), &*body), (vec![206], &b"23"[..]));
        check(&mut server, "/a.txt", 200);
        for (bytes, expected) in [(b"9876543210", b"9876543210"), (b"0123456789", b"0123456789")] {
            folder.write("a.txt", bytes);
            assert_eq!(check(&mut server, "/a.txt", 200).1, expected, "same length, same time");
        }
    }
    let mut server = serve(Files::folder(folder.root()).unwrap());
    check(&mut server, "/a.txt", 200);
    fs::remove_file(folder.root().join("a.txt")).unwrap();
    check(&mut server, "/a.txt", 404);
    assert_eq!(ask(&mut server, "GET", "/medium.bin", "").1, medium);
    fs::remove_file(folder.root().join("medium.bin")).unwrap();
    fs::create_dir(folder.root().join("medium.bin")).unwrap();
    check(&mut server, "/medium.bin", 308);
}

/// A server of files with one thread in its pool, and its first connection, for which the pool can be given jobs: it stays, however
/// long the machine stands still.
fn with_one_thread(files: Files) -> (Live, TcpStream, ConnectionId) {
    let builder = Server::builder().listen("127.0.0.1:0").offload_threads(1);
    let builder = builder.limits(|limits| limits.http_idle = Duration::ZERO);
    let live = Live::serve(builder, move |_peer| Page(files.clone()));
    let mut stays = live.connect();
    assert!(real::ask(&mut stays, get("/missing")).starts_with("HTTP/1.1 "));
    let id = live.handle.ids()[0];
    (live, stays, id)
}

/// The status of the answer for a file.
#[cfg(target_os = "linux")]
fn status_of(live: &Live, path: &str) -> u16 {
    statuses(answer_of(live, path, "").as_bytes())[0]
}

/// The answer for a file, to a request with these lines.
#[cfg(target_os = "linux")]
fn answer_of(live: &Live, path: &str, lines: &str) -> String {
    let mut stream = live.connect();
    let request = format!("GET /{path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{lines}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    real::read_to_end(&mut stream)
}

/// Gives the only thread of the pool a job that waits for this barrier, and as many jobs behind it as the pool takes. Returns how
/// many these are.
fn fill_pool(live: &Live, id: ConnectionId) -> (Arc<Barrier>, usize) {
    let (gate, end) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (taken, theirs) = (gate.clone(), end.clone());
    let block = move || {
        taken.wait();
        theirs.wait();
    };
    assert!(live.handle.offload(id, block).is_ok());
    // The thread has taken it.
    gate.wait();
    let mut waiting = 0;
    loop {
        match live.handle.offload(id, || 7) {
            Ok(()) => waiting += 1,
            Err(given_back) => {
                assert_eq!((given_back.why, (given_back.value)()), (jackfield::Busy::Full, 7));
                return (end, waiting);
            }
        }
    }
}

/// No job of the pool is needed for what is kept; what is not to be kept waits for one.
#[cfg(target_os = "linux")]
#[test]
fn h11_a_file_that_is_kept_needs_no_pool() {
    let folder = usual();
    thread::sleep(Duration::from_millis(30));
    for (cache, status) in [(1 << 20, 200), (0, 503)] {
        let files = Files::folder(folder.root()).unwrap().cache(cache);
        let (live, _stays, id) = with_one_thread(files);
        assert_eq!(status_of(&live, "a.txt"), 200);
        let (end, _) = fill_pool(&live, id);
        assert_eq!(status_of(&live, "a.txt"), status);
        end.wait();
    }
}

/// The fault: as soon as compressed neighbours were looked for, a browser got nothing from the cache.
#[cfg(target_os = "linux")]
#[test]
fn h11_a_file_without_compressed_neighbours_needs_no_pool() {
    const ACCEPTS: &str = "Accept-Encoding: gzip, br\r\n";
    let folder = usual();
    folder.write("sub/y.js", b"long");
    folder.write("sub/y.js.gz", b"short");
    thread::sleep(Duration::from_millis(30));
    let one = folder.root().join("a.txt");
    for (files, path) in [(Files::folder(folder.root()), "a.txt"), (Files::file(&one), "any")] {
        let (live, _stays, id) = with_one_thread(files.unwrap().precompressed(true));
        let ask = |path: &str| answer_of(&live, path, ACCEPTS);
        assert_eq!(statuses(ask(path).as_bytes()), [200]);
        let (end, _) = fill_pool(&live, id);
        let answer = ask(path);
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("0123456789"), "{answer}");
        assert_eq!((line(&answer, "Vary"), line(&answer, "Content-Encoding")), ("Accept-Encoding", ""));
        end.wait();
    }
    // Whether there is one is asked again when something was added to the folder, and that needs the pool.
    let (live, _stays, id) = with_one_thread(Files::folder(folder.root()).unwrap().precompressed(true));
    let ask = |path: &str| answer_of(&live, path, ACCEPTS);
    assert_eq!(status_of(&live, "sub/y.js"), 200);
    assert!(ask("sub/y.js").ends_with("short") && ask("a.txt").ends_with("0123456789"));
    folder.write("a.txt.gz", b"zipped");
    let (end, _) = fill_pool(&live, id);
    let refused = ["sub/y.js", "a.txt"].map(|path| statuses(ask(path).as_bytes())[0]);
    // Who takes no encoding needs no pool.
    assert_eq!((refused, status_of(&live, "a.txt")), ([503; 2], 200));
    end.wait();
    real::wait_until(|| ask("a.txt").ends_with("zipped"));
    fs::remove_file(folder.root().join("a.txt.gz")).unwrap();
    // So that it has settled. A question whether it has changed is enough to find that it is alone again.
    thread::sleep(Duration::from_millis(30));
    let known = line(&answer_of(&live, "a.txt", ""), "ETag").to_owned();
    let has_changed = || answer_of(&live, "a.txt", &format!("{ACCEPTS}If-None-Match: {known}\r\n"));
    assert_eq!(statuses(has_changed().as_bytes()), [304]);
    let (end, _) = fill_pool(&live, id);
    assert_eq!(statuses(has_changed().as_bytes()), [304]);
    assert!(ask("a.txt").ends_with("0123456789"));
    end.wait();
}

/// The fault: a file that the pool sent again was cached again, and others were dropped for it.
#[cfg(target_os = "linux")]
#[test]
fn h11_a_cached_file_is_not_cached_again() {
    let names: Vec<String> = (0..8).map(|number| format!("{number}.bin")).collect();
    let files: Vec<_> = names.iter().map(|name| (&**name, &[7; 1024][..])).collect();
    let folder = Folder::new(&files);
    // A path with a link always needs the pool.
    std::os::unix::fs::symlink(folder.root().join("0.bin"), folder.root().join("link")).unwrap();
    thread::sleep(Duration::from_millis(30));
    // Each takes 2 KiB.
    let (live, _stays, id) = with_one_thread(Files::folder(folder.root()).unwrap().cache(16 << 10));
    for path in names.iter().map(String::as_str).chain(["link"; 8]) {
        assert_eq!(status_of(&live, path), 200);
    }
    let (end, _) = fill_pool(&live, id);
    let kept: Vec<_> = names.iter().map(|name| status_of(&live, name)).collect();
    assert_eq!((kept, status_of(&live, "link")), (vec![200; 8], 503));
    end.wait();
}

/// Of 16 files of 1 MiB the first is dropped, because each takes somewhat more than its bytes.
#[cfg(target_os = "linux")]
#[test]
fn h11_by_default_files_of_16_mib_are_kept() {
    let bytes = vec![7; 1 << 20];
    let names: Vec<String> = (0..16).map(|number| format!("{number}.bin")).collect();
    let files: Vec<_> = names.iter().map(|name| (&**name, &*bytes)).collect();
    let folder = Folder::new(&files);
    thread::sleep(Duration::from_millis(30));
    let (live, _stays, id) = with_one_thread(Files::folder(folder.root()).unwrap());
    let ask_all = || -> Vec<u16> { names.iter().map(|name| status_of(&live, name)).collect() };
    assert_eq!(ask_all(), [200; 16]);
    let (end, _) = fill_pool(&live, id);
    assert_eq!(ask_all(), [&[503][..], &[200; 15]].concat());
    end.wait();
}

/// What was sent must not look like a whole.
#[test]
fn h11_a_file_that_changes_while_it_is_sent_ends_the_answer() {
    type Change = fn(&Path);
    let changes: [Change; 3] = [
        |path| fs::write(path, "short").unwrap(),
        |path| fs::write(path, vec![7; 3 << 20]).unwrap(),
        |path| fs::File::options().append(true).open(path).unwrap().write_all(b"more").unwrap(),
    ];
    for change in changes {
        let folder = Folder::new(&[("large.bin", &large())]);
        let mut server = serve(Files::folder(folder.root()).unwrap());
        let far = server.connect();
        far.set_room(Some(ROOM));
        far.send(b"GET /large.bin HTTP/1.1\r\nHost: h\r\n\r\n");
        server.run();
        change(&folder.root().join("large.bin"));
        let all = take_all(&mut server, &far);
        assert!(all.len() < 3 << 20 && server.handle().count() == 0, "{} bytes", all.len());
        assert!(far.is_reset());
    }
}

/// On threads; and where too many jobs wait, the answer says so.
#[test]
fn h11_a_full_pool_is_an_answer() {
    let bytes = large();
    let folder = Folder::new(&[("large.bin", &bytes)]);
    let (live, _stays, id) = with_one_thread(Files::folder(folder.root()).unwrap());
    let ask = || {
        let mut stream = live.connect();
        stream.write_all(b"GET /large.bin HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
        let mut all = Vec::new();
        Read::read_to_end(&mut stream, &mut all).unwrap();
        parts(&all)
    };
    assert!(ask().1 == bytes);
    let (end, waiting) = fill_pool(&live, id);
    assert_eq!(waiting, 1024);
    let (head, _) = ask();
    assert_eq!((statuses(head.as_bytes()), line(&head, "Retry-After")), (vec![503], "1"));
    end.wait();
    real::wait_until(|| ask().1 == bytes);
}

/// Ranges are for GET only (RFC 9110 section 14.2): an answer to HEAD must not be a 206.
#[test]
fn h11_a_range_of_a_head_request_is_ignored() {
    let folder = usual();
    let mut server = serve(Files::folder(folder.root()).unwrap());
    let (whole, _) = ask(&mut server, "HEAD", "/a.txt", "");
    for range in ["bytes=0-1", "bytes=0-1,8-", "bytes=99-"] {
        let (head, body) = ask(&mut server, "HEAD", "/a.txt", &format!("Range: {range}\r\n"));
        assert_eq!((&head, body.len()), (&whole, 0), "{range}");
    }
}

/// The fault: a neighbour of the one file counted as outside.
#[test]
fn h11_one_file_may_have_compressed_neighbours() {
    let folder = usual();
    folder.write("a.txt.gz", b"gzipped");
    fs::write(folder.0.join("outside"), "no").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.0.join("outside"), folder.root().join("a.txt.br")).unwrap();
    let mut server = serve(Files::file(folder.root().join("a.txt")).unwrap().precompressed(true));
    let (head, body) = ask(&mut server, "GET", "/", "Accept-Encoding: br, gzip\r\n");
    assert_eq!((line(&head, "Content-Encoding"), &*body), ("gzip", &b"gzipped"[..]));
    assert_eq!(check(&mut server, "/", 200).1, b"0123456789");
}

/// The fault: a 412 or 416 could be cached as long as the file itself, and an empty body was said to be compressed.
#[test]
fn h11_a_refusal_is_not_described_as_the_file() {
    let folder = usual();
    folder.write("a.txt.gz", b"gzipped");
    let files = Files::folder(folder.root()).unwrap().precompressed(true).cache_control("max-age=31536000");
    let mut server = serve(files);
    for accepts in ["", "Accept-Encoding: gzip\r\n"] {
        for (lines, status) in [("If-Match: \"x\"\r\n", 412), ("Range: bytes=99-\r\n", 416)] {
            let (head, _) = ask(&mut server, "GET", "/a.txt", &format!("{accepts}{lines}"));
            assert_eq!(statuses(head.as_bytes()), [status]);
            assert_eq!((line(&head, "Cache-Control"), line(&head, "Content-Encoding")), ("", ""), "{head}");
        }
        let (head, _) = ask(&mut server, "GET", "/a.txt", &format!("{accepts}If-None-Match: *\r\n"));
        assert_eq!(
            (statuses(head.as_bytes()), line(&head, "Cache-Control")),
            (vec![304], "max-age=31536000")
        );
    }
}

/// The fault: the query was lost. And the location is never at another host.
#[test]
fn h11_the_redirect_to_a_folder_keeps_its_query() {
    struct Below(Files);
    impl Client for Below {
        fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
            self.0.answer_at(exchange, request, "/sub");
        }
    }
    let folder = usual();
    let files = Files::folder(folder.root()).unwrap();
    let mut server = TestServer::new(move |_peer| Below(files.clone()));
    for (target, location) in [
        ("/sub", "/sub/"),
        ("/sub?a=b&c", "/sub/?a=b&c"),
        ("/sub?", "/sub/?"),
        ("//evil.example/sub", "/evil.example/sub/"),
        ("/\\evil.example/sub", "/evil.example/sub/"),
        ("http://h/sub?x", "/sub/?x"),
    ] {
        let (head, _) = check(&mut server, target, 308);
        assert_eq!(line(&head, "Location"), location, "{target}");
    }
}

/// Package managers such as Nix and OSTree set the time of each file to the beginning of 1970. The fault: a new version of the
/// same length was a 304 for ever.
#[cfg(unix)]
#[test]
fn h11_a_time_that_every_file_has_identifies_no_version() {
    let folder = usual();
    let write = |bytes: &[u8]| {
        folder.write("a.txt", bytes);
        let file = fs::File::options().write(true).open(folder.root().join("a.txt")).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1)).unwrap();
    };
    for cache in [0, 1 << 20] {
        write(b"0123456789");
        thread::sleep(Duration::from_millis(30));
        let mut server = serve(Files::folder(folder.root()).unwrap().cache(cache));
        let (head, _) = check(&mut server, "/a.txt", 200);
        let etag = line(&head, "ETag").to_owned();
        assert_eq!((line(&head, "Last-Modified"), etag.is_empty()), ("", false));
        let tag = format!("If-None-Match: {etag}\r\n");
        let date = "If-Modified-Since: Thu, 01 Jan 1970 00:00:01 GMT\r\n";
        let same = ask(&mut server, "GET", "/a.txt", &tag).0;
        assert_eq!(statuses(same.as_bytes()), [304]);
        write(b"9876543210");
        // Without a date there is nothing that a condition on it could be false for (RFC 9110 section 13.1.4).
        let unmodified = "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:01 GMT\r\n";
        for lines in [&tag, date, unmodified, &format!("Range: bytes=0-\r\nIf-Range: {etag}\r\n")] {
            let (head, body) = ask(&mut server, "GET", "/a.txt", lines);
            assert_eq!((statuses(head.as_bytes()), &*body), (vec![200], &b"9876543210"[..]), "{lines}");
        }
    }
}

/// A reader that has this many bytes, and then ends, fails or panics. It counts what was read.
struct Letters {
    left: usize,
    end: fn() -> io::Result<usize>,
    read: Arc<AtomicUsize>,
}

impl Read for Letters {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return (self.end)();
        }
        let bytes = piece.len().min(self.left);
        piece[..bytes].fill(b'x');
        self.left -= bytes;
        self.read.fetch_add(bytes, Ordering::Relaxed);
        Ok(bytes)
    }
}

/// With one letter left it panics when it is dropped.
impl Drop for Letters {
    fn drop(&mut self) {
        assert!(self.left != 1, "a bad end");
    }
}

/// Answers with a reader of 300,000 bytes: the path says how, the query how many bytes are announced.
#[derive(Default)]
struct Reading(Arc<AtomicUsize>);

const LETTERS: usize = 300_000;

impl Client for Reading {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        let announced = request.query().and_then(|query| query.parse().ok());
        let mut letters = Letters { left: LETTERS, end: || Ok(0), read: self.0.clone() };
        match request.path() {
            "/fails" => letters.end = || Err(io::ErrorKind::Other.into()),
            "/panics" => letters.end = || panic!("a bad reader"),
            "/huge" => letters.left = 10 << 20,
            _ => {}
        }
        let answered = match request.path() {
            "/late" => {
                exchange.defer().response(200).header("X", "y").reader("text/plain", announced, letters)
            }
            "/wrong" => exchange.response(200).header("X", "\n").reader("text/plain", announced, letters),
            _ => exchange.response(200).header("X", "y").reader("text/plain", announced, letters),
        };
        assert_eq!(answered.is_err(), request.path() == "/wrong");
    }
}

/// What came, whether the connection was reset, and how many bytes were read.
fn take_reading(method: &str, target: &str) -> (Vec<u8>, bool, usize) {
    let read = Arc::new(AtomicUsize::new(0));
    let count = read.clone();
    let mut server = TestServer::new(move |_peer| Reading(count.clone()));
    let far = server.connect();
    far.send(format!("{method} {target} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes());
    let taken = take_all(&mut server, &far);
    (taken, far.is_reset(), read.load(Ordering::Relaxed))
}

/// The same with head and body apart.
fn ask_reading(method: &str, target: &str) -> (String, Vec<u8>, bool, usize) {
    let (taken, is_reset, read) = take_reading(method, target);
    let (head, body) = parts(&taken);
    (head, body, is_reset, read)
}

#[test]
fn h11_any_reader_can_be_a_body() {
    for path in ["/", "/late"] {
        let (head, body, is_reset, read) = ask_reading("GET", &format!("{path}?{LETTERS}"));
        assert_eq!((line(&head, "Content-Length"), line(&head, "X")), ("300000", "y"), "{path}");
        assert_eq!((body.len(), is_reset, read), (LETTERS, false, LETTERS), "{path}");
        let (head, body, is_reset, _) = ask_reading("GET", path);
        assert_eq!(line(&head, "Transfer-Encoding"), "chunked", "{path}");
        assert!(body.ends_with(b"\r\n0\r\n\r\n") && !is_reset, "{path}");
        assert_eq!(body.iter().filter(|byte| **byte == b'x').count(), LETTERS, "{path}");
    }
    let (_, body, is_reset, read) = ask_reading("GET", "/?10");
    assert_eq!((body.len(), is_reset, read), (10, false, 10), "the rest is not read");
    let (head, body, is_reset, read) = ask_reading("HEAD", &format!("/?{LETTERS}"));
    assert_eq!((line(&head, "Content-Length"), body.len(), is_reset), ("300000", 0, false));
    assert!(read <= 64 << 10, "{read} bytes were read for nothing");
    assert_eq!(statuses(ask_reading("GET", "/wrong").0.as_bytes()), [500]);
}

#[test]
fn h11_a_reader_that_is_short_fails_or_panics_is_no_whole_body() {
    for target in ["/?300001", "/fails", "/fails?300001", "/panics"] {
        let (taken, is_reset, _) = take_reading("GET", target);
        assert!(is_reset && !taken.ends_with(b"0\r\n\r\n"), "{target}: the peer would take it for whole");
    }
    // It is left with one byte, and panics when it is dropped.
    let (_, body, is_reset, _) = ask_reading("GET", "/?299999");
    assert_eq!((body.len(), is_reset), (LETTERS - 1, false));
}

#[test]
fn h11_a_half_closed_peer_gets_the_whole_body_of_a_reader() {
    let mut server = TestServer::new(|_peer| Reading::default());
    let request = format!("GET /?{LETTERS} HTTP/1.1\r\nHost: h\r\n\r\n");
    for is_late in [false, true] {
        let all = ask_and_finish(&mut server, &request, None, is_late);
        assert_eq!((parts(&all).1.len(), server.handle().count()), (LETTERS, 0));
    }
}

#[test]
fn h11_a_reader_waits_for_a_slow_peer() {
    let read = Arc::new(AtomicUsize::new(0));
    let count = read.clone();
    let mut server = TestServer::new(move |_peer| Reading(count.clone()));
    let (far, pieces) = check_pace(&mut server, &get("/huge?10485760"));
    assert_eq!(read.load(Ordering::Relaxed), pieces * PIECE);
    let (_, body) = parts(&take_all(&mut server, &far));
    assert_eq!(body.iter().filter(|byte| **byte == b'x').count(), 10 << 20);
}

/// The names of threads.
type Threads = Arc<Mutex<BTreeSet<Option<String>>>>;

/// An open file that notes which threads read it.
struct Noted(fs::File, Threads);

impl Read for Noted {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        self.1.lock().unwrap().insert(thread::current().name().map(str::to_owned));
        self.0.read(piece)
    }
}

/// Answers with a part of an open file.
struct Part(PathBuf, Threads);

impl Client for Part {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        let mut file = fs::File::open(&self.0).unwrap();
        file.seek(SeekFrom::Start(5)).unwrap();
        let file = Noted(file, self.1.clone());
        exchange.response(206).reader("text/plain", Some(1 << 20), file).unwrap();
    }
}

#[test]
fn h11_a_part_of_an_open_file_is_read_on_the_pool() {
    let bytes: Vec<u8> = (0..2 << 20).map(|number| (number / 7) as u8).collect();
    let folder = Folder::new(&[("numbers", &bytes)]);
    let path = folder.root().join("numbers");
    let threads = Threads::default();
    let noted = threads.clone();
    let live =
        Live::serve(Server::builder().listen("127.0.0.1:0"), move |_peer| Part(path.clone(), noted.clone()));
    let mut peer = live.connect();
    peer.write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    peer.read_to_end(&mut answer).unwrap();
    let (head, body) = parts(&answer);
    assert_eq!((statuses(head.as_bytes()), body.len()), (vec![206], 1 << 20));
    assert!(body == bytes[5..5 + (1 << 20)]);
    assert_eq!(*threads.lock().unwrap(), BTreeSet::from([Some("offload".to_owned())]));
}
