//! The settings of a listener's connections.

use super::Listener;
use crate::config::address_rules::AddressRules;
use crate::config::check::contradiction;
use crate::config::defences::concerns;
use crate::config::limits::Limits;
use crate::config::network::Networks;
use crate::config::place::Place;
use crate::config::speaks::{LF, Speaks};
use crate::config::table::LimitRow;
#[cfg(feature = "tls")]
use crate::config::tls::{ListenerTls, TlsHosts};
use std::sync::Arc;

/// The settings of one listener.
#[derive(Clone)]
pub(crate) struct ListenerSettings {
    /// The number of the listener. A listener with several addresses has several of these settings.
    pub(crate) number: usize,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) limits: Limits,
    pub(crate) speaks: Speaks,
    pub(crate) is_status: bool,
    /// For lines: the byte that ends them.
    pub(crate) delimiter: u8,
    pub(crate) banner: Vec<u8>,
    pub(crate) busy_banner: Vec<u8>,
    /// Which addresses may connect, and how often. `None`: no rules.
    pub(crate) rules: Option<Arc<AddressRules>>,
    /// Networks of trusted proxies.
    pub(crate) proxies: Networks,
    /// Networks of the proxies from which each connection comes and begins with a PROXY header. `None`: there is no header.
    pub(crate) required_proxies: Option<Networks>,
    /// The proxies use `Forwarded` and not `X-Forwarded-For`.
    pub(crate) reads_forwarded: bool,
    /// Each reactor accepts at its own socket, and hands no connection over.
    pub(crate) each_reactor: bool,
    /// Its socket was passed to this process, and others may hold it too.
    pub(crate) is_adopted: bool,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<ListenerTls>,
}

impl Listener {
    /// The settings of the listener with this number, on top of the server's limits.
    ///
    /// # Errors
    /// All mistakes.
    pub(crate) fn settings(&self, number: usize, server: &Limits) -> Result<ListenerSettings, Vec<String>> {
        let limits = self.changes.made_to(server.clone());
        let mut faults = self.faults();
        let wrong = limits.faults().into_iter().filter(|fault| !server.faults().contains(fault));
        let misplaced = misplaced(server, &limits, self.speaks);
        faults.extend(wrong.chain(misplaced).map(|fault| format!("listener `{}`: {fault}", self.place)));
        #[cfg(feature = "tls")]
        let tls = self.tls.load(self.speaks).unwrap_or_else(|wrong| {
            faults.extend(wrong.into_iter().map(|fault| format!("listener `{}`: {fault}", self.place)));
            None
        });
        let mut networks = |texts: &Vec<String>| {
            Networks::parse_all(texts).unwrap_or_else(|wrong| {
                faults.extend(wrong);
                Networks::default()
            })
        };
        let proxies = networks(&self.proxies);
        let required_proxies = self.required_proxies.as_ref().map(&mut networks);
        let rules = AddressRules {
            allowed: self.allowed.as_ref().map(&mut networks),
            denied: networks(&self.denied),
            filter: self.filter.clone(),
            proxies: proxies.clone(),
            is_behind_proxy: required_proxies.is_some(),
            connections_max: limits.connections_per_address_max,
            accepts_max: limits.accepts_per_address_max.min(ACCEPTS_MAX),
        };
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(ListenerSettings {
            number,
            name: self.name.clone(),
            limits,
            speaks: self.speaks,
            is_status: self.is_status,
            delimiter: self.delimiter,
            banner: self.banner.clone(),
            busy_banner: self.busy_banner.clone(),
            rules: (!rules.is_empty()).then(|| Arc::new(rules)),
            proxies,
            required_proxies,
            reads_forwarded: self.reads_forwarded,
            each_reactor: self.each_reactor,
            is_adopted: self.place.is_adopted(),
            #[cfg(feature = "tls")]
            tls,
        })
    }

    fn faults(&self) -> Vec<String> {
        let contradiction = contradiction(&self.spoken);
        let mut faults: Vec<_> =
            contradiction.map(|fault| format!("listener `{}`: {fault}", self.place)).into_iter().collect();
        if self.speaks == Speaks::Http && !(self.banner.is_empty() && self.busy_banner.is_empty()) {
            faults.push(format!("`{}` is a listener for HTTP, which has no banner", self.place));
        }
        faults.extend(self.faults_of_networks());
        let has_rights = self.options.unix_mode.is_some() || self.options.unix_owner != (None, None);
        if has_rights && !self.place.makes_file() {
            faults.push(format!("`{}` makes no file, so `mode` and `owner` have no effect", self.place));
        }
        if self.each_reactor && !(cfg!(target_os = "linux") && matches!(self.place, Place::Tcp(_))) {
            faults.push(format!(
                "`{}` can only be one socket: `each_reactor` needs Linux and an IP address",
                self.place
            ));
        }
        if self.options.socket.keep_alive.is_some_and(|keep_alive| !keep_alive.is_valid()) {
            faults.push(format!(
                "`{}`: the times of a keep-alive are from 1 to 32,767 seconds, and its probes from 1 to 127",
                self.place
            ));
        }
        if self.options.deferred && !self.banner.is_empty() {
            faults.push(format!("`{}` sends first, so `defer_accept` is not possible", self.place));
        }
        faults
    }

