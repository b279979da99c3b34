//! Decisions on requests and connections that depend only on their arguments.
//!
//! This room knows no client, no wire and no link. A request comes to [`Gate::judge`] before its client sees it, if a
//! flag of its connection says that there is something to decide.

mod auth;
mod forwarded;
mod host;
mod origin;
mod overload;
mod path_list;
mod status;

pub use auth::{Access, Authenticator};
pub(crate) use forwarded::{ForwardedBy, client_ip};
pub(crate) use host::Hosts;
pub(crate) use origin::{Allowed, Origins};
pub(crate) use overload::Overload;
pub(crate) use path_list::PathList;
#[cfg(feature = "router")]
pub(crate) use path_list::{EXACT, EXCEPT};
pub(crate) use status::{Page, StatusPaths};

use jackfield_reactor::planted::planted;
use std::sync::Arc;

/// A server's policy on requests.
#[derive(Clone, Default)]
pub(crate) struct Gate {
    pub(crate) hosts: Hosts,
    pub(crate) origins: Origins,
    /// Paths that are served even under overload.
    pub(crate) reserved: PathList,
    /// Decides on each request.
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
    /// Paths at which a request may become a WebSocket; `None`: all.
    pub(crate) websockets: Option<PathList>,
    /// The paths of the status pages.
    pub(crate) status: StatusPaths,
    /// The path below which ACME challenges are answered, if they are.
    pub(crate) challenges: Option<&'static str>,
}

/// The parts of a request that matter for the decision.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GateRequest<'r> {
    /// The authority of the target, or that of `Host`.
    pub(crate) host: Option<&'r str>,
    pub(crate) path: &'r str,
    /// For an upgrade: its origin, if it has one.
    pub(crate) upgrade: Option<Option<&'r str>>,
}

/// The decision on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Its client decides.
    Pass,
    /// It is answered with this status.
    Refuse(u16),
    /// The server itself answers.
    Serve(Page),
    /// The reactor is overloaded: no WebSocket now.
    TryLater,
}

impl Gate {
    /// Whether requests that are no upgrades need a decision.
    pub(crate) fn judges_requests(&self) -> bool {
        !self.hosts.allows_any()
            || self.status.is_enabled()
            || self.authenticator.is_some()
            || self.challenges.is_some()
    }

    /// Decides on a request. `has_room` (for one more WebSocket) is called only if everything else allows the request.
    pub(crate) fn judge(&self, request: &GateRequest<'_>, has_room: impl FnOnce() -> bool) -> Verdict {
        if !self.hosts.allows(request.host) {
            // Misdirected Request (RFC 9110 section 15.5.20).
            return Verdict::Refuse(421);
        }
        let Some(origin) = request.upgrade else {
            return self.page(request.path).map_or(Verdict::Pass, Verdict::Serve);
        };
        if !self.origins.allows(origin, request.host.unwrap_or_default()) {
            return Verdict::Refuse(403);
        }
        if !self.is_exempt(request.path) && !has_room() {
            return Verdict::TryLater;
        }
        Verdict::Pass
    }

    /// The page that the server itself has at this path.
    fn page(&self, path: &str) -> Option<Page> {
        match self.challenges {
            Some(below) if path.starts_with(below) => Some(Page::Challenge),
            _ => self.status.page(path),
        }
    }

    /// Whether a request for this path may become a WebSocket. At other paths an upgrade is an ordinary request.
    pub(crate) fn may_upgrade(&self, path: &str) -> bool {
        self.websockets.as_ref().is_none_or(|paths| paths.contains(path))
    }

    /// Whether some paths are served even under overload.
    pub(crate) fn exempts_any(&self) -> bool {
        !self.reserved.is_empty() || self.status.is_enabled() || self.challenges.is_some()
    }

    fn is_exempt(&self, path: &str) -> bool {
        self.reserved.contains(path) || self.page(path).is_some()
    }

    /// Whether a provisional connection stays, if its first request is for this path.
    pub(crate) fn keeps_provisional(&self, path: &str, is_overloaded: impl FnOnce() -> bool) -> bool {
        (self.is_exempt(path) && !planted(45)) || !is_overloaded()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first check that refuses decides.
    #[test]
    fn the_gate_judges_in_order() {
        let gate = Gate {
            hosts: Hosts::parse_all(["h"]).expect("it is a host"),
            reserved: PathList(vec!["/health".into()]),
            ..Gate::default()
        };
        let rows = [
            (Some("h"), "/", None, false, Verdict::Pass),
            (Some("evil"), "/", None, true, Verdict::Refuse(421)),
            (None, "/", None, true, Verdict::Refuse(421)),
            (Some("h"), "/", Some(None), true, Verdict::Pass),
            (Some("h"), "/", Some(Some("http://h")), true, Verdict::Pass),
            (Some("h"), "/", Some(Some("http://evil")), true, Verdict::Refuse(403)),
            (Some("h"), "/health", Some(Some("http://evil")), false, Verdict::Refuse(403)),
            (Some("evil"), "/", Some(Some("http://evil")), true, Verdict::Refuse(421)),
            (Some("h"), "/", Some(None), false, Verdict::TryLater),
            (Some("h"), "/health", Some(None), false, Verdict::Pass),
        ];
        for (host, path, upgrade, has_room, verdict) in rows {
            let request = GateRequest { host, path, upgrade };
            assert_eq!(gate.judge(&request, || has_room), verdict, "{request:?}, room: {has_room}");
        }
    }
}
