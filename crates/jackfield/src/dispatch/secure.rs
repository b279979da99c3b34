//! Chooses the TLS configuration for a ClientHello.

use crate::client::ClientFactory;
use crate::config::{ACME, HostAnswer, HostConfig, MissingHost, Refuse, TlsHosts};
use crate::dispatch::Dispatcher;
use crate::shared::{Command, attempt};
use jackfield_reactor::{ConnectionId, Wires};
use rustls::AlertDescription;
use std::sync::Arc;

impl<F: ClientFactory> Dispatcher<F> {
    /// A ClientHello has come: answers with the host that it names, now or when a thread has found it.
    pub(super) fn find_host(&mut self, wires: &mut Wires, id: ConnectionId) {
        let listener = usize::from(self.links.link(id).listener);
        let Some(hosts) = self.settings.listeners[listener].tls_hosts() else { return };
        let Some(hello) = wires.hello(id) else { return };
        let found = match &self.settings.acme {
            Some(acme) if hello.alpn().is_some_and(|mut names| names.any(|name| name == ACME)) => hello
                .server_name()
                .and_then(|name| acme.tls_answer(name))
                .map_or(HostAnswer::Nothing, HostAnswer::Host),
            _ => hosts.find(hello.server_name()),
        };
        match found {
            HostAnswer::Perhaps => self.look_for_host(wires, id, &hosts.clone()),
            found => self.host_found(wires, id, found),
        }
    }

    /// Lets a thread for blocking work look for the host; this reactor goes on.
    fn look_for_host(&mut self, wires: &mut Wires, id: ConnectionId, hosts: &Arc<TlsHosts>) {
        let Some(hello) = wires.hello(id) else { return };
        let asked = MissingHost {
            name: hello.server_name().unwrap_or_default().to_owned(),
            alpn: hello.alpn().into_iter().flatten().map(<[u8]>::to_vec).collect(),
        };
        let handle = &self.links.handle;
        let is_asked = handle.shared().pool.submit(|| {
            let (handle, hosts) = (handle.clone(), hosts.clone());
            Box::new(move || {
                // It may have waited longer than the connection.
                if handle.remote_of(id).is_err() {
                    return;
                }
                let found = attempt(|| hosts.find_missing(&asked)).unwrap_or_else(|panicked| {
                    log::error!(target: "jackfield::client", "the look-up of a host for `{}` panicked: {panicked}", asked.name);
                    HostAnswer::Nothing
                });
                // A reactor that has ended needs no result.
                let _ = handle.post_reserved(id.reactor(), Command::HostFound(id, found));
            })
        });
        if !is_asked {
            wires.refuse_hello(id, AlertDescription::InternalError, "too many hosts are being looked for");
        }
    }

    /// Goes on with as many handshakes whose host was looked for as one turn may. Each connection has one at most.
    pub(super) fn go_on_with_found_hosts(&mut self, wires: &mut Wires) {
        while !self.found_hosts.is_empty() {
            if !wires.try_count_handshake() {
                return wires.request_next_turn();
            }
            if let Some((id, found)) = self.found_hosts.pop_front() {
                wires.stats().handshake_steps.add(1);
                self.host_found(wires, id, found);
            }
        }
    }

    /// The host is known, or there is none. The peer may be gone by now.
    fn host_found(&mut self, wires: &mut Wires, id: ConnectionId, found: HostAnswer) {
        match found {
            HostAnswer::Host(host) => self.answer_hello(wires, id, &host),
            HostAnswer::Perhaps | HostAnswer::Nothing => {
                wires.refuse_hello(id, AlertDescription::UnrecognisedName, "there is no such host");
            }
        }
    }

    /// Goes on with the handshake, here or on a handshake thread.
    fn answer_hello(&mut self, wires: &mut Wires, id: ConnectionId, host: &HostConfig) {
        let Some(hello) = wires.take_hello(id) else { return };
        if host.facts.is_some() {
            self.links.link(id).extra().host = host.facts.clone();
            self.links.charge(wires, id);
        }
        let (mut hello, config) = (Some(hello), host.config.clone());
        let handle = &self.links.handle;
        let is_handed_over = handle.shared().handshakes.get().is_some_and(|pool| {
            pool.submit(|| {
                let (handle, hello, config) = (handle.clone(), hello.take(), config.clone());
                Box::new(move || {
                    let Some(hello) = hello else { return };
                    let answer = Box::new(hello.into_connection(config));
                    let _ = handle.post_reserved(id.reactor(), Command::Secured(id, answer));
                })
            })
        });
        if let Some(hello) = hello.filter(|_| !is_handed_over) {
            wires.answer_hello(id, hello.into_connection(config));
        }
    }

    /// A connection that was only an ACME challenge is closed without a client (RFC 8737 section 3).
    pub(super) fn close_if_challenge(&mut self, wires: &mut Wires, id: ConnectionId) -> bool {
        let is_one = self.settings.acme.is_some()
            && wires.tls(id).is_some_and(|session| session.alpn_protocol() == Some(ACME));
        if is_one {
            self.refuse(wires, id, &Refuse::Silent);
        }
        is_one
    }
}
