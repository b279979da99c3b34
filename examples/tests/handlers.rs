//! The examples `gate`, `banner`, `heartbeat`, `upload` and `testing`, used as the heads of their files say: with raw
//! connections, curl, and their pages in Chromium, where those of `clock` and `chat` are looked at too.

use crate::chromium::Chromium;
use crate::common::{Steady, connect, expect_close, websocket};
use crate::devtools::{Browser, Outcome, Tab};
use crate::http::{Answer, Http};
use crate::look::look;
use crate::process::{Example, TempDir, run};
use crate::sockets::hear;
use std::net::SocketAddr;
use std::time::Duration;
use std::{fs, thread};
use tungstenite::{Message, WebSocket};

/// How often is looked before a test has failed, and what is slept in between.
const LOOKS_MAX: u32 = 6_000;
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What a request for a WebSocket is answered with.
fn knock(addr: SocketAddr, path: &str, fields: &str) -> Answer {
    let mut http = Http::connect(addr);
    http.send(format!(
        "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{fields}\r\n"
    ));
    http.answer(true)
}

#[track_caller]
fn check_knock(addr: SocketAddr, path: &str, fields: &str, status: u16, field: (&str, Option<&str>)) {
    let answer = knock(addr, path, fields);
    assert_eq!((answer.status, answer.field(field.0)), (status, field.1), "{path} {fields}");
}

#[test]
fn gate_admits_only_permitted_requests() {
    let (_example, addr) = Example::start("gate", &["--word", "a word"]);
    let protocol = "Sec-WebSocket-Protocol";
    check_knock(addr, "/open", "", 101, (protocol, None));
    check_knock(addr, "/closed", "", 403, ("X-Why", Some("members only")));
    check_knock(addr, "/chat", "Sec-WebSocket-Protocol: chat.v1\r\n", 101, (protocol, Some("chat.v1")));
    check_knock(
        addr,
        "/chat",
        "Sec-WebSocket-Protocol: chat.v1, chat.v2\r\n",
        101,
        (protocol, Some("chat.v2")),
    );
    check_knock(addr, "/chat", "Sec-WebSocket-Protocol: chat.v3\r\n", 400, (protocol, None));
    check_knock(addr, "/chat", "", 400, (protocol, None));
    check_knock(addr, "/secret?a%20word", "", 101, ("X-Welcome", Some("friend")));
    check_knock(addr, "/secret?another", "", 401, ("WWW-Authenticate", Some("Bearer")));
    check_knock(addr, "/secret", "", 401, ("WWW-Authenticate", Some("Bearer")));
    assert_eq!(knock(addr, "/secret?another", "").text(), "wrong word\n");
    let mut socket = websocket_at(addr, "/secret?a%20word");
    socket.send(Message::text("in")).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("in"));
    let upgrade =
        ["-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-H", "Sec-WebSocket-Version: 13"];
    let key = ["-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "-sSi"];
    let url = format!("http://{addr}/closed");
    let Some(refused) = run("curl", upgrade.iter().chain(&key).chain(&[&*url]), "") else { return };
    let refused = String::from_utf8(refused.stdout).unwrap();
    assert!(refused.starts_with("HTTP/1.1 403 Forbidden\r\n") && refused.contains("X-Why: members only\r\n"));
}

fn websocket_at(addr: SocketAddr, path: &str) -> WebSocket<Steady> {
    tungstenite::client(format!("ws://{addr}{path}"), connect(addr)).unwrap().0
}

