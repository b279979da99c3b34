//! The checks that a connection's bytes and requests pass before they reach its client.

use crate::shared::Settings;

/// The checks of a connection's bytes and requests before its client sees them. Usually there are none, and that costs
/// one comparison. All but the rate come from its listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checks(u8);

impl Checks {
    /// The checks of each listening socket.
    pub(crate) fn of_sockets(settings: &Settings) -> Box<[Self]> {
        let judges = settings.gate.judges_requests();
        let checks = settings.listeners.iter().map(|listener| {
            let gate = flag(judges || listener.directs_requests(), Self::GATE);
            let observer = settings.observer.wants_finished(listener.number);
            let access_log = settings.access_log.as_ref().is_some_and(|log| log.wants(listener.number));
            let counted = flag(listener.limits.requests_max > 0, Self::COUNT);
            Self(gate | counted | flag(observer, Self::OBSERVER) | flag(access_log, Self::ACCESS_LOG))
        });
        checks.collect()
    }

    /// Its requests are checked, counted or recorded.
    #[inline(always)]
    pub(crate) fn checks_requests(self) -> bool {
        self.0 & (Self::GATE | Self::RECORD | Self::COUNT) != 0
    }

    /// Its rate is limited: see [`Extra::bucket`](crate::links::link::Extra).
    pub(crate) fn is_rate_limited(self) -> bool {
        self.0 & Self::RATE != 0
    }

    /// Its bytes take the slow path.
    #[inline(always)]
    pub(crate) fn takes_slow_path(self) -> bool {
        self.0 & (Self::RATE | Self::FRAMES) != 0
    }

    /// Its client sees the frames of a WebSocket.
    pub(crate) fn shows_frames(self) -> bool {
        self.0 & Self::FRAMES != 0
    }

    pub(crate) fn set_shows_frames(&mut self) {
        self.0 |= Self::FRAMES;
    }

    pub(crate) fn set_rate_limited(&mut self, is_rate_limited: bool) {
        self.0 = (self.0 & !Self::RATE) | flag(is_rate_limited, Self::RATE);
    }

    /// The gate has something to decide.
    pub(crate) fn asks_gate(self) -> bool {
        self.0 & Self::GATE != 0
    }

    /// Its requests are counted, because their number is limited.
    pub(crate) fn counts_requests(self) -> bool {
        self.0 & Self::COUNT != 0
    }

    /// Its exchanges are recorded, for the observer or the access log.
    #[inline(always)]
    pub(crate) fn records_exchanges(self) -> bool {
        self.0 & Self::RECORD != 0
    }

    pub(crate) fn tells_observer(self) -> bool {
        self.0 & Self::OBSERVER != 0
    }

    pub(crate) fn logs_access(self) -> bool {
        self.0 & Self::ACCESS_LOG != 0
    }

    #[inline(always)]
    pub(crate) fn only_logs_access(self) -> bool {
        self.0 & Self::RECORD == Self::ACCESS_LOG
    }

    const GATE: u8 = 1;
    const OBSERVER: u8 = 2;
    const ACCESS_LOG: u8 = 4;
    const RECORD: u8 = Self::OBSERVER | Self::ACCESS_LOG;
    const RATE: u8 = 8;
    const COUNT: u8 = 16;
    const FRAMES: u8 = 32;
}

fn flag(is_set: bool, flag: u8) -> u8 {
    if is_set { flag } else { 0 }
}