    fn faults_of_networks(&self) -> Vec<String> {
        let (place, mut faults) = (&self.place, Vec::new());
        if self.allowed.as_ref().is_some_and(Vec::is_empty) {
            faults.push(format!("`{place}` allows no network, so no peer could connect"));
        }
        if self.required_proxies.as_ref().is_some_and(Vec::is_empty) {
            faults.push(format!("`{place}` requires proxies, but names no network"));
        }
        let has_no_addresses = place.has_no_addresses() && self.required_proxies.is_none();
        if has_no_addresses && (self.allowed.is_some() || !self.denied.is_empty()) {
            faults.push(format!(
                "`{place}` is a unix socket, whose peers have no addresses: the rights of its file decide which users may connect"
            ));
        }
        if has_no_addresses && !self.proxies.is_empty() {
            faults.push(format!(
                "`{place}` is a unix socket, whose peers have no addresses: `trusted_proxies` needs `proxy_required` there"
            ));
        }
        if self.reads_forwarded && self.proxies.is_empty() {
            faults.push(format!("`{place}` has no `trusted_proxies`, and `reads_forwarded` is about theirs"));
        }
        faults
    }
}

/// The highest rate, because rates count in microseconds.
const ACCEPTS_MAX: u32 = 1_000_000;

/// Limits that a listener has changed, but can't change.
fn misplaced(server: &Limits, listener: &Limits, speaks: Speaks) -> Vec<String> {
    let changed = server.table().into_iter().zip(listener.table()).filter(|(before, after)| before != after);
    let fault = |LimitRow { name, is_server_wide, .. }: LimitRow| match concerns(name) {
        _ if is_server_wide => {
            Some(format!("`{name}` is a limit of the whole server: set it with `ServerBuilder::limits`"))
        }
        Some(on) if !on.is_spoken(speaks) => {
            Some(format!("`{name}` has no effect with the protocol of this listener"))
        }
        _ => None,
    };
    changed.filter_map(|(before, _)| fault(before)).collect()
}

impl ListenerSettings {
    /// Listeners for HTTP, bytes and lines, in this order, edited.
    ///
    /// # Panics
    /// If there is a mistake in them.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn one_of_each(limits: &Limits, edit: impl Fn(Listener) -> Listener) -> Box<[Self]> {
        let speaks = [Speaks::Http, Speaks::Raw, Speaks::Lines].into_iter().enumerate();
        let settings = |(number, speaks)| {
            edit(Listener { speaks, ..Listener::tcp("in memory") }).settings(number, limits)
        };
        speaks
            .map(|listener| settings(listener).unwrap_or_else(|faults| panic!("{}", faults.join("; "))))
            .collect()
    }

    /// The settings of outgoing connections: in bytes, in lines, and WebSockets.
    pub(crate) fn of_outgoing(limits: &Limits) -> [Self; 3] {
        [Speaks::Raw, Speaks::Lines, Speaks::Http].map(|speaks| Self {
            number: usize::MAX,
            name: None,
            limits: limits.clone(),
            speaks,
            is_status: false,
            delimiter: LF,
            banner: Vec::new(),
            busy_banner: Vec::new(),
            rules: None,
            proxies: Networks::default(),
            required_proxies: None,
            reads_forwarded: false,
            each_reactor: false,
            is_adopted: false,
            #[cfg(feature = "tls")]
            tls: None,
        })
    }

    /// Its hosts, if each has its own certificates.
    #[cfg(feature = "tls")]
    pub(crate) fn tls_hosts(&self) -> Option<&Arc<TlsHosts>> {
        match &self.tls {
            Some(ListenerTls::Hosts(hosts)) => Some(hosts),
            Some(ListenerTls::Ready(_)) | None => None,
        }
    }

    /// Whether a request must come in the session of its host, because hosts may have different rules.
    pub(crate) fn directs_requests(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls_hosts().is_some_and(|hosts| hosts.rules_may_differ);
        #[cfg(not(feature = "tls"))]
        return false;
    }

    pub(crate) fn is_tls(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        return false;
    }
}
