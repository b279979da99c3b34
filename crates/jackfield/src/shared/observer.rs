//! Reports about the whole server.

use crate::disconnect::{Limit, Reason};
use crate::guard::{discard, guard, panic_text};
use crate::shared::broker::BrokerEvent;
use crate::shared::changes::ChangeSink;
use crate::shared::finished::Finished;
use crate::shared::handle::Handle;
use crate::shared::listeners::ListenerState;
use crate::shared::peer::Peer;
use crate::shared::state::ServerState;
use jackfield_reactor::{ConnectionId, Pressure};
use std::any::Any;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Gets the events that concern the server as a whole. Each method is called on the thread where its event happens, which is
/// often a reactor's: it must not block. Each has a default, and the important ones write to the [`log`] crate.
///
/// ```
/// use jackfield::{Observer, Peer, RefuseReason, Server};
///
/// struct Alarms;
///
/// impl Observer for Alarms {
///     fn on_refused(&self, peer: &Peer, why: RefuseReason) {
///         eprintln!("{} was refused: {why:?}", peer.addr());
///     }
/// }
///
/// let server = Server::builder().listen("127.0.0.1:0").observer(Alarms).bind()?;
/// # Ok::<(), jackfield::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    note = "implement `Observer` for `{Self}`; it is shared by all threads, so it must be `Send` and `Sync`"
)]
pub trait Observer: Send + Sync {
    /// All listeners are open and the reactors run.
    #[doc(alias = "OnServerCreated")]
    fn on_started(&self, handle: &Handle) {
        let _ = handle;
    }

    /// The server has changed its state; called on the thread that caused the change. Each state comes at most once, and
    /// before [`Observer::on_started`] and [`Observer::on_stopped`].
    #[doc(alias = "OnChangeState")]
    fn on_state(&self, before: ServerState, now: ServerState) {
        log::debug!(target: "jackfield::server", "the server was {before:?} and is {now:?}");
    }

    /// The listener with this number was paused, stopped or resumed; called on the thread that asked for it, once for each
    /// change. A listener that pauses by itself, because the server is full or has no descriptors, is not reported.
    #[doc(alias = "listenerStarted")]
    #[doc(alias = "stopc")]
    fn on_listener(&self, listener: usize, now: ListenerState) {
        log::info!(target: "jackfield::accept", listener; "listener {listener} is {now:?}");
    }

    /// Every connection has ended and every reactor stopped. The last event.
    #[doc(alias = "OnServerDestroyed")]
    fn on_stopped(&self) {}

    /// A new connection was refused, by the factory or earlier. No client was made for it.
    fn on_refused(&self, peer: &Peer, why: RefuseReason) {
        let _ = (peer, why);
    }

    /// A reactor is overloaded, and new connections are refused from now on (`is_on`), or the overload is over. `lag`
    /// is how long events waited recently. See [`Limits::lag_window`](crate::Limits::lag_window).
    fn on_overload(&self, reactor: usize, is_on: bool, lag: Duration) {
        match is_on {
            true => {
                log::warn!(target: "jackfield::overload", reactor; "reactor {reactor} is overloaded: events wait for {lag:?}");
            }
            false => {
                log::info!(target: "jackfield::overload", reactor; "reactor {reactor} is not overloaded any more");
            }
        }
    }

    /// A new connection could not be accepted; the server tries again soon. Called at most once a second for each
    /// reactor; [`Metrics::accept_errors`](crate::Metrics::accept_errors) counts all errors. A lack of descriptors
    /// comes here only if the reserve descriptor is used too; otherwise new connections are refused with
    /// [`RefuseReason::Descriptors`].
    #[doc(alias = "LastError")]
    #[doc(alias = "OnError")]
    fn on_accept_error(&self, listener: usize, error: &io::Error) {
        log::warn!(target: "jackfield::accept", listener; "listener {listener} can't accept: {error}");
    }