#[test]
fn banner_sends_a_banner_or_a_busy_banner() {
    let any = "127.0.0.1:0";
    let args = ["--desk", any, "--shout", any, "--http", any, "--max", "1"];
    let mut example = Example::spawn("banner", args);
    let [desk, shout, http] = [example.addr(), example.addr(), example.addr()];
    let hint =
        format!("try: nc {} {}, nc {} {}, http://{http}/", desk.ip(), desk.port(), shout.ip(), shout.port());
    assert_eq!(example.line(), hint);
    // They have nothing of HTTP, but lines are lines.
    let mut clerk = Http::connect(desk);
    assert_eq!(clerk.line(), "+ the desk is open");
    clerk.send("a pen\nand");
    assert_eq!(clerk.line(), "+ noted: a pen");
    let mut refused = Http::connect(desk);
    assert_eq!(String::from_utf8(refused.rest()).unwrap(), "- the desk is busy, come back\r\n");
    if let Some(refused) = run("nc", ["-d".into(), desk.ip().to_string(), desk.port().to_string()], "") {
        assert_eq!(refused.stdout, b"- the desk is busy, come back\r\n");
    }
    // Its listener is full, and no other.
    let mut caller = Http::connect(shout);
    assert_eq!(caller.line(), "say something");
    caller.send("hello\n");
    assert_eq!(caller.line(), "HELLO");
    let mut page = Http::connect(http);
    let shown = "desk: 1 connected, at most 1\nshout: 1 connected, at most 1\nhttp: 1 connected, at most 1\n";
    page.get("/").is(200, "text/plain", shown);
    assert_eq!(Http::connect(http).head().status, 503);
    let url = format!("http://{http}/");
    if let Some(refused) = run("curl", ["-sSi", &url], "") {
        let refused = String::from_utf8(refused.stdout).unwrap();
        assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("\r\nRetry-After: "), "{refused}");
    }
    clerk.send(" paper\n");
    assert_eq!(clerk.line(), "+ noted: and paper");
    drop(clerk);
    // There is room again as soon as its end is known.
    loop {
        match Http::connect(desk).line().as_str() {
            "+ the desk is open" => break,
            other => assert_eq!(other, "- the desk is busy, come back"),
        }
    }
}

fn say(socket: &mut WebSocket<Steady>, line: &str) {
    socket.send(Message::text(line)).unwrap();
}

#[test]
fn heartbeat_reaches_all_one_and_none() {
    let (_example, addr) = Example::start("heartbeat", &[]);
    let [mut anna, mut ben] = [websocket(addr), websocket(addr)];
    say(&mut ben, "ids");
    let ids = hear(&mut ben);
    // In the order of the reactors: on a busy machine one may look held up, and then the first to come is at the last.
    let ids: Vec<_> = ids.split(' ').collect();
    let ([first, second, "(you)"] | [second, "(you)", first]) = ids[..] else { panic!("{ids:?}") };
    say(&mut anna, "all good morning");
    let mut heard = [hear(&mut anna), hear(&mut anna)];
    heard.sort_unstable();
    assert_eq!(heard[0], "good morning");
    assert!(heard[1].starts_with("said to all of "), "{heard:?}");
    assert_eq!(hear(&mut ben), "good morning");

    say(&mut anna, &format!("one {second} psst"));
    assert_eq!((hear(&mut anna), hear(&mut ben)), ("said".into(), "psst".into()));
    // Both hear of it; that an answer was taken shows that they were asked.
    say(&mut anna, "heartbeat 0.05");
    assert_eq!(hear(&mut anna), "every 50ms");
    assert_eq!((hear(&mut anna), hear(&mut ben)), ("still there".into(), "still there".into()));
    say(&mut anna, "heartbeat 0");
    while hear(&mut anna) != "every 0ns" {}

    for wrong in ["", "one", "one r9-9.9 x", "one Ben x", "stop", "heartbeat often", "heartbeat -1", "sleep"]
    {
        say(&mut anna, wrong);
        let answer = std::iter::repeat_with(|| hear(&mut anna)).find(|line| line != "still there");
        assert_eq!(answer.unwrap(), "what is that?", "{wrong:?}");
    }
    say(&mut ben, &format!("stop {first}"));
    while hear(&mut ben) != "stopped" {}
    assert_eq!(expect_close(anna), (1000, "stopped".into()));
    // Its end is known here and soon on the other reactor too.
    loop {
        say(&mut ben, &format!("stop {first}"));
        let answer = std::iter::repeat_with(|| hear(&mut ben)).find(|line| line != "still there").unwrap();
        if answer == "what is that?" {
            break;
        }
        assert_eq!(answer, "stopped");
    }
}

/// The number of bytes in an answer, and the file that has them.
fn uploaded(answer: &str) -> (usize, Vec<u8>) {
    let (count, path) = answer.split_once(" bytes in ").unwrap_or_else(|| panic!("{answer:?}"));
    (count.parse().unwrap(), fs::read(path.trim().trim_matches('"')).unwrap())
}

