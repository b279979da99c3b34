//! A server whose only reactor runs in a loop of your own.

use crate::client::{Client, ClientFactory, Closure, IntoClient, Setup};
use crate::dispatch::Dispatcher;
use crate::observe::Watchdog;
use crate::server::Server;
use crate::server::error::{Error, Result};
#[cfg(all(feature = "signals", unix))]
use crate::server::signals::Signals;
use crate::shared::{Drain, Ending, Handle, Observer, Peer, ServerState};
use jackfield_reactor::{Driver, Service};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A server whose only reactor runs in a loop of your own, on the loop's thread: see [`Server::embed`].
///
/// ```no_run
/// use jackfield::{Client, Message, Peer, Server, WebSocket};
/// use std::{cell::Cell, rc::Rc, time::Duration};
///
/// struct Player {
///     moves: Rc<Cell<u32>>,
/// }
///
/// impl Client for Player {
///     fn on_message(&mut self, _socket: &mut WebSocket<'_>, _message: Message<'_>) {
///         self.moves.set(self.moves.get() + 1);
///     }
/// }
///
/// fn main() -> jackfield::Result<()> {
///     // The clients and the loop have one thread, so they share what they like without a lock.
///     let moves = Rc::new(Cell::new(0));
///     let of_clients = moves.clone();
///     let mut server = Server::builder().listen("127.0.0.1:8080").reactors(1).bind()?.embed(|_setup| {
///         move |_peer: &Peer| Player { moves: of_clients.clone() }
///     })?;
///     // A frame of the game every 16 ms, and the server meanwhile.
///     while server.poll(Some(Duration::from_millis(16)))? {
///         println!("{} moves", moves.take());
///     }
///     Ok(())
/// }
/// ```
///
/// A loop that waits by itself, with `epoll` or `kqueue`, waits until the server's descriptor (`AsRawFd`) is readable, for
/// at most [`Embedded::timeout`], and then calls [`Embedded::poll`] with a time of zero. Do not read from the descriptor.
///
/// When it is dropped the server ends as by `shutdown(Drain::now())`: every client gets its `on_disconnect`.
pub struct Embedded {
    driver: Driver,
    service: Box<dyn Service>,
    handle: Handle,
    observer: Arc<dyn Observer>,
    /// `None`: the server has ended.
    running: Option<Running>,
}

/// Dropped when the server ends, in this order.
struct Running {
    _watchdog: Option<Watchdog>,
    _ending: Ending,
    #[cfg(all(feature = "signals", unix))]
    _signals: Vec<Signals>,
}

impl Server {
    /// Serves in a loop of your own, instead of [`Server::serve`]: everything happens in [`Embedded::poll`], on the thread
    /// that calls it. The closure is the one of [`Server::serve_with`], and need not be `Send`.
    ///
    /// # Errors
    /// [`Error::Options`] if the server has more than one reactor: [`ServerBuilder::reactors`](crate::ServerBuilder::reactors).
    /// [`Error::Io`] if the watchdog's thread can't be started.
    #[doc(alias = "ProcessMessages")]
    #[doc(alias = "MessagePump")]
    #[doc(alias = "DoEvents")]
    pub fn embed<F, M>(self, maker: impl FnOnce(&mut Setup) -> F) -> Result<Embedded>
    where
        F: FnMut(&Peer) -> M + 'static,
        M: IntoClient,
        M::Client: 'static,
    {
        self.embed_factory(move |setup| Closure(maker(setup)))
    }

    /// As [`Server::embed`], with your own factory type.
    ///
    /// # Errors
    /// As [`Server::embed`].
    pub fn embed_factory<F>(self, maker: impl FnOnce(&mut Setup) -> F) -> Result<Embedded>
    where
        F: ClientFactory + 'static,
        F::Client: Client + 'static,
    {
        let watchdog = self.start_watchdog()?;
        let Self { settings, mut drivers, handle, ending, .. } = self;
        let (Some(mut driver), None) = (drivers.pop(), drivers.pop()) else {
            let fault = "a server in a loop of your own has one reactor: give `reactors(1)`";
            return Err(Error::Options(vec![fault.into()]));
        };
        let observer = settings.observer.clone();
        let mut setup = Setup::new(0, handle.clone());
        let factory = maker(&mut setup);
        let mut service = Box::new(Dispatcher::new(setup, factory, settings));
        handle.set_state(ServerState::Running);
        observer.on_started(&handle);
        driver.set_time();
        service.start_up(&mut driver.reactor.wires);
        let running = Running {
            _watchdog: watchdog,
            _ending: ending,
            #[cfg(all(feature = "signals", unix))]
            _signals: self.signals,
        };
        Ok(Embedded { driver, service, handle, observer, running: Some(running) })
    }
}

impl Embedded {
    /// Waits for an event, for at most this time, and takes one turn. `None`: no bound; zero: does not wait. Returns false
    /// when the server has ended, by [`Handle::shutdown`] or a signal.
    ///
    /// A turn does a bounded amount of work, so one call may leave some for the next: [`Embedded::timeout`] is zero then.
    ///
    /// # Errors
    /// [`Error::Io`] if polling fails, which no connection can cause. The server has ended then.
    #[doc(alias = "OnMessagePump")]
    #[doc(alias = "ProcessMessage")]
    pub fn poll(&mut self, wait_max: Option<Duration>) -> Result<bool> {
        if self.running.is_none() {
            return Ok(false);
        }
        let polled = self.driver.poll(wait_max, &mut *self.service);
        if polled.is_err() || self.driver.reactor.wires.is_halted() {
            self.end();
        }
        polled?;
        Ok(self.running.is_some())
    }

    /// The longest time that a loop may now wait for the descriptor before it calls [`Embedded::poll`]: then a timer is due.
    /// Zero: there is work already. `None`: no bound.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.running.as_ref().and_then(|_| self.driver.timeout())
    }

    /// A handle for other threads, and for this loop: its commands are executed in the next turn.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    fn end(&mut self) {
        if let Some(running) = self.running.take() {
            drop(running);
            self.observer.on_stopped();
        }
    }
}

/// Readable while [`Embedded::poll`] has something to do, except for timers. Use it only to wait.
#[cfg(unix)]
impl std::os::fd::AsRawFd for Embedded {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.driver.as_raw_fd()
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if self.running.is_some() {
            self.handle.shutdown(Drain::now());
            // In a drop an error can't be returned.
            let _ = self.driver.run(&mut *self.service);
            self.end();
        }
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("handle", &self.handle).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Outgoing;

    struct Nobody;

    impl Client for Nobody {}

    #[test]
    fn a_name_does_not_wait_to_be_looked_up_when_its_connection_has_ended() {
        let server = Server::builder().reactors(1).listen("127.0.0.1:0").bind().unwrap();
        let mut server = server.embed(|_setup| |_peer: &Peer| Nobody).unwrap();
        let handle = server.handle();
        let look_ups = &handle.shared().look_ups;
        // As if every thread were busy with a name.
        look_ups.lock().threads = usize::MAX;
        let soon = Duration::from_millis(50);
        handle.connect(Outgoing::tcp("host.invalid:80").timeout(soon)).unwrap();
        let mut has_waited = false;
        for _ in 0..10_000 {
            server.poll(Some(Duration::from_millis(1))).unwrap();
            has_waited |= !look_ups.lock().waiting.is_empty();
            if has_waited && handle.outgoing() == 0 {
                break;
            }
        }
        assert!(has_waited && handle.outgoing() == 0, "it has timed out");
        assert!(look_ups.lock().waiting.is_empty(), "it would hold up the names behind it");
    }
}
