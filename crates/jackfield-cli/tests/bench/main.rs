//! `jackfield bench`, started as a user starts it, each mode against the built-in server and against odd ones.
//!
//! Nothing here says how fast something is: only that what must be counted is counted, and that the files can be read.

mod attack;
mod check;
#[path = "../../../../examples/tests/browser/process.rs"]
#[allow(dead_code)]
mod chromium;
#[cfg(unix)]
mod ctrl_c;
mod deliveries;
#[path = "../../../../examples/tests/browser/devtools.rs"]
#[allow(dead_code)]
mod devtools;
#[path = "../../../jackfield-reactor/tests/common/identity.rs"]
mod identity;
#[path = "../../../../examples/tests/browser/look.rs"]
mod look;
mod odd;
mod outputs;
mod pages;
mod plan;
mod process;
mod regressions;
mod tool;
mod tree;
mod usage;
mod verdict;
mod windows;

use identity::Identity;
use process::{Directory, run};
use rcgen::{CertificateParams, PKCS_ECDSA_P256_SHA256};
use serde_json::Value;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use tool::{
    Builtin, Run, bench, bench_answered, bench_until, certificate, complains, failed, files_of, refused,
    run_until,
};

/// The program under test.
const TOOL: &str = env!("CARGO_BIN_EXE_jackfield");

/// Short, and few connections: what is tested is the tool.
const SHORT: [&str; 4] = ["-c", "4", "-d", "200ms"];

/// Runs a mode against the built-in server, and checks what every run must have.
fn check(args: &[&str]) -> Value {
    let has_measured = |run: &Run| {
        // Of one look at its course a run has no plot.
        if run.code == 0 { run.page().contains("<svg") } else { complains(&run.stderr) }
    };
    let run = bench_until(&[args, &["-c", "4"]].concat(), has_measured);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let result = run.result();
    let pid = result["server"]["pid"].as_u64().expect("the built-in server is known");
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "the server has ended");
    assert_eq!(result["errors"]["total"], unanswered(&result), "{}", result["errors"]);
    assert_eq!(result["plan"]["mode"], args[0]);
    assert!(result["command"].as_str().is_some_and(|command| command.starts_with("jackfield bench ")));
    assert!(result["machine"]["cores"].as_u64().is_some_and(|cores| cores > 0));
    assert!(result["server"]["memory_bytes_max"].as_u64().is_some_and(|bytes| bytes > 100_000));
    assert!(result["client"]["cpu_percent"].as_f64().is_some());
    tree::check(&run.page());
    assert!(run.stdout.starts_with(args[0]) && run.stdout.contains("errors       "), "{}", run.stdout);
    result
}

/// Operations that were due and had no answer in time, which a machine that is busy elsewhere may bring about.
fn unanswered(result: &Value) -> u64 {
    let kinds =
        ["no answer in time", "due, but no connection was free to send it", "a delivery that did not come"];
    kinds.iter().filter_map(|kind| result["errors"]["by_kind"][kind].as_u64()).sum()
}

/// The same for modes that count operations.
fn check_operations(args: &[&str]) -> Value {
    let result = check(args);
    let operations = result["throughput"]["operations"].as_u64().expect("a number");
    let latency = &result["latency_ns"];
    assert!(operations > 0);
    // At a fixed rate what was due in the warm-up has no latency, and what ends behind the end has one.
    if result["plan"]["rate"].is_null() {
        assert_eq!(latency["count"].as_u64(), Some(operations));
    }
    let figures: Vec<f64> = ["min", "p50", "p90", "p99", "p99.9", "max"]
        .iter()
        .filter_map(|name| latency[name].as_f64())
        .collect();
    assert_eq!(figures.len(), 6);
    assert!(figures.is_sorted_by(|a, b| *a <= b * 1.001), "{figures:?}");
    let buckets = result["histogram"].as_array().expect("a list");
    let counted: u64 = buckets.iter().filter_map(|bucket| bucket["count"].as_u64()).sum();
    assert_eq!(Some(counted), latency["count"].as_u64(), "each operation is in a bucket");
    result
}

#[test]
fn http() {
    let result = check_operations(&["http", "-p", "3"]);
    assert_eq!(result["plan"]["pipeline"], 3);
    assert_eq!(result["throughput"]["unit"], "requests");
    check_operations(&["http", "--browser"]);
}

#[test]
fn ws() {
    check_operations(&["ws"]);
    check_operations(&["ws", "-p", "4", "--size", "100KiB"]);
    check_operations(&["ws", "--size", "0", "--slow-readers", "1"]);
}

#[test]
fn raw() {
    check_operations(&["raw", "-p", "2", "--size", "3000"]);
}

/// The fault: the client was evicted for its own output if that was more than the 64 MiB that a server allows a connection.
#[test]
fn a_block_may_be_of_any_size() {
    let run = bench(&["raw", "--size", "70MiB", "-c", "1", "-n", "1", "--timeout", "300s"]);
    let result = run.result();
    let counts = (run.code, &result["throughput"]["operations"], &result["errors"]["total"]);
    assert_eq!(counts, (0, &1.into(), &0.into()), "{}{}", run.stderr, result["errors"]);
}

#[test]
fn connect() {
    let result = check_operations(&["connect"]);
    assert!(result["opening_seconds"].is_null(), "there is no time at which all are up");
    check_operations(&["connect", "--rate", "200"]);
}

#[test]
fn sse() {
    let result = check_operations(&["sse", "-p", "2"]);
    assert_eq!(result["throughput"]["unit"], "deliveries");
    check_operations(&["sse", "--rate", "100", "--slow-readers", "1"]);
}

