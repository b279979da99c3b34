//! The audit: defences that are off on listeners that other machines can reach.

use crate::config::{AppliesTo, DEFENCES, LimitRow, Limits};
use crate::gate::Origins;
use crate::shared::Settings;
use jackfield_reactor::Addr;
use std::fmt;
use std::net::SocketAddr;

/// The defences that are off on listeners that other machines can reach: the result of
/// [`Server::audit`](crate::Server::audit).
///
/// Its [`Display`](fmt::Display) form has a line for each, and is empty if there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Audit {
    /// The findings: limits first, in the order of [`Limits::table`].
    pub findings: Vec<Finding>,
}

/// A defence that is off.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What is off: the name of a limit as in [`Limits::table`], or `tls`, `origins` or `panic`.
    pub defence: &'static str,
    /// The listeners without it, in the order of `listen`.
    pub listeners: Vec<SocketAddr>,
    /// What is wrong with it.
    pub state: String,
    /// What turns it on.
    pub remedy: String,
}

impl Audit {
    /// True if nothing was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// `aborts`: whether a panic ends the process.
    pub(crate) fn of(settings: &Settings, addrs: &[Addr], aborts: bool) -> Self {
        let exposed = Exposed { settings, addrs };
        let mut findings = limits_off(&exposed);
        let others = [
            (
                "tls",
                exposed.listeners(|listener| !settings.listeners[listener].is_tls()),
                "the data can be read and changed on its way",
                "`Listener::tls`, unless a proxy in front of the server does that",
            ),
            (
                "origins",
                exposed.listeners(|listener| {
                    settings.gate.origins == Origins::Any && exposed.is(listener, AppliesTo::Http)
                }),
                "any page may open a WebSocket with the rights of its visitor",
                "`ServerBuilder::allowed_origins` in place of `any_origin`",
            ),
            (
                "panic",
                exposed.listeners(|_| aborts),
                "a panic in one callback ends the process, and every connection with it",
                "`panic = \"unwind\"` in the build profile",
            ),
        ];
        for (defence, listeners, state, remedy) in others {
            if !listeners.is_empty() {
                findings.push(Finding { defence, listeners, state: state.into(), remedy: remedy.into() });
            }
        }
        Self { findings }
    }
}

/// The listeners that other machines can reach.
struct Exposed<'s> {
    settings: &'s Settings,
    addrs: &'s [Addr],
}

impl Exposed<'_> {
    /// The addresses of those for whose index this is true.
    fn listeners(&self, which: impl Fn(usize) -> bool) -> Vec<SocketAddr> {
        let outside =
            self.addrs.iter().enumerate().filter_map(|(listener, addr)| Some((listener, addr.as_ip()?)));
        let outside = outside.filter(|(_, addr)| !addr.ip().to_canonical().is_loopback());
        outside.filter(|(listener, _)| which(*listener)).map(|(_, addr)| addr).collect()
    }

    fn is(&self, listener: usize, on: AppliesTo) -> bool {
        let listener = &self.settings.listeners[listener];
        on.is_spoken(listener.speaks) && (on != AppliesTo::Tls || listener.is_tls())
    }
}

fn limits_off(exposed: &Exposed<'_>) -> Vec<Finding> {
    let recommended = Limits::internet().table();
    let tables: Vec<_> = exposed.settings.listeners.iter().map(|listener| listener.limits.table()).collect();
    let mut findings = Vec::new();
    for (number, better) in recommended.iter().enumerate() {
        let Some((_, on, off)) = DEFENCES.iter().find(|(name, ..)| *name == better.name) else { continue };
        let value = |listener: usize| tables[listener][number].value;
        let is_off = |listener: usize| {
            // A heartbeat replaces the idle timeout, and finds a dead peer sooner.
            let heartbeat = exposed.settings.listeners[listener].limits.heartbeat;
            let is_replaced = better.name == "websocket_idle" && !heartbeat.is_zero();
            exposed.is(listener, *on) && off.is(value(listener)) && !is_replaced
        };
        // Listeners may have different values: one finding for each value.
        let mut values: Vec<u64> =
            (0..tables.len()).filter(|listener| is_off(*listener)).map(value).collect();
        values.sort_unstable();
        values.dedup();
        for off in values {
            let listeners = exposed.listeners(|listener| is_off(listener) && value(listener) == off);
            if !listeners.is_empty() {
                findings.push(finding(better, off, listeners));
            }
        }
    }
    findings
}