    /// A TLS handshake failed, or did not end in time. No client was made for it.
    #[doc(alias = "OnSslHandshakeDone")]
    fn on_tls_error(&self, failed: &FailedHandshake) {
        let FailedHandshake { id, peer, error, .. } = failed;
        log::debug!(target: "jackfield::tls", connection:% = id; "{id} from {}: the TLS handshake failed: {error}", peer.addr());
    }

    /// A signal made the server read its certificates again: see `ServerBuilder::reload_tls_on_sighup`. `faults` lists all
    /// mistakes in them; if there is any, all old certificates stay. Called on a thread for blocking work.
    fn on_tls_reload(&self, faults: &[String]) {
        match faults {
            [] => log::info!(target: "jackfield::tls", "the certificates were read again"),
            faults => {
                log::error!(target: "jackfield::tls", "the old certificates stay: {}", faults.join("; "));
            }
        }
    }

    /// A certificate expires soon, or has expired. Called when the server starts and then once a day, for each such host. See
    /// [`ServerBuilder::expiry_days`](crate::ServerBuilder::expiry_days).
    #[cfg(feature = "expiry")]
    #[doc(alias = "CertExpireDays")]
    fn on_certificate_expiring(&self, expiring: &ExpiringCertificate) {
        let ExpiringCertificate { listener, host, days_left } = expiring;
        log::warn!(target: "jackfield::tls", listener; "listener {listener}: the certificate of {host} has {days_left} days left");
    }

    /// A callback panicked. Its connection ends with it; the others and the reactor go on.
    #[doc(alias = "OnBgException")]
    fn on_panic(&self, id: ConnectionId, payload: &(dyn Any + Send)) {
        log::error!(target: "jackfield::client", connection:% = id; "{id}: a callback panicked: {}", panic_text(payload));
    }

    /// The memory of the buffers of all connections has risen above 80 % of the budget (`budget_bytes`,
    /// [`Limits::memory_bytes_max`](crate::Limits)), or is back at 70 %. Each change is reported once, on the thread of the
    /// reactor that found it. Two changes that come close together may be reported in the wrong order.
    fn on_pressure(&self, pressure: Pressure, budget_bytes: usize) {
        match pressure {
            Pressure::High => {
                log::warn!(target: "jackfield::memory", bytes = budget_bytes; "the buffers use 80 % of their {budget_bytes} bytes");
            }
            _ => {
                log::info!(target: "jackfield::memory", bytes = budget_bytes; "buffers are below 70 % of {budget_bytes} bytes again");
            }
        }
    }

    /// A connection is evicted because of the memory that it holds, in bytes. Its client gets `on_disconnect` with
    /// [`Limit::Memory`](crate::Limit::Memory).
    fn on_evicted(&self, id: ConnectionId, bytes: usize) {
        log::warn!(target: "jackfield::memory", connection:% = id, bytes; "{id}: evicted, because its buffers hold {bytes} bytes");
    }

    /// A callback has run for longer than [`Limits::callback_slow`](crate::Limits::callback_slow), and still runs;
    /// called once more if it runs for longer than [`Limits::callback_stall`](crate::Limits::callback_stall). Called on
    /// the watchdog's thread: see [`ServerBuilder::watchdog`](crate::ServerBuilder::watchdog).
    fn on_slow_callback(&self, slow: &SlowCallback) {
        let SlowCallback { reactor, connection, callback, running, is_stalled } = slow;
        let level = if *is_stalled { log::Level::Error } else { log::Level::Warn };
        log::log!(
            target: "jackfield::client", level, connection:%, reactor;
            "{connection}: {callback} runs for {running:?} and holds reactor {reactor} up"
        );
    }

    /// A message was dropped because its receiver is too slow.
    fn on_dropped(&self, id: ConnectionId) {
        let _ = id;
    }

    /// Whether [`Observer::on_finished`] is called for the exchanges of this listener. Called when a server starts, once for
    /// each of its reactors. If the answer is no, nothing is recorded. Default: no.
    fn wants_finished(&self, listener: usize) -> bool {
        let _ = listener;
        false
    }

