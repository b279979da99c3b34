//! Asks the gate what becomes of a request.

use crate::gate::{Asked, Verdict};
use crate::links::Links;
use jackfield_proto::http1::Request;
use jackfield_reactor::{ConnectionId, Wires};
use std::sync::Arc;

impl Links {
    /// Whether a request that asks for no WebSocket goes on to its client. If not it is answered here.
    pub(crate) fn admits(&mut self, wires: &mut Wires, id: ConnectionId, request: &Request<'_>) -> bool {
        match self.judge(wires, request, None) {
            Verdict::Refuse(status) => self.respond_with_status(wires, id, status),
            Verdict::Serve(page) => self.serve_page(wires, id, page, request),
            Verdict::Pass | Verdict::TryLater => return true,
        }
        false
    }

    /// What becomes of a request for a WebSocket, in the name of a page of this origin.
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
        let asked = Asked { host: request.host(), path: request.path(), upgrade };
        settings.gate.judge(&asked, || self.has_room_for_upgrade(wires))
    }
}
