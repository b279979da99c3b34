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
        command.args(["serve", "--tied"]).args(args);
        Self::start_as(&mut command, is_raw)
    }

    fn start_as(command: &mut Command, is_raw: bool) -> Result<Self, Error> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        // Ctrl-C goes to this program only, which ends the server when the answers are counted.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let (mut server, mut addrs) = Self::spawn(command)?;
        // One that comes before the new process has its group ends it too. This program has got it as well, and ends in good
        // order, for which it needs a server.
        if addrs.is_empty() && server.was_interrupted() {
            (server, addrs) = Self::spawn(command)?;
        }
        let [http, raw] = addrs[..] else {
            return Err(Error::Server(std::io::Error::other("it does not say where it listens")));
        };
        server.addr = if is_raw { raw } else { http };
        server.host = server.addr.to_string();
        Ok(server)
    }

    /// A new process, which is ended in every case, and the addresses that it says.
    fn spawn(command: &mut Command) -> Result<(Self, Vec<SocketAddr>), Error> {
        let mut child = command.spawn().map_err(Error::Server)?;
        let stdout = child.stdout.take();
        let pid = Some(child.id());
        let server = Self { addr: ([0, 0, 0, 0], 0).into(), host: String::new(), pid, child: Some(child) };
        Ok((server, stdout.map(read_addrs).unwrap_or_default()))
    }

    #[cfg(unix)]
    fn was_interrupted(&mut self) -> bool {
        use signal_hook::consts::{SIGINT, SIGTERM};
        use std::os::unix::process::ExitStatusExt;
        let Some(child) = &mut self.child else { return false };
        // What ends a process first is its status. One that has only shut its output ends now.
        let _ = child.kill();
        let signal = child.wait().ok().and_then(|status| status.signal());
        matches!(signal, Some(SIGINT | SIGTERM))
    }

    #[cfg(not(unix))]
    fn was_interrupted(&mut self) -> bool {
        false
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

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;

    /// A script in place of the server: whether one is there after it, and how often it was started.
    #[track_caller]
    fn check(name: &str, script: &str, is_there: bool, starts: usize) {
        let file = std::env::temp_dir().join(format!("jackfield-starts-{name}-{}", std::process::id()));
        let mut command = Command::new("sh");
        command.args(["-c", &format!("echo >>\"$0\"; {script}")]).arg(&file);
        let server = Server::start_as(&mut command, true);
        let started = fs::read_to_string(&file).unwrap_or_default().lines().count();
        let _ = fs::remove_file(&file);
        assert_eq!((server.is_ok(), started), (is_there, starts), "{server:?}");
        assert!(server.is_err() || server.is_ok_and(|server| server.addr.port() == 2));
    }

    #[test]
    fn a_server_that_ctrl_c_ends_before_it_has_its_own_group_is_started_again() {
        const SAYS: &str = "echo listening on 127.0.0.1:1; echo listening on 127.0.0.1:2; exec sleep 60";
        check("at-once", SAYS, true, 1);
        check("never", "exit 3", false, 1);
        check("silent", "exec >&-; exec sleep 60", false, 1);
        // SIGINT may be ignored, as in a job in the background.
        check("interrupted", &format!("[ $(wc -l <\"$0\") = 2 ] || kill -TERM $$; {SAYS}"), true, 2);
        check("for-ever", "kill -TERM $$", false, 2);
    }
}
