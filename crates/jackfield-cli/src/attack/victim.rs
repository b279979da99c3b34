//! The server under attack, and what can be read of its process.

use super::args::Attack;
use super::goal::{Figure, growth};
use crate::base::error::Error;
use crate::base::proc;
use crate::bench::plan::Play;
use crate::bench::server::Server;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

/// The server under attack. A built-in one ends with this.
#[derive(Debug)]
pub(crate) struct Victim {
    server: Server,
    /// What its well-behaved client asks for.
    pub(crate) path: String,
}

/// The time between two looks at whether the server has closed something.
const LOOK: Duration = Duration::from_millis(20);

impl Victim {
    /// The target, or a new server with these arguments.
    ///
    /// # Errors
    /// The target is unknown, or the server does not start.
    pub(crate) fn new(args: &Attack, built_in: &[String]) -> Result<Self, Error> {
        let path = match &args.target {
            Some(target) => target.path.clone().unwrap_or_else(|| "/".to_owned()),
            None => Play::Http.built_in_path().to_owned(),
        };
        if args.target.as_ref().is_some_and(|target| target.is_tls) {
            return Err(Error::Usage("attack speaks no TLS: name the server with http://".into()));
        }
        let server = match &args.target {
            Some(target) => Server::named(target, args.server_pid)?,
            None => Server::start(false, built_in)?,
        };
        Ok(Self { server, path })
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.server.addr
    }

    pub(crate) fn host(&self) -> &str {
        &self.server.host
    }

    /// Bytes of memory of its own, page by page; what its sockets cost the kernel is not in it.
    pub(crate) fn memory(&self) -> Figure {
        self.read(|pid| proc::own_memory(pid).map(|bytes| bytes as f64))
    }

    /// Seconds of processor time that it has used.
    pub(crate) fn cpu(&self) -> Figure {
        self.read(|pid| proc::cpu(pid).map(|cpu| cpu.as_secs_f64()))
    }

    /// Processor time of all that has nothing to do with the attack.
    pub(crate) fn cpu_of_others(&self) -> Figure {
        let all = proc::cpu_of_all().map(|all| all.saturating_sub(proc::own_cpu()).as_secs_f64());
        growth(&self.cpu(), &all.ok_or_else(|| "the processor time of others is not known".into()))
    }

    /// Descriptors that it has open.
    pub(crate) fn descriptors(&self) -> Figure {
        self.read(|pid| proc::descriptors(pid).map(|count| count as f64))
    }

    /// Waits until it has no more descriptors than these, at most so long, and tells how many it has.
    pub(crate) fn settle(&self, start: &Figure, patience: Duration) -> Figure {
        let deadline = Instant::now() + patience;
        loop {
            let now = self.descriptors();
            let is_back = matches!((&now, start), (Ok(now), Ok(start)) if now <= start);
            if is_back || now.is_err() || Instant::now() > deadline {
                return now;
            }
            thread::sleep(LOOK);
        }
    }

    fn read(&self, of: impl Fn(u32) -> Option<f64>) -> Figure {
        let Some(pid) = self.server.pid else {
            return Err("the server's process is not known; name it with `--server-pid`".into());
        };
        of(pid).ok_or_else(|| "the server's process can't be read".to_owned())
    }
}
