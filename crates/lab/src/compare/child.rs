//! A server that runs as a child of this process, until it is dropped.

use super::contender::{Contender, Kind, Places, Recipe};
use super::rows::Row;
use crate::base::temp_folder::TempFolder;
use crate::files;
use jackfield_cli::base::proc;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{self, BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{env, fs};

/// A server that runs. It is ended and reaped when this is dropped, and the system ends it if this process is killed.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    pub(crate) addr: SocketAddr,
    errors: Option<JoinHandle<String>>,
    /// Removed at the end.
    directory: Option<TempFolder>,
}

/// Why there is no figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Gap {
    /// A further try would give none either.
    Lasting(String),
    /// This run failed.
    Failure(String),
}

/// The status with which a peer ends that can't do what it is asked for.
const CANNOT: i32 = 3;
/// How long a server may take until it listens.
const START_MAX: Duration = Duration::from_secs(20);
/// How long it may take until it has ended, once it has shut its output.
const END_MAX: Duration = Duration::from_secs(10);
/// How long it may take to end when it is asked to, and how often it is asked.
const STOP_MAX: Duration = Duration::from_millis(500);
const STOP_TRIES: usize = 20;
/// The most that is kept of its error output.
const ERROR_BYTES_MAX: u64 = 4096;

impl Running {
    /// Starts a server for a row, on this core, and under another program if one is given with its arguments.
    ///
    /// # Errors
    /// It can't be started.
    pub(crate) fn start(
        contender: &Contender,
        row: &Row,
        places: &Places,
        core: Option<usize>,
        under: &[String],
    ) -> Result<Self, Gap> {
        let recipe = contender.recipe(row, places, "127.0.0.1:0").map_err(Gap::Lasting)?;
        if contender.kind == Kind::Nginx {
            return Self::start_nginx(recipe, row, places, core, under).map_err(failure)?;
        }
        let (mut running, output) = Self::spawn(&recipe, core, under).map_err(failure)?;
        for _ in 0..contender.which_address(row) {
            match output.recv_timeout(START_MAX) {
                Ok(addr) => running.addr = addr,
                Err(_) => return Err(shorten(running.explain(), contender, row)),
            }
        }
        Ok(running)
    }

    /// Asks it to end, and waits until it has, so that a counter has complete figures. Under another program the server
    /// itself is asked, and once more if it does not end: a signal just before it goes to sleep is missed.
    pub(crate) fn stop(mut self) {
        let pid = proc::child(self.pid()).unwrap_or_else(|| self.pid());
        for _ in 0..STOP_TRIES {
            signal(pid, Signal::TERM);
            if self.wait(STOP_MAX).is_some() {
                return;
            }
        }
        signal(pid, Signal::KILL);
        self.wait(END_MAX);
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The child, and the channel that its address comes through.
    fn spawn(
        recipe: &Recipe,
        core: Option<usize>,
        under: &[String],
    ) -> io::Result<(Self, Receiver<SocketAddr>)> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["launch", "--parent", &std::process::id().to_string()]);
        if let Some(core) = core {
            command.args(["--core", &core.to_string()]);
        }
        command.arg("--").args(under).arg(&recipe.program).args(&recipe.args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        // From here on it is ended in every case.
        let mut running = Self { child, addr: ([0, 0, 0, 0], 0).into(), errors: None, directory: None };
        running.errors = stderr.map(|stderr| thread::Builder::new().spawn(|| keep(stderr))).transpose()?;
        let (sender, receiver) = mpsc::channel();
        if let Some(stdout) = stdout {
            let read = move || {
                let lines = BufReader::new(stdout).lines().map_while(Result::ok);
                // It is read to its end, so that the server never waits for room in the pipe.
                for addr in lines.filter_map(|line| line.strip_prefix("listening on ")?.parse().ok()) {
                    // The receiver is gone after the address that it needs.
                    let _ = sender.send(addr);
                }
            };
            thread::Builder::new().spawn(read)?;
        }
        Ok((running, receiver))
    }

