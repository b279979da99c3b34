//! TLS sessions of one server, to be resumed by many connections at a time.

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A store for TLS sessions. rustls itself keeps eight tickets for a server, which are used up at once if many
/// connections are opened together: half of their handshakes would be full ones. Server names are ignored, because a run
/// has one server.
#[derive(Debug)]
pub(crate) struct Sessions {
    tickets_max: usize,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    group: Option<NamedGroup>,
    /// The TLS 1.2 session, which may be resumed many times.
    session: Option<Tls12ClientSessionValue>,
    /// TLS 1.3 tickets, each for one use. The newest is used first, and the oldest has to go: a server that has room for few sessions
    /// forgets those that were made first.
    tickets: VecDeque<Tls13ClientSessionValue>,
}

/// Tickets for each connection: a server gives out two or so at a time.
const TICKETS_PER_CONNECTION: usize = 4;

impl Sessions {
    /// A store for this many simultaneous connections.
    pub(crate) fn new(connections: usize) -> Self {
        Self { tickets_max: connections.saturating_mul(TICKETS_PER_CONNECTION), known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, _server: ServerName<'static>, group: NamedGroup) {
        self.known().group = Some(group);
    }

    fn kx_hint(&self, _server: &ServerName<'_>) -> Option<NamedGroup> {
        self.known().group
    }

    fn set_tls12_session(&self, _server: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.known().session = Some(session);
    }

    fn tls12_session(&self, _server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.known().session.clone()
    }

    fn remove_tls12_session(&self, _server: &ServerName<'static>) {
        self.known().session = None;
    }

    fn insert_tls13_ticket(&self, _server: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        let mut known = self.known();
        if known.tickets.len() >= self.tickets_max {
            known.tickets.pop_front();
        }
        known.tickets.push_back(ticket);
    }

    fn take_tls13_ticket(&self, _server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.known().tickets.pop_back()
    }
}
