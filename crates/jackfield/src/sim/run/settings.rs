//! The settings of the simulated server, which its reactors share and never change.

use crate::config::{Limits, Listener, ListenerSettings, ListenerTls, WhenFull};
use crate::gate::{Gate, Origins, PathList};
use crate::shared::{Resolver, Settings, WallClock};
use crate::sim::book::{Book, PROXIES};
use crate::sim::hosts::with_hosts;
use crate::sim::options::Options;
use crate::sim::places::look_up;
use crate::sim::watched::Eyes;
use std::sync::Arc;

/// The number of listeners that always exist: one of each kind.
pub(super) const OF_EACH: usize = 3;
/// 2026-01-01 00:00:00 UTC.
const BEGIN: u64 = 1_767_225_600;

pub(super) fn settings(options: &Options, book: &Book, seed: u64) -> Settings {
    let tls = options.tls.as_ref().map(|tls| ListenerTls::Ready(tls.server.clone()));
    let proxied = |listener: Listener| {
        let listener = if options.proxy { listener.proxy_required([PROXIES]) } else { listener };
        match &options.host {
            Some(host) => with_hosts(listener, host, seed),
            None => listener,
        }
    };
    let listeners = ListenerSettings::one_of_each(&options.limits, proxied).into_iter();
    let more = options.listeners.iter().enumerate().map(|(number, &connections_max)| {
        let when_full = if options.listeners_wait { WhenFull::Wait } else { options.limits.when_full };
        let limits = Limits { connections_max, when_full, ..options.limits.clone() };
        let handshake = options.listener_handshake.unwrap_or(limits.reactor.handshake);
        let settings = proxied(Listener::tcp("in memory"))
            .limits(move |limits| limits.reactor.handshake = handshake)
            .settings(OF_EACH + number, &limits)
            .unwrap_or_else(|faults| panic!("{faults:?}"));
        ListenerSettings { each_reactor: options.listeners_each_reactor, ..settings }
    });
    let listeners = listeners.chain(more);
    Settings {
        exposes_errors: false,
        listeners: listeners
            .map(|listener| ListenerSettings {
                tls: listener.tls.clone().or_else(|| tls.clone()),
                ..listener
            })
            .chain(ListenerSettings::of_outgoing(&options.limits))
            .collect(),
        limits: options.limits.clone(),
        gate: Gate { origins: Origins::Any, reserved: PathList(options.reserved.clone()), ..Gate::default() },
        watchdog: false,
        offload_threads: 1,
        #[cfg(feature = "tls")]
        acme: None,
        #[cfg(feature = "expiry")]
        expiry_days: 0,
        #[cfg(feature = "tls")]
        handshake_threads: 0,
        observer: Arc::new(Eyes {
            observer: options.observer.clone(),
            book: book.clone(),
            has_tls: options.tls.is_some(),
            // In every second run, so that the path without records is tested too.
            records: seed % 2 == 0,
        }),
        access_log: None,
        clock: WallClock::From(BEGIN),
        names: Resolver::Made(look_up),
        seed: Some(seed),
    }
}
