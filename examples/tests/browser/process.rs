//! Processes that a test starts and in any case ends: the showcase and Chromium.

#[allow(clippy::duplicate_mod, reason = "some programs have both files for processes")]
#[path = "../../../crates/jackfield/tests/common/skip.rs"]
mod skip;

#[allow(unused_imports, reason = "not all programs of tests have a Redis")]
pub(crate) use skip::has_redis;
use skip::skip;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long a process may take to print its address, and to end. On a busy machine Chromium takes more than a minute.
const START_MAX: Duration = Duration::from_secs(600);
const END_MAX: Duration = Duration::from_secs(600);

/// A process that is ended, and waited for, when this is dropped.
pub(crate) struct Reaped {
    child: Child,
    name: &'static str,
}

impl Reaped {
    pub(crate) fn start(name: &'static str, command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).spawn();
        Self { child: child.unwrap_or_else(|error| panic!("{name} did not start: {error}")), name }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the process to end by itself.
    pub(crate) fn ends(&mut self) -> Result<ExitStatus, String> {
        let deadline = Instant::now() + END_MAX;
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) => thread::sleep(Duration::from_millis(20)),
                Err(error) => return Err(format!("{} can't be waited for: {error}", self.name)),
            }
        }
        Err(format!("{} did not end within {END_MAX:?}", self.name))
    }
}

impl Drop for Reaped {
    fn drop(&mut self) {
        // It may have ended already, and then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An example that has a page.
pub(crate) struct Served {
    pub(crate) process: Reaped,
    pub(crate) addr: String,
    /// Where its page is, with a slash at the end.
    pub(crate) url: String,
    lines: Receiver<String>,
}

impl Served {
    /// On a port of the system's choice.
    pub(crate) fn start(name: &'static str, options: &[&str]) -> Self {
        let served = Self::try_start_at(name, "127.0.0.1:0", options);
        served.unwrap_or_else(|| panic!("{name} names no address"))
    }

    /// None if it can't listen there.
    pub(crate) fn try_start_at(name: &'static str, addr: &str, options: &[&str]) -> Option<Self> {
        let mut command = Command::new(example(name));
        command.args(["--listen", addr]).args(options).stdout(Stdio::piped());
        let mut process = Reaped::start(name, &mut command);
        let lines = lines(process.child.stdout.take());
        let addr = find(&lines, "listening on ")?;
        Some(Self { process, url: format!("http://{addr}/"), addr, lines })
    }

    /// What follows `prefix` on a later line that begins with it.
    pub(crate) fn line(&self, prefix: &str) -> Option<String> {
        find(&self.lines, prefix)
    }
}

/// An example's program: it is in `examples`, next to the folder of the test programs.
fn example(name: &str) -> PathBuf {
    let test = env::current_exe().expect("a test knows its own path");
    let profile = test.parent().and_then(Path::parent).expect("a test lies two folders below");
    let program = profile.join("examples").join(format!("{name}{}", env::consts::EXE_SUFFIX));
    assert!(program.exists(), "{} is missing: `cargo build --examples` makes it", program.display());
    program
}

/// Chromium, with a profile of its own.
pub(crate) struct Chromium {
    pub(crate) process: Reaped,
    /// Where its debugging protocol is spoken.
    pub(crate) devtools: String,
    profile: PathBuf,
}

impl Chromium {
    /// None if there is none on this machine.
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = chromium() else {
            skip("there is no Chromium on this machine (`apt-get install chromium`)");
            return None;
        };
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let profile = env::temp_dir().join(format!("jackfield-browser-{}-{number}", std::process::id()));
        // An earlier process of the same number may have left it.
        let _ = fs::remove_dir_all(&profile);
        let mut command = Command::new(program);
        command.args([
            "--headless=new",
            // The sandbox needs rights that containers do not give.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-quic",
            "--remote-debugging-port=0",
        ]);
        command.arg(format!("--user-data-dir={}", profile.display())).arg("about:blank");
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = Reaped::start("Chromium", &mut command);
        let lines = lines(process.child.stderr.take());
        let devtools = find(&lines, "DevTools listening on ")
            .unwrap_or_else(|| panic!("Chromium says nothing of its debugging protocol"));
        Some(Self { process, devtools, profile })
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Its parts write into the profile until the end, so that comes first.
        let _ = self.process.child.kill();
        let _ = self.process.child.wait();
        for _ in 0..50 {
            if fs::remove_dir_all(&self.profile).is_ok() || !self.profile.exists() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        println!("{} is left over", self.profile.display());
    }
}

fn chromium() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let on_path = names.iter().flat_map(|name| env::split_paths(&path).map(move |folder| folder.join(name)));
    std::iter::once(PathBuf::from("/usr/bin/chromium")).chain(on_path).find(|program| program.is_file())
}

/// The lines of a process, read on a thread to their end, so that it never waits for a reader.
fn lines(from: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let from = from.expect("it was asked for");
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            // The receiver is gone when it has found its line.
            let _ = sender.send(line);
        }
    });
    lines
}

/// What follows `prefix` on the first line that begins with it.
fn find(lines: &Receiver<String>, prefix: &str) -> Option<String> {
    let deadline = Instant::now() + START_MAX;
    loop {
        let line = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()?;
        if let Some(rest) = line.strip_prefix(prefix) {
            return Some(rest.trim().to_owned());
        }
    }
}
