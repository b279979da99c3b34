//! From options to a server that listens.

use super::ServerBuilder;
use super::check::Checked;
use super::sockets::{bind_place, report_clamped};
#[cfg(feature = "tls")]
use crate::config::ACME_HTTP_PATH;
use crate::config::{Listener, ListenerSettings};
use crate::gate::{Gate, PathList};
use crate::observe::AccessLog;
use crate::server::Server;
use crate::server::error::{Error, Result};
#[cfg(all(feature = "signals", unix))]
use crate::server::signals::{Purpose, Signals};
use crate::shared::{Resolver, Settings, WallClock};
use jackfield_reactor::{self as reactor, Addr, ListenOptions, REACTORS_MAX};
use std::net::SocketAddr;
use std::{io, thread};

impl ServerBuilder {
    /// Checks everything, then binds all listeners.
    ///
    /// # Errors
    /// [`Error::Options`] lists all mistakes, before anything is bound; [`Error::Bind`] lists every listener that can't
    /// be bound, and then none is bound.
    #[doc(alias = "Listen")]
    pub fn bind(self) -> Result<Server> {
        let reactors = self.reactors.unwrap_or_else(cores);
        let checked = self.check(reactors)?;
        self.bind_checked(checked, reactors)
    }

    fn bind_checked(self, checked: Checked, reactors: usize) -> Result<Server> {
        let Checked { limits, addrs, listeners } = checked;
        let names = listeners.iter().map(|listener| listener.name.clone()).collect();
        let Bound { sockets, listeners, failed } = self.bind_all(&addrs, &listeners)?;
        let listeners = listeners.into_iter().chain(ListenerSettings::of_outgoing(&limits)).collect();
        let settings = Settings {
            limits,
            listeners,
            gate: Gate {
                hosts: self.hosts.unwrap_or_default(),
                origins: self.origins.unwrap_or_default(),
                reserved: PathList(self.reserved),
                websockets: self.websockets.map(PathList),
                authenticator: self.authenticator,
                status: self.status,
                #[cfg(feature = "tls")]
                challenges: self.acme.as_ref().map(|_| ACME_HTTP_PATH),
                #[cfg(not(feature = "tls"))]
                challenges: None,
            },
            exposes_errors: self.exposes_errors,
            watchdog: self.watchdog.unwrap_or(reactors > 1),
            offload_threads: self.offload_threads,
            observer: self.observer,
            access_log: self.access_log.map(AccessLog::start).transpose()?,
            #[cfg(feature = "tls")]
            acme: self.acme,
            #[cfg(feature = "expiry")]
            expiry_days: self.expiry_days,
            #[cfg(feature = "tls")]
            handshake_threads: self.handshake_threads,
            clock: WallClock::System,
            names: Resolver::System,
            seed: None,
        };
        let mut server = Server::new(settings, names, sockets, reactors, self.broker)?;
        server.failed = failed;
        #[cfg(all(feature = "signals", unix))]
        if self.signals {
            server.shut_down_on_signals()?;
        }
        #[cfg(all(feature = "signals", feature = "tls", unix))]
        if self.reloads {
            server.reload_on_sighup()?;
        }
        Ok(server)
    }

    /// Binds a socket for each address of each listener, with the settings for its connections.
    fn bind_all(&self, addrs: &[Vec<SocketAddr>], settings: &[ListenerSettings]) -> Result<Bound> {
        let mut all = Bound { sockets: Vec::new(), listeners: Vec::new(), failed: Vec::new() };
        for ((addrs, listener), settings) in addrs.iter().zip(&self.listeners).zip(settings) {
            let (bound, errors) = bind_place(&listener.place, addrs, &listener.options);
            report_clamped(&listener.place, listener.options.backlog);
            all.listeners.extend(bound.iter().map(|_| settings.clone()));
            all.sockets.extend(bound.into_iter().map(|socket| (socket, listener.options.clone())));
            all.failed.extend(errors);
        }
        let is_enough = all.failed.is_empty() || self.allows_partial_bind && !all.sockets.is_empty();
        if !is_enough {
            return Err(Error::Bind(all.failed));
        }
        all.failed.iter().for_each(
            |(addr, error)| log::error!(target: "jackfield::accept", "does not listen at {addr}: {error}"),
        );
        Ok(all)
    }
}

