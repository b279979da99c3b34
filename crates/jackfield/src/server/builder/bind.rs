//! From options to a server that listens.

use super::ServerBuilder;
use super::check::Checked;
use super::sockets::{bind_place, report_clamped};
#[cfg(feature = "tls")]
use crate::config::ACME_HTTP_PATH;
use crate::config::{Listener, ListenerSettings};
use crate::gate::{Gate, Reserved};
use crate::observe::AccessLog;
use crate::server::Server;
use crate::server::error::{Error, Result};
#[cfg(all(feature = "signals", unix))]
use crate::server::signals::{Purpose, Signals};
use crate::shared::{Names, Settings, WallClock};
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
        let Checked { limits, addrs, listeners } = self.check(reactors)?;
        let Bound { sockets, listeners, failed } = self.bind_all(&addrs, &listeners)?;
        let listeners = listeners.into_iter().chain(ListenerSettings::of_outgoing(&limits)).collect();
        let settings = Settings {
            limits,
            listeners,
            gate: Gate {
                hosts: self.hosts.unwrap_or_default(),
                origins: self.origins.unwrap_or_default(),
                reserved: Reserved(self.reserved),
                websockets: self.websockets.map(Reserved),
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
            names: Names::System,
            seed: None,
        };
        let mut server = Server::new(settings, sockets, reactors, self.broker)?;
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
        wish.drain_from(waker.try_clone()?);
        self.signals.push(signals);
        Ok(self.drivers[0].wake_on(waker)?)
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, Into::into).min(REACTORS_MAX)
}