    /// An exchange has finished: its answer was given, its connection ended, or it became a WebSocket. Use it for
    /// access logs, metrics and hooks. It is called only if [`Observer::wants_finished`] returns true. A request with a
    /// malformed head has no exchange. Called on the reactor's thread, in the order in which exchanges end, so do slow
    /// work on another thread.
    #[doc(alias = "OnAfterAnswer")]
    #[doc(alias = "OnHttpRequestDone")]
    fn on_finished(&self, finished: &Finished<'_>) {
        let _ = finished;
    }

    /// A topic has got a subscriber or lost one. `before` and `now` count its subscribers on all reactors of this server, as
    /// the calling reactor sees them; zero `now` means that the topic is empty. If several reactors change a topic at the
    /// same time, their numbers may overlap, but when the topic becomes empty, at least one call has zero.
    #[doc(alias = "subscription")]
    fn on_subscription(&self, topic: &str, before: usize, now: usize) {
        let _ = (topic, before, now);
    }

    /// The broker can be reached, can't be reached, or has a full queue. Called on a thread of the broker;
    /// [`BrokerEvent::Refused`] comes on the thread of the publisher.
    fn on_broker(&self, event: BrokerEvent<'_>) {
        match event {
            BrokerEvent::Up | BrokerEvent::TopicUp { .. } => {
                log::info!(target: "jackfield::broker", "{event}");
            }
            event => log::warn!(target: "jackfield::broker", "{event}"),
        }
    }

    /// A peer has reached a limit such as [`Limit::Rate`], and is not read for a while.
    fn on_throttled(&self, id: ConnectionId, why: Limit) {
        let _ = (id, why);
    }
}

/// A callback that holds up its reactor, as the watchdog saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlowCallback {
    /// The number of the reactor.
    pub reactor: usize,
    /// The connection whose callback it is.
    pub connection: ConnectionId,
    /// Its name, such as `on_message`.
    pub callback: &'static str,
    /// The time that it has run at least. Several calls of `on_data` or of `on_line` with the bytes of one read count
    /// as one.
    pub running: Duration,
    /// This is the second report: it has exceeded [`Limits::callback_stall`](crate::Limits::callback_stall).
    pub is_stalled: bool,
}

/// A TLS handshake that failed or did not end in time.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FailedHandshake {
    /// The connection, which is gone.
    pub id: ConnectionId,
    /// The peer.
    pub peer: Peer,
    /// Why it failed: [`Reason::Tls`] if the peer made an error or the two sides could not agree.
    pub reason: Reason,
    /// The TLS error as text, if there is one: for example `peer sent no certificates`.
    pub error: String,
    /// The server name that the peer asked for, if the handshake came that far.
    pub server_name: Option<String>,
}

/// A certificate that expires soon or has expired.
#[cfg(feature = "expiry")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExpiringCertificate {
    /// The number of the listener, in the order in which they were given.
    pub listener: usize,
    /// The first name of the host.
    pub host: String,
    /// Whole days that are left; negative if it has expired. If a host has several certificates, the one that expires first
    /// counts.
    pub days_left: i64,
}

/// Why a new connection was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefuseReason {
    /// The server holds as many connections as it may.
    Full,
    /// The factory refused it.
    Factory,
    /// The factory panicked, or the closure of [`Listener::refuse_if`](crate::Listener::refuse_if).
    Panic,
    /// The system could not register its socket.
    System,
    /// The server is shutting down.
    Shutdown,
    /// No descriptor was left for it.
    Descriptors,
    /// Its reactor is overloaded.
    Overload,
    /// Its address is not among [`Listener::allowed_networks`](crate::Listener::allowed_networks), or is among
    /// [`Listener::denied_networks`](crate::Listener::denied_networks), or
    /// [`Listener::refuse_if`](crate::Listener::refuse_if) refuses it.
    Denied,
    /// Its address has as many connections as it may:
    /// [`Limits::connections_per_address_max`](crate::Limits::connections_per_address_max).
    AddressFull,
    /// Its address connects too often: [`Limits::accepts_per_address_max`](crate::Limits::accepts_per_address_max).
    AddressRate,
    /// It does not come from one of the proxies that its listener requires:
    /// [`Listener::proxy_required`](crate::Listener::proxy_required).
    Untrusted,
    /// It ended before its PROXY header was there: it began with something else, the header did not come in time, its peer
    /// left, or the server shut down.
    Proxy,
}