/// The sockets that were bound, and the addresses that failed.
struct Bound {
    sockets: Vec<(reactor::Listener, ListenOptions)>,
    /// The settings of each socket.
    listeners: Vec<ListenerSettings>,
    failed: Vec<(Addr, io::Error)>,
}

impl Server {
    /// A server for HTTP, WebSocket and event streams at one address, with the defaults. Port 0 takes any free port.
    ///
    /// # Errors
    /// As [`ServerBuilder::bind`].
    pub fn bind(listener: impl Into<Listener>) -> Result<Self> {
        Self::builder().listen(listener).bind()
    }

    /// A server with options.
    #[doc(alias = "CreateServer")]
    #[must_use]
    #[doc(alias = "Create")]
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    #[cfg(all(feature = "signals", unix))]
    fn shut_down_on_signals(&mut self) -> Result<()> {
        let (signals, waker) = Signals::catch(Purpose::Shutdown, &self.handle.shared().signalled)?;
        self.signals.push(signals);
        Ok(self.drivers[0].wake_on(waker)?)
    }

    #[cfg(all(feature = "signals", feature = "tls", unix))]
    fn reload_on_sighup(&mut self) -> Result<()> {
        let wish = &self.handle.shared().reload;
        let (signals, waker) = Signals::catch(Purpose::Reload, wish.flag())?;
        wish.set_waker(waker.try_clone()?);
        self.signals.push(signals);
        Ok(self.drivers[0].wake_on(waker)?)
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, Into::into).min(REACTORS_MAX)
}

// All of 127.0.0.0/8 is this machine on Linux only.
#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::client::Client;
    use crate::shared::{Drain, ListenerState};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    struct Visitor;

    impl Client for Visitor {}

    fn wait_until(mut holds: impl FnMut() -> bool) {
        let comes = (0..3_000).any(|_| {
            thread::sleep(Duration::from_millis(2));
            holds()
        });
        assert!(comes, "it does not come about");
    }

    /// The fault: if one address of a listener could not be opened again, those before it stayed open, and connections
    /// waited there for ever.
    #[test]
    fn a_listener_resumes_at_all_of_its_addresses_or_at_none() {
        let builder = Server::builder().listen("127.0.0.1:0").reactors(1);
        let mut checked = builder.check(1).expect("it is right");
        // As if the name had two addresses.
        checked.addrs[0].push(([127, 0, 0, 2], 0).into());
        let server = builder.bind_checked(checked, 1).expect("there is a port");
        let (handle, addrs) = (server.handle(), server.local_addrs().to_vec());
        let thread = thread::spawn(move || server.serve(|_peer| Visitor));
        // Where a connection is not accepted, and the backlog is full, it is neither open nor refused.
        let connect = |at: usize| TcpStream::connect_timeout(&addrs[at], Duration::from_millis(10));
        let is_refused =
            |at| connect(at).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
        handle.stop_listening(0).expect("there is one");
        wait_until(|| is_refused(0) && is_refused(1));
        let thief = TcpListener::bind(addrs[1]).expect("it is free");
        handle.resume_listening(0).expect("there is one");
        wait_until(|| handle.listeners()[0].state == ListenerState::Stopped);
        wait_until(|| is_refused(0));
        drop(thief);
        handle.resume_listening(0).expect("there is one");
        wait_until(|| connect(0).is_ok() && connect(1).is_ok());
        handle.shutdown(Drain::now());
        assert!(thread.join().is_ok_and(|ended| ended.is_ok()));
    }
}