    /// nginx neither chooses a port nor tells it: it gets one that was free a moment ago.
    fn start_nginx(
        recipe: Recipe,
        row: &Row,
        places: &Places,
        core: Option<usize>,
        under: &[String],
    ) -> io::Result<Result<Self, Gap>> {
        let directory = TempFolder::new("nginx")?;
        let file = |name| directory.path().join(name);
        let addr = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let template = |name| fs::read_to_string(places.root.join("benches/peers").join(name));
        files::write_samples(&file("files"))?;
        let mut listen = addr.to_string();
        if row.is_tls {
            listen.push_str(" ssl");
            let path = |path: PathBuf| path.to_string_lossy().into_owned();
            let (cert, key) = (path(places.identity.cert()), path(places.identity.key()));
            let text = template("nginx-tls.conf")?.replace("@CERT@", &cert).replace("@KEY@", &key);
            fs::write(file("tls.conf"), text)?;
        }
        fs::write(file("nginx.conf"), template("nginx.conf")?.replace("@LISTEN@", &listen))?;
        let prefix = directory.path().to_string_lossy().into_owned();
        let args = ["-p", &prefix, "-c", "nginx.conf", "-e", "stderr"].map(str::to_owned).to_vec();
        let (mut running, _) = Self::spawn(&Recipe { args, ..recipe }, core, under)?;
        running.directory = Some(directory);
        running.addr = addr;
        let deadline = Instant::now() + START_MAX;
        while TcpStream::connect(addr).is_err() {
            if Instant::now() > deadline || !matches!(running.child.try_wait(), Ok(None)) {
                return Ok(Err(running.explain()));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(Ok(running))
    }

    /// Why it does not listen.
    fn explain(mut self) -> Gap {
        let status = self.wait(END_MAX);
        self.end();
        let said = self.errors.take().and_then(|errors| errors.join().ok()).unwrap_or_default();
        explain(status, &said)
    }

    /// How it has ended, if it does in time.
    fn wait(&mut self, most: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + most;
        loop {
            match self.child.try_wait() {
                Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
                status => return status.ok().flatten(),
            }
        }
    }

    fn end(&mut self) {
        // Both fail if it has ended by itself already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process(pid, signal);
    }
}

/// Without what the table says anyway.
fn shorten(gap: Gap, contender: &Contender, row: &Row) -> Gap {
    let known = format!("{} can't do {}: ", contender.name, row.peer_mode());
    match gap {
        Gap::Lasting(why) => Gap::Lasting(why.strip_prefix(&known).map(str::to_owned).unwrap_or(why)),
        failure @ Gap::Failure(_) => failure,
    }
}

fn explain(status: Option<ExitStatus>, said: &str) -> Gap {
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    let why = last.strip_prefix("gap:").unwrap_or(last).trim();
    match status.map(|status| status.code()) {
        Some(Some(CANNOT)) => Gap::Lasting(why.to_owned()),
        None => Gap::Failure("it did not say in time where it listens".into()),
        Some(_) if why.is_empty() => Gap::Failure("it ended at once".into()),
        Some(_) => Gap::Failure(format!("it ended at once: {why}")),
    }
}

fn failure(error: io::Error) -> Gap {
    Gap::Failure(format!("it does not start: {error}"))
}

/// Reads to the end, and keeps the beginning.
fn keep(mut from: impl Read) -> String {
    let mut kept = Vec::new();
    // A read error ends the text.
    let _ = from.by_ref().take(ERROR_BYTES_MAX).read_to_end(&mut kept);
    let _ = io::copy(&mut from, &mut io::sink());
    String::from_utf8_lossy(&kept).into_owned()
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn the_output_of_a_failed_server_is_understood() {
        let status = |code: i32| Some(ExitStatus::from_raw(code << 8));
        assert_eq!(explain(status(3), "gap: it can't\n"), Gap::Lasting("it can't".into()));
        assert_eq!(explain(status(1), "a\nb\n\n"), Gap::Failure("it ended at once: b".into()));
        assert_eq!(explain(status(0), ""), Gap::Failure("it ended at once".into()));
        assert!(matches!(explain(None, "busy"), Gap::Failure(_)));
    }
}