/// The observer of a server without one.
pub(crate) struct NoObserver;

impl Observer for NoObserver {}

impl ChangeSink for Arc<dyn Observer> {
    fn on_state(&self, before: ServerState, now: ServerState) {
        (**self).on_state(before, now);
    }

    fn on_listener(&self, listener: usize, now: ListenerState) {
        (**self).on_listener(listener, now);
    }
}

/// The user's observer: its panics are caught.
pub(crate) struct Guarded(pub(crate) Arc<dyn Observer>);

impl Guarded {
    fn tell(&self, call: impl FnOnce(&dyn Observer)) {
        if let Err(payload) = guard(|| call(&*self.0)) {
            discard(payload);
            log::error!(target: "jackfield::client", "the observer panicked");
        }
    }
}

impl Observer for Guarded {
    fn on_started(&self, handle: &Handle) {
        self.tell(|observer| observer.on_started(handle));
    }

    fn on_stopped(&self) {
        self.tell(|observer| observer.on_stopped());
    }

    fn on_state(&self, before: ServerState, now: ServerState) {
        self.tell(|observer| observer.on_state(before, now));
    }

    fn on_listener(&self, listener: usize, now: ListenerState) {
        self.tell(|observer| observer.on_listener(listener, now));
    }

    fn on_refused(&self, peer: &Peer, why: RefuseReason) {
        self.tell(|observer| observer.on_refused(peer, why));
    }

    fn on_overload(&self, reactor: usize, is_on: bool, lag: Duration) {
        self.tell(|observer| observer.on_overload(reactor, is_on, lag));
    }

    fn on_accept_error(&self, listener: usize, error: &io::Error) {
        self.tell(|observer| observer.on_accept_error(listener, error));
    }

    fn on_tls_error(&self, failed: &FailedHandshake) {
        self.tell(|observer| observer.on_tls_error(failed));
    }

    #[cfg(feature = "expiry")]
    fn on_certificate_expiring(&self, expiring: &ExpiringCertificate) {
        self.tell(|observer| observer.on_certificate_expiring(expiring));
    }

    fn on_tls_reload(&self, faults: &[String]) {
        self.tell(|observer| observer.on_tls_reload(faults));
    }

    fn on_panic(&self, id: ConnectionId, payload: &(dyn Any + Send)) {
        self.tell(|observer| observer.on_panic(id, payload));
    }

    fn on_pressure(&self, pressure: Pressure, budget_bytes: usize) {
        self.tell(|observer| observer.on_pressure(pressure, budget_bytes));
    }

    fn on_evicted(&self, id: ConnectionId, bytes: usize) {
        self.tell(|observer| observer.on_evicted(id, bytes));
    }

    fn on_slow_callback(&self, slow: &SlowCallback) {
        self.tell(|observer| observer.on_slow_callback(slow));
    }

    fn on_dropped(&self, id: ConnectionId) {
        self.tell(|observer| observer.on_dropped(id));
    }

    fn wants_finished(&self, listener: usize) -> bool {
        let mut wants = false;
        self.tell(|observer| wants = observer.wants_finished(listener));
        wants
    }

    fn on_finished(&self, finished: &Finished<'_>) {
        self.tell(|observer| observer.on_finished(finished));
    }

    fn on_subscription(&self, topic: &str, before: usize, now: usize) {
        self.tell(|observer| observer.on_subscription(topic, before, now));
    }

    fn on_broker(&self, event: BrokerEvent<'_>) {
        self.tell(|observer| observer.on_broker(event));
    }

    fn on_throttled(&self, id: ConnectionId, why: Limit) {
        self.tell(|observer| observer.on_throttled(id, why));
    }
}
