//! A reactor, as the other threads see it.

use crate::shared::command::Command;
use crate::shared::metrics::ReactorMetrics;
use crate::shared::quota::Quota;
use jackfield_reactor::{Mailbox, Stats};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// One reactor, as the others see it.
pub(crate) struct RemoteReactor {
    pub(crate) mailbox: Mailbox<Command>,
    /// Connections that it has or is being given.
    pub(crate) load: AtomicUsize,
    pub(crate) metrics: Arc<ReactorMetrics>,
    /// New connections that it still takes, if it is overloaded.
    pub(crate) quota: Quota,
    /// A callback runs there for too long, as the watchdog sees it.
    pub(crate) held_up: AtomicBool,
}

impl RemoteReactor {
    /// A reactor's place, whose counters are these.
    pub(crate) fn new(mailbox: Mailbox<Command>, stats: &Arc<Stats>) -> Self {
        let metrics = Arc::new(ReactorMetrics::default());
        // It is set here and nowhere else.
        let _ = metrics.wires.set(stats.clone());
        Self {
            mailbox,
            load: AtomicUsize::new(0),
            metrics,
            quota: Quota::default(),
            held_up: AtomicBool::new(false),
        }
    }

    /// True if it can't take anybody just now.
    pub(crate) fn is_away(&self) -> bool {
        self.held_up.load(Ordering::Relaxed) || self.quota.is_empty()
    }
}
