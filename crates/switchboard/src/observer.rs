//! What happens to the server as a whole.

use crate::{ConnectionId, Handle, Peer};
use std::any::Any;
use std::io;

/// What happens to the server as a whole, told on the thread where it happens. Every event has a default: those that
/// somebody should know of go to the [`log`] crate.
pub trait Observer: Send + Sync {
    /// All listeners are up and the reactors turn.
    #[doc(alias = "OnServerCreated")]
    fn on_started(&self, handle: &Handle) {
        let _ = handle;
    }

    /// Every connection has ended and every reactor stopped. The last event.
    #[doc(alias = "OnServerDestroyed")]
    fn on_stopped(&self) {}

    /// A newcomer was refused, before or by its factory. No client was made for it.
    fn on_refused(&self, peer: &Peer, why: Refused) {
        let _ = (peer, why);
    }

    /// A newcomer could not be accepted; it is tried again soon.
    fn on_accept_error(&self, listener: usize, error: &io::Error) {
        log::warn!("listener {listener} can't accept: {error}");
    }

    /// A TLS handshake failed. No client was made for it.
    fn on_tls_error(&self, id: ConnectionId) {
        log::debug!("{id}: the TLS handshake failed");
    }

    /// A callback panicked. Its connection ends with it; the others and the reactor go on.
    #[doc(alias = "OnBgException")]
    fn on_panic(&self, id: ConnectionId, payload: &(dyn Any + Send)) {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        log::error!("{id}: a callback panicked: {}", text.unwrap_or("no text"));
    }

    /// A message was dropped because its receiver is too slow.
    fn on_dropped(&self, id: ConnectionId) {
        let _ = id;
    }
}

/// Why a newcomer was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
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
}

/// The observer of a server that was given none.
pub(crate) struct Silent;

impl Observer for Silent {}
