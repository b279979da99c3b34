//! What the tool says about options that make no sense, before anything is started or written; and what its output keeps to itself.

use crate::odd;
use crate::process::{Directory, run};
use crate::tool::{bench, bench_answered, refused};
use serde_json::Value;
use std::fs;

/// The exit code 2 with this message, and nothing on the standard output.
#[track_caller]
fn check(args: &[&str], why: &str) {
    let (code, stdout, stderr) = run(args);
    assert!(code == 2 && stdout.is_empty() && stderr.contains(why), "{args:?}: {code} {stdout}{stderr}");
}

/// The fault: `--json` took a value in `attack`, though not in `bench`. So it took the target, and the built-in server was attacked.
#[test]
fn i412_json_is_a_flag_of_attack_and_leaves_the_target() {
    let nobody = odd::nobody();
    let (code, stdout, stderr) = run(&["attack", "mutants", "--count", "10", "--json", &nobody]);
    assert!(code == 1 && stdout.is_empty() && stderr.contains("refused"), "{stdout}{stderr}");
    assert!(!fs::exists(&nobody).expect("it can be asked"), "no file has its name");
    check(&["attack", "mutants", "--json", "figures.json", &nobody], "unexpected argument");
    check(&["attack", "mutants", "--json", "figures.json"], "the port is missing");
    check(&["attack", "mutants", "--force"], "--force");
}

/// The fault: such a run lasted to its end, and then there was no such figure.
#[test]
fn i413_a_condition_without_a_figure_is_refused_before_the_run() {
    let nobody = &*odd::nobody();
    let of_process = "needs `--server-pid PID` for a server that runs already";
    for (args, why) in [
        (&["http", nobody, "--fail-if", "memory>64MiB"][..], of_process),
        (&["http", nobody, "--fail-if", "errors>0", "--fail-if", "server-cpu>5us"], of_process),
        (&["raw", nobody, "--fail-if", "others-load>50%"], "`others-load` needs"),
        (&["idle", "--fail-if", "p99>1ms"], "`p99` is no figure of `idle`"),
        (&["idle", "--ws", "--fail-if", "rate<1k"], "`rate` is no figure of `idle`"),
        (&["idle", "--fail-if", "server-cpu>1us"], "`server-cpu` is no figure of `idle`"),
        (
            &["http", "--fail-if", "full-handshakes>100"],
            "`bench connect` with a target that begins with https://",
        ),
        (&["connect", "--fail-if", "handshake-p99>1ms"], "https://"),
        (&["ws", "--fail-if", "memory-per-connection>1k"], "only `bench idle` measures"),
    ] {
        refused(args, why);
    }
}

/// The fault: with `--json` the earlier run was read, and nothing of it was said.
#[test]
fn i415_with_json_the_comparison_is_in_the_result() {
    let first = bench_answered(&["http", "-c", "4"]);
    let old = first.directory.path("result.json");
    let old = old.to_str().expect("the path is UTF-8");
    let (code, stdout, stderr) =
        run(&["bench", "http", "-p", "2", "-c", "4", "-n", "200", "--json", "--compare", old]);
    assert_eq!(code, 0, "{stderr}");
    let result: Value = serde_json::from_str(&stdout).expect("it is JSON and nothing else");
    let compared = &result["compared"];
    assert_eq!(compared["with"], first.result()["when"]);
    let differences = compared["differences"].to_string();
    assert!(differences.contains("plan.pipeline: 1 then, 2 now"), "{differences}");
    let changes = compared["changes"].as_array().expect("a list");
    let rate = changes.iter().find(|change| change["metric"] == "rate").expect("both have a rate");
    assert_eq!(rate["old"], first.result()["throughput"]["per_second"]);
    assert_eq!(rate["new"], result["throughput"]["per_second"]);
    assert!(rate["percent"].is_number() && rate["trend"].is_string(), "{rate}");
    assert!(first.result()["compared"].is_null(), "it was compared with nothing");
}

/// The faults: `list` and `export` ignored what they have no use for, a folder that can't be written was tried only for an input
/// that failed, and `export` wrote over the files of others.
#[test]
fn i416_fuzz_says_what_makes_no_sense_before_it_begins() {
    let directory = Directory::new();
    fs::create_dir_all(directory.path("sse_stream.dict")).expect("it is made");
    let folder = directory.path("");
    let folder = folder.to_str().expect("the path is UTF-8");
    let corpus = directory.path("corpus");
    fs::create_dir_all(&corpus)
        .and_then(|()| fs::write(corpus.join("sse_stream"), "no folder"))
        .expect("it is made");
    let corpus = corpus.to_str().expect("the path is UTF-8");
    for (args, why) in [
        (&["list", "--time", "5s"][..], "list has no use for --time"),
        (&["list", "--corpus", "a"], "list has no use for --corpus"),
        (&["export", "--seed", "1"], "export has no use for --seed"),
        (&["export", "--jobs", "1"], "export has no use for --jobs"),
        (&["export", "--executions", "1"], "export has no use for --executions"),
        (&["export", "--findings", "a"], "export has no use for --findings"),
        (&["all", "--force"], "all has no use for --force"),
        (&["all", "--time", "0"], "above zero"),
        (&["all", "--executions", "0"], "0 is not in"),
        (&["sse_stream", "--executions", "1", "--findings", "/dev/null/findings"], "/dev/null/findings: "),
        (&["all", "--executions", "1", "--corpus", corpus], "corpus/sse_stream: "),
        (&["export", "--corpus", "/dev/null"], "/dev/null"),
        (&["export", "--corpus", folder], "sse_stream.dict is there already"),
    ] {
        check(&[&["fuzz"], args].concat(), why);
    }
    assert!(!directory.path("http1_head").exists(), "nothing is written if not everything can be");
}

