//! Which configuration of TLS a peer is answered with, once it has said hello.

use crate::client::ClientFactory;
use crate::config::HostConfig;
use crate::dispatch::Dispatcher;
use jackfield_reactor::{ConnectionId, Wires};
use rustls::AlertDescription;

impl<F: ClientFactory> Dispatcher<F> {
    /// A peer has said hello: the host that it asks for answers.
    pub(super) fn find_host(&mut self, wires: &mut Wires, id: ConnectionId) {
        let listener = usize::from(self.links.link(id).listener);
        let Some(hosts) = self.settings.listeners[listener].tls_hosts() else { return };
        match hosts.find(wires.server_name(id)) {
            Some(host) => self.answer_hello(wires, id, &host),
            None => wires.refuse_hello(id, AlertDescription::UnrecognisedName, "there is no such host"),
        }
    }

    fn answer_hello(&mut self, wires: &mut Wires, id: ConnectionId, host: &HostConfig) {
        let Some(hello) = wires.take_hello(id) else { return };
        if host.tag.is_some() {
            self.links.link(id).extra().host_tag = host.tag;
            self.links.charge(wires, id);
        }
        wires.secure(id, hello.into_connection(host.config.clone()));
    }
}