#[test]
fn upload_writes_what_comes_and_reports_its_progress() {
    let dir = TempDir::new("upload");
    let folder = dir.write("here", "").parent().unwrap().to_str().unwrap().to_owned();
    let (_example, addr) = Example::start("upload", &["--folder", &folder]);
    let content: String = (0..300_000).map(|number| format!("{number:07}")).collect();

    let mut progress = Http::connect(addr);
    progress.send("GET /novel HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(progress.head().status, 200);
    let mut http = Http::connect(addr);
    for (method, content) in [("PUT", &*content), ("POST", "little"), ("PUT", &content[1..])] {
        let answer = http.ask(method, "/novel", "", content);
        assert_eq!(answer.status, 201);
        let (count, file) = uploaded(answer.text());
        assert_eq!(count, content.len());
        assert!(file == content.as_bytes(), "{} bytes of {method}", file.len());
        let mut told = 0;
        while told != count {
            let (line, end) = (progress.line(), progress.line());
            let now: usize = line.strip_prefix("data: ").unwrap().parse().unwrap();
            assert!(told < now && now <= count && end.is_empty(), "{told} {now} {end}");
            told = now;
        }
    }

    let file = dir.write("novel", &content);
    let url = format!("http://{addr}/by-curl");
    for more in
        [&["-sS"][..], &["-sS", "-H", "Transfer-Encoding: chunked"], &["-sS", "-H", "Expect: 100-continue"]]
    {
        let args = [more, &["-T", file.to_str().unwrap(), &url]].concat();
        let Some(finished) = run("curl", args, "") else { return };
        assert!(uploaded(&String::from_utf8(finished.stdout).unwrap()).1 == content.as_bytes(), "{more:?}");
    }
}

/// Neither a second upload of a connection nor a new start of the server overwrites a file.
#[test]
fn upload_overwrites_nothing() {
    let dir = TempDir::new("upload-twice");
    let folder = dir.write("here", "").parent().unwrap().to_str().unwrap().to_owned();
    let mut answers = Vec::new();
    for start in 0..2 {
        let (_example, addr) = Example::start("upload", &["--folder", &folder]);
        let mut http = Http::connect(addr);
        for number in 0..2 {
            let content = format!("{start} {number}");
            answers.push((http.ask("PUT", "/a", "", &content).text().to_owned(), content));
        }
    }
    for (answer, content) in answers {
        assert_eq!(uploaded(&answer), (content.len(), content.into_bytes()), "{answer}");
    }
}

/// What there was of a file stayed when its client left.
#[test]
fn upload_keeps_only_whole_files() {
    let dir = TempDir::new("upload-part");
    let (_example, addr) = Example::start("upload", &["--folder", dir.path().to_str().unwrap()]);
    let whole = Http::connect(addr).ask("PUT", "/a", "", "whole").text().to_owned();
    let mut progress = Http::connect(addr);
    progress.send("GET /a HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(progress.head().status, 200);
    let files = || fs::read_dir(dir.path()).unwrap().count();
    for _ in 0..3 {
        let mut http = Http::connect(addr);
        http.send("PUT /a HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\nhalf");
        assert_eq!((progress.line(), progress.line()), ("data: 4".into(), String::new()));
        assert_eq!(files(), 2, "the whole file, and a part");
        drop(http);
        let is_gone = (0..LOOKS_MAX).any(|_| {
            thread::sleep(LOOK_EVERY);
            files() == 1
        });
        assert!(is_gone, "the part stays");
    }
    assert_eq!(uploaded(&whole), (5, b"whole".to_vec()));
}

#[test]
fn testing_is_the_server_that_its_tests_test() {
    let (_example, addr) = Example::start("testing", &[]);
    let mut http = Http::connect(addr);
    let mut socket = websocket(addr);
    http.get("/").is(200, "text/plain", "0");
    assert_eq!(http.ask("POST", "/", "", "10").status, 201);
    assert_eq!(http.ask("POST", "/", "", "9").status, 409);
    assert_eq!(http.ask("POST", "/", "", "x").status, 400);
    assert_eq!(hear(&mut socket), "10");
    let url = format!("http://{addr}/");
    let Some(finished) = run("curl", ["-sS", "-d", "42", &url], "") else { return };
    assert_eq!(finished.stdout, b"yours, for now\n");
    assert_eq!(hear(&mut socket), "42");
}

/// The pages, in a browser.
fn pages(browser: &mut Browser) -> Outcome<()> {
    let (_gate, addr) = Example::start("gate", &[]);
    let tab = browser.open("the gate", &format!("http://{addr}/"))?;
    let shows = |text: &str| format!("document.body.innerText.includes({text:?})");
    for (button, text) in [
        (1, "open: open"),
        (2, "closed: refused"),
        (3, "chat: open chat.v2"),
        (4, "secret?open%20sesame: open"),
        (5, "secret?please: refused"),
    ] {
        browser.click(&tab, &format!("button:nth-of-type({button})"))?;
        browser.wait(&tab, &shows(text))?;
    }
    look(browser, &tab, "gate")?;

    let (_heartbeat, addr) = Example::start("heartbeat", &[]);
    let url = format!("http://{addr}/");
    let (anna, ben) = (browser.open("Anna", &url)?, browser.open("Ben", &url)?);
    let is_open = "socket.readyState === WebSocket.OPEN";
    browser.wait(&anna, is_open)?;
    browser.wait(&ben, is_open)?;
    let enter = |browser: &mut Browser, tab: &Tab, line: &str| browser.enter(tab, "#line", line);
    enter(browser, &anna, "all good morning")?;
    browser.wait(&ben, &shows("good morning"))?;
    // Chromium answers a Ping by itself.
    enter(browser, &anna, "heartbeat 0.1")?;
    browser.wait(&ben, &shows("still there"))?;
    enter(browser, &anna, "heartbeat 0")?;
    enter(browser, &ben, "ids")?;
    browser.wait(&ben, &shows("(you)"))?;
    enter(browser, &anna, "ids")?;
    browser.wait(&anna, &shows("(you)"))?;
    let me = "log.textContent.split('\\n').find(line => line.includes('(you)')).match(/(\\S+) \\(you\\)/)[1]";
    let ben_is = browser.evaluate(&ben, me)?;
    enter(browser, &anna, &format!("stop {}", ben_is.as_str().unwrap_or_default()))?;
    browser.wait(&ben, &shows("closed 1000 stopped"))?;
    look(browser, &ben, "heartbeat")?;

    let dir = TempDir::new("upload-page");
    let folder = dir.write("here", "").parent().unwrap().to_str().unwrap().to_owned();
    let (_upload, addr) = Example::start("upload", &["--folder", &folder]);
    let tab = browser.open("the upload", &format!("http://{addr}/"))?;
    let choose = "(() => { const files = new DataTransfer(), input = document.getElementById('file');
        files.items.add(new File(['x'.repeat(1000000)], 'x'));
        input.files = files.files;
        input.dispatchEvent(new Event('change')); return true; })()";
    browser.evaluate(&tab, choose)?;
    browser.wait(&tab, "state.textContent.startsWith('1000000 bytes in ')")?;
    look(browser, &tab, "upload")?;

    let (_clock, addr) = Example::start("clock", &[]);
    let tab = browser.open("the clock", &format!("http://{addr}/"))?;
    browser.wait(&tab, "/^\\d\\d:\\d\\d:\\d\\d UTC$/.test(document.getElementById('time').textContent)")?;
    look(browser, &tab, "clock")?;
    chat(browser)
}

