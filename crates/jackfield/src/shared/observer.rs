//! What happens to the server as a whole.

use crate::disconnect::{Limit, Reason};
use crate::shared::broker::BrokerEvent;
use crate::shared::changes::ChangeSink;
use crate::shared::finished::Finished;
use crate::shared::handle::Handle;
use crate::shared::listeners::ListenerState;
use crate::shared::panic_text::panic_text;
use crate::shared::peer::Peer;
use crate::shared::state::State;
use jackfield_reactor::{ConnectionId, Pressure};
use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
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
    /// All listeners are up and the reactors turn.
    #[doc(alias = "OnServerCreated")]
    fn on_started(&self, handle: &Handle) {
        let _ = handle;
    }

    /// The server has gone from one state to the next, on the thread that brought that about. Each state comes once at most,
    /// and before [`Observer::on_started`] and [`Observer::on_stopped`].
    #[doc(alias = "OnChangeState")]
    fn on_state(&self, before: State, now: State) {
        log::debug!(target: "jackfield::server", "the server was {before:?} and is {now:?}");
    }

    /// A listener was paused, stopped or resumed, by its number, on the thread that asked for it. It is told once for each
    /// change; one that pauses by itself, for want of room or of descriptors, is not.
    #[doc(alias = "listenerStarted")]
    #[doc(alias = "stopc")]
    fn on_listener(&self, listener: usize, now: ListenerState) {
        log::info!(target: "jackfield::accept", listener; "listener {listener} is {now:?}");
    }

    /// Every connection has ended and every reactor stopped. The last event.
    #[doc(alias = "OnServerDestroyed")]
    fn on_stopped(&self) {}

    /// A new connection was refused, before or by its factory. No client was made for it.
    #[doc(alias = "ConnectionRequest")]
    fn on_refused(&self, peer: &Peer, why: RefuseReason) {
        let _ = (peer, why);
    }

    /// A reactor can't keep up, and new connections are refused from now on (`is_on`), or it can again. `lag` is how
    /// long what was ready waited lately. See [`Limits::lag_window`](crate::Limits::lag_window).
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

    /// A new connection could not be accepted; it is tried again soon. Told once a second at most of each reactor;
    /// [`Metrics::accept_errors`](crate::Metrics::accept_errors) counts all. A lack of descriptors comes here only if
    /// the descriptor in reserve was taken as well; otherwise new connections are refused with
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

    /// A signal has let certificates be read again: see `ServerBuilder::reload_tls_on_sighup`. `faults` has everything that
    /// is wrong with them; if there is anything, the old ones stay, all of them. Told on a thread for blocking work.
    fn on_tls_reload(&self, faults: &[String]) {
        match faults {
            [] => log::info!(target: "jackfield::tls", "the certificates were read again"),
            faults => {
                log::error!(target: "jackfield::tls", "the old certificates stay: {}", faults.join("; "));
            }
        }
    }

    /// A certificate comes to its end, or is past it: told when the server starts, and then once a day, of each host of which it
    /// is so. See [`ServerBuilder::expiry_days`](crate::ServerBuilder::expiry_days).
    #[cfg(feature = "expiry")]
    #[doc(alias = "CertExpireDays")]
    fn on_certificate_expiring(&self, expiring: &ExpiringCertificate) {
        let ExpiringCertificate { listener, host, days_left } = expiring;
        log::warn!(target: "jackfield::tls", "listener {listener}: {days_left} days are left of the certificate of {host}");
    }

    /// A callback panicked. Its connection ends with it; the others and the reactor go on.
    #[doc(alias = "OnBgException")]
    fn on_panic(&self, id: ConnectionId, payload: &(dyn Any + Send)) {
        log::error!(target: "jackfield::client", connection:% = id; "{id}: a callback panicked: {}", panic_text(payload));
    }

    /// The memory that the buffers of all connections hold has risen above 80 % of the budget
    /// (`budget_bytes`, [`Limits::memory_bytes_max`](crate::Limits)), or is back at 70 %. Each change is reported once, on the
    /// thread of the reactor that found it. Two changes that come close together may be reported in the wrong order.
    fn on_pressure(&self, pressure: Pressure, budget_bytes: usize) {
        match pressure {
            Pressure::High => {
                log::warn!(target: "jackfield::memory", bytes = budget_bytes; "80 % of the {budget_bytes} bytes for buffers are used");
            }
            _ => {
                log::info!(target: "jackfield::memory", bytes = budget_bytes; "the {budget_bytes} bytes for buffers suffice again");
            }
        }
    }

    /// A connection is ended for the memory it holds, in bytes. Its client hears of it as of any other end, with
    /// [`Limit::Memory`](crate::Limit::Memory).
    fn on_evicted(&self, id: ConnectionId, bytes: usize) {
        log::warn!(target: "jackfield::memory", connection:% = id, bytes; "{id}: ended, for its buffers hold {bytes} bytes");
    }

    /// A callback has run for longer than [`Limits::callback_slow`](crate::Limits::callback_slow), and runs still;
    /// told once more if it runs for longer than [`Limits::callback_stall`](crate::Limits::callback_stall). On a
    /// thread of its own, that of the watchdog: see [`ServerBuilder::watchdog`](crate::ServerBuilder::watchdog).
    fn on_slow_callback(&self, slow: &SlowCallback) {
        let SlowCallback { reactor, connection, callback, running, is_stalled } = slow;
        let level = if *is_stalled { log::Level::Error } else { log::Level::Warn };
        log::log!(target: "jackfield::client", level, "{connection}: {callback} runs for {running:?} and holds reactor {reactor} up");
    }

    /// A message was dropped because its receiver is too slow.
    fn on_dropped(&self, id: ConnectionId) {
        let _ = id;
    }

    /// Whether [`Observer::on_finished`] is to be called for the exchanges of this listener. Asked when a server starts, once
    /// for each of its reactors: where the answer is no, nothing is recorded. Default: no.
    fn wants_finished(&self, listener: usize) -> bool {
        let _ = listener;
        false
    }

    /// An exchange is over: its answer was given, its connection ended, or it became a WebSocket. For access logs,
    /// metrics and hooks; only if [`Observer::wants_finished`] says so. A request whose head was malformed has no
    /// exchange. Told on the reactor's thread, in the order in which exchanges end, so that what is slow belongs
    /// elsewhere.
    #[doc(alias = "OnAfterAnswer")]
    #[doc(alias = "OnHttpRequestDone")]
    fn on_finished(&self, finished: &Finished<'_>) {
        let _ = finished;
    }

    /// A topic has got a subscriber or lost one: how many it had and has on all reactors of this server, as the reactor
    /// sees it on whose thread this is told; zero `now` means that nobody is left. Where reactors change it at the same time
    /// their numbers may overlap, but of those who leave an empty topic behind one at least tells zero.
    #[doc(alias = "subscription")]
    fn on_subscription(&self, topic: &str, before: usize, now: usize) {
        let _ = (topic, before, now);
    }

    /// The broker can be reached or not, or has no room. Told on a thread of the broker's, and [`BrokerEvent::Refused`] on
    /// that of the publisher.
    fn on_broker(&self, event: BrokerEvent<'_>) {
        match event {
            BrokerEvent::Up => log::info!(target: "jackfield::broker", "the broker can be reached"),
            event => log::warn!(target: "jackfield::broker", "broker: {event:?}"),
        }
    }

    /// A peer has reached a limit whose consequence is that it is not read for a while, such as [`Limit::Rate`].
    fn on_throttled(&self, id: ConnectionId, why: Limit) {
        let _ = (id, why);
    }
}

