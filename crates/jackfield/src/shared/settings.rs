//! What the reactors of a server share and never change.

use crate::config::{Limits, ListenerSettings};
use crate::gate::Gate;
use crate::shared::observer::Observer;
use std::sync::Arc;

/// What the reactors of a server share and never change.
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    pub(crate) listeners: Box<[ListenerSettings]>,
    pub(crate) gate: Gate,
    pub(crate) watchdog: bool,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) clock: WallClock,
}

/// Where the time of day comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WallClock {
    System,
    /// A reactor's time zero is this second: simulations always have the same one.
    #[cfg(feature = "test-util")]
    From(u64),
}
