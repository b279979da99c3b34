//! Independent clients against `testbed`: for WebSockets, with compression and without, npm's `ws`, PyPI's `websockets` and
//! Chromium; for event streams PyPI's `httpx-sse`. `.ci/clients` installs them, but for Chromium; what is missing is skipped, and
//! says so.

use crate::chromium::Chromium;
use crate::devtools::Browser;
use crate::process::{self, Example, run};
use jackfield::{Client, Connection, Deflate, Disconnect, Drain, Message, Outgoing, Server, WebSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the server answers to an offer.
const AGREED: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// Where `.ci/clients` puts something.
fn installed(path: &str) -> Option<PathBuf> {
    let target =
        process::binary("testbed").parent().and_then(Path::parent).and_then(Path::parent)?.to_owned();
    let path = target.join("clients").join(path);
    if !path.exists() {
        process::skip(&format!("{} is missing; `.ci/clients` installs it", path.display()));
        return None;
    }
    Some(path)
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)
}

/// A client's run against the testbed says what was agreed on.
#[track_caller]
fn check(program: &str, script: &Path, mode: &str, options: &[&str], agreed: &str) {
    let (_testbed, addr) = Example::start("testbed", options);
    let args = [script.to_str().unwrap(), &format!("ws://{addr}/"), mode];
    let Some(finished) = run(program, args, "") else { return };
    assert!(finished.status.success(), "{program} {mode}: {}", finished.status);
    assert_eq!(String::from_utf8_lossy(&finished.stdout).trim(), agreed, "{program} {mode}");
}

#[test]
fn ws_of_npm_with_and_without_compression() {
    let Some(module) = installed("node_modules/ws") else { return };
    // Node looks for modules from the script on.
    let script = module.parent().unwrap().parent().unwrap().join("npm.js");
    std::fs::copy(self::script("npm.js"), &script).unwrap();
    check("node", &script, "deflate", &[], "permessage-deflate");
    check("node", &script, "plain", &[], "nothing");
    check("node", &script, "deflate", &["--no-deflate"], "nothing");
}

#[test]
fn websockets_of_pypi_with_and_without_compression() {
    let Some(python) = installed("python/bin/python") else { return };
    let (python, script) = (python.to_str().unwrap(), script("pypi.py"));
    check(python, &script, "deflate", &[], AGREED);
    check(python, &script, "plain", &[], "nothing");
    check(python, &script, "deflate", &["--no-deflate"], "nothing");
}

#[test]
fn httpx_sse_of_pypi_reads_hard_events_resumes_and_stops() {
    let Some(python) = installed("python/bin/python") else { return };
    let python = python.to_str().unwrap();
    let Some(found) = run(python, ["-c", "import httpx_sse"], "") else { return };
    if !found.status.success() {
        return process::skip("httpx-sse is missing; `.ci/clients` installs it");
    }
    let (_testbed, addr) = Example::start("testbed", &[]);
    let script = script("sse.py");
    let finished = run(python, [script.to_str().unwrap(), &format!("http://{addr}")], "").unwrap();
    assert!(finished.status.success(), "{}", finished.status);
}

/// Says messages of many sizes one after the other, counts those that have come back, and then ends the server.
struct Caller(Arc<AtomicUsize>);

const SIZES: [usize; 9] = [0, 1, 255, 256, 2048, 8192, 65_535, 65_536, 1_000_000];

/// The message of a number.
fn message(number: usize) -> Option<String> {
    let size = *SIZES.get(number)?;
    Some("ab".repeat(size)[..size].to_owned())
}

impl Client for Caller {
    fn on_open(&mut self, socket: &mut WebSocket<'_>) {
        socket.send(message(0).unwrap_or_default());
    }

    fn on_message(&mut self, socket: &mut WebSocket<'_>, came: Message<'_>) {
        let number = self.0.load(Ordering::Relaxed);
        let is_right = message(number).is_some_and(|sent| came == Message::Text(&sent));
        if !is_right {
            return socket.close();
        }
        self.0.store(number + 1, Ordering::Relaxed);
        match message(number + 1) {
            Some(next) => drop(socket.send(next)),
            None => socket.close(),
        }
    }

    fn on_disconnect(&mut self, connection: &mut Connection<'_>, _end: &Disconnect) {
        connection.handle().shutdown(Drain::default());
    }
}

/// The other way round: a WebSocket that Jackfield opens, at a server of npm's `ws`.
#[test]
fn a_server_of_npm_with_and_without_compression() {
    let Some(module) = installed("node_modules/ws") else { return };
    let script = module.parent().unwrap().parent().unwrap().join("npm_server.js");
    std::fs::copy(self::script("npm_server.js"), &script).unwrap();
    for (deflate, agreed) in [
        (Deflate::disabled(), "nothing"),
        (Deflate::shared(), "permessage-deflate"),
        (Deflate::dedicated(), "permessage-deflate"),
    ] {
        let mut node = Example::of(Path::new("node"), [&script]);
        let url = format!("ws://127.0.0.1:{}/", node.line());
        let mode = deflate.mode;
        let server = Server::builder().listen("127.0.0.1:0").reactors(1);
        let server = server.limits(move |limits| limits.deflate = deflate.clone()).bind().unwrap();
        server.handle().connect(Outgoing::websocket(url)).unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let shared = count.clone();
        server.serve(move |_peer| Caller(shared.clone())).unwrap();
        assert_eq!((node.line().as_str(), count.load(Ordering::Relaxed)), (agreed, SIZES.len()), "{mode:?}");
    }
}

/// In a page: messages of many sizes come back, and the extensions are those of the answer.
const PAGE: &str = "new Promise((resolve, reject) => {
    const socket = new WebSocket(location.origin.replace('http', 'ws') + '/'), sizes = [0, 1, 255, 256, 2048, 70000, 1000000];
    let at = 0;
    const next = () => socket.send('ab'.repeat(sizes[at]).slice(0, sizes[at]));
    socket.onopen = next;
    socket.onerror = () => reject(new Error('the socket failed'));
    socket.onmessage = event => {
        if (event.data !== 'ab'.repeat(sizes[at]).slice(0, sizes[at])) return reject(new Error(`${sizes[at]} bytes`));
        at += 1;
        if (at < sizes.length) next(); else socket.close(4001);
    };
    socket.onclose = event => {
        window.agreed = at === sizes.length && event.code === 4001 ? `agreed: ${socket.extensions}` : `closed: ${event.code}`;
        resolve();
    };
}); true";

#[test]
fn chromium_with_and_without_compression() {
    let Some(chromium) = Chromium::start() else { return };
    let mut browser = Browser::connect(&chromium.devtools).unwrap();
    for (options, agreed) in [(&[][..], AGREED), (&["--no-deflate"][..], "")] {
        let (_testbed, addr) = Example::start("testbed", options);
        let tab = browser.open("a page", &format!("http://{addr}/")).unwrap();
        browser.wait(&tab, "document.readyState === 'complete'").unwrap();
        browser.evaluate(&tab, PAGE).unwrap();
        browser.wait(&tab, "window.agreed !== undefined").unwrap();
        assert_eq!(browser.evaluate(&tab, "window.agreed").unwrap(), format!("agreed: {agreed}"));
        browser.close(&tab).unwrap();
    }
}
