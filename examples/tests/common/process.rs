//! Programs that tests start, and end on every path.

#[allow(clippy::duplicate_mod, reason = "some programs have both files for processes")]
#[path = "../../../crates/jackfield/tests/common/skip.rs"]
mod skip;

use super::common::LIMIT;
#[allow(unused_imports, reason = "not all programs of tests have a Redis")]
pub(crate) use skip::{has_redis, skip};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::{env, fs, thread};

/// An example that runs. When this is dropped, the process is ended and reaped, also if the test fails.
pub(crate) struct Example {
    child: Child,
    /// What it prints. The end of it is the end of the process.
    lines: Receiver<String>,
}

/// A directory that is there as long as this is.
pub(crate) struct TempDir(PathBuf);

/// What a program printed, and how it ended.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
}

impl Example {
    /// Starts an example on a port of the system's choice, and says where it listens.
    pub(crate) fn start(name: &str, options: &[&str]) -> (Self, SocketAddr) {
        let listen = ["--listen", "127.0.0.1:0"];
        let mut example = Self::spawn(name, listen.iter().chain(options));
        let addr = example.addr();
        (example, addr)
    }

    pub(crate) fn spawn(name: &str, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        Self::of(&binary(name), args)
    }

    /// Any program.
    pub(crate) fn of(program: &Path, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let mut command = Command::new(program);
        // Some examples are made to panic, and need not say from where.
        command.args(args).env("RUST_BACKTRACE", "0").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    /// The next address that it says it listens at.
    pub(crate) fn addr(&mut self) -> SocketAddr {
        let line = self.line();
        let addr = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}"));
        let addr: SocketAddr = addr.parse().unwrap();
        assert_ne!(addr.port(), 0);
        addr
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        self.lines.recv_timeout(LIMIT).expect("a line on its standard output")
    }

    /// Asks it to end in good order.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends it a signal of this name.
    pub(crate) fn signal(&self, name: &str) {
        let kill = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(kill.unwrap().success());
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> ExitStatus {
        let end = self.lines.recv_timeout(LIMIT);
        assert_eq!(end, Err(RecvTimeoutError::Disconnected), "it neither ends nor is it silent");
        self.child.wait().unwrap()
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // Both fail if it was waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl TempDir {
    pub(crate) fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("jackfield-{}-{name}", std::process::id()));
        // An earlier process of the same number may have left it.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file and says where it is.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // What is left is the system's to clean up.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs a program to its end. `None`, and a line that says so, if it is not installed.
pub(crate) fn run<A: AsRef<OsStr>>(
    program: &str,
    args: impl IntoIterator<Item = A>,
    input: &str,
) -> Option<Finished> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            skip(&format!("{program} can't be started: {error}"));
            return None;
        }
    };
    // The input stays open: some programs end with it.
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    let mut pipe = child.stdout.take().unwrap();
    let (sender, output) = mpsc::channel();
    thread::spawn(move || {
        let mut stdout = Vec::new();
        let read = pipe.read_to_end(&mut stdout).map(|_| stdout);
        // The receiver is gone if it took too long.
        let _ = sender.send(read);
    });
    let Ok(stdout) = output.recv_timeout(LIMIT) else {
        child.kill().unwrap();
        child.wait().unwrap();
        panic!("{program} does not end");
    };
    drop(stdin);
    Some(Finished { status: child.wait().unwrap(), stdout: stdout.unwrap() })
}

/// Where Cargo puts an example: beside the directory of the tests' own binaries.
pub(crate) fn binary(name: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let target = test.parent().and_then(Path::parent).unwrap();
    let binary = target.join("examples").join(name).with_extension(env::consts::EXE_EXTENSION);
    assert!(binary.exists(), "{} is missing: `cargo build --examples` makes it", binary.display());
    binary
}
