//! Who may come in: decisions that depend on their arguments alone.
//!
//! This room knows no client, no wire and no link. A request comes to [`Gate::judge`] before its client sees it, if a
//! flag of its connection says that there is something to decide.

mod auth;
mod forwarded;
mod host;
mod origin;
mod overload;
mod reserved;
mod status;

pub use auth::{Access, Authenticator};
pub(crate) use forwarded::{ForwardedBy, client_ip};
pub(crate) use host::Hosts;
pub(crate) use origin::{Allowed, Origins};
pub(crate) use overload::Overload;
pub(crate) use reserved::Reserved;
pub(crate) use status::{Page, StatusPaths};

use jackfield_reactor::planted::planted;
use std::sync::Arc;

/// The policy of a server: who may come in.
#[derive(Clone, Default)]
pub(crate) struct Gate {
    pub(crate) hosts: Hosts,
    pub(crate) origins: Origins,
    /// Paths that are served even under overload.
    pub(crate) reserved: Reserved,
    /// It decides on each request.
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
    /// Paths at which a request may become a WebSocket; `None`: all.
    pub(crate) websockets: Option<Reserved>,
    /// Paths that the server itself answers.
    pub(crate) status: StatusPaths,
    /// The path below which challenges of ACME are answered, if they are.
    pub(crate) challenges: Option<&'static str>,
}

/// What a request asks for, as far as that decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'r> {
    /// The authority of the target, or that of `Host`.
    pub(crate) host: Option<&'r str>,
    pub(crate) path: &'r str,
    /// It asks to go on with WebSocket, in the name of a page of this origin.
    pub(crate) upgrade: Option<Option<&'r str>>,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Its client decides.
    Pass,
    /// It is answered with this status.
    Refuse(u16),
    /// The server itself answers.
    Serve(Page),
    /// There is no room for a WebSocket now.
    TryLater,
}

impl Gate {
    /// Whether there is something to decide on requests that ask for no WebSocket.
    pub(crate) fn judges_requests(&self) -> bool {
        !self.hosts.are_any()
            || self.status.are_any()
            || self.authenticator.is_some()
            || self.challenges.is_some()
    }

    /// What becomes of a request. Whether there is room for one WebSocket more is asked only if that decides.
    pub(crate) fn judge(&self, asked: &Asked<'_>, has_room: impl FnOnce() -> bool) -> Verdict {
        if !self.hosts.allow(asked.host) {
            // Misdirected Request (RFC 9110 section 15.5.20).
            return Verdict::Refuse(421);
        }
        let Some(origin) = asked.upgrade else {
            return self.page(asked.path).map_or(Verdict::Pass, Verdict::Serve);
        };
        if !self.origins.allow(origin, asked.host.unwrap_or_default()) {
            return Verdict::Refuse(403);
        }
        if !self.is_exempt(asked.path) && !has_room() {
            return Verdict::TryLater;
        }
        Verdict::Pass
    }

    /// What the server itself answers at this path.
    fn page(&self, path: &str) -> Option<Page> {
        match self.challenges {
            Some(below) if path.starts_with(below) => Some(Page::Challenge),
            _ => self.status.page(path),
        }
    }

    /// Whether a request for this path may become a WebSocket. Elsewhere it is one as any other.
    pub(crate) fn upgrades(&self, path: &str) -> bool {
        self.websockets.as_ref().is_none_or(|paths| paths.contains(path))
    }

    /// Whether some paths are served even under overload.
    pub(crate) fn exempts_any(&self) -> bool {
        !self.reserved.is_empty() || self.status.are_any() || self.challenges.is_some()
    }

    fn is_exempt(&self, path: &str) -> bool {
        self.reserved.contains(path) || self.page(path).is_some()
    }

    /// Whether a new connection whose first request asks for this path stays, although its reactor may be overloaded.
    pub(crate) fn keeps_provisional(&self, path: &str, is_overloaded: impl FnOnce() -> bool) -> bool {
        (self.is_exempt(path) && !planted(45)) || !is_overloaded()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first that objects has the verdict.
    #[test]
    fn the_gate_judges_in_order() {
        let gate = Gate {
            hosts: Hosts::parse_all(["h"]).expect("it is a host"),
            reserved: Reserved(vec!["/health".into()]),
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
            let asked = Asked { host, path, upgrade };
            assert_eq!(gate.judge(&asked, || has_room), verdict, "{asked:?}, room: {has_room}");
        }
    }
}