#[test]
fn fanout() {
    let result = check_operations(&["fanout", "--slow-readers", "1"]);
    assert_eq!(result["plan"]["slow_readers"], 1);
    check_operations(&["fanout", "--rate", "100", "--size", "1KiB"]);
}

#[test]
fn slow_readers_read() {
    let check = |mode| {
        let slow = |run: &Run| run.result()["throughput"]["slow_reader_operations"].as_u64().unwrap_or(0);
        let run = bench_until(&[mode, "-c", "3", "--slow-readers", "1"], |run| slow(run) > 0);
        assert!(slow(&run) > 0, "{mode}: {}", run.stderr);
    };
    thread::scope(|scope| {
        for mode in ["http", "ws", "raw", "sse", "fanout"] {
            scope.spawn(move || check(mode));
        }
    });
}

#[test]
fn idle() {
    for args in [&["idle"][..], &["idle", "--ws"]] {
        let result = check(args);
        assert!(result["latency_ns"].is_null());
        assert!(result["server"]["memory_bytes_per_connection"].as_f64().is_some());
    }
}

#[test]
fn at_a_fixed_rate_everything_that_is_due_is_counted() {
    // The last one is due before the end, or at it. Where the machine lets the load begin later than the warm-up ends, less is
    // due: not each time.
    let is_whole = |duration| {
        let (answers, unanswered, due) = at_500_in_a_second(duration, &[]);
        assert!(answers <= due + 1.0, "{answers} for {due}");
        answers + unanswered >= due - 1.0
    };
    assert!(["200ms", "2s", "2s", "5s", "5s"].into_iter().any(is_whole), "something is not counted");
}

/// While the server pauses, 200 operations become due, none of which can be sent. A tool that waited for the server would leave
/// them out, and show how fast a server is that does not answer.
#[test]
fn at_a_fixed_rate_what_is_due_while_the_server_pauses_is_counted() {
    // The warm-up has 100 requests of the 1,100.
    let is_whole = |_| {
        let addr = odd::listen_and_pause(300, Duration::from_millis(400));
        let (answers, unanswered, due) = at_500_in_a_second("2s", &[addr.as_str()]);
        assert!(answers <= due + 1.0, "{answers} for {due}");
        answers + unanswered >= due - 1.0
    };
    assert!((0..4).any(is_whole), "something is not counted");
}

/// How many operations were answered, how many were not in time, and how many were planned. Each is one of them, however slow
/// the machine is and however long its threads take in the end.
fn at_500_in_a_second(duration: &str, more: &[&str]) -> (f64, f64, f64) {
    let run = bench(&[&["http", "--rate", "500", "-c", "4", "-d", duration], more].concat());
    let result = run.result();
    assert_eq!(result["errors"]["total"], unanswered(&result), "{}", result["errors"]);
    let answers = result["latency_ns"]["count"].as_u64().unwrap_or(0);
    let due = result["plan"]["seconds"].as_f64().expect("a number") * 500.0;
    (answers as f64, unanswered(&result) as f64, due)
}

