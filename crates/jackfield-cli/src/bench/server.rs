//! The server under load: one that runs already, or the built-in one as a child of this process.

use super::plan::{Plan, Play};
use crate::base::error::Error;
use crate::base::target::Target;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

/// The server under load. A built-in one ends with this.
#[derive(Debug)]
pub struct Server {
    pub addr: SocketAddr,
    /// The value of `Host`.
    pub host: String,
    /// The process whose use of the machine is shown, if it is known.
    pub pid: Option<u32>,
    child: Option<Child>,
}

impl Server {
    /// The server that the plan names, or a new one.
    ///
    /// # Errors
    /// The name or the process is unknown, or the built-in server does not start.
    pub fn of(plan: &Plan) -> Result<Self, Error> {
        match &plan.target {
            Some(target) => Self::named(target, plan.server_pid),
            None => Self::start(plan.play == Play::Raw, &[]),
        }
    }

    /// One that runs already, and perhaps its process.
    ///
    /// # Errors
    /// The name or the process is unknown.
    pub fn named(target: &Target, pid: Option<u32>) -> Result<Self, Error> {
        if let Some(pid) = pid.filter(|pid| crate::base::proc::memory(*pid).is_none()) {
            return Err(Error::Usage(format!(
                "the memory of process {pid} can't be read: is it running, and yours?"
            )));
        }
        let addr = target.resolve().map_err(Error::Target)?;
        Ok(Self { addr, host: target.host.clone(), pid, child: None })
    }

    /// One that somebody else has started and ends, and that is greeted by this name.
    pub fn running(addr: SocketAddr, host: &str, pid: u32) -> Self {
        Self { addr, host: host.to_owned(), pid: Some(pid), child: None }
    }

    /// True if it is this program's own.
    pub fn is_built_in(&self) -> bool {
        self.child.is_some()
    }

    /// The built-in server with these arguments besides.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(is_raw: bool, args: &[String]) -> Result<Self, Error> {
        let program = std::env::current_exe().map_err(Error::Server)?;
        let mut command = Command::new(program);
        command.args(["serve", "--tied"]).args(args).stdin(Stdio::null()).stdout(Stdio::piped());
        // Ctrl-C goes to this program only, which ends the server when the answers are counted.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(Error::Server)?;
        let stdout = child.stdout.take();
        let pid = Some(child.id());
        // From here on it is always ended.
        let mut server =
            Self { addr: ([0, 0, 0, 0], 0).into(), host: String::new(), pid, child: Some(child) };
        let addrs = stdout.map(read_addrs).unwrap_or_default();
        let [http, raw] = addrs[..] else {
            return Err(Error::Server(std::io::Error::other("it does not say where it listens")));
        };
        server.addr = if is_raw { raw } else { http };
        server.host = server.addr.to_string();
        Ok(server)
    }
}

/// The addresses that a new server prints: for HTTP and its upgrades, and for bare TCP.
fn read_addrs(stdout: ChildStdout) -> Vec<SocketAddr> {
    let lines = BufReader::new(stdout).lines().map_while(Result::ok);
    let addrs = lines.filter_map(|line| line.strip_prefix("listening on ")?.parse().ok());
    addrs.take(2).collect()
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Both fail only if it has ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
