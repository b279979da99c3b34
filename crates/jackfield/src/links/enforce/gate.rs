//! Asks the gate whether a request may pass.

use crate::gate::{Access, GateRequest, Page, Verdict};
use crate::links::Links;
use crate::links::protocol::Protocol;
use crate::message::Body;
use jackfield_proto::http1::{Fields, Request, ResponseToSend};
use jackfield_reactor::{ConnectionId, Wires};
use std::sync::Arc;

impl Links {
    /// Whether a request that is no upgrade goes on to its client. If not, it is answered here.
    pub(crate) fn admit_or_answer(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        request: &Request<'_>,
    ) -> bool {
        #[cfg(feature = "tls")]
        if self.is_misdirected(wires, id, request) {
            // Misdirected Request (RFC 9110 section 15.5.20).
            self.respond_with_status(wires, id, 421);
            return false;
        }
        let verdict = self.judge(wires, request, None);
        // The server of an ACME authority has no password.
        let is_open = matches!(verdict, Verdict::Refuse(_) | Verdict::Serve(Page::Challenge));
        if !is_open && !self.authenticate_or_answer(wires, id, request) {
            return false;
        }
        match verdict {
            Verdict::Refuse(status) => self.respond_with_status(wires, id, status),
            Verdict::Serve(page) => self.serve_page(wires, id, page, request),
            Verdict::Pass | Verdict::TryLater => return true,
        }
        false
    }

    /// Whether the host of a request has another rule for client certificates than the one that its session has met.
    #[cfg(feature = "tls")]
    fn is_misdirected(&self, wires: &Wires, id: ConnectionId, request: &Request<'_>) -> bool {
        let link = &self.table[id.slot()];
        let Some(hosts) = self.settings.listeners[usize::from(link.listener)].tls_hosts() else {
            return false;
        };
        let met = link.extra.as_ref().and_then(|extra| extra.host.as_deref());
        hosts.rules_may_differ && hosts.is_misdirected(met, wires.server_name(id), request)
    }

    /// Counts a request on a connection with a limit on requests. The answer to the last one has `Connection: close`.
    pub(crate) fn close_after_last_request(&mut self, id: ConnectionId) {
        let requests_max = self.limits_of(id).requests_max;
        if let Protocol::Http(machine) = &mut self.link(id).protocol {
            if machine.exchange_number() >= requests_max {
                machine.close_after();
            }
        }
    }

    /// Whether the authenticator allows a request. If not, it is answered here.
    fn authenticate_or_answer(&mut self, wires: &mut Wires, id: ConnectionId, request: &Request<'_>) -> bool {
        let Some(authenticator) = self.settings.gate.authenticator.clone() else { return true };
        let (status, challenge) = match authenticator.check(request, self.client_addr(wires, id, request)) {
            Access::Allow => return true,
            Access::Challenge(challenge) => (401, Some(challenge)),
            Access::Deny => (403, None),
        };
        let mut fields = Fields::new();
        let pushed = challenge.map_or(Ok(()), |challenge| fields.push("WWW-Authenticate", &challenge));
        // A challenge that can't be written is a bug of the authenticator.
        let status = if pushed.is_ok() { status } else { 500 };
        let head = ResponseToSend { status, content_type: "", fields: &fields };
        self.respond(wires, id, &head, Body::Borrowed(&[]));
        self.after_answer(wires, id);
        false
    }

    /// The gate's decision on an upgrade with this origin.
    pub(crate) fn judge_upgrade(
        &mut self,
        wires: &Wires,
        request: &Request<'_>,
        origin: Option<&str>,
    ) -> Verdict {
        self.judge(wires, request, Some(origin))
    }

    fn judge(&mut self, wires: &Wires, request: &Request<'_>, upgrade: Option<Option<&str>>) -> Verdict {
        let settings = Arc::clone(&self.settings);
        let gate_request = GateRequest { host: request.host(), path: request.path(), upgrade };
        settings.gate.judge(&gate_request, || self.has_room_for_upgrade(wires))
    }
}