#[test]
fn a_server_that_runs_already_is_measured_from_outside() {
    let server = Builtin::start();
    let url = format!("http://{}/plaintext", server.addr);
    let pid = server.pid().to_string();
    let run = bench_answered(&["http", &url, "--server-pid", &pid, "-c", "4"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let result = run.result();
    assert_eq!(result["plan"]["path"], "/plaintext", "the path of a URL counts");
    assert_eq!(result["plan"]["is_built_in"], false);
    assert_eq!(result["server"]["pid"].to_string(), pid);
    let run = bench(&[&["ws", &server.addr.to_string()], &SHORT[..]].concat());
    assert!(run.result()["server"].is_null(), "nobody said which process it is");
}

#[test]
fn the_users_server_gets_requests_for_its_own_paths() {
    // It answers the path that it is expected to be asked for, and nothing else.
    let serves = |path: &'static str| odd::listen(move |stream| odd::answer(stream, path));
    let sites = [serves("/"), serves("/a?b=1")];
    let [root, deep] = &sites;
    for (args, addr) in [
        (vec![format!("http://{root}/")], root),
        (vec![format!("http://{root}")], root),
        (vec![root.clone()], root),
        (vec![format!("http://{deep}/a?b=1")], deep),
        (vec![deep.clone(), "--path=/a?b=1".into()], deep),
    ] {
        for mode in ["http", "connect", "idle"] {
            let args: Vec<&str> = [mode].into_iter().chain(args.iter().map(String::as_str)).collect();
            let run = bench_answered(&[&args[..], &["-c", "4"]].concat());
            assert_eq!(run.code, 0, "{args:?}: {}", run.stderr);
            let result = run.result();
            assert_eq!(
                (&result["errors"]["total"], &result["plan"]["target"]),
                (&0.into(), &addr[..].into())
            );
        }
    }
    refused(&["http", &format!("http://{root}/"), "--path", "/a"], "given twice");
    refused(&["sse", root], "--publish-path");
}

#[test]
fn runs_are_compared_and_judged() {
    let first = bench_answered(&["http", "-c", "4"]);
    let old = first.directory.path("result.json");
    let old = old.to_str().expect("the path is UTF-8");
    let more = ["--compare", old, "--fail-if", "errors>0", "--fail-if", "p99>60s"];
    let run = bench_answered(&[&["http", "-p", "2", "-c", "4"], &more[..]].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("compared with ") && run.stdout.contains("plan.pipeline: 1 then, 2 now"));
    let page = run.page();
    tree::check(&page);
    assert!(page.contains(">before</th>") && page.contains("<li>plan.pipeline: 1 then, 2 now</li>"));

    let run = bench_answered(&["http", "-c", "4", "--fail-if", "rate>1", "--fail-if", "errors>0"]);
    assert_eq!(run.code, 1);
    assert!(
        run.stderr.contains("failed: rate>1: rate is ") && !run.stderr.contains("errors"),
        "{}",
        run.stderr
    );
    assert_eq!(run.result()["errors"]["total"], 0, "the report is written all the same");

    let wrong = first.directory.path("index.html");
    let wrong = wrong.to_str().expect("the path is UTF-8");
    refused(&["http", "--compare", wrong], "is not a result");
    refused(&["http", "--compare", "/nowhere/at.all"], "/nowhere/at.all");
}

/// The fault: whatever had the version of the layout was taken, and not one figure was compared.
#[test]
fn only_the_result_of_a_single_run_is_compared() {
    let (server, directory) = (Builtin::start(), Directory::new());
    std::fs::create_dir_all(directory.path("")).expect("it is made");
    let [plan, stages, attack] = ["plan.toml", "stages.json", "attack.json"].map(|name| directory.path(name));
    let text = "connections = 2\n[[request]]\npath = \"/plaintext\"\n[[stage]]\nduration = \"200ms\"\n";
    std::fs::write(&plan, text).expect("it is written");
    let [plan, stages, attack] =
        [&plan, &stages, &attack].map(|path| path.to_str().expect("the path is UTF-8"));
    let (_, stdout, stderr) = run(&["bench", "plan", plan, "--json"]);
    assert!(stdout.contains("\"schema\": 1") && stdout.contains("\"stages\""), "{stdout}{stderr}");
    std::fs::write(stages, stdout).expect("it is written");
    let (code, stdout, stderr) = run(&["attack", "descriptors", &server.addr, "--json"]);
    assert_eq!(code, 0, "{stderr}");
    std::fs::write(attack, stdout).expect("it is written");
    for file in [stages, attack] {
        refused(&["http", "--compare", file], "is not a result of a single run");
    }
}

#[test]
fn errors_are_counted_by_kind() {
    let wrong = |run: &Run| run.result()["errors"]["by_kind"]["status 404"].as_u64();
    let run = bench_until(&["http", "--path", "/nowhere", "-c", "4"], |run| wrong(run) > Some(0));
    assert_eq!(run.code, 1, "no operation succeeded");
    assert!(wrong(&run) > Some(0), "{}", run.result()["errors"]);
    assert!(run.stdout.contains("status 404") && run.stdout.contains("not one operation succeeded"));
    tree::check(&run.page());
}

#[test]
fn a_redirect_is_not_followed_and_counts_as_an_error() {
    const MOVED: &[u8] =
        b"HTTP/1.1 301 Moved Permanently\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n";
    let elsewhere = odd::listen(|stream| odd::say(stream, MOVED));
    for args in [&["http"][..], &["http", "--browser"], &["connect"]] {
        let run = bench(&[args, &[&elsewhere, "-n", "8", "-c", "2"]].concat());
        assert_eq!(run.code, 1, "{args:?}: {}", run.stderr);
        let result = run.result();
        assert_eq!(result["errors"]["by_kind"], serde_json::json!({ "status 301": 8 }), "{args:?}");
        assert!(run.stdout.contains("status 301"), "{}", run.stdout);
    }
    for args in [&["ws"][..], &["idle"], &["sse", "--publish-path=/"]] {
        failed(&[args, &[&elsewhere]].concat(), "status 301");
    }
}

#[test]
fn answers_that_do_not_come_in_time_are_errors() {
    let addr = odd::listen(odd::keep_silent);
    // A timeout within the run, and one behind its end: both times nothing is left out. It is far behind the end of the warm-up,
    // in which errors are counted apart.
    let check = |mode: &str, duration: &str| {
        let args = [mode, &addr, "--timeout", "3s", "--fail-if", "errors>0", "-c", "4", "-d", duration];
        let run = bench(&args);
        assert_eq!(run.code, 1, "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains("failed: errors>0"), "{}", run.stderr);
        let result = run.result();
        assert_eq!(result["errors"]["by_kind"]["no answer in time"], 4, "{}", result["errors"]);
    };
    thread::scope(|scope| {
        for (mode, duration) in [("http", "4s"), ("http", "200ms"), ("raw", "200ms")] {
            scope.spawn(move || check(mode, duration));
        }
    });
    for args in [&["ws"][..], &["idle"], &["connect"]] {
        failed(&[args, &[&addr, "--timeout", "50ms", "-c", "2"]].concat(), "no answer in time");
    }
}

/// The fault: with several threads the first error of a thread whose connections had not been answered ended the run.
#[test]
fn one_connection_of_several_that_is_never_answered_is_an_error() {
    for threads in ["1", "3"] {
        // The first connection is served, and those behind it are not.
        let addr = odd::listen_numbered(|number, stream| match number {
            0 => odd::answer(stream, "/"),
            _ => odd::keep_silent(stream),
        });
        let load = ["-c", "3", "--threads", threads, "-d", "2s", "--timeout", "1s", "--fail-if", "errors>0"];
        let run = bench(&[&["http", &addr], &load[..]].concat());
        assert_eq!(run.code, 1, "{}", run.stderr);
        let result = run.result();
        assert_eq!(result["end"]["how"], "complete", "{threads} threads: {}", result["end"]);
        assert!(result["throughput"]["operations"].as_u64() > Some(0), "{}", result["throughput"]);
        assert!(result["errors"]["by_kind"]["no answer in time"].as_u64() >= Some(2), "{}", result["errors"]);
    }
}

/// Of several requests on their way a server answers the first, and closes: the others are no successes and not forgotten.
#[test]
fn requests_behind_the_last_answer_of_a_connection_are_errors() {
    let closes = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let addr = odd::listen(|stream| odd::say_once(stream, closes));
    let run = bench(&["http", &addr, "-c", "1", "-p", "4", "-n", "40"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let result = run.result();
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    let unanswered = count(&result["errors"]["by_kind"]["unanswered"]);
    assert!(unanswered > 0, "{}", result["errors"]);
    let errors = count(&result["errors"]["total"]);
    assert_eq!(count(&result["throughput"]["operations"]) + errors, 40, "{}", result["errors"]);
}

/// A post that is lost with its connection does not hold up those behind it.
#[test]
fn a_publisher_goes_on_with_another_connection() {
    for pipeline in ["1", "3"] {
        let addr = odd::listen_for_posts(1, |streams, event| odd::deliver(streams, &event));
        let args = ["sse", &addr, "--publish-path", "/post", "-c", "2", "-p", pipeline];
        let deliveries = |run: &Run| run.result()["throughput"]["operations"].as_u64().unwrap_or(0);
        let run = bench_until(&args, |run| deliveries(run) > 20);
        assert!(deliveries(&run) > 20, "-p {pipeline}: {} {}", run.stderr, run.result()["errors"]);
    }
}

/// What failed is counted once, however many names it could have.
#[test]
fn an_operation_is_one_error() {
    let addr = odd::listen_numbered(|number, stream| match number {
        0 => odd::answer_once(stream),
        _ => odd::say_once(stream, b""),
    });
    let run = bench(&["connect", &addr, "-c", "1", "-n", "20", "--timeout", "5s"]);
    let result = run.result();
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    let (done, errors) = (count(&result["throughput"]["operations"]), count(&result["errors"]["total"]));
    assert!(done > 0 && errors > 0 && done + errors == 20, "{done} {}", result["errors"]);
}

/// Where nothing was measured there are no shares of a time.
#[test]
fn a_run_that_never_began_has_no_figures() {
    let run = bench(&[&["http", &odd::nobody()], &SHORT[..]].concat());
    let result = run.result();
    assert_eq!((run.code, &result["client"]["cpu_percent"]), (1, &Value::Null), "{}", run.stdout);
    assert!(!run.page().contains("connections were up"), "{}", result["end"]);
}

#[test]
fn at_a_fixed_rate_what_is_never_sent_is_an_error() {
    let addr = odd::listen(odd::answer_once);
    // Where the machine lets the load begin late, less is due: not each time.
    let is_whole = |_| {
        let run = bench(&[&["http", &addr, "--rate", "100", "--timeout", "300ms"], &SHORT[..]].concat());
        let result = run.result();
        let errors = &result["errors"]["by_kind"];
        // What was due while it measured has a latency or is an error; what was under way when it began or ended may be either.
        let all = errors_and_answers(&result);
        let due = result["plan"]["seconds"].as_f64().map(|seconds| seconds * 100.0).unwrap();
        assert!(all <= due + 6.0, "{all} for {due}: {result}");
        run.code == 0
            && all >= due - 6.0
            && errors["no answer in time"].as_u64() >= Some(4)
            && errors["due, but no connection was free to send it"].as_u64() > Some(0)
    };
    assert!((0..10).any(is_whole), "something is not counted");
}

/// The fault: while an operation was due and no connection was free, the alarm was set for a time that had passed, so it rang at
/// once, turn by turn.
#[test]
fn while_no_connection_is_free_nobody_wakes_for_what_is_due() {
    let addr = odd::listen(odd::answer_once);
    let run = bench(&["http", &addr, "--rate", "100", "-c", "1", "-d", "500ms", "--timeout", "2s"]);
    let result = run.result();
    let (turns, seconds) = (&result["client"]["turns"], &result["throughput"]["seconds"]);
    // A look at the clock every 10 ms, and for each operation. Twice as many are no fault.
    let most = seconds.as_f64().map(|seconds| seconds * 400.0 + 50.0);
    assert!(turns.as_u64() > Some(0) && turns.as_f64() <= most, "{turns} in {seconds} s");
}

fn errors_and_answers(result: &Value) -> f64 {
    let (errors, answers) = (&result["errors"]["total"], &result["latency_ns"]["count"]);
    errors.as_f64().unwrap() + answers.as_f64().unwrap_or(0.0)
}

#[test]
fn at_a_high_rate_several_answers_are_looked_at_together() {
    let run = bench(&["http", "--rate", "40k", "-c", "16", "-d", "300ms"]);
    let result = run.result();
    let (turns, seconds) = (&result["client"]["turns"], &result["throughput"]["seconds"]);
    // One look for each step at which operations are due, and not one for each answer. An upper bound, which holds on any
    // machine: a step is 100 us.
    let most = seconds.as_f64().map(|seconds| seconds / 100e-6 + 2.0);
    assert!(turns.as_u64() > Some(0) && turns.as_f64() <= most, "{turns} in {seconds} s");
    assert_eq!(result["latency_resolution_ns"], 100_000);
}

#[test]
fn exactly_the_requested_number_of_operations_is_done() {
    for args in [
        &["http"][..],
        &["ws", "-p", "3"],
        &["raw", "--threads", "2"],
        &["connect"],
        &["http", "--rate", "1k"],
    ] {
        let run = bench(&[args, &["-c", "4", "-n", "101"]].concat());
        assert_eq!(run.code, 0, "{args:?}: {}", run.stderr);
        let result = run.result();
        let counts = (&result["throughput"]["operations"], &result["latency_ns"]["count"]);
        assert_eq!(counts, (&101.into(), &101.into()), "{args:?}");
    }
}

/// Each message comes on each connection that reads as it should, however the connections are shared among the threads.
#[test]
fn a_number_of_messages_comes_on_all_connections() {
    for (args, deliveries) in [
        (&["-c", "5", "--threads", "2", "-n", "7"][..], 35),
        (&["-c", "4", "--threads", "3", "-n", "9", "-p", "2"], 36),
        (&["-c", "4", "--slow-readers", "1", "-n", "10"], 30),
        (&["-c", "1", "-n", "3"], 3),
    ] {
        let run = bench(&[&["fanout", "--timeout", "60s"], args].concat());
        let result = run.result();
        assert_eq!((run.code, &result["throughput"]["operations"]), (0, &deliveries.into()), "{args:?}");
        // It ends with the last of them, and not when nothing has come for the timeout.
        assert!(result["throughput"]["seconds"].as_f64() < Some(60.0), "{args:?}");
    }
}

/// The time before a count of operations, in which WebSockets are subscribed, is not a part of the duration.
#[test]
fn a_number_of_operations_has_the_whole_duration() {
    // On a machine that is busy elsewhere nothing may be answered in so short a time.
    let has_begun = |_| {
        let run = bench(&["http", "-c", "2", "-n", "1000000", "-d", "250ms"]);
        run.result()["throughput"]["operations"].as_u64() > Some(0)
    };
    assert!((0..5).any(has_begun));
}

#[test]
fn a_request_is_sent_as_it_is_wanted() {
    let addr = odd::listen(|stream| {
        odd::check(stream, |request| {
            request.starts_with("POST / HTTP/1.1\r\nHost: me\r\nX-Y: 1\r\n")
                && request.ends_with("Length: 2\r\n\r\nhi")
        });
    });
    let directory = Directory::new();
    std::fs::create_dir_all(directory.path("")).expect("it is made");
    let file = directory.path("body");
    std::fs::write(&file, "hi").expect("it is written");
    let file = file.to_str().expect("it is UTF-8");
    let fields = ["http", &addr, "-X", "POST", "-H", "Host: me", "-H", "X-Y:1", "-n", "8", "-c", "2"];
    for body in [["--body", "hi"], ["--body-file", file]] {
        let run = bench(&[&fields[..], &body].concat());
        assert_eq!((run.code, &run.result()["errors"]["total"]), (0, &0.into()), "{}", run.stderr);
    }
    let run = bench(&[&fields[..], &["--body", "ho"]].concat());
    assert_eq!(run.result()["errors"]["by_kind"]["status 400"], 8);
    // An answer to HEAD has a length and no body.
    let head = odd::listen(|stream| odd::say(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"));
    assert_eq!(bench(&["http", &head, "-X", "HEAD", "-n", "8", "-c", "2"]).code, 0);
}

#[test]
fn a_websocket_is_opened_as_it_is_wanted() {
    let server = Builtin::start();
    for args in
        [&["--text", "--message", "žluťoučký"][..], &["--message", "x"], &["--text"], &["-H", "X-Y: 1"]]
    {
        let run = bench(&[&["ws", &server.addr, "-n", "20", "-c", "2"], args].concat());
        assert_eq!((run.code, &run.result()["errors"]["total"]), (0, &0.into()), "{args:?}: {}", run.stderr);
    }
    let seen = odd::listen(|stream| {
        odd::check(stream, |request| {
            request.contains("\r\nSec-WebSocket-Protocol: b, a\r\n") && request.contains("\r\nX-Y: 1\r\n")
        });
    });
    // It is no WebSocket server: that it answers 200 means that it liked the request.
    failed(&["ws", &seen, "--protocol", "b", "--protocol", "a", "-H", "X-Y: 1"], "status 200");
}

#[test]
fn targets_may_speak_tls() {
    let directory = Directory::new();
    let [cert, key] = &certificate(&directory, "server");
    let [other, _] = &certificate(&directory, "other");
    let server = Builtin::start_with(&["--cert", cert, "--key", key]);
    let url = |scheme: &str, path: &str| format!("{scheme}://{}{path}", server.addr);
    let (https, wss) = (url("https", "/plaintext"), url("wss", "/"));
    for (args, trust) in [
        (&["http", &*https][..], &["--insecure"][..]),
        (&["http", &https, "-p", "8"], &["--ca-file", cert]),
        (&["connect", &https], &["--ca-file", cert]),
        (&["idle", &https], &["--ca-file", cert]),
        (&["ws", &wss, "--size", "100KiB"], &["--ca-file", cert]),
    ] {
        let run = bench_answered(&[args, trust, &["-c", "4"]].concat());
        let result = run.result();
        assert_eq!(
            (run.code, &result["errors"]["total"]),
            (0, &0.into()),
            "{args:?}: {}{}",
            run.stderr,
            result["errors"]
        );
        assert_eq!(result["plan"]["tls"]["is_insecure"], trust == ["--insecure"]);
    }
    failed(&["http", &https, "--ca-file", other], "--insecure");
    refused(&["http", &https, "--ca-file", "/nowhere/at.all"], "/nowhere/at.all");
    refused(&["http", &https, "--ca-file", key], "no certificate");
    refused(&["http", &server.addr, "--insecure"], "https://");
    assert_eq!(run(&["attack", "mutants", &https]).0, 1);
}

#[test]
fn handshakes_are_full_unless_sessions_are_resumed() {
    let directory = Directory::new();
    let [cert, key] = &certificate(&directory, "server");
    let server = Builtin::start_with(&["--cert", cert, "--key", key]);
    let https = format!("https://{}/plaintext", server.addr);
    let load = ["connect", &https, "--ca-file", cert, "-c", "4", "--threads", "2", "-n", "60"];
    for more in [&[][..], &["--resume"]] {
        let run = bench(&[&load[..], more].concat());
        let result = run.result();
        assert_eq!((run.code, &result["errors"]["total"]), (0, &0.into()), "{}", run.stderr);
        let handshakes = &result["handshakes"];
        let number = |name: &str| handshakes[name].as_u64().expect("a number");
        let (full, resumed) = (number("full"), number("resumed"));
        assert_eq!(full + resumed, 60, "one for each operation: {handshakes}");
        assert_eq!(handshakes["latency_ns"]["count"], full + resumed);
        // Each connection leaves more than the next one uses up; only the first at each of the four places may find nothing.
        let is_right = if more.is_empty() { resumed == 0 } else { (1..=4).contains(&full) };
        assert!(is_right, "{handshakes}");
        assert_eq!(result["plan"]["tls"]["resumes"], !more.is_empty());
        assert!(run.stdout.contains("  handshakes   ") && run.page().contains(">full handshakes</th>"));
    }
    let run = bench(&[&load[..], &["--fail-if", "full-handshakes>10"]].concat());
    assert_eq!(run.code, 1, "{}", run.stderr);
    refused(&["connect", &server.addr, "--resume"], "https://");
    let (code, ..) = process::run(&["bench", "connect", "--resume"]);
    assert_eq!(code, 2, "the built-in server has no certificate");
}

#[test]
fn a_server_without_resumption_is_reported() {
    let directory = Directory::new();
    let [cert, key] = &certificate(&directory, "server");
    let addr = odd::listen_over_tls(cert, key, || {});
    let https = format!("https://{addr}/");
    let load = ["connect", &https, "--ca-file", cert, "-c", "2", "-n", "8"];
    let run = bench(&[&load[..], &["--resume"]].concat());
    assert!(run.code == 1 && run.stdout.contains("not one TLS session was resumed"), "{}", run.stdout);
    let result = run.result();
    assert_eq!(result["handshakes"]["full"], 8, "{}", result["handshakes"]);
    assert_eq!(result["errors"]["total"], 0, "{}", result["errors"]);
    assert_eq!(bench(&load).code, 0);
}

/// The fault: over TLS an operation began only at the end of the handshake. So its latency had no handshake; and until one ended,
/// an operation that was due opened all connections.
#[test]
fn over_tls_an_operation_begins_with_its_connection() {
    const BEFORE: Duration = Duration::from_millis(300);
    let directory = Directory::new();
    let [cert, key] = &certificate(&directory, "server");
    for (load, operations) in
        [(&["-c", "1", "-n", "3"][..], 3usize), (&["-c", "32", "-n", "5", "--rate", "20"], 5)]
    {
        let opened = Arc::new(AtomicUsize::new(0));
        let count = opened.clone();
        let addr = odd::listen_over_tls(cert, key, move || {
            count.fetch_add(1, Ordering::Relaxed);
            thread::sleep(BEFORE);
        });
        let https = format!("https://{addr}/");
        let args = ["connect", &https, "--ca-file", cert, "--timeout", "60s"];
        let run = bench(&[&args[..], load].concat());
        let result = run.result();
        let counts = (run.code, &result["throughput"]["operations"], opened.load(Ordering::Relaxed));
        assert_eq!(counts, (0, &operations.into(), operations), "{load:?}: {}", run.stderr);
        // Three digits of a latency are kept.
        let shortest = result["latency_ns"]["min"].as_f64();
        assert!(shortest > Some(BEFORE.as_secs_f64() * 0.99e9), "{load:?}: {}", result["latency_ns"]);
    }
}

#[test]
fn several_threads_share_the_load() {
    for args in [&["http"][..], &["ws"], &["raw"], &["fanout"], &["connect"]] {
        let result = check_operations(&[args, &["--threads", "2"]].concat());
        assert_eq!(result["client"]["threads"], 2);
    }
    check(&["idle", "--threads", "3"]);
    // Together they keep the rate. A thread that the machine lets begin late has less to send.
    let (answers, _, due) = at_500_in_a_second("200ms", &["--threads", "2"]);
    assert!(answers <= due + 2.0, "{answers} for {due}");
    refused(&["http", "-c", "2", "--threads", "3"], "--threads");
    refused(&["sse", "--threads", "2"], "one thread");
}

#[test]
fn a_report_is_written_when_it_is_asked_for_and_never_over_another() {
    let (code, stdout, stderr) = run_until(&["bench", "http", "-c", "4"]);
    assert!(code == 0 && !stdout.contains("report:"), "{stderr}");
    let first = bench(&[&["http"], &SHORT[..]].concat());
    let directory = first.directory.path(".");
    let there = ["--report", directory.to_str().expect("it is UTF-8")];
    let again = |more: &[&str]| run_until(&[&["bench", "http", "-c", "4"], &there[..], more].concat());
    let old = first.result();
    let (code, stdout, stderr) = again(&[]);
    assert!(code == 2 && stdout.is_empty() && stderr.contains("--force"), "{stderr}");
    assert_eq!(first.result(), old);
    assert_eq!(again(&["--force"]).0, 0);
    assert_ne!(first.result(), old);
    // Nobody listens there: it would be the first error, if the folder were not looked at before.
    let addr = odd::nobody();
    let (code, _, stderr) = run(&["bench", "http", &addr, "--report", "/dev/null/report"]);
    assert!(code == 2 && stderr.contains("/dev/null/report"), "{stderr}");
    assert_eq!(run(&["bench", "http", "--force"]).0, 2, "there is nothing to write over");
}

/// A report that turns out to be unwritable only when it is written: the result is not lost.
#[cfg(target_os = "linux")]
#[test]
fn what_was_measured_is_shown_although_the_report_fails() {
    let directory = Directory::new();
    std::fs::create_dir_all(directory.path("")).expect("it is made");
    std::os::unix::fs::symlink("/dev/full", directory.path("index.html")).expect("it is made");
    let folder = directory.path("");
    let folder = folder.to_str().expect("it is UTF-8");
    let (code, stdout, stderr) =
        run(&[&["bench", "http", "--force", "--report", folder], &SHORT[..]].concat());
    assert!(code == 2 && stderr.contains("index.html"), "{code}: {stderr}");
    assert!(stdout.contains("throughput"), "{stdout}");
}

/// A reader that goes early, as `head` does.
#[cfg(unix)]
#[test]
fn a_closed_output_changes_no_exit_code() {
    use std::os::{fd::OwnedFd, unix::net::UnixStream};
    for args in
        [&["fuzz", "list"][..], &["fuzz", "--help"], &["sim", "--seeds", "1"], &["bench", "http", "-n", "1"]]
    {
        let (near, far) = UnixStream::pair().expect("there are descriptors");
        drop(far);
        let mut command = Command::new(TOOL);
        let status =
            command.args(args).stdout(Stdio::from(OwnedFd::from(near))).stderr(Stdio::null()).status();
        assert_eq!(status.expect("it starts").code(), Some(0), "{args:?}");
    }
}

#[test]
fn the_greatest_seed_is_a_seed() {
    let directory = Directory::new();
    let seed = u64::MAX.to_string();
    let findings = directory.path("findings");
    let (code, stdout, stderr) = run(&[
        "fuzz",
        "http1_machine",
        "--jobs",
        "2",
        "--executions",
        "1",
        "--seed",
        &seed,
        "--findings",
        findings.to_str().expect("it is UTF-8"),
    ]);
    assert!(code == 0 && !stderr.contains("panicked"), "{stdout}{stderr}");
}

/// A report may be shown to others: it has the command, but not what a header field keeps secret.
#[test]
fn a_report_has_no_secrets() {
    let secret = "s3cret";
    for field in [
        &["-H", "Authorization: Bearer s3cret"][..],
        &["-HCookie: id=s3cret"],
        &["--header", "X-Api-Key: s3cret"],
        &["--header=proxy-authorization:s3cret"],
    ] {
        let run = bench(&[&["http", "-n", "4", "-c", "2", "-H", "X-Shown: yes"], field].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        let command = run.result()["command"].as_str().expect("a text").to_owned();
        assert!(command.contains("X-Shown: yes") && !command.contains(secret), "{command}");
        assert!(!run.page().contains(secret) && !run.stdout.contains(secret));
    }
}

#[test]
fn the_result_is_printed_as_json() {
    let (code, stdout, stderr) = run_until(&["bench", "http", "--json", "-c", "4"]);
    assert_eq!((code, &*stderr), (0, ""));
    let result: Value = serde_json::from_str(&stdout).expect("it is JSON and nothing else");
    assert_eq!((&result["end"]["how"], &result["plan"]["mode"]), (&"complete".into(), &"http".into()));
}

/// Where no terminal is, the live view is a line a second. A machine that is very busy may come to look at it late.
#[test]
fn without_a_terminal_a_run_is_shown_in_lines() {
    let shown = ["1100ms", "5s", "30s"].into_iter().find_map(|duration| {
        let (code, stdout, stderr) = run(&["bench", "http", "-c", "2", "-d", duration]);
        assert!(code == 0 && !stdout.contains("s left"), "{stdout}{stderr}");
        stderr.lines().rfind(|line| line.ends_with("s left")).map(str::to_owned)
    });
    let line = shown.expect("it lasts longer than a second");
    for words in ["measure: ", "/s, p50 ", ", p99 ", ", errors ", ", server "] {
        assert!(line.contains(words), "{words}: {line}");
    }
}

/// The fault: the time that was left was shown, of the hour that a number of operations may take.
#[test]
fn a_number_of_operations_is_shown_as_it_is_done() {
    for (mode, end) in [("http", " of 150 requests"), ("fanout", " of 300 deliveries")] {
        let (code, _, stderr) = run(&["bench", mode, "-c", "2", "--rate", "100", "-n", "150"]);
        assert_eq!(code, 0, "{stderr}");
        let is_shown = |line: &str| line.starts_with("measure: ") && line.ends_with(end);
        assert!(stderr.lines().any(is_shown) && !stderr.contains("s left"), "{mode}: {stderr}");
    }
}

#[test]
fn with_json_there_are_no_lines() {
    let (_, stdout, stderr) = run(&["bench", "http", "-c", "2", "-d", "1100ms", "--json"]);
    assert!(serde_json::from_str::<Value>(&stdout).is_ok() && !stderr.contains("s left"), "{stdout}{stderr}");
}

/// `script` gives it a terminal. A machine that is very busy may come to look at it late.
#[cfg(target_os = "linux")]
#[test]
fn in_a_terminal_the_live_view_is_a_line_that_is_rewritten() {
    let shown = ["1100ms", "5s", "30s"].into_iter().find_map(|duration| {
        let line = format!("{TOOL} bench http -c 2 -d {duration}");
        let mut script = Command::new("script");
        let output = match script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null()).output() {
            Ok(output) => output,
            Err(error) => {
                println!("skipped: script can't be started: {error}");
                return Some(None);
            }
        };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
        (text.contains("measure [") && text.contains("s left")).then_some(Some(text))
    });
    let Some(text) = shown.expect("it lasts longer than a second") else { return };
    assert!(text.contains("\r"), "it goes back to the beginning of the line: {text:?}");
}

/// Runs it against a server that never answers as it should, and checks that all errors are of this kind.
fn check_kind(args: &[&str], kind: &str) {
    let result = failed(args, kind);
    let kinds = result["errors"]["by_kind"].as_object().expect("an object");
    assert!(!kinds.is_empty() && kinds.keys().all(|counted| counted.contains(kind)), "{args:?}: {kinds:?}");
}

/// A certificate of an unknown issuer, of another server, and of the past.
#[test]
fn a_certificate_that_is_not_trusted_is_an_error() {
    let directory = Directory::new();
    let host = "127.0.0.1";
    let mut past = CertificateParams::new([host.to_owned()]).expect("it is a name");
    past.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let past = Identity::with_params(&past, &PKCS_ECDSA_P256_SHA256);
    let [good, unknown, other] = [Identity::of(&[host]), Identity::of(&[host]), Identity::of(&["a.example"])];
    let files = |name: &str, identity: &Identity| files_of(&directory, name, identity);
    let [trusted, _] = files("good", &good);
    for (name, identity, is_issuer_known) in
        [("unknown", unknown, false), ("other", other, true), ("past", past, true)]
    {
        let [cert, key] = &files(name, &identity);
        let https = format!("https://{}/", odd::listen_over_tls(cert, key, || {}));
        let trusted = if is_issuer_known { cert } else { &trusted };
        let load = ["connect", &https, "-c", "2", "-n", "4"];
        check_kind(
            &[&load[..], &["--ca-file", trusted]].concat(),
            "TLS: the handshake failed, or the certificate",
        );
        assert_eq!(
            bench(&[&load[..], &["--insecure"]].concat()).code,
            0,
            "{name}: only its certificate is bad"
        );
    }
}

#[test]
fn impossible_measurements_are_explained() {
    let nobody = odd::nobody();
    let hangs_up = odd::listen(drop);
    let speaks_otherwise = odd::listen(|stream| odd::say(stream, b"220 ready\r\n"));
    let refuses =
        odd::listen(|stream| odd::say(stream, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
    // A number of operations has no warm-up, in which errors are counted apart.
    for (args, kind) in [
        (&["http", &nobody][..], "connect: connection refused"),
        (&["connect", &nobody, "-n", "4"], "connect: connection refused"),
        (&["ws", &hangs_up], "by the server"),
        (&["connect", &hangs_up, "-n", "4"], "by the server"),
        (&["http", &speaks_otherwise, "-n", "4"], "HTTP: "),
        (&["ws", &speaks_otherwise], "WebSocket handshake: "),
        (&["ws", &refuses], "status 403"),
        (&["sse", &refuses, "--publish-path=/"], "status 403"),
        (&["idle", &refuses], "status 403"),
    ] {
        check_kind(args, kind);
    }
    let run = bench(&["idle", &refuses, "-c", "2", "-d", "100ms"]);
    assert!(run.code == 1 && !run.stdout.contains("opened"), "{}", run.stdout);
    assert!(run.page().contains("of 2 were opened") && !run.page().contains("connections were up"));
}

#[test]
fn a_wrong_command_line_is_explained() {
    for (args, word) in [
        (&["http", "localhost"][..], "port"),
        (&["http", "-c", "0"], "0 is not in"),
        (&["http", "-d", "soon"], "`10s`"),
        (&["http", "--timeout", "0"], "above zero"),
        (&["http", "-H", "no colon"], "a colon"),
        (&["http", "-H", "Content-Length: 1"], "by this tool"),
        (&["http", "-H", "A: b\r\nC: d"], "one line"),
        (&["http", "-X", "GET /"], "letters"),
        (&["http", "--body-file", "/nowhere/body"], "/nowhere/body"),
        (&["http", "-n", "0"], "0 is not in"),
        (&["ws", "--message", "a", "--size", "1"], "--size"),
        (&["idle", "--protocol", "a"], "--ws"),
        (&["http", "--path", "nowhere"], "`/`"),
        (&["http", "--fail-if", "speed<1"], "p99.9"),
        (&["http", "--server-pid", "1"], "add its address"),
        (&["http", "-c", "4", "--slow-readers", "4"], "--slow-readers"),
        (&["ws", "--size", "lots"], "`16KiB`"),
        (&["sse", "--size", "5"], "at least 20"),
        (&["fanout", "--size", "11"], "at least 12"),
        (&["raw", "--size", "0"], "at least 1"),
        (&["idle", "--pipeline", "2"], "--pipeline"),
        (&["http", "name.invalid:80"], "no address"),
        (&["http", "http://127.0.0.1:99999/"], "the port"),
        (&["http", "-d", "9000000000000000s"], "too long"),
        (&["ws", "-H", "Host: a"], "`Host`"),
        (&["idle", "--ws", "-H", "Connection: a"], "`Connection`"),
        (&["fanout", "-H", "sec-websocket-extensions: a"], "`sec-websocket-extensions`"),
        (&["ws", "--protocol", "a", "--protocol", "a"], "twice"),
        (&["http", "127.0.0.1:1", "--server-pid", "4294967295"], "process 4294967295 can't be read"),
    ] {
        refused(args, word);
    }
}
