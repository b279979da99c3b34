//! Asks the gate what becomes of a request.

use crate::gate::{Asked, Verdict};
use crate::links::Links;
use jackfield_proto::http1::Request;
use jackfield_reactor::Wires;
use std::sync::Arc;

impl Links {
    /// The status that a request is refused with which asks for no WebSocket, if it is.
    pub(crate) fn refusal(&mut self, wires: &Wires, request: &Request<'_>) -> Option<u16> {
        match self.judge(wires, request, None) {
            Verdict::Refuse(status) => Some(status),
            Verdict::Pass | Verdict::TryLater => None,
        }
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
