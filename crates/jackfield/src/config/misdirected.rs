//! Requests for another host than the one whose rule their session has met.

use crate::config::client_auth::ClientAuth;
use crate::config::host_facts::HostFacts;
use crate::config::tls::TlsHosts;
use jackfield_proto::http1::Request;
use rustls_pki_types::DnsName;

impl TlsHosts {
    /// Whether a request is for a host with another rule for client certificates than the one that its session has met. The server name
    /// has selected that, and a peer may name any other host in its request.
    pub(crate) fn is_misdirected(
        &self,
        met: Option<&HostFacts>,
        server_name: Option<&str>,
        request: &Request<'_>,
    ) -> bool {
        // Without a host, and with an empty one, there is no other host.
        if request.host().is_none_or(str::is_empty) {
            return false;
        }
        // Of a host that can't be read nobody knows what the user's code makes of it.
        request.authority().is_none_or(|asked| self.has_other_rule(asked.host(), met, server_name))
    }

    fn has_other_rule(&self, asked: &str, met: Option<&HostFacts>, server_name: Option<&str>) -> bool {
        // The root may be written (RFC 1034 section 3.1), but not in a server name.
        let asked = asked.trim_end_matches('.');
        if server_name.is_some_and(|name| name.eq_ignore_ascii_case(asked)) {
            return false;
        }
        let place = match self.options.place_of(asked) {
            // The closure knows the rule, and it is asked for server names only.
            None if self.options.find.is_some() && DnsName::try_from(asked).is_ok() => return true,
            None => self.options.usual_place(),
            place => place,
        };
        let host = place.and_then(|place| self.options.hosts.get(place));
        let met = met.map_or(ClientAuth::none_ref(), |facts| &facts.client_auth);
        host.is_none_or(|host| !self.options.client_auth_of(host).is_same_as(met))
    }
}
