//! Settings that the reactors of a server share and never change.

#[cfg(feature = "tls")]
use crate::config::AcmeChallenges;
use crate::config::{Limits, ListenerSettings, Speaks};
use crate::gate::Gate;
use crate::shared::finished::FinishedSink;
use crate::shared::observer::Observer;
use crate::shared::resolver::Resolver;
use jackfield_reactor::{Time, Wires};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Settings that the reactors of a server share and never change.
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    /// The settings of each listening socket, and after them those for outgoing connections.
    pub(crate) listeners: Box<[ListenerSettings]>,
    pub(crate) gate: Gate,
    /// Whether the body of an error answer says what was wrong.
    pub(crate) exposes_errors: bool,
    pub(crate) watchdog: bool,
    /// The most threads for blocking work.
    pub(crate) offload_threads: usize,
    /// A certificate is reported from this many days before it expires; disabled by zero.
    #[cfg(feature = "expiry")]
    pub(crate) expiry_days: u32,
    /// Threads for TLS handshakes.
    #[cfg(feature = "tls")]
    pub(crate) handshake_threads: usize,
    pub(crate) observer: Arc<dyn Observer>,
    /// The access log.
    pub(crate) access_log: Option<Arc<dyn FinishedSink>>,
    /// Answers to ACME challenges.
    #[cfg(feature = "tls")]
    pub(crate) acme: Option<AcmeChallenges>,
    pub(crate) clock: WallClock,
    pub(crate) names: Resolver,
    /// The seed of masks and keys. `None`: they are random.
    pub(crate) seed: Option<u64>,
}

/// The default of `expiry_days`.
#[cfg(feature = "expiry")]
pub(crate) const EXPIRY_DAYS: u32 = 30;

impl Settings {
    /// The index of the settings for outgoing connections with this protocol.
    pub(crate) fn outgoing_listener(&self, speaks: Speaks) -> usize {
        let is_it = |listener: &ListenerSettings| listener.number == usize::MAX && listener.speaks == speaks;
        self.listeners.iter().rposition(is_it).unwrap_or_default()
    }

    /// Tells a reactor the limits of each listener.
    pub(crate) fn tell_limits(&self, wires: &mut Wires) {
        for (socket, listener) in self.listeners.iter().enumerate() {
            wires.set_listener_limits(socket, listener.limits.reactor.clone());
        }
    }
}

/// The source of the time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WallClock {
    System,
    /// A reactor's time zero is this second since 1970, for simulations.
    #[cfg(feature = "test-util")]
    From(u64),
}

impl WallClock {
    /// The time since 1970, at this time of a reactor.
    pub(crate) fn since_epoch(self, now: Time) -> Duration {
        match self {
            Self::System => {
                let _ = now;
                SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
            }
            #[cfg(feature = "test-util")]
            Self::From(begin) => Duration::from_secs(begin) + Duration::from_millis(now.0),
        }
    }
}
