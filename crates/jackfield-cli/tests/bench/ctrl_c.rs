//! Ctrl-C: the signal goes to the whole group of processes, as a terminal sends it.

use crate::odd;
use crate::process::Directory;
use crate::tool::Builtin;
use crate::{TOOL, tree};
use serde_json::Value;
use std::io::{self, Read};
use std::net::{Shutdown, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{fs, thread};

fn start(args: &[&str]) -> Child {
    let mut command = Command::new(TOOL);
    command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    command.spawn().expect("it starts")
}

/// Presses Ctrl-C. Gives the two outputs of a process that ends by it as it should.
fn interrupt(mut child: Child) -> (String, String) {
    let killed = Command::new("kill").args(["-INT", "--", &format!("-{}", child.id())]).status();
    assert!(killed.is_ok_and(|status| status.success()));
    let (mut stdout, mut stderr) = (String::new(), String::new());
    child.stdout.take().expect("it is piped").read_to_string(&mut stdout).expect("it is UTF-8");
    child.stderr.take().expect("it is piped").read_to_string(&mut stderr).expect("it is UTF-8");
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{stderr}");
    (stdout, stderr)
}

/// The fault: it did nothing while the last answers were waited for.
#[test]
fn i302_the_wait_for_the_last_answers_ends_by_ctrl_c() {
    let (sender, comes) = mpsc::channel();
    let addr = odd::listen(move |stream| {
        // Nobody waits for it any more if the test has failed.
        let _ = sender.send(());
        odd::answer_once(stream);
    });
    let args =
        ["bench", "http", &addr, "-c", "2", "--threads", "2", "-d", "200ms", "--timeout", "120s", "--json"];
    let child = start(&args);
    comes.recv_timeout(Duration::from_secs(300)).expect("the connection comes");
    // On a machine that is busy elsewhere it may still be measuring then.
    thread::sleep(Duration::from_secs(2));
    let (stdout, stderr) = interrupt(child);
    let result: Value = serde_json::from_str(&stdout).expect("it is JSON");
    assert_eq!((&result["end"]["how"], &result["errors"]["total"]), (&"interrupted".into(), &0.into()));
    assert!(stderr.contains("interrupted"), "{stderr}");
}

/// What a run says that is interrupted this long after it has begun, and the folder of its report. The report's file is there
/// before the run begins; the warm-up takes a second.
fn interrupted(load: &[&str], after: Duration) -> (Value, Directory) {
    let directory = Directory::new();
    let report = directory.path("");
    let report = report.to_str().expect("the path is UTF-8");
    let child = start(&[&["bench"], load, &["-d", "60s", "--json", "--report", report]].concat());
    wait_for(&directory, "result.json");
    thread::sleep(after);
    let (stdout, _) = interrupt(child);
    let result: Value = serde_json::from_str(&stdout).expect("it is JSON");
    assert_eq!((&result["end"]["how"], &result["errors"]["total"]), (&"interrupted".into(), &0.into()));
    (result, directory)
}

fn wait_for(directory: &Directory, file: &str) {
    let is_there = |_| {
        thread::sleep(Duration::from_millis(10));
        directory.path(file).exists()
    };
    assert!((0..6000).any(is_there), "it does not begin");
}

#[test]
fn a_run_gives_what_was_measured_until_then() {
    let (result, directory) = interrupted(&["http", "-c", "4"], Duration::from_millis(1500));
    assert!(result["throughput"]["seconds"].as_f64() < Some(60.0));
    tree::check(&fs::read_to_string(directory.path("index.html")).expect("there is a page"));
}

/// In the warm-up nothing is measured: a few operations in no time would be a great throughput.
#[test]
fn in_the_warm_up_there_are_no_figures() {
    // On a machine that is busy elsewhere it may come too late, or too early.
    for after in [500, 600, 700] {
        check_no_figures(&interrupted(&["http", "-c", "4"], Duration::from_millis(after)).0);
    }
}

#[test]
fn while_connections_are_opened_there_are_no_figures() {
    check_no_figures(&interrupted(&["http", "-c", "1000"], Duration::ZERO).0);
}

/// The fault: all connections were said to be open, and the memory of the server was divided by their number.
#[test]
fn connections_that_were_not_up_are_not_said_to_be() {
    let (sender, comes) = mpsc::channel();
    // Three are answered, and those behind them are not.
    let addr = odd::listen_numbered(move |number, stream| {
        if number == 9 {
            // Nobody waits for it any more if the test has failed.
            let _ = sender.send(());
        }
        if number < 3 { odd::answer(stream, "/") } else { odd::keep_silent(stream) }
    });
    let directory = Directory::new();
    let report = directory.path("");
    let report = report.to_str().expect("the path is UTF-8");
    let pid = std::process::id().to_string();
    let load = ["-c", "10", "--timeout", "20s", "--server-pid", &pid];
    let child = start(&[&["bench", "idle", &addr, "--json", "--report", report], &load[..]].concat());
    comes.recv_timeout(Duration::from_secs(300)).expect("all connections come");
    let (stdout, stderr) = interrupt(child);
    let result: Value = serde_json::from_str(&stdout).expect("it is JSON");
    assert!(result["opened_connections"].as_u64() <= Some(3), "{result}");
    assert!(result["opening_seconds"].is_null(), "{result}{stderr}");
    assert!(result["server"]["memory_bytes_per_connection"].is_null(), "{}", result["server"]);
    let page = fs::read_to_string(directory.path("index.html")).expect("there is a page");
    assert!(page.contains("of 10 were opened") && !page.contains("connections were up"), "{page}");
}

fn check_no_figures(result: &Value) {
    let throughput = &result["throughput"];
    if throughput["seconds"].as_f64() < Some(0.01) {
        assert_eq!((&throughput["operations"], &throughput["per_second"]), (&0.into(), &0.0.into()));
    }
}

#[test]
fn a_plan_ends_with_the_stage_that_was_running() {
    let directory = Directory::new();
    fs::create_dir_all(directory.path("")).expect("it is made");
    let stages =
        "[[stage]]\nname = \"one\"\nduration = \"60s\"\n[[stage]]\nname = \"two\"\nduration = \"60s\"\n";
    let [file, report] = ["plan.toml", "report"].map(|name| directory.path(name));
    fs::write(&file, format!("connections = 4\n[[request]]\npath = \"/plaintext\"\n{stages}"))
        .expect("it is written");
    let [file, report] = [&file, &report].map(|path| path.to_str().expect("the path is UTF-8"));
    let child = start(&["bench", "plan", file, "--json", "--report", report]);
    wait_for(&directory, "report/two/result.json");
    thread::sleep(Duration::from_millis(1500));
    let (stdout, stderr) = interrupt(child);
    let result: Value = serde_json::from_str(&stdout).expect("it is JSON");
    let ends: Vec<(&Value, &Value)> = (result["stages"].as_array().expect("a list").iter())
        .map(|stage| (&stage["name"], &stage["result"]["end"]["how"]))
        .collect();
    assert_eq!(ends, [(&"one".into(), &"interrupted".into())], "{stderr}");
    tree::check(&fs::read_to_string(directory.path("report/one/index.html")).expect("there is a page"));
    assert!(!directory.path("report/two").exists(), "nothing is left of what was not measured");
}

/// The fault: an answer that does not end was waited for, whatever came.
#[test]
fn an_attack_ends_although_an_answer_does_not() {
    let (sender, comes) = mpsc::channel();
    let addr = odd::listen(move |stream| {
        // Nobody waits for it any more if the test has failed.
        let _ = sender.send(());
        odd::go_on(stream);
    });
    let child = start(&["attack", "slow-readers", &addr]);
    comes.recv_timeout(Duration::from_secs(300)).expect("the connection comes");
    let (stdout, stderr) = interrupt(child);
    assert!(stderr.contains("interrupted"), "{stderr}");
    assert!(stdout.contains("0 met, 0 missed, 0 gaps"), "{stdout}");
}

/// A server, and a message when its connection of this number comes.
fn counted(server: &Builtin, number: usize) -> (String, mpsc::Receiver<()>) {
    let (sender, receiver) = mpsc::channel();
    let behind = server.addr.clone();
    let addr = odd::listen_numbered(move |count, stream| {
        if count == number {
            // Nobody waits for it any more if the test has failed.
            let _ = sender.send(());
        }
        if let Ok(server) = TcpStream::connect(&behind) {
            forward(stream, server);
        }
    });
    (addr, receiver)
}

/// Both directions, until one of them ends.
fn forward(client: TcpStream, server: TcpStream) {
    let copy = |mut from: &TcpStream, mut to: &TcpStream| {
        // However it ends, both sides shall see it.
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    };
    thread::scope(|scope| {
        scope.spawn(|| copy(&client, &server));
        copy(&server, &client);
    });
}

#[test]
fn attacks_that_had_ended_are_kept() {
    let server = Builtin::start();
    // The first attack is not over when its first connection comes. Of all only `mutants` makes so many connections.
    for (number, count, names) in
        [(0, "10", &[][..]), (400, "1000000000", &["slow-heads", "idle", "descriptors"])]
    {
        let (addr, comes) = counted(&server, number);
        let url = format!("http://{addr}/plaintext");
        let args = ["attack", "all", &url, "-c", "10", "--head-timeout", "1s", "--count", count, "--json"];
        let child = start(&args);
        comes.recv_timeout(Duration::from_secs(300)).expect("the connection comes");
        let (stdout, stderr) = interrupt(child);
        assert!(stderr.contains("interrupted"), "{stderr}");
        let result: Value = serde_json::from_str(&stdout).expect("it is JSON and nothing else");
        let mut seen: Vec<&str> = result["rows"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|row| row["attack"].as_str())
            .collect();
        seen.dedup();
        assert_eq!(seen, names, "{stdout}");
    }
}
