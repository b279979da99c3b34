//! Serves: a thread for each reactor, until all have ended.

use crate::client::{Client, ClientFactory, Closure, IntoClient, Setup};
use crate::dispatch::Dispatcher;
use crate::guard::{Panic, discard, guard};
use crate::observe::Watchdog;
use crate::server::Server;
use crate::server::error::{Error, Result};
use crate::shared::{Drain, Handle, Peer, ServerState};
use jackfield_reactor::Driver;
use std::thread;

impl Server {
    /// Serves until [`Handle::shutdown`]; the closure makes a client for each connection. The closure is cloned for
    /// each reactor; it returns a client, or a `Result` of one and a [`Refuse`](crate::Refuse).
    ///
    /// The first reactor runs on this thread. Values that the closure captures move to the threads of the other
    /// reactors, so they must be `Send`. For values that are not `Send`, such as an `Rc` that the clients of a reactor
    /// share, use [`Server::serve_with`].
    ///
    /// # Errors
    /// [`Error::Io`] if polling fails, which no connection can cause.
    #[doc(alias = "MessageLoop")]
    #[doc(alias = "waitStop")]
    pub fn serve<F, M>(self, make: F) -> Result<()>
    where
        F: FnMut(&Peer) -> M + Clone + Send + 'static,
        M: IntoClient,
        M::Client: 'static,
    {
        self.serve_factory(move |_setup| Closure(make.clone()))
    }

    /// Serves as [`Server::serve`] does, but calls `maker` on each reactor's thread: it can set up more (see [`Setup`]), and
    /// the closure that it returns makes the clients of that reactor. Values that it gives to its clients stay on
    /// that thread and need not be `Send`: an `Rc` is enough.
    ///
    /// # Errors
    /// As [`Server::serve`].
    pub fn serve_with<F, M, K>(self, maker: K) -> Result<()>
    where
        F: FnMut(&Peer) -> M + 'static,
        M: IntoClient,
        M::Client: 'static,
        K: FnOnce(&mut Setup) -> F + Clone + Send + 'static,
    {
        self.serve_factory(move |setup| Closure(maker(setup)))
    }

    /// Serves as [`Server::serve_with`] does, with your own factory type.
    ///
    /// # Errors
    /// As [`Server::serve`].
    pub fn serve_factory<F, K>(self, maker: K) -> Result<()>
    where
        F: ClientFactory + 'static,
        F::Client: Client + 'static,
        K: FnOnce(&mut Setup) -> F + Clone + Send + 'static,
    {
        let watchdog = self.start_watchdog()?;
        #[cfg(all(feature = "signals", unix))]
        let _signals = self.signals;
        let Self { settings, drivers, handle, ending, .. } = self;
        let (observer, all) = (settings.observer.clone(), handle.clone());
        let run = move |number: usize, mut driver: Driver| {
            let ended = guard(|| {
                let mut setup = Setup::new(number, handle.clone());
                let factory = maker(&mut setup);
                let mut dispatcher = Dispatcher::new(setup, factory, settings);
                driver.set_time();
                dispatcher.start_up(&mut driver.reactor.wires);
                driver.run(&mut dispatcher)
            });
            handle.end_reactor(number);
            let ended = or_fault(ended, number).and_then(|ended| Ok(ended?));
            if ended.is_err() {
                // Without one reactor the server would not serve all its connections, so all end.
                handle.shutdown(Drain::now());
            }
            ended
        };
        all.set_state(ServerState::Running);
        observer.on_started(&all);
        let ended = run_all(drivers, &all, run);
        drop(watchdog);
        drop(ending);
        observer.on_stopped();
        ended
    }

    /// Starts the watchdog, if it is on.
    pub(super) fn start_watchdog(&self) -> Result<Option<Watchdog>> {
        let settings = &self.settings;
        let watches = settings.watchdog && !settings.limits.callback_slow.is_zero();
        Ok(watches.then(|| Watchdog::start(&self.handle, settings)).transpose()?)
    }
}

/// Runs the first reactor on this thread: a server with one reactor then has one thread, which makes system calls
/// cheaper. Returns when all reactors have ended, with the first error.
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
        ended = ended.and(or_fault(thread.join(), number).and_then(|ended| ended));
    }
    ended
}

/// What a reactor has come to, or that the user's code has ended it with a panic.
fn or_fault<T>(ended: std::result::Result<T, Panic>, number: usize) -> Result<T> {
    ended.map_err(|payload| {
        discard(payload);
        Error::Reactor(number)
    })
}
