//! New connections that are let in although their reactor is overloaded, because a path is reserved: the head of
//! their first request decides. Before that they have no client.

use super::{Dispatcher, set_deadline};
use crate::factory::Refuse;
use crate::link::{Admission, Awaited, Protocol, key};
use crate::observer::Refused;
use crate::{ClientFactory, Connection, ConnectionId};
use jackfield_proto::http1;
use jackfield_reactor::planted::planted;
use jackfield_reactor::{Service, Wires};
use std::time::Duration;

impl<F: ClientFactory> Dispatcher<F> {
    /// Awaits the first request of a new connection.
    pub(super) fn await_first_request(&mut self, wires: &mut Wires, id: ConnectionId) {
        self.links.link(id).protocol = Protocol::Http(http1::Machine::new());
        let idle = self.settings.limits.http_idle;
        if idle > Duration::ZERO {
            wires.set_idle_timeout(id, idle);
        }
    }

    /// Bytes of a provisional connection, which decide when the line of the request is there; or of one that is
    /// refused, which don't matter.
    #[cold]
    #[inline(never)]
    pub(super) fn on_bytes_without_client(
        &mut self,
        wires: &mut Wires,
        id: ConnectionId,
        rx: &mut [u8],
    ) -> usize {
        if self.links.link(id).admission != Admission::Provisional {
            return rx.len();
        }
        let limits = &self.settings.limits;
        let stays = match requested_path(rx) {
            Some(path) if self.settings.is_reserved(path) && !planted(45) => true,
            Some(_) => !self.links.is_overloaded(wires.now()),
            None if rx.len() > limits.http.head_bytes_max => false,
            None if rx.is_empty() => return 0,
            None => {
                let deadline = limits.head_timeout;
                set_deadline(&mut Connection { id, wires, links: &mut self.links }, Awaited::Head, deadline);
                return 0;
            }
        };
        if !stays {
            self.fail_provisional(wires, id);
            return rx.len();
        }
        self.links.link(id).admission = Admission::Admitted;
        let peer = self.peer_again(wires, id);
        self.create(wires, id, &peer);
        if self.links.drain_until.is_some() {
            // It was drained before there was a client, and the machine is another.
            if let Protocol::Http(machine) = &mut self.links.link(id).protocol {
                machine.close_after();
            }
        }
        // Its client may have paused or closed it in `on_connect`.
        if wires.goes_on(id) { self.on_bytes(wires, id, rx) } else { 0 }
    }

    fn fail_provisional(&mut self, wires: &mut Wires, id: ConnectionId) {
        let peer = self.peer_again(wires, id);
        self.links.metrics.refused_overload.add(1);
        self.refused(&peer, Refused::Overload);
        wires.cancel_timer(id, key::DEADLINE);
        let link = self.links.link(id);
        link.awaited = Awaited::Nothing;
        self.refuse(wires, id, &Refuse::Busy);
    }
}

/// The path of a request whose first line is there; of one that is no request, an empty one. Empty lines in front are
/// passed over (RFC 9112 section 2.2), and an absolute form has a path as well (section 3.2.2).
fn requested_path(bytes: &[u8]) -> Option<&str> {
    let begin = bytes.iter().position(|byte| !b"\r\n".contains(byte))?;
    let line = &bytes[begin..];
    let line = &line[..line.iter().position(|&byte| byte == b'\n')?];
    let target = line.split(|&byte| byte == b' ').nth(1).and_then(|target| std::str::from_utf8(target).ok());
    let target = target.unwrap_or_default();
    let path = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => rest.find('/').map_or("/", |at| &rest[at..]),
        _ => target,
    };
    path.split('?').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n14_the_path_of_the_first_line() {
        let rows = [
            ("", None),
            ("\r\n", None),
            ("GET /health HTTP/1.1", None),
            ("GET /health HTTP/1.1\r\n", Some("/health")),
            ("\r\nGET /health?full HTTP/1.1\r\nHost: h\r\n\r\n", Some("/health")),
            ("GET http://h:1/health?u=a://b HTTP/1.1\r\n", Some("/health")),
            ("GET http://h HTTP/1.1\r\n", Some("/")),
            ("GET /a://b/health HTTP/1.1\r\n", Some("/a://b/health")),
            ("GET\n", Some("")),
        ];
        for (bytes, path) in rows {
            assert_eq!(requested_path(bytes.as_bytes()), path, "{bytes:?}");
        }
        assert_eq!(requested_path(b"GET \xff HTTP/1.1\r\n"), Some(""));
    }
}