/// Two visitors, one of whom has much to say.
fn chat(browser: &mut Browser) -> Outcome<()> {
    let (_chat, addr) = Example::start("chat", &[]);
    let url = format!("http://{addr}/");
    let (anna, ben) = (browser.open("Anna", &url)?, browser.open("Ben", &url)?);
    browser.wait(&anna, "document.querySelector('#here').textContent === '2 here'")?;
    browser.enter(&ben, "#name", "Ben")?;
    let line = "W".repeat(200);
    browser.enter(&ben, "#text", &line)?;
    let shows = |kind: &str, text: &str| {
        format!(
            "[...document.querySelectorAll('#log .{kind}')].some(line => line.textContent.endsWith('{text}'))"
        )
    };
    browser.wait(&anna, &shows("said", &line))?;
    // A click on a name begins a private message.
    browser.click(&anna, "#log .said button")?;
    let begun = browser.evaluate(&anna, "document.querySelector('#text').value")?;
    let begun = begun.as_str().unwrap_or_default().to_owned();
    browser.enter(&anna, "#text", &format!("{begun}psst"))?;
    browser.wait(&ben, &shows("whispered", "psst"))?;
    look(browser, &ben, "chat")
}

#[test]
fn their_pages_work_in_a_browser() {
    let Some(chromium) = Chromium::start() else { return };
    let mut browser = Browser::connect(&chromium.devtools).unwrap();
    pages(&mut browser).unwrap();
    let quit = browser.quit();
    drop(chromium);
    assert_eq!(quit, Ok(()));
}
