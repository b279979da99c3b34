//! Pages about the server itself, which no client answers.

#[cfg(feature = "tls")]
use crate::config::ACME_HTTP_PATH;
use crate::disconnect::{ProtocolError, Reason};
use crate::gate::{Page, StatusPaths};
use crate::links::Links;
use crate::links::protocol::Protocol;
use crate::message::Body;
use crate::shared::{PROMETHEUS, ServerState};
use jackfield_proto::Step;
use jackfield_proto::http1::{Event, Fields, HeaderSlots, Owed, Request, ResponseToSend};
use jackfield_reactor::{ConnectionId, Wires};
use std::sync::Arc;

impl Links {
    /// Handles the bytes of a connection at a listener that serves only these pages, and as many events in a turn as a client would
    /// get. Returns how many bytes were used.
    #[cold]
    pub(crate) fn feed_status(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        rx: &[u8],
        whole: &mut Vec<u8>,
        slots: &mut HeaderSlots,
    ) -> usize {
        let (settings, pages) = (Arc::clone(&self.settings), StatusPaths::usual());
        let limits = &settings.listeners[usize::from(self.link(id).listener)].limits.http;
        let (mut at, mut budget) = (0, self.events_per_turn);
        while at < rx.len() {
            if budget == 0 {
                wires.yield_turn(id);
                break;
            }
            budget -= 1;
            let Protocol::Http(machine) = &mut self.link(id).protocol else { return rx.len() };
            match machine.step(&rx[at..], slots, whole, limits) {
                Step::Event(used, event) => {
                    at += used;
                    self.settle_deadline(wires, id);
                    let has_rest = matches!(event, Event::Head(_));
                    if let Event::Request(request) | Event::Upgrade(request) | Event::Head(request) = event {
                        self.metrics.requests.add(1);
                        match pages.page(request.path()) {
                            Some(page) => self.serve_page(wires, id, page, &request),
                            None => self.respond_with_status(wires, id, 404),
                        }
                    }
                    if has_rest {
                        self.set_body_deadline(wires, id);
                    }
                }
                Step::Need(used) => {
                    self.set_request_deadline(wires, id);
                    return at + used;
                }
                Step::Paused => return at,
                Step::Fault(error) => {
                    self.close(wires, id, Reason::Protocol(ProtocolError::Http(error)));
                    return rx.len();
                }
            }
            if !wires.may_handle_bytes(id) {
                break;
            }
        }
        at
    }

    /// Answers with one of these pages.
    #[cold]
    pub(crate) fn serve_page(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        page: Page,
        request: &Request<'_>,
    ) {
        let mut fields = Fields::new();
        let (status, content_type, body) = match (request.method(), page) {
            ("GET" | "HEAD", Page::Metrics) => {
                (200, PROMETHEUS, self.handle.metrics().prometheus().to_string())
            }
            ("GET" | "HEAD", Page::Health) => match self.handle.state() {
                ServerState::Starting | ServerState::Running => (200, "text/plain", "running\n".into()),
                ServerState::Draining => (503, "text/plain", "draining\n".into()),
                ServerState::Stopped => (503, "text/plain", "stopped\n".into()),
            },
            ("GET" | "HEAD", Page::Challenge) => match self.challenge(request.path()) {
                Some(authorization) => (200, "application/octet-stream", authorization),
                None => (404, "", String::new()),
            },
            _ => {
                let pushed = fields.push("Allow", "GET, HEAD");
                debug_assert!(pushed.is_ok(), "the line is valid");
                (405, "", String::new())
            }
        };
        let pushed = fields.push("Cache-Control", "no-store");
        debug_assert!(pushed.is_ok(), "the line is valid");
        self.respond(wires, id, &ResponseToSend { status, content_type, fields: &fields }, Body::from(body));
        match &self.link(id).protocol {
            // The body is still to come.
            Protocol::Http(machine) if machine.owed() == Owed::Open => {}
            _ => self.after_answer(wires, id),
        }
    }

    /// The answer to an ACME challenge at this path.
    fn challenge(&self, path: &str) -> Option<String> {
        #[cfg(feature = "tls")]
        return self
            .settings
            .acme
            .as_ref()?
            .http_answer(path.strip_prefix(ACME_HTTP_PATH)?)
            .map(|text| text.to_string());
        #[cfg(not(feature = "tls"))]
        return path.is_empty().then(String::new);
    }
}