/// A finding for a limit that is off with this value. `better`: the row with a better value.
fn finding(better: &LimitRow, value: u64, listeners: Vec<SocketAddr>) -> Finding {
    let LimitRow { name, unit, value: better, .. } = better;
    let state = match value {
        0 => "is off".into(),
        value => format!("is {value} {unit}, so wide that it has no effect"),
    };
    let better = if *unit == "ms" { format!("Duration::from_millis({better})") } else { better.to_string() };
    let remedy = format!("`.limits(|limits| limits.{name} = {better})`");
    Finding { defence: name, listeners, state, remedy }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.findings.iter().try_for_each(|finding| writeln!(f, "{finding}"))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listeners: Vec<String> = self.listeners.iter().map(ToString::to_string).collect();
        let Self { defence, state, remedy, .. } = self;
        let colon = if state.starts_with("is ") { "" } else { ":" };
        write!(f, "{}: {defence}{colon} {state}; turn it on with {remedy}", listeners.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ListenerSettings;
    use crate::gate::Gate;
    use crate::shared::NoObserver;
    use crate::shared::Resolver;
    use crate::shared::WallClock;
    use std::sync::Arc;

    #[test]
    fn n15_no_limit_is_forgotten() {
        let mut known: Vec<&str> = DEFENCES.iter().map(|(name, ..)| *name).collect();
        let table = Limits::default().table();
        // Limits of features that are not built in are in brackets.
        let mut names: Vec<&str> =
            table.iter().map(|row| row.name).filter(|name| !name.starts_with('(')).collect();
        known.sort_unstable();
        names.sort_unstable();
        assert_eq!(
            known, names,
            "each row of `Limits::table` has one in `DEFENCES`, and the other way round"
        );
    }

    fn settings(limits: Limits, origins: Origins) -> Settings {
        Settings {
            exposes_errors: false,
            watchdog: true,
            offload_threads: 1,
            #[cfg(feature = "tls")]
            acme: None,
            #[cfg(feature = "expiry")]
            expiry_days: 0,
            #[cfg(feature = "tls")]
            handshake_threads: 0,
            listeners: ListenerSettings::one_of_each(&limits, |listener| listener),
            limits,
            gate: Gate { origins, ..Gate::default() },
            observer: Arc::new(NoObserver),
            access_log: None,
            clock: WallClock::System,
            names: Resolver::System,
            seed: None,
        }
    }

    #[test]
    fn n15_limits_so_high_that_they_are_off_are_found() {
        let addrs =
            ["192.0.2.1:80", "[2001:db8::1]:81", "0.0.0.0:82"].map(|addr| Addr::Ip(addr.parse().unwrap()));
        let mut limits = Limits::internet();
        limits.raw_idle = std::time::Duration::ZERO;
        limits.line_bytes_max = 17 << 20;
        limits.websocket_idle = std::time::Duration::ZERO;
        limits.head_timeout = std::time::Duration::from_secs(3600);
        let audit = Audit::of(&settings(limits.clone(), Origins::Any), &addrs, true);
        let found: Vec<(&str, usize)> =
            audit.findings.iter().map(|finding| (finding.defence, finding.listeners.len())).collect();
        let expected = [
            ("line_bytes_max", 2),
            ("head_timeout", 1),
            ("raw_idle", 2),
            ("tls", 3),
            ("origins", 1),
            ("panic", 3),
        ];
        assert_eq!(found, expected, "{audit}");
        limits.heartbeat = std::time::Duration::ZERO;
        let audit = Audit::of(&settings(limits, Origins::Same), &addrs, false);
        assert!(audit.findings.iter().any(|finding| finding.defence == "websocket_idle"), "{audit}");
    }

    #[test]
    fn n15_the_audit_finds_nothing_on_local_listeners() {
        let addrs =
            ["127.0.0.1:80", "[::1]:81", "[::ffff:127.0.0.1]:82"].map(|addr| Addr::Ip(addr.parse().unwrap()));
        let audit = Audit::of(&settings(Limits::local(), Origins::Any), &addrs, true);
        assert!(audit.is_clean() && audit.to_string().is_empty(), "{audit}");
    }
}
