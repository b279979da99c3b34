//! The server under attack, and what can be read of its process.

use super::args::Attack;
use super::goal::{Figure, growth};
use super::line::{Line, Patient};
use super::task::Stop;
use crate::base::error::Error;
use crate::base::proc;
use crate::bench::plan::{Play, Tls};
use crate::bench::server::Server;
use rustls::{ClientConnection, StreamOwned};
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

/// How a server is reached.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) addr: SocketAddr,
    pub(crate) tls: Option<Tls>,
}

impl Place {
    /// Opens a connection. The time for that and for all calls is `patience`, until another one is given.
    ///
    /// # Errors
    /// It can't be opened.
    pub(crate) fn connect(&self, patience: Duration, stop: &Stop) -> io::Result<Box<dyn Line>> {
        let connection = Patient::connect(self.addr, patience, stop)?;
        let Some(tls) = &self.tls else { return Ok(Box::new(connection)) };
        let session =
            ClientConnection::new(tls.config.clone(), tls.name.clone()).map_err(io::Error::other)?;
        Ok(Box::new(StreamOwned::new(session, connection)))
    }
}

/// The server under attack. A built-in one ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Victim {
    server: Server,
    tls: Option<Tls>,
    /// The path that the well-behaved client requests.
    pub(crate) path: String,
}

/// The time between two checks whether the server has closed descriptors.
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
        let tls =
            Tls::of(args.target.as_ref(), args.insecure, args.ca_file.as_deref()).map_err(Error::Usage)?;
        let server = match &args.target {
            Some(target) => Server::named(target, args.server_pid)?,
            None => Server::start(false, built_in)?,
        };
        Ok(Self { server, tls, path })
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// How it is reached.
    pub(crate) fn place(&self) -> Place {
        Place { addr: self.server.addr, tls: self.tls.clone() }
    }

    pub(crate) fn host(&self) -> &str {
        &self.server.host
    }

    /// Its own memory in bytes, without the kernel's memory for sockets.
    pub(crate) fn memory(&self) -> Figure {
        self.read(|pid| proc::own_memory(pid).map(|bytes| bytes as f64))
    }

    /// Seconds of processor time that it has used.
    pub(crate) fn cpu(&self) -> Figure {
        self.read(|pid| proc::cpu(pid).map(|cpu| cpu.as_secs_f64()))
    }

    /// Processor time of processes that are not part of the attack.
    pub(crate) fn cpu_of_others(&self) -> Figure {
        let all = proc::cpu_of_all().map(|all| all.saturating_sub(proc::own_cpu()).as_secs_f64());
        growth(&self.cpu(), &all.ok_or_else(|| "the processor time of others is not known".into()))
    }

    /// Descriptors that it has open.
    pub(crate) fn descriptors(&self) -> Figure {
        self.read(|pid| proc::descriptors(pid).map(|count| count as f64))
    }

    /// Waits until it has no more descriptors than at `start`, at most `patience`. Returns how many it has.
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
