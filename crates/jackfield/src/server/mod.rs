//! A server, from its options to its running threads.
//!
//! This room knows nothing of bytes.

mod audit;
mod builder;
mod embed;
mod error;
#[cfg(feature = "serde")]
mod file;
mod run;
#[cfg(all(feature = "signals", unix))]
mod signals;
#[cfg(test)]
mod tests;

pub use audit::{Audit, Finding};
pub use builder::ServerBuilder;
pub use embed::Embedded;
pub use error::{Error, Result};

use crate::shared::{Broker, Ending, Handle, Listeners, Pool, RemoteReactor, Settings};
use jackfield_reactor::{self as reactor, Addr, Budget, Driver, ListenOptions};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// A server whose listeners are open. New connections wait in the backlog until [`Server::serve`].
///
/// ```no_run
/// use jackfield::{Client, Server};
///
/// struct Visitor;
///
/// impl Client for Visitor {}
///
/// fn main() -> jackfield::Result<()> {
///     let server = Server::bind("127.0.0.1:8080")?;
///     println!("listening on {}", server.local_addr());
///     // It returns when the server has ended.
///     server.serve(|_peer| Visitor)
/// }
/// ```
#[doc(alias = "Destroy")]
#[doc(alias = "HttpServer")]
pub struct Server {
    settings: Arc<Settings>,
    drivers: Vec<Driver>,
    handle: Handle,
    ending: Ending,
    /// The address of each listening socket.
    addrs: Vec<Addr>,
    /// The IP addresses among them.
    ip_addrs: Vec<SocketAddr>,
    pub(crate) failed: Vec<(Addr, std::io::Error)>,
    #[cfg(all(feature = "signals", unix))]
    signals: Vec<signals::Signals>,
}

impl Server {
    pub(crate) fn new(
        settings: Settings,
        names: Vec<Option<Arc<str>>>,
        sockets: Vec<(reactor::Listener, ListenOptions)>,
        reactors: usize,
        broker: Option<Arc<dyn Broker>>,
    ) -> Result<Self> {
        let (sockets, options): (Vec<_>, Vec<_>) = sockets.into_iter().unzip();
        let addrs: Vec<Addr> =
            sockets.iter().map(reactor::Listener::local_addr).collect::<std::io::Result<_>>()?;
        let budget = Arc::new(Budget::new(settings.limits.memory_bytes_max));
        let mut drivers = Vec::new();
        let mut remotes = Vec::new();
        for number in 0..reactors {
            let mut driver = Driver::new(number as u8, settings.limits.reactor.clone())?;
            driver.reactor.wires.share_budget(budget.clone());
            settings.tell_limits(&mut driver.reactor.wires);
            remotes.push(RemoteReactor::new(Some(driver.waker()?), &settings.limits, &driver.reactor.wires));
            drivers.push(driver);
        }
        for socket in sockets {
            drivers[0].listen(socket)?;
        }
        let has_own = settings.listeners.iter().any(|listener| listener.each_reactor);
        if has_own {
            for driver in &mut drivers[1..] {
                listen_beside(driver, &settings, &addrs, &options)?;
            }
        } else if settings.watchdog {
            let listeners = drivers[0].listeners();
            drivers[1..].iter_mut().for_each(|driver| driver.stand_in_for(listeners.clone()));
        }
        let at = addrs.iter().zip(options).map(|(addr, options)| Some((addr.clone(), options))).collect();
        let listeners = Listeners::new(names, &settings.listeners, at);
        let handle = Handle::new(
            remotes.into(),
            listeners,
            Box::new(settings.observer.clone()),
            broker,
            Pool::new("offload", settings.offload_threads),
        );
        #[cfg(feature = "tls")]
        handle.keep_hosts(&settings.listeners);
        #[cfg(feature = "tls")]
        if settings.handshake_threads > 0 {
            // Set once, because a server is bound once.
            let _ = handle.shared().handshakes.set(Pool::new("handshake", settings.handshake_threads));
        }
        handle.set_dropped_counter(settings.access_log.as_ref());
        handle.start_broker(&settings.observer);
        Ok(Self {
            settings: Arc::new(settings),
            drivers,
            ending: Ending(handle.clone()),
            handle,
            ip_addrs: addrs.iter().filter_map(Addr::as_ip).collect(),
            addrs,
            failed: Vec::new(),
            #[cfg(all(feature = "signals", unix))]
            signals: Vec::new(),
        })
    }

    /// The real addresses of the listeners, in the order of `listen`. A listener at a name has all addresses of the name.
    #[doc(alias = "GetAddress")]
    #[doc(alias = "BindPort")]
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.ip_addrs
    }

    /// All addresses, as [`Server::local_addrs`], and those of unix sockets too.
    #[must_use]
    pub fn addrs(&self) -> &[Addr] {
        &self.addrs
    }

    /// The addresses that could not be bound, with their errors: none, unless [`ServerBuilder::allow_partial_bind`] is
    /// set.
    #[must_use]
    pub fn failed_addrs(&self) -> &[(Addr, std::io::Error)] {
        &self.failed
    }

    /// The address of the first listener over IP.
    ///
    /// # Panics
    /// If all listeners are unix sockets: [`Server::addrs`] has their paths.
    #[must_use]
    #[doc(alias = "LocalHost")]
    #[doc(alias = "LocalPort")]
    pub fn local_addr(&self) -> SocketAddr {
        self.ip_addrs[0]
    }

    /// Lists each defence that is off, or set so wide that it has no effect, on a listener that other machines can
    /// reach, and what turns it on. It changes nothing; not every server needs all of them.
    ///
    /// ```
    /// let server = jackfield::Server::bind("127.0.0.1:0")?;
    /// assert!(server.audit().is_clean());
    /// # Ok::<(), jackfield::Error>(())
    /// ```
    #[must_use]
    pub fn audit(&self) -> Audit {
        Audit::of(&self.settings, &self.addrs, cfg!(panic = "abort"))
    }

    /// The server for other threads.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

/// Opens the sockets of a further reactor for listeners with `each_reactor`.
fn listen_beside(
    driver: &mut Driver,
    settings: &Settings,
    addrs: &[Addr],
    options: &[ListenOptions],
) -> Result<()> {
    for ((listener, addr), options) in settings.listeners.iter().zip(addrs).zip(options) {
        match addr.as_ip().filter(|_| listener.each_reactor) {
            Some(ip) => {
                let socket = reactor::Listener::bind(ip, options);
                driver.listen(socket.map_err(|error| Error::Bind(vec![(addr.clone(), error)]))?)?;
            }
            None => driver.skip_listener(),
        }
    }
    Ok(())
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("addrs", &self.addrs).field("reactors", &self.drivers.len()).finish()
    }
}
