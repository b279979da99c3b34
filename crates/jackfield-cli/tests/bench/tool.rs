//! `jackfield bench` with a report, and the built-in server.

use super::TOOL;
use super::identity::Identity;
use super::process::{Directory, run};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A run that has ended.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) directory: Directory,
}

/// The built-in server, started by hand.
pub(crate) struct Builtin {
    child: Child,
    pub(crate) addr: String,
}

/// A certificate for the address of the built-in server, and its key, as files in a folder of this name.
pub(crate) fn certificate(directory: &Directory, name: &str) -> [String; 2] {
    files_of(directory, name, &Identity::of(&["127.0.0.1"]))
}

/// The same for any certificate.
pub(crate) fn files_of(directory: &Directory, name: &str, identity: &Identity) -> [String; 2] {
    let (certificate, key) = identity.files_in(&directory.path(name));
    [certificate, key].map(|path| path.into_os_string().into_string().expect("it is UTF-8"))
}

/// Runs `jackfield bench` to its end, with a report of its own.
pub(crate) fn bench(args: &[&str]) -> Run {
    let directory = Directory::new();
    let path = directory.path("");
    let report = path.to_str().expect("the path is UTF-8");
    let (code, stdout, stderr) = run(&[&["bench"], args, &["--report", report]].concat());
    Run { code, stdout, stderr, directory }
}

/// Runs it for a short time, and for longer where the machine is so busy that too little has happened in that.
pub(crate) fn bench_until(args: &[&str], has_measured: impl Fn(&Run) -> bool) -> Run {
    let mut run = bench(&[args, &["-d", "200ms"]].concat());
    for duration in ["2s", "20s"] {
        if !has_measured(&run) {
            run = bench(&[args, &["-d", duration]].concat());
        }
    }
    run
}

/// Runs it again for longer if nothing was answered and nothing was reported, as happens on a busy machine.
pub(crate) fn bench_answered(args: &[&str]) -> Run {
    bench_until(args, |run| run.code != 1 || complains(&run.stderr))
}

/// Whether it says what is wrong. A longer run also has lines about its progress.
pub(crate) fn complains(stderr: &str) -> bool {
    stderr.lines().any(|line| line.starts_with("jackfield: ") || line.starts_with("failed: "))
}

/// The same without a report: runs longer if nothing was answered, because then the tool fails without a message.
pub(crate) fn run_until(args: &[&str]) -> (i32, String, String) {
    let mut ran = run(&[args, &["-d", "200ms"]].concat());
    for duration in ["2s", "20s"] {
        if ran.0 == 1 && !complains(&ran.2) {
            ran = run(&[args, &["-d", duration]].concat());
        }
    }
    ran
}

/// Runs it, and checks that it says why nothing could be measured.
pub(crate) fn refused(args: &[&str], why: &str) {
    let run = bench(&[args, &["--duration=100ms"][..usize::from(!args.contains(&"-d"))]].concat());
    assert_eq!(run.code, 2, "{args:?}: {}", run.stderr);
    assert!(run.stderr.contains(why), "{args:?}: {}", run.stderr);
    assert!(!run.stderr.contains("panicked"), "{args:?}: {}", run.stderr);
    assert!(!run.directory.path("result.json").exists(), "there is nothing to report");
}

/// Runs it against a server that does not answer as it should, and checks that this is said and counted.
pub(crate) fn failed(args: &[&str], why: &str) -> Value {
    let run = bench_until(args, |run| errors(&run.result()) > 0);
    assert_eq!(run.code, 1, "{args:?}: {}", run.stderr);
    assert!(run.stderr.contains(why) && !run.stderr.contains("panicked"), "{args:?}: {}", run.stderr);
    let result = run.result();
    assert_eq!(result["end"]["how"], "failed");
    assert!(result["end"]["why"].as_str().is_some_and(|kind| kind.contains(why)), "{}", result["end"]);
    assert!(errors(&result) > 0, "{} {}", result["errors"], result["warm_up"]);
    result
}

/// All that went wrong: on a busy machine all of it may fall into the warm-up, which is counted apart.
fn errors(result: &Value) -> u64 {
    let last = result["warm_up"].as_array().and_then(|samples| samples.last()?["errors"].as_u64());
    result["errors"]["total"].as_u64().unwrap_or(0) + last.unwrap_or(0)
}

impl Run {
    /// What is in `result.json`.
    pub(crate) fn result(&self) -> Value {
        let text = fs::read_to_string(self.directory.path("result.json")).expect("there is a result");
        serde_json::from_str(&text).expect("it is JSON")
    }

    /// What is in `index.html`.
    pub(crate) fn page(&self) -> String {
        fs::read_to_string(self.directory.path("index.html")).expect("there is a page")
    }
}

impl Builtin {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(args: &[&str]) -> Self {
        let mut command = Command::new(TOOL);
        let mut child =
            command.arg("serve").args(args).stdout(Stdio::piped()).spawn().expect("the server starts");
        let stdout = child.stdout.take().expect("it is piped");
        let line = BufReader::new(stdout).lines().next().expect("it says something").expect("it is UTF-8");
        let addr = line.strip_prefix("listening on ").expect("it says where it listens").to_owned();
        Self { child, addr }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Builtin {
    fn drop(&mut self) {
        // Both fail if it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