/// A callback that holds its reactor up, as it was seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlowCallback {
    /// The number of the reactor.
    pub reactor: usize,
    /// Whose callback it is.
    pub connection: ConnectionId,
    /// Its name, such as `on_message`.
    pub callback: &'static str,
    /// The least time that it has run. Several calls of `on_data` or of `on_line` with the bytes of one read count as
    /// one.
    pub running: Duration,
    /// This is the second report: it has exceeded [`Limits::callback_stall`](crate::Limits::callback_stall).
    pub is_stalled: bool,
}

/// A TLS handshake that did not come to its end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FailedHandshake {
    /// The connection, which is gone.
    pub id: ConnectionId,
    /// Where it came from.
    pub peer: Peer,
    /// How it ended: [`Reason::Tls`] if what the peer said was wrong or could not be agreed on.
    pub reason: Reason,
    /// The same in more words, where TLS has any: `peer sent no certificates`, for example.
    pub error: String,
    /// The host that the peer had asked for, as far as it had got.
    pub server_name: Option<String>,
}

/// A certificate that comes to its end.
#[cfg(feature = "expiry")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExpiringCertificate {
    /// The number of the listener, in the order in which they were given.
    pub listener: usize,
    /// The first name of the host.
    pub host: String,
    /// Whole days that are left; negative: it is past its end. Of several certificates of a host that of the one that ends first.
    pub days_left: i64,
}

/// Why a new connection was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefuseReason {
    /// The server holds as many connections as it may.
    Full,
    /// The factory said no.
    Factory,
    /// The factory panicked.
    Panic,
    /// The system did not take its socket up.
    System,
    /// The server is shutting down.
    Shutdown,
    /// No descriptor was left for it.
    Descriptors,
    /// Its reactor is overloaded.
    Overload,
    /// Its address is not among [`Listener::allowed_networks`](crate::Listener::allowed_networks), or is among
    /// [`Listener::denied_networks`](crate::Listener::denied_networks).
    Denied,
    /// Its address has as many connections as it may:
    /// [`Limits::connections_per_address_max`](crate::Limits::connections_per_address_max).
    AddressFull,
    /// Its address connects too often: [`Limits::accepts_per_address_max`](crate::Limits::accepts_per_address_max).
    AddressRate,
    /// It comes from none of the proxies that its listener takes connections from:
    /// [`Listener::proxy_required`](crate::Listener::proxy_required).
    Untrusted,
    /// It did not begin with the header of a proxy, or not in time.
    Proxy,
}

/// The observer of a server that was given none.
pub(crate) struct NoObserver;

impl Observer for NoObserver {}

impl ChangeSink for Arc<dyn Observer> {
    fn on_state(&self, before: State, now: State) {
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
        if catch_unwind(AssertUnwindSafe(|| call(&*self.0))).is_err() {
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

    fn on_state(&self, before: State, now: State) {
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
