//! What the reactors of a server share and never change.

#[cfg(feature = "tls")]
use crate::config::AcmeChallenges;
use crate::config::{Limits, ListenerSettings, Speaks};
use crate::gate::Gate;
use crate::shared::finished::FinishedSink;
use crate::shared::names::Names;
use crate::shared::observer::Observer;
use jackfield_reactor::Time;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What the reactors of a server share and never change.
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    /// Of each socket that listens, and behind them those of connections that this side begins.
    pub(crate) listeners: Box<[ListenerSettings]>,
    pub(crate) gate: Gate,
    /// Whether a peer is told what went wrong, and not only with which status.
    pub(crate) exposes_errors: bool,
    pub(crate) watchdog: bool,
    /// Threads for what blocks, at most.
    pub(crate) offload_threads: usize,
    /// From so many days before its end on, a certificate is reported; never, if zero.
    #[cfg(feature = "expiry")]
    pub(crate) expiry_days: u32,
    /// Threads for handshakes of TLS.
    #[cfg(feature = "tls")]
    pub(crate) handshake_threads: usize,
    pub(crate) observer: Arc<dyn Observer>,
    /// Where finished exchanges are written down.
    pub(crate) access_log: Option<Arc<dyn FinishedSink>>,
    /// Answers to challenges of ACME.
    #[cfg(feature = "tls")]
    pub(crate) acme: Option<AcmeChallenges>,
    pub(crate) clock: WallClock,
    pub(crate) names: Names,
    /// From which masks and keys are made; `None`: from chance.
    pub(crate) seed: Option<u64>,
}

/// The usual one of them.
#[cfg(feature = "expiry")]
pub(crate) const EXPIRY_DAYS: u32 = 30;

impl Settings {
    /// The index of the settings of connections that this side begins and that speak this.
    pub(crate) fn outgoing_listener(&self, speaks: Speaks) -> usize {
        let is_it = |listener: &ListenerSettings| listener.number == usize::MAX && listener.speaks == speaks;
        self.listeners.iter().rposition(is_it).unwrap_or_default()
    }
}

/// Where the time of day comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WallClock {
    System,
    /// A reactor's time zero is this second: simulations always have the same one.
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