#[test]
fn i416_exported_inputs_that_were_changed_stay_unless_forced() {
    let directory = Directory::new();
    let mine = directory.path("http1_head/seed-00");
    let folder = directory.path("");
    let export = ["fuzz", "export", "--corpus", folder.to_str().expect("the path is UTF-8")];
    assert_eq!((run(&export).0, run(&export).0), (0, 0), "the same files may be written again");
    let first = fs::read(&mine).expect("it is there");
    fs::write(&mine, "mine").expect("it is written");
    check(&export, "seed-00 is there already");
    assert_eq!(fs::read(&mine).ok().as_deref(), Some(&b"mine"[..]));
    assert_eq!(run(&[&export[..], &["--force"]].concat()).0, 0);
    assert_eq!(fs::read(&mine).ok(), Some(first));
}

/// The fault: only header fields were hidden, so a report showed what the query of a URL and a body let others do.
#[test]
fn i418_a_report_shows_no_values_of_a_query() {
    let addr = odd::listen(|stream| odd::say(stream, b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"));
    let url = format!("http://{addr}/a?token=s3cret&s3cret");
    let body = "{\"password\":\"s3cret\"}";
    for args in [
        &["http", &*url][..],
        &["http", &addr, "--path", "/a?token=s3cret&s3cret"],
        &["http", &addr, "--path=/a?token=s3cret&s3cret", "-X", "POST", "--body", body],
        &["ws", &url, "--message", body],
    ] {
        let run = bench(&[args, &["-n", "4", "-c", "2"]].concat());
        let result = run.result();
        let command = result["command"].as_str().expect("a text");
        assert!(command.contains("/a?token=...&..."), "{command}");
        assert_eq!(result["plan"]["path"], "/a?token=...&...");
        for text in [&result.to_string(), &run.page(), &run.stdout, &run.stderr] {
            assert!(!text.contains("s3cret"), "{args:?}: {text}");
        }
    }
    // Of several requests the errors are counted by path.
    let directory = Directory::new();
    let file = directory.path("plan.toml");
    let request = |path| format!("[[request]]\npath = \"/{path}?token=s3cret\"\n");
    let [one, other] = ["one", "other"].map(request);
    let text =
        format!("target = \"http://{addr}\"\nconnections = 2\n{one}{other}[[stage]]\nduration = \"300ms\"\n");
    fs::create_dir_all(directory.path("")).and_then(|()| fs::write(&file, text)).expect("it is written");
    let (_, stdout, stderr) = run(&["bench", "plan", file.to_str().expect("the path is UTF-8"), "--json"]);
    assert!(stdout.contains("\"/other?token=...\"") && !stdout.contains("s3cret"), "{stdout}{stderr}");
}

/// The faults: such a message was about something else than what is wrong, or there was none.
#[test]
fn i419_a_message_names_the_option_and_what_to_do() {
    let nobody = &*odd::nobody();
    let url = &*format!("http://{nobody}/a");
    for (args, why) in [
        (&["attack", url][..], &*format!("name the attack first: `jackfield attack all {url}`")),
        (&["attack", nobody], &format!("name the attack first: `jackfield attack all {nobody}`")),
        (&["attack", "flood"], "slow-heads"),
        (&["attack", "mutants", "--insecure"], "--insecure is for a server of your own: add its address"),
        (&["attack", "mutants", "--server-pid", "1"], "--server-pid is for a server of your own"),
        (&["bench", "http", "--insecure"], "--insecure is for a server of your own"),
        (&["bench", "http", "--ca-file", "a.pem"], "--ca-file is for a server of your own"),
        (&["bench", "http", "--server-pid", "1"], "--server-pid is for a server of your own"),
        (&["bench", "connect", "--resume"], "--resume is for a server of your own"),
        (&["bench", "raw", url], "`raw` has no path"),
        (&["bench", "http", "127.0.0.1:0"], "a number from 1 to 65535"),
        (&["bench", "http", "-X", "GET /"], "letters, digits and !#$%&'*+-.^_`|~ only"),
    ] {
        check(args, why);
    }
}
