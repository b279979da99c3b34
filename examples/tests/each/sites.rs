//! The examples that are sites of HTTP, asked by curl: `rest`, `files` and `metrics`; and `rest` and `files` by wrk.

use crate::http::Http;
use crate::process::{Example, TempDir, run};

/// What curl prints for these arguments, the status at the end. `None`: there is no curl.
pub(crate) fn curl(args: &[&str]) -> Option<String> {
    let finished = run("curl", ["-s", "-S", "-w", "|%{http_code}"].iter().chain(args), "")?;
    assert!(finished.status.success(), "{args:?}: {}", finished.status);
    Some(String::from_utf8(finished.stdout).unwrap())
}

#[test]
fn rest_answers_curl() {
    let (_example, addr) = Example::start("rest", &["--token", "t0k3n"]);
    let url = |path: &str| format!("http://{addr}{path}");
    let token = ["-H", "Authorization: Bearer t0k3n"];
    let json = ["-H", "Content-Type: application/json", "-d"];
    let post = |head: &[&'static str], body: &'static str| {
        let args: Vec<&str> = head.iter().chain(&json).copied().chain([body]).collect();
        let url = url("/notes");
        curl(&[&args[..], &[&url]].concat())
    };
    let Some(first) = curl(&[&url("/notes/1")]) else { return };
    assert_eq!(first, "\"bread\"|200");
    assert_eq!(post(&token, "\"milk\"").unwrap(), "|201");
    assert_eq!(post(&[], "\"milk\"").unwrap(), "|401");
    assert!(post(&token, "{}").unwrap().ends_with("line 1 column 0|400"));
    for (path, answer) in [
        ("/notes/2", "\"milk\"|200"),
        ("/notes/0", "Not Found|404"),
        ("/notes/x", "Not Found|404"),
        ("/none", "Not Found|404"),
        ("/notes", "|405"),
        ("/slow/1", "1ms later\n|200"),
    ] {
        assert_eq!(curl(&[&url(path)]).unwrap(), answer, "{path}");
    }
    // It waits for an hour, and its client for two seconds.
    assert!(curl(&[&url("/slow/3600000")]).unwrap().ends_with("|503"));
}

#[test]
fn rest_keeps_no_more_than_it_says() {
    let (_example, addr) = Example::start("rest", &["--token", "t0k3n"]);
    let mut http = Http::connect(addr);
    let fields = "Authorization: Bearer t0k3n\r\nContent-Type: application/json\r\n";
    let mut kept = 0;
    while http.ask("POST", "/notes", fields, "\"milk\"").status == 201 {
        kept += 1;
        assert!(kept < 2000, "it keeps everything");
    }
    assert_eq!(http.ask("POST", "/notes", fields, "\"milk\"").status, 507);
    assert_eq!(http.get("/notes/1").status, 200);
}

#[test]
fn files_answers_curl() {
    let dir = TempDir::new("files");
    let page = dir.write("page.html", "0123456789");
    let root = dir.path().to_str().unwrap();
    let (_example, addr) = Example::start("files", &["--root", root]);
    let url = format!("http://{addr}/page.html");
    let Some(whole) = curl(&[&url]) else { return };
    assert_eq!(whole, "0123456789|200");
    assert_eq!(curl(&["-r", "2-4", &url]).unwrap(), "234|206");
    assert_eq!(curl(&["-r", "20-", &url]).unwrap(), "|416");
    assert_eq!(curl(&["-z", page.to_str().unwrap(), &url]).unwrap(), "|304");
    assert_eq!(curl(&["--path-as-is", &format!("http://{addr}/../page.html")]).unwrap(), "Not Found|404");
}

/// Puts load on a page with wrk for a second, and for longer where the machine is so busy that nothing was answered in that.
fn wrk(url: &str) {
    for seconds in ["1s", "5s", "30s"] {
        let args = ["-t", "1", "-c", "8", "-d", seconds, "--timeout", "60s", url];
        let Some(finished) = run("wrk", args, "") else { return };
        let report = String::from_utf8(finished.stdout).unwrap();
        assert!(finished.status.success(), "{report}");
        // It prints these lines only if there is something to count.
        assert!(!report.contains("Socket errors") && !report.contains("Non-2xx"), "{report}");
        let line = report.lines().find(|line| line.contains(" requests in ")).expect(&report);
        if line.trim().split(' ').next() != Some("0") {
            return;
        }
    }
    panic!("{url} does not answer wrk");
}

#[test]
fn rest_answers_wrk() {
    let (_example, addr) = Example::start("rest", &[]);
    wrk(&format!("http://{addr}/notes/1"));
}

#[test]
fn files_answers_wrk() {
    let dir = TempDir::new("files-wrk");
    // One that is cached, and one that is not.
    for (name, bytes) in [("small", 10_000), ("large", 2 << 20)] {
        dir.write(name, &"x".repeat(bytes));
        let (_example, addr) = Example::start("files", &["--root", dir.path().to_str().unwrap()]);
        wrk(&format!("http://{addr}/{name}"));
    }
}

#[test]
fn metrics_answers_curl() {
    let (mut example, addr) = Example::start("metrics", &["--status", "127.0.0.1:0"]);
    let status = example.addr();
    let Some(page) = curl(&[&format!("http://{addr}/")]) else { return };
    assert_eq!(page, "0 good, 0 not found\n|200");
    assert!(curl(&[&format!("http://{addr}/none")]).unwrap().ends_with("|404"));
    assert_eq!(curl(&[&format!("http://{addr}/")]).unwrap(), "1 good, 1 not found\n|200");
    assert_eq!(curl(&[&format!("http://{status}/health")]).unwrap(), "running\n|200");
    let metrics = curl(&[&format!("http://{status}/metrics")]).unwrap();
    assert!(metrics.contains("\njackfield_http_requests_total 5\n"), "{metrics}");
}
