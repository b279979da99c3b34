//! A bound server, and its threads.

use crate::audit::Audit;
use crate::builder::ServerBuilder;
use crate::dispatch::Dispatcher;
use crate::error::{Error, Result};
use crate::factory::{Closure, IntoClient};
use crate::handle::{Drain, Handle, RemoteReactor, State};
use crate::sentinel::Watchdog;
use crate::settings::Settings;
use crate::{Client, ClientFactory, Listener, Peer};
use jackfield_reactor::{self as reactor, Budget, Driver, Mailbox};
use std::fmt;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

/// A server that is bound: new connections wait in the backlog until it serves.
pub struct Server {
    settings: Arc<Settings>,
    drivers: Vec<Driver>,
    handle: Handle,
    addrs: Vec<SocketAddr>,
}

impl Server {
    /// A server for HTTP, WebSocket and event streams at one address, with the defaults. Port 0 takes any that is
    /// free.
    ///
    /// # Errors
    /// As [`ServerBuilder::bind`].
    pub fn bind(listener: impl Into<Listener>) -> Result<Self> {
        Self::builder().listen(listener).bind()
    }

    /// A server with options.
    #[doc(alias = "CreateServer")]
    #[must_use]
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    pub(crate) fn new(settings: Settings, sockets: Vec<reactor::Listener>, reactors: usize) -> Result<Self> {
        let addrs = sockets.iter().map(reactor::Listener::local_addr).collect::<std::io::Result<_>>()?;
        let budget = Arc::new(Budget::new(settings.limits.memory_bytes_max));
        let mut drivers = Vec::new();
        let mut remotes = Vec::new();
        for number in 0..reactors {
            let mut driver = Driver::new(number as u8, settings.limits.reactor.clone())?;
            driver.reactor.wires.share_budget(budget.clone());
            let mailbox = Mailbox::new(Some(driver.waker()?), settings.limits.mailbox_max);
            remotes.push(RemoteReactor::new(mailbox, driver.reactor.wires.stats()));
            drivers.push(driver);
        }
        for socket in sockets {
            drivers[0].listen(socket)?;
        }
        if settings.watchdog {
            let listeners = drivers[0].listeners();
            drivers[1..].iter_mut().for_each(|driver| driver.stand_in_for(listeners.clone()));
        }
        let handle = Handle::new(remotes.into());
        Ok(Self { settings: Arc::new(settings), drivers, handle, addrs })
    }

    #[cfg(all(feature = "signals", unix))]
    pub(crate) fn shut_down_on_signals(&mut self) -> Result<()> {
        let bell = crate::signals::catch(self.handle.shared().signalled.clone())?;
        Ok(self.drivers[0].wake_on(bell)?)
    }

    /// The addresses that the listeners really have, in the order in which they were given.
    #[doc(alias = "GetAddress")]
    #[doc(alias = "BindPort")]
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// The address of the first listener.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.addrs[0]
    }

    /// Lists each defence that is off, or so wide that it is off, on a listener that more than this machine can
    /// reach, with what turns it on. Nothing is changed by it; a server may well go without some.
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

    /// Serves, with a client from the closure for each connection, until [`Handle::shutdown`]. The closure is cloned
    /// for each reactor; it returns a client, or a `Result` of one and a [`Refuse`](crate::Refuse).
    ///
    /// The first reactor runs on this thread.
    ///
    /// # Errors
    /// [`Error::Io`] if polling fails, which no connection can bring about.
    pub fn serve<F, M>(self, make: F) -> Result<()>
    where
        F: FnMut(&Peer) -> M + Clone + Send + 'static,
        M: IntoClient,
        M::Client: 'static,
    {
        self.serve_factory(move |_reactor| Closure(make.clone()))
    }

    /// The same with a closure that is made on each reactor's thread: what it hands to its clients stays there, and
    /// may be an `Rc`.
    ///
    /// # Errors
    /// As [`Server::serve`].
    pub fn serve_with<F, M, K>(self, maker: K) -> Result<()>
    where
        F: FnMut(&Peer) -> M + 'static,
        M: IntoClient,
        M::Client: 'static,
        K: FnOnce(usize) -> F + Clone + Send + 'static,
    {
        self.serve_factory(move |reactor| Closure(maker(reactor)))
    }

    /// The same with a factory type of one's own.
    ///
    /// # Errors
    /// As [`Server::serve`].
    pub fn serve_factory<F, K>(self, maker: K) -> Result<()>
    where
        F: ClientFactory + 'static,
        F::Client: Client + 'static,
        K: FnOnce(usize) -> F + Clone + Send + 'static,
    {
        let Self { settings, drivers, handle, .. } = self;
        let (observer, all) = (settings.observer.clone(), handle.clone());
        let watches = settings.watchdog && !settings.limits.callback_slow.is_zero();
        let watchdog = watches.then(|| Watchdog::start(&handle, &settings)).transpose()?;
        let run = move |number: usize, mut driver: Driver| {
            let ended = catch_unwind(AssertUnwindSafe(|| {
                let mut dispatcher = Dispatcher::new(number, maker(number), handle.clone(), settings);
                let ended = driver.run(&mut dispatcher);
                handle.uncount_handed_over(number);
                ended
            }));
            let ended = ended.map_err(|_| Error::Reactor(number)).and_then(|ended| Ok(ended?));
            if ended.is_err() {
                // A reactor less is a server that answers some and not others: better none.
                handle.shutdown(Drain::now());
            }
            ended
        };
        all.set_state(State::Running);
        observer.on_started(&all);
        let ended = run_all(drivers, &all, run);
        // One that ended early may have been handed new connections by one that did not know yet.
        (0..all.reactors()).for_each(|number| all.uncount_handed_over(number));
        drop(watchdog);
        all.set_state(State::Stopped);
        observer.on_stopped();
        ended
    }
}

/// The first reactor runs here: a server of one reactor has one thread, and the system's calls cost less then.
/// Returns when all have ended, with the first error.
fn run_all<R>(drivers: Vec<Driver>, handle: &Handle, run: R) -> Result<()>
where
    R: FnOnce(usize, Driver) -> Result<()> + Clone + Send + 'static,
{
    let mut drivers = drivers.into_iter().enumerate();
    let first = drivers.next();
    let (mut ended, mut threads) = (Ok(()), Vec::new());
    for (number, driver) in drivers {
        let run = run.clone();
        let thread = thread::Builder::new().name(format!("reactor-{number}"));
        match thread.spawn(move || run(number, driver)) {
            Ok(thread) => threads.push((number, thread)),
            Err(error) => {
                handle.shutdown(Drain::now());
                ended = Err(Error::Io(error));
            }
        }
    }
    if let Some((number, driver)) = first {
        ended = ended.and(run(number, driver));
    }
    for (number, thread) in threads {
        ended = ended.and(thread.join().unwrap_or(Err(Error::Reactor(number))));
    }
    ended
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("addrs", &self.addrs).field("reactors", &self.drivers.len()).finish()
    }
}
